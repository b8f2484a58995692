"""Facts about the workspace itself: its tag, whether it is a demo."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from autopurchase.storage.database import insert_new
from autopurchase.storage.schema import workspace


def read(connection: Connection, key: str) -> str:
    """The value of ``key``, empty when it was never set."""
    return connection.execute(select(workspace.c.value).where(workspace.c.key == key)).scalar() or ""


def ensure(connection: Connection, key: str, value: str) -> str:
    """The stored value of ``key``; ``value`` is stored when there was none."""
    connection.execute(insert_new(connection, workspace).values(key=key, value=value))
    return read(connection, key)


def write(connection: Connection, key: str, value: str) -> None:
    """Set ``key``."""
    ensure(connection, key, value)
    connection.execute(update(workspace).where(workspace.c.key == key).values(value=value))
