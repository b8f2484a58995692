"""Rows of a JSON file: an array of objects, or ``{"rows": [...]}``, read piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from autopurchase.domain.errors import BadInput
from autopurchase.domain.shop import Reject
from autopurchase.sources.file.columns import KNOWN, Row, check_columns, column

_PIECE = 1 << 16
_LONGEST = 1 << 22  # characters of one row
_SPACE = " \t\r\n"


def json_rows(path: Path, encoding: str) -> Iterator[tuple[str, Row | Reject]]:
    """``("row 1", cells as text)`` for each object of the array; numbers keep the digits they are written with.

    Raises BadInput.
    """
    try:
        with path.open(encoding=encoding) as file:
            yield from _rows(_Stream(file))
    except LookupError as error:
        raise BadInput(f"There is no encoding “{encoding}”: use one like utf-8 or gb18030.") from error
    except UnicodeError as error:
        raise BadInput(f"{path.name} is not UTF-8: save it as UTF-8, or state its encoding.") from error


class _Stream:
    """A JSON text read value by value."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)

    def peek(self) -> str:
        """The next character that is not space; ``""`` at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def skip(self, character: str) -> bool:
        """Pass over ``character`` if it comes next."""
        found = self.peek() == character
        self._at += found
        return found

    def value(self, where: str) -> Any:
        """The next whole value. Raises BadInput naming ``where``."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                if end < len(self._text) or not self._more():  # a number may go on in the next piece
                    self._at = end
                    return value
            except (json.JSONDecodeError, RecursionError) as error:
                if len(self._text) - self._at > _LONGEST or not self._more():
                    raise BadInput(f"From {where} on, the file is not valid JSON: {_why(error)}.") from error

    def _more(self) -> bool:
        """Read a further piece; False at the end of the file."""
        piece = "" if self._ended else self._file.read(max(_PIECE, len(self._text) - self._at))
        self._ended = not piece
        self._text, self._at = self._text[self._at :] + piece, 0
        return not self._ended


def _rows(stream: _Stream) -> Iterator[tuple[str, Row | Reject]]:
    wrapped = stream.skip("{")
    if wrapped:
        _find_rows(stream)
    if not stream.skip("["):
        raise BadInput("The JSON file must be an array of rows, or an object with the array “rows”.")
    for number, value in enumerate(_elements(stream), 1):
        if number == 1 and isinstance(value, dict):
            check_columns(value)
        yield f"row {number}", _row(f"row {number}", value)


def _find_rows(stream: _Stream) -> None:
    """Go to the array ``rows`` of an object."""
    while not stream.skip("}"):
        key = stream.value("the beginning")
        if not stream.skip(":"):
            break
        if key == "rows":
            return
        stream.value(f"“{key}”")
        stream.skip(",")
    raise BadInput("The JSON file must be an array of rows, or an object with the array “rows”.")


def _elements(stream: _Stream) -> Iterator[Any]:
    """The values of an array whose ``[`` was passed. Raises BadInput when it is cut off."""
    number = 0
    while not stream.skip("]"):
        number += 1
        yield stream.value(f"row {number}")
        if not stream.skip(",") and stream.peek() != "]":
            raise BadInput(f"After row {number}, the JSON file is cut off or a comma is missing: export it again.")


def _row(position: str, value: object) -> Row | Reject:
    if not isinstance(value, dict):
        return Reject(position, "The row is not an object with the columns as keys.", {"text": str(value)[:2000]})
    row = {column(key): _text(cell) for key, cell in value.items()}
    nested = [name for name, cell in value.items() if isinstance(cell, dict | list) and column(name) in KNOWN]
    if nested:
        return Reject(position, f"{', '.join(nested)} must be a text or a number.", row)
    return row


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return cell.strip() if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)


def _why(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "too deeply nested"
