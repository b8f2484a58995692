"""Figures of the overview, each a few grouped queries whatever the number of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, case, func, select, text

from autopurchase.storage.schema import booking, line, orders, provider_order, run, session, source

Rows = Sequence[RowMapping]
#: age buckets of the backlog: name -> at most this many days; the last has no end
BUCKETS: dict[str, int | None] = {"today": 1, "1–2 days": 2, "2–3 days": 3, "3–7 days": 7, "older": None}


def backlog(connection: Connection) -> Rows:
    """Ready lines by provider and currency: lines, pieces, sum_minor."""
    query = (
        select(
            line.c.provider,
            line.c.currency,
            func.count().label("lines"),
            func.sum(line.c.open_quantity).label("pieces"),
            func.sum(line.c.sum_minor).label("sum_minor"),
        )
        .where(text("line.ready"))
        .group_by(line.c.provider, line.c.currency)
        .order_by(line.c.provider, line.c.currency)
    )
    return connection.execute(query).mappings().all()


def ages(connection: Connection, now: datetime) -> Mapping[str, int]:
    """Ready lines by age bucket."""
    bounds = [(line.c.ready_at > now - timedelta(days=days), name) for name, days in BUCKETS.items() if days]
    bucket = case(*bounds, else_="older").label("bucket")
    query = select(bucket, func.count()).select_from(line).where(text("line.ready")).group_by(bucket)
    found = {str(name): int(count) for name, count in connection.execute(query)}
    return {name: found.get(name, 0) for name in BUCKETS}


def ready_since(connection: Connection, position: int) -> datetime | None:
    """When the ready line at ``position`` (0 is the oldest) became ready."""
    query = select(line.c.ready_at).where(text("line.ready")).order_by(line.c.ready_at, line.c.id)
    return connection.execute(query.offset(position).limit(1)).scalar()


def unpaid(connection: Connection, now: datetime) -> Mapping[str, Any]:
    """Our unpaid provider orders: count, total_fen, next_deadline, within_6h, within_24h (deadline that soon)."""

    def soon(hours: int) -> Any:
        return func.sum(case((provider_order.c.pay_deadline <= now + timedelta(hours=hours), 1), else_=0))

    query = select(
        func.count().label("count"),
        func.coalesce(func.sum(provider_order.c.total_fen), 0).label("total_fen"),
        func.min(provider_order.c.pay_deadline).label("next_deadline"),
        func.coalesce(soon(6), 0).label("within_6h"),
        func.coalesce(soon(24), 0).label("within_24h"),
    ).where(provider_order.c.state == "unpaid", provider_order.c.booking_id.is_not(None))
    return dict(connection.execute(query).mappings().one())


def under_way(connection: Connection) -> Mapping[str, int]:
    """Lines by purchase state, without the ready ones."""
    states = ("booking", "booked", "bought", "sent")
    query = select(line.c.purchase, func.count()).where(line.c.purchase.in_(states)).group_by(line.c.purchase)
    found = {str(state): int(count) for state, count in connection.execute(query)}
    return {state: found.get(state, 0) for state in states}


def unknown_outcomes(connection: Connection) -> int:
    """Bookings of which nobody knows yet whether they exist at the provider."""
    query = select(func.count()).select_from(booking).where(booking.c.state == "unknown")
    return int(connection.execute(query).scalar_one())


def problems(connection: Connection) -> Rows:
    """Held lines by cause, most first: cause, lines."""
    count = func.count().label("lines")
    query = select(line.c.cause, count).where(line.c.purchase == "problem").group_by(line.c.cause)
    return connection.execute(query.order_by(count.desc(), line.c.cause)).mappings().all()


def sessions(connection: Connection) -> Rows:
    """name, provider, state, synced_at, sync_error, token_expires_at of every session."""
    query = select(
        session.c.name,
        session.c.provider,
        session.c.state,
        session.c.synced_at,
        session.c.sync_error,
        session.c.token_expires_at,
    ).order_by(session.c.provider, session.c.name)
    return connection.execute(query).mappings().all()


def is_empty(connection: Connection) -> Mapping[str, bool]:
    """Whether there is any session, source and order yet."""
    tables = {"sessions": session, "sources": source, "orders": orders}
    return {name: connection.execute(select(table.c.id).limit(1)).first() is None for name, table in tables.items()}


def last_runs(connection: Connection, limit: int = 6) -> Rows:
    """The newest cells of the journal."""
    return connection.execute(select(run).order_by(run.c.id.desc()).limit(limit)).mappings().all()


def last_imports(connection: Connection) -> dict[str, int]:
    """Source name -> number of its last import run."""
    query = (
        select(source.c.name, func.max(run.c.id))
        .join_from(run, source)
        .where(run.c.kind == "import")
        .group_by(source.c.name)
    )
    return {str(name): int(number) for name, number in connection.execute(query)}
