"""One sandbox marketplace per test process, as it was on its first day before each test."""

from collections.abc import Iterator

import pytest

from autopurchase.sandbox import Sandbox
from tests.support.world import AT_ONCE


@pytest.fixture(scope="session")
def running_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running marketplace that answers at once and plainly."""
    with Sandbox.start(tmp_path_factory.mktemp("market"), quirks=False, **AT_ONCE) as running:
        yield running


@pytest.fixture
def market(running_market: Sandbox) -> Sandbox:
    """The marketplace with nothing in it."""
    running_market.control("reset")
    running_market.control("settings", quirks=False, latency_ms=0, limit_per_second=0, **AT_ONCE)
    return running_market
