"""What the parts of a week's report share: its span, rates and names, and its movements read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
Moment = Sequence[Any]
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

    @cached_property
    def cube(self) -> list[Row]:
        """Movements of the week, summed by everything but seller and line."""
        return [_whole(row) for row in movements.cube(self.tx, self.span, self.scope)]

    @cached_property
    def moments(self) -> Sequence[Moment]:
        """Durations of what was booked, bought and tracked: `movements.moments`."""
        return movements.moments(self.tx, self.span, self.scope)

    @cached_property
    def prices(self) -> list[Row]:
        """What was booked, summed by the days whose rates count, and by what can be cut by."""
        return [*movements.prices(self.tx, self.span, self.scope)]

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

    def key_of(self, dimension: str) -> tuple[str, Callable[[Any], str]]:
        """The column that tells by what a movement is cut, and what its values are called."""
        told: Mapping[str, tuple[str, Callable[[Any], str]]] = {
            "source": ("source_id", self.names.source),
            "provider": ("provider", _named),
            "session": ("session_id", self.names.session),
            "seller": ("seller_id", _named),
            "operator": ("operator", _named),
        }
        return told[dimension]


def _named(value: str) -> str:
    return value or NOT_ASSIGNED


def _whole(row: Row) -> Row:
    """Sums are whole numbers, whatever the database calls them."""
    return {name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()}
