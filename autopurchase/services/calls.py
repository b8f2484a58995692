"""Opening a session for calls: decrypted configuration, shared tokens, and the pace of its calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from autopurchase.domain.errors import LimitReached, NotSent, ProviderDown, RateLimited, SessionRefused
from autopurchase.domain.session import Address, SessionConfig, SessionState, Tokens
from autopurchase.ports import Provider
from autopurchase.services import call_stats
from autopurchase.services.context import Context
from autopurchase.storage import limits, sessions
from autopurchase.storage.database import Connection
from autopurchase.storage.limits import Slot

#: how long (seconds) a lease outlives the longest call
_MARGIN = 5.0
#: a pause (seconds) before a call that a lease is kept longer for; shorter ones are within its margin
LONG_PAUSE = 1.0
#: slots that may slip by before a call is given up as not sent
_SLOTS_TRIED = 20
#: how long (seconds) before its slot a call connects
_NEAR = 0.5
_RENEWAL = "renew:{}"
#: tokens are read again after this; one that was replaced meanwhile is rejected, and then read at once
_KEPT_SECONDS = 2.0


def config_of(ctx: Context, row: Any) -> SessionConfig:
    """The session's configuration with its secret, in memory only."""
    return SessionConfig(
        id=row["id"],
        name=row["name"],
        provider=row["provider"],
        app_key=row["app_key"],
        app_secret=ctx.vault.open(row["secret_sealed"])["app_secret"],
        base_url=row["base_url"],
        ship_to=Address(**row["ship_to"]),
        rate_per_second=row["rate_per_second"],
        concurrency=row["concurrency"],
        daily_cap=row["daily_cap"],
        settle_seconds=row["settle_seconds"],
        timeout_seconds=row["timeout_seconds"],
        settings={name: str(value) for name, value in row["settings"].items()},
    )


def tokens_json(tokens: Tokens) -> dict[str, str | None]:
    """Tokens as JSON for the vault."""
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_at": tokens.expires_at.isoformat() if tokens.expires_at else None,
        "refresh_expires_at": tokens.refresh_expires_at.isoformat() if tokens.refresh_expires_at else None,
    }


def _tokens(data: dict[str, Any]) -> Tokens:
    times = {
        name: datetime.fromisoformat(data[name]) if data.get(name) else None
        for name in ("expires_at", "refresh_expires_at")
    }
    return Tokens(data["access_token"], data.get("refresh_token") or "", **times)


@dataclass(slots=True)
class SessionPace:
    """The session's limiter. ``first`` is a slot that was reserved already, with the intent.

    ``reserve`` takes every further slot inside the given transaction, a lead (seconds) from now at the earliest
    (default: just that); it may renew what must outlive the call, and raise what the call then ends with. ``put_off``
    is told of a call that left so late that others must be (default: it is written at once). ``lead`` is what
    committing a reservation and connecting take here, learnt from slots that slipped by.
    """

    ctx: Context
    session_id: int
    first: Slot | None = None
    reserve: Callable[[Connection, float], Slot] | None = None
    put_off: Callable[[Slot, float], None] | None = None
    lead: float = 0.0
    slot: Slot | None = None  # of the call that `wait` let go last
    waited: float = 0.0  # seconds spent here so far, which are not the marketplace's

    def soon(self) -> None:
        """Sleep until shortly before this call's slot: time to connect, but an open connection must not wait long."""
        began = time.monotonic()
        if self.first is None:
            self.first = self._reserve()
        time.sleep(max(0.0, self.first.moment - _NEAR - time.monotonic()))
        self.waited += time.monotonic() - began

    def wait(self) -> None:
        """Sleep until this call's slot comes; one that has long slipped by is given up for a new one."""
        began = time.monotonic()
        try:
            self._wait()
        finally:
            self.waited += time.monotonic() - began

    def _wait(self) -> None:
        slot, self.first = self.first, None
        for _ in range(_SLOTS_TRIED):
            if slot is None:
                slot = self._reserve()
            early = slot.moment - time.monotonic()
            self.lead = max(0.0, self.lead - early / 2) if early > 0 else min(1.0, self.lead - 1.2 * early)
            time.sleep(max(0.0, early))
            if time.monotonic() - slot.moment <= limits.LATE:
                self.slot = slot
                return
            slot = None
        sentence = "This machine is too busy to keep the session's pace: fewer things at once."
        raise NotSent(sentence, cause="throttled", retry_after=1.0)

    def sent(self) -> None:
        """Put later calls off that would come too close to this one, as it left late."""
        if self.slot is None:
            return
        late = time.monotonic() - self.slot.moment
        if late > limits.NOTICED and limits.in_the_way(self.ctx.db.engine, self.session_id, self.slot, late):
            (self.put_off or self._put_off)(self.slot, late)

    def _put_off(self, slot: Slot, late: float) -> None:
        with self.ctx.db.write() as tx:
            limits.put_off(tx, self.session_id, [(slot, late)])

    def _reserve(self) -> Slot:
        with self.ctx.db.write() as tx:
            if self.reserve:
                return self.reserve(tx, self.lead)
            return limits.reserve_call(tx, self.session_id, self.lead)


@dataclass(slots=True)
class SharedTokens:
    """The session's tokens in the database; renewed by one process at a time."""

    ctx: Context
    session_id: int
    _kept: tuple[float, Tokens] | None = None  # when they were read (time.monotonic()), for a few calls in a row

    def current(self) -> Tokens:
        """The stored tokens, as they were a moment ago at most."""
        kept = self._kept
        if kept is None or time.monotonic() - kept[0] > _KEPT_SECONDS:
            kept = self._kept = time.monotonic(), self._stored()
        return kept[1]

    def _stored(self) -> Tokens:
        with self.ctx.db.read() as tx:
            row = sessions.get(tx, self.session_id)
        return _tokens(self.ctx.vault.open(row["tokens_sealed"]))

    def renew(self, stale: Tokens, refresh: Callable[[Tokens], Tokens]) -> Tokens:
        """Replace ``stale``; whoever comes second takes what the first has stored."""
        holder = uuid4().hex
        name = _RENEWAL.format(self.session_id)
        self._lock(name, holder)
        self._kept = None
        try:
            now = self._stored()
            return now if now.access_token != stale.access_token else self._refresh(now, refresh)
        finally:
            with self.ctx.db.write() as tx:
                limits.drop_lease(tx, name, holder)

    def _lock(self, name: str, holder: str) -> None:
        with self.ctx.db.write() as tx:
            limits.ensure_slots(tx, self.session_id, name, 1)
        for _ in range(600):
            with self.ctx.db.write() as tx:
                if limits.take_lease(tx, name, 1, holder, 60.0):
                    return
            time.sleep(0.1)
        raise ProviderDown("Another process has been renewing this session's token for a minute: try again.")

    def _refresh(self, now: Tokens, refresh: Callable[[Tokens], Tokens]) -> Tokens:
        try:
            new = refresh(now)
        except SessionRefused:
            with self.ctx.db.write() as tx:
                sessions.change(tx, self.session_id, state=SessionState.NEEDS_AUTHORISATION.value)
            raise
        with self.ctx.db.write() as tx:
            save_tokens(self.ctx, tx, self.session_id, new)
        return new


def save_tokens(ctx: Context, tx: Any, session_id: int, tokens: Tokens) -> None:
    """Store tokens sealed; a session that waited for authorisation is active again."""
    sealed = ctx.vault.seal(tokens_json(tokens))
    version = sessions.get(tx, session_id, lock=True)["tokens_version"] + 1
    sessions.change(
        tx,
        session_id,
        tokens_sealed=sealed,
        tokens_version=version,
        token_expires_at=tokens.expires_at,
        refresh_expires_at=tokens.refresh_expires_at,
        state=SessionState.ACTIVE.value,
    )


def open_provider(ctx: Context, config: SessionConfig, pace: SessionPace | None = None) -> Provider:
    """The provider as this session sees it; every call passes the session's pace."""
    pace = pace or SessionPace(ctx, config.id)
    opened = ctx.providers[config.provider].open(config, SharedTokens(ctx, config.id), pace)
    return call_stats.counted(ctx, config.id, opened, lambda: pace.waited)


def lease_seconds(config: SessionConfig, pause: float = 0.0) -> float:
    """How long a call lease lasts without being renewed: one call that starts in ``pause`` seconds."""
    return pause + config.timeout_seconds + _MARGIN


def _taken(ctx: Context, name: str, take: Callable[[Connection], bool]) -> bool:
    """Whether ``take`` got a lease; if not, the lanes are asked for one."""
    with ctx.db.write() as tx:
        taken = take(tx)
    if not taken:
        with ctx.db.write() as tx:  # of its own: a lease may be locked by having looked at it
            limits.ask_for_lease(tx, name)
    return taken


@contextmanager
def call_lease(
    ctx: Context, config: SessionConfig, pace: SessionPace | None = None, *, patience: float = 120.0
) -> Iterator[SessionPace]:
    """One of the session's concurrent call slots; yields the pace of its calls, each of which renews it.

    Who opened a provider before and calls again gives the ``pace`` it was opened with. Booking lanes hold their slots
    as long as they have work; one of them makes room for whoever waits here. Raises LimitReached when no slot comes
    free within ``patience`` seconds.
    """
    name, holder = sessions.lease_name(config.id), uuid4().hex

    def take(tx: Connection, pause: float = 0.0) -> bool:
        return limits.take_lease(tx, name, config.concurrency, holder, lease_seconds(config, pause))

    def reserve(tx: Connection, lead: float) -> Slot:
        if not take(tx):
            raise RateLimited("A call took so long that its slot of the session went to another.", retry_after=1.0)
        slot = limits.reserve_call(tx, config.id, lead)
        pause = slot.moment - time.monotonic()
        if pause > LONG_PAUSE:
            take(tx, pause)
        return slot

    deadline = time.monotonic() + patience
    while not _taken(ctx, name, take):
        if time.monotonic() > deadline:
            raise LimitReached(f"Session {config.name} is busy: all {config.concurrency} call slots are in use.")
        time.sleep(0.1)
    try:
        pace = pace or SessionPace(ctx, config.id)
        pace.reserve = reserve
        yield pace
    finally:
        with ctx.db.write() as tx:
            limits.drop_lease(tx, name, holder)
