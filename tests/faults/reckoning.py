"""What stands at the end of an ordeal, by the marketplace's own books beside ours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from autopurchase.domain.booking import LIVE, OPEN
from autopurchase.domain.desk import ORPHAN_AGE, Found
from autopurchase.domain.order import PurchaseState
from autopurchase.services import findings
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.support.world import World

_TIED = {PurchaseState.BOOKED, PurchaseState.BOUGHT, PurchaseState.SENT, PurchaseState.ARRIVED}


@dataclass
class Reckoning:
    """Figures of the whole world, and the names of what is wrong. Everything but ``desk`` must be empty."""

    lines: int = 0
    orders: int = 0
    over_booked: list[str] = field(default_factory=list)  # references or lines bought more than once
    lost: list[str] = field(default_factory=list)  # lines of which nobody can tell what becomes of them
    unbound: list[str] = field(default_factory=list)  # living orders that are neither bound nor on the desk
    shown_cancelled: list[str] = field(default_factory=list)  # living orders that are closed here
    differences: list[str] = field(default_factory=list)  # what verify found
    waiting: int = 0  # bookings that wait for a person
    desk: Counter[str] = field(default_factory=Counter)

    @property
    def wrong(self) -> dict[str, list[str]]:
        """What must be empty, and is not."""
        names = ("over_booked", "lost", "unbound", "shown_cancelled", "differences")
        return {name: found for name in names if (found := getattr(self, name))}


def reckon(world: World) -> Reckoning:
    """Compare. The desk is read as it will be once young orders are judged."""
    with world.ctx.db.read() as tx:
        desk = findings.current(tx, world.ctx.now() + ORPHAN_AGE)
    held = [order for order in world.orders() if order["status"] != "closed"]
    bookings = {row["id"]: row for row in world.bookings()}
    lines = world.lines()
    waiting = {row["id"] for row in bookings.values() if row["state"] == "unknown" and row["cause"] == "person"}
    return Reckoning(
        lines=len(lines),
        orders=len(world.orders()),
        over_booked=_over_booked(world, held, bookings),
        lost=[number for number, row in lines.items() if _lost(row, bookings, waiting)],
        unbound=_unbound(world, held, bookings, desk),
        shown_cancelled=_shown_cancelled(world, held),
        differences=[f"{each.what}: {each.stored} / {each.history}" for each in verify(world.ctx)],
        waiting=len(waiting),
        desk=Counter(each.kind for each in desk),
    )


def _ties(world: World) -> list[dict[str, Any]]:
    query = sa.select(schema.booking_line, schema.booking.c.out_order_id, schema.booking.c.state)
    return world.rows(query.join(schema.booking))


def _over_booked(world: World, held: list[dict[str, Any]], bookings: dict[int, dict[str, Any]]) -> list[str]:
    """References of ours under which more lives than was booked; lines that two living orders were placed for."""
    living: Counter[str] = Counter()
    for order in held:
        living[order["reference"]] += sum(line["quantity"] for line in order["lines"])
    wanted = {
        row["out_order_id"]: sum(line["quantity"] for line in row["purchase"]["lines"]) for row in bookings.values()
    }
    found = [reference for reference, pieces in wanted.items() if living[reference] > pieces]
    placed = {(row["line_id"], row["out_order_id"]) for row in _ties(world) if living[row["out_order_id"]]}
    members = Counter(reference for _, reference in placed)
    twice = Counter(line for line, reference in placed if members[reference] == 1)
    return found + [f"line {line}" for line, times in twice.items() if times > 1]


def _lost(row: dict[str, Any], bookings: dict[int, dict[str, Any]], waiting: set[int]) -> bool:
    """Neither ready, nor booked, nor held with a cause, nor waiting for a person."""
    state, booking = PurchaseState(row["purchase"]), bookings.get(row["booking_id"] or 0)
    if state in _TIED:
        return booking is None or booking["state"] != "confirmed"
    if state is PurchaseState.BOOKING:
        return booking is None or booking["id"] not in waiting
    if booking is not None and booking["state"] in {each.value for each in LIVE}:
        return booking["state"] in {each.value for each in OPEN} or not row["cause"]
    return state is PurchaseState.PROBLEM and not row["cause"]


def _unbound(
    world: World, held: list[dict[str, Any]], bookings: dict[int, dict[str, Any]], desk: list[Found]
) -> list[str]:
    shown = {each.number for each in desk} | {each.reference for each in desk if each.kind == "unknown"}
    known = {row["provider_order_id"]: row["booking_id"] for row in world.rows(sa.select(schema.provider_order))}
    bound = {number for number, key in known.items() if key and bookings[key]["state"] == "confirmed"}
    return [
        f"{order['id']} ({order['reference']})"
        for order in held
        if order["id"] not in bound and not {order["id"], order["reference"]} & shown
    ]


def _shown_cancelled(world: World, held: list[dict[str, Any]]) -> list[str]:
    alive = {order["id"] for order in held}
    rows = world.rows(sa.select(schema.provider_order).where(schema.provider_order.c.state == "closed"))
    asked = sa.select(schema.provider_order.c.provider_order_id).join(
        schema.cancel, schema.cancel.c.provider_order_id == schema.provider_order.c.id
    )
    confirmed = world.rows(asked.where(schema.cancel.c.state == "confirmed"))
    return sorted({row["provider_order_id"] for row in (*rows, *confirmed)} & alive)
