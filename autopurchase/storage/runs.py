"""Runs: the cells of the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from autopurchase.domain.errors import BadInput
from autopurchase.storage.schema import import_reject, run


def create(
    connection: Connection,
    *,
    kind: str,
    actor: str,
    at: datetime,
    call: str,
    params: Mapping[str, Any] | None = None,
    state: str = "queued",
    session_id: int | None = None,
    source_id: int | None = None,
    total: int = 0,
    out: Mapping[str, Any] | None = None,
) -> int:
    """Open a cell and return its number. ``call`` is the exact call as code, without secrets."""
    values = {
        "kind": kind,
        "actor": actor,
        "state": state,
        "session_id": session_id,
        "source_id": source_id,
        "call": call,
        "params": dict(params or {}),
        "out": dict(out or {}),
        "total": total,
        "created_at": at,
        "started_at": at if state == "running" else None,
    }
    return int(connection.execute(insert(run).values(**values).returning(run.c.id)).scalar_one())


def get(connection: Connection, run_id: int, *, lock: bool = False) -> RowMapping:
    """One cell; raises BadInput when there is none of this number."""
    query = select(run).where(run.c.id == run_id)
    row = connection.execute(query.with_for_update(key_share=True) if lock else query).mappings().first()
    if row is None:
        raise BadInput(f"There is no run {run_id}.")
    return row


def lock(connection: Connection, run_id: int) -> None:
    """Let nobody else change what hangs on this cell before this transaction ends."""
    connection.execute(select(run.c.id).where(run.c.id == run_id).with_for_update())


def open_of(connection: Connection, kind: str, session_id: int) -> Sequence[RowMapping]:
    """Runs of this kind and session that wait or run, newest first."""
    query = (
        select(run)
        .where(run.c.kind == kind, run.c.session_id == session_id, run.c.state.in_(["queued", "running"]))
        .order_by(run.c.id.desc())
    )
    return connection.execute(query).mappings().all()


def start(connection: Connection, run_id: int, at: datetime) -> None:
    """Mark a queued run as running; a run that already started keeps its time."""
    connection.execute(
        update(run).where(run.c.id == run_id, run.c.state == "queued").values(state="running", started_at=at)
    )


def progress(connection: Connection, run_id: int, done: int, total: int | None = None) -> None:
    """How far a run is."""
    values: dict[str, Any] = {"done": done} if total is None else {"done": done, "total": total}
    connection.execute(update(run).where(run.c.id == run_id).values(**values))


_COUNT_DONE = (
    update(run)
    .where(run.c.id == bindparam("key"))
    .values(done=run.c.done + bindparam("parts"))
    .returning(run.c.done, run.c.total)
)


def count_done(connection: Connection, run_id: int, parts: int = 1) -> bool:
    """So many more parts of the run are finished; True when the last is."""
    done, total = connection.execute(_COUNT_DONE, {"key": run_id, "parts": parts}).one()
    return bool(done >= total)


def finish(connection: Connection, run_id: int, *, at: datetime, out: Mapping[str, Any], error: str = "") -> None:
    """Close a cell: ``done``, or ``failed`` with the sentence in ``error``."""
    connection.execute(
        update(run)
        .where(run.c.id == run_id)
        .values(state="failed" if error else "done", out=dict(out), error=error, finished_at=at)
    )


def add_rejects(connection: Connection, run_id: int, rejects: Sequence[Mapping[str, Any]]) -> None:
    """Keep refused input rows: ``position``, ``reason``, ``row``."""
    if rejects:
        connection.execute(insert(import_reject), [{"run_id": run_id, **reject} for reject in rejects])


def rejects(connection: Connection, run_id: int) -> Sequence[RowMapping]:
    """Refused rows of an import run, in input order."""
    query = select(import_reject).where(import_reject.c.run_id == run_id).order_by(import_reject.c.id)
    return connection.execute(query).mappings().all()
