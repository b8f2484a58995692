"""For tests that run pages in this process."""

import pytest
from streamlit import config


@pytest.fixture(scope="session", autouse=True)
def readable_errors() -> None:
    """Show what a page raised: the project's own setting hides it from people, and so from tests."""
    config.set_option("client.showErrorDetails", "full")
