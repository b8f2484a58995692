"""Workers are killed while they buy, and everything is bought once.

KILL_LINES, KILL_KILLS and KILL_SEED make a longer run, or the same one again.
"""

import pytest

from autopurchase.services.verify import verify
from tests.faults.kills import KILLS, LINES, SEED, Ordeal
from tests.faults.reckoning import reckon
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


def test_everything_is_bought_once_whoever_is_killed(world: World) -> None:
    """SQLite: one worker, restarted. PostgreSQL: three, of whom the last two killed stay dead."""
    several = not world.ctx.db.sqlite
    ordeal = Ordeal(world, SEED, workers=3 if several else 1, restarts=max(0, KILLS - 2) if several else KILLS)
    print(f"seed {SEED}, {LINES} lines, {KILLS} kills, {ordeal.workers} workers")  # noqa: T201
    ordeal.prepare(LINES)
    ordeal.go()
    assert ordeal.kills == KILLS, "the work was done before all kills: raise KILL_LINES"
    ledger = world.bookings()
    assert {row["state"] for row in ledger} == {"confirmed"}, ordeal.logs()
    held = world.orders()
    assert len(held) == len({order["reference"] for order in held}) == len(ledger), ordeal.doubles()
    assert {order["reference"] for order in held} == {row["out_order_id"] for row in ledger}
    assert world.states() == {("booked", "")}
    assert verify(world.ctx) == []
    for meter in world.meters().values():
        assert meter["max_in_flight"] <= 4


def test_the_harness_sees_doubles(small_world: World) -> None:
    """Negative control: workers that skip the look-up buy twice."""
    ordeal = Ordeal(small_world, SEED, blind=True)
    ordeal.prepare(60)
    ordeal.go(kills=1)
    assert ordeal.doubles()
    assert set(ordeal.doubles()) <= set(reckon(small_world).over_booked), "the reckoning must see them too"
