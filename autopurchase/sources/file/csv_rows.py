"""Rows of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from autopurchase.domain.errors import BadInput
from autopurchase.domain.shop import Reject
from autopurchase.sources.file.columns import Row, check_columns

_LONGEST_HEADING = 100_000


def csv_rows(path: Path, encoding: str) -> Iterator[tuple[str, Row | Reject]]:
    """``("row 2", cells)`` for each row below the heading, which is row 1; rows without any text are passed over.

    The delimiter, ``,`` or ``;``, is read off the heading. Raises BadInput.
    """
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield from _records(file)
    except LookupError as error:
        raise BadInput(f"There is no encoding “{encoding}”: use one like utf-8, gb18030 or cp1252.") from error
    except UnicodeError as error:
        raise BadInput(
            f"{path.name} is not written in {encoding.removesuffix('-sig')}: save it as CSV UTF-8, or state its "
            "encoding (for example gb18030 or cp1252)."
        ) from error


class _Lines:
    """The lines of a file, counted, remembering the last one."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.last = ""
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.last = next(self._lines)
        self.count += 1
        return self.last


def _records(file: TextIO) -> Iterator[tuple[str, Row | Reject]]:
    heading, delimiter = _heading(file)
    lines = _Lines(chain([heading], file))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: tuple[str, ...] = ()
    for number, cells in _numbered(reader, lines):
        if not names:
            if isinstance(cells, str):
                raise BadInput(f"The first row cannot be read ({cells}): it must hold the names of the columns.")
            names = check_columns(cells)
        elif isinstance(cells, str):
            yield f"row {number}", _unreadable(number, cells, lines.last)
        elif any(cells):
            yield f"row {number}", _row(f"row {number}", names, cells)


def _heading(file: TextIO) -> tuple[str, str]:
    """The line of column names and the delimiter; a leading ``sep=;``, as spreadsheets write it, is obeyed."""
    line = file.readline(_LONGEST_HEADING)
    if line.lower().startswith("sep=") and len(line) > 4 and line[4] in ",;":
        return file.readline(_LONGEST_HEADING), line[4]
    return line, ";" if line.count(";") > line.count(",") else ","


def _numbered(reader: Iterator[list[str]], lines: _Lines) -> Iterator[tuple[int, list[str] | str]]:
    """Records with their number in a spreadsheet, or why one line could not be read.

    Raises BadInput when an open quotation mark swallowed further lines: it cannot be known how many rows are in there.
    """
    number = 0
    while True:
        number, before = number + 1, lines.count
        try:
            cells: list[str] | str = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.count > before + 1 or "unexpected end" in str(error):
                raise BadInput(
                    f"From row {number} (line {before + 1} of the file) on, the file cannot be read: a quotation mark "
                    "is opened and not closed as it should be. Double the quotation marks inside cells."
                ) from error
            cells = str(error)
        yield number, cells


def _row(position: str, names: tuple[str, ...], cells: list[str]) -> Row | Reject:
    if len(cells) > len(names):
        return Reject(
            position,
            f"The row has {len(cells)} cells for {len(names)} columns: "
            "put cells that contain the delimiter into quotation marks.",
            dict(zip((*names, *("(more)",) * len(cells)), cells, strict=False)),
        )
    return dict(zip(names, map(str.strip, cells), strict=False))


def _unreadable(number: int, error: str, text: str) -> Reject:
    reason = f"The row cannot be read ({error}): double the quotation marks inside cells."
    return Reject(f"row {number}", reason, {"text": text.strip()[:2000]})
