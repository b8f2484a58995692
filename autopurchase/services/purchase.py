"""Buying: what a lane of the worker does. Claim → commit the intent → call once → commit what became of it.

A lane works off the due bookings of one session. The intent of the next booking is committed in the same transaction as
the outcome of the last one, with the reserved call slot, so a booking costs one commit. A process killed anywhere
leaves a booking in ``sending``; when its due time comes it is unknown and looked up, never sent again blindly.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.booking import BookingState
from autopurchase.domain.errors import (
    AutopurchaseError,
    LimitReached,
    Misuse,
    NotSent,
    NotSupported,
    Refused,
    SessionRefused,
)
from autopurchase.domain.money import Money
from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.domain.session import Address, Grade, SessionConfig, SessionState
from autopurchase.ports import Provider
from autopurchase.services import budget, lookalikes, outcomes
from autopurchase.services.calls import SessionPace, config_of, lease_seconds, open_provider
from autopurchase.services.context import Context
from autopurchase.services.fresh import refresh_orders, shop_facts
from autopurchase.services.outcomes import Outcome
from autopurchase.storage import bookings, limits, runs, sessions
from autopurchase.storage.database import Connection, Row

log = logging.getLogger(__name__)

#: a lane stays for work that comes due within this many seconds, then leaves it to the sweep
PATIENCE = 30.0
#: shop orders read longer ago than this are read again right before money is committed
FRESH_SECONDS = 120.0
#: what a lane opens its session with; tokens and state are read afresh anyway
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


@dataclass(frozen=True, slots=True)
class _Task:
    """One booking a lane has claimed. ``kind``: create, lookup, or refuse (without any call)."""

    kind: str
    booking: dict[str, Any]  # as this lane last wrote it
    starts: float = 0.0  # time.monotonic() of the reserved call slot
    stands: timedelta = timedelta()  # how long after its call slot the claim stands
    refusal: Refused | None = None  # of one that is not sent
    held: str | None = ""  # why the shop's orders may not be bought now; None: the shop must be asked again


@dataclass(frozen=True, slots=True)
class _Wait:
    """Nothing to do now; look again after ``seconds``."""

    seconds: float


def work(ctx: Context, session_id: int, holder: str, stopping: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Work off the session's due bookings; returns how many ended how. Safe to run again after a crash.

    ``holder`` names the lane: run again under the same name it takes its own call slot back at once. ``stopping`` is
    asked between bookings, so that a worker told to end leaves none half-way.
    """
    lane = _Lane(ctx, session_id, holder)
    try:
        while lane.turn(claim=not stopping()):
            pass
    finally:
        with ctx.db.write() as tx:
            limits.drop_lease(tx, sessions.lease_name(session_id), holder)
    return dict(lane.counts)


class _Lane:
    """One caller of a session: at most one call under way."""

    def __init__(self, ctx: Context, session_id: int, holder: str) -> None:
        self.ctx, self.session_id, self.holder = ctx, session_id, holder
        self.counts: Counter[str] = Counter()
        self._lease = sessions.lease_name(session_id)
        self._outcome: Outcome | None = None
        self._opened: tuple[SessionConfig, Provider, SessionPace] | None = None
        self._seen: Mapping[Any, Any] = {}  # the session as it was when it was opened
        self._task: _Task | None = None
        self._session: Row  # as it was when this lane last looked round
        self._look_at = 0.0  # time.monotonic() when it does so next
        self._started: set[int] = set()  # runs known to have begun

    def turn(self, *, claim: bool = True) -> bool:
        """Store the last outcome and claim the next booking in one transaction, then carry it out; False at the end."""
        with self.ctx.db.write() as tx:
            paused = self._outcome is not None and self._store(tx, self._outcome)
            task = (_Wait(0.0) if paused else self._next(tx)) if claim else None
        if isinstance(task, _Task):
            self._task = task
            self._outcome = self._carry_out(task)
        elif task is not None:
            time.sleep(task.seconds)
        return task is not None

    def _store(self, tx: Connection, outcome: Outcome) -> bool:
        """Write what the last call said; True when all calls must pause: nothing else is claimed with it then."""
        outcomes.store(self.ctx, tx, outcome)
        budget.answered(tx, self._session, outcome)
        self.counts[outcome.kind] += 1
        self._outcome = None
        if outcome.pause:
            limits.pause_calls(tx, self.session_id, outcome.pause)
        return bool(outcome.pause)

    def _next(self, tx: Connection) -> _Task | _Wait | None:
        now = self.ctx.now()
        booking = bookings.claim(tx, self.session_id, now)
        if booking is None:
            return self._rest(tx, now)
        look_round = time.monotonic() >= self._look_at
        if look_round:
            self._session = sessions.get(tx, self.session_id)
        queued = booking["state"] == BookingState.QUEUED
        if queued and self._session["state"] != SessionState.ACTIVE:
            return _Task("refuse", dict(booking), refusal=SessionRefused())
        config, _, pace = self._open(self._session)
        if look_round and not self._may_call(tx, config):
            return _Wait(0.2)
        try:
            if queued and not budget.admit(tx, self._session, booking, now, _trial(self._session)):
                return _Wait(0.0)
        except LimitReached as error:
            return _Task("refuse", dict(booking), refusal=error)
        return self._intend(tx, booking, config, pace.lead, now)

    def _may_call(self, tx: Connection, config: SessionConfig) -> bool:
        """Whether this lane has one of the session's call slots until it looks round again."""
        if limits.give_way(tx, self._lease):  # a sync or a plan check waits: lanes would hold theirs for hours
            self._drop_lease(tx)
            return False
        if not self._keep_lease(tx, config, _LOOK_SECONDS):
            return False
        self._look_at = time.monotonic() + _LOOK_SECONDS
        return True

    def _keep_lease(self, tx: Connection, config: SessionConfig, pause: float) -> bool:
        return limits.take_lease(tx, self._lease, config.concurrency, self.holder, lease_seconds(config, pause))

    def _drop_lease(self, tx: Connection) -> None:
        limits.drop_lease(tx, self._lease, self.holder)
        self._look_at = 0.0

    def _rest(self, tx: Connection, now: datetime) -> _Wait | None:
        """Give the call slot back; stay when something comes due soon."""
        self._drop_lease(tx)
        due = bookings.next_due(tx, self.session_id)
        if due is None or (due - now).total_seconds() > PATIENCE:
            return None
        return _Wait(min(1.0, max(0.05, (due - now).total_seconds())))

    def _intend(self, tx: Connection, booking: Row, config: SessionConfig, lead: float, now: datetime) -> _Task:
        """Commit what is about to happen, before it happens, with the call slot it will use."""
        if booking["run_id"] not in self._started:
            runs.start(tx, booking["run_id"], now)
            self._started.add(booking["run_id"])
        values: dict[str, Any] = {"claimed_by": self.holder}
        create = not needs_lookup(booking)
        held = shop_facts(tx, _orders_of(booking), now - timedelta(seconds=FRESH_SECONDS)) if create else ""
        moment = limits.reserve_call(tx, self.session_id, lead)
        pause = max(0.0, moment - time.monotonic())
        starts = self.ctx.now() + timedelta(seconds=pause)
        if pause > 1.0:
            self._keep_lease(tx, config, pause)
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
        bookings.change(tx, booking["id"], **values)
        return _Task("create" if create else "lookup", {**booking, **values}, moment, stands, held=held)

    def _open(self, session: Row) -> tuple[SessionConfig, Provider, SessionPace]:
        """The provider as this session sees it; opened once a lane, and again when somebody changes its settings."""
        if self._opened is None or any(session[name] != self._seen[name] for name in _SETTINGS):
            config = config_of(self.ctx, session)
            self._seen = session
            pace = SessionPace(self.ctx, self.session_id, reserve=self._go_on)
            self._opened = config, open_provider(self.ctx, config, pace), pace
        return self._opened

    def _carry_out(self, task: _Task) -> Outcome:
        if task.refusal is not None:
            return outcomes.failed(task.booking, task.refusal, self.ctx.now())
        if self._opened is None:
            raise Misuse("A lane calls only with an open session.")
        config, provider, pace = self._opened
        pace.first = None if task.held is None else task.starts  # asking the shop first takes longer than a slot waits
        if task.kind == "lookup":
            return self._look_up(task.booking, config, provider)
        try:
            self._still_payable(task)
        except (Refused, NotSent) as error:
            return outcomes.failed(task.booking, error, self.ctx.now())
        return self._create(task.booking, config, provider, task.stands)

    def _create(
        self, booking: Mapping[str, Any], config: SessionConfig, provider: Provider, settle: timedelta
    ) -> Outcome:
        try:
            placed = provider.create(purchase_of(booking["purchase"], config.ship_to), booking["out_order_id"])
        except AutopurchaseError as error:
            return outcomes.failed(booking, error, self.ctx.now(), self.ctx.now() + settle)
        except Exception as error:
            log.exception("create call of booking %s ended in an unforeseen error", booking["id"])
            return outcomes.failed(booking, outcomes.unforeseen(error), self.ctx.now(), self.ctx.now() + settle)
        return outcomes.placed(booking, placed, self.ctx.now())

    def _go_on(self, tx: Connection, lead: float) -> float:
        """A further call slot of the booking under way: its times begin anew. Raises NotSent when it was overtaken.

        The first slot was reserved with the intent. A further one is taken by every later call of a look-up, by a
        create call whose slot slipped by (the shop took long to answer), and by one repeated with a new token.
        """
        task, opened = self._task, self._opened
        if task is None or opened is None or bookings.stands(tx, task.booking) != "ours":
            raise NotSent("Another lane has taken this booking over meanwhile.")
        if task.kind == "create" and (held := budget.turned_over(tx, self._session, task.booking, self.ctx.now())):
            raise NotSent(held.sentence)
        moment = limits.reserve_call(tx, self.session_id, lead)
        pause = max(0.0, moment - time.monotonic())
        if not self._keep_lease(tx, opened[0], pause):
            raise NotSent("This call took so long that its slot of the session went to another.")
        starts = self.ctx.now() + timedelta(seconds=pause)
        values = {"due_at": starts + task.stands} | ({"sent_at": starts} if task.kind == "create" else {})
        bookings.change(tx, task.booking["id"], **values)
        task.booking.update(values)
        return moment

    def _still_payable(self, task: _Task) -> None:
        """Read the customers' orders again when that is some time ago; Refused when one may not be bought now."""
        held = task.held
        if held is None:
            fresh = refresh_orders(self.ctx, _orders_of(task.booking), older_than_seconds=FRESH_SECONDS)
            held = next(filter(None, fresh.values()), "")
        if held:
            raise Refused("The shop no longer shows this order as paid and open.", cause=held)

    def _look_up(self, booking: Mapping[str, Any], config: SessionConfig, provider: Provider) -> Outcome:
        purchase = purchase_of(booking["purchase"], config.ship_to)
        try:
            found = provider.find_by_reference(booking["out_order_id"], booking["sent_at"], purchase)
        except NotSupported:  # it cannot be searched: finding nothing proves nothing
            return outcomes.not_found(booking, Grade.C, config, self.ctx.now())
        except AutopurchaseError as error:
            return outcomes.not_looked_up(booking, error, self.ctx.now())
        except Exception as error:
            log.exception("look-up of booking %s ended in an unforeseen error", booking["id"])
            return outcomes.not_looked_up(booking, outcomes.unforeseen(error), self.ctx.now())
        if found:
            return outcomes.found(booking, found, self.ctx.now())
        outcome = outcomes.not_found(booking, provider.manifest.grade, config, self.ctx.now())
        if outcome.kind == "not_placed" and provider.manifest.grade is Grade.B:
            return self._match(outcome, config, provider)
        return outcome

    def _match(self, outcome: Outcome, config: SessionConfig, provider: Provider) -> Outcome:
        """Not found by its reference, which this provider may not show: is an order of that moment just like it?"""
        try:
            alike = lookalikes.of_that_moment(self.ctx, provider, config, outcome.booking)
        except AutopurchaseError as error:
            return outcomes.not_looked_up(outcome.booking, error, self.ctx.now())
        return outcomes.alike(outcome.booking, alike, self.ctx.now()) if alike else outcome


def _trial(session: Row) -> timedelta:
    """How long a booking that is tried after a rest may take to be known."""
    return timedelta(seconds=max(session["settle_seconds"], session["timeout_seconds"] + _GRACE))


def needs_lookup(booking: Row) -> bool:
    """Whether the provider is asked for our reference before anything is sent: after an attempt of open outcome."""
    return booking["state"] in (BookingState.SENDING, BookingState.UNKNOWN)


def _orders_of(booking: Mapping[Any, Any]) -> list[int]:
    return sorted({line["order_id"] for line in booking["purchase"]["lines"]})


def purchase_of(stored: Mapping[str, Any], ship_to: Address) -> Purchase:
    """The purchase as it was frozen in the plan."""
    return Purchase(
        seller_id=stored["seller_id"],
        ship_to=ship_to,
        total=Money(stored["total_fen"], "CNY"),
        prepared=stored["prepared"],
        lines=tuple(
            PurchaseLine(
                number=line["number"],
                item_id=line["item_id"],
                sku_id=line["sku_id"],
                spec_id=line["spec_id"],
                quantity=line["quantity"],
                title=line["title"],
                price=Money(line["price_fen"], "CNY"),
                prepared=line["prepared"],
            )
            for line in stored["lines"]
        ),
    )
