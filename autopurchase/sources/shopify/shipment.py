"""Which pieces of which fulfilment orders a shipment is made of; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autopurchase.sources.shopify.translate import Node

#: fulfilment orders that can be fulfilled now
_READY = frozenset({"OPEN", "IN_PROGRESS"})

#: pieces by id of a fulfilment order's line, by id of the fulfilment order
Parts = dict[str, dict[str, int]]


def parts(nodes: list[Node], asked: Mapping[str, int]) -> tuple[Parts, dict[str, int]]:
    """Take what is asked for, by line id, from fulfilment orders; also what none of them has left."""
    left = dict(asked)
    taken: Parts = {}
    for node in nodes:
        if node["status"] not in _READY:
            continue
        for line in node["lineItems"]["nodes"]:
            line_id = str(line["lineItem"]["id"])
            count = min(left.get(line_id, 0), int(line["remainingQuantity"]))
            if count > 0:
                taken.setdefault(str(node["id"]), {})[str(line["id"])] = count
                left[line_id] -= count
    return taken, {line_id: count for line_id, count in left.items() if count}


def request(order_id: str, pieces: Mapping[str, int], carrier: str, number: str, notify: bool) -> dict[str, Any]:
    """Input of the call that fulfils pieces of one fulfilment order: one call may not span two places."""
    lines = [{"id": line, "quantity": count} for line, count in pieces.items()]
    return {
        "lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": order_id, "fulfillmentOrderLineItems": lines}],
        "trackingInfo": {"company": carrier, "number": number},
        "notifyCustomer": notify,
    }


def user_errors(answer: Mapping[str, Any]) -> str:
    """The shop's own words on what it did not do, or ``""``."""
    return "; ".join(str(each["message"]) for each in answer["userErrors"])
