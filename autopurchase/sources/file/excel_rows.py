"""Rows of an Excel file (.xlsx)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from autopurchase.domain.errors import BadInput
from autopurchase.sources.file.columns import Row, check_columns

#: spreadsheets keep this many digits of a number
_DIGITS = 15


def excel_rows(path: Path, sheet: str = "") -> Iterator[tuple[str, Row]]:
    """``("row 2", cells as text)`` for each row below the heading, which is the first row with text.

    Formulas are not computed: they stay the text they are. Raises BadInput.
    """
    try:
        book = _open(path)
        try:
            yield from _records(book, sheet)
        finally:
            book.close()
    except (BadZipFile, KeyError, ValueError, TypeError, EOFError, ParseError) as error:
        raise BadInput(f"{path.name} is damaged or no Excel table: save it again as .xlsx.") from error


def _open(path: Path) -> Any:
    from openpyxl import load_workbook  # a third of the program's start, and only Excel files need it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about looks: styles, headers and the like
        return load_workbook(path, read_only=True, data_only=False)


def _records(book: Any, name: str) -> Iterator[tuple[str, Row]]:
    names: tuple[str, ...] = ()
    for number, values in enumerate(_sheet(book, name).iter_rows(values_only=True), 1):
        cells = [_text(value) for value in values]
        if not any(cells):
            continue
        if names:
            yield f"row {number}", dict(zip(names, cells, strict=False))
        else:
            names = check_columns(cells)
    if not names:
        raise BadInput("The Excel sheet is empty: the first row must hold the names of the columns.")


def _sheet(book: Any, name: str) -> Any:
    if name and name not in book.sheetnames:
        raise BadInput(f"There is no sheet “{name}”; the file has: {', '.join(book.sheetnames)}.")
    sheet = book[name] if name else book.worksheets[0]
    sheet.reset_dimensions()  # some programs state them wrongly, and rows would be missed
    return sheet


def _text(value: object) -> str:
    """A cell as text. A number too long for a spreadsheet is written as such, so that ids are recognised as damaged."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**_DIGITS:
        return f"{value:.{_DIGITS - 1}E}"
    return str(getattr(value, "text", value)).strip()  # array formulas carry their text
