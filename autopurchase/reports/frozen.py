"""A report as text and back, without loss: what is frozen is read again as it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from autopurchase.reports.model import Basis, Behind, Column, Figure, Filters, Report, Sheet


def to_text(report: Report) -> str:
    """As JSON; the same report gives the same bytes."""
    document = {
        "kind": report.kind,
        "period": report.period,
        "basis": asdict(report.basis),
        "filters": asdict(report.filters),
        "figures": [_figure(figure) for figure in report.figures.values()],
        "sheets": [_sheet(sheet) for sheet in report.sheets.values()],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    raise TypeError(f"no JSON for {type(value).__name__}")


def _behind(behind: Behind) -> list[Any]:
    return [behind.what, behind.measure, dict(behind.where)]


def _figure(figure: Figure) -> dict[str, Any]:
    values = {name: getattr(figure, name) for name in _FIGURE}
    return {**values, "behind": _behind(figure.behind) if figure.behind else None}


_FIGURE = ("name", "label", "value", "unit", "currency", "of", "note", "alarm")


def _sheet(sheet: Sheet) -> dict[str, Any]:
    return {
        "name": sheet.name,
        "title": sheet.title,
        "note": sheet.note,
        "columns": [[column.name, column.label, column.unit, column.currency] for column in sheet.columns],
        "rows": [list(row) for row in sheet.rows],
        "opens": [[row, name, *_behind(behind)] for (row, name), behind in sheet.opens.items()],
    }


def from_text(text: str) -> Report:
    """The reverse of `to_text`."""
    data = json.loads(text, object_hook=_read)
    return Report(
        kind=data["kind"],
        period=data["period"],
        basis=Basis(**data["basis"]),
        filters=Filters(**data["filters"]),
        figures={each["name"]: _read_figure(each) for each in data["figures"]},
        sheets={each["name"]: _read_sheet(each) for each in data["sheets"]},
    )


def _read(found: dict[str, Any]) -> Any:
    if found.keys() == {"decimal"}:
        return Decimal(found["decimal"])
    return datetime.fromisoformat(found["time"]) if found.keys() == {"time"} else found


def _read_figure(data: Mapping[str, Any]) -> Figure:
    behind = data["behind"]
    return Figure(**{name: data[name] for name in _FIGURE}, behind=Behind(*behind) if behind else None)


def _read_sheet(data: Mapping[str, Any]) -> Sheet:
    return Sheet(
        name=data["name"],
        title=data["title"],
        columns=tuple(Column(*column) for column in data["columns"]),
        rows=[tuple(row) for row in data["rows"]],
        opens={(row, name): Behind(*behind) for row, name, *behind in data["opens"]},
        note=data["note"],
    )


def flow_of(report: Report) -> dict[str, int]:
    """Figure -> pieces of a frozen week, to be held against what is known later."""
    flow = report.sheets["flow"]
    return {str(row[0]): int(row[2]) for row in flow.rows if row[2] is not None}
