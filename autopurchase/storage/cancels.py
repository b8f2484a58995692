"""Cancels: the ledger of what marketplaces were asked to close. A row is committed before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, func, literal_column, select, update

from autopurchase.domain.booking import BookingState
from autopurchase.domain.cancel import OPEN, CancelState
from autopurchase.domain.provider_order import ProviderState
from autopurchase.storage.database import insert_new
from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import booking, booking_line, cancel, line, provider_order, session

_OPEN = [state.value for state in sorted(OPEN)]
#: as the text that the partial indexes over open cancels have: with parameters no database could use them
_IS_OPEN: ColumnElement[bool] = literal_column(f"cancel.state IN ({', '.join(map(repr, _OPEN))})")


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Insert cancels; provider order -> id of those that are new: an order with an open one gets no second."""
    if not rows:
        return {}
    statement = insert_new(connection.dialect.name, cancel).returning(cancel.c.provider_order_id, cancel.c.id)
    return {int(order): int(key) for order, key in connection.execute(statement, list(rows))}


def claim(connection: Connection, session_id: int, now: datetime) -> RowMapping | None:
    """The session's next due open cancel with the number of its order, locked for this transaction; None: none due."""
    query = (
        select(cancel, provider_order.c.provider_order_id.label("number"))
        .join_from(cancel, provider_order)
        .where(cancel.c.session_id == session_id, _IS_OPEN, cancel.c.due_at <= now)
        .order_by(cancel.c.due_at, cancel.c.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=cancel)
    )
    return connection.execute(query).mappings().first()


def next_due(connection: Connection, session_id: int) -> datetime | None:
    """When the session's next open cancel is due."""
    query = select(func.min(cancel.c.due_at)).where(cancel.c.session_id == session_id, _IS_OPEN)
    found: datetime | None = connection.execute(query).scalar()
    return found


def due_sessions(connection: Connection, now: datetime) -> list[int]:
    """Sessions that have an open cancel due."""
    query = select(cancel.c.session_id).where(_IS_OPEN, cancel.c.due_at <= now).distinct()
    return [int(key) for key in connection.execute(query).scalars()]


def stands(connection: Connection, claimed: Mapping[Any, Any]) -> bool:
    """Whether the claim that ``claimed`` describes still holds; the row stays locked for this transaction."""
    query = select(cancel.c.state, cancel.c.attempts, cancel.c.due_at).where(cancel.c.id == claimed["id"])
    row = connection.execute(query.with_for_update()).mappings().one()
    return all(row[name] == claimed[name] for name in ("state", "attempts", "due_at"))


def change(connection: Connection, cancel_id: int, **values: Any) -> None:
    """Write columns of a cancel."""
    connection.execute(update(cancel).where(cancel.c.id == cancel_id).values(**values))


def open_of(connection: Connection, order_keys: Sequence[int]) -> dict[int, RowMapping]:
    """Open cancels of these provider orders, by order."""
    found: dict[int, RowMapping] = {}
    for part in chunks(order_keys):
        rows = connection.execute(select(cancel).where(_IS_OPEN, cancel.c.provider_order_id.in_(part))).mappings()
        found.update({row["provider_order_id"]: row for row in rows})
    return found


def closing(connection: Connection, order_keys: Sequence[int]) -> dict[int, RowMapping]:
    """Open cancels of those orders that are closed now and were never paid, by order: what was asked is done."""
    found: dict[int, RowMapping] = {}
    for part in chunks(order_keys):
        query = (
            select(cancel)
            .join_from(cancel, provider_order)
            .where(
                _IS_OPEN,
                cancel.c.provider_order_id.in_(part),
                provider_order.c.state == ProviderState.CLOSED.value,
                provider_order.c.close_reason != "refunded",
                provider_order.c.paid_at.is_(None),
            )
        )
        found.update({row["provider_order_id"]: row for row in connection.execute(query).mappings()})
    return found


def confirm(connection: Connection, cancel_ids: Sequence[int], at: datetime) -> None:
    """A reading says that these orders are closed."""
    values = {"state": CancelState.CONFIRMED.value, "finished_at": at, "cause": "", "sentence": ""}
    for part in chunks(cancel_ids):
        connection.execute(update(cancel).where(cancel.c.id.in_(part), cancel.c.state.in_(_OPEN)).values(**values))


def counts_of(connection: Connection, run_id: int) -> list[RowMapping]:
    """Cancels of a run by state and cause: state, cause, orders."""
    query = (
        select(cancel.c.state, cancel.c.cause, func.count().label("orders"))
        .where(cancel.c.run_id == run_id)
        .group_by(cancel.c.state, cancel.c.cause)
        .order_by(cancel.c.state, cancel.c.cause)
    )
    return list(connection.execute(query).mappings())


def live_lines(connection: Connection, order_keys: Sequence[int]) -> Sequence[RowMapping]:
    """Lines that are live on these provider orders, with what they are tied to (see `_HELD`)."""
    return _held(connection, booking_line.c.provider_order_id, order_keys)


def held_by(connection: Connection, booking_ids: Sequence[int]) -> Sequence[RowMapping]:
    """Lines that these bookings hold, in the shape of `live_lines`."""
    return _held(connection, booking_line.c.booking_id, booking_ids)


def held_of(connection: Connection, line_ids: Sequence[int]) -> Sequence[RowMapping]:
    """Those of these lines that a booking holds, in the shape of `live_lines`."""
    return _held(connection, booking_line.c.line_id, line_ids)


def held_in_run(connection: Connection, run_id: int) -> Sequence[RowMapping]:
    """Lines that bookings of this run still hold, in the shape of `live_lines`."""
    query = _HELD.where(booking_line.c.live, booking.c.run_id == run_id).order_by(booking_line.c.line_id)
    return connection.execute(query).mappings().all()


_HELD = (
    select(
        booking_line.c.id.label("tie"),
        booking_line.c.line_id,
        booking_line.c.booking_id,
        booking_line.c.quantity,
        booking_line.c.provider_order_id.label("order_key"),
        line.c.order_id,
        line.c.number,
        line.c.version,
        line.c.title,
        line.c.purchase,
        booking.c.state.label("booking_state"),
        booking.c.out_order_id,
        booking.c.run_id,
        booking.c.session_id,
        booking.c.total_minor,
    )
    .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
    .join(booking, booking_line.c.booking_id == booking.c.id)
)


def _held(connection: Connection, column: ColumnElement[int], keys: Sequence[int]) -> Sequence[RowMapping]:
    found: list[RowMapping] = []
    for part in chunks(keys):
        query = _HELD.where(booking_line.c.live, column.in_(part)).order_by(booking_line.c.line_id)
        found += connection.execute(query).mappings().all()
    return found


def undoable(connection: Connection, run_id: int) -> tuple[int, int]:
    """Provider orders of a booking run that wait for payment without an open cancel, and its unsent bookings."""
    asked = select(cancel.c.provider_order_id).where(_IS_OPEN)
    orders = (
        select(func.count(provider_order.c.id.distinct()))
        .join_from(booking_line, booking, booking_line.c.booking_id == booking.c.id)
        .join(provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .where(booking.c.run_id == run_id, booking_line.c.live, provider_order.c.id.not_in(asked))
        .where(provider_order.c.state.in_((ProviderState.UNPAID.value, ProviderState.UNKNOWN.value)))
    )
    unsent = (
        select(func.count())
        .select_from(booking)
        .where(booking.c.run_id == run_id, booking.c.state == BookingState.QUEUED.value)
    )
    return int(connection.execute(orders).scalar_one()), int(connection.execute(unsent).scalar_one())


def unbound_from_closed(connection: Connection, order_keys: Sequence[int]) -> Sequence[RowMapping]:
    """Lines still held as unbound from those of these provider orders that are closed: line_id, provider_order_id."""
    query = (
        select(line.c.id.label("line_id"), provider_order.c.provider_order_id)
        .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
        .join(provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .where(
            provider_order.c.id.in_(order_keys),
            provider_order.c.state == ProviderState.CLOSED.value,
            ~booking_line.c.live,
            booking_line.c.generation == line.c.generation,
            line.c.purchase == "problem",
            line.c.cause == "unbound",
        )
        .order_by(line.c.id)
    )
    return connection.execute(query).mappings().all()


def of_run(connection: Connection, run_id: int) -> Sequence[RowMapping]:
    """Every cancel of a run with its order and session, in order: what the journal shows."""
    query = (
        select(
            cancel,
            provider_order.c.provider_order_id.label("number"),
            provider_order.c.state.label("order_state"),
            provider_order.c.total_fen,
            session.c.name.label("session"),
            session.c.provider.label("session_provider"),
            session.c.base_url.label("session_url"),
        )
        .join_from(cancel, provider_order)
        .join(session, cancel.c.session_id == session.c.id)
        .where(cancel.c.run_id == run_id)
        .order_by(cancel.c.id)
    )
    return connection.execute(query).mappings().all()
