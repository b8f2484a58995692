"""Bringing a database to the newest schema, at first start and after an upgrade."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from autopurchase.storage import recount
from autopurchase.storage.database import Database

_LOCK = 0x6175746F  # any fixed number: serialises migrations of several processes on PostgreSQL

#: revisions whose workspaces have events, but no figures yet
_WITHOUT_FIGURES = ("0001", "0002")


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The revision this program is made for."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(db: Database) -> str:
    """The revision the database is at; empty for an empty database."""
    with db.read() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def migrate(db: Database) -> bool:
    """Upgrade to the newest revision, one process at a time; True when anything changed."""
    if current(db) == newest():
        return False
    with db.write() as connection:  # on SQLite this is the write lock
        if not db.sqlite:
            connection.execute(text("select pg_advisory_xact_lock(:n)"), {"n": _LOCK})
        before = MigrationContext.configure(connection).get_current_revision()
        command.upgrade(_config(connection), "head")
        if before in _WITHOUT_FIGURES:
            recount.rebuild(connection)
        return before != newest()
