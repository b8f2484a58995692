"""Sources: the shops that orders come from, their sealed configuration and their health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from autopurchase.domain.errors import BadInput
from autopurchase.storage.database import insert_new
from autopurchase.storage.schema import run, source


def add(connection: Connection, **values: Any) -> int:
    """Insert a source; raises BadInput when the name is taken."""
    if connection.execute(select(source.c.id).where(source.c.name == values["name"])).first():
        raise BadInput(f"There is a source “{values['name']}” already: choose another name.")
    return int(connection.execute(insert(source).values(**values).returning(source.c.id)).scalar_one())


def ensure(connection: Connection, **values: Any) -> RowMapping:
    """The source of this name, made when there is none."""
    connection.execute(insert_new(connection, source).values(**values))
    return by_name(connection, values["name"])


def by_name(connection: Connection, name: str) -> RowMapping:
    """One source; raises BadInput naming those there are."""
    row = connection.execute(select(source).where(source.c.name == name)).mappings().first()
    if row is None:
        names = ", ".join(connection.execute(select(source.c.name).order_by(source.c.name)).scalars())
        raise BadInput(f"There is no source “{name}”. " + (f"There are: {names}." if names else "Add one first."))
    return row


def get(connection: Connection, source_id: int) -> RowMapping:
    """One source by id."""
    return connection.execute(select(source).where(source.c.id == source_id)).mappings().one()


def listing(connection: Connection) -> Sequence[RowMapping]:
    """All sources by name."""
    return connection.execute(select(source).order_by(source.c.name)).mappings().all()


def due(connection: Connection, now: datetime) -> list[str]:
    """Names of the shops to import now: switched on, no import under way, none begun within their interval.

    An import that ended without a word for a day does not count as under way. Files are imported by hand.
    """
    latest = (
        select(run.c.source_id, func.max(run.c.created_at).label("began"))
        .where(run.c.kind == "import")
        .group_by(run.c.source_id)
        .subquery()
    )
    open_run = select(run.c.id).where(
        run.c.source_id == source.c.id,
        run.c.kind == "import",
        run.c.state.in_(("queued", "running")),
        run.c.created_at > now - timedelta(days=1),
    )
    query = (
        select(source.c.name, source.c.every_minutes, latest.c.began)
        .outerjoin_from(source, latest, latest.c.source_id == source.c.id)
        .where(source.c.enabled, source.c.kind != "file", ~open_run.exists())
        .order_by(source.c.name)
    )
    return [
        name
        for name, minutes, began in connection.execute(query)
        if began is None or began <= now - timedelta(minutes=minutes)
    ]


def change(connection: Connection, source_id: int, **values: Any) -> None:
    """Write columns of a source."""
    connection.execute(update(source).where(source.c.id == source_id).values(**values))
