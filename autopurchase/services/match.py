"""Which line of a provider order is which line of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain.purchase import PlacedLine, PlacedOrder
from autopurchase.storage import bookings, provider_orders
from autopurchase.storage.database import Connection


def homes(orders: Sequence[PlacedOrder], ours: Sequence[Mapping[Any, Any]]) -> dict[str, tuple[str, str]]:
    """Line number -> (provider order id, provider line id or ""), for every line of the booking.

    By our own number where the answer echoes it, else by spec, SKU or item; a line that matches nothing belongs to the
    first order, whose reading will tell more.
    """
    placed = [(order.provider_order_id, line) for order in orders for line in order.lines]
    found = {}
    for row in ours:
        best = _best(row, [line for _, line in placed])
        if best is None:
            found[row["number"]] = orders[0].provider_order_id, ""
        else:
            order_id, line = placed[best]
            found[row["number"]] = order_id, line.provider_line_id
    return found


def tie(tx: Connection, order_keys: Sequence[int]) -> None:
    """Tie booked lines that know only their provider order (the create answer named no lines) to its lines."""
    for row in provider_orders.untied(tx, order_keys):
        theirs = provider_orders.lines_of(tx, row["provider_order_id"])
        best = _best(_planned(row), [_as_placed(line) for line in theirs])
        if best is not None:
            bookings.link(tx, {row["id"]: (row["provider_order_id"], theirs[best]["id"])})


def aliases(planned: Mapping[Any, Any]) -> frozenset[str]:
    """Further ids of a planned line, by which its provider calls item and configuration in its orders."""
    return frozenset(str(value) for value in (planned.get("prepared") or {}).values() if value)


def _planned(row: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The booked line as its plan froze it; as it is now where the booking holds no such line."""
    lines = row["purchase"].get("lines", ())
    return next((line for line in lines if line.get("number") == row["number"] and "prepared" in line), row)


def _as_placed(line: Mapping[Any, Any]) -> PlacedLine:
    return PlacedLine("", line["provider_line_id"], line["item_id"], line["sku_id"], line["spec_id"], line["quantity"])


def _best(row: Mapping[Any, Any], lines: Sequence[PlacedLine]) -> int | None:
    """Position of the line most like ours, the first of equals; None when none is."""
    scores = [_likeness(row, line) for line in lines]
    return scores.index(max(scores)) if any(scores) else None


def _likeness(row: Mapping[Any, Any], line: PlacedLine) -> int:
    if line.number:
        return 4 if line.number == row["number"] else 0
    others = aliases(row)
    if line.spec_id and (line.spec_id == row["spec_id"] or line.spec_id in others):
        return 3
    if line.sku_id and (line.sku_id == row["sku_id"] or line.sku_id in others):
        return 2
    return 1 if line.item_id and (line.item_id == row["item_id"] or line.item_id in others) else 0
