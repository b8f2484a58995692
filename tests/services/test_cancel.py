"""Cancelling at the provider: only a reading that says closed makes it so, and nothing else is ever shown cancelled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.sandbox import Sandbox
from autopurchase.services import cancel
from autopurchase.services.verify import verify
from autopurchase.storage import runs, schema
from tests.support.world import ME, World, open_world

BOTH = pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


def orders_of(world: World, numbers: list[str]) -> list[int]:
    """Row ids of the provider orders that hold these lines."""
    query = (
        sa.select(schema.booking_line.c.provider_order_id)
        .join_from(schema.booking_line, schema.line, schema.booking_line.c.line_id == schema.line.c.id)
        .where(schema.line.c.number.in_(numbers), schema.booking_line.c.live)
        .distinct()
    )
    return [row["provider_order_id"] for row in world.rows(query)]


def asked(world: World, numbers: list[str], **more: Any) -> int:
    """A run that asks for the cancel of the orders of these lines."""
    with world.ctx.db.write() as tx:
        run = runs.create(tx, kind="cancel", actor=ME.name, at=world.ctx.now(), call="shop.cancel()", total=1)
        cancel.ask(world.ctx, tx, run_id=run, orders=orders_of(world, numbers), why="person", actor=ME, **more)
    return run


def cancels(world: World) -> list[dict[str, Any]]:
    """The ledger of cancels, oldest first."""
    return world.rows(sa.select(schema.cancel).order_by(schema.cancel.c.id))


@BOTH
def test_a_confirmed_cancel_frees_the_line_and_booking_again_is_the_next_generation(
    world: World, provider: str
) -> None:
    numbers = world.ready(provider, 1)
    world.bought(provider, numbers)
    run = asked(world, numbers)
    assert world.states(numbers) == {("booked", "cancel_asked")}
    cancel.work(world.ctx, world.session_id(provider))
    assert {order["status"] for order in world.orders()} == {"closed"}
    assert world.states(numbers) == {("ready", "")}
    assert world.lines(numbers)[numbers[0]]["ready"]
    assert world.run(run)["state"] == "done"
    assert world.run(run)["out"]["orders"] == {"cancelled": 1}
    assert verify(world.ctx) == []
    world.bought(provider, numbers)
    assert [row["state"] for row in world.bookings()] == ["ended", "confirmed"]
    assert world.lines(numbers)[numbers[0]]["generation"] == 2
    assert len({order["reference"] for order in world.orders()}) == 2
    assert verify(world.ctx) == []
