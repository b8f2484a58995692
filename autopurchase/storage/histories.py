"""Writing whole histories at once: orders, the ledger, and lines with everything that happened to them.

Each line's state and figures are what `lines.record` would have made of its events, one after the other; they are only
written together. For workspaces that begin with a past: the demo, tests, measurements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert

from autopurchase.domain.history import LineState, step
from autopurchase.domain.order import LineStatus, order_status
from autopurchase.storage import schema
from autopurchase.storage.counting import Counter
from autopurchase.storage.lines import is_ready
from autopurchase.storage.orders import reserve

#: rows of one statement
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Said:
    """An event of a line. ``run``, ``booking``: places in their lists; ``facts``: columns that changed with it."""

    line: int
    at: datetime
    kind: str
    actor: str = "clock"
    data: Mapping[str, Any] = field(default_factory=dict)
    run: int | None = None
    booking: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # of the line and its order, as counting looks at them


@dataclass(slots=True)
class Past:
    """Rows by table, referring to one another by their places: ``order``, ``run``, ``booking``, ``provider_order``."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    bookings: list[dict[str, Any]] = field(default_factory=list)
    booking_lines: list[dict[str, Any]] = field(default_factory=list)
    provider_orders: list[dict[str, Any]] = field(default_factory=list)
    provider_lines: list[dict[str, Any]] = field(default_factory=list)
    events: list[Said] = field(default_factory=list)


@dataclass(slots=True)
class _Line:
    """A line while its events are counted."""

    facts: dict[str, Any]
    state: LineState = field(default_factory=LineState)
    changed_at: datetime | None = None
    ready_at: datetime | None = None


def write(connection: Connection, past: Past) -> list[int]:
    """Write a past; returns the ids of its lines. Events are told in the order in which they came to be known."""
    ids = {name: _insert(connection, table, _plain(getattr(past, name), {})) for name, table in _FIRST.items()}
    ids["bookings"] = _insert(connection, schema.booking, _plain(past.bookings, ids))
    ids["provider_orders"] = _insert(connection, schema.provider_order, _plain(past.provider_orders, ids))
    ids["provider_lines"] = _insert(connection, schema.provider_line, _plain(past.provider_lines, ids))
    ids["lines"] = reserve(connection, schema.line, len(past.lines))
    told = sorted(past.events, key=lambda said: said.at)
    lines = [_Line(_facts(row, past.orders[row["order"]])) for row in past.lines]
    counter = Counter()
    rows = [_event(counter, place, said, lines[said.line], ids) for place, said in enumerate(told)]
    _write_lines(connection, past, lines, counter, ids)
    _insert(connection, schema.booking_line, _plain(past.booking_lines, ids))
    keys = reserve(connection, schema.event, len(rows))
    _rows(connection, schema.event, [{"id": key, **row} for key, row in zip(keys, rows, strict=True)])
    counter.store(connection, keys, [said.at for said in told])
    return ids["lines"]


_FIRST = {"runs": schema.run, "orders": schema.orders}
_REFERENCES = {
    "run": ("runs", "run_id"),
    "order": ("orders", "order_id"),
    "booking": ("bookings", "booking_id"),
    "line": ("lines", "line_id"),
    "provider_order": ("provider_orders", "provider_order_id"),
    "of_order": ("provider_orders", "order_id"),
    "provider_line": ("provider_lines", "provider_line_id"),
}


def _plain(rows: Sequence[Mapping[str, Any]], ids: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """Rows with ids in place of places."""
    return [dict(_column(name, value, ids) for name, value in row.items()) for row in rows]


def _column(name: str, value: Any, ids: Mapping[str, Sequence[int]]) -> tuple[str, Any]:
    if name not in _REFERENCES:
        return name, value
    of, column = _REFERENCES[name]
    return column, None if value is None else ids[of][value]


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    keys = reserve(connection, table, len(rows))
    _rows(connection, table, [{"id": key, **row} for key, row in zip(keys, rows, strict=True)])
    return keys


def _rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, len(rows), _BATCH):
        connection.execute(insert(table), rows[start : start + _BATCH])


def _facts(line: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    """What counting looks at, before the first event."""
    own = {name: line[name] for name in _OF_LINE}
    return {
        **own,
        **{name: order[name] for name in ("payable", "paid_at", "paid_minor", "refunded_minor", "source_id")},
        "order_state": order["state"],
        "gone": False,
        "standing": None,
    }


_OF_LINE = ("quantity", "open_quantity", "ratio", "item_id", "provider", "seller_id", "reference_fen")


def _event(counter: Counter, place: int, said: Said, line: _Line, ids: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    line.facts.update(said.facts)
    data = dict(said.data)
    if said.booking is not None:
        data["booking"] = ids["bookings"][said.booking]
    before, line.state = line.state, step(line.state, said.kind, data)
    key = ids["lines"][said.line]
    states = (before, line.state)
    data = dict(counter.take(place, key, line.facts, states, said.kind, data, at=said.at, actor=said.actor))
    line.changed_at = said.at
    if line.ready_at is None and is_ready(line.state, line.facts):
        line.ready_at = line.facts["paid_at"] or said.at
    run_id = None if said.run is None else ids["runs"][said.run]
    return {"at": said.at, "actor": said.actor, "run_id": run_id, "line_id": key, "kind": said.kind, "data": data}


def _write_lines(
    connection: Connection, past: Past, lines: Sequence[_Line], counter: Counter, ids: Mapping[str, Sequence[int]]
) -> None:
    rows = []
    statuses: dict[int, list[LineStatus]] = {}
    for place, (row, line) in enumerate(zip(past.lines, lines, strict=True)):
        state, key = line.state, ids["lines"][place]
        statuses.setdefault(row["order"], []).append(state.status)
        values = {name: value for name, value in row.items() if name != "order"}
        rows.append(
            {
                **values,
                **{name: line.facts[name] for name in (*_OF_LINE, "gone")},
                **counter.columns(key),
                "id": key,
                "order_id": ids["orders"][row["order"]],
                "status": state.status.value,
                "purchase": state.purchase.value,
                "cause": state.cause,
                "booking_id": state.booking,
                "generation": state.generation,
                "version": state.version,
                "ready": is_ready(state, line.facts),
                "ready_at": line.ready_at,
                "changed_at": line.changed_at,
            }
        )
    _rows(connection, schema.line, rows)
    last = {row["order"]: line.facts for row, line in zip(past.lines, lines, strict=True)}
    changes = [
        {
            "key": ids["orders"][place],
            "new_status": order_status(found).value,
            "new_payable": last[place]["payable"],
            "new_state": last[place]["order_state"],
            "new_paid": last[place]["paid_minor"],
            "new_refunded": last[place]["refunded_minor"],
        }
        for place, found in statuses.items()
    ]
    if changes:
        connection.execute(_ORDER, changes)


_ORDER = (
    schema.orders.update()
    .where(schema.orders.c.id == bindparam("key"))
    .values(
        status=bindparam("new_status"),
        payable=bindparam("new_payable"),
        state=bindparam("new_state"),
        paid_minor=bindparam("new_paid"),
        refunded_minor=bindparam("new_refunded"),
    )
)


def insert_calls(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """What calls of sessions came to, by hour."""
    _rows(connection, schema.call_stat, rows)
