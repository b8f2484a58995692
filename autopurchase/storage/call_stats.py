"""Calls at providers by session, hour and outcome; and the synchronisations of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, case, select
from sqlalchemy.dialects import postgresql, sqlite

from autopurchase.storage.schema import call_stat, run, session

#: runs of synchronisations that are shown at most
MOST_RUNS = 2_000


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add counts to those there are."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(call_stat)
    more = statement.excluded
    slowest = case((more.slowest_ms > call_stat.c.slowest_ms, more.slowest_ms), else_=call_stat.c.slowest_ms)
    statement = statement.on_conflict_do_update(
        index_elements=["session_id", "hour", "outcome"],
        set_={
            "calls": call_stat.c.calls + more.calls,
            "total_ms": call_stat.c.total_ms + more.total_ms,
            "slowest_ms": slowest,
        },
    )
    connection.execute(statement, list(rows))


def since(connection: Connection, moment: datetime) -> Sequence[RowMapping]:
    """Rows of hours from ``moment`` on: session (name), hour, outcome, calls, total_ms, slowest_ms; oldest first."""
    query = (
        select(session.c.name.label("session"), *(call_stat.c[name] for name in _COLUMNS))
        .join_from(call_stat, session)
        .where(call_stat.c.hour >= moment)
        .order_by(call_stat.c.hour, session.c.name, call_stat.c.outcome)
    )
    return connection.execute(query).mappings().all()


_COLUMNS = ("hour", "outcome", "calls", "total_ms", "slowest_ms")


def sync_runs(connection: Connection, moment: datetime) -> Sequence[RowMapping]:
    """The newest synchronisations begun from ``moment`` on, oldest first: id, session, state, out, error, times."""
    names = ("id", "state", "out", "error", "created_at", "started_at", "finished_at")
    query = (
        select(session.c.name.label("session"), *(run.c[name] for name in names))
        .join_from(run, session, run.c.session_id == session.c.id)
        .where(run.c.kind == "sync", run.c.created_at >= moment)
        .order_by(run.c.id.desc())
        .limit(MOST_RUNS)
    )
    return list(reversed(connection.execute(query).mappings().all()))
