"""Bookings: our intent to place one create call, and what became of it."""

from __future__ import annotations

from enum import StrEnum


class BookingState(StrEnum):
    """State of a booking. Live ones hold their lines; a line has at most one live booking."""

    QUEUED = "queued"  # committed, not yet sent (or proven not sent and waiting to be sent again)
    SENDING = "sending"  # an attempt was committed and the call may be on its way
    UNKNOWN = "unknown"  # the outcome is not known: looked up after the settle time, or by a person
    CONFIRMED = "confirmed"  # provider orders exist
    REFUSED = "refused"  # the provider refused; nothing exists there
    ENDED = "ended"  # its provider orders were closed: the lines are free again


LIVE = frozenset({BookingState.QUEUED, BookingState.SENDING, BookingState.UNKNOWN, BookingState.CONFIRMED})
#: states that still need the worker or a person
OPEN = frozenset({BookingState.QUEUED, BookingState.SENDING, BookingState.UNKNOWN})


def reference(tag: str, run_id: int, position: int) -> str:
    """Our out_order_id: workspace tag, run and position in it. The tag keeps two workspaces of one account apart."""
    return f"AP-{tag}-{run_id}-{position}"
