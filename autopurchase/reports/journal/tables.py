"""Rows as text and as HTML tables. Cells are text, whole numbers, `Money`, aware UTC datetimes or None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from autopurchase.domain.money import Money, amount_text

_SHOWN = 60
_STYLE = "text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"


def text_of(value: Any) -> str:
    """A cell for people: money with its currency, times in UTC to the minute."""
    if value is None:
        return ""
    if isinstance(value, Money):
        return f"{amount_text(value.minor, value.currency)} {value.currency}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def html_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], most: int = _SHOWN) -> str:
    """An HTML table of the first ``most`` rows; every cell is escaped."""
    head = "".join(f"<th style='text-align:left'>{escape(name.replace('_', ' '))}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(_cell(row[name]) for name in columns)}</tr>" for row in rows[:most])
    more = f"<p>… and {len(rows) - most} more</p>" if len(rows) > most else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(value: Any) -> str:
    style = _STYLE if isinstance(value, Money | int) and not isinstance(value, bool) else "text-align:left"
    return f"<td style='{style}'>{escape(text_of(value))}</td>"
