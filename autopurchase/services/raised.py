"""A seller asks more for an unpaid order than before: its lines are flagged, to be accepted or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from autopurchase.domain.readback import told
from autopurchase.storage import bookings, checks, lines
from autopurchase.storage.database import Connection, Row
from autopurchase.storage.provider_orders import Stored
from autopurchase.storage.provider_parts import Raised

#: of these, what was placed is not compared yet, or is being cancelled anyway
_NOT_YET = ("waiting", "released")


def flag(tx: Connection, stored: Sequence[Stored], now: datetime, run_id: int | None) -> int:
    """Flag the lines of bound orders that have become dearer; how many lines."""
    dearer = {item.id: item for item in stored if item.raised and item.booking_id}
    if not dearer:
        return 0
    ties = checks.live_lines(tx, sorted({item.booking_id for item in dearer.values() if item.booking_id}))
    found = 0
    for key, item in dearer.items():
        mine = [row for row in ties if row["provider_order_id"] == key]
        if mine and item.raised:
            found += _flag_one(tx, mine, item.raised, now, run_id)
    return found


def _flag_one(tx: Connection, mine: Sequence[Row], how: Raised, now: datetime, run_id: int | None) -> int:
    booking = bookings.get(tx, mine[0]["booking_id"], lock=True)
    if booking["check_state"] in _NOT_YET:
        return 0
    touched = [row for row in mine if row["provider_line_id"] in how.lines] or mine
    evidence = {
        "what": "price_raised",
        "lines": [row["number"] for row in touched],
        "asked": how.before_fen,
        "said": how.after_fen,
        "order": how.number,
    }
    words, values = told(evidence)
    data = {"cause": "price_raised", "booking": booking["id"], "found": [evidence], "text": words.format(**values)}
    lines.record(
        tx,
        [lines.Event(row["line_id"], "flagged", data) for row in touched],
        at=now,
        actor="clock",
        run_id=run_id or booking["run_id"],
    )
    known = booking["check_found"] if booking["check_state"] == "differs" else []
    bookings.change(tx, booking["id"], check_state="differs", check_found=[*(known or []), evidence], checked_at=now)
    return len(touched)
