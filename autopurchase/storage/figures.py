"""What pages ask at a glance: whether there is anything yet, the newest runs, each source's last import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, func, select

from autopurchase.storage.schema import orders, run, session, source

Rows = Sequence[RowMapping]


def is_empty(connection: Connection) -> Mapping[str, bool]:
    """Whether there is any session, source and order yet."""
    tables = {"sessions": session, "sources": source, "orders": orders}
    return {name: connection.execute(select(table.c.id).limit(1)).first() is None for name, table in tables.items()}


def last_runs(connection: Connection, limit: int = 6) -> Rows:
    """The newest cells of the journal."""
    return connection.execute(select(run).order_by(run.c.id.desc()).limit(limit)).mappings().all()


def last_imports(connection: Connection) -> dict[str, int]:
    """Source name -> number of its last import run."""
    query = (
        select(source.c.name, func.max(run.c.id))
        .join_from(run, source)
        .where(run.c.kind == "import")
        .group_by(source.c.name)
    )
    return {str(name): int(number) for name, number in connection.execute(query)}
