"""A marketplace that does not de-duplicate, and a workspace on each database, for tests that kill workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autopurchase.sandbox import Sandbox
from tests.support.world import AT_ONCE, World, open_world


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A second POST of a reference is a real second order there."""
    with Sandbox.start(tmp_path_factory.mktemp("market"), quirks=False, deduplicate="no", **AT_ONCE) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """A workspace with a session a provider; once on SQLite, once on PostgreSQL."""
    market.control("reset")
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


@pytest.fixture
def small_world(tmp_path: Path, market: Sandbox) -> Iterator[World]:
    """A workspace on SQLite."""
    market.control("reset")
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'autopurchase.db'}", market) as opened:
        yield opened
