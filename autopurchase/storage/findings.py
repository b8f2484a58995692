"""The rows of the desk as they were found: since when, and what a person settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from autopurchase.storage.database import insert_new
from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import finding, provider_order

Rows = Sequence[RowMapping]


def open_rows(connection: Connection, session_id: int | None = None) -> dict[str, RowMapping]:
    """Open rows by key."""
    query = select(finding).where(finding.c.state == "open").order_by(finding.c.id)
    if session_id is not None:
        query = query.where(finding.c.session_id == session_id)
    return {row["key"]: row for row in connection.execute(query).mappings()}


def settled(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Those of these keys that a person has settled."""
    found: set[str] = set()
    for part in chunks(keys):
        query = select(finding.c.key).where(finding.c.key.in_(part), finding.c.state == "settled")
        found |= set(connection.execute(query).scalars())
    return found


def ghosts(connection: Connection, session_id: int | None) -> dict[int, RowMapping]:
    """Open ghosts whose order nobody has seen since they were found: provider order (row id) -> row."""
    query = (
        select(finding)
        .join_from(finding, provider_order, finding.c.provider_order_id == provider_order.c.id)
        .where(
            finding.c.state == "open",
            finding.c.kind == "ghost",
            provider_order.c.seen_at <= finding.c.seen_at,
            provider_order.c.state.not_in(("closed", "completed")),
        )
    )
    if session_id is not None:
        query = query.where(finding.c.session_id == session_id)
    return {row["provider_order_id"]: row for row in connection.execute(query).mappings()}


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert open rows; one that is there already stays as it is."""
    if rows:
        connection.execute(insert_new(connection, finding), list(rows))


_SAY = update(finding).where(finding.c.id == bindparam("row"))
_SAY = _SAY.values(believed=bindparam("now_believed"), said=bindparam("now_said"))


def see(connection: Connection, ids: Sequence[int], at: datetime, changed: Sequence[Mapping[str, Any]]) -> None:
    """These rows are still so; ``changed``: row, now_believed, now_said of those that read otherwise now."""
    for part in chunks(ids):
        connection.execute(update(finding).where(finding.c.id.in_(part)).values(seen_at=at))
    if changed:
        connection.execute(_SAY, list(changed))


def close(
    connection: Connection,
    ids: Sequence[int],
    at: datetime,
    *,
    state: str = "gone",
    actor: str = "",
    note: str = "",
    run_id: int | None = None,
) -> None:
    """These rows are no longer so, or a person settled them."""
    values = {"state": state, "closed_at": at, "closed_by": actor, "note": note, "run_id": run_id}
    for part in chunks(ids):
        connection.execute(update(finding).where(finding.c.id.in_(part), finding.c.state == "open").values(**values))
