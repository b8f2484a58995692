"""Shipments: our fulfilment among those the shop has; pure."""

from __future__ import annotations

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
    live = [each for each in node.get("fulfillments") or [] if not each.get("canceled_at")]
    ours = [each for each in live if (each.get("metadata") or {}).get(KEY) == key(asked, number)]
    same = [each for each in live if number in _numbers(each) and _contents(each) == asked] if number else []
    return next(iter(ours + same), None)


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


def _items(asked: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"id": line_id, "quantity": quantity} for line_id, quantity in asked.items()]


def _numbers(fulfilment: Node) -> set[str]:
    return {str(label["tracking_number"]) for label in fulfilment.get("labels") or []}


def _contents(fulfilment: Node) -> dict[str, int]:
    return {str(part["line_item_id"]): int(part["quantity"]) for part in fulfilment.get("items") or []}
