"""Reports in Python: figures and tables of the backlog and of a week, and the lines behind each number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autopurchase.domain.errors import BadInput
from autopurchase.domain.roles import Actor
from autopurchase.reports import Behind, Column, Figure, Report, Sheet
from autopurchase.reports.values import FIGURES, text
from autopurchase.services import report_delivery, reports
from autopurchase.wiring import Workspace

if TYPE_CHECKING:
    import pandas as pd

#: the table that a report is as a whole
_MAIN = {"weekly": "flow", "backlog": "figures"}
_FIGURE = (
    Column("name", "Name"),
    Column("label", "Figure"),
    Column("value", "Value"),
    Column("unit", "Unit"),
    Column("currency", "Currency"),
    Column("note", "Note"),
)
_RIGHT = "text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"


class ReportTable:
    """A table of a report. Money and shares are Decimal, durations seconds, times aware UTC."""

    def __init__(self, sheet: Sheet, zone: str) -> None:
        """``zone``: whose clock times are shown by."""
        self.sheet, self._zone = sheet, zone

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.sheet.columns]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rows by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.sheet.rows]

    def to_pandas(self) -> pd.DataFrame:
        """As a DataFrame."""
        return self.sheet.frame

    def __repr__(self) -> str:
        return f"{self.sheet.title}: {len(self.sheet.rows)} rows, {', '.join(self.columns)}"

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{escape(column.label)}</th>" for column in self.sheet.columns)
        body = "".join(f"<tr>{self._cells(row)}</tr>" for row in self.sheet.rows)
        title = f"<p><b>{escape(self.sheet.title)}</b> {escape(self.sheet.note)}</p>"
        return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _cells(self, row: Sequence[Any]) -> str:
        return "".join(_cell(column, value, self._zone) for column, value in zip(self.sheet.columns, row, strict=True))


def _cell(column: Column, value: Any, zone: str) -> str:
    style = _RIGHT if column.unit in FIGURES else "text-align:left"
    return f"<td style='{style}'>{escape(text(value, column.unit, column.currency, zone))}</td>"


class ReportView:
    """A report: ``report["flow"]`` is a table, ``figures`` the numbers at its head, `lines` what is behind one."""

    def __init__(self, opened: Workspace, actor: Actor, report: Report) -> None:
        """``actor``: on whose account lines are read."""
        self._opened, self._actor, self.report = opened, actor, report

    @property
    def tables(self) -> list[str]:
        """Names of the tables."""
        return list(self.report.sheets)

    @property
    def figures(self) -> ReportTable:
        """The numbers at its head."""
        rows = [
            (figure.name, figure.label, figure.value, figure.unit, figure.currency, figure.note)
            for figure in self.report.figures.values()
        ]
        return ReportTable(Sheet("figures", "Figures", _FIGURE, rows), self.report.basis.zone)

    def __getitem__(self, name: str) -> ReportTable:
        """A table by its name. Raises BadInput naming those there are."""
        if name == "figures":
            return self.figures
        if name not in self.report.sheets:
            raise BadInput(f"This report has no table “{name}”; there are: figures, {', '.join(self.report.sheets)}.")
        return ReportTable(self.report.sheets[name], self.report.basis.zone)

    def __iter__(self) -> Iterator[ReportTable]:
        return (self[name] for name in self.tables)

    def to_pandas(self, table: str = "") -> pd.DataFrame:
        """A table as a DataFrame; without a name what a week is about (``flow``), or the figures of the backlog."""
        return self[table or _MAIN[self.report.kind]].to_pandas()

    def value(self, figure: str) -> Any:
        """The value of a figure by name. Raises BadInput naming those there are."""
        return self._figure(figure).value

    def lines(self, number: str | Behind) -> pd.DataFrame:
        """The lines behind a figure (by name) or behind a table's cell (``report["flow"].sheet.opens[…]``)."""
        behind = self._figure(number).behind if isinstance(number, str) else number
        if behind is None:
            raise BadInput("No lines are behind this number.")
        return reports.lines(self._opened.context, self._actor, self.report, behind)

    def _figure(self, name: str) -> Figure:
        if name not in self.report.figures:
            raise BadInput(f"There is no figure “{name}”; there are: {', '.join(self.report.figures)}.")
        return self.report.figures[name]

    def save(self, path: str | Path) -> Path:
        """Write it as .xlsx, .html, .csv or .ipynb, by the file's name. Raises BadInput."""
        from autopurchase.reports import files  # the libraries of all kinds of files come with it

        where = Path(path).expanduser()
        files.write(self.report, where)
        return where

    def __repr__(self) -> str:
        return f"{self.report.kind} {self.report.period}: {', '.join(self.tables)}".replace(" :", ":")

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self if table.sheet.rows)


class Reports:
    """Frozen reports and what figures are based on (`Workspace.reports`)."""

    def __init__(self, opened: Workspace, actor: Actor) -> None:
        """``actor``: on whose account things happen here."""
        self._opened, self._actor = opened, actor

    def freeze(self, week: str = "") -> ReportView:
        """Freeze the report of a week that is over (empty: the last one); again, it is a new version."""
        made = reports.freeze(self._opened.context, self._actor, week)
        return self.frozen(made.period, made.version)

    def frozen(self, week: str, version: int = 0) -> ReportView:
        """A report as it was frozen; version 0: the newest. Raises BadInput."""
        return ReportView(self._opened, self._actor, reports.read(self._opened.context, self._actor, week, version))

    def versions(self, week: str = "") -> list[reports.Frozen]:
        """What was frozen, newest first."""
        return reports.versions(self._opened.context, self._actor, week)

    def deliver(self, week: str = "") -> int:
        """Freeze the weekly report where it is not yet, and write and mail it now; the number of the run."""
        return report_delivery.deliver(self._opened.context, self._actor, week)

    def configure(self, **values: Any) -> None:
        """Set zone, currency, sla_hours, maturity_days, margin, work_from, work_to. Raises BadInput."""
        reports.configure(self._opened.context, self._actor, **values)
