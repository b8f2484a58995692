"""The desk's rows: where what we believe and what a provider says differ, and what puts each right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

#: kinds in the order people should see to them
KINDS = (
    "double",
    "paid_after_cancel",
    "cancelled_alive",
    "unknown",
    "ghost",
    "price_raised",
    "differs",
    "mismatch",
    "orphan",
)
LABELS = {
    "double": "Ordered twice",
    "paid_after_cancel": "Paid after it was cancelled",
    "cancelled_alive": "Cancelled here, alive there",
    "unknown": "Outcome unknown",
    "ghost": "Not there",
    "price_raised": "Seller raised the price",
    "differs": "Not as planned",
    "mismatch": "Changed since",
    "orphan": "Bound to nothing",
}
#: an order bound to nothing is left alone so long: whoever made it may be about to bind it
ORPHAN_AGE = timedelta(minutes=15)
#: what may be done about a row, the proposed one first; ``cancel`` only while the order is unpaid
ACTIONS: dict[str, tuple[str, ...]] = {
    "double": ("cancel", "leave"),
    "paid_after_cancel": ("bind", "leave"),
    "cancelled_alive": ("cancel", "bind", "leave"),
    "unknown": ("there", "not_there"),
    "ghost": ("free",),
    "price_raised": ("accept", "cancel"),
    "differs": ("accept", "cancel"),
    "mismatch": ("accept", "cancel"),
    "orphan": ("bind", "leave"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One row. ``key`` names what it is about; ``believed`` and ``said`` hold ``text``, a template, and its values.

    Ids are row ids. ``unpaid``: the order may still be cancelled. ``held``: live lines of ours depend on it.
    """

    kind: str
    key: str
    session_id: int
    believed: Mapping[str, Any]
    said: Mapping[str, Any]
    since: datetime
    order_key: int | None = None
    booking_id: int | None = None
    line_id: int | None = None
    number: str = ""
    reference: str = ""
    lines: tuple[str, ...] = ()
    total_fen: int | None = None
    unpaid: bool = False
    held: bool = False
    evidence: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def actions(self) -> tuple[str, ...]:
        """What may be done, the proposed one first."""
        possible = ACTIONS[self.kind]
        if not self.unpaid:
            possible = tuple(each for each in possible if each != "cancel")
        return tuple(each for each in possible if each != "bind" or not self.held)


def words(part: Mapping[str, Any], translate: Callable[[str], str] = str) -> str:
    """What we believe, or what they say, as a sentence; ``translate`` is given the template and single words."""
    values = {
        name: translate(value.replace("_", " ")) if name == "state" else value
        for name, value in part.items()
        if name != "text"
    }
    return translate(str(part["text"])).format(**values)
