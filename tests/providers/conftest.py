"""One sandbox marketplace per test process, emptied before each test; one bench per provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autopurchase.conformance.marks import mark_of
from autopurchase.conformance.practice import AT_ONCE, PracticeBench
from autopurchase.providers import PROVIDERS
from autopurchase.sandbox import Sandbox


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running marketplace."""
    folder: Path = tmp_path_factory.mktemp("market")
    with Sandbox.start(folder, **AT_ONCE) as market:
        yield market


@pytest.fixture
def market(running: Sandbox) -> Sandbox:
    """The marketplace as it was on its first day."""
    running.control("reset")
    running.control("settings", **AT_ONCE)
    return running


@pytest.fixture(params=sorted(PROVIDERS))
def bench(market: Sandbox, request: pytest.FixtureRequest) -> Iterator[PracticeBench]:
    """A session of each provider in turn."""
    found = PracticeBench(market, PROVIDERS[request.param])
    yield found
    found.undo()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out checks of abilities and grades that a provider does not claim; the suite itself reports them."""
    beside = [item for item in items if not _concerns(item)]
    config.hook.pytest_deselected(items=beside)
    items[:] = [item for item in items if item not in set(beside)]


def _concerns(item: pytest.Item) -> bool:
    mark, call = mark_of(item), getattr(item, "callspec", None)
    return mark is None or call is None or mark.concerns(PROVIDERS[call.params["bench"]].manifest)
