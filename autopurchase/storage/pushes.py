"""Push messages: hints that came from marketplaces, each kept once, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, case, delete, func, or_, select, update

from autopurchase.domain.provider_order import ProviderState
from autopurchase.storage.database import insert_new
from autopurchase.storage.schema import booking, provider_order, push_message, run, session

WAITING, READ, IGNORED = "waiting", "read", "ignored"


def add(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Keep a message; False when it is here already."""
    statement = insert_new(connection, push_message).values(**values).returning(push_message.c.id)
    return connection.execute(statement).first() is not None


def owner(connection: Connection, session_ids: Sequence[int], number: str, reference: str) -> int | None:
    """Which of these sessions has the order of this number, or sent a booking under this reference."""
    known = select(provider_order.c.session_id).where(
        provider_order.c.session_id.in_(session_ids), provider_order.c.provider_order_id == number
    )
    sent = select(booking.c.session_id).where(
        booking.c.session_id.in_(session_ids), booking.c.out_order_id == reference
    )
    found = connection.execute(known).scalars().first() if number else None
    if found is None and reference:
        found = connection.execute(sent).scalars().first()
    return None if found is None else int(found)


def due(connection: Connection, before: datetime, made_before: datetime) -> dict[int, list[RowMapping]]:
    """Waiting messages by session, oldest first: those received before ``before``, or ``made_before`` of new orders."""
    ripe = or_(
        and_(push_message.c.says != ProviderState.UNPAID.value, push_message.c.received_at <= before),
        push_message.c.received_at <= made_before,
    )
    columns = (push_message.c.id, push_message.c.session_id, push_message.c.provider_order_id, push_message.c.says)
    query = select(*columns).where(push_message.c.state == WAITING, ripe).order_by(push_message.c.id)
    found: dict[int, list[RowMapping]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["session_id"], []).append(row)
    return found


def known(connection: Connection, session_id: int, numbers: Sequence[str]) -> set[str]:
    """Those of these orders that are stored."""
    query = select(provider_order.c.provider_order_id).where(
        provider_order.c.session_id == session_id, provider_order.c.provider_order_id.in_(numbers)
    )
    return set(connection.execute(query).scalars())


def last_run(connection: Connection, session_id: int) -> RowMapping | None:
    """The last run that a message of the session led to."""
    messages = select(push_message.c.run_id).where(
        push_message.c.session_id == session_id, push_message.c.run_id.is_not(None)
    )
    newest = messages.order_by(push_message.c.received_at.desc()).limit(1).scalar_subquery()
    return connection.execute(select(run).where(run.c.id == newest)).mappings().first()


def settle(connection: Connection, ids: Sequence[int], state: str, run_id: int | None = None) -> None:
    """Say what became of messages that wait."""
    if ids:
        chosen = push_message.c.id.in_(ids), push_message.c.state == WAITING
        connection.execute(update(push_message).where(*chosen).values(state=state, run_id=run_id))


def by_session(connection: Connection, since: datetime) -> Sequence[RowMapping]:
    """Every session with its last message, and how many came since ``since``: new ones and ones that needed nothing."""
    mine, any_time = push_message.c.session_id == session.c.id, push_message.alias()
    newest = select(func.max(any_time.c.received_at)).where(any_time.c.session_id == session.c.id)
    last = newest.correlate(session).scalar_subquery()
    ignored = case((push_message.c.state == IGNORED, 1), else_=0)
    query = (
        select(
            session.c.name,
            session.c.provider,
            last.label("last_at"),
            func.count(push_message.c.id).label("recent"),
            func.coalesce(func.sum(ignored), 0).label("ignored"),
        )
        .select_from(session)
        .outerjoin(push_message, mine & (push_message.c.received_at >= since))
        .group_by(session.c.id, session.c.name, session.c.provider)
        .order_by(session.c.provider, session.c.name)
    )
    return connection.execute(query).mappings().all()


def of_nobody(connection: Connection, since: datetime) -> int:
    """Messages since ``since`` whose session is not known."""
    chosen = push_message.c.session_id.is_(None), push_message.c.received_at >= since
    return int(connection.execute(select(func.count()).where(*chosen)).scalar_one())


def forget(connection: Connection, before: datetime) -> int:
    """Drop what was received before ``before`` and waits no more; how many."""
    old = push_message.c.received_at < before, push_message.c.state != WAITING
    return connection.execute(delete(push_message).where(*old)).rowcount
