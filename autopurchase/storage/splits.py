"""Parts of split lines: the rest of an order's lines, and new lines that are like another but for their pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, or_, select

from autopurchase.domain.order import short_number
from autopurchase.storage import counting
from autopurchase.storage.schema import line

#: columns of a line that its parts have too
_COPIED = [
    column.name
    for column in line.columns
    if column.name
    not in (
        "id", "order_id", "line_no", "number", "quantity", "open_quantity", "sum_minor", "split_from", "status",
        "purchase", "cause", "booking_id", "generation", "version", "ready", "ready_at", "imported_at", "changed_at",
        "gone", *counting.KEPT,
    )
]  # fmt: skip


def part(row: Mapping[Any, Any], line_no: int, number: str, quantity: int, sum_minor: int) -> dict[str, Any]:
    """Columns of a new line that is a part of ``row`` (a line with its order, `lines.detail`)."""
    return {
        **{name: row[name] for name in _COPIED},
        "line_no": line_no,
        "number": number,
        "quantity": quantity,
        "open_quantity": quantity,
        "sum_minor": sum_minor,
        "split_from": row["split_from"] or row["id"],
    }


def next_numbers(connection: Connection, row: Mapping[Any, Any], count: int) -> list[tuple[int, str]]:
    """The next free line numbers of the row's order, as (line_no, as shown). The order must be locked."""
    used = set(connection.execute(select(line.c.line_no).where(line.c.order_id == row["order_id"])).scalars())
    found: list[tuple[int, str]] = []
    line_no = max(used)
    while len(found) < count:
        line_no += 1
        number = short_number(row["order_number"], line_no)
        if connection.execute(select(line.c.id).where(line.c.number == number)).first() is None:
            found.append((line_no, number))
    return found


def family(connection: Connection, row: Mapping[Any, Any]) -> Sequence[RowMapping]:
    """The line that was split and all its parts, whichever of them ``row`` is, in the order of their numbers."""
    root = row["split_from"] or row["id"]
    query = select(line).where(or_(line.c.id == root, line.c.split_from == root)).order_by(line.c.line_no)
    return connection.execute(query).mappings().all()
