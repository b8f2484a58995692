"""A report as one CSV table: one row a value, so that a program finds each by table, row and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from autopurchase.reports.model import Report
from autopurchase.reports.values import rounded

HEAD = ("table", "row", "key", "column", "label", "value", "unit", "currency")


def as_csv(report: Report) -> bytes:
    """The report as CSV (UTF-8 with a mark, so that Excel reads it). Values as in the other files, times in UTC."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(HEAD)
    rows.writerows(_rows(report))
    return text.getvalue().encode("utf-8-sig")


def _rows(report: Report) -> Iterator[tuple[Any, ...]]:
    for figure in report.figures.values():
        value = _plain(figure.value, figure.unit, figure.currency)
        yield "figures", "", figure.name, "value", figure.label, value, figure.unit, figure.currency
    for sheet in report.sheets.values():
        for number, row in enumerate(sheet.rows, start=1):
            for column, value in zip(sheet.columns, row, strict=True):
                plain = _plain(value, column.unit, column.currency)
                key = _safe(str(row[0]))
                yield sheet.name, number, key, column.name, column.label, plain, column.unit, column.currency


def _plain(value: Any, unit: str, currency: str) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return _safe(str(rounded(value, unit, currency))) if unit == "text" else str(rounded(value, unit, currency))


def _safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
