"""A report as an Excel workbook: one sheet a table, typed columns, frozen heads, filters, and a few native charts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter

from autopurchase.domain.money import digits
from autopurchase.reports.files import heads
from autopurchase.reports.model import Column, Report, Sheet
from autopurchase.reports.values import FIGURES, NONE, local, rounded

#: Excel's limit for names of sheets
_LONGEST_NAME = 31
_WIDEST, _NARROWEST = 48, 10
#: sheet -> (kind of chart, column of the categories, columns drawn)
CHARTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "trend": ("line", "week", ("ready", "booked", "bought")),
    "ages": ("column", "age", ("pieces",)),
    "causes": ("bar", "label", ("pieces",)),
    "cohort": ("column", "week", ("bought", "expired", "cancelled", "open")),
}


class _Formats:
    """The cell formats of one workbook, made once each."""

    def __init__(self, book: Any) -> None:
        self._book, self._made = book, dict[str, Any]()
        self.head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.note = book.add_format({"italic": True, "font_color": "#57534E"})

    def number(self, unit: str, currency: str) -> Any:
        """The format of a figure."""
        pattern = _pattern(unit, currency)
        if pattern not in self._made:
            self._made[pattern] = self._book.add_format({"num_format": pattern})
        return self._made[pattern]


def _pattern(unit: str, currency: str) -> str:
    if unit == "money":
        places = digits(currency)
        return "#,##0" + ("." + "0" * places if places else "")
    return {"share": "0.0%", "seconds": "[h]:mm", "time": "yyyy-mm-dd hh:mm", "hours": "#,##0.0", "rate": "0.0"}.get(
        unit, "#,##0"
    )


def as_excel(report: Report) -> bytes:
    """The report as .xlsx. Text stays text, also where it begins like a formula; durations are times of Excel."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"title": heads.title(report), "created": local(report.basis.as_of, "UTC")})
        formats = _Formats(book)
        _front(book, report, formats)
        for sheet in report.sheets.values():
            _table(book, sheet, formats, report.basis.zone)
    return file.getvalue()


def _front(book: Any, report: Report, formats: _Formats) -> None:
    """The first sheet: what it is, what it depends on, every figure with its unit."""
    page = book.add_worksheet("Report")
    page.set_column(0, 0, 44)
    page.set_column(1, 1, 22)
    page.set_column(2, 3, 18)
    page.write_string(0, 0, heads.title(report), formats.title)
    row = 2
    for name, value in heads.facts(report):
        page.write_string(row, 0, name)
        page.write_string(row, 1, value)
        row += 1
    row += 1
    for place, label in enumerate(("Figure", "Value", "Unit", "Of")):
        page.write_string(row, place, label, formats.head)
    for figure in report.figures.values():
        row += 1
        page.write_string(row, 0, figure.label)
        _cell(page, row, 1, figure.value, Column("", "", figure.unit, figure.currency), formats, report.basis.zone)
        page.write_string(row, 2, figure.currency or figure.unit)
        page.write_string(row, 3, figure.of)


def _table(book: Any, sheet: Sheet, formats: _Formats, zone: str) -> None:
    page = book.add_worksheet(sheet.name[:_LONGEST_NAME])
    for place, column in enumerate(sheet.columns):
        page.write_string(0, place, _label(column), formats.head)
        page.set_column(place, place, _width(sheet, place, column))
    for number, row in enumerate(sheet.rows, start=1):
        for place, (column, value) in enumerate(zip(sheet.columns, row, strict=True)):
            _cell(page, number, place, value, column, formats, zone)
    page.freeze_panes(1, 1)
    if sheet.rows:
        page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)
    page.write_string(len(sheet.rows) + 2, 0, " ".join(filter(None, (sheet.title + ".", sheet.note))), formats.note)
    page.set_landscape()
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    _chart(book, page, sheet)


def _label(column: Column) -> str:
    """A column's head; the currency belongs to it, for the cells are plain numbers."""
    named = not column.currency or column.currency in column.label
    return column.label if named else f"{column.label}, {column.currency}"


def _cell(page: Any, row: int, place: int, value: Any, column: Column, formats: _Formats, zone: str) -> None:
    unit, currency = column.unit, column.currency
    if value is None:
        page.write_string(row, place, NONE)
    elif unit == "time":
        page.write_datetime(row, place, local(value, zone), formats.number(unit, currency))
    elif unit == "seconds":
        page.write_number(row, place, int(value) / 86400, formats.number(unit, currency))
    elif unit == "flag":
        page.write_string(row, place, "yes" if value else "no")
    elif unit in FIGURES:
        page.write_number(row, place, float(rounded(value, unit, currency)), formats.number(unit, currency))
    else:
        page.write_string(row, place, str(value))


def _width(sheet: Sheet, place: int, column: Column) -> int:
    texts: Sequence[int] = [len(str(row[place])) for row in sheet.rows[:200]] if column.unit == "text" else [12]
    return min(_WIDEST, max(_NARROWEST, min(len(_label(column)), 18), *texts, 0) + 2)


def _chart(book: Any, page: Any, sheet: Sheet) -> None:
    if sheet.name not in CHARTS or not sheet.rows:
        return
    kind, category, drawn = CHARTS[sheet.name]
    names = [column.name for column in sheet.columns]
    chart = book.add_chart({"type": kind})
    last = len(sheet.rows)
    for name in drawn:
        place = names.index(name)
        chart.add_series(
            {
                "name": [page.name, 0, place],
                "categories": [page.name, 1, names.index(category), last, names.index(category)],
                "values": [page.name, 1, place, last, place],
            }
        )
    chart.set_title({"name": sheet.title})
    chart.set_legend({"none": True} if len(drawn) == 1 else {"position": "bottom"})
    chart.set_size({"width": 720, "height": 340})
    page.insert_chart(last + 4, 0, chart)
