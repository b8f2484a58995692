"""Sessions: purchasing accounts, their sealed secrets and their health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from autopurchase.domain.errors import BadInput
from autopurchase.storage.limits import ensure_slots
from autopurchase.storage.schema import booking, session


def lease_name(session_id: int) -> str:
    """Name of the leases that bound the session's calls at once."""
    return f"calls:{session_id}"


def add(connection: Connection, **values: Any) -> int:
    """Insert a session and its call slots; raises BadInput when the name is taken."""
    if connection.execute(select(session.c.id).where(session.c.name == values["name"])).first():
        raise BadInput(f"There is a session “{values['name']}” already: choose another name.")
    session_id = int(connection.execute(insert(session).values(**values).returning(session.c.id)).scalar_one())
    ensure_slots(connection, session_id, lease_name(session_id), values["concurrency"])
    return session_id


def by_name(connection: Connection, name: str) -> RowMapping:
    """One session; raises BadInput naming those there are."""
    row = connection.execute(select(session).where(session.c.name == name)).mappings().first()
    if row is None:
        names = ", ".join(connection.execute(select(session.c.name).order_by(session.c.name)).scalars())
        raise BadInput(f"There is no session “{name}”. " + (f"There are: {names}." if names else "Add one first."))
    return row


def get(connection: Connection, session_id: int, *, lock: bool = False) -> RowMapping:
    """One session by id."""
    query = select(session).where(session.c.id == session_id)
    return connection.execute(query.with_for_update(key_share=True) if lock else query).mappings().one()


def listing(connection: Connection) -> Sequence[RowMapping]:
    """All sessions by name."""
    return connection.execute(select(session).order_by(session.c.provider, session.c.name)).mappings().all()


def change(connection: Connection, session_id: int, **values: Any) -> None:
    """Write columns; a raised concurrency gets its leases."""
    connection.execute(update(session).where(session.c.id == session_id).values(**values))
    if "concurrency" in values:
        ensure_slots(connection, session_id, lease_name(session_id), values["concurrency"])


def used_since(connection: Connection, since: datetime, session_id: int | None = None) -> dict[int, int]:
    """Bookings sent since ``since``, per session id: what counts against the daily cap."""
    query = select(booking.c.session_id, func.count()).where(booking.c.sent_at >= since).group_by(booking.c.session_id)
    if session_id is not None:
        query = query.where(booking.c.session_id == session_id)
    return {key: int(count) for key, count in connection.execute(query)}


def day_start(now: datetime) -> datetime:
    """Start of the day caps are counted in (UTC)."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def next_day(now: datetime) -> datetime:
    """When a daily cap frees again."""
    return day_start(now) + timedelta(days=1)
