"""How the command line speaks: aligned tables for people, one JSON document for programs, progress on the side."""

from __future__ import annotations

import csv
import json
import sys
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import click

from autopurchase.api.table import Table, flat, flat_columns, text_of
from autopurchase.domain.money import Money
from autopurchase.storage.database import Row

#: exit codes
DONE, REFUSALS, WRONG_USE, UNKNOWN = 0, 1, 2, 3

#: no cell is wider than this, in columns of the terminal
_WIDEST = 44

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)


def show(document: Mapping[str, Any], as_json: bool, *human: str) -> None:
    """Print the document as JSON, or the parts meant for people."""
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=plain))
        return
    for part in human:
        if part:
            click.echo(part)


def plain(value: Any) -> Any:
    """What JSON has no word for: money as minor units, currency and decimal text; times as ISO 8601."""
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency, "text": f"{value.decimal():f}"}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Table):
        return value.rows
    raise TypeError(f"no JSON for {type(value).__name__}")


def write_csv(table: Table) -> None:
    """The table as CSV on standard output; money as decimal text with its currency beside it."""
    columns = flat_columns(table.rows, table.columns)
    rows = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    rows.writerows({name: _csv_cell(value) for name, value in flat(row).items()} for row in table)


def _csv_cell(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def aligned(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, most: int = 0) -> str:
    """A table in aligned columns; figures stand to the right. ``most``: rows shown, the rest is counted (0: all)."""
    if not rows:
        return ""
    shown = rows[:most] if most else rows
    cells = [[_cut(text_of(row[name])) for name in columns] for row in shown]
    heads = [name.replace("_", " ") for name in columns]
    widths = [max(map(width, column)) for column in zip(heads, *cells, strict=True)]
    right = [_figures(row[name] for row in shown) for name in columns]
    lines = [_join(line, widths, right) for line in (heads, ["─" * size for size in widths], *cells)]
    more = [f"… and {len(rows) - len(shown)} more"] if len(shown) < len(rows) else []
    return "\n".join(lines + more)


def _figures(values: Any) -> bool:
    found = [value for value in values if value is not None]
    return bool(found) and all(isinstance(value, Money | int) and not isinstance(value, bool) for value in found)


def _join(line: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    return "  ".join(_pad(*part) for part in zip(line, widths, right, strict=True)).rstrip()


def _pad(text: str, size: int, right: bool) -> str:
    space = " " * (size - width(text))
    return space + text if right else text + space


def width(text: str) -> int:
    """Columns the text takes in a terminal: Chinese takes two each."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _cut(text: str) -> str:
    """One line without control characters (a title must not steer the terminal), cut when it is too wide."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    if width(text) <= _WIDEST:
        return text
    while width(text) > _WIDEST - 1:
        text = text[:-1]
    return text + "…"


def note(text: str) -> None:
    """Something said on the side, on standard error."""
    click.echo(text, err=True)


class Progress:
    """Says on standard error how far runs are: at once, then at most once a second, and at the end."""

    def __init__(self) -> None:
        self._said = 0.0
        self._text = ""

    def __call__(self, rows: Sequence[Row]) -> None:
        """Tell the state of these runs."""
        text = "; ".join(_told(row) for row in rows)
        finished = all(row["state"] in ("done", "failed") for row in rows)
        if text != self._text and (finished or time.monotonic() - self._said >= 1.0):
            self._said, self._text = time.monotonic(), text
            note(text)


def _told(row: Row) -> str:
    of = f" of {row['total']}" if row["total"] else ""
    return f"run {row['id']} ({row['kind']}): {row['state']}, {row['done']}{of}"


def age(seconds: float | None) -> str:
    """``7260`` -> ``2 h 1 min``."""
    if seconds is None:
        return "never"
    minutes = int(timedelta(seconds=seconds).total_seconds() // 60)
    days, rest = divmod(minutes, 1440)
    parts = ((days, "d"), (rest // 60, "h"), (rest % 60, "min"))
    told = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(told[:2]) or "just now"
