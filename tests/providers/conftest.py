"""One sandbox marketplace per test process, emptied before each test; one bench per provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autopurchase.providers import PROVIDERS
from autopurchase.sandbox import Sandbox
from tests.providers.support import Bench

QUICK = {"build_seconds": 0, "cancel_seconds": 0.05, "settle_seconds": 0.05, "cancel_wait_seconds": 0}


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running marketplace."""
    folder: Path = tmp_path_factory.mktemp("market")
    with Sandbox.start(folder, **QUICK) as market:
        yield market


@pytest.fixture
def market(running: Sandbox) -> Sandbox:
    """The marketplace as it was on its first day."""
    running.control("reset")
    running.control("settings", **QUICK)
    return running


@pytest.fixture(params=sorted(PROVIDERS))
def bench(market: Sandbox, request: pytest.FixtureRequest) -> Bench:
    """A session of each provider in turn."""
    return Bench(market, PROVIDERS[request.param])
