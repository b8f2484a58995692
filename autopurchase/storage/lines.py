"""Lines and their history. State is written only by `record`, through the fold that `verify` uses too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from autopurchase.domain.errors import BadInput
from autopurchase.domain.history import LineState, step
from autopurchase.domain.order import LineStatus, PurchaseState, order_status, parse_line_number
from autopurchase.storage import counting
from autopurchase.storage.schema import event, line, orders

#: parameters of one statement: SQLite allows 32,766, PostgreSQL 65,535
CHUNK = 5_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a line; ``kind`` is one of `domain.history.KINDS`, ``data`` is JSON-able.

    ``run_id``: the cell it belongs to, ``at``: when it happened, where that is another than what it is written with.
    """

    line_id: int
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    run_id: int | None = None
    at: datetime | None = None


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """``items`` in parts of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def record(
    connection: Connection,
    events: Sequence[Event],
    *,
    at: datetime,
    actor: str,
    run_id: int | None,
    locked: Mapping[int, RowMapping] | None = None,
) -> None:
    """Append events and bring the lines they touch to the state their history now says.

    Orders, then lines are locked in id order first, so that two writers queue instead of deadlocking. Order statuses
    follow: whoever changes a line of an order holds the order, so its status is derived from what is committed.
    ``locked``: line id -> its `STATE`, where the caller has locked them so in this transaction.
    """
    if not events:
        return
    before = locked if locked is not None else _locked(connection, sorted({item.line_id for item in events}))
    ledger = _ledger(connection, events)
    counter = counting.Counter()
    states: dict[int, LineState] = {}
    changed: dict[int, datetime] = {}
    rows = []
    for position, item in enumerate(events):
        row, moment = before[item.line_id], item.at or at
        state = states.get(item.line_id) or line_state(row)
        data = counting.completed(item.kind, item.data, ledger.get((item.line_id, _booking(item, state))))
        after = states[item.line_id] = step(state, item.kind, data)
        data = counter.take(position, item.line_id, row, (state, after), item.kind, data, at=moment, actor=actor)
        cell = item.run_id or run_id
        rows.append({"line_id": item.line_id, "kind": item.kind, "data": data, "run_id": cell, "at": moment})
        changed[item.line_id] = moment
    ids = _insert_events(connection, rows, actor=actor, numbered=counter.moved)
    counter.store(connection, ids, [item.at or at for item in events])
    written = [
        {**_columns(key, before[key], state, changed[key]), **counter.columns(key)}
        for key, state in sorted(states.items())
    ]
    connection.execute(_WRITE_STATE, written)
    moved = {before[key]["order_id"] for key, state in states.items() if state.status != before[key]["status"]}
    refresh_order_statuses(connection, sorted(moved))


_INSERT_EVENT = insert(event)
_INSERT_NUMBERED = insert(event).returning(event.c.id, sort_by_parameter_order=True)


def _insert_events(
    connection: Connection, rows: Sequence[Mapping[str, Any]], *, actor: str, numbered: bool
) -> list[int]:
    """Append events; their ids in the same order where ``numbered`` asks for them."""
    values = [{"actor": actor, **row} for row in rows]
    if not numbered:
        connection.execute(_INSERT_EVENT, values)
        return []
    return list(connection.execute(_INSERT_NUMBERED, values).scalars())


def _ledger(connection: Connection, events: Sequence[Event]) -> Mapping[tuple[int, int | None], RowMapping]:
    """What the ledger knows of bookings of which these events do not say enough."""
    ids = sorted({item.line_id for item in events if counting.lacks(item.kind, item.data)})
    found: dict[tuple[int, int | None], RowMapping] = {}
    for part in chunks(ids):
        found.update(counting.ledger(connection, part))
    return found


def _booking(item: Event, state: LineState) -> int | None:
    booking: int | None = item.data.get("booking", state.booking)
    return booking


def lock_orders(connection: Connection, column: Any, values: Sequence[Any]) -> None:
    """Lock the orders of the lines whose ``column`` has one of ``values``; SQLite has one writer anyway."""
    if connection.dialect.name == "sqlite":
        return
    wanted = select(line.c.order_id).where(column == func.any(bindparam("wanted", type_=ARRAY(column.type))))
    query = select(orders.c.id).where(orders.c.id.in_(wanted)).order_by(orders.c.id)
    connection.execute(query.with_for_update(key_share=True), {"wanted": list(values)})


#: what `record` must know of a line
STATE = (
    line.c.order_id,
    line.c.status,
    line.c.purchase,
    line.c.cause,
    line.c.booking_id,
    line.c.generation,
    line.c.version,
    line.c.ready_at,
    line.c.open_quantity,
    line.c.item_id,
    orders.c.payable,
    orders.c.paid_at,
    *counting.FACTS,
)
_LOCK = (  # statements of every single booking are made once: making one costs more than running it
    select(line.c.id.label("line_id"), *STATE)
    .join_from(line, orders)
    .where(line.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(line.c.id)
    .with_for_update(of=line)
)


def _locked(connection: Connection, ids: Sequence[int]) -> dict[int, RowMapping]:
    lock_orders(connection, line.c.id, ids)
    found: dict[int, RowMapping] = {}
    for part in chunks(ids):
        found.update({row["line_id"]: row for row in connection.execute(_LOCK, {"ids": list(part)}).mappings()})
    return found


def line_state(row: RowMapping) -> LineState:
    """The state columns of a line row as the fold's own type."""
    return LineState(
        LineStatus(row["status"]),
        PurchaseState(row["purchase"]),
        row["cause"],
        row["booking_id"],
        row["generation"],
        row["version"],
    )


def is_ready(state: LineState, row: Mapping[Any, Any]) -> bool:
    """Order paid in full, status Paid, purchase state ready, something left to buy and known what (design).

    ``row``: ``payable``, ``open_quantity`` and ``item_id``.
    """
    buyable = row["payable"] and row["open_quantity"] > 0 and row["item_id"] != ""
    return buyable and state.status is LineStatus.PAID and state.purchase is PurchaseState.READY


def _columns(key: int, row: RowMapping, state: LineState, at: datetime) -> dict[str, Any]:
    ready = is_ready(state, row)
    return {
        "key": key,
        "status": state.status.value,
        "purchase": state.purchase.value,
        "cause": state.cause,
        "booking_id": state.booking,
        "generation": state.generation,
        "version": state.version,
        "ready": ready,
        "ready_at": row["ready_at"] or ((row["paid_at"] or at) if ready else None),
        "changed_at": at,
    }


_WRITE_STATE = (
    update(line)
    .where(line.c.id == bindparam("key"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "status",
                "purchase",
                "cause",
                "booking_id",
                "generation",
                "version",
                "ready",
                "ready_at",
                "changed_at",
                *counting.KEPT,
            )
        }
    )
)


_STATUSES = (
    select(line.c.order_id, line.c.status, orders.c.status.label("was"))
    .join_from(line, orders)
    .where(line.c.order_id.in_(bindparam("ids", expanding=True)))
    .order_by(line.c.id)
)
_WRITE_STATUS = update(orders).where(orders.c.id == bindparam("key")).values(status=bindparam("status"))


def refresh_order_statuses(connection: Connection, order_ids: Sequence[int]) -> None:
    """Derive the status of these orders from their lines again."""
    for part in chunks(order_ids):
        statuses: dict[tuple[int, str], list[LineStatus]] = {}
        for order_id, status, was in connection.execute(_STATUSES, {"ids": list(part)}):
            statuses.setdefault((order_id, was), []).append(LineStatus(status))
        derived = {key: (was, order_status(found).value) for (key, was), found in statuses.items()}
        rows = [{"key": key, "status": now} for key, (was, now) in derived.items() if now != was]
        if rows:
            connection.execute(_WRITE_STATUS, rows)


def find(connection: Connection, numbers: Iterable[str]) -> dict[str, RowMapping]:
    """Lines (with their order) by number, ``53-1`` or ``ORD-000000053-1``; raises BadInput naming what is missing."""
    return {row["number"]: row for row in as_written(connection, numbers).values()}


def as_written(connection: Connection, numbers: Iterable[str]) -> dict[str, RowMapping]:
    """`find`, but by the numbers as they were given."""
    wanted = list(dict.fromkeys(text.strip() for text in numbers if text.strip()))
    spelled = {text: _spellings(text) for text in wanted}
    keys = sorted({key for options in spelled.values() for key in options})
    rows: dict[tuple[str, int], RowMapping] = {}
    for part in chunks(keys):
        query = detail().where(orders.c.number.in_([number for number, _ in part]))
        for row in connection.execute(query).mappings():
            rows[row["order_number"], row["line_no"]] = row
    found = {text: next((rows[key] for key in keys if key in rows), None) for text, keys in spelled.items()}
    missing = [text for text, row in found.items() if row is None]
    if missing:
        raise BadInput(f"No such line: {', '.join(missing[:10])}{' …' if len(missing) > 10 else ''}.")
    return {text: row for text, row in found.items() if row is not None}


def _spellings(text: str) -> list[tuple[str, int]]:
    numbers, line_no = parse_line_number(text)
    return [(number, line_no) for number in numbers]


def detail() -> Any:
    """Select of a line with what its order adds: order_number, external id, source, customer, payable."""
    return select(
        line,
        orders.c.number.label("order_number"),
        orders.c.external_id.label("order_external_id"),
        orders.c.source_id,
        orders.c.customer,
        orders.c.payable,
        orders.c.paid_at,
        orders.c.read_at,
    ).join_from(line, orders)


def lock_numbers(connection: Connection, numbers: Sequence[str]) -> dict[str, RowMapping]:
    """State columns of lines by their shown numbers, locked in id order (their orders before them)."""
    lock_orders(connection, line.c.number, sorted(numbers))
    found: dict[str, RowMapping] = {}
    for part in chunks(sorted(numbers)):
        query = (
            select(line.c.id, line.c.number, line.c.version, line.c.generation, line.c.ready, line.c.purchase)
            .where(line.c.number.in_(part))
            .order_by(line.c.id)
            .with_for_update()
        )
        found.update({row["number"]: row for row in connection.execute(query).mappings()})
    return found


def by_ids(connection: Connection, ids: Sequence[int]) -> dict[int, RowMapping]:
    """Lines (with their order) by id."""
    found: dict[int, RowMapping] = {}
    for part in chunks(ids):
        found.update({row["id"]: row for row in connection.execute(detail().where(line.c.id.in_(part))).mappings()})
    return found


def history(connection: Connection, line_id: int) -> Sequence[RowMapping]:
    """Every event of a line, oldest first."""
    return connection.execute(select(event).where(event.c.line_id == line_id).order_by(event.c.id)).mappings().all()


def purchase_counts(connection: Connection) -> dict[str, int]:
    """Lines by purchase state."""
    query = select(line.c.purchase, func.count()).group_by(line.c.purchase).order_by(line.c.purchase)
    return {state: int(count) for state, count in connection.execute(query)}


def ready_count(connection: Connection) -> int:
    """Lines ready for purchase."""
    return int(connection.execute(select(func.count()).select_from(line).where(line.c.ready)).scalar_one())


def states(connection: Connection, line_ids: Sequence[int]) -> dict[int, LineState]:
    """Current state per line id."""
    query = select(
        line.c.id, line.c.status, line.c.purchase, line.c.cause, line.c.booking_id, line.c.generation, line.c.version
    )
    found: dict[int, LineState] = {}
    for part in chunks(line_ids):
        rows = connection.execute(query.where(line.c.id.in_(part))).mappings()
        found.update({row["id"]: line_state(row) for row in rows})
    return found


def orders_of(connection: Connection, line_ids: Sequence[int]) -> list[int]:
    """The orders these lines belong to."""
    found: set[int] = set()
    for part in chunks(line_ids):
        found.update(connection.execute(select(line.c.order_id).where(line.c.id.in_(part)).distinct()).scalars())
    return sorted(found)


def stream_history(connection: Connection) -> Iterator[RowMapping]:
    """Every event of every line, line by line, oldest first; memory stays flat."""
    query = select(event.c.line_id, event.c.kind, event.c.data).order_by(event.c.line_id, event.c.id)
    yield from connection.execution_options(stream_results=True, yield_per=1000).execute(query).mappings()


def stream_states(connection: Connection) -> Iterator[RowMapping]:
    """State columns of every line by id, with what decides whether it is ready."""
    query = (
        select(
            line.c.id,
            line.c.number,
            line.c.status,
            line.c.purchase,
            line.c.cause,
            line.c.booking_id,
            line.c.generation,
            line.c.version,
            line.c.ready,
            line.c.open_quantity,
            line.c.item_id,
            orders.c.payable,
        )
        .join_from(line, orders)
        .order_by(line.c.id)
    )
    yield from connection.execution_options(stream_results=True, yield_per=1000).execute(query).mappings()


def set_fields(connection: Connection, line_id: int, **values: Any) -> None:
    """Write descriptive columns (comments and the like); never state columns."""
    connection.execute(update(line).where(line.c.id == line_id).values(**values))


def last_touch(connection: Connection, line_ids: Sequence[int]) -> dict[int, RowMapping]:
    """Who did what last to each line: id -> (actor, run_id, kind, at)."""
    found: dict[int, RowMapping] = {}
    for part in chunks(line_ids):
        query = (
            select(event.c.line_id, event.c.actor, event.c.run_id, event.c.kind, event.c.at)
            .where(event.c.line_id.in_(part))
            .order_by(event.c.line_id, event.c.id)
        )
        found.update({row["line_id"]: row for row in connection.execute(query).mappings()})
    return found
