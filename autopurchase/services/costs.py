"""What each line of a booking costs at the provider: its goods, and its share of the freight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain.money import shares
from autopurchase.domain.purchase import PlacedOrder

Line = Mapping[str, Any]


def of_lines(
    orders: Sequence[PlacedOrder],
    ours: Sequence[Line],
    homes: Mapping[str, tuple[str, str]],
    planned_freight: int,
) -> dict[str, dict[str, int]]:
    """Line number -> ``goods_fen`` and ``freight_fen``, as the placed orders say; what they do not say, as planned."""
    goods = {line["number"]: _goods(orders, line, homes[line["number"]]) for line in ours}
    planned = shares(planned_freight, [goods[line["number"]] for line in ours])
    freight = {line["number"]: share for line, share in zip(ours, planned, strict=True)}
    for order in orders:
        mine = [line["number"] for line in ours if homes[line["number"]][0] == order.provider_order_id]
        if order.freight is not None:
            split = shares(order.freight.minor, [goods[number] for number in mine])
            freight.update(zip(mine, split, strict=True))
    return {number: {"goods_fen": goods[number], "freight_fen": freight[number]} for number in goods}


def _goods(orders: Sequence[PlacedOrder], line: Line, home: tuple[str, str]) -> int:
    """The amount of the one placed line that is just this one of ours."""
    order_id, line_id = home
    found = [
        placed
        for order in orders
        if order.provider_order_id == order_id
        for placed in order.lines
        if (placed.number == line["number"] if placed.number else line_id and placed.provider_line_id == line_id)
    ]
    if len(found) == 1 and found[0].amount is not None and found[0].quantity == line["quantity"]:
        return found[0].amount.minor
    return int(line["quantity"]) * int(line["price_fen"])
