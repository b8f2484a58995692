"""Shipments: what was asked against what the shop already has; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.sources.vendure.translate import Node, fulfilled_quantities, live_fulfilments

#: a fulfilment that was added but not moved on
BEFORE_SHIPPED = frozenset({"Created", "Pending"})


def quantities(lines: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Quantity by line id. Raises BadInput when nothing, or less than one piece, is reported."""
    asked: Counter[str] = Counter()
    for line_id, quantity in lines:
        if quantity < 1:
            raise BadInput(f"Line {line_id}: {quantity} pieces cannot be shipped.")
        asked[line_id] += quantity
    if not asked:
        raise BadInput("A shipment needs at least one line.")
    return dict(asked)


def find(node: Node, asked: Mapping[str, int], number: str) -> Node | None:
    """The fulfilment that is this shipment: the same lines and tracking number."""
    for fulfilment in live_fulfilments(node):
        has = {str(part["orderLineId"]): int(part["quantity"]) for part in fulfilment["lines"]}
        if has == asked and (fulfilment["trackingCode"] or "") == number:
            return fulfilment
    return None


def refusal(node: Node, asked: Mapping[str, int]) -> str:
    """Why this cannot be shipped, or ``""``."""
    fulfilled = fulfilled_quantities(node)
    ordered = {str(line["id"]): int(line["quantity"]) for line in node["lines"]}
    for line_id, quantity in asked.items():
        if line_id not in ordered:
            return f"the order has no line {line_id}"
        left = ordered[line_id] - fulfilled[line_id]
        if quantity > left:
            return f"{quantity} pieces of line {line_id} are reported, and {left} are not yet shipped"
    return ""


def request(handler: str, asked: Mapping[str, int], carrier: str, number: str) -> dict[str, Any]:
    """Input of the call that adds a fulfilment."""
    arguments = {"method": carrier, "trackingCode": number}
    return {
        "lines": [{"orderLineId": line_id, "quantity": quantity} for line_id, quantity in asked.items()],
        "handler": {
            "code": handler,
            "arguments": [{"name": name, "value": value} for name, value in arguments.items()],
        },
    }


def answer(result: Node) -> str:
    """``done``, or ``refused: …`` with the shop's own words."""
    if "errorCode" in result:
        return f"refused: {result['message']} ({result['errorCode']})"
    return "done"
