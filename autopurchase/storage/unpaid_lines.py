"""Lines behind the numbers about provider orders and bookings: unpaid, orphaned, of unknown outcome, unknown there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, literal_column, select

from autopurchase.storage import standing
from autopurchase.storage.schema import booking, booking_line, finding, line, orders, provider_order, run, session
from autopurchase.storage.scopes import Scope

Rows = Sequence[RowMapping]
_LINE = (line.c.number, line.c.seller_id, line.c.seller_name, orders.c.source_id)
_UNPAID: ColumnElement[bool] = literal_column("provider_order.state = 'unpaid'")


def unpaid(connection: Connection, scope: Scope, now: datetime, where: Mapping[str, Any]) -> Rows:
    """Lines of our unpaid provider orders; ``where``: ``deadline`` (6, 24, overdue, none), ``assumed``."""
    query = (
        select(
            provider_order.c.id.label("order_key"),
            provider_order.c.provider_order_id,
            provider_order.c.total_fen,
            provider_order.c.pay_deadline,
            provider_order.c.session_id,
            session.c.provider,
            run.c.actor.label("operator"),
            booking_line.c.quantity,
            (booking_line.c.quantity * booking_line.c.price_fen).label("fen"),
            *_LINE,
        )
        .select_from(provider_order)
        .join(session, session.c.id == provider_order.c.session_id)
        .join(booking, booking.c.id == provider_order.c.booking_id)
        .join(run, run.c.id == booking.c.run_id)
        .outerjoin(booking_line, (booking_line.c.provider_order_id == provider_order.c.id) & booking_line.c.live)
        .outerjoin(line, line.c.id == booking_line.c.line_id)
        .outerjoin(orders, orders.c.id == line.c.order_id)
        .where(_UNPAID, *standing.of_orders(scope), *_deadline(str(where.get("deadline", "")), now))
        .order_by(provider_order.c.id, booking_line.c.id)
    )
    if where.get("assumed"):
        query = query.where(provider_order.c.deadline_assumed)
    return connection.execute(query).mappings().all()


def _deadline(wanted: str, now: datetime) -> list[ColumnElement[bool]]:
    deadline = provider_order.c.pay_deadline
    if wanted == "overdue":
        return [deadline <= now]
    if wanted == "none":
        return [deadline.is_(None)]
    return [deadline > now, deadline <= now + timedelta(hours=int(wanted))] if wanted else []


def orphans(connection: Connection, scope: Scope, before: datetime) -> Rows:
    """Living provider orders bound to nothing."""
    query = (
        select(provider_order, session.c.provider)
        .join(session, session.c.id == provider_order.c.session_id)
        .where(*standing.orphaned(scope, before))
        .order_by(provider_order.c.first_seen_at)
    )
    return connection.execute(query).mappings().all()


def _lines() -> Select[Any]:
    return (
        select(
            booking.c.out_order_id, booking.c.session_id, booking.c.state, booking.c.sent_at, session.c.provider,
            run.c.actor.label("operator"), booking_line.c.quantity, *_LINE,
        )
        .select_from(booking)
        .join(session, session.c.id == booking.c.session_id)
        .join(run, run.c.id == booking.c.run_id)
        .join(booking_line, booking_line.c.booking_id == booking.c.id)
        .join(line, line.c.id == booking_line.c.line_id)
        .join(orders, orders.c.id == line.c.order_id)
        .order_by(booking.c.sent_at, booking.c.id, booking_line.c.id)
    )  # fmt: skip


def of_unknown(connection: Connection, scope: Scope) -> Rows:
    """Lines of bookings of unknown outcome, the oldest first."""
    return connection.execute(_lines().where(*standing.unknown_bookings(scope))).mappings().all()


def of_sent(connection: Connection, scope: Scope, since: datetime) -> Rows:
    """Lines of bookings that a session sent since then, as its cap counts them: whosever they are."""
    wanted = _lines().where(booking.c.sent_at >= since, booking.c.session_id == scope.session_id)
    return connection.execute(wanted).mappings().all()


def of_ghosts(connection: Connection, scope: Scope) -> Rows:
    """Lines of bookings that the marketplace does not know."""
    wanted = select(finding.c.booking_id).where(*standing.ghost_findings(scope))
    return connection.execute(_lines().where(booking.c.id.in_(wanted))).mappings().all()
