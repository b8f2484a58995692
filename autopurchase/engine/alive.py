"""Whether a worker is at work on a workspace: by the file lock (SQLite) or the slots' advisory locks (PostgreSQL)."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import text

from autopurchase.engine.slots import LOCK_CLASS
from autopurchase.storage.database import Database


def workers(db: Database, home: Path) -> int:
    """How many workers are at work. On SQLite the lock is tried for a moment, which a starting worker may meet."""
    return _lock_held(home) if db.sqlite else _slots_held(db)


def _lock_held(home: Path) -> int:
    lock = FileLock(home / "worker.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return 1
    lock.release()
    return 0


def _slots_held(db: Database) -> int:
    query = text(
        "select count(*) from pg_locks where locktype = 'advisory' and classid = :slots and granted "
        "and database = (select oid from pg_database where datname = current_database())"
    )
    with db.read() as connection:
        return int(connection.execute(query, {"slots": LOCK_CLASS}).scalar_one())
