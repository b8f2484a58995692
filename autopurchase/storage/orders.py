"""Customers' orders as the shops show them: loaded, inserted and updated in sets.

New lines are inserted together with their first events; their state is the fold of those events, as in `lines.record`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from autopurchase.domain.history import LineState, step
from autopurchase.storage.counting import Counter
from autopurchase.storage.lines import chunks, is_ready
from autopurchase.storage.schema import event, import_reject, line, orders, run, source

_LOCK = 0x6F72646572  # any fixed number: imports take turns on PostgreSQL, as all writers do on SQLite


@dataclass(slots=True)
class KnownOrder:
    """A stored order with its lines, by line number."""

    row: RowMapping
    lines: list[RowMapping] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line to insert: its descriptive columns, and its first events as (kind, data)."""

    values: Mapping[str, Any]
    events: Sequence[tuple[str, Mapping[str, Any]]]
    payable: bool
    paid_at: datetime | None


def take_turn(connection: Connection) -> None:
    """Wait until no other transaction imports: two imports that meet the same order number must not collide."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:n)"), {"n": _LOCK})


def known(
    connection: Connection, source_id: int, external_ids: Sequence[str], *, lock: bool = False
) -> dict[str, KnownOrder]:
    """Stored orders of a source by external id; ``lock`` keeps them and their lines as they are until the commit."""
    found: dict[int, KnownOrder] = {}
    for part in chunks(external_ids):
        wanted = (orders.c.source_id == source_id) & orders.c.external_id.in_(part)
        if lock:
            _lock(connection, wanted)
        for row in connection.execute(select(orders).where(wanted)).mappings():
            found[row["id"]] = KnownOrder(row)
    for keys in chunks(sorted(found)):
        query = select(line).where(line.c.order_id.in_(keys)).order_by(line.c.order_id, line.c.line_no)
        for row in connection.execute(query).mappings():
            found[row["order_id"]].lines.append(row)
    return {item.row["external_id"]: item for item in found.values()}


def _lock(connection: Connection, wanted: ColumnElement[bool]) -> None:
    """Orders before lines, each by id: the order in which every writer of history comes to them."""
    connection.execute(select(orders.c.id).where(wanted).order_by(orders.c.id).with_for_update(key_share=True))
    lines = select(line.c.id).join_from(line, orders).where(wanted).order_by(line.c.id)
    connection.execute(lines.with_for_update(of=line))


def taken(connection: Connection, order_numbers: Sequence[str], line_numbers: Sequence[str]) -> tuple[set[str], ...]:
    """Which of these order numbers, and which of these line numbers, exist already."""
    return _existing(connection, orders, order_numbers), _existing(connection, line, line_numbers)


def _existing(connection: Connection, table: Table, numbers: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for part in chunks(numbers):
        found.update(connection.execute(select(table.c.number).where(table.c.number.in_(part))).scalars())
    return found


def count_anew(connection: Connection) -> None:
    """Let PostgreSQL look at how large the tables that an import fills are now, for its plans.

    Its own upkeep does so once a minute. Until then it plans as for an empty one, and compares every order of a source
    with every one of a batch. SQLite needs nothing.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("analyze orders, line"))


def insert_orders(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert orders and return their ids in the same order."""
    ids = reserve(connection, orders, len(rows))
    if rows:
        connection.execute(insert(orders), [{**row, "id": key} for key, row in zip(ids, rows, strict=True)])
    return ids


def insert_lines(
    connection: Connection,
    new: Sequence[tuple[int, NewLine]],
    *,
    source_id: int,
    at: datetime,
    actor: str,
    run_id: int | None,
) -> None:
    """Insert lines, each with the id of its order, and their first events, counted as `lines.record` counts them."""
    if not new:
        return
    counter = Counter()
    rows: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for key, (order_id, item) in zip(reserve(connection, line, len(new)), new, strict=True):
        facts = _counted_of(item, source_id)
        state = LineState()
        for kind, data in item.events:
            before, state = state, step(state, kind, data)
            told = counter.take(len(events), key, facts, (before, state), kind, data, at=at, actor=actor)
            events.append({"line_id": key, "kind": kind, "data": told})
        rows.append({**_line_row(order_id, item, state, at), **counter.columns(key), "id": key})
    connection.execute(insert(line), rows)
    ids = reserve(connection, event, len(events))
    values = [
        {"at": at, "actor": actor, "run_id": run_id, "id": key, **row} for key, row in zip(ids, events, strict=True)
    ]
    connection.execute(insert(event), values)
    counter.store(connection, ids, at)


def _counted_of(item: NewLine, source_id: int) -> dict[str, Any]:
    """A new line as counting looks at it; whether it is payable says all that counts of its order."""
    order = {"order_state": "", "paid_minor": 0, "refunded_minor": 0, "payable": item.payable, "paid_at": item.paid_at}
    names = ("quantity", "open_quantity", "ratio", "item_id", "provider", "seller_id", "reference_fen")
    own = {name: item.values[name] for name in names}
    return {**order, **own, "gone": False, "standing": None, "source_id": source_id}


def reserve(connection: Connection, table: Table, count: int) -> list[int]:
    """Ids for rows about to be inserted: asking for them first is several times faster than reading them back.

    On SQLite the transaction holds the write lock, so nobody else can take the next ones; rows are never deleted.
    """
    if connection.dialect.name == "sqlite":
        last = connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()
        return list(range(last + 1, last + 1 + count))
    query = text("select nextval(pg_get_serial_sequence(:name, 'id')) from generate_series(1, :count)")
    return list(connection.execute(query, {"name": table.name, "count": count}).scalars())


def _line_row(order_id: int, item: NewLine, state: LineState, at: datetime) -> dict[str, Any]:
    ready = is_ready(
        state, {"payable": item.payable, **{name: item.values[name] for name in ("open_quantity", "item_id")}}
    )
    return {
        **item.values,
        "order_id": order_id,
        "status": state.status.value,
        "purchase": state.purchase.value,
        "cause": state.cause,
        "generation": state.generation,
        "version": state.version,
        "ready": ready,
        "ready_at": (item.paid_at or at) if ready else None,
        "imported_at": at,
        "changed_at": at,
    }


def update_orders(connection: Connection, changes: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Write columns of orders: (id, columns)."""
    _update(connection, orders, changes)


def update_lines(connection: Connection, changes: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Write descriptive columns of lines: (id, columns); never state columns."""
    _update(connection, line, changes)


def _update(connection: Connection, table: Table, changes: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """One statement for all rows that change in the same columns."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for key, values in changes:
        if values:
            groups.setdefault(tuple(values), []).append({"row_id": key, **{f"new_{n}": v for n, v in values.items()}})
    for names, rows in groups.items():
        statement = update(table).where(table.c.id == bindparam("row_id"))
        connection.execute(statement.values({name: bindparam(f"new_{name}") for name in names}), rows)


def touch(connection: Connection, order_ids: Sequence[int], at: datetime) -> None:
    """These orders were read from their shop at ``at``."""
    for part in chunks(order_ids):
        in_order = select(orders.c.id).where(orders.c.id.in_(part)).order_by(orders.c.id).with_for_update()
        connection.execute(update(orders).where(orders.c.id.in_(in_order)).values(read_at=at))


def left_open(connection: Connection, source_id: int, since: datetime) -> list[str]:
    """External ids of open orders of a source that were not read since ``since``, oldest first."""
    query = (
        select(orders.c.external_id)
        .where(orders.c.source_id == source_id, orders.c.state == "open", orders.c.read_at < since)
        .order_by(orders.c.id)
    )
    return list(connection.execute(query).scalars())


_WITH_SOURCES = (
    select(orders, source.c.name.label("source_name"), source.c.kind.label("source_kind"), source.c.config_sealed)
    .join_from(orders, source)
    .where(orders.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(orders.c.id)
)


def with_sources(connection: Connection, order_ids: Sequence[int]) -> list[RowMapping]:
    """Orders by id, each with its source's ``source_name``, ``source_kind`` and ``config_sealed``."""
    found: list[RowMapping] = []
    for part in chunks(sorted(set(order_ids))):
        found += connection.execute(_WITH_SOURCES, {"ids": list(part)}).mappings()
    return found


def forget_rejects(connection: Connection, run_id: int) -> None:
    """Drop what an interrupted attempt of the run rejected: the new attempt reads everything again."""
    connection.execute(delete(import_reject).where(import_reject.c.run_id == run_id))


def save_progress(
    connection: Connection, run_id: int, done: int, out: Mapping[str, Any], at: datetime, *, total: int | None = None
) -> None:
    """How far an import is at ``at`` and what it did so far; a total is known only at its end."""
    values: dict[str, Any] = {"done": done, "out": dict(out), "beat_at": at}
    values |= {} if total is None else {"total": total}
    connection.execute(update(run).where(run.c.id == run_id).values(**values))


def silent_imports(connection: Connection, since: datetime) -> list[RowMapping]:
    """Imports that run and gave no sign of life since then."""
    alive = func.coalesce(run.c.beat_at, run.c.started_at, run.c.created_at)
    query = select(run).where(run.c.kind == "import", run.c.state == "running", alive < since).order_by(run.c.id)
    return list(connection.execute(query).mappings())


def reject_row(position: str, reason: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A refused input row as `runs.add_rejects` takes it."""
    return {"position": position, "reason": reason, "row": dict(row)}
