"""Reads for those who wait and those who look after the workspace: what is still open, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, select

from autopurchase.domain.booking import OPEN
from autopurchase.storage.schema import booking, plan, run, session

Rows = Sequence[RowMapping]
_OPEN = [state.value for state in sorted(OPEN)]


def run_states(connection: Connection, run_ids: Sequence[int]) -> Rows:
    """id, kind, state, done, total, error of these runs, by number."""
    columns = (run.c.id, run.c.kind, run.c.state, run.c.done, run.c.total, run.c.error)
    return connection.execute(select(*columns).where(run.c.id.in_(run_ids)).order_by(run.c.id)).mappings().all()


def soonest_open(connection: Connection, run_ids: Sequence[int]) -> datetime | None:
    """When the next open booking of these runs comes due; None when none is open."""
    query = select(func.min(booking.c.due_at)).where(booking.c.run_id.in_(run_ids), booking.c.state.in_(_OPEN))
    found: datetime | None = connection.execute(query).scalar()
    return found


def overdue_bookings(connection: Connection, before: datetime) -> Rows:
    """Per session: open bookings that came due before ``before``, how many, and since when."""
    query = (
        select(session.c.name, func.count().label("bookings"), func.min(booking.c.due_at).label("since"))
        .join_from(booking, session, booking.c.session_id == session.c.id)
        .where(booking.c.state.in_(_OPEN), booking.c.due_at < before)
        .group_by(session.c.name)
        .order_by(session.c.name)
    )
    return connection.execute(query).mappings().all()


def waiting_plans(connection: Connection, before: datetime) -> list[str]:
    """Tokens of plans made before ``before`` whose check has not ended."""
    query = select(plan.c.token).where(plan.c.state.in_(("queued", "checking")), plan.c.created_at < before)
    return list(connection.execute(query.order_by(plan.c.id)).scalars())


def waiting_runs(connection: Connection, before: datetime) -> list[int]:
    """Syncs and imports asked for before ``before`` that nobody has started."""
    query = select(run.c.id).where(
        run.c.state == "queued", run.c.kind.in_(("sync", "import")), run.c.created_at < before
    )
    return list(connection.execute(query.order_by(run.c.id)).scalars())
