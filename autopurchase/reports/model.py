"""What a report is made of: what it is based on, its figures, its sheets, and the way from a number to its lines.

Everything here is plain data: it can be written as JSON and read again without loss, which is what freezing does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from autopurchase.domain.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

#: what a figure can be cut and filtered by
DIMENSIONS = ("source", "provider", "session", "seller", "operator")
#: the row of a cut for what belongs to nobody (yet); as a filter it means just that
NOT_ASSIGNED = "not assigned"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which part of the work a report is about. Names; an empty one does not restrict, see `NOT_ASSIGNED`."""

    source: str = ""
    provider: str = ""
    session: str = ""
    seller: str = ""
    operator: str = ""

    def given(self) -> dict[str, str]:
        """Those that restrict."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True)
class Basis:
    """What every figure of a report depends on beside the data, stated in its head.

    ``currency``: the reporting currency. ``zone``: of weeks and days. ``margin``: the least share of the customer's
    price that should be left. Working hours are those of Monday to Friday.
    """

    as_of: datetime
    zone: str = "Asia/Shanghai"
    currency: str = "CNY"
    sla_hours: int = 24
    maturity_days: int = 7
    margin: Decimal = Decimal("0.10")
    work_from: int = 9
    work_to: int = 18
    version: str = ""

    @property
    def sla(self) -> timedelta:
        """Within which a ready line is to be booked."""
        return timedelta(hours=self.sla_hours)


#: units of figures and columns. Shares are Decimal (0.743 is 74.3 %), durations whole seconds, money Decimal in major
#: units, rounded to its currency's digits as the last step
UNITS = frozenset({"text", "pieces", "lines", "count", "money", "share", "seconds", "hours", "time", "flag", "rate"})


@dataclass(frozen=True, slots=True)
class Behind:
    """The lines behind a number: ``what`` kind of lines, restricted by ``where`` (plain JSON values).

    ``measure`` says how the number is made of them, see `lines.recount`: ``pieces``, ``lines`` (their count),
    ``orders`` (different ``order`` values), ``amount``, ``share`` (pieces with ``hit`` of all), ``p50``, ``p90``,
    ``longest``, ``mean`` (of ``seconds``). Where ``hits`` is set, only lines with ``hit`` are behind it.
    """

    what: str
    measure: str
    where: Mapping[str, Any] = field(default_factory=dict)

    def as_text(self) -> str:
        """For an address; `from_text` reads it."""
        return json.dumps([self.what, self.measure, dict(self.where)], separators=(",", ":"), ensure_ascii=False)

    def money(self, basis: Basis) -> str:
        """The currency that its amounts are in."""
        return str(self.where.get("currency") or basis.currency)

    def of_hits(self, measure: str) -> Behind:
        """A number made of the lines alone that count in this share."""
        return Behind(self.what, measure, {**self.where, "hits": True})

    def of_all(self, measure: str) -> Behind:
        """A number made of everything that this share is of."""
        return Behind(self.what, measure, self.where)

    @classmethod
    def from_text(cls, text: str) -> Behind:
        """The reverse of `as_text`. Raises BadInput."""
        try:
            what, measure, where = json.loads(text)
            return cls(str(what), str(measure), dict(where))
        except (ValueError, TypeError) as error:
            raise BadInput("This address does not say which lines to open.") from error


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. ``value`` None: there is nothing to measure, printed “–”. ``of``: of what a share is.

    ``alarm``: red. ``behind``: the lines it is made of; None where it is made of none (times of sessions).
    """

    name: str
    label: str
    value: int | Decimal | None
    unit: str
    currency: str = ""
    of: str = ""
    note: str = ""
    alarm: bool = False
    behind: Behind | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet. A report fills in the currency of money that has none of its own: the reporting currency."""

    name: str
    label: str
    unit: str = "text"
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of a report. ``opens``: (row, column name) -> the lines behind that cell."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    opens: Mapping[tuple[int, str], Behind] = field(default_factory=dict)
    note: str = ""

    @property
    def frame(self) -> pd.DataFrame:
        """As a DataFrame; money and shares stay Decimal."""
        import pandas as pd

        return pd.DataFrame([list(row) for row in self.rows], columns=[column.name for column in self.columns])

    def priced(self, currency: str) -> Sheet:
        """The same with ``currency`` for every money column that names none, unless each row names its own."""
        if any(each.name == "currency" for each in self.columns):
            return self
        columns = [replace(each, currency=each.currency or currency) if each.unit == "money" else each
                   for each in self.columns]  # fmt: skip
        return replace(self, columns=tuple(columns))

    def cell(self, row: int, name: str) -> Any:
        """One value."""
        return self.rows[row][[column.name for column in self.columns].index(name)]

    def find(self, key: str) -> int:
        """The row whose first cell is ``key``."""
        return [row[0] for row in self.rows].index(key)

    def figures(self) -> Iterator[Figure]:
        """Every cell that opens lines, as a figure."""
        columns = {column.name: column for column in self.columns}
        for (row, name), behind in self.opens.items():
            column = columns[name]
            label = f"{self.rows[row][0]}, {column.label}"
            key = f"{self.name}/{row}/{name}"
            yield Figure(key, label, self.cell(row, name), column.unit, column.currency, behind=behind)


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. ``kind``: backlog or weekly; ``period``: the ISO week, empty for now."""

    kind: str
    period: str
    basis: Basis
    filters: Filters
    figures: Mapping[str, Figure]
    sheets: Mapping[str, Sheet]

    def all_figures(self) -> Iterator[Figure]:
        """Every number that opens lines: the figures, then the cells of the sheets."""
        yield from (figure for figure in self.figures.values() if figure.behind)
        for sheet in self.sheets.values():
            yield from sheet.figures()
