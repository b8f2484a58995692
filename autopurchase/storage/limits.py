"""Call slots and leases: the rate and the concurrency of a session, held in the database whatever process calls.

The rate is one reserved time slot per call, the concurrency one leased slot per caller. Both are single statements, so
that the worker reserves them in the same transaction that commits an intent: a limiter library would need a second one.

So that writers queue instead of waiting for each other, a session's leases are locked after everything else of a
transaction, its row included, and its slots after them. A lease is locked by its holder's process, or by whoever has
just looked whether it ran out: that one waits for nothing else with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Float,
    Integer,
    bindparam,
    case,
    cast,
    func,
    insert,
    select,
    text,
    update,
)

from autopurchase.storage.database import insert_new
from autopurchase.storage.schema import call_slot, lease, session

#: share of the allowed rate that is used: N + 1 slots span 1 / HEADROOM seconds, which leaves 36 ms of jitter
HEADROOM = 0.965
#: a call that leaves later than this (seconds) behind its slot puts the later ones off
NOTICED = 0.015
#: a caller later than this takes a new slot: the calls that come a second after its old one may have theirs already
LATE = 0.5
#: how long (seconds) one asking for a lease is remembered: it asks again every tenth of a second
_ASKED = 0.5


_CLOCK = select(cast(func.extract("epoch", func.clock_timestamp()), Float))


def clock(connection: Connection) -> float:
    """Seconds since 1970: the database server's clock, or this machine's for SQLite."""
    if connection.dialect.name == "sqlite":
        return time.time()
    now = float(connection.execute(_CLOCK).scalar_one())
    _offset(connection, now)
    return now


#: how far time.monotonic() was ahead of a server's clock when its last answers arrived
_offsets: WeakKeyDictionary[Engine, tuple[float, ...]] = WeakKeyDictionary()


def _offset(connection: Connection, now: float) -> float:
    """How far time.monotonic() is ahead of the server's clock, which has just said ``now``.

    Each answer arrives later than it was true, by the network and by however long this thread was kept waiting; the
    quickest of the last ones says best.
    """
    known = (*_offsets.get(connection.engine, ())[-63:], time.monotonic() - now)
    _offsets[connection.engine] = known
    return min(known)


_RATE = select(session.c.rate_per_second).where(session.c.id == bindparam("session")).scalar_subquery()
_GAP = 1.0 / (_RATE * HEADROOM)


def _reserve(now: ColumnElement[float]) -> Any:
    earliest = now + bindparam("lead", type_=Float)
    free = case((call_slot.c.next_free > earliest, call_slot.c.next_free), else_=earliest)
    mine = update(call_slot).where(call_slot.c.session_id == bindparam("session"))
    taken = mine.values(next_free=free + _GAP, taken=call_slot.c.taken + 1)
    return taken.returning(call_slot.c.next_free - _GAP, now, _GAP, call_slot.c.taken)


#: by this machine's clock where the database is this machine's file, else by the database's, read under the lock
_RESERVE = {
    "sqlite": _reserve(bindparam("now", type_=Float)),
    "postgresql": _reserve(cast(func.extract("epoch", func.clock_timestamp()), Float)),
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A reserved call slot."""

    moment: float  # when it comes, by time.monotonic()
    at: float  # the same by the database's clock
    place: int  # which of all slots of the session it is
    gap: float  # seconds to the next one at least


#: by session: the last slot that was reserved here
_newest: WeakKeyDictionary[Engine, dict[int, Slot]] = WeakKeyDictionary()


def reserve_call(connection: Connection, session_id: int, lead: float = 0.0) -> Slot:
    """Reserve the next call slot of the session: `reserve_calls` of one."""
    return reserve_calls(connection, session_id, [lead])[0]


_TAKE = update(call_slot).where(call_slot.c.session_id == bindparam("session"))
_TAKE = _TAKE.values(next_free=bindparam("end"), taken=bindparam("last"))


def reserve_calls(connection: Connection, session_id: int, leads: Sequence[float]) -> list[Slot]:
    """Reserve a call slot of the session for each of ``leads``, in order: so many seconds from now at the earliest.

    The session's rate is read with it: one that somebody lowers holds from the next slot on, whoever calls.
    """
    values: dict[str, Any] = {"session": session_id, "lead": leads[0]}
    dialect = connection.dialect.name
    ahead = 0.0
    if dialect == "sqlite":
        values["now"] = time.time()
        ahead = time.monotonic() - values["now"]
    first, now, gap, place = connection.execute(_RESERVE[dialect], values).one()
    times = [float(first)]
    for lead in leads[1:]:
        times.append(max(times[-1] + gap, float(now) + lead))
    if len(times) > 1:
        connection.execute(_TAKE, {"session": session_id, "end": times[-1] + gap, "last": place + len(times) - 1})
    offset = ahead or _offset(connection, float(now))
    found = [Slot(time + offset, time, place + number, float(gap)) for number, time in enumerate(times)]
    _newest.setdefault(connection.engine, {})[session_id] = found[-1]
    return found


def in_the_way(engine: Engine, session_id: int, slot: Slot, late: float) -> bool:
    """Whether a call that left ``late`` seconds behind its slot may have to put later ones off (`put_off`).

    Not while the last slot reserved here is far enough from it: those that others reserve meanwhile only come after.
    """
    newest = _newest.get(engine, {}).get(session_id, slot)
    return newest.at < slot.at + late + (newest.place - slot.place) * max(slot.gap, newest.gap)


_LEAST = bindparam("left", type_=Float) + (call_slot.c.taken - bindparam("place", type_=Integer) + 1) * _GAP
_PUT_OFF = update(call_slot).where(call_slot.c.session_id == bindparam("session"), call_slot.c.next_free < _LEAST)
_PUT_OFF = _PUT_OFF.values(next_free=_LEAST)


def put_off(connection: Connection, session_id: int, late: Sequence[tuple[Slot, float]]) -> None:
    """Calls left so many seconds behind their slots: those not reserved yet come as far after them as slots are apart.

    Then any call and the one N places on are as far apart as their slots, whenever the first really left.
    """
    told = [{"session": session_id, "left": slot.at + seconds, "place": slot.place} for slot, seconds in late]
    connection.execute(_PUT_OFF, told)


def pause_calls(connection: Connection, session_id: int, seconds: float) -> None:
    """No call of the session for ``seconds``: what a throttling provider asked for."""
    until = clock(connection) + seconds
    connection.execute(
        update(call_slot)
        .where(call_slot.c.session_id == session_id, call_slot.c.next_free < until)
        .values(next_free=until)
    )


def ensure_slots(connection: Connection, session_id: int, name: str, count: int) -> None:
    """Rows for the session's rate and for ``count`` leases of ``name``; existing ones stay."""
    if connection.execute(select(call_slot).where(call_slot.c.session_id == session_id)).first() is None:
        connection.execute(insert(call_slot).values(session_id=session_id, next_free=0.0))
    known = set(connection.execute(select(lease.c.slot).where(lease.c.name == name)).scalars())
    missing = [{"name": name, "slot": slot, "until": 0.0} for slot in range(count) if slot not in known]
    if missing:
        connection.execute(insert(lease), missing)


def take_lease(connection: Connection, name: str, slots: int, holder: str, seconds: float) -> bool:
    """Take one of ``slots`` leases of ``name`` for ``seconds``, or renew the one ``holder`` has; False: all are taken.

    A lease ends by itself, so that the slot of a killed process comes free. ``seconds`` must exceed the longest call.
    One that ran out is not renewed but taken anew, as anybody may be taking it.
    """
    now = clock(connection)
    mine = update(lease).where(lease.c.slot < slots, *_held(name, holder, now))
    if connection.execute(mine.values(until=now + seconds)).rowcount:
        return True
    free = (
        select(lease.c.slot)
        .where(lease.c.name == name, lease.c.slot < slots, lease.c.until < now)
        .order_by(lease.c.slot)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = update(lease).where(lease.c.name == name, lease.c.slot == free)
    return bool(connection.execute(taken.values(holder=holder, until=now + seconds)).rowcount)


def renew_leases(connection: Connection, name: str, slots: int, holders: Collection[str], seconds: float) -> set[str]:
    """Renew those of ``slots`` leases of ``name`` that ``holders`` have, for ``seconds`` at least; who has one."""
    now = clock(connection)
    until = case((lease.c.until > now + seconds, lease.c.until), else_=now + seconds)
    held = lease.c.name == name, lease.c.slot < slots, lease.c.holder.in_(holders), lease.c.until >= now
    return set(connection.execute(update(lease).where(*held).values(until=until).returning(lease.c.holder)).scalars())


def all_taken(connection: Connection, slots: Mapping[str, int]) -> set[str]:
    """Names whose leases, so many each, are all taken now."""
    taken = select(lease.c.name, lease.c.slot).where(lease.c.name.in_(slots), lease.c.until >= clock(connection))
    counts = Counter(name for name, slot in connection.execute(taken) if slot < slots[name])
    return {name for name, count in counts.items() if count >= slots[name]}


def ask_for_lease(connection: Connection, name: str) -> None:
    """Say that somebody waits for a lease of ``name``: a lane gives its own up (`give_way`)."""
    asked = {"name": f"{name}:wanted", "slot": 0, "holder": ""}
    connection.execute(insert_new(connection, lease).values(until=0.0, **asked))
    connection.execute(update(lease).where(lease.c.name == asked["name"]).values(until=clock(connection) + _ASKED))


def asked(connection: Connection, name: str) -> bool:
    """Whether somebody waits for a lease of ``name``."""
    return connection.execute(select(lease.c.slot).where(*_wanted(connection, name))).first() is not None


def _wanted(connection: Connection, name: str) -> tuple[ColumnElement[bool], ...]:
    return lease.c.name == f"{name}:wanted", lease.c.until > clock(connection)


def give_way(connection: Connection, name: str) -> bool:
    """Whether somebody waits for a lease of ``name``; the first to ask this must give up its own.

    A lane holds its lease, and more, while it asks this: it waits for nobody who is asking or giving way just now.
    """
    free = select(lease.c.slot).where(*_wanted(connection, name)).with_for_update(skip_locked=True).scalar_subquery()
    given = update(lease).where(lease.c.name == f"{name}:wanted", lease.c.slot == free)
    return bool(connection.execute(given.values(until=0.0)).rowcount)


def drop_lease(connection: Connection, name: str, holder: str) -> None:
    """Give the lease back at once, unless it ran out."""
    mine = update(lease).where(*_held(name, holder, clock(connection)))
    connection.execute(mine.values(holder=text("''"), until=0.0))


def _held(name: str, holder: str, now: float) -> tuple[ColumnElement[bool], ...]:
    return lease.c.name == name, lease.c.holder == holder, lease.c.until >= now
