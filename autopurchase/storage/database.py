"""Opening the one database: SQLite (WAL) or PostgreSQL by URL."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from autopurchase.domain.errors import BadInput

#: a pooled connection used less than so many seconds ago is taken to be alive
_SURE_SECONDS = 1.0
#: how long (ms) SQLite waits for a lock, and the longest it does before it is asked anew
_BUSY_MS, _NAP_MS = 30_000, 20
#: the database refused or is away; whoever serves requests tells the caller to come again
DatabaseFailure = DBAPIError
#: a row of any query, by column name
Row = RowMapping

__all__ = ["Connection", "Database", "DatabaseFailure", "Row"]


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"not JSON: {type(value).__name__}")


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def normal_url(url: str) -> str:
    """``postgresql://…`` with the driver we ship (psycopg 3); SQLite URLs stay."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise BadInput("AUTOPURCHASE_DATABASE_URL is no address: write it like postgresql://user@host/name.") from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise BadInput(f"The database must be SQLite or PostgreSQL, not {parsed.get_backend_name()}.")
    return parsed.render_as_string(hide_password=False)


class Database:
    """One engine with our rules: writers queue on SQLite, foreign keys on, JSON without floats for money."""

    def __init__(self, url: str) -> None:
        self.url = normal_url(url)
        self.sqlite = self.url.startswith("sqlite")
        self._turn = threading.Lock() if self.sqlite else nullcontext()
        if self.sqlite:
            self._prepare_file()
        self.engine: Engine = create_engine(
            self.url,
            json_serializer=_dumps,
            **({"connect_args": {"timeout": 30}} if self.sqlite else {"pool_size": 10, "max_overflow": 20}),
        )
        if self.sqlite:
            event.listen(self.engine, "connect", _on_sqlite_connect)
            event.listen(self.engine, "begin", _on_sqlite_begin)
        else:
            event.listen(self.engine, "checkin", _on_checkin)
            event.listen(self.engine, "checkout", self._on_checkout)

    def _prepare_file(self) -> None:
        """WAL is a property of the file: set once, before anybody (the engine included) opens it for work."""
        path = make_url(self.url).database
        if not path or path == ":memory:":
            raise BadInput("The SQLite database must be a file: several processes share it.")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # customers' data: for its owner only; what cannot be opened is told below
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        try:
            with closing(sqlite3.connect(path, timeout=30)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.DatabaseError as error:
            raise BadInput(f"{path} cannot be used as the database: {error}. Run doctor.") from error

    def _on_checkout(self, connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        """Ask whether an idle connection lives before it is used, as ``pool_pre_ping`` does, but not every time."""
        now = time.monotonic()
        if now - record.info.get("idle_since", now) <= _SURE_SECONDS:
            return
        try:
            connection.execute("select 1")
            connection.rollback()
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # every older connection is gone too: a new one is made

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that commits at the end; on SQLite it holds the write lock from the start.

        Threads of this process queue for that lock: SQLite itself would let them sleep and look again, ever longer.
        """
        with self._turn, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self, *, steady: bool = False) -> Iterator[Connection]:
        """A view in which nothing may be written; a ``steady`` one is of one moment, whatever others commit."""
        with self.engine.connect().execution_options(read_only=True) as connection, connection.begin():
            if steady and not self.sqlite:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield connection

    def reachable(self) -> str:
        """Empty when the database answers, else a sentence."""
        try:
            with self.read() as connection:
                connection.execute(text("select 1"))
        except OperationalError as error:
            return f"The database does not answer: {str(error.orig).strip().splitlines()[0]}"
        return ""

    def close(self) -> None:
        """Give every connection back to the system."""
        self.engine.dispose()


def _on_checkin(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["idle_since"] = time.monotonic()


def insert_new(database: Connection | str, table: Table) -> Any:
    """An insert that does nothing where a unique key exists already (then it returns no row).

    ``database``: the connection it is for, or the name of its dialect.
    """
    name = database if isinstance(database, str) else database.dialect.name
    dialect = sqlite if name == "sqlite" else postgresql
    return dialect.insert(table).on_conflict_do_nothing()


def alike(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The same rows in lists of those that have the same columns: each can be written by one statement."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row), []).append(dict(row))
    yield from found.values()


def _on_sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: see _on_sqlite_begin
    for pragma in (f"busy_timeout={_BUSY_MS}", "foreign_keys=ON", "synchronous=FULL", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    """Writers take the lock at once: upgrading a read transaction later would fail instead of waiting.

    SQLite sleeps ever longer between looks at a lock that the engine, or another process, holds for a moment: it is
    asked anew before its sleeps grow long.
    """
    if connection.get_execution_options().get("read_only"):
        connection.exec_driver_sql("BEGIN")
        return
    until = time.monotonic() + _BUSY_MS / 1000
    connection.exec_driver_sql(f"PRAGMA busy_timeout={_NAP_MS}")
    try:
        while not _begun(connection, until):
            pass
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_MS}")


def _begun(connection: Connection, until: float) -> bool:
    """Whether the write lock could be had; raises OperationalError when it could not until then (time.monotonic())."""
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        busy = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
        if not busy or time.monotonic() > until:
            raise
        return False
    return True
