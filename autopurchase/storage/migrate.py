"""Bringing a database to the newest schema, at first start and after an upgrade.

Alembic is loaded only when there is something to do: every command would wait for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from autopurchase.storage import recount
from autopurchase.storage.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x6175746F  # any fixed number: serialises migrations of several processes on PostgreSQL

#: revisions whose workspaces have events, but no figures yet
_WITHOUT_FIGURES = ("0001", "0002")


def _config(connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The revision this program is made for: its files begin with their numbers."""
    return max(path.stem.partition("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*.py"))


def current(db: Database) -> str:
    """The revision the database is at; empty for an empty database."""
    with db.read() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("select version_num from alembic_version")).scalar() or "")


def migrate(db: Database) -> bool:
    """Upgrade to the newest revision, one process at a time; True when anything changed."""
    if current(db) == newest():
        return False
    from alembic import command

    with db.write() as connection:  # on SQLite this is the write lock
        if not db.sqlite:
            connection.execute(text("select pg_advisory_xact_lock(:n)"), {"n": _LOCK})
        before = _revision(connection)
        command.upgrade(_config(connection), "head")
        if before in _WITHOUT_FIGURES:
            recount.rebuild(connection)
        return before != newest()
