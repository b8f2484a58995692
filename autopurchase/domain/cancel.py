"""Cancels: what was asked of a marketplace about one unpaid provider order, and what became of it."""

from __future__ import annotations

from enum import StrEnum


class CancelState(StrEnum):
    """State of a cancel. A provider order has at most one that is open."""

    QUEUED = "queued"  # committed, not asked yet (or certainly not sent and waiting to be asked again)
    SENDING = "sending"  # the question was committed and may be on its way, or its answer was lost
    ASKED = "asked"  # the marketplace took it on; what became of it is read back
    CONFIRMED = "confirmed"  # a reading says that the order is closed
    REFUSED = "refused"  # the order lives on there


OPEN = frozenset({CancelState.QUEUED, CancelState.SENDING, CancelState.ASKED})
