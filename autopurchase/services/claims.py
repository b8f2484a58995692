"""What a session's lanes call next: outcomes are stored and intents committed, with the call slots they will use.

The lanes of one process share these transactions, so that under load a booking costs a part of one. A lane brings its
last outcome while its next call is under way already, and claims the booking after that: the database and the
marketplace are waited for at the same time. What went well is written by a thread of its own: it may wait longer than
claims do, so that more of it is written at once, and claims do not wait for it. Where every booking counts before the
next one may be claimed, or the session's rate is what holds lanes up, a lane claims only once its last outcome is
known.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.booking import BookingState
from autopurchase.domain.budget import SIGNALS
from autopurchase.domain.errors import LimitReached, Refused, SessionRefused
from autopurchase.domain.session import SessionConfig, SessionState
from autopurchase.services import budget, store_outcomes
from autopurchase.services.calls import config_of, lease_seconds
from autopurchase.services.context import Context
from autopurchase.services.fresh import shop_facts
from autopurchase.services.outcomes import Outcome
from autopurchase.services.together import Together
from autopurchase.storage import bookings, limits, runs, sessions
from autopurchase.storage.database import Connection, Row
from autopurchase.storage.limits import Slot

#: a lane stays for work that comes due within this many seconds, then leaves it to the sweep
PATIENCE = 30.0
#: shop orders read longer ago than this are read again right before money is committed
FRESH_SECONDS = 120.0
#: what a session is opened with; tokens and state are read afresh anyway
_SETTINGS = (
    "app_key",
    "secret_sealed",
    "base_url",
    "ship_to",
    "settings",
    "concurrency",
    "settle_seconds",
    "timeout_seconds",
)
#: how often (seconds) a lane looks at its session: state, settings, lease, and who waits for one
_LOOK_SECONDS = 0.3
#: beyond the time-out: how long after sending an abandoned booking may be looked up at the earliest
_GRACE = 1.0
#: how long (seconds) what no lane waits for yet is left, for others to share its transaction
SOON = 0.02
#: the same of what a call said that went well: most of the statements of a booking are those that write it
LATER = 0.25
#: how long (seconds) nothing claimed ahead is sent after an answer that makes a session rest
_HALT = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What a lane comes with: what its last call said, and whether it would carry out a next one.

    ``ready``: time.monotonic() when it can call, if that is later than now; ``lead``: seconds that a call slot must be
    ahead, as the lane has learnt it.
    """

    holder: str
    outcome: Outcome | None = None
    claim: bool = True
    ready: float = 0.0
    lead: float = 0.0
    ahead: bool = False  # another call is under way meanwhile
    late: tuple[Slot, float] | None = None  # a call left so many seconds behind its slot: `limits.put_off`

    def wait(self) -> float:
        """Seconds from now until it can call."""
        return max(self.lead, self.ready - time.monotonic())


@dataclass(frozen=True, slots=True)
class Task:
    """One booking a lane has claimed. ``kind``: create, lookup, or refuse (without any call)."""

    kind: str
    booking: dict[str, Any]  # as it was last written
    session: Row
    config: SessionConfig
    slot: Slot | None = None  # reserved for its call
    stands: timedelta = timedelta()  # how long after its call slot the claim stands
    refusal: Refused | None = None  # of one that is not sent
    before: Mapping[str, Any] = field(default_factory=dict)  # what claiming it has changed of the booking
    held: str | None = ""  # why the shop's orders may not be bought now; None: the shop must be asked again


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now; look again after ``seconds``."""

    seconds: float


#: what a lane is told to do; None: to end
Step = Task | Wait | None


class Claims:
    """The transactions of one session's lanes in this process, written by one thread."""

    def __init__(self, ctx: Context, session_id: int) -> None:
        self.ctx, self.session_id = ctx, session_id
        self.turns = Together[Turn, Step](self._take, SOON)
        self.confirmed = Together[Outcome, None](self._confirm, LATER)
        self._lease = sessions.lease_name(session_id)
        self._session: Row  # as it was when a lane last looked round
        self._config: SessionConfig  # of the session as it was when it was opened
        self._opened_as: Row | None = None
        self._look_at = 0.0  # time.monotonic() when the session and the lanes' leases are looked at next
        self._leased: set[str] = set()  # lanes that had a lease when last looked at
        self._asked_for: set[str] = set()  # those of them whose lease somebody waits for
        self._started: set[int] = set()  # runs known to have begun
        self._ready = 0.0  # time.monotonic() at which the last of the lanes with a slot can call
        self._by_rate = True  # whether slots come later than that
        self._halted_until = 0.0  # time.monotonic()

    def ahead(self, seconds: float) -> bool:
        """Whether a lane whose calls take so long may claim the next booking while one is under way."""
        if self._opened_as is None or self._by_rate or budget.counts(self._session):
            return False
        return timedelta(seconds=seconds) <= budget.AHEAD

    def may_wait(self, outcome: Outcome) -> bool:
        """Whether nothing follows from an outcome but what is written of it (see `budget.answered`)."""
        return outcome.kind == "confirmed" and not budget.counts(self._session) and not self._session["strikes"]

    def heard(self, outcome: Outcome) -> None:
        """After an answer that asks for a pause, or makes the session rest, nothing claimed ahead is sent."""
        if outcome.pause or outcome.said.cause in SIGNALS:
            self._halted_until = time.monotonic() + max(outcome.pause, _HALT)

    def halted(self) -> bool:
        """Whether nothing that was claimed ahead may be sent now."""
        return time.monotonic() < self._halted_until

    def close(self) -> None:
        """Write what is still to be written."""
        self.turns.close()
        self.confirmed.close()

    def leave(self, holder: str) -> None:
        """A lane ends: its call lease is free."""
        with self.ctx.db.write() as tx:
            self._drop_lease(tx, holder)

    def keep_lease(self, tx: Connection, holder: str, pause: float = 0.0) -> bool:
        """Hold one of the session's call leases for a call that begins in ``pause`` seconds; False: all are taken."""
        lasting = lease_seconds(self._config, pause + _LOOK_SECONDS)
        return limits.take_lease(tx, self._lease, self._config.concurrency, holder, lasting)

    def _take(self, turns: Sequence[Turn]) -> list[Step]:
        """One transaction for several lanes."""
        if not any(turn.outcome or turn.claim or turn.late for turn in turns):
            return [None] * len(turns)
        try:
            with self.ctx.db.write() as tx:
                paused = self._store(tx, [turn.outcome for turn in turns if turn.outcome is not None])
                late = [turn.late for turn in turns if turn.late is not None]
                found = {} if paused else self._claim(tx, [turn for turn in turns if turn.claim], late)
                self._put_off(tx, late)
        except BaseException:
            self._look_at = 0.0  # leases taken with it are not
            raise
        self._started.update(step.booking["run_id"] for step in found.values() if isinstance(step, Task))
        return [found.get(turn.holder, Wait(0.0)) if turn.claim else None for turn in turns]

    def _confirm(self, outcomes: Sequence[Outcome]) -> list[None]:
        """One transaction for several outcomes that nothing else follows from."""
        with self.ctx.db.write() as tx:
            store_outcomes.store(tx, outcomes)
        return [None] * len(outcomes)

    def _store(self, tx: Connection, ended: Sequence[Outcome]) -> bool:
        """Write what the last calls said; True when all calls must pause: nothing else is claimed with it then."""
        store_outcomes.store(tx, ended)
        for outcome in ended:
            budget.answered(tx, self._session, outcome)
        pause = max((outcome.pause for outcome in ended), default=0.0)
        if pause:
            limits.pause_calls(tx, self.session_id, pause)
        return bool(pause)

    def _put_off(self, tx: Connection, late: list[tuple[Slot, float]]) -> None:
        """Calls left late: tell it once, before the next slots are reserved."""
        if late:
            limits.put_off(tx, self.session_id, late)
            late.clear()

    def _claim(self, tx: Connection, turns: Sequence[Turn], late: list[tuple[Slot, float]]) -> dict[str, Step]:
        """What each of the lanes does next. Locks bookings, runs, the session, leases, call slots, in this order."""
        now = self.ctx.now()
        turns = [turn for turn in turns if not turn.ahead or self.ahead(0.0)]
        turns.sort(key=lambda turn: turn.ahead)  # who has nothing to do comes first
        rows = bookings.claim(tx, self.session_id, now, len(turns)) if turns else ()
        found: dict[str, Step] = self._rest(tx, [turn.holder for turn in turns[len(rows) :] if not turn.ahead], now)
        if not rows:
            return found
        for run_id in sorted({row["run_id"] for row in rows} - self._started):
            runs.start(tx, run_id, now)
        self._look_round(tx, turns)
        pairs = list(zip(turns, rows, strict=False))
        at_once = 1 if budget.counts(self._session) else len(pairs)  # each counts before the next is admitted
        for start in range(0, len(pairs), at_once):
            going = []
            for turn, row in pairs[start : start + at_once]:
                hindered = self._hindered(tx, turn, row, now)
                if hindered is None:
                    going.append((turn, row))
                else:
                    found[turn.holder] = hindered
            found.update(self._intend(tx, going, now, late))
        return found

    def _look_round(self, tx: Connection, turns: Sequence[Turn]) -> None:
        """See every now and then how the session is, and how it stands with the lanes' leases."""
        look = time.monotonic() >= self._look_at
        if look:
            self._session = sessions.get(tx, self.session_id)
            was = self._opened_as
            if was is None or any(self._session[name] != was[name] for name in _SETTINGS):
                self._config, self._opened_as = config_of(self.ctx, self._session), self._session
        if budget.counts(self._session):
            sessions.get(tx, self.session_id, lock=True)  # who counts locks it before leases and slots
        if look:
            self._keep_leases(tx, {turn.holder for turn in turns if not turn.ahead})
            self._look_at = time.monotonic() + _LOOK_SECONDS

    def _keep_leases(self, tx: Connection, idle: set[str]) -> None:
        """Keep what the lanes have; who waits for a lease gets that of a lane without a call, if there is one."""
        if not self._leased:
            return
        lasting = lease_seconds(self._config, _LOOK_SECONDS)
        kept = limits.renew_leases(tx, self._lease, self._config.concurrency, sorted(self._leased), lasting)
        self._leased &= kept
        self._asked_for &= kept
        idle &= kept
        if kept and (idle or not self._asked_for) and limits.give_way(tx, self._lease):
            self._asked_for = {min(idle or kept)}

    def _hindered(self, tx: Connection, turn: Turn, booking: Row, now: datetime) -> Task | Wait | None:
        """What the lane does instead of calling for this booking; None: it may call."""
        queued = booking["state"] == BookingState.QUEUED
        if queued and self._session["state"] != SessionState.ACTIVE:
            return self._refuse(booking, SessionRefused())
        if not self._may_call(tx, turn):
            return Wait(0.0 if turn.ahead else 0.2)
        try:
            if queued and not budget.admit(tx, self._session, booking, now, self._trial()):
                return Wait(0.0)
        except LimitReached as error:
            return self._refuse(booking, error)
        return None

    def _refuse(self, booking: Row, error: Refused) -> Task:
        return Task("refuse", dict(booking), self._session, self._config, refusal=error)

    def _trial(self) -> timedelta:
        """How long a booking that is tried after a rest may take to be known."""
        return timedelta(seconds=max(self._config.settle_seconds, self._config.timeout_seconds + _GRACE))

    def _may_call(self, tx: Connection, turn: Turn) -> bool:
        """Whether this lane has one of the session's call leases.

        It gives its own up for a sync or a plan check that waits, as lanes would hold theirs for hours, and takes none
        from it; but a call that is under way needs it.
        """
        holder = turn.holder
        if holder in self._leased and holder not in self._asked_for:
            return True
        if turn.ahead:
            return False
        if holder in self._asked_for or limits.asked(tx, self._lease):
            self._drop_lease(tx, holder)  # it may have one from before the process was killed
            return False
        if not self.keep_lease(tx, holder):
            return False
        self._leased.add(holder)
        return True

    def _drop_lease(self, tx: Connection, holder: str) -> None:
        limits.drop_lease(tx, self._lease, holder)
        self._leased.discard(holder)
        self._asked_for.discard(holder)

    def _rest(self, tx: Connection, holders: Sequence[str], now: datetime) -> dict[str, Step]:
        """Give call leases back; stay when something comes due soon."""
        if not holders:
            return {}
        for holder in holders:
            self._drop_lease(tx, holder)
        due = bookings.next_due(tx, self.session_id)
        if due is None or (due - now).total_seconds() > PATIENCE:
            return dict.fromkeys(holders)
        return dict.fromkeys(holders, Wait(min(1.0, max(0.05, (due - now).total_seconds()))))

    def _intend(
        self, tx: Connection, going: Sequence[tuple[Turn, Row]], now: datetime, late: list[tuple[Slot, float]]
    ) -> dict[str, Step]:
        """Commit what is about to happen, before it happens, with the call slots it will use."""
        if not going:
            return {}
        creates = [row for _, row in going if not needs_lookup(row)]
        shop = shop_facts(tx, {row["id"]: orders_of(row) for row in creates}, now - timedelta(seconds=FRESH_SECONDS))
        going = sorted(going, key=lambda pair: pair[0].wait())
        self._put_off(tx, late)
        waits = [turn.wait() for turn, _ in going]
        slots = limits.reserve_calls(tx, self.session_id, waits)
        self._ready = max(self._ready, time.monotonic() + waits[-1])
        self._by_rate = slots[-1].moment > self._ready + limits.NOTICED
        tasks: dict[str, Step] = {}
        changes = {}
        for (turn, row), slot in zip(going, slots, strict=True):
            tasks[turn.holder], changes[row["id"]] = self._task(turn, row, slot, shop.get(row["id"], ""))
        bookings.change_all(tx, changes)
        return tasks

    def _task(self, turn: Turn, booking: Row, slot: Slot, held: str | None) -> tuple[Task, dict[str, Any]]:
        """What the lane is to do at that slot, and what is written of the booking before."""
        config = self._config
        starts = self.ctx.now() + timedelta(seconds=max(0.0, slot.moment - time.monotonic()))
        values: dict[str, Any] = {"claimed_by": turn.holder}
        create = not needs_lookup(booking)
        stands = timedelta(seconds=config.timeout_seconds * 3 + _GRACE)
        if create:
            stands = timedelta(seconds=max(config.settle_seconds, config.timeout_seconds + _GRACE))
            values |= {
                "state": BookingState.SENDING.value,
                "attempts": booking["attempts"] + 1,
                "lookups": 0,
                "sent_at": starts,
            }
        values["due_at"] = starts + stands
        kind = "create" if create else "lookup"
        before = {name: booking[name] for name in values}
        task = Task(kind, {**booking, **values}, self._session, config, slot, stands, before=before, held=held)
        return task, values


#: by workspace and session: the claims of lanes at work here, and how many they are
_at_work: dict[tuple[int, int], tuple[Claims, int]] = {}
_counting = threading.Lock()


@contextmanager
def of_session(ctx: Context, session_id: int) -> Iterator[Claims]:
    """The claims that all lanes of a session share which this process works off in this workspace."""
    key = id(ctx), session_id  # whoever is counted here keeps the context alive
    with _counting:
        claims, lanes = _at_work.get(key) or (Claims(ctx, session_id), 0)
        _at_work[key] = claims, lanes + 1
    try:
        yield claims
    finally:
        with _counting:
            claims, lanes = _at_work.pop(key)
            if lanes > 1:
                _at_work[key] = claims, lanes - 1
        if lanes == 1:
            claims.close()


def needs_lookup(booking: Row) -> bool:
    """Whether the provider is asked for our reference before anything is sent: after an attempt of open outcome."""
    return booking["state"] in (BookingState.SENDING, BookingState.UNKNOWN)


def orders_of(booking: Any) -> list[int]:
    """The customers' orders a booking buys for."""
    return sorted({line["order_id"] for line in booking["purchase"]["lines"]})
