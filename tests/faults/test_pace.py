"""A session's rate and concurrency hold at the receiving end, whatever works on it at the same time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.sandbox import Sandbox
from autopurchase.services import plan, sync
from autopurchase.storage import schema
from tests.faults.kills import Ordeal
from tests.support.processes import wait_until
from tests.support.world import ME, World, on_its_own, open_world

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
RATE, AT_ONCE = 25, 3


@pytest.fixture
def paced_world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """One session with a budget, at a marketplace that takes its time."""
    on_its_own(market).control("reset")
    market.control("settings", latency_ms=60)
    with open_world(tmp_path, database_url, market, "alibaba1688", rate_per_second=RATE, concurrency=AT_ONCE) as opened:
        yield opened
    market.control("settings", latency_ms=0)


def test_booking_sync_and_plan_check_share_the_sessions_budget(paced_world: World) -> None:
    """One worker on SQLite, three on PostgreSQL; plan check and sync are not put off until the batch is done."""
    world, name = paced_world, "alibaba1688"
    numbers = world.ready(name, 220)
    world.book(name, numbers[:200])
    world.market.control("stats", reset=True)
    ordeal = Ordeal(world, seed=1, workers=1 if world.ctx.db.sqlite else 3)
    ordeal.start()
    try:
        wait_until(lambda: ordeal.open_bookings() < 190, timeout=60, what="the batch to begin")
        token = plan.request(world.ctx, ME, name, lines=numbers[200:], in_worker=True)
        (run,) = sync.request(world.ctx, ME, session=name)
        assert world.wait_for_plan(token, timeout=120).line_count == 20
        assert world.wait_for_run(run)["error"] == ""
        wait_until(lambda: not ordeal.open_bookings(), timeout=120, what="the batch")
    finally:
        ordeal.stop()
    meter = world.meters()[name]
    assert meter["calls"] >= 220
    assert meter["max_per_second"] <= RATE
    assert meter["max_in_flight"] <= AT_ONCE
    assert {row["state"] for row in world.bookings()} == {"confirmed"}
    last_booked = world.one(sa.select(sa.func.max(schema.booking.c.finished_at)))
    assert world.run(run)["finished_at"] < last_booked, "the sync had to wait for the whole batch"
    ready_at = world.one(sa.select(schema.plan.c.ready_at).where(schema.plan.c.token == token))
    assert ready_at < last_booked, "the plan check had to wait for the whole batch"
