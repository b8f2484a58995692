"""What a lane does with each answer: booked, refused, repeated, looked up, or left to a person."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.session import Grade
from autopurchase.sandbox import Sandbox
from autopurchase.services import outcomes, sessions
from autopurchase.services.calls import config_of
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from autopurchase.storage import sessions as stored_sessions
from tests.support.world import ME, World, open_world

HURRIED = {"settle_seconds": 0.6, "timeout_seconds": 0.5}


@pytest.fixture
def world(tmp_path: Path, market: Sandbox) -> Iterator[World]:
    """A session a provider that settles quickly."""
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'autopurchase.db'}", market, **HURRIED) as opened:
        yield opened


@pytest.fixture
def each_world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """The same once on each database: where the database's own ways matter."""
    with open_world(tmp_path, database_url, market, **HURRIED) as opened:
        yield opened


@pytest.fixture(params=["taobao", "alibaba1688"])
def provider(request: pytest.FixtureRequest) -> str:
    """Each marketplace in turn."""
    return str(request.param)


def spoil(world: World, kind: str, **more: Any) -> None:
    """Spoil the create calls of every reference that waits."""
    references = [row["out_order_id"] for row in world.bookings()]
    world.market.control("faults", rules=[{"kind": kind, "references": references, **more}])


def attempts(world: World) -> list[tuple[str, str]]:
    """(call, outcome) of every call, oldest first."""
    rows = world.rows(sa.select(schema.booking_attempt).order_by(schema.booking_attempt.c.id))
    return [(row["kind"], row["outcome"]) for row in rows]


def test_a_booking_is_placed_and_tied_to_its_provider_order(each_world: World, provider: str) -> None:
    world = each_world
    numbers = world.ready(provider, 3)
    run = world.bought(provider, numbers)
    held = {order["reference"]: order["id"] for order in world.orders()}
    orders = world.rows(sa.select(schema.provider_order))
    assert {row["provider_order_id"] for row in orders} == set(held.values())
    assert {row["reference"]: row["provider_order_id"] for row in orders} == held
    assert world.states() == {("booked", "")}
    assert {row["status"] for row in world.lines().values()} == {"ordered"}
    assert {row["status"] for row in world.rows(sa.select(schema.orders))} == {"ordered"}
    cell = world.run(run)
    assert (cell["state"], cell["done"], cell["total"]) == ("done", 3, 3)
    assert cell["out"]["states"]["confirmed"]["lines"] == 3
    assert all(row["price_fen"] > 0 for row in world.rows(sa.select(schema.booking_line)))
    assert attempts(world) == [("create", "confirmed")] * 3
    assert verify(world.ctx) == []


def test_a_refusal_frees_its_line_with_the_cause_and_spares_the_others(world: World, provider: str) -> None:
    numbers = world.ready(provider, 3)
    run = world.book(provider, numbers)
    gone = world.lines()[numbers[0]]["sku_id"]
    world.market.control("stock", sku_id=gone, stock=0)
    counts = world.work(provider)
    assert counts == {"confirmed": 2, "refused": 1}
    assert world.states(numbers[:1]) == {("problem", "out_of_stock")}
    assert world.states(numbers[1:]) == {("booked", "")}
    assert world.run(run)["out"]["causes"] == {"out_of_stock": 1}
    assert not any(row["live"] for row in world.rows(sa.select(schema.booking_line)) if row["booking_id"] == 1)
    assert verify(world.ctx) == []


@pytest.mark.parametrize("kind", ["hang_after", "error_after", "drop_after", "html_after"])
def test_an_order_whose_answer_was_lost_is_found_and_not_placed_again(world: World, provider: str, kind: str) -> None:
    world.book(provider, world.ready(provider, 2))
    spoil(world, kind, seconds=1.5)
    world.work(provider)
    assert len(world.orders()) == 2
    assert attempts(world).count(("create", "unknown")) == 2
    assert attempts(world).count(("lookup", "confirmed")) == 2
    assert world.states() == {("booked", "")}
    assert verify(world.ctx) == []


@pytest.mark.parametrize("kind", ["hang_before", "error_before", "drop_before", "html"])
def test_an_order_that_never_arrived_is_placed_after_two_look_ups(world: World, provider: str, kind: str) -> None:
    world.book(provider, world.ready(provider, 1))
    spoil(world, kind, seconds=1.5)
    world.work(provider)
    assert len(world.orders()) == 1
    found = attempts(world)
    assert found[0] == ("create", "unknown")
    assert found[1:] == [("lookup", "lookup_again"), ("lookup", "not_placed"), ("create", "confirmed")]
    assert len({order["reference"] for order in world.orders()}) == 1
    assert verify(world.ctx) == []


def test_an_order_accepted_long_after_the_call_was_given_up_is_still_found(world: World, provider: str) -> None:
    """Within the settle time: asking at once would have found nothing."""
    world.book(provider, world.ready(provider, 1))
    spoil(world, "late", seconds=0.5, then="error")
    world.work(provider)
    assert len(world.orders()) == 1
    assert attempts(world)[-1] == ("lookup", "confirmed")


def test_an_order_that_never_arrives_is_left_to_a_person_after_three_attempts(world: World, provider: str) -> None:
    run = world.book(provider, world.ready(provider, 1))
    spoil(world, "error_before", posts=99)
    world.work(provider)
    assert not world.orders()
    assert attempts(world).count(("create", "unknown")) == outcomes.MAX_RESENT
    assert attempts(world)[-1] == ("lookup", "person")
    (booking,) = world.bookings()
    assert (booking["state"], booking["attempts"]) == ("unknown", 3)
    assert "person" in booking["sentence"]
    assert world.states() == {("booking", "unknown_outcome")}
    assert world.run(run)["state"] == "done", "the cell does not wait for ever"
    assert world.work(provider) == {}


def test_a_throttled_call_was_not_sent_and_comes_again(world: World, provider: str) -> None:
    world.book(provider, world.ready(provider, 2))
    spoil(world, "throttle", seconds=1)
    world.work(provider)
    assert len(world.orders()) == 2
    assert attempts(world).count(("create", "retry")) == 2
    assert not [entry for entry in attempts(world) if entry[0] == "lookup"]
    assert world.states() == {("booked", "")}


def test_a_marketplace_that_cannot_be_reached_is_asked_again_until_it_can(world: World, provider: str) -> None:
    run = world.book(provider, world.ready(provider, 1))
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(base_url="http://127.0.0.1:9"))
    lane = threading.Thread(target=world.work, args=(provider,))
    lane.start()
    lane.join(2.5)
    assert lane.is_alive()
    assert not world.orders()
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(base_url=world.market.base_url))
    lane.join(60)
    assert len(world.orders()) == 1
    assert set(attempts(world)) == {("create", "retry"), ("create", "confirmed")}
    assert world.run(run)["state"] == "done"


def test_the_rest_of_a_batch_is_handed_back_when_the_authorisation_dies(each_world: World, provider: str) -> None:
    world = each_world
    numbers = world.ready(provider, 4)
    run = world.book(provider, numbers)
    world.market.control("expire", market=provider, account=world.account, kinds=["access", "refresh"])
    world.work(provider)
    assert not world.orders()
    assert world.states() == {("ready", "session_expired")}
    assert world.run(run)["out"]["causes"] == {"session_expired": 4}
    (session,) = world.rows(sa.select(schema.session).where(schema.session.c.name == provider))
    assert session["state"] == "needs_authorisation"
    assert all(row["ready"] for row in world.lines().values()), "they can be planned through another session at once"
    assert verify(world.ctx) == []


def test_a_token_that_ends_in_the_batch_is_renewed(world: World, provider: str) -> None:
    world.book(provider, world.ready(provider, 3))
    world.market.control("expire", market=provider, account=world.account)
    world.work(provider)
    assert len(world.orders()) == 3
    assert world.states() == {("booked", "")}


def test_what_the_shop_has_cancelled_since_the_plan_is_not_bought(world: World, provider: str) -> None:
    numbers = world.ready(provider, 2)
    world.book(provider, numbers)
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.orders).where(schema.orders.c.id == 1).values(state="cancelled", payable=False))
    world.work(provider)
    assert len(world.orders()) == 1
    assert world.states(numbers[:1]) == {("problem", "not_payable")}
    assert world.states(numbers[1:]) == {("booked", "")}


def test_the_daily_cap_holds_for_many_lanes_at_once(each_world: World) -> None:
    """What is over the cap waits for the next day, and says so."""
    world = each_world
    run = world.book("taobao", world.ready("taobao", 12))
    sessions.set_limits(world.ctx, ME, "taobao", daily_cap=5, rate_per_second=200, concurrency=4)
    lanes = [threading.Thread(target=world.work, args=("taobao", f"lane-{n}")) for n in range(4)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join(60)
    assert len(world.orders()) == 5
    waiting = [row for row in world.bookings() if row["state"] == "queued"]
    assert len(waiting) == 7
    assert {row["sentence"] for row in waiting} == {
        "Waiting: the daily cap of 5 bookings of session taobao is used up."
    }
    assert world.run(run)["state"] == "running"


def test_lines_of_one_order_booked_at_once_move_the_order_together(each_world: World) -> None:
    """Two lanes end in the same moment: the order's status is derived from both."""
    world = each_world
    goods: dict[str, Any] = {}
    for item, sku in world.goods("taobao"):
        goods.setdefault(item.seller.id, (item, sku))
    numbers = [number for _ in range(6) for number in world.order(list(goods.values())[:4])]
    world.book("taobao", numbers)
    lanes = [threading.Thread(target=world.work, args=("taobao", f"lane-{n}")) for n in range(4)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join(60)
    assert world.states() == {("booked", "")}
    assert {row["status"] for row in world.rows(sa.select(schema.orders))} == {"ordered"}


def test_a_changed_session_is_seen_by_a_lane_at_work(world: World) -> None:
    """A lowered rate holds from the next moment on, not from the next batch."""
    world.book("taobao", world.ready("taobao", 40))
    sessions.set_limits(world.ctx, ME, "taobao", daily_cap=0, rate_per_second=20, concurrency=1)
    lane = threading.Thread(target=world.work, args=("taobao",))
    lane.start()
    lane.join(0.7)
    assert lane.is_alive()
    before = len(world.orders())
    sessions.disable(world.ctx, ME, "taobao")
    lane.join(30)
    assert 0 < before <= len(world.orders()) < 30
    assert {row["state"] for row in world.bookings()} == {"confirmed", "refused"}


@pytest.mark.parametrize(("grade", "kind"), [(Grade.A, "lookup_again"), (Grade.B, "lookup_again"), (Grade.C, "person")])
def test_only_a_provider_that_can_be_asked_is_asked_again(world: World, grade: Grade, kind: str) -> None:
    world.book("taobao", world.ready("taobao", 1))
    with world.ctx.db.read() as tx:
        config = config_of(world.ctx, stored_sessions.by_name(tx, "taobao"))
    (booking,) = world.bookings()
    assert outcomes.not_found(booking, grade, config, world.ctx.now()).kind == kind
