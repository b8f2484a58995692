"""Budgets kept by lanes: caps by several at once, pacing at the marketplace's door, rests and trials."""

import dataclasses
import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput, NotAllowed
from autopurchase.domain.roles import Actor, Role
from autopurchase.sandbox import Sandbox
from autopurchase.services import budget, purchase, sessions
from autopurchase.services.outcomes import Outcome, Said
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from autopurchase.storage import sessions as stored_sessions
from tests.support.world import ME, World, on_its_own, open_world

HURRIED = {"settle_seconds": 0.6, "timeout_seconds": 0.5}


class Clock:
    """The time of day, moved; it stays clear of the full hour, so that no test falls into two."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self.ahead = timedelta(minutes=15) if now.minute > 50 else timedelta()

    def now(self) -> datetime:
        """The moment."""
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def world(tmp_path: Path, market: Sandbox) -> Iterator[World]:
    """A session a provider that settles quickly."""
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'autopurchase.db'}", market, **HURRIED) as opened:
        yield opened


@pytest.fixture
def each_world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """The same once on each database: lanes count by its locks."""
    with open_world(tmp_path, database_url, market, "taobao", **HURRIED) as opened:
        yield opened


def work(world: World, clock: Clock, session: str = "taobao", lanes: int = 4) -> None:
    """Be several lanes until nothing is due soon."""
    ctx = dataclasses.replace(world.ctx, clock=clock)
    key = world.session_id(session)
    threads = [threading.Thread(target=purchase.work, args=(ctx, key, f"lane-{n}")) for n in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def waiting(world: World) -> list[str]:
    """Sentences of the bookings that wait."""
    return [row["sentence"] for row in world.bookings() if row["state"] == "queued"]


def session(world: World, name: str = "taobao") -> dict[str, Any]:
    """The session's row."""
    return world.rows(sa.select(schema.session).where(schema.session.c.name == name))[0]


@pytest.mark.parametrize(("cap", "words"), [("hourly_cap", "bookings of this hour"), ("daily_amount", "daily amount")])
def test_no_cap_is_exceeded_by_lanes_that_work_at_once(each_world: World, cap: str, words: str) -> None:
    """What is over it waits, says until when, and goes when the hour or the day is over."""
    world, clock = each_world, Clock()
    item = world.goods("taobao")[0]
    numbers = [number for _ in range(10) for number in world.order([item])]
    world.book("taobao", numbers)
    price = world.bookings()[0]["total_minor"]
    limit = 4 if cap == "hourly_cap" else f"{price * 4 + price // 2}e-2"
    sessions.set_limits(world.ctx, ME, "taobao", **{cap: limit})
    work(world, clock)
    assert len(world.orders()) == 4
    assert len(waiting(world)) == 6
    assert all(words in sentence for sentence in waiting(world))
    clock.ahead += timedelta(hours=1) if cap == "hourly_cap" else timedelta(days=1)
    work(world, clock)
    assert len(world.orders()) == 8
    sessions.set_limits(world.ctx, ME, "taobao", **{cap: 0})
    work(world, clock)
    assert len(world.orders()) == 10
    assert verify(world.ctx) == []


def test_a_purchase_that_no_day_is_big_enough_for_is_handed_back(world: World) -> None:
    numbers = world.ready("taobao", 2)
    world.book("taobao", numbers)
    sessions.set_limits(world.ctx, ME, "taobao", daily_amount="0.01")
    world.work("taobao")
    assert not world.orders()
    assert world.states() == {("ready", "over_budget")}
    assert session(world)["strikes"] == 0, "our own refusal is no signal of the marketplace"


def test_bookings_keep_their_distance_at_the_marketplace(each_world: World) -> None:
    world = each_world
    on_its_own(world.market)
    world.book("taobao", world.ready("taobao", 5))
    sessions.set_limits(world.ctx, ME, "taobao", pause_seconds=0.5)
    work(world, Clock())
    arrived = sorted(order["created"] for order in world.orders())
    assert len(arrived) == 5
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrived)]
    assert min(gaps) >= 450, gaps
    assert not [row for row in world.bookings() if row["attempts"] != 1]


@pytest.mark.parametrize(("provider", "kind"), [("taobao", "limit"), ("alibaba1688", "risk")])
def test_a_session_told_to_stop_rests_tries_one_and_goes_on(world: World, provider: str, kind: str) -> None:
    run = world.book(provider, world.ready(provider, 5))
    sessions.set_limits(world.ctx, ME, provider, rest_seconds=0.6)
    world.market.control("faults", rules=[{"kind": kind, "times": 2}])
    counts = world.work(provider)
    assert counts == {"refused": 2, "confirmed": 3}
    cause = {"limit": "limit_reached", "risk": "risk_control"}[kind]
    assert world.run(run)["out"]["causes"] == {cause: 2}
    at = [row["at"] for row in world.rows(sa.select(schema.booking_attempt).order_by(schema.booking_attempt.c.id))]
    assert at[1] - at[0] >= timedelta(seconds=0.6)
    assert at[2] - at[1] >= timedelta(seconds=1.2), "the second rest in a row is twice as long"
    assert at[4] - at[2] < timedelta(seconds=1.0), "a placed order lets the others follow at once"
    found = session(world, provider)
    assert (found["strikes"], found["resting_until"], found["resting_why"]) == (0, None, "")
    assert verify(world.ctx) == []


def test_while_it_rests_nothing_is_sent_and_one_lane_tries(each_world: World) -> None:
    """Three lanes: what was under way when the first was refused tells nothing new; later one a rest is tried."""
    world, clock = each_world, Clock()
    world.market.control("settings", latency_ms=60)
    world.book("taobao", world.ready("taobao", 12))
    sessions.set_limits(world.ctx, ME, "taobao", rest_seconds=0.7)
    world.market.control("faults", rules=[{"kind": "limit", "times": 4}])
    work(world, clock, lanes=3)
    tries = world.rows(sa.select(schema.booking_attempt).order_by(schema.booking_attempt.c.id))
    refused = [row["at"] for row in tries if row["outcome"] == "refused"]
    assert len(refused) == 4
    assert len(world.orders()) == 8
    placed = [row["at"] for row in tries if row["outcome"] == "confirmed"]
    assert min(placed) > max(refused), "the first one placed was a trial"
    rests = [later - earlier for earlier, later in itertools.pairwise(refused)]
    assert sum(gap > timedelta(seconds=0.65) for gap in rests) >= 1
    assert session(world)["strikes"] == 0


def test_a_session_rests_when_it_is_throttled_again_and_again(world: World) -> None:
    world.book("taobao", world.ready("taobao", 3))
    world.market.control("faults", rules=[{"kind": "throttle", "seconds": 0}])
    world.work("taobao")
    found = session(world)
    assert (found["strikes"], len(world.orders())) == (3, 0)
    assert found["resting_until"] > datetime.now(UTC) + timedelta(minutes=4)
    assert all("rests until" in sentence for sentence in waiting(world))
    view = next(each for each in sessions.listing(world.ctx, ME) if each.name == "taobao")
    assert "Rests until" in view.health
    assert sessions.suggested([view], "taobao", datetime.now(UTC)) == ""

    world.market.control("faults", rules=[])
    with pytest.raises(NotAllowed):
        sessions.wake(world.ctx, Actor("mia", Role.MANAGER), "taobao")
    sessions.wake(world.ctx, ME, "taobao")
    world.work("taobao")
    assert len(world.orders()) == 3
    with pytest.raises(BadInput, match="does not rest"):
        sessions.wake(world.ctx, ME, "taobao")


def test_what_is_used_and_left_is_shown_before_booking(world: World) -> None:
    world.bought("taobao", world.ready("taobao", 3))
    world.book("taobao", world.ready("taobao", 2))
    sessions.set_limits(world.ctx, ME, "taobao", daily_cap=8, hourly_cap=60, daily_amount="9999.50")
    view = next(each for each in sessions.listing(world.ctx, ME) if each.name == "taobao")
    spent = sum(row["total_minor"] for row in world.bookings() if row["state"] == "confirmed")
    assert (view.use.day, view.use.amount_fen) == (3, spent)
    assert (view.room, view.queued, view.budget.daily_amount_fen) == (3, 2, 999_950)
    told = budget.forecast(world.ctx, "taobao", [100] * 5)
    assert (told.today, told.sentence) == (3, "3 of 5 will be sent today, the rest after 00:00 UTC.")


@pytest.mark.parametrize(
    "limits",
    [
        {"strikes": 0},
        {"rest_seconds": 0},
        {"hourly_cap": -1},
        {"daily_amount": "1.234"},
        {"pause_seconds": "nan"},
        {"x": 1},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(world: World, limits: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=next(iter(limits))):
        sessions.set_limits(world.ctx, ME, "taobao", **limits)


def test_what_another_worker_had_claimed_when_a_session_was_told_to_stop_says_nothing_new(each_world: World) -> None:
    """A booking is claimed up to a quarter of a second ahead of its call: it may be sent after the first refusal."""
    world = each_world
    world.book("taobao", world.ready("taobao", 1))
    booking, now = world.bookings()[0], datetime.now(UTC)
    told = Said("limit_reached", "Too many orders.")
    for late, told_at in ((0.0, 0.0), (0.2, 0.0), (0.5, 0.5)):
        sent = now + timedelta(seconds=late)
        outcome = Outcome("refused", {**booking, "sent_at": sent}, sent, said=told)
        with world.ctx.db.write() as tx:
            budget.answered(tx, stored_sessions.get(tx, booking["session_id"]), outcome)
        assert session(world)["struck_at"] == now + timedelta(seconds=told_at)
