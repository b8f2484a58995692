"""How long the backlog has waited: buckets, percentiles by pieces, what is over its time and what soon will be.

Kept sums say how many pieces wait since which hour; only the few hours in which a bound lies are read line by line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from autopurchase.reports.exact import share
from autopurchase.reports.model import Basis, Behind, Column, Figure, Sheet
from autopurchase.storage import standing
from autopurchase.storage.scopes import Scope

AGES = (
    Column("age", "Waiting for"),  # 0–6 h, 6–24 h, 24–48 h, 48–72 h, > 72 h
    Column("pieces", "Pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("share", "Share of the pieces", "share"),
)
#: bounds of the buckets in hours; a bucket begins at its lower bound
BOUNDS = (6, 24, 48, 72)
_HOUR = timedelta(hours=1)
#: what will be over its time so soon is shown
SOON = timedelta(hours=2)
Pair = tuple[int, int]


class Ages:
    """Ages of one reading. ``waiting``: rows of `standing.sums_now` that are backlog."""

    def __init__(self, tx: Any, basis: Basis, scope: Scope, waiting: Sequence[Mapping[str, Any]]) -> None:
        self._tx, self._basis, self._scope, self._waiting = tx, basis, scope, waiting
        self._hours: dict[datetime, Pair] = {}
        for row in waiting:
            self._hours[row["clock_hour"]] = _plus(
                self._hours.get(row["clock_hour"], (0, 0)), (row["pieces"], row["lines"])
            )
        self.total = _sum(self._hours.values())

    def older(self, age: timedelta, *, inclusive: bool) -> Pair:
        """(pieces, lines) that have waited longer than ``age`` (or just so long)."""
        bound = self._basis.as_of - age
        hour = bound.replace(minute=0, second=0, microsecond=0)
        whole = _sum(value for start, value in self._hours.items() if start < hour)
        if hour not in self._hours:
            return whole
        return _plus(whole, standing.between(self._tx, self._scope, hour, bound, inclusive=inclusive))

    def breaching(self) -> list[Mapping[str, Any]]:
        """Rows of what has waited longer than the SLA."""
        bound = self._basis.as_of - self._basis.sla
        hour = bound.replace(minute=0, second=0, microsecond=0)
        whole = [row for row in self._waiting if row["clock_hour"] < hour]
        return whole + (standing.since(self._tx, self._scope, hour, bound) if hour in self._hours else [])

    def percentile(self, percent: int) -> int | None:
        """Age in seconds that so many per cent of the pieces have at most; nearest rank."""
        passed, total = 0, self.total[0]
        for hour in sorted(self._hours, reverse=True):
            pieces, _ = self._hours[hour]
            if total and (passed + pieces) * 100 >= percent * total:
                return self._within(hour, passed, percent)
            passed += pieces
        return None

    def _within(self, hour: datetime, passed: int, percent: int) -> int | None:
        for moment, pieces in standing.clocks(self._tx, self._scope, hour, hour + _HOUR):
            passed += pieces
            if passed * 100 >= percent * self.total[0]:
                return self._age(moment)
        return None

    def _age(self, moment: datetime) -> int:
        return int((self._basis.as_of - moment).total_seconds())

    def _oldest(self) -> int | None:
        if not self._hours:
            return None
        first = min(self._hours)
        found = standing.clocks(self._tx, self._scope, first, first + _HOUR)
        return self._age(found[-1][0]) if found else None

    def figures(self) -> list[Figure]:
        """Percentiles and the SLA."""
        total = self.total[0]
        late = self.older(self._basis.sla, inclusive=False)[0]
        soon = self.older(self._basis.sla - SOON, inclusive=False)[0] - late
        breach = Behind("backlog", "pieces", {"breach": True})
        return [
            Figure("age_p50", "Age, p50", self.percentile(50), "seconds", behind=Behind("backlog", "p50")),
            Figure("age_p90", "Age, p90", self.percentile(90), "seconds", behind=Behind("backlog", "p90")),
            Figure("age_oldest", "Oldest", self._oldest(), "seconds", behind=Behind("backlog", "longest")),
            Figure(
                "sla_breach", f"Over {self._basis.sla_hours} h", share(late, total), "share", of="the backlog",
                behind=Behind("backlog", "share", {"hit": "breach"}),
            ),
            Figure("sla_breach_pieces", f"Over {self._basis.sla_hours} h", late, "pieces", behind=breach),
            Figure(
                "next_breach", f"Pass {self._basis.sla_hours} h within 2 h", soon, "pieces",
                behind=Behind("backlog", "pieces", {"next_breach": True}),
            ),
        ]  # fmt: skip

    def sheets(self) -> list[Sheet]:
        """The buckets."""
        bounds = [timedelta(hours=hours) for hours in BOUNDS]
        older = [self.total, *(self.older(bound, inclusive=True) for bound in bounds), (0, 0)]
        names = bucket_names()
        rows, opens = [], {}
        for place, name in enumerate(names):
            pieces, lines = older[place][0] - older[place + 1][0], older[place][1] - older[place + 1][1]
            rows.append((name, pieces, lines, share(pieces, self.total[0])))
            for measure in ("pieces", "lines"):
                opens[place, measure] = Behind("backlog", measure, {"bucket": place})
        return [Sheet("ages", "How long it has waited", AGES, rows, opens)]


def bucket_names() -> list[str]:
    """What the buckets are called."""
    edges = (0, *BOUNDS)
    closed = [f"{low}–{high} h" for low, high in zip(edges, BOUNDS, strict=False)]
    return [*closed, f"> {BOUNDS[-1]} h"]


def _plus(one: Pair, other: Pair) -> Pair:
    return one[0] + other[0], one[1] + other[1]


def _sum(pairs: Any) -> Pair:
    found = (0, 0)
    for pair in pairs:
        found = _plus(found, pair)
    return found
