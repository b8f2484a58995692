"""The desk: what is made to differ at the marketplace behind the product's back shows, and its act puts it right."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.desk import words
from autopurchase.domain.errors import BadInput, NotAllowed
from autopurchase.domain.roles import Actor, Role
from autopurchase.sandbox import Sandbox
from autopurchase.services import bind, bind_apply, cancel, desk, desk_acts, ghosts, readback, settle
from autopurchase.services.desk import View
from autopurchase.services.status import status
from autopurchase.services.verify import verify
from autopurchase.storage import lines, schema
from tests.support import by_hand
from tests.support.processes import wait_until
from tests.support.world import ME, World, open_world

BOTH = pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Once on each database: what SQL finds."""
    monkeypatch.setattr(readback, "SOON", readback.SOON * 0)
    with open_world(tmp_path, database_url, market) as opened:
        yield opened
        assert verify(opened.ctx) == []
    market.control("faults", rules=[])


@pytest.fixture
def small(tmp_path: Path, market: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """On SQLite: what differs by marketplace, not by database."""
    monkeypatch.setattr(readback, "SOON", readback.SOON * 0)
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'autopurchase.db'}", market) as opened:
        yield opened
        assert verify(opened.ctx) == []
    market.control("faults", rules=[])


def compare(world: World, provider: str) -> list[View]:
    """Be the worker that compares; the rows then."""
    (run,) = desk.request(world.ctx, ME, world.sessions[provider])
    desk.carry_out(world.ctx, run)
    assert world.run(run)["error"] == ""
    return desk.rows(world.ctx, ME)


def only(rows: list[View], kind: str) -> View:
    """The one row, of this kind."""
    assert [each.found.kind for each in rows] == [kind]
    return rows[0]


def booked(world: World, provider: str, count: int = 1) -> list[str]:
    """Lines that are booked, read back and as planned."""
    numbers = world.ready(provider, count)
    world.bought(provider, numbers)
    assert readback.work(world.ctx, world.session_id(provider)) == {"fits": count}
    return numbers


def cancelled(world: World, provider: str) -> None:
    """Carry out the cancels that were asked for."""
    assert cancel.work(world.ctx, world.session_id(provider))["confirmed"] >= 1


def unknown(world: World, provider: str, fault: str = "error_after", **rule: Any) -> tuple[list[str], str]:
    """A line whose booking's outcome is unknown, and the booking's reference."""
    numbers = world.ready(provider, 1)
    run = world.book(provider, numbers)
    (booking,) = [row for row in world.bookings() if row["run_id"] == run]
    world.market.control("faults", rules=[{"kind": fault, "references": [booking["out_order_id"]], **rule}])
    with world.ctx.db.write() as tx:  # no look-up before the person
        tx.execute(sa.update(schema.session).values(settle_seconds=600))
    world.work(provider)
    world.market.control("faults", rules=[])
    assert world.states(numbers) == {("booking", "unknown_outcome")}
    return numbers, booking["out_order_id"]


def findings(world: World) -> list[tuple[str, str]]:
    """Kind and state of every row that was written down, oldest first."""
    rows = world.rows(sa.select(schema.finding).order_by(schema.finding.c.id))
    return [(row["kind"], row["state"]) for row in rows]


def aged(world: World, number: str, seconds: int = 3600) -> None:
    """Let an order have been made earlier."""
    world.market.control("age", ids=[number], seconds=seconds)


def picks(world: World, provider: str, quantity: int = 2) -> list[tuple[Any, Any, int]]:
    item, sku = world.goods(provider)[0]
    return [(item, sku, max(quantity, item.minimum))]


def test_zero_rows_is_a_state(world: World) -> None:
    booked(world, "taobao", 3)
    assert [(each.session, each.at) for each in desk.compared(world.ctx, ME)] == [
        ("alibaba1688", None),
        ("taobao", None),
    ]
    assert compare(world, "taobao") == []
    (run,) = world.rows(sa.select(schema.run).where(schema.run.c.kind == "desk"))
    assert (run["state"], run["out"]["orders"], run["out"]["desk"]) == ("done", 3, {})
    assert [each.at is None for each in desk.compared(world.ctx, ME)] == [True, False]
    with pytest.raises(NotAllowed):
        desk.request(world.ctx, Actor("vera", Role.VIEWER))


def test_orphans_are_bound_or_left_alone_and_every_figure_agrees(world: World) -> None:
    young, old = (by_hand.bought(world, "taobao", picks(world, "taobao")) for _ in range(2))
    aged(world, old)
    row = only(compare(world, "taobao"), "orphan")
    assert (row.found.number, row.found.actions) == (old, ("bind", "leave"))
    assert status(world.ctx)["orphans"] == 1, "a young one may be about to be bound"
    with world.ctx.db.write() as tx:  # time passes
        tx.execute(sa.update(schema.provider_order).values(created_at=world.ctx.now() - desk.ORPHAN_AGE))
    assert len(desk.rows(world.ctx, ME)) == status(world.ctx)["orphans"] == 2
    with pytest.raises(BadInput, match="why"):
        desk_acts.leave(world.ctx, ME, row.found.key, " ")
    desk_acts.leave(world.ctx, ME, row.found.key, "bought outside")
    (line,) = world.order([(*picks(world, "taobao")[0][:2],)], quantity=picks(world, "taobao")[0][2])
    token = bind.request(world.ctx, ME, "taobao", orders=[young], lines=[line])
    bind.check(world.ctx, token)
    bind_apply.apply(world.ctx, ME, token, reason="made by hand")
    assert compare(world, "taobao") == []
    assert status(world.ctx)["orphans"] == 0
    assert findings(world) == [("orphan", "settled")]


@BOTH
def test_of_two_orders_with_one_reference_the_surplus_is_cancelled(small: World, provider: str) -> None:
    (number,) = booked(small, provider)
    (booking,) = small.bookings()
    (ours,) = small.orders()
    client_orders = {order["id"] for order in small.orders()}
    second(small, provider, booking["out_order_id"])
    row = only(compare(small, provider), "double")
    assert row.found.number not in client_orders
    assert row.found.lines == (number,)
    assert ours["id"] in words(row.found.believed)
    desk_acts.cancel(small.ctx, ME, row.found.key, "ordered twice")
    assert only(desk.rows(small.ctx, ME), "double").cancelling
    cancelled(small, provider)
    assert desk.rows(small.ctx, ME) == []
    assert {order["status"] for order in small.orders(status="unpaid")} == {"unpaid"}
    assert small.states() == {("booked", "")}, "the first is untouched"


def second(world: World, provider: str, reference: str) -> None:
    """Somebody sends the same purchase again, under the same reference."""
    item, sku = world.goods(provider)[0]
    client: Any = (by_hand.Taobao if provider == "taobao" else by_hand.Alibaba)(world.market, world.account)
    client.create(reference, [(item, sku, max(item.minimum, item.lot, 1))])
    assert len(world.orders(reference=reference)) == 2


def test_more_pieces_booked_than_wanted_is_double_too(world: World) -> None:
    numbers = world.order(world.goods("taobao")[:1], quantity=3)
    world.bought("taobao", numbers)
    readback.work(world.ctx, world.session_id("taobao"))
    with world.ctx.db.write() as tx:  # as an import does when the customer takes fewer
        tx.execute(sa.update(schema.line).values(quantity=2, open_quantity=2))
    row = only(desk.rows(world.ctx, ME), "double")
    assert words(row.found.believed) == "1-1 wants 2 pieces"
    desk_acts.cancel(world.ctx, ME, row.found.key)
    cancelled(world, "taobao")
    assert desk.rows(world.ctx, ME) == []
    assert world.states() == {("ready", "")}


@BOTH
def test_what_was_given_up_here_and_lives_there_is_cancelled(small: World, provider: str) -> None:
    numbers, reference = unknown(small, provider)
    settle.not_placed(small.ctx, ME, reference)
    assert small.states(numbers) == {("ready", "not_placed")}
    row = only(compare(small, provider), "cancelled_alive")
    assert (row.found.reference, row.found.lines) == (reference, tuple(numbers))
    assert f"Booking {reference} of {numbers[0]} is over" == words(row.found.believed)
    desk_acts.cancel(small.ctx, ME, row.found.key)
    cancelled(small, provider)
    assert desk.rows(small.ctx, ME) == []
    assert {order["status"] for order in small.orders()} == {"closed"}


def test_an_order_paid_after_it_was_given_up_is_bound_again(world: World) -> None:
    numbers, reference = unknown(world, "taobao")
    settle.not_placed(world.ctx, ME, reference)
    (order,) = world.orders()
    world.market.control("pay", ids=[order["id"]])
    wait_until(lambda: world.orders()[0]["status"] == "paid", timeout=10, what="paid")
    row = only(compare(world, "taobao"), "paid_after_cancel")
    assert row.found.actions == ("bind", "leave"), "what is paid is not cancelled"
    token = bind.request(world.ctx, ME, "taobao", orders=[order["id"]], lines=numbers)
    bind.check(world.ctx, token)
    bind_apply.apply(world.ctx, ME, token)
    assert compare(world, "taobao") == []
    assert world.states(numbers) == {("bought", "")}


def test_an_order_that_was_closed_and_lives_again_shows(world: World) -> None:
    """Its provider's word decides: cancelled by us, confirmed, and then shown paid."""
    numbers = booked(world, "taobao")
    (order,) = world.orders()
    world.market.control("close", ids=[order["id"]], reason="seller")
    assert compare(world, "taobao") == []
    assert world.states(numbers) == {("problem", "cancelled_by_seller")}
    world.market.control("mark", ids=[order["id"]], status="WAIT_SELLER_SEND_GOODS")
    row = only(compare(world, "taobao"), "paid_after_cancel")
    assert row.found.lines == tuple(numbers)
    desk_acts.leave(world.ctx, ME, row.found.key, "refund asked")
    assert compare(world, "taobao") == []


def test_a_line_the_customer_cancelled_is_cancelled_at_the_provider(world: World) -> None:
    (number,) = booked(world, "taobao")
    with world.ctx.db.write() as tx:  # as an import writes it
        key = lines.find(tx, [number])[number]["id"]
        event = lines.Event(key, "status_changed", {"status": "cancelled"})
        lines.record(tx, [event], at=world.ctx.now(), actor="shop", run_id=None)
    row = only(desk.rows(world.ctx, ME), "cancelled_alive")
    assert words(row.found.believed) == f"{number}: cancelled by the customer"
    assert row.found.actions == ("cancel", "leave"), "its line is still bound"
    desk_acts.cancel(world.ctx, ME, row.found.key)
    cancelled(world, "taobao")
    assert desk.rows(world.ctx, ME) == []


@BOTH
def test_the_lines_of_a_ghost_are_freed_when_the_provider_says_so_again(small: World, provider: str) -> None:
    numbers = booked(small, provider)
    (order,) = small.orders()
    with small.ctx.db.write() as tx:  # quite new ones may only not be listed yet
        tx.execute(sa.update(schema.provider_order).values(first_seen_at=small.ctx.now() - desk.ORPHAN_AGE))
    small.market.control("reset")
    row = only(compare(small, provider), "ghost")
    assert row.found.number == order["id"]
    assert only(compare(small, provider), "ghost").found.since == row.found.since, "since the first time"
    run = ghosts.request(small.ctx, ME, row.found.number, provider)
    settle.carry_out(small.ctx, run)
    assert small.run(run)["out"] == {"lines": 1, "it_is_there": 0}
    assert small.states(numbers) == {("ready", "")}
    assert compare(small, provider) == []


def test_a_ghost_that_is_there_after_all_is_none(world: World) -> None:
    numbers = booked(world, "taobao")
    (order,) = world.orders()
    run = ghosts.request(world.ctx, ME, order["id"], "taobao")
    settle.carry_out(world.ctx, run)
    assert world.run(run)["out"] == {"lines": 0, "it_is_there": 1}
    assert world.states(numbers) == {("booked", "")}


@BOTH
@pytest.mark.parametrize("change", [{"quantity": 44}, {"sku_id": ""}], ids=["quantity", "configuration"])
def test_a_line_changed_since_is_accepted_or_cancelled(small: World, provider: str, change: dict[str, Any]) -> None:
    (number,) = small.order(small.goods(provider)[:1])
    small.bought(provider, [number])
    readback.work(small.ctx, small.session_id(provider))
    (order,) = small.orders()
    if "sku_id" in change:
        item, sku = small.goods(provider)[0]
        change = {"sku_id": next(each.sku_id for each in item.skus if each is not sku)}
    small.market.control("line", ids=[order["id"]], **change)
    row = only(compare(small, provider), "mismatch")
    assert (row.found.lines, row.found.actions) == ((number,), ("accept", "cancel"))
    desk_acts.accept(small.ctx, ME, row.found.key, "the customer agreed")
    assert compare(small, provider) == []
    assert findings(small) == [("mismatch", "gone")]
    small.market.control("line", ids=[order["id"]], quantity=55)
    row = only(compare(small, provider), "mismatch")
    desk_acts.cancel(small.ctx, ME, row.found.key)
    cancelled(small, provider)
    assert desk.rows(small.ctx, ME) == []


@pytest.mark.parametrize("act", ["accept", "cancel"])
def test_what_is_not_as_planned_or_became_dearer_is_accepted_or_cancelled(world: World, act: str) -> None:
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(release_budget=0))
    numbers = world.ready("taobao", 2)
    world.bought("taobao", numbers)
    first, later = world.orders()
    world.market.control("line", ids=[first["id"]], quantity=66)
    readback.work(world.ctx, world.session_id("taobao"))
    world.market.control("amount", ids=[later["id"]], total=later["total"] + 5000)
    rows = compare(world, "taobao")
    assert [each.found.kind for each in rows] == ["price_raised", "differs"]
    assert [each["what"] for each in rows[0].found.evidence] == ["price_raised"]
    assert "66 there" in words(rows[1].found.said)
    for each in rows:
        getattr(desk_acts, act)(world.ctx, ME, each.found.key, "as it is")
    if act == "cancel":
        cancelled(world, "taobao")
    assert compare(world, "taobao") == []
    assert world.states(numbers) == ({("booked", "")} if act == "accept" else {("ready", "")})


@BOTH
def test_an_unknown_outcome_shows_with_what_may_be_it_and_is_settled_by_the_worker(small: World, provider: str) -> None:
    numbers, reference = unknown(small, provider)
    assert compare(small, provider) == [], "within the settle time it is being looked up"
    with small.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(settle_seconds=0))
    row = only(desk.rows(small.ctx, ME), "unknown")
    assert (row.found.reference, row.found.actions) == (reference, ("there", "not_there"))
    (order,) = small.orders()
    evidence = desk.evidence(small.ctx, ME, reference)
    assert [(each.number, each.same) for each in evidence.candidates] == [(order["id"], True)]
    assert [attempt["outcome"] for attempt in evidence.attempts] == ["unknown"]
    run = settle.request(small.ctx, ME, reference, [order["id"]])
    assert small.run(run)["state"] == "queued"
    settle.carry_out(small.ctx, run)
    settle.carry_out(small.ctx, run)
    assert (small.run(run)["state"], small.run(run)["actor"]) == ("done", ME.name)
    assert small.states(numbers) == {("booked", "")}
    assert desk.rows(small.ctx, ME) == []
    with pytest.raises(BadInput, match="not of unknown outcome"):
        settle.request(small.ctx, ME, reference, [order["id"]])


def test_settling_with_an_order_that_is_not_there_ends_in_the_run(world: World) -> None:
    numbers, reference = unknown(world, "taobao")
    run = settle.request(world.ctx, ME, reference, ["999"])
    settle.carry_out(world.ctx, run)
    assert world.run(run)["state"] == "failed"
    assert "no order 999" in world.run(run)["error"]
    assert world.states(numbers) == {("booking", "unknown_outcome")}


def test_a_provider_that_does_not_answer_leaves_the_desk_as_it_was(world: World) -> None:
    old = by_hand.bought(world, "taobao", picks(world, "taobao"))
    aged(world, old)
    compare(world, "taobao")
    world.market.control("faults", rules=[{"kind": "error_before", "on": "list"}])
    (run,) = desk.request(world.ctx, ME, "taobao")
    desk.carry_out(world.ctx, run)
    assert world.run(run)["state"] == "failed"
    assert only(desk.rows(world.ctx, ME), "orphan").found.number == old
    assert next(each.error for each in desk.compared(world.ctx, ME) if each.session == "taobao")


def test_an_order_of_that_moment_without_a_reference_goes_to_a_person(small: World) -> None:
    """1688 may not show our reference: what looks just like the purchase is not bought a second time by itself."""
    numbers = small.ready("alibaba1688", 1)
    small.book("alibaba1688", numbers)
    (booking,) = small.bookings()
    reference = booking["out_order_id"]
    rules = [{"kind": "error_before", "references": [reference]}]
    small.market.control("faults", rules=rules)
    item, sku = small.goods("alibaba1688")[0]
    (line,) = booking["purchase"]["lines"]
    assert line["sku_id"] == sku.sku_id
    by_hand.Alibaba(small.market, small.account).create("", [(item, sku, line["quantity"])])
    small.work("alibaba1688")
    assert len(small.orders()) == 1, "nothing was sent again"
    row = only(desk.rows(small.ctx, ME), "unknown")
    (made,) = small.orders()
    assert made["id"] in words(row.found.said)
    settle.not_placed(small.ctx, ME, reference)
    assert small.states(numbers) == {("ready", "not_placed")}
