"""Orders and lines: statuses, purchase states, allowed moves, references."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from autopurchase.domain.errors import BadInput, Refused


class LineStatus(StrEnum):
    """What the customer sees of a line. Order of definition is the usual way of a line."""

    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    PRICE_CONFIRMATION = "price_confirmation"
    ORDERED = "ordered"
    QUALITY_INSPECTION = "quality_inspection"
    RECEIVED_AT_WAREHOUSE = "received_at_warehouse"
    PACKING = "packing"
    READY_TO_SHIP = "ready_to_ship"
    SHIPPED = "shipped"
    RECEIVED = "received"
    RETURNED_TO_VENDOR = "returned_to_vendor"
    IMPOSSIBLE_TO_DELIVER = "impossible_to_deliver"
    CANCELLED = "cancelled"

    @property
    def label(self) -> str:
        """The words shown to people."""
        return self.value.replace("_", " ").capitalize()


class PurchaseState(StrEnum):
    """Where a line stands in being bought; beside its status."""

    READY = "ready"  # nothing is under way
    BOOKING = "booking"  # an intent exists: queued, being sent, or of unknown outcome
    BOOKED = "booked"  # a provider order exists, not paid
    BOUGHT = "bought"  # the provider says it is paid
    SENT = "sent"  # the seller has shipped
    ARRIVED = "arrived"  # signed at the address of the purchase
    PROBLEM = "problem"  # waits for a person; carries a cause


#: statuses that end a line; leaving one is a backward move
FINAL = frozenset(
    {LineStatus.RECEIVED, LineStatus.RETURNED_TO_VENDOR, LineStatus.IMPOSSIBLE_TO_DELIVER, LineStatus.CANCELLED}
)
#: statuses of lines that no longer count for their order
DEAD = FINAL - {LineStatus.RECEIVED}
_RANK = {status: rank for rank, status in enumerate(LineStatus)}
#: purchase states in which money or an intent is at the provider
COMMITTED = frozenset({PurchaseState.BOOKING, PurchaseState.BOOKED, PurchaseState.BOUGHT, PurchaseState.SENT})
_BEFORE_ORDER = frozenset({LineStatus.AWAITING_PAYMENT, LineStatus.PAID, LineStatus.PRICE_CONFIRMATION})


def allowed_moves(status: LineStatus, purchase: PurchaseState) -> list[LineStatus]:
    """Statuses a person may give the line now, in the usual order.

    A line with something under way at the provider cannot go back before Ordered nor be cancelled: cancel there first.
    """
    blocked = (_BEFORE_ORDER | {LineStatus.CANCELLED}) if purchase in COMMITTED else frozenset()
    reopened = {LineStatus.PAID, LineStatus.RETURNED_TO_VENDOR} if status in FINAL else set(LineStatus)
    return [to for to in LineStatus if to != status and to not in blocked and to in reopened]


def needs_reason(status: LineStatus, to: LineStatus) -> bool:
    """Whether moving from ``status`` to ``to`` goes backward or ends the line."""
    return _RANK[to] < _RANK[status] or to in FINAL


def check_move(status: LineStatus, purchase: PurchaseState, to: LineStatus, reason: str) -> None:
    """Raise Refused with a sentence when the move is not allowed or lacks its reason."""
    if to not in allowed_moves(status, purchase):
        extra = " Cancel the provider order first." if purchase in COMMITTED else ""
        raise Refused(f"A line cannot move from “{status.label}” to “{to.label}”.{extra}")
    if needs_reason(status, to) and not reason.strip():
        raise BadInput(f"Moving from “{status.label}” to “{to.label}” needs a reason.")


def order_status(lines: Iterable[LineStatus]) -> LineStatus:
    """Status of an order: the least advanced of its live lines, so it advances when *all* of them have.

    Cancelled, returned and impossible lines do not count; when no other is left, the order has their common status, or
    Cancelled when they differ.
    """
    statuses = list(lines)
    live = [status for status in statuses if status not in DEAD]
    if live:
        return min(live, key=_RANK.__getitem__)
    return statuses[0] if len(set(statuses)) == 1 else LineStatus.CANCELLED


_FULL = re.compile(r"^(?P<order>.+)-(?P<line>[1-9]\d*)$")
_STANDARD = re.compile(r"^ORD-0*(\d+)$")


def short_number(order_number: str, line_no: int) -> str:
    """``ORD-000000053``, 1 -> ``53-1``; other order numbers keep their full form."""
    match = _STANDARD.match(order_number)
    return f"{match[1] if match else order_number}-{line_no}"


def parse_line_number(text: str) -> tuple[list[str], int]:
    """``53-1`` or ``ORD-000000053-1`` -> (possible order numbers, line). Raises BadInput for anything else."""
    match = _FULL.match(text.strip())
    if not match:
        raise BadInput(f"“{text}” is not a line number; write it like 53-1 or ORD-000000053-1.")
    order = match["order"]
    spellings = [order, f"ORD-{int(order):09d}"] if order.isdigit() else [order]
    return spellings, int(match["line"])
