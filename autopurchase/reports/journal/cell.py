"""A cell of the journal as it is told: its result in one sentence, and its Out as tables, text and HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from autopurchase.domain.causes import cause
from autopurchase.domain.code import unsigned
from autopurchase.domain.journal import Cell, Note
from autopurchase.reports.journal.tables import html_table, text_of

OUTCOME = (
    "number", "outcome", "cause", "sentence", "provider_order", "provider_state", "title", "quantity", "reference",
)  # fmt: skip
OUTCOME_HIDDEN = ("reference",)
CHANGE = ("at", "number", "kind", "detail")
REJECT = ("position", "reason", "row")
#: rows of one table that a cell is read and shown with, of a few cells and of many
MOST_SHOWN, MANY_SHOWN = 5_000, 500
_OUTCOMES = {"confirmed": "booked", "queued": "waiting", "sending": "unknown"}


class Told(NamedTuple):
    """One table of a cell's Out."""

    title: str
    rows: list[dict[str, Any]]
    columns: tuple[str, ...]


def result(cell: Cell) -> str:
    """Out in one sentence."""
    run = cell.run
    if run["error"]:
        return unsigned(str(run["error"]))
    if not cell.counts:
        return told_figures(run["out"]) or str(run["state"])
    return ", ".join(f"{count:,} {word}" for word, count in counted(cell).items())


def counted(cell: Cell) -> dict[str, int]:
    """Lines of a booking by what became of them, by cause, and those its plan left out."""
    outcomes: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    for row in cell.counts:
        outcomes[_OUTCOMES.get(row["state"], row["state"])] += row["lines"]
        if row["cause"]:
            causes[f"because: {cause(row['cause']).label.lower()}"] += row["lines"]
    left = cell.run["out"].get("left_out", {})
    return {
        **outcomes,
        **causes,
        **{f"left out: {cause(code).label.lower()}": int(count) for code, count in left.items()},
    }


def tables(cell: Cell) -> list[Told]:
    """What became of lines, what happened to them, what was refused; empty tables are left out."""
    shown = tuple(name for name in OUTCOME if name not in OUTCOME_HIDDEN)
    found = [
        Told("Lines", [outcome_row(row) for row in cell.lines], shown),
        Told("Changes", [change_row(row) for row in cell.changes], CHANGE),
        Told("Not taken", [reject_row(row) for row in cell.rejects], REJECT[:2]),
    ]
    return [each._replace(title=_title(each, cell), columns=_filled(each)) for each in found if each.rows]


def _filled(told: Told) -> tuple[str, ...]:
    """The columns that have something in them."""
    return tuple(name for name in told.columns if any(row[name] not in ("", None) for row in told.rows))


def _title(told: Told, cell: Cell) -> str:
    """Says so when there are more than were read."""
    return f"{told.title}, the first {len(told.rows):,}" if len(told.rows) >= cell.most else told.title


def heading(cell: Cell) -> str:
    """``done · 4 booked · anna, 2026-11-23 14:05 UTC``."""
    run = cell.run
    return f"{run['state']} · {result(cell)} · {run['actor']}, {text_of(run['created_at'])}"


def text(cell: Cell) -> str:
    """Out in a few words."""
    return f"Run {cell.number} · {cell.run['kind']} · {cell.run['state']} · {result(cell)}"


def signature(note: Note) -> str:
    """``anna, 2026-11-23 14:05 UTC, changed 2026-11-23 15:00 UTC``."""
    changed = f", changed {text_of(note.wordings[-1].at)}" if note.changed else ""
    return f"{note.actor or 'unsigned'}, {text_of(note.at)}{changed}"


def html(cell: Cell, most: int = 60) -> str:
    """Out as HTML, at most so many rows a table; every word in it is escaped."""
    parts = [f"<p>Out [{cell.number}]: {escape(heading(cell))}</p>"]
    for told in tables(cell):
        parts.append(f"<p>{escape(told.title)}</p>{html_table(told.rows, told.columns, most)}")
    return f"<div>{''.join(parts)}</div>"


def outcome_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """What became of one line of a booking run: booked, refused, waiting, unknown or ended."""
    return {
        "number": row["number"],
        "outcome": _OUTCOMES.get(row["state"], row["state"]),
        "cause": row["cause"],
        "sentence": row["sentence"],
        "provider_order": row["provider_order_id"] or "",
        "provider_state": row["provider_state"] or "",
        "title": row["title"],
        "quantity": row["quantity"],
        "reference": row["out_order_id"],
    }


def change_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """What happened to one line."""
    return {"at": row["at"], "number": row["number"], "kind": row["kind"], "detail": detail(row["data"])}


def reject_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """One input row that was refused."""
    return {"position": row["position"], "reason": row["reason"], "row": detail(row["row"])}


def told_figures(out: Mapping[str, Any]) -> str:
    """``{"lines": {"new": 3}, "left": 1}`` -> ``lines: 3 new; 1 left``; noughts are left out."""
    parts = []
    for name, value in out.items():
        if isinstance(value, Mapping):
            inner = ", ".join(f"{count} {word}" for word, count in value.items() if count)
            parts += [f"{name}: {inner}"] if inner else []
        elif value:
            parts.append(f"{value} {name.replace('_', ' ')}")
    return "; ".join(parts)


def detail(data: Mapping[str, Any]) -> str:
    """``{"cause": "out_of_stock"}`` -> ``cause: out_of_stock``."""
    return unsigned(", ".join(f"{name}: {value}" for name, value in data.items() if value not in ("", None)))


def listed(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Cells as rows of a list."""
    return [
        {
            "number": cell.number,
            "kind": cell.run["kind"],
            "state": cell.run["state"],
            "session": cell.run["session"] or cell.run["source"] or "",
            "actor": cell.run["actor"],
            "at": cell.run["created_at"],
            "call": cell.run["call"],
            "result": result(cell),
            "notes": sum(bool(note.text) for note in cell.notes),
        }
        for cell in cells
    ]


LISTED = ("number", "kind", "state", "session", "actor", "at", "call", "result", "notes")
