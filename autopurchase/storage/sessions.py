"""Sessions: purchasing accounts, their sealed secrets and their health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, case, func, insert, select, update

from autopurchase.domain.booking import BookingState
from autopurchase.domain.budget import Use, day_start, hour_start
from autopurchase.domain.errors import BadInput
from autopurchase.storage.limits import all_taken, ensure_slots
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


def not_busy(connection: Connection, session_ids: Sequence[int]) -> list[int]:
    """Those of the sessions that could call once more: not all of their call leases are taken."""
    query = select(session.c.id, session.c.concurrency).where(session.c.id.in_(session_ids))
    slots = {lease_name(key): concurrency for key, concurrency in connection.execute(query)}
    busy = all_taken(connection, slots)
    return [key for key in session_ids if lease_name(key) not in busy]


def listing(connection: Connection) -> Sequence[RowMapping]:
    """All sessions by name."""
    return connection.execute(select(session).order_by(session.c.provider, session.c.name)).mappings().all()


def change(connection: Connection, session_id: int, **values: Any) -> None:
    """Write columns; a raised concurrency gets its leases."""
    connection.execute(update(session).where(session.c.id == session_id).values(**values))
    if "concurrency" in values:
        ensure_slots(connection, session_id, lease_name(session_id), values["concurrency"])


def use(connection: Connection, session_id: int, now: datetime, *, pause: float = 0.0, without: int = 0) -> Use:
    """What a session has used of its budget; the booking ``without`` is not counted. ``pause``: its seconds."""
    since = min(day_start(now), now - timedelta(seconds=pause))
    sent = booking.c.session_id == session_id, booking.c.sent_at >= since, booking.c.id != without
    row = connection.execute(select(*_used(now), func.max(booking.c.sent_at)).where(*sent)).one()
    return Use(int(row[0] or 0), int(row[1] or 0), int(row[2] or 0), row[3])


def uses(connection: Connection, now: datetime) -> dict[int, Use]:
    """The same of every session that has sent anything today."""
    sent = booking.c.session_id.in_(select(session.c.id)), booking.c.sent_at >= day_start(now)
    query = select(booking.c.session_id, *_used(now), func.max(booking.c.sent_at)).where(*sent)
    rows = connection.execute(query.group_by(booking.c.session_id))
    return {row[0]: Use(int(row[1] or 0), int(row[2] or 0), int(row[3] or 0), row[4]) for row in rows}


def _used(now: datetime) -> tuple[ColumnElement[Any], ...]:
    """Bookings of this hour and of today, and what those of today that were not refused come to."""
    today = booking.c.sent_at >= day_start(now)
    bought = today & (booking.c.state != BookingState.REFUSED.value)
    return (
        func.sum(case((booking.c.sent_at >= hour_start(now), 1), else_=0)),
        func.sum(case((today, 1), else_=0)),
        func.sum(case((bought, booking.c.total_minor), else_=0)),
    )
