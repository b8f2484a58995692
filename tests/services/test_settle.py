"""A person settles what the machine could not: it is there, or it is not there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput, Refused
from autopurchase.domain.roles import Actor, Role
from autopurchase.sandbox import Sandbox
from autopurchase.services import settle, verify
from autopurchase.storage import schema
from tests.support.world import AT_ONCE, ME, World, open_world


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("market"), quirks=False, **AT_ONCE) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    market.control("reset")
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


def handed_over(world: World, numbers: list[str]) -> dict[str, Any]:
    """Book so that the outcome stays unknown, as the third look-up in vain leaves it."""
    world.book("taobao", numbers)
    (booking,) = [row for row in world.bookings() if row["state"] == "queued"]
    world.market.control("faults", rules=[{"kind": "error_after", "references": [booking["out_order_id"]]}])
    with world.ctx.db.write() as tx:  # nothing is looked up before the person does
        tx.execute(sa.update(schema.session).values(settle_seconds=600))
    world.work("taobao")
    world.market.control("faults", rules=[])
    (booking,) = [row for row in world.bookings() if row["id"] == booking["id"]]
    assert booking["state"] == "unknown"
    return booking


def test_it_is_there(world: World) -> None:
    numbers = world.ready("taobao", 1)
    booking = handed_over(world, numbers)
    (order,) = world.orders()
    run = settle.placed(world.ctx, ME, booking["out_order_id"], [order["id"]])
    assert world.states(numbers) == {("booked", "")}
    assert world.run(run)["actor"] == ME.name
    assert world.run(booking["run_id"])["state"] == "done"
    assert verify.verify(world.ctx) == []


def test_it_is_not_there(world: World) -> None:
    numbers = world.ready("taobao", 1)
    booking = handed_over(world, numbers)
    settle.not_placed(world.ctx, ME, booking["out_order_id"])
    assert world.states(numbers) == {("ready", "not_placed")}
    assert verify.verify(world.ctx) == []
    world.bought("taobao", numbers)
    assert world.states(numbers) == {("booked", "")}
    assert {row["generation"] for row in world.lines(numbers).values()} == {2}


def test_an_order_of_another_booking_is_refused(world: World) -> None:
    other = world.ready("taobao", 1)
    world.bought("taobao", other)
    (taken,) = world.orders()
    numbers = world.ready("taobao", 1)
    booking = handed_over(world, numbers)
    with pytest.raises(Refused, match="another"):
        settle.placed(world.ctx, ME, booking["out_order_id"], [taken["id"]])
    assert world.states(numbers) == {("booking", "unknown_outcome")}


def test_only_an_unknown_outcome_is_settled(world: World) -> None:
    world.bought("taobao", world.ready("taobao", 1))
    (booking,) = world.bookings()
    with pytest.raises(BadInput, match="confirmed"):
        settle.not_placed(world.ctx, ME, booking["out_order_id"])
    with pytest.raises(BadInput, match="no booking"):
        settle.not_placed(world.ctx, ME, "AP-none-1-1")


def test_a_viewer_settles_nothing(world: World) -> None:
    booking = handed_over(world, world.ready("taobao", 1))
    with pytest.raises(Refused, match="operator"):
        settle.not_placed(world.ctx, Actor("vera", Role.VIEWER), booking["out_order_id"])
