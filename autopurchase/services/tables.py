"""Small tables that people keep in spreadsheets: read from CSV or Excel, written as either."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from autopurchase.domain.errors import BadInput

_MOST_ROWS = 1_000_000
_LONGEST_INTEGER = 10**15
_FORMULA = ("=", "+", "@", "\t", "\r")


def read_table(path: Path, needed: Sequence[str], encoding: str = "") -> list[tuple[str, dict[str, str]]]:
    """``("row 2", cells as text by column)`` of a CSV or .xlsx file whose first row names the columns.

    Column names count in small letters with ``_`` for spaces. Raises BadInput naming what is missing or unreadable.
    """
    path = Path(path)
    try:
        records = list(_excel(path) if path.suffix.lower() == ".xlsx" else _csv(path, encoding or "utf-8-sig"))
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read ({error.strerror}): check the name and the rights.") from error
    except (UnicodeError, LookupError, csv.Error, BadZipFile, KeyError, ValueError) as error:
        raise BadInput(f"{path.name} cannot be read as a table: save it as CSV (UTF-8) or .xlsx.") from error
    if not records:
        raise BadInput(f"{path.name} is empty: the first row must hold the names of the columns.")
    names = ["_".join(cell.lower().split()) for cell in records[0][1]]
    if missing := [name for name in needed if name not in names]:
        raise BadInput(f"The table has no column {', '.join(missing)}. Found: {', '.join(names)[:500]}.")
    return [
        (position, dict(zip(names, cells, strict=False)))
        for position, cells in records[1:]
        if any(map(str.strip, cells))
    ]


def _csv(path: Path, encoding: str) -> Iterator[tuple[str, list[str]]]:
    with path.open(encoding=encoding, newline="") as file:
        heading = file.readline()
        file.seek(0)
        delimiter = ";" if heading.count(";") > heading.count(",") else ","
        for number, cells in enumerate(csv.reader(file, delimiter=delimiter, strict=True), 1):
            yield f"row {number}", [_plain(cell.strip()) for cell in cells]


def _plain(cell: str) -> str:
    """A cell without the mark that `_safe` gave it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell


def _excel(path: Path) -> Iterator[tuple[str, list[str]]]:
    from openpyxl import load_workbook  # a third of the program's start, and only Excel files need it

    book = load_workbook(path, read_only=True)
    try:
        for number, values in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
            yield f"row {number}", [_text(value) for value in values]
    finally:
        book.close()


def _text(value: object) -> str:
    """A cell as text; an id that became a number too long for a spreadsheet shows that it lost digits."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) >= _LONGEST_INTEGER:
        return f"{value:.14E}"
    date = getattr(value, "date", None)
    return str(date() if callable(date) else value).strip()


def table_bytes(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], kind: str) -> bytes:
    """The rows as ``csv`` or ``xlsx``; every cell is text, so that ids keep their digits. Raises BadInput."""
    if kind == "csv":
        text = io.StringIO()
        table = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows({name: _safe(str(row.get(name, ""))) for name in columns} for row in rows)
        return text.getvalue().encode()
    if kind != "xlsx":
        raise BadInput(f"A table is written as csv or xlsx, not as “{kind}”.")
    return _xlsx(rows, columns)


def _safe(text: str) -> str:
    """No cell begins a formula when a spreadsheet opens the file."""
    return f"'{text}" if text and text[0] in _FORMULA else text


def _xlsx(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    import xlsxwriter  # only those who export need it

    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as book:
        sheet = book.add_worksheet("table")
        as_text = book.add_format({"num_format": "@"})
        sheet.set_column(0, len(columns) - 1, 22, as_text)
        for place, cells in enumerate([columns, *([row.get(name, "") for name in columns] for row in rows)]):
            for column, cell in enumerate(cells):
                sheet.write_string(place, column, str(cell), as_text)
    return memory.getvalue()
