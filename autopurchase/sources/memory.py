"""A memory of very many keys that lies on disk, so that a file or a shop of any size is read in little memory."""

from __future__ import annotations

import sqlite3

#: kilobytes of it that are held in memory at most
_CACHE = 8_000


class Memory:
    """Integers by key, in a temporary database of SQLite's own, which is gone with this object or its process."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(f"PRAGMA cache_size=-{_CACHE}")
        self._db.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID")

    def get(self, *key: object) -> int:
        """What was put under ``key``, or 0."""
        row = self._db.execute("SELECT value FROM seen WHERE key = ?", (_text(key),)).fetchone()
        return int(row[0]) if row else 0

    def put(self, *key: object, value: int = 1) -> None:
        """Keep ``value`` (64 bits, signed) under ``key``."""
        self._db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?)", (_text(key), value))

    def first(self, *key: object) -> bool:
        """Whether ``key`` comes for the first time; from now on it does not."""
        return bool(self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, 1)", (_text(key),)).rowcount)


def _text(key: tuple[object, ...]) -> str:
    return "\x1f".join(map(str, key))
