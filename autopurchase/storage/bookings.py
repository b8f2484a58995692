"""Bookings: the ledger of intents. A row is committed before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    select,
    update,
)

from autopurchase.domain.booking import LIVE, OPEN, BookingState
from autopurchase.storage.database import alike
from autopurchase.storage.lines import STATE, chunks
from autopurchase.storage.schema import booking, booking_attempt, booking_line, line, orders, source

_OPEN = [state.value for state in sorted(OPEN)]
#: as the text that the partial index over open bookings has: with parameters no database could use it
_IS_OPEN: ColumnElement[bool] = literal_column(f"booking.state IN ({', '.join(map(repr, _OPEN))})")
_LIVE = [state.value for state in sorted(LIVE)]


def create_all(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert bookings and return their ids in the same order."""
    connection.execute(insert(booking), list(rows))  # with RETURNING, it would be one text of thousands of parameters
    references = [row["out_order_id"] for row in rows]
    ids: dict[str, int] = {}
    for part in chunks(references):
        query = select(booking.c.out_order_id, booking.c.id).where(booking.c.out_order_id.in_(part))
        ids |= {reference: key for reference, key in connection.execute(query)}
    return [ids[reference] for reference in references]


def add_lines(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Tie lines to bookings; the database refuses a second live booking of a line (IntegrityError)."""
    connection.execute(insert(booking_line), list(rows))


_CLAIM = (  # statements of every single booking are made once: making one costs more than running it
    select(booking)
    .where(booking.c.session_id == bindparam("session"), _IS_OPEN, booking.c.due_at <= bindparam("now"))
    .order_by(booking.c.due_at, booking.c.id)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)


def claim(connection: Connection, session_id: int, now: datetime, count: int) -> Sequence[RowMapping]:
    """The session's next ``count`` due open bookings, or as many as there are, locked for this transaction.

    Due are queued ones, unknown ones whose look-up time has come, and ones left in sending by a process that died.
    """
    return connection.execute(_CLAIM, {"session": session_id, "now": now, "count": count}).mappings().all()


def next_due(connection: Connection, session_id: int) -> datetime | None:
    """When the session's next open booking is due."""
    query = select(func.min(booking.c.due_at)).where(booking.c.session_id == session_id, _IS_OPEN)
    found: datetime | None = connection.execute(query).scalar()
    return found


_QUEUED = (_IS_OPEN, booking.c.state == BookingState.QUEUED.value)


def waiting(connection: Connection) -> dict[int, tuple[int, int]]:
    """Queued bookings of each session: how many, and what they come to (fen)."""
    query = select(booking.c.session_id, func.count(), func.sum(booking.c.total_minor)).where(*_QUEUED)
    rows = connection.execute(query.group_by(booking.c.session_id))
    return {key: (int(count), int(amount)) for key, count, amount in rows}


def waiting_amounts(connection: Connection, session_id: int) -> list[int]:
    """What the session's queued bookings come to each (fen), in the order in which they are sent."""
    query = select(booking.c.total_minor).where(booking.c.session_id == session_id, *_QUEUED)
    return list(connection.execute(query.order_by(booking.c.due_at, booking.c.id)).scalars())


def due_sessions(connection: Connection, now: datetime) -> list[int]:
    """Sessions that have an open booking due."""
    query = select(booking.c.session_id).where(_IS_OPEN, booking.c.due_at <= now).distinct()
    return [int(key) for key in connection.execute(query).scalars()]


_CHANGE = update(booking).where(booking.c.id == bindparam("key"))


def change(connection: Connection, booking_id: int, **values: Any) -> None:
    """Write columns of a booking."""
    change_all(connection, {booking_id: values})


def change_all(connection: Connection, changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Write columns of bookings."""
    for rows in alike({"key": key, **values} for key, values in sorted(changes.items())):
        connection.execute(_CHANGE, rows)


_STATES = (
    select(booking.c.id, booking.c.state, booking.c.attempts, booking.c.due_at)
    .where(booking.c.id.in_(bindparam("keys", expanding=True)))
    .order_by(booking.c.id)
    .with_for_update()
)


def stand(connection: Connection, claims: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Whether claims still hold, by booking: ``ours``, ``open`` (another lane has it) or ``ended``.

    The bookings stay locked for this transaction. Every claim writes another due time, so state, attempt and due time
    tell one claim from the next.
    """
    rows = connection.execute(_STATES, {"keys": [claimed["id"] for claimed in claims]}).mappings()
    now = {row["id"]: row for row in rows}
    return {claimed["id"]: _holds(claimed, now[claimed["id"]]) for claimed in claims}


def _holds(claimed: Mapping[str, Any], row: RowMapping) -> str:
    if all(row[name] == claimed[name] for name in ("state", "attempts", "due_at")):
        return "ours"
    return "open" if row["state"] in _OPEN else "ended"


def _queued(session_id: int, *more: ColumnElement[bool]) -> Any:
    """Ids of a session's queued bookings that no lane has claimed: one would wait for the other for ever."""
    return (
        select(booking.c.id)
        .where(booking.c.session_id == session_id, *_QUEUED, *more)
        .with_for_update(skip_locked=True)
    )


def postpone(connection: Connection, session_id: int, until: datetime, sentence: str, *, spare: int = 0) -> None:
    """Put off the queued bookings of a session (without ``spare``), saying why."""
    waiting = _queued(session_id, booking.c.due_at < until, booking.c.id != spare)
    connection.execute(update(booking).where(booking.c.id.in_(waiting)).values(due_at=until, sentence=sentence))


def release(connection: Connection, session_id: int, now: datetime) -> None:
    """Queued bookings that were put off are due now: what they waited for is over, or has changed."""
    waiting = _queued(session_id, booking.c.due_at > now)
    connection.execute(update(booking).where(booking.c.id.in_(waiting)).values(due_at=now))


_ATTEMPT = insert(booking_attempt)


def add_attempts(connection: Connection, attempts: Sequence[Mapping[str, Any]]) -> None:
    """Keep what each call said, beside the result; ``raw`` is redacted already."""
    if attempts:
        connection.execute(_ATTEMPT, list(attempts))


def not_placed_count(connection: Connection, booking_id: int) -> int:
    """How often a look-up has proven that an attempt of this booking was not placed."""
    query = select(func.count()).where(
        booking_attempt.c.booking_id == booking_id, booking_attempt.c.outcome == "not_placed"
    )
    return int(connection.execute(query).scalar_one())


def attempts_of(connection: Connection, booking_ids: Sequence[int]) -> Sequence[RowMapping]:
    """What every call of these bookings said, oldest first."""
    query = select(booking_attempt).where(booking_attempt.c.booking_id.in_(booking_ids))
    return connection.execute(query.order_by(booking_attempt.c.id)).mappings().all()


def get(connection: Connection, booking_id: int, *, lock: bool = False) -> RowMapping:
    """One booking."""
    query = select(booking).where(booking.c.id == booking_id)
    return connection.execute(query.with_for_update() if lock else query).mappings().one()


_ORDERS_OF = (
    select(line.c.order_id)
    .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
    .where(booking_line.c.booking_id.in_(bindparam("bookings", expanding=True)))
)
_LOCK_ORDERS = select(orders.c.id).where(orders.c.id.in_(_ORDERS_OF)).order_by(orders.c.id)
_LOCK_ORDERS = _LOCK_ORDERS.with_for_update(key_share=True)
_LOCK_LINES = (
    select(booking_line.c.id, booking_line.c.line_id, booking_line.c.booking_id.label("tied_to"))
    .add_columns(line.c.number, line.c.sku_id, line.c.spec_id, *STATE, source.c.write_back)
    .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
    .join(orders, orders.c.id == line.c.order_id)
    .join(source, source.c.id == orders.c.source_id)
    .where(booking_line.c.booking_id.in_(bindparam("bookings", expanding=True)))
    .order_by(line.c.id)
    .with_for_update(of=line)
)


def by_reference(connection: Connection, reference: str) -> RowMapping | None:
    """The booking of this out_order_id."""
    return connection.execute(select(booking).where(booking.c.out_order_id == reference)).mappings().first()


def lock_lines(connection: Connection, booking_ids: Sequence[int]) -> Sequence[RowMapping]:
    """The ties of bookings: ``id``, ``line_id``, the booking as ``tied_to``, what matches the line, its `STATE`, and
    whether its shop is told.

    Orders and lines are locked as `lines.record` does it.
    """
    if connection.dialect.name != "sqlite":  # which has one writer anyway
        connection.execute(_LOCK_ORDERS, {"bookings": list(booking_ids)})
    return connection.execute(_LOCK_LINES, {"bookings": list(booking_ids)}).mappings().all()


_LINK = update(booking_line).where(booking_line.c.id == bindparam("key"))
_LINK = _LINK.values(provider_order_id=bindparam("order"), provider_line_id=bindparam("order_line"))


def link(connection: Connection, homes: Mapping[int, tuple[int, int | None]]) -> None:
    """Say which provider order and line (row ids) the booked lines became."""
    if homes:
        rows = [{"key": key, "order": order, "order_line": item} for key, (order, item) in sorted(homes.items())]
        connection.execute(_LINK, rows)


def free_lines(connection: Connection, booking_line_ids: Sequence[int]) -> None:
    """The booking no longer holds these lines: they may be booked again."""
    for part in chunks(booking_line_ids):
        connection.execute(update(booking_line).where(booking_line.c.id.in_(part)).values(live=False))


def references(connection: Connection, booking_ids: Sequence[int]) -> dict[int, str]:
    """Our reference of each of these bookings."""
    found: dict[int, str] = {}
    for part in chunks(booking_ids):
        query = select(booking.c.id, booking.c.out_order_id).where(booking.c.id.in_(part))
        found.update({int(key): reference for key, reference in connection.execute(query)})
    return found


def lock_all(connection: Connection, booking_ids: Sequence[int]) -> dict[int, RowMapping]:
    """Bookings by id, locked in id order for this transaction."""
    found: dict[int, RowMapping] = {}
    for part in chunks(sorted(booking_ids)):
        query = select(booking).where(booking.c.id.in_(part)).order_by(booking.c.id).with_for_update()
        found.update({row["id"]: row for row in connection.execute(query).mappings()})
    return found


def withdraw(connection: Connection, booking_ids: Sequence[int], at: datetime, cause: str, sentence: str) -> None:
    """End queued bookings unsent."""
    values = {"state": BookingState.REFUSED.value, "cause": cause, "sentence": sentence, "finished_at": at}
    for part in chunks(booking_ids):
        connection.execute(update(booking).where(booking.c.id.in_(part)).values(**values))


def end_without_lines(connection: Connection, booking_ids: Sequence[int], at: datetime) -> None:
    """End confirmed bookings none of whose lines is live any more."""
    for part in chunks(booking_ids):
        alive = select(booking_line.c.booking_id).where(booking_line.c.live, booking_line.c.booking_id.in_(part))
        connection.execute(
            update(booking)
            .where(
                booking.c.id.in_(part),
                booking.c.state == BookingState.CONFIRMED.value,
                booking.c.id.not_in(alive),
            )
            .values(state=BookingState.ENDED.value, finished_at=at)
        )


def run_counts(connection: Connection, run_id: int) -> list[RowMapping]:
    """Per state and cause of the run: bookings, lines, pieces, total in fen."""
    per_booking = (
        select(
            booking_line.c.booking_id,
            func.count().label("lines"),
            func.sum(booking_line.c.quantity).label("pieces"),
        )
        .join_from(booking_line, booking)
        .where(booking.c.run_id == run_id)
        .group_by(booking_line.c.booking_id)
        .subquery()
    )
    query = (
        select(
            booking.c.state,
            booking.c.cause,
            func.count().label("bookings"),
            func.sum(per_booking.c.lines).label("lines"),
            func.sum(per_booking.c.pieces).label("pieces"),
            func.sum(booking.c.total_minor).label("total_minor"),
        )
        .join_from(booking, per_booking, booking.c.id == per_booking.c.booking_id)
        .where(booking.c.run_id == run_id)
        .group_by(booking.c.state, booking.c.cause)
        .order_by(booking.c.state, booking.c.cause)
    )
    return list(connection.execute(query).mappings())


def state_counts(connection: Connection) -> dict[str, int]:
    """Bookings by state."""
    query = select(booking.c.state, func.count()).group_by(booking.c.state)
    return {state: int(count) for state, count in connection.execute(query)}


def over_booked(connection: Connection) -> list[RowMapping]:
    """Lines with more pieces in live bookings than what the customer ordered takes (must be none).

    ``quantity``: pieces sold times pieces bought for each.
    """
    wanted = line.c.quantity * line.c.ratio
    booked = func.sum(case((booking_line.c.live, booking_line.c.quantity), else_=0))
    query = (
        select(line.c.number, wanted.label("quantity"), booked.label("booked"))
        .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
        .group_by(line.c.id, line.c.number, line.c.quantity, line.c.ratio)
        .having(booked > wanted)
        .order_by(line.c.number)
    )
    return list(connection.execute(query).mappings())


def live_links(connection: Connection) -> Sequence[RowMapping]:
    """Every live tie of a line to a booking: for `verify`."""
    query = (
        select(booking_line.c.line_id, booking_line.c.booking_id, booking_line.c.generation, booking.c.state)
        .join_from(booking_line, booking)
        .where(booking_line.c.live)
    )
    return connection.execute(query).mappings().all()
