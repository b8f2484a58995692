"""Shipments: our fulfilment among those the shop has; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from autopurchase.sources.medusa.manifest import Settings
from autopurchase.sources.medusa.translate import Node

#: names in a fulfilment's metadata
KEY, CARRIER = "purchase_shipment", "carrier"


def key(asked: Mapping[str, int], number: str) -> str:
    """What makes a shipment the same when it is reported again: its tracking number, lines and quantities."""
    return " ".join([number, *(f"{line_id}*{quantity}" for line_id, quantity in sorted(asked.items()))])


def find(node: Node, asked: Mapping[str, int], number: str) -> Node | None:
    """The fulfilment that is this shipment: it carries our key, or was made by hand with the same parcel in it."""
    ours = [each for each in live(node) if (each.get("metadata") or {}).get(KEY) == key(asked, number)]
    same = [each for each in live(node) if number in _numbers(each) and _contents(each) == asked] if number else []
    return next(iter(ours + same), None)


def hidden(node: Node, asked: Mapping[str, int]) -> str:
    """Why nothing more may be packed, or ``""``.

    The shop counts packed pieces and shows fulfilments by two writes. Power lost between them leaves pieces that no
    fulfilment shows: perhaps those of this very shipment, which must not be packed twice.
    """
    shown: Counter[str] = Counter()
    for each in live(node):
        shown.update(_contents(each))
    for item in node["items"]:
        line_id, packed = str(item["id"]), int(item["detail"].get("fulfilled_quantity") or 0)
        if line_id in asked and packed > shown[line_id]:
            return (
                f"the shop counts {packed} packed pieces of line {line_id} and shows {shown[line_id]}: correct it there"
            )
    return ""


def sent(fulfilment: Node) -> bool:
    """Whether the shop knows it as sent."""
    return bool(fulfilment.get("shipped_at") or fulfilment.get("delivered_at"))


def fulfilment(settings: Settings, asked: Mapping[str, int], carrier: str, number: str) -> dict[str, Any]:
    """Body of the call that makes a fulfilment."""
    body = {
        "items": _items(asked),
        "no_notification": not settings.notify,
        "metadata": {KEY: key(asked, number), CARRIER: carrier},
    }
    return {**body, "location_id": settings.location_id} if settings.location_id else body


def shipment(settings: Settings, asked: Mapping[str, int], number: str) -> dict[str, Any]:
    """Body of the call that says that a fulfilment was sent; the shop wants addresses, and takes empty ones."""
    labels = [{"tracking_number": number, "tracking_url": "", "label_url": ""}] if number else []
    return {"items": _items(asked), "labels": labels, "no_notification": not settings.notify}


def live(node: Node) -> list[Node]:
    """Fulfilments that were not cancelled."""
    return [each for each in node.get("fulfillments") or [] if not each.get("canceled_at")]


def _items(asked: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"id": line_id, "quantity": quantity} for line_id, quantity in asked.items()]


def _numbers(fulfilment: Node) -> set[str]:
    return {str(label["tracking_number"]) for label in fulfilment.get("labels") or []}


def _contents(fulfilment: Node) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in fulfilment.get("items") or []:
        counts[str(part["line_item_id"])] += int(part["quantity"])
    return counts
