"""What is asked of a shop when a shipment is reported; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from autopurchase.domain.errors import BadInput


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


def refusal(asked: Mapping[str, int], still_open: Mapping[str, int]) -> str:
    """Why this cannot be shipped, or ``""``; ``still_open``: pieces not yet shipped, by line id."""
    for line_id, quantity in asked.items():
        if line_id not in still_open:
            return f"the order has no line {line_id}"
        if quantity > still_open[line_id]:
            return f"{quantity} pieces of line {line_id} are reported, and {still_open[line_id]} are not yet shipped"
    return ""
