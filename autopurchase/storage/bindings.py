"""What binding reads and writes: pieces of provider orders that are free, lines that may be bound, candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select, update

from autopurchase.domain.booking import OPEN
from autopurchase.domain.order import FINAL
from autopurchase.domain.provider_order import ProviderState
from autopurchase.storage.lines import chunks, detail
from autopurchase.storage.schema import booking, booking_line, line, provider_line, provider_order, session

Rows = Sequence[RowMapping]
_FREE = ("ready", "problem")
_OVER = tuple(status.value for status in FINAL)
_CLOSED = ProviderState.CLOSED.value
_ORDER = (
    provider_order.c.id.label("order_key"),
    provider_order.c.provider_order_id,
    provider_order.c.session_id,
    provider_order.c.state.label("order_state"),
    provider_order.c.seller_id,
    provider_order.c.seller_name,
    provider_order.c.created_at,
    provider_order.c.total_fen,
    provider_order.c.freight_fen,
)


def of_number(connection: Connection, provider: str, numbers: Sequence[str], *, lock: bool = False) -> Rows:
    """Stored orders of these marketplace numbers in every session of the provider, with ``session`` and ``bound``.

    ``bound``: pieces of ours that live bookings tie to the order. ``lock`` keeps them as they are until the commit.
    """
    wanted = (
        select(provider_order.c.id)
        .join_from(provider_order, session)
        .where(session.c.provider == provider, provider_order.c.provider_order_id.in_(numbers))
    )
    if lock:
        query = select(provider_order.c.id).where(provider_order.c.id.in_(wanted)).order_by(provider_order.c.id)
        connection.execute(query.with_for_update())
    query = (
        select(*_ORDER, session.c.name.label("session"), provider_order.c.reference, provider_order.c.booking_id)
        .add_columns(_bound(booking_line.c.provider_order_id == provider_order.c.id))
        .join_from(provider_order, session)
        .where(provider_order.c.id.in_(wanted))
        .order_by(provider_order.c.id)
    )
    return connection.execute(query).mappings().all()


def _bound(tied: ColumnElement[bool]) -> ColumnElement[Any]:
    """Pieces in live bookings, of whatever ``tied`` says."""
    pieces = select(func.coalesce(func.sum(booking_line.c.quantity), 0)).where(booking_line.c.live, tied)
    return pieces.scalar_subquery().label("bound")


def lines_of(connection: Connection, order_keys: Sequence[int]) -> Rows:
    """Lines of these orders that are not closed, with their order's facts and ``bound``: their pieces in bookings."""
    query = _lines().where(provider_order.c.id.in_(order_keys)).order_by(provider_order.c.id, provider_line.c.id)
    return connection.execute(query).mappings().all()


def _lines() -> Select[Any]:
    return (
        select(provider_line, *_ORDER)
        .add_columns(_bound(booking_line.c.provider_line_id == provider_line.c.id))
        .join_from(provider_line, provider_order, provider_line.c.order_id == provider_order.c.id)
        .where(provider_line.c.state != _CLOSED, provider_order.c.state != _CLOSED)
    )


def loose_pieces(connection: Connection, order_keys: Sequence[int]) -> dict[int, int]:
    """Pieces in live bookings that are tied to one of these orders but to no line of it: by our key of the order."""
    query = (
        select(booking_line.c.provider_order_id, func.sum(booking_line.c.quantity))
        .where(
            booking_line.c.live,
            booking_line.c.provider_order_id.in_(order_keys),
            booking_line.c.provider_line_id.is_(None),
        )
        .group_by(booking_line.c.provider_order_id)
    )
    return {key: int(pieces) for key, pieces in connection.execute(query)}


def orphan_lines(connection: Connection, session_ids: Sequence[int], item_ids: Sequence[str], limit: int) -> Rows:
    """Lines of these items in orders of these sessions that are bound to nothing, the newest order first."""
    query = (
        _lines()
        .where(
            provider_order.c.session_id.in_(session_ids),
            provider_order.c.booking_id.is_(None),
            provider_line.c.item_id.in_(item_ids),
        )
        .order_by(provider_order.c.created_at.desc(), provider_order.c.id.desc(), provider_line.c.id)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def bindable(connection: Connection, provider: str, limit: int) -> Rows:
    """Lines that nothing is under way for, ready longest ago first; with their order (`lines.detail`)."""
    query = (
        detail()
        .where(
            line.c.provider == provider,
            line.c.item_id != "",
            line.c.purchase.in_(_FREE),
            line.c.status.not_in(_OVER),
            line.c.open_quantity > 0,
        )
        .order_by(line.c.ready_at, line.c.id)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def unsettled(connection: Connection, references: Sequence[str]) -> dict[str, int]:
    """Those of our references whose booking is under way or of unknown outcome: reference -> run."""
    found: dict[str, int] = {}
    for part in chunks(references):
        query = select(booking.c.out_order_id, booking.c.run_id).where(
            booking.c.out_order_id.in_(part), booking.c.state.in_([state.value for state in OPEN])
        )
        found.update({reference: int(run_id) for reference, run_id in connection.execute(query)})
    return found


def adopt(connection: Connection, order_key: int, booking_id: int) -> None:
    """The order belongs to this booking, unless it belongs to another one that still holds lines of it."""
    holds = select(booking_line.c.id).where(
        booking_line.c.live,
        booking_line.c.provider_order_id == order_key,
        booking_line.c.booking_id == provider_order.c.booking_id,
    )
    statement = update(provider_order).where(provider_order.c.id == order_key, ~holds.exists())
    connection.execute(statement.values(booking_id=booking_id))
