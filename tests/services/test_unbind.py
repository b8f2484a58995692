"""Unbind only: the tie goes, nothing is sent, and the order lives on there and is seen here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput, Drifted, NotAllowed, Refused
from autopurchase.domain.roles import Actor, Role
from autopurchase.sandbox import Sandbox
from autopurchase.services import cancel, cancel_apply, cancel_plan
from autopurchase.services.cancel_plan import Choice
from autopurchase.services.lines import versions
from autopurchase.services.unbind import unbind
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.support.world import ME, World, open_world


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    with open_world(tmp_path, database_url, market, "taobao") as opened:
        yield opened


def booked(world: World, count: int = 1) -> list[str]:
    """Lines on one order of one seller."""
    goods = world.goods("taobao")
    numbers = world.order([pair for pair in goods if pair[0].seller == goods[0][0].seller][:count])
    world.bought("taobao", numbers)
    return numbers


def alone(world: World) -> int:
    """Provider orders that belong to nobody; the desk shows them when they are a quarter of an hour old."""
    table = schema.provider_order
    return int(world.one(sa.select(sa.func.count()).select_from(table).where(table.c.booking_id.is_(None))))


def test_the_order_stays_and_belongs_to_nobody_when_its_last_line_goes(world: World) -> None:
    numbers = booked(world, 2)
    calls = world.meters()["taobao"]["calls"]
    run = unbind(world.ctx, ME, versions(world.ctx, numbers[:1]), "bought elsewhere")
    assert world.states(numbers[:1]) == {("problem", "unbound")}
    assert world.states(numbers[1:]) == {("booked", "")}
    assert alone(world) == 0
    unbind(world.ctx, ME, versions(world.ctx, numbers[1:]), "bought elsewhere")
    assert alone(world) == 1
    assert {row["state"] for row in world.bookings()} == {"ended"}
    assert world.meters()["taobao"]["calls"] == calls, "unbinding asked the marketplace something"
    assert [order["status"] for order in world.orders()] == ["unpaid"]
    assert world.run(run)["out"] == {"lines": 1, "held": 1, "orders_left_alone": 0}
    world.sync("taobao")
    assert alone(world) == 1, "a synchronisation bound it again"
    assert verify(world.ctx) == []


def test_held_lines_are_ready_when_the_order_they_left_is_cancelled(world: World) -> None:
    numbers = booked(world)
    unbind(world.ctx, ME, versions(world.ctx, numbers), "wrong order")
    (order,) = world.orders()
    token = cancel_plan.request(world.ctx, ME, Choice(orders=[order["id"]]))
    cancel_apply.apply(world.ctx, ME, token)
    cancel.work(world.ctx, world.session_id("taobao"))
    assert world.states(numbers) == {("ready", "")}
    world.bought("taobao", numbers)
    assert world.lines(numbers)[numbers[0]]["generation"] == 2
    assert verify(world.ctx) == []


def test_what_may_not_be_unbound(world: World) -> None:
    numbers = booked(world)
    seen = versions(world.ctx, numbers)
    with pytest.raises(BadInput, match="reason"):
        unbind(world.ctx, ME, seen, " ")
    with pytest.raises(NotAllowed):
        unbind(world.ctx, Actor("vera", Role.VIEWER), seen, "x")
    with pytest.raises(Drifted):
        unbind(world.ctx, ME, {numbers[0]: seen[numbers[0]] - 1}, "x")
    cancel_apply.apply(world.ctx, ME, cancel_plan.request(world.ctx, ME, Choice(seen)))
    with pytest.raises(Refused, match="cancel is under way"):
        unbind(world.ctx, ME, versions(world.ctx, numbers), "x")
    free = world.ready("taobao", 1)
    with pytest.raises(BadInput, match="no provider order"):
        unbind(world.ctx, ME, versions(world.ctx, free), "x")
    world.book("taobao", free)
    with pytest.raises(Refused, match="Not booked yet"):
        unbind(world.ctx, ME, versions(world.ctx, free), "x")
    live = sa.select(sa.func.count()).select_from(schema.booking_line).where(schema.booking_line.c.live)
    assert world.one(live) == 2
