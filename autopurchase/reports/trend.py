"""The last weeks in one row each: what came in, what was booked and bought, and what was open at their ends."""

from __future__ import annotations

from typing import Any

from autopurchase.reports.model import Basis, Behind, Column, Filters, Sheet
from autopurchase.reports.week_balance import PARTS, part_of
from autopurchase.reports.weeks import week_of
from autopurchase.storage import scopes, standing

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
    Column("backlog", "Backlog at its end", "pieces"),  # None of a session or an operator: what waits is nobody's yet
    Column("unpaid", "Unpaid at its end", "pieces"),
    Column("excess", "Over-booked at its end", "pieces"),
)
FLOWS = ("ready", "booked", "bought", "cancelled", "refunded", "withdrawn")


def trend(tx: Any, basis: Basis, filters: Filters | None = None, weeks: int = 12) -> Sheet:
    """The last ``weeks`` weeks, oldest first; the one under way is the last, not ``complete``."""
    scope = scopes.scope(tx, **(filters or Filters()).given())
    this = week_of(basis.as_of, basis.zone)
    found = [this.before(back) for back in reversed(range(weeks))]
    changes = standing.changes_since(tx, scope, basis.zone, found[0].start)
    level_now = dict.fromkeys(PARTS, 0)
    for row in standing.sums_now(tx, scope):
        level_now[part_of(row["part"])] += row["pieces"]
    rows: list[tuple[Any, ...]] = []
    opens = {}
    for place, week in enumerate(found):
        mine = [(part, pieces) for slot, part, pieces in changes if week.start <= slot < week.end]
        later = [(part, pieces) for slot, part, pieces in changes if slot >= week.end]
        flows = [sum(pieces for part, pieces in mine if part == f"+{kind}") for kind in FLOWS]
        ends: list[int | None] = [
            level_now[each] - sum(pieces for part, pieces in later if part_of(part) == each) for each in PARTS
        ]
        if scope.by_account:
            ends[0] = None
        rows.append((week.name, week.start, week.end <= basis.as_of, *flows, *ends))
        for kind in FLOWS:
            where: dict[str, Any] = {"week": week.name, "kind": kind}
            if kind == "ready":
                where |= {"kind": ["ready", "refunded"], "effect": "backlog"}
            opens[place, kind] = Behind("moves", "pieces", where)
        for part in PARTS[scope.by_account :]:
            opens[place, part] = Behind("stood", "pieces", {"part": part, "at": week.end.isoformat()})
    return Sheet("trend", "The last weeks", TREND, rows, opens)
