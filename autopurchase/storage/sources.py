"""Sources: the shops that orders come from, their sealed configuration and their health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from autopurchase.domain.errors import BadInput
from autopurchase.storage.database import insert_new
from autopurchase.storage.schema import source


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


def change(connection: Connection, source_id: int, **values: Any) -> None:
    """Write columns of a source."""
    connection.execute(update(source).where(source.c.id == source_id).values(**values))
