"""Plans: frozen, checked proposals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from autopurchase.domain.errors import BadInput
from autopurchase.storage.schema import plan


def create(
    connection: Connection,
    *,
    token: str,
    session_id: int,
    actor: str,
    params: dict[str, Any],
    at: datetime,
    kind: str = "",
) -> int:
    """Insert a plan that still has to be checked. ``kind``: empty to book, else bind or cancel."""
    values = {"token": token, "session_id": session_id, "actor": actor, "params": params, "created_at": at}
    statement = insert(plan).values(state="queued", kind=kind, body={}, **values).returning(plan.c.id)
    return int(connection.execute(statement).scalar_one())


def get(connection: Connection, token: str, *, lock: bool = False) -> RowMapping:
    """One plan by the token callers know; raises BadInput."""
    query = select(plan).where(plan.c.token == token)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise BadInput(f"There is no plan {token}.")
    return row


def run_of_hash(connection: Connection, hash_: str) -> int | None:
    """The run of the applied plan with this hash."""
    query = select(plan.c.run_id).where(plan.c.hash == hash_, plan.c.run_id.is_not(None)).limit(1)
    return connection.execute(query).scalar()


def by_id(connection: Connection, plan_id: int) -> RowMapping:
    """One plan by id."""
    return connection.execute(select(plan).where(plan.c.id == plan_id)).mappings().one()


def change(connection: Connection, plan_id: int, **values: Any) -> None:
    """Write columns of a plan."""
    connection.execute(update(plan).where(plan.c.id == plan_id).values(**values))
