"""The pay list: what a manager has approved, what will expire, and why an order is on no payment page. Pure rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from autopurchase.domain.causes import cause
from autopurchase.domain.money import amount_text
from autopurchase.domain.provider_order import ProviderState, purchase_state


class PayState(StrEnum):
    """Whether an unpaid order may be paid."""

    WAITING = "waiting"  # nobody has approved it, or the approval was withdrawn
    APPROVED = "approved"
    GROWN = "grown"  # its total has risen above what was approved


#: what expires "soon": name -> hours from now; ``overdue`` is what should have expired already
SOON: dict[str, int] = {"6h": 6, "24h": 24}
OVERDUE = "overdue"


def pay_state(total_fen: int | None, approved_fen: int | None) -> PayState:
    """An approval stands up to its amount."""
    if approved_fen is None:
        return PayState.WAITING
    return PayState.GROWN if total_fen is None or total_fen > approved_fen else PayState.APPROVED


def expires(deadline: datetime | None, now: datetime) -> str:
    """``overdue``, ``6h``, ``24h``, or empty: later, or no deadline is known."""
    if deadline is None:
        return ""
    if deadline <= now:
        return OVERDUE
    return next((name for name, hours in SOON.items() if deadline <= now + timedelta(hours=hours)), "")


def why_not(
    state: ProviderState,
    close_reason: str,
    *,
    payable: bool,
    cancelling: bool,
    total_fen: int | None,
    approved_fen: int | None,
) -> str:
    """Why an order cannot be put on a payment page; empty: nothing of what is known stands in the way."""
    if state is ProviderState.CLOSED:
        moved = purchase_state(state, close_reason)
        return f"Closed at the marketplace: {cause(moved[1]).label}." if moved else "Closed at the marketplace."
    if state is not ProviderState.UNPAID:
        return "Paid already."
    if cancelling:
        return "It is being cancelled."
    approved = pay_state(total_fen, approved_fen)
    if approved is PayState.GROWN:
        return f"Its total rose from {_amount(approved_fen)} to {_amount(total_fen)}: approve it again."
    if approved is PayState.WAITING:
        return "No longer approved."
    return "" if payable else "The marketplace is still building it: try again in a minute."


def _amount(fen: int | None) -> str:
    return "–" if fen is None else f"CNY {amount_text(fen, 'CNY')}"


#: of an order that the marketplace left out and that is as payable as before
LEFT_OUT = "The marketplace left it out without saying why: open the order's own page there."
