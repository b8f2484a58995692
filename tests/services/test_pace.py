"""The limiter itself: how slots are reserved, and what becomes of one that slips by."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import NotSent, RateLimited
from autopurchase.sandbox import Sandbox
from autopurchase.services import purchase
from autopurchase.services.calls import SessionPace, call_lease, config_of
from autopurchase.services.claims import Claims, Task, Turn, Wait
from autopurchase.storage import limits, schema, sessions
from tests.support.processes import wait_until
from tests.support.world import World, open_world

RATE = 50.0


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """One session; once on each database."""
    with open_world(tmp_path, database_url, market, "taobao", rate_per_second=RATE, concurrency=1) as opened:
        yield opened


def pauses(world: World, count: int, lead: float = 0.0) -> list[float]:
    """Seconds from now to each of ``count`` slots reserved at once."""
    key, began, found = world.session_id("taobao"), time.monotonic(), []
    with world.ctx.db.write() as tx:
        for _ in range(count):
            found.append(limits.reserve_call(tx, key, lead).moment - began)
    return found


def test_slots_follow_each_other_a_little_slower_than_allowed(world: World) -> None:
    found = pauses(world, 21)
    assert found[0] < 0.1
    assert found[20] - found[0] == pytest.approx(20 / (RATE * limits.HEADROOM), abs=0.05)
    assert found == sorted(found)


def test_a_rate_that_is_lowered_holds_for_callers_who_opened_the_session_before(world: World) -> None:
    key, times = world.session_id("taobao"), list[float]()
    with world.ctx.db.read() as tx:
        config = config_of(world.ctx, sessions.get(tx, key))
    with call_lease(world.ctx, config) as pace:
        pace.wait()
        with world.ctx.db.write() as tx:
            sessions.change(tx, key, rate_per_second=5.0)
        for _ in range(3):
            pace.wait()
            assert pace.slot is not None
            times.append(pace.slot.moment)
    assert times[2] - times[1] >= 1 / 5


def test_a_lead_puts_only_an_idle_sessions_slot_off(world: World) -> None:
    first, second = pauses(world, 2, lead=0.2)
    assert first == pytest.approx(0.2, abs=0.1)
    assert second - first == pytest.approx(1 / (RATE * limits.HEADROOM), abs=0.02)


def test_a_pause_asked_for_by_the_provider_holds_for_everybody(world: World) -> None:
    with world.ctx.db.write() as tx:
        limits.pause_calls(tx, world.session_id("taobao"), 5.0)
        limits.pause_calls(tx, world.session_id("taobao"), 1.0)
    assert 3.0 < pauses(world, 1)[0] < 5.2  # less what a busy machine takes to commit


def test_a_slow_commit_is_learnt(world: World) -> None:
    """Each reservation takes 60 ms to commit here: after the first, slots are taken far enough ahead."""
    taken: list[float] = []

    def slow(tx: sa.Connection, lead: float) -> limits.Slot:
        taken.append(lead)
        slot = limits.reserve_call(tx, world.session_id("taobao"), lead)
        time.sleep(0.06)
        return slot

    pace = SessionPace(world.ctx, world.session_id("taobao"), reserve=slow)
    for _ in range(6):
        pace.wait()
    assert taken[0] == 0.0
    assert min(taken[1:]) > 0.02
    assert len(taken) == 6, "and none is lost to learning"


def test_a_machine_that_never_makes_it_in_time_sends_nothing(world: World) -> None:
    gone = limits.Slot(time.monotonic() - 5.0, time.time() - 5.0, 1, 0.02)
    pace = SessionPace(world.ctx, world.session_id("taobao"), reserve=lambda tx, lead: gone)
    with pytest.raises(NotSent, match="too busy"):
        pace.wait()


def test_a_call_held_up_after_its_slot_puts_the_later_ones_off(world: World) -> None:
    """Whatever held it up, the next call keeps its distance from when it really left."""
    pace, key = SessionPace(world.ctx, world.session_id("taobao")), world.session_id("taobao")
    for _ in range(5):  # by then the server's clock is known well
        pace.wait()
    time.sleep(0.3)
    left = time.monotonic()
    pace.sent()
    with world.ctx.db.write() as tx:
        assert limits.reserve_call(tx, key).moment - left >= 1 / RATE


def test_a_late_call_puts_off_only_what_would_come_too_close_to_it(world: World) -> None:
    """The next slot is far away already: the one after it comes as if nothing had happened."""
    key = world.session_id("taobao")
    pace = SessionPace(world.ctx, key)
    pace.wait()
    with world.ctx.db.write() as tx:
        far = limits.reserve_call(tx, key, 0.6)
    time.sleep(0.2)
    pace.sent()
    with world.ctx.db.write() as tx:
        assert limits.reserve_call(tx, key).moment == pytest.approx(far.moment + far.gap, abs=0.02)


def test_a_late_call_counts_those_that_others_have_reserved_since(world: World) -> None:
    """Another process took three slots meanwhile: the next one keeps the distance of four from when it really left."""
    key = world.session_id("taobao")
    pace = SessionPace(world.ctx, key)
    pace.wait()
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.call_slot).values(taken=4, next_free=schema.call_slot.c.next_free + 0.06))
    time.sleep(0.3)
    left = time.monotonic()
    pace.sent()
    with world.ctx.db.write() as tx:
        assert limits.reserve_call(tx, key).moment - left >= 4 / RATE


def test_calls_held_up_together_put_the_later_ones_off_once(world: World) -> None:
    """Four callers of a process that stood still for 0.3 s: the session loses 0.3 s, not four times as much."""
    key = world.session_id("taobao")
    paces = [SessionPace(world.ctx, key) for _ in range(4)]
    for pace in paces:
        pace.soon()
    for pace in paces:
        pace.wait()
    time.sleep(0.3)
    for pace in paces:
        pace.sent()
    with world.ctx.db.write() as tx:
        end = float(tx.execute(sa.select(schema.call_slot.c.next_free)).scalar_one()) - limits.clock(tx)
    assert 0.0 < end < 0.3


def test_a_lease_ends_by_itself_and_is_taken_by_one(world: World) -> None:
    name = sessions.lease_name(world.session_id("taobao"))
    with world.ctx.db.write() as tx:
        assert limits.take_lease(tx, name, 1, "a", 0.3)
        assert limits.take_lease(tx, name, 1, "a", 0.3), "its holder renews it"
        assert not limits.take_lease(tx, name, 1, "b", 0.3)
    time.sleep(0.4)
    with world.ctx.db.write() as tx:
        assert limits.take_lease(tx, name, 1, "b", 9)
        limits.drop_lease(tx, name, "a")
        assert not limits.take_lease(tx, name, 1, "a", 9), "what another holds is not dropped"


def test_leases_are_renewed_together_and_never_cut_short(world: World) -> None:
    key, name = world.session_id("taobao"), sessions.lease_name(world.session_id("taobao"))
    with world.ctx.db.write() as tx:
        sessions.change(tx, key, concurrency=3)
        assert limits.take_lease(tx, name, 3, "long", 600)
        assert limits.take_lease(tx, name, 3, "short", 60)
        assert limits.take_lease(tx, name, 3, "over", -1)
        assert limits.renew_leases(tx, name, 3, {"long", "short", "over", "nobody"}, 90) == {"long", "short"}
        until = {row.holder: row.until - limits.clock(tx) for row in tx.execute(sa.select(schema.lease))}
    assert 590 < until["long"] <= 600
    assert 80 < until["short"] <= 90
    assert until["over"] < 0


def test_a_session_all_of_whose_calls_are_under_way_needs_no_more_lanes(world: World) -> None:
    key, name = world.session_id("taobao"), sessions.lease_name(world.session_id("taobao"))
    with world.ctx.db.write() as tx:
        assert sessions.not_busy(tx, [key]) == [key]
        assert limits.take_lease(tx, name, 1, "lane", 9)
        assert sessions.not_busy(tx, [key]) == []
        sessions.change(tx, key, concurrency=2)
        assert sessions.not_busy(tx, [key]) == [key]
        assert sessions.not_busy(tx, []) == []


def test_one_request_makes_one_lane_give_way_once(world: World) -> None:
    name = sessions.lease_name(world.session_id("taobao"))
    with world.ctx.db.write() as tx:
        assert not limits.give_way(tx, name)
        limits.ask_for_lease(tx, name)
        limits.ask_for_lease(tx, name)
        assert limits.give_way(tx, name)
        assert not limits.give_way(tx, name)


def test_a_lane_does_not_wait_for_who_is_asking_for_its_lease(world: World) -> None:
    """It holds more than its lease meanwhile, and whoever asks may have locked that: both would wait for ever."""
    name = sessions.lease_name(world.session_id("taobao"))
    with world.ctx.db.write() as tx:
        limits.ask_for_lease(tx, name)
    if not world.ctx.db.sqlite:  # which has one writer anyway
        with world.ctx.db.write() as asking:
            limits.ask_for_lease(asking, name)
            with world.ctx.db.write() as tx:
                tx.execute(sa.text("set local lock_timeout = '2s'"))
                assert not limits.give_way(tx, name)
    with world.ctx.db.write() as tx:
        assert limits.give_way(tx, name)


def test_a_call_whose_lease_went_to_another_is_not_made(world: World) -> None:
    with world.ctx.db.read() as tx:
        config = config_of(world.ctx, sessions.by_name(tx, "taobao"))
    with call_lease(world.ctx, config) as pace:
        pace.wait()
        with world.ctx.db.write() as tx:
            tx.execute(sa.update(schema.lease).values(holder="another", until=2e9 + time.time()))
        with pytest.raises(NotSent, match="slot"):
            pace.wait()


def test_a_lane_and_a_caller_whose_lease_ran_out_do_not_lock_each_other_out(world: World) -> None:
    """Both want the lease and a slot; somebody else holds the slots until both have begun."""
    key, name = world.session_id("taobao"), sessions.lease_name(world.session_id("taobao"))
    with world.ctx.db.read() as tx:
        config = config_of(world.ctx, sessions.get(tx, key))

    def lane() -> bool:
        with world.ctx.db.write() as tx:
            return limits.take_lease(tx, name, 1, "lane", 60.0) and limits.reserve_call(tx, key).place > 0

    with ThreadPoolExecutor(2) as pool, call_lease(world.ctx, config) as pace:
        with world.ctx.db.write() as tx:
            tx.execute(sa.update(schema.lease).where(schema.lease.c.name == name).values(until=0.0))
        with world.ctx.db.write() as tx:
            limits.reserve_call(tx, key)
            calling = pool.submit(pace._reserve)
            others = 0 if world.ctx.db.sqlite else 1
            wait_until(lambda: waiting(world) >= others, timeout=20, what="the caller")
            taking = pool.submit(lane)
            wait_until(lambda: taking.done() or waiting(world) >= 2 * others, timeout=20, what="the lane")
        lost = calling.exception(timeout=30)
        assert lost is None or isinstance(lost, RateLimited), (
            "told that its lease is gone, not shut out by the database"
        )
        assert taking.result(timeout=30) is (lost is not None), "one of them has the lease"


def test_a_lane_needs_no_lease_once_it_has_slots(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call under way has its lease locked while it waits for a further slot, and the next booking is far away."""
    key = world.session_id("taobao")
    world.book("taobao", world.ready("taobao", 2))
    shared = Claims(world.ctx, key)
    lane = purchase._Lane(world.ctx, shared, "lane")
    lane._task = task(shared.turns.answer(shared.turns.bring(Turn("lane"))))
    with world.ctx.db.write() as tx:
        limits.pause_calls(tx, key, 5.0)
    leased, going, reserve_call = threading.Event(), threading.Event(), limits.reserve_call

    def late(*arguments: Any) -> Any:
        leased.set()
        assert going.wait(20)
        return reserve_call(*arguments)

    def go_on() -> float:
        with world.ctx.db.write() as tx:
            return lane._go_on(tx, 0.0).moment

    monkeypatch.setattr(limits, "reserve_call", late)
    shared._look_at, shared._by_rate = time.monotonic() + 60.0, False
    with ThreadPoolExecutor(1) as pool:
        further = pool.submit(go_on)
        assert leased.wait(20)
        if world.ctx.db.sqlite:  # which has one writer anyway
            going.set()
        ahead = task(shared.turns.answer(shared.turns.bring(Turn("lane", ahead=True))))
        assert ahead.slot is not None
        going.set()
        assert ahead.slot.moment > time.monotonic() + 3.0
        assert further.result(20) > time.monotonic() + 3.0
    shared.close()


def task(step: object) -> Task:
    assert isinstance(step, Task)
    return step


def test_a_lane_makes_room_for_who_waits_also_with_a_lease_from_before_it_was_killed(world: World) -> None:
    key, name = world.session_id("taobao"), sessions.lease_name(world.session_id("taobao"))
    world.book("taobao", world.ready("taobao", 1))
    with world.ctx.db.write() as tx:
        assert limits.take_lease(tx, name, 1, "lane", 60.0)
        limits.ask_for_lease(tx, name)
    shared = Claims(world.ctx, key)
    assert isinstance(shared.turns.answer(shared.turns.bring(Turn("lane"))), Wait)
    with world.ctx.db.write() as tx:
        assert limits.asked(tx, name), "it has nothing to give now, and leaves the request to others"
        assert limits.take_lease(tx, name, 1, "waiting", 60.0)
    shared.close()


def test_of_several_lanes_one_without_a_call_makes_room(world: World) -> None:
    key, name = world.session_id("taobao"), sessions.lease_name(world.session_id("taobao"))
    with world.ctx.db.write() as tx:
        sessions.change(tx, key, concurrency=2, rate_per_second=1_000.0)
    world.book("taobao", world.ready("taobao", 3))
    shared = Claims(world.ctx, key)
    for lane in ("busy", "idle"):
        task(shared.turns.answer(shared.turns.bring(Turn(lane))))
    with world.ctx.db.write() as tx:
        limits.ask_for_lease(tx, name)
    shared._look_at = 0.0
    assert isinstance(shared.turns.answer(shared.turns.bring(Turn("idle"))), Wait)
    with world.ctx.db.write() as tx:
        assert limits.take_lease(tx, name, 2, "waiting", 60.0)
        assert not limits.take_lease(tx, name, 2, "another", 60.0), "the call under way keeps its lease"
    shared.close()


def test_a_throttled_lane_and_one_that_counts_do_not_lock_each_other_out(world: World) -> None:
    """Of two processes: both touch the session and its slots; the first holds both until the others have begun."""
    key = world.session_id("taobao")
    with world.ctx.db.write() as tx:
        sessions.change(tx, key, daily_cap=50, concurrency=3)
    world.book("taobao", world.ready("taobao", 2))
    world.market.control("faults", rules=[{"kind": "throttle", "seconds": 1}])
    throttled, counting = (
        purchase._Lane(world.ctx, Claims(world.ctx, key), name) for name in ("throttled", "counting")
    )
    assert throttled.turn()
    world.market.control("faults", rules=[])
    with ThreadPoolExecutor(2) as pool:
        with world.ctx.db.write() as tx:
            sessions.get(tx, key, lock=True)
            others = 0 if world.ctx.db.sqlite else 1
            first = pool.submit(counting.turn)
            wait_until(lambda: waiting(world) >= others, timeout=20, what="the lane that counts")
            second = pool.submit(throttled.turn)
            wait_until(lambda: second.done() or waiting(world) >= 2 * others, timeout=20, what="the throttled lane")
        assert first.result(timeout=30)
        assert second.result(timeout=30)


def waiting(world: World) -> int:
    """How many wait for a lock of the server; 0 on SQLite."""
    return 0 if world.ctx.db.sqlite else int(world.one(WAITING))


WAITING = sa.text(
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
)
