"""Lanes that share transactions: the next booking is claimed while a call is under way, and put back unsent."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.sandbox import Sandbox
from autopurchase.services import purchase
from autopurchase.services.claims import Claims, Task, Turn
from autopurchase.services.outcomes import Outcome
from autopurchase.services.together import Together
from autopurchase.services.verify import verify
from autopurchase.storage import schema, sessions
from autopurchase.storage.database import Connection
from tests.support.processes import wait_until
from tests.support.world import World, open_world


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """A session whose rate holds nobody up; once on each database."""
    fast = {"rate_per_second": 1_000, "settle_seconds": 0.6, "timeout_seconds": 0.8, "concurrency": 4}
    with open_world(tmp_path, database_url, market, "taobao", **fast) as opened:
        yield opened


def states(world: World) -> list[str]:
    """The bookings' states, in the order in which they are sent."""
    return [row["state"] for row in world.bookings()]


def attempts(world: World) -> list[tuple[int, str, str]]:
    """(place of its booking, call, outcome) of every call, oldest first."""
    first = min(row["id"] for row in world.bookings())
    rows = world.rows(sa.select(schema.booking_attempt).order_by(schema.booking_attempt.c.id))
    return [(row["booking_id"] - first, row["kind"], row["outcome"]) for row in rows]


def spoil(world: World, kind: str, place: int, **more: float) -> None:
    """Spoil the create call of one booking."""
    reference = world.bookings()[place]["out_order_id"]
    world.market.control("faults", rules=[{"kind": kind, "references": [reference], **more}])


def test_the_next_booking_is_claimed_while_a_call_is_under_way(world: World) -> None:
    world.book("taobao", world.ready("taobao", 3))
    spoil(world, "hang_after", 0, seconds=0.6)
    lane = threading.Thread(target=world.work, args=("taobao",))
    lane.start()
    wait_until(lambda: states(world)[:2] == ["sending", "sending"], timeout=10, what="the claim ahead")
    assert states(world)[2] == "queued", "one ahead, no more"
    assert len(world.orders()) <= 1
    lane.join(30)
    assert states(world) == ["confirmed"] * 3
    assert len(world.orders()) == 3
    assert verify(world.ctx) == []


def test_what_a_call_said_is_stored_while_the_next_one_hangs(world: World) -> None:
    world.book("taobao", world.ready("taobao", 2))
    spoil(world, "hang_after", 1, seconds=0.7)
    lane = threading.Thread(target=world.work, args=("taobao",))
    lane.start()
    wait_until(lambda: "confirmed" in states(world), timeout=10, what="the first outcome")
    assert states(world) == ["confirmed", "sending"]
    lane.join(30)
    assert states(world) == ["confirmed"] * 2


def test_what_was_claimed_ahead_is_put_back_when_the_marketplace_asks_for_a_pause(world: World) -> None:
    """It was not called: no attempt is kept or counted."""
    world.book("taobao", world.ready("taobao", 2))
    spoil(world, "throttle", 0, seconds=1.0)
    assert world.work("taobao") == {"retry": 1, "confirmed": 2}
    assert sorted(attempts(world)) == [(0, "create", "confirmed"), (0, "create", "retry"), (1, "create", "confirmed")]
    assert [row["attempts"] for row in world.bookings()] == [2, 1]
    assert verify(world.ctx) == []


def test_what_was_claimed_ahead_of_a_call_that_hangs_is_not_bought_on_old_facts(world: World) -> None:
    """The customer cancels while it waits for its turn: it is claimed anew, and judged by what is known then."""
    numbers = world.ready("taobao", 2)
    world.book("taobao", numbers)
    spoil(world, "hang_after", 0, seconds=0.7)
    lane = threading.Thread(target=world.work, args=("taobao",))
    lane.start()
    wait_until(lambda: states(world) == ["sending", "sending"], timeout=10, what="the claim ahead")
    with world.ctx.db.write() as tx:
        second = sa.select(schema.line.c.order_id).where(schema.line.c.number == numbers[1]).scalar_subquery()
        tx.execute(
            sa.update(schema.orders).where(schema.orders.c.id == second).values(state="cancelled", payable=False)
        )
    lane.join(30)
    assert states(world) == ["confirmed", "refused"]
    assert len(world.orders()) == 1
    assert world.states(numbers[1:]) == {("problem", "not_payable")}
    assert verify(world.ctx) == []


def test_a_lane_told_to_stop_leaves_nothing_half_way(world: World) -> None:
    world.book("taobao", world.ready("taobao", 5))
    asked = iter([False])
    purchase.work(world.ctx, world.session_id("taobao"), "lane", lambda: next(asked, True))
    assert states(world) == ["confirmed"] * 2 + ["queued"] * 3
    assert len(world.orders()) == 2


def test_a_lane_that_fails_stores_what_it_knows_and_puts_back_what_it_has_not_called(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.book("taobao", world.ready("taobao", 3))
    looks = iter([True])

    def look_back(lane: purchase._Lane) -> None:
        if not next(looks, False):
            raise RuntimeError("what was left could not be written")

    monkeypatch.setattr(purchase._Lane, "_look_back", look_back)
    with pytest.raises(RuntimeError, match="left"):
        world.work("taobao")
    assert states(world) == ["confirmed", "queued", "queued"]
    assert attempts(world) == [(0, "create", "confirmed")]
    assert [row["attempts"] for row in world.bookings()] == [1, 0, 0]
    assert len(world.orders()) == 1
    assert verify(world.ctx) == []


def fail_claims(patch: pytest.MonkeyPatch, when: Callable[[Sequence[Turn]], bool]) -> None:
    """Claims for such lanes fail, also when their round is done over one by one."""
    claim = Claims._claim

    def failing(claims: Claims, tx: Connection, turns: Sequence[Turn], late: Any) -> Any:
        if when(turns):
            raise RuntimeError("the next booking could not be claimed")
        return claim(claims, tx, turns, late)

    patch.setattr(Claims, "_claim", failing)


def test_a_claim_that_fails_takes_nothing_else_along(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.book("taobao", world.ready("taobao", 2))
    fail_claims(monkeypatch, lambda turns: any(turn.ahead for turn in turns))
    with pytest.raises(RuntimeError, match="claimed"):
        world.work("taobao")
    assert states(world) == ["confirmed", "queued"]
    assert len(world.orders()) == 1
    assert verify(world.ctx) == []


def test_an_outcome_is_stored_though_the_claim_brought_with_it_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(daily_cap=50))  # so that nothing is claimed ahead
    world.book("taobao", world.ready("taobao", 2))
    fail_claims(monkeypatch, lambda turns: bool(turns) and "queued" in states(world) and bool(world.orders()))
    with pytest.raises(RuntimeError, match="claimed"):
        world.work("taobao")
    assert states(world) == ["confirmed", "queued"]
    assert verify(world.ctx) == []


def test_many_lanes_together_never_call_more_at_once_than_allowed(world: World) -> None:
    world.market.control("settings", latency_ms=40)
    world.market.control("stats", reset=True)
    world.book("taobao", world.ready("taobao", 40))
    lanes = [threading.Thread(target=world.work, args=("taobao", f"lane-{number}")) for number in range(7)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join(60)
    world.market.control("settings", latency_ms=0)
    assert states(world) == ["confirmed"] * 40
    assert len(world.orders()) == 40
    assert world.meters()["taobao"]["max_in_flight"] == 4
    assert verify(world.ctx) == []


def test_claims_do_not_wait_for_what_is_written_of_calls_that_went_well(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.book("taobao", world.ready("taobao", 6))
    writing, going, confirm = threading.Event(), threading.Event(), Claims._confirm

    def slow(claims: Claims, outcomes: Sequence[Outcome]) -> list[None]:
        writing.set()
        assert going.wait(20)
        return confirm(claims, outcomes)

    monkeypatch.setattr(Claims, "_confirm", slow)
    lane = threading.Thread(target=world.work, args=("taobao",))
    lane.start()
    assert writing.wait(10)
    wait_until(lambda: len(world.orders()) == 6, timeout=10, what="all calls")
    assert states(world).count("confirmed") < 6
    going.set()
    lane.join(30)
    assert states(world) == ["confirmed"] * 6
    assert verify(world.ctx) == []


def test_orders_are_written_as_they_were_placed(world: World) -> None:
    world.book("taobao", world.ready("taobao", 6))
    assert world.work("taobao") == {"confirmed": 6}
    rows = world.rows(sa.select(schema.provider_order).order_by(schema.provider_order.c.id))
    placed = [row["booking_id"] for row in rows]
    assert placed == [row["id"] for row in world.bookings()]


def test_slots_behind_those_claimed_ahead_are_not_taken_for_slots_held_up_by_the_rate(world: World) -> None:
    key = world.session_id("taobao")
    world.book("taobao", world.ready("taobao", 7))
    claims = Claims(world.ctx, key)

    def claim(lane: str, *, ready: float = 0.0) -> None:
        step = claims.turns.answer(claims.turns.bring(Turn(lane, ready=ready, ahead=ready > 0)))
        assert isinstance(step, Task)

    claim("one")
    assert claims.ahead(0.05)
    claim("one", ready=time.monotonic() + 0.2)
    claim("two")
    assert claims.ahead(0.05), "its slot comes after the one claimed ahead, which is far from now"
    with world.ctx.db.write() as tx:
        sessions.change(tx, key, rate_per_second=2.0)
    claim("one", ready=time.monotonic() + 0.2)
    claim("two")
    claim("three")
    assert not claims.ahead(0.05)
    claims.close()


def test_a_session_that_counts_its_bookings_claims_none_ahead(world: World) -> None:
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(daily_cap=50))
    world.book("taobao", world.ready("taobao", 2))
    spoil(world, "hang_after", 0, seconds=0.6)
    lane = threading.Thread(target=world.work, args=("taobao",))
    lane.start()
    wait_until(lambda: world.market.control("stats")["faults"].get("hang_after"), timeout=10, what="the call")
    assert states(world) == ["sending", "queued"]
    lane.join(30)
    assert states(world) == ["confirmed"] * 2


def test_what_is_brought_during_a_round_is_done_in_the_next_one() -> None:
    rounds: list[list[int]] = []
    begun, going = threading.Event(), threading.Event()

    def double(items: Sequence[int]) -> list[int]:
        rounds.append(list(items))
        begun.set()
        going.wait(10)
        return [2 * item for item in items]

    together = Together(double, 0.0)
    coming = [together.bring(1)]
    assert begun.wait(10)
    coming += [together.bring(2), together.bring(3)]
    going.set()
    assert [together.answer(each) for each in coming] == [2, 4, 6]
    assert rounds == [[1], [2, 3]]
    together.close()


def test_what_may_wait_is_done_with_what_somebody_waits_for() -> None:
    together = Together[int, int](list, 3600.0)
    later = together.bring(1)
    assert not later.done(), "its time has not come"
    assert together.answer(together.bring(2)) == 2
    assert later.result(10) == 1
    left = together.bring(3)
    together.close()
    assert left.result(0) == 3


def test_a_round_begins_when_something_has_waited_long_enough() -> None:
    together = Together[int, int](list, 0.01)
    assert together.bring(1).result(10) == 1
    together.close()


def test_an_error_reaches_only_who_brought_what_caused_it() -> None:
    def invert(items: Sequence[int]) -> list[float]:
        return [1 / item for item in items]

    together = Together(invert, 0.2)
    coming = [together.bring(item) for item in (2, 0, 4)]
    assert together.answer(coming[0]) == 0.5
    with pytest.raises(ZeroDivisionError):
        together.answer(coming[1])
    assert together.answer(coming[2]) == 0.25
    together.close()
