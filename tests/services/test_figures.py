"""Figures of what really happened at the marketplace: booked, paid, expired, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.reports import Report, lines
from autopurchase.reports.weeks import week_of
from autopurchase.sandbox import Sandbox
from autopurchase.services import cancel, cancel_apply, cancel_plan, reports
from autopurchase.services.cancel_plan import Choice
from autopurchase.services.lines import versions
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.support.processes import wait_until
from tests.support.world import ME, World, open_world


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """A session a provider; once on each database."""
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


def flow(report: Report) -> dict[str, Any]:
    """Figure -> pieces."""
    return {row[0]: row[2] for row in report.sheets["flow"].rows if row[2]}


def test_figures_of_real_orders(world: World) -> None:
    numbers = world.ready("taobao", 4) + world.ready("alibaba1688", 3)
    pieces = {number: row["quantity"] for number, row in world.lines(numbers).items()}
    world.bought("taobao", numbers[:3])
    world.bought("alibaba1688", numbers[4:6])
    placed = {row["number"]: row["provider_order_id"] for row in world.rows(_ORDERS)}
    world.market.control("pay", ids=[placed[numbers[0]], placed[numbers[4]]])
    paid = lambda: sum(order["status"] == "paid" for order in world.orders())  # noqa: E731
    wait_until(lambda: paid() == 2, timeout=10, what="two paid orders")
    for session in ("taobao", "alibaba1688"):
        world.sync(session)
    token = cancel_plan.request(world.ctx, ME, Choice(versions(world.ctx, [numbers[1]])))
    cancel_apply.apply(world.ctx, ME, token)
    cancel.work(world.ctx, world.session_id("taobao"))
    week = week_of(world.ctx.now(), reports.basis(world.ctx).zone)
    report = reports.weekly(world.ctx, ME, week.name)
    booked = [*numbers[:3], *numbers[4:6]]
    bought = [numbers[0], numbers[4]]
    waiting = sum(pieces[number] for number in (numbers[1], numbers[3], numbers[6]))
    assert flow(report) == {
        "new_ready": sum(pieces.values()),
        "booked": sum(pieces[number] for number in booked),
        "bought": sum(pieces[number] for number in bought),
        "cancelled": pieces[numbers[1]],
        "cancelled:operator": pieces[numbers[1]],
        "back": pieces[numbers[1]],
        "open_backlog": waiting,
        "open_unpaid": sum(pieces[number] for number in (numbers[2], numbers[5])),
    }
    assert report.figures["residual"].value == 0
    assert report.sheets["operators"].rows[0][0] == ME.name
    now = reports.overview(world.ctx, ME)
    assert now.figures["backlog_pieces"].value == waiting
    assert now.figures["unpaid_orders"].value == 2
    with world.ctx.db.read() as tx:
        for figure, basis in ((figure, each.basis) for each in (report, now) for figure in each.all_figures()):
            assert figure.behind is not None
            rows = lines.rows_behind(tx, figure.behind, basis)
            again = lines.recount(figure.behind, rows, figure.currency)
            assert again == figure.value or not (again or figure.value), figure
    owed = sum(order["total_fen"] for order in _unpaid(world))
    assert now.figures["unpaid_exposure"].value * 100 == owed
    assert verify(world.ctx) == []


_ORDERS = (
    sa.select(schema.line.c.number, schema.provider_order.c.provider_order_id)
    .join_from(schema.booking_line, schema.line, schema.booking_line.c.line_id == schema.line.c.id)
    .join(schema.provider_order, schema.provider_order.c.id == schema.booking_line.c.provider_order_id)
)


def _unpaid(world: World) -> list[dict[str, Any]]:
    return world.rows(sa.select(schema.provider_order).where(schema.provider_order.c.state == "unpaid"))


def test_freight_and_prices_come_from_the_marketplace(world: World) -> None:
    numbers = world.ready("taobao", 2, per_order=2)
    world.bought("taobao", numbers)
    moves = world.rows(sa.select(schema.movement).where(schema.movement.c.kind == "booked"))
    orders = world.rows(sa.select(schema.provider_order))
    placed = world.rows(sa.select(schema.provider_line))
    assert sum(move["freight_fen"] for move in moves) == sum(order["freight_fen"] or 0 for order in orders)
    assert sum(move["goods_fen"] for move in moves) == sum(each["amount_fen"] for each in placed)
    assert {move["operator"] for move in moves} == {ME.name}
    assert {move["session_id"] for move in moves} == {world.session_id("taobao")}
