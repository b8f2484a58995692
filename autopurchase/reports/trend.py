"""The last weeks in one row each: what came in, what was booked and bought, and what was open at their ends."""

from __future__ import annotations

from typing import Any

from autopurchase.reports.model import Basis, Column, Filters, Sheet

TREND = (
    Column("week", "Week"),  # 2026-W47
    Column("start", "Begins", "time"),
    Column("complete", "Over", "flag"),
    Column("ready", "New ready", "pieces"),
    Column("booked", "Booked", "pieces"),
    Column("bought", "Bought", "pieces"),
    Column("cancelled", "Cancelled unpaid", "pieces"),
    Column("refunded", "Refunded", "pieces"),
    Column("withdrawn", "Withdrawn", "pieces"),
    Column("backlog", "Backlog at its end", "pieces"),
    Column("unpaid", "Unpaid at its end", "pieces"),
    Column("over", "Over-booked at its end", "pieces"),
)


def trend(tx: Any, basis: Basis, filters: Filters | None = None, weeks: int = 12) -> Sheet:
    """The last ``weeks`` weeks, oldest first; the one under way is the last, not ``complete``."""
    return Sheet("trend", "The last weeks", TREND, [])
