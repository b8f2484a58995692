"""Bookings that are read back after placing: what waits, what was asked, what the provider says, what was released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, exists, func, literal_column, select, update

from autopurchase.domain.booking import BookingState
from autopurchase.storage.schema import booking, booking_line, line, provider_line, provider_order, run

#: as the text that the partial index over open checks has: with parameters no database could use it
_IS_OPEN: ColumnElement[bool] = literal_column("booking.check_state IN ('waiting','differs')")
_WAITS = (_IS_OPEN, booking.c.check_state == "waiting", booking.c.state == BookingState.CONFIRMED.value)


@dataclass(frozen=True, slots=True)
class Before:
    """A booking is due when it was placed before ``placed``, or before ``busy`` while its session still books others.

    One that was tried is due again when that was before ``tried``.
    """

    placed: datetime
    busy: datetime
    tried: datetime


_OTHER = booking.alias("other")
_BOOKS = exists().where(
    _OTHER.c.session_id == booking.c.session_id,
    _OTHER.c.state.in_([BookingState.QUEUED.value, BookingState.SENDING.value]),
)


def _due(before: Before) -> ColumnElement[bool]:
    """Not tried yet and ripe (or called different by the create answer), or tried some time ago."""
    tried, placed = booking.c.checked_at, booking.c.finished_at
    ripe = (placed <= before.busy) | ((placed <= before.placed) & ~_BOOKS) | booking.c.check_found.is_not(None)
    return (tried.is_(None) & ripe) | (tried <= before.tried)


def due_sessions(connection: Connection, before: Before) -> list[int]:
    """Sessions with a booking to read back."""
    query = select(booking.c.session_id).where(*_WAITS, _due(before)).distinct()
    return [int(key) for key in connection.execute(query).scalars()]


def claim(connection: Connection, session_id: int, now: datetime, before: Before, limit: int) -> Sequence[RowMapping]:
    """Bookings to read back now, oldest first; whoever comes next finds them only after ``before.tried`` has moved on.

    A booking that cannot be read is tried less and less often: its age must have grown by a half since the last try.
    """
    query = (
        select(booking)
        .where(booking.c.session_id == session_id, *_WAITS, _due(before))
        .order_by(booking.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = [row for row in connection.execute(query).mappings() if _ripe(row, now)]
    if rows:
        keys = [row["id"] for row in rows]
        connection.execute(update(booking).where(booking.c.id.in_(keys)).values(checked_at=now))
    return rows


def _ripe(row: RowMapping, now: datetime) -> bool:
    tried, placed = row["checked_at"], row["finished_at"]
    return tried is None or placed is None or (now - tried) >= (tried - placed) / 2


def lock(connection: Connection, booking_id: int) -> RowMapping | None:
    """The booking, locked, with its run's ``params``; None when it waits no more."""
    query = (
        select(booking, run.c.params.label("params"))
        .join_from(booking, run)
        .where(booking.c.id == booking_id, *_WAITS)
        .with_for_update(of=booking)
    )
    return connection.execute(query).mappings().first()


def orders_of(connection: Connection, booking_ids: Sequence[int]) -> Sequence[RowMapping]:
    """The provider orders of these bookings."""
    query = select(provider_order).where(provider_order.c.booking_id.in_(booking_ids)).order_by(provider_order.c.id)
    return connection.execute(query).mappings().all()


def said(connection: Connection, order_ids: Sequence[int]) -> Sequence[RowMapping]:
    """The lines of these provider orders that are not closed."""
    query = (
        select(provider_line)
        .where(provider_line.c.order_id.in_(order_ids), provider_line.c.state != "closed")
        .order_by(provider_line.c.id)
    )
    return connection.execute(query).mappings().all()


def live_lines(connection: Connection, booking_ids: Sequence[int]) -> Sequence[RowMapping]:
    """Live lines of these bookings: booking_id, provider_order_id (key), provider_line_id, line_id, number, cause."""
    query = (
        select(
            booking_line.c.booking_id,
            booking_line.c.provider_order_id,
            booking_line.c.provider_line_id,
            booking_line.c.line_id,
            line.c.number,
            line.c.cause,
        )
        .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
        .where(booking_line.c.live, booking_line.c.booking_id.in_(booking_ids))
        .order_by(booking_line.c.id)
    )
    return connection.execute(query).mappings().all()


def unbound_between(connection: Connection, session_id: int, since: datetime, until: datetime) -> Sequence[RowMapping]:
    """Living orders of the session that are bound to nothing and were made in this time."""
    query = (
        select(provider_order)
        .where(
            provider_order.c.session_id == session_id,
            provider_order.c.booking_id.is_(None),
            provider_order.c.state != "closed",
            func.coalesce(provider_order.c.created_at, provider_order.c.first_seen_at).between(since, until),
        )
        .order_by(provider_order.c.id)
    )
    return connection.execute(query).mappings().all()


def released_since(connection: Connection, session_id: int, since: datetime) -> int:
    """Bookings of the session released since then: what counts against its release budget."""
    query = select(func.count()).where(
        booking.c.session_id == session_id, booking.c.check_state == "released", booking.c.checked_at >= since
    )
    return int(connection.execute(query).scalar_one())


def agree(connection: Connection, order_ids: Sequence[int]) -> None:
    """Take the lines of these provider orders as they are now for right: later changes of them are mismatches."""
    same = ("item_id", "sku_id", "spec_id", "quantity")
    values = {f"agreed_{name}": provider_line.c[name] for name in same}
    values["agreed_fen"] = provider_line.c.amount_fen
    connection.execute(update(provider_line).where(provider_line.c.order_id.in_(order_ids)).values(**values))


def tied_to(connection: Connection, order_key: int) -> Sequence[RowMapping]:
    """Live ties to a provider order: tie, booking_id, line_id, order_id (of the customer's order), number."""
    query = (
        select(booking_line.c.id.label("tie"), booking_line.c.booking_id, booking_line.c.line_id, line.c.order_id)
        .add_columns(line.c.number)
        .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
        .where(booking_line.c.live, booking_line.c.provider_order_id == order_key)
        .order_by(booking_line.c.line_id)
    )
    return connection.execute(query).mappings().all()
