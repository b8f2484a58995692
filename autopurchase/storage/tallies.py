"""Sums that are kept: merging the differences writers leave, and reading what stands now or stood at a moment.

Writers only add rows to ``tally_delta``, so that none waits for another. Merging moves them into ``tally``: level
``now`` (of all time, by part, cause and the hour a line became ready), ``slot`` (by quarter of an hour) and ``day`` (of
the workspace's zone), where the backlog is one part. What is not merged yet is read from ``tally_delta``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite

from autopurchase.storage.counting import KEY, SUMS, Key
from autopurchase.storage.schema import tally, tally_delta

_LOCK = 0x74616C6C79  # any fixed number: one process merges at a time on PostgreSQL
#: rows merged in one transaction: others wait for it on SQLite
BATCH = 5_000
#: no slot, no hour: what is summed over all time, or not by hour
EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
#: parts of the backlog, as one part of sums by time
BACKLOG = "backlog"
_APART = ("unpaid", "excess")
_PART, _SLOT, _CAUSE, _HOUR, _DAY = (KEY.index(name) for name in ("part", "slot", "cause", "clock_hour", "ref_day"))


def is_flow(key: Key) -> bool:
    """Whether it is a sum of what happened, not of what stands."""
    return bool(str(key[_PART]).startswith("+"))


def now_key(key: Key) -> Key:
    """The key of the sum over all time."""
    return (EPOCH, *key[1:])


def slot_key(key: Key) -> Key:
    """The key of the sum by time: without what only the present is asked for."""
    part = key[_PART] if is_flow(key) or key[_PART] in _APART else BACKLOG
    changed = {_PART: part, _CAUSE: "", _HOUR: EPOCH, _DAY: ""}
    return tuple(changed.get(place, value) for place, value in enumerate(key))


def day_key(key: Key, zone: ZoneInfo) -> Key:
    """The same by the day of a zone; a day is named by the moment it begins."""
    start = key[_SLOT].astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return (start, *slot_key(key)[1:])


def waiting(connection: Connection) -> bool:
    """Whether there is anything to merge."""
    return connection.execute(select(tally_delta.c.id).limit(1)).first() is not None


def merge(connection: Connection, zone: str, limit: int = BATCH) -> int:
    """Merge differences, the oldest first; returns how many rows there were. To be repeated while it is ``limit``."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:n)"), {"n": _LOCK})
    rows = connection.execute(select(tally_delta).order_by(tally_delta.c.id).limit(limit)).mappings().all()
    if not rows:
        return 0
    levels: dict[tuple[str, Key], list[int]] = {}
    local = ZoneInfo(zone)
    for row in rows:
        key, values = tuple(row[name] for name in KEY), [row[name] for name in SUMS]
        _add(levels, ("slot", slot_key(key)), values)
        _add(levels, ("day", day_key(key, local)), values)
        if not is_flow(key):
            _add(levels, ("now", now_key(key)), values)
    _upsert(connection, levels)
    for start in range(0, len(rows), 5_000):
        part = [row["id"] for row in rows[start : start + 5_000]]
        connection.execute(delete(tally_delta).where(tally_delta.c.id.in_(part)))
    connection.execute(_DROP_EMPTY)
    return len(rows)


def _add(levels: dict[tuple[str, Key], list[int]], key: tuple[str, Key], values: Sequence[int]) -> None:
    held = levels.setdefault(key, [0, 0, 0, 0])
    for place, value in enumerate(values):
        held[place] += value


def _upsert(connection: Connection, levels: Mapping[tuple[str, Key], Sequence[int]]) -> None:
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(tally)
    statement = statement.on_conflict_do_update(
        index_elements=["level", *(name for name in _UNIQUE)],
        set_={name: tally.c[name] + statement.excluded[name] for name in SUMS},
    )
    rows = [
        {"level": level, **dict(zip(KEY, key, strict=True)), **dict(zip(SUMS, values, strict=True))}
        for (level, key), values in sorted(levels.items(), key=repr)
        if any(values)
    ]
    if rows:
        connection.execute(statement, rows)


_UNIQUE = ("slot", "part", "cause", "source_id", "provider", "session_id", "operator", "clock_hour", "ref_day")
_EMPTY = (tally.c.pieces == 0) & (tally.c.lines == 0) & (tally.c.fen == 0) & (tally.c.unpriced == 0)
_DROP_EMPTY = delete(tally).where(tally.c.level == "now", _EMPTY)


def rezone(connection: Connection, zone: str) -> None:
    """Make the sums by day anew, for another zone."""
    connection.execute(delete(tally).where(tally.c.level == "day"))
    local = ZoneInfo(zone)
    levels: dict[tuple[str, Key], list[int]] = {}
    for row in connection.execute(select(tally).where(tally.c.level == "slot")).mappings():
        key = tuple(row[name] for name in KEY)
        _add(levels, ("day", day_key(key, local)), [row[name] for name in SUMS])
    _upsert(connection, levels)
