"""The rows of a plan to bind: what fits what, which orders and lines are left out, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from autopurchase.domain.binding import Match, Offered, Wanted
from autopurchase.domain.causes import cause
from autopurchase.domain.order import FINAL, LineStatus
from autopurchase.services.import_rules import FREE
from autopurchase.storage.database import Row


def no(number: str, code: str, sentence: str) -> dict[str, str]:
    """An order to which nothing can be bound."""
    return {"provider_order": number, "cause": code, "sentence": sentence}


def not_free(row: Row) -> dict[str, str] | None:
    """Why the line cannot be bound, whatever the orders are."""
    if row["purchase"] not in FREE:
        sentence = f"It is {row['purchase']} already: cancel or unbind that first."
        return {"number": row["number"], "cause": "not_free", "sentence": sentence}
    if row["status"] in FINAL or row["open_quantity"] <= 0:
        status = LineStatus(row["status"]).label
        return {"number": row["number"], "cause": "not_free", "sentence": f"Nothing is to be bought for it: {status}."}
    return None


def placeless(one: Wanted) -> dict[str, str]:
    where = f"order {one.orders[0]}" if len(one.orders) == 1 else "these orders"
    sentence = f"Nothing in {where} is this item with as many free pieces as it needs."
    return {"number": one.number, "cause": "no_match", "sentence": sentence}


def orders(places: Sequence[tuple[Row, Offered]]) -> list[dict[str, Any]]:
    """The orders that something may be bound to, with how many of their pieces are free."""
    found: dict[str, dict[str, Any]] = {}
    for row, place in places:
        entry = found.setdefault(
            place.order,
            {
                "provider_order": place.order,
                "key": row["order_key"],
                "state": row["order_state"],
                "seller": row["seller_name"] or row["seller_id"],
                "total_fen": row["total_fen"],
                "pieces": 0,
                "free": 0,
            },
        )
        entry["pieces"] += place.pieces
        entry["free"] += place.free
    return list(found.values())


def full(orders: Collection[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        no(one["provider_order"], "bound_already", "All its pieces are bound already.")
        for one in orders
        if not one["free"]
    ]


def row(ours: Row, theirs: Row, found: Match) -> dict[str, Any]:
    """One line of the table that people see, and what applying it needs."""
    return {
        "number": ours["number"],
        "version": ours["version"],
        "title": ours["title"],
        "configuration": ours["configuration"] or ours["configuration_original"],
        "stands": cause(ours["cause"]).label if ours["cause"] else LineStatus(ours["status"]).label,
        "pieces": found.wanted.pieces,
        "item_id": ours["item_id"],
        "choice": ours["spec_id"] or ours["sku_id"],
        "provider_order": found.offered.order,
        "order_key": theirs["order_key"],
        "order_state": theirs["order_state"],
        "line_key": found.offered.key,
        "their_title": theirs["title"],
        "their_item_id": theirs["item_id"],
        "their_choice": theirs["spec_id"] or theirs["sku_id"],
        "their_sku_id": theirs["sku_id"],
        "their_spec_id": theirs["spec_id"],
        "free": found.offered.free,
        "seen_fen": ours["reference_fen"],
        "price_fen": found.offered.price_fen,
        "seller": theirs["seller_name"] or theirs["seller_id"],
        "fit": found.fit,
        "differences": [one.as_json() for one in found.differences],
        "split": list(found.split),
    }
