"""What the parts of a week's report share: its span, rates and names, and its movements read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from autopurchase.reports.exact import Rates, rounded
from autopurchase.reports.model import NOT_ASSIGNED, Basis, Behind, Filters
from autopurchase.reports.weeks import Week, week
from autopurchase.storage import movements, scopes
from autopurchase.storage.movements import Span
from autopurchase.storage.scopes import Names, Scope

Row = Mapping[Any, Any]
Opens = dict[tuple[int, str], Behind]


def span_of(found: Week) -> Span:
    """A week as a span."""
    return Span(found.start, found.end)


def judged_in(found: Week, as_of: datetime, after: timedelta) -> Span:
    """What is judged in a week, so far: what happened so long before its moments."""
    return Span(found.start - after, max(found.start, min(found.end, as_of)) - after)


@dataclass(slots=True)
class Sum:
    """Sums of some movements. ``value``: of their goods in the reporting currency, by the rate of each day."""

    pieces: int = 0
    lines: int = 0
    fen: int = 0
    value: Decimal = Decimal(0)
    backlog: int = 0
    excess: int = 0
    excess_up: int = 0
    unpaid: int = 0


class WeekData:
    """One week, read."""

    def __init__(self, tx: Any, name: str, basis: Basis, filters: Filters) -> None:
        self.tx, self.basis, self.filters = tx, basis, filters
        self.week: Week = week(name, basis.zone)
        self.span = span_of(self.week)
        self.scope: Scope = scopes.scope(tx, **filters.given())
        self.names: Names = scopes.names(tx)
        self.rates = Rates(tx, basis.currency)

    @property
    def by_account(self) -> bool:
        """Whether it is restricted to a session or an operator: lines enter their queues without any event."""
        return self.scope.session_id is not None or self.scope.operator is not None

    @cached_property
    def cube(self) -> list[Row]:
        """Movements of the week, summed by everything but seller and line."""
        return [_whole(row) for row in movements.cube(self.tx, self.span, self.scope)]

    @cached_property
    def details(self) -> list[Row]:
        """What was booked, bought and tracked, one by one."""
        return [dict(row) for row in movements.details(self.tx, self.span, self.scope)]

    @cached_property
    def cohort(self) -> list[Row]:
        """What became of the week's bookings, by all that can be cut by."""
        return [_whole(row) for row in movements.cohort(self.tx, self.span, self.scope, movements.DIMS)]

    def sum(self, rows: Iterable[Row]) -> Sum:
        """Add up rows of the cube."""
        found = Sum()
        for row in rows:
            found.pieces += row["pieces"]
            found.lines += row["lines"]
            found.fen += row["goods_fen"]
            found.value += self.rates.value(row["goods_fen"], row["day"]) or 0
            found.backlog += row["backlog"]
            found.excess += row["excess"]
            found.excess_up += row["excess_up"]
            found.unpaid += row["unpaid"]
        return found

    def of(self, kind: str, **wanted: Any) -> Sum:
        """Add up movements of a kind."""
        return self.sum(
            row for row in self.cube if row["kind"] == kind and all(row[name] == v for name, v in wanted.items())
        )

    def money(self, value: Decimal) -> Decimal:
        """As printed, in the reporting currency."""
        return rounded(value, self.basis.currency)

    def opens(self, measure: str, **where: Any) -> Behind:
        """Movements of this week behind a number."""
        return Behind("moves", measure, {"week": self.week.name, **where})

    def key_of(self, dimension: str) -> Callable[[Row], str]:
        """What tells by what a movement is cut."""
        sources, sessions = self.names.source, self.names.session
        told: Mapping[str, Callable[[Row], str]] = {
            "source": lambda row: sources(row["source_id"]),
            "provider": lambda row: row["provider"] or NOT_ASSIGNED,
            "session": lambda row: sessions(row["session_id"]),
            "seller": lambda row: row["seller_id"] or NOT_ASSIGNED,
            "operator": lambda row: row["operator"] or NOT_ASSIGNED,
        }
        return told[dimension]


def _whole(row: Row) -> Row:
    """Sums are whole numbers, whatever the database calls them."""
    return {name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()}
