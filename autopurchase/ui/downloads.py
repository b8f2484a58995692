"""Files that pages hand out. Text that a spreadsheet would run as a formula is made text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from autopurchase.domain.code import unsigned
from autopurchase.storage import cells, runs
from autopurchase.ui.workspace import reading

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: object) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def rejects_csv(run_id: int) -> bytes:
    """Refused input rows of a run, UTF-8 with a byte order mark so that spreadsheets read Chinese."""
    with reading() as connection:
        return rejects_table(runs.rejects(connection, run_id))


def rejects_table(rows: Sequence[Mapping[Any, Any]]) -> bytes:
    """Rows with ``position``, ``reason`` and ``row`` as a table: what was refused, where, and why."""
    keys = list(dict.fromkeys(key for row in rows for key in row["row"]))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(map(harmless, ["position", "reason", *keys]))
    for row in rows:
        writer.writerow(map(harmless, [row["position"], row["reason"], *(row["row"].get(key) for key in keys)]))
    return out.getvalue().encode("utf-8-sig")


def cell_json(run_id: int) -> bytes:
    """A journal cell whole: the run, what became of its lines, the calls with their redacted answers."""
    with reading() as connection:
        content = {
            "run": _plain(runs.get(connection, run_id)),
            "lines": [_plain(row) for row in cells.outcomes(connection, run_id, 100_000)],
            "calls": [_plain(row) for row in cells.attempts(connection, run_id, 100_000)],
            "changes": [_plain(row) for row in cells.changes(connection, run_id, 100_000)],
        }
    return unsigned(json.dumps(content, ensure_ascii=False, indent=1)).encode()


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
