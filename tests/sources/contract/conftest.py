"""The suite's assertions speak as those of the test modules do."""

import pytest

pytest.register_assert_rewrite("tests.sources.contract.suite")
