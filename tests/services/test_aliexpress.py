"""A marketplace that can neither list nor search nor cancel: everything else works, and what it cannot do is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput
from autopurchase.sandbox import Sandbox
from autopurchase.services import cancel_apply, cancel_plan, desk, readback, settle
from autopurchase.services.cancel_plan import Choice
from autopurchase.services.lines import versions
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.support.processes import wait_until
from tests.support.world import ME, World, open_world

NAME = "aliexpress"


@pytest.fixture
def world(tmp_path: Path, market: Sandbox) -> Iterator[World]:
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'autopurchase.db'}", market, NAME) as opened:
        yield opened
    market.control("faults", rules=[])


def compared(world: World) -> set[str]:
    """Read back what waits, and how all bookings compare with their plans."""
    readback.work(world.ctx, world.session_id(NAME))
    return {row["check_state"] for row in world.bookings()}


def test_from_ready_to_the_warehouse_order_by_order(world: World) -> None:
    numbers = world.ready(NAME, 3)
    world.bought(NAME, numbers)
    assert world.states(numbers) == {("booked", "")}
    wait_until(lambda: compared(world) == {"fits"}, timeout=10, what="the orders to fit the plan")
    ids = [order["id"] for order in world.orders()]
    for verb, state in (("pay", "bought"), ("ship", "sent"), ("complete", "arrived")):
        if verb == "complete":
            world.market.control("sign", ids=ids)
        world.market.control(verb, ids=ids)
        assert world.sync(NAME)[state] == 3
    assert world.sync(NAME).get("orders", 0) == 0, "what is final is not asked about again"
    parcels = world.rows(sa.select(schema.parcel))
    assert {row["number"] for row in parcels} == {number for order in world.orders() for number in order["parcels"]}
    assert verify(world.ctx) == []


def test_an_unknown_outcome_goes_to_a_person_at_once_and_is_never_sent_again(world: World) -> None:
    numbers = world.ready(NAME, 1)
    world.market.control("faults", rules=[{"kind": "drop_after", "on": "create"}])
    world.book(NAME, numbers)
    world.work(NAME)
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.booking).values(due_at=world.ctx.now()))
    world.work(NAME)
    (booking,) = world.bookings()
    assert (booking["state"], world.meters()[NAME]["creates"]) == ("unknown", 1)
    attempts = world.rows(sa.select(schema.booking_attempt).order_by(schema.booking_attempt.c.id))
    assert "look it up on its site" in attempts[-1]["sentence"]
    world.market.control("faults", rules=[])
    (order,) = world.orders()
    settle.placed(world.ctx, ME, booking["out_order_id"], [order["id"]])
    assert world.states(numbers) == {("booked", "")}
    assert world.meters()[NAME]["creates"] == 1
    assert verify(world.ctx) == []


def test_a_cancel_is_not_asked_for_and_where_to_do_it_is_said(world: World) -> None:
    numbers = world.ready(NAME, 1)
    world.bought(NAME, numbers)
    (order,) = world.orders()
    calls = world.meters()[NAME]["calls"]
    token = cancel_plan.request(world.ctx, ME, Choice(versions(world.ctx, numbers)))
    (row,) = world.view(token).body["rows"]
    assert (row["cause"], row["sentence"]) == (
        "not_supported",
        "AliExpress cancels on its own site only; synchronization brings it here.",
    )
    with pytest.raises(BadInput):
        cancel_apply.apply(world.ctx, ME, token)
    assert world.meters()[NAME]["calls"] == calls
    world.market.control("close", ids=[order["id"]], reason="buyer")  # a person does it there
    world.sync(NAME)
    assert {state for state, _ in world.states(numbers)} <= {"ready", "problem"}
    assert verify(world.ctx) == []


def test_the_desk_compares_the_orders_it_knows(world: World) -> None:
    numbers = world.ready(NAME, 2)
    world.bought(NAME, numbers)
    ids = [order["id"] for order in world.orders()]
    world.market.control("close", ids=ids[:1], reason="seller")
    (run,) = desk.request(world.ctx, ME, session=NAME)
    desk.carry_out(world.ctx, run)
    assert world.run(run)["error"] == ""
    assert {state for state, _ in world.states(numbers)} == {"booked", "problem"}


def test_goods_priced_in_another_currency_are_left_out(tmp_path: Path, market: Sandbox) -> None:
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'autopurchase.db'}", market, NAME, currency="USD") as world:
        body = world.view(world.plan(NAME, world.ready(NAME, 1))).body
    assert body["purchases"] == []
    assert [(row["cause"], row["sentence"]) for row in body["left_out"]] == [
        ("not_supported", "The marketplace prices it in USD; purchases are reckoned in CNY.")
    ]
