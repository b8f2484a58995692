"""One sandbox for the folder's tests; each test buys with an account of its own."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autopurchase.sandbox import Sandbox
from tests.sandbox.wire import Alibaba, Taobao

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox without odd answers, quick to close and to cancel."""
    folder = tmp_path_factory.mktemp("sandbox")
    quick = {"build_seconds": 0.05, "cancel_seconds": 0.05, "settle_seconds": 0.05, "cancel_wait_seconds": 0}
    with Sandbox.start(folder, quirks=False, **quick) as running:
        yield running


@pytest.fixture
def taobao(market: Sandbox) -> Iterator[Taobao]:
    """A fresh Taobao Global account."""
    caller = Taobao(market, f"buyer{next(numbers)}")
    yield caller
    caller.http.close()


@pytest.fixture
def alibaba(market: Sandbox) -> Iterator[Alibaba]:
    """A fresh 1688 account."""
    caller = Alibaba(market, f"buyer{next(numbers)}")
    yield caller
    caller.http.close()


@pytest.fixture
def faults(market: Sandbox) -> Iterator[Callable[..., None]]:
    """Set fault rules for one test."""

    def set_rules(*rules: dict) -> None:
        market.control("faults", rules=list(rules))

    yield set_rules
    market.control("faults", rules=[])


@pytest.fixture
def settings(market: Sandbox) -> Iterator[Callable[..., None]]:
    """Change settings for one test."""
    before = market.control("settings")

    def change(**values: object) -> None:
        market.control("settings", **values)

    yield change
    market.control("settings", **before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a sandbox of the test's own keeps its state."""
    return tmp_path / "market"
