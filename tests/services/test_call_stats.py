"""Calls at providers are counted by session, hour and how they ended, without the time they wait for their pace."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from autopurchase.domain.errors import AutopurchaseError
from autopurchase.sandbox import Sandbox
from autopurchase.services import call_stats, sessions
from autopurchase.storage import call_stats as stored
from tests.support.world import ME, World, open_world


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    with open_world(tmp_path, database_url, market) as opened:
        yield opened
    market.control("faults", rules=[])


def test_calls_are_counted_with_how_they_ended(world: World) -> None:
    name = next(iter(world.sessions.values()))
    call_stats.flush(world.ctx)
    sessions.check(world.ctx, ME, name)
    world.market.control("faults", rules=[{"kind": "html", "on": "*"}])
    with pytest.raises(AutopurchaseError):
        sessions.check(world.ctx, ME, name)
    assert call_stats.flush(world.ctx) >= 1
    assert call_stats.flush(world.ctx) == 0
    with world.ctx.db.read() as tx:
        rows = [row for row in stored.since(tx, world.ctx.now() - timedelta(hours=2)) if row["session"] == name]
    counts = {row["outcome"]: row["calls"] for row in rows}
    assert counts.pop(call_stats.OK) == 1
    assert sum(counts.values()) == 1
    assert all(row["slowest_ms"] <= row["total_ms"] for row in rows)
