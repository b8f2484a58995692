"""Buying: what a lane of the worker does. Claim → commit the intent → call once → commit what became of it.

A lane works off the due bookings of one session; `claims` tells it which, and commits. A process killed anywhere leaves
a booking in ``sending``; when its due time comes it is unknown and looked up, never sent again blindly.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from autopurchase.domain.errors import AutopurchaseError, NotSent, NotSupported, Refused
from autopurchase.domain.money import Money
from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.domain.session import Address, Grade, SessionConfig
from autopurchase.ports import Provider
from autopurchase.services import budget, claims, lookalikes, outcomes
from autopurchase.services.calls import LONG_PAUSE, SessionPace, open_provider
from autopurchase.services.claims import FRESH_SECONDS, Claims, Step, Task, Turn, orders_of
from autopurchase.services.context import Context
from autopurchase.services.fresh import refresh_orders
from autopurchase.services.outcomes import Outcome
from autopurchase.storage import bookings, limits
from autopurchase.storage.database import Connection
from autopurchase.storage.limits import Slot

log = logging.getLogger(__name__)

#: how much sooner (seconds) than it can call, as a rule, a lane has its slot: waiting for one is lost, and a call that
#: leaves so late is not noticed
_EARLY = limits.NOTICED / 2


def work(ctx: Context, session_id: int, holder: str, stopping: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Work off the session's due bookings; returns how many ended how. Safe to run again after a crash.

    ``holder`` names the lane: run again under the same name it takes its own call lease back at once. ``stopping`` is
    asked between bookings, so that a worker told to end leaves none half-way.
    """
    with claims.of_session(ctx, session_id) as shared:
        lane = _Lane(ctx, shared, holder)
        try:
            while lane.turn(claim=not stopping()):
                pass
            lane.end()
        except BaseException:
            lane.give_up()
            raise
        finally:
            shared.leave(holder)
    return dict(lane.counts)


class _Lane:
    """One caller of a session: at most one call under way."""

    def __init__(self, ctx: Context, shared: Claims, holder: str) -> None:
        self.ctx, self.shared, self.holder = ctx, shared, holder
        self.counts: Counter[str] = Counter()
        self._outcome: Outcome | None = None  # of the last call, not brought to `shared` yet
        self._coming: Future[Step] | None = None  # the claim of the next booking
        self._left: list[Future[Any]] = []  # what else was brought
        self._opened: tuple[SessionConfig, Provider, SessionPace] | None = None
        self._task: Task | None = None
        self._called = True  # or is about to be
        self._takes = 0.0  # seconds a call takes from its slot on, as a rule

    def turn(self, *, claim: bool = True) -> bool:
        """Carry out the next booking; False at the end. What the last one has come to is stored before or meanwhile."""
        self._look_back()
        ahead = self._claimed_ahead()
        if ahead is None and self._left and self._outcome is not None and self.shared.may_wait(self._outcome):
            self._left.append(self._leave(self._outcome))  # not to be written before those
        step = ahead or self._come(Turn(self.holder, self._outcome, claim, lead=self._lead))
        if isinstance(step, Task):
            self._task, self._called = step, False
            self._carry_on(step, claim, ahead=ahead is not None)
        elif step is not None:
            time.sleep(step.seconds)
        return step is not None

    def end(self) -> None:
        """Wait until all is written."""
        for each in self._left:
            self.shared.confirmed.answer(each)

    def give_up(self) -> None:
        """An error ends this lane: what its last call said is stored, what was claimed and not called is put back.

        As far as the database lets us; what is left behind is looked up when its time comes.
        """
        claimed = [] if self._called else [self._task]
        try:
            claimed.append(self._claimed_ahead())
        except Exception:
            log.exception("a lane of session %s could not claim its next booking", self.shared.session_id)
        tasks = [task for task in claimed if task is not None and task.refusal is None]
        unsent = [outcomes.put_back(task.booking, task.before, self.ctx.now()) for task in tasks]
        for outcome in filter(None, [self._outcome, *unsent]):
            try:
                self._come(Turn(self.holder, outcome, claim=False))
            except Exception:
                log.exception("what became of booking %s could not be stored", outcome.booking["id"])

    def _come(self, turn: Turn) -> Step:
        """Wait for what is to be done next."""
        try:
            return self.shared.turns.answer(self._bring(turn))
        except BaseException:
            self._outcome = turn.outcome  # not stored: perhaps it was the claim that failed
            raise

    def _look_back(self) -> None:
        """Raises what writing something raised that was left."""
        written = [each for each in self._left if each.done()]
        self._left = [each for each in self._left if each not in written]
        for each in written:
            each.result()

    def _claimed_ahead(self) -> Task | None:
        """The booking that was claimed while the last call was under way."""
        coming, self._coming = self._coming, None
        step = None if coming is None else self.shared.turns.answer(coming)
        return step if isinstance(step, Task) else None

    def _carry_on(self, task: Task, claim: bool, *, ahead: bool) -> None:
        """Carry a booking out; bring meanwhile what the one before has come to, and claim the one after.

        One claimed ahead is put back when the marketplace has asked for a pause since, or the call before took so long
        that order and session must be judged anew.
        """
        if task.slot is not None and (pause := task.slot.moment - time.monotonic()) > LONG_PAUSE:
            with self.ctx.db.write() as tx:  # of its own: leases come before call slots
                self.shared.keep_lease(tx, self.holder, pause)
        began, waited = time.monotonic(), self._waited
        put_back = ahead and not task.refusal and (self.shared.halted() or _waited_long(task))
        claim = claim and not put_back and self.shared.ahead(self._takes)
        if self._outcome is not None:
            self._left.append(self._leave(self._outcome))
        if claim:
            begins = max(began, task.slot.moment) if task.slot else began
            self._coming = self._bring(Turn(self.holder, ready=begins + self._takes - _EARLY, ahead=True))
        self._called = True
        if put_back:
            self._outcome = outcomes.put_back(task.booking, task.before, self.ctx.now())
        else:
            self._outcome = self._carry_out(task)
        self.shared.heard(self._outcome)
        took = time.monotonic() - began - (self._waited - waited)
        self._takes += (took - self._takes) / 4 if self._takes else took

    def _leave(self, outcome: Outcome) -> Future[Any]:
        if not self.shared.may_wait(outcome):
            return self._bring(Turn(self.holder, outcome, claim=False))
        self._count(outcome)
        return self.shared.confirmed.bring(outcome)

    def _bring(self, turn: Turn) -> Future[Step]:
        if turn.outcome is not None:
            self._count(turn.outcome)
        return self.shared.turns.bring(turn)

    def _count(self, outcome: Outcome) -> None:
        self._outcome = None
        if outcome.kind != "put_back":
            self.counts[outcome.kind] += 1

    @property
    def _waited(self) -> float:
        return self._opened[2].waited if self._opened else 0.0

    @property
    def _lead(self) -> float:
        return self._opened[2].lead if self._opened else 0.0

    def _open(self, config: SessionConfig) -> tuple[SessionConfig, Provider, SessionPace]:
        """The provider as this session sees it; opened once a lane, and again when somebody changes its settings."""
        if self._opened is None or self._opened[0] is not config:
            pace = SessionPace(self.ctx, config.id, reserve=self._go_on, put_off=self._left_late)
            self._opened = config, open_provider(self.ctx, config, pace), pace
        return self._opened

    def _carry_out(self, task: Task) -> Outcome:
        if task.refusal is not None:
            return outcomes.failed(task.booking, task.refusal, self.ctx.now())
        config, provider, pace = self._open(task.config)
        pace.first = None if task.held is None else task.slot  # asking the shop first takes longer than a slot waits
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

    def _go_on(self, tx: Connection, lead: float) -> Slot:
        """A further call slot of the booking under way: its times begin anew. Raises NotSent when it was overtaken.

        The first slot was reserved with the intent. A further one is taken by every later call of a look-up, by a
        create call whose slot slipped by (the shop took long to answer), and by one repeated with a new token.
        """
        task = self._task
        if task is None or bookings.stand(tx, [task.booking])[task.booking["id"]] != "ours":
            raise NotSent("Another lane has taken this booking over meanwhile.")
        if task.kind == "create" and (held := budget.turned_over(tx, task.session, task.booking, self.ctx.now())):
            raise NotSent(held.sentence)
        if not self.shared.keep_lease(tx, self.holder):  # before the call slot, as the lanes' leases are kept
            raise NotSent("This call took so long that its slot of the session went to another.")
        slot = limits.reserve_call(tx, task.config.id, lead)
        pause = max(0.0, slot.moment - time.monotonic())
        if pause > LONG_PAUSE:
            self.shared.keep_lease(tx, self.holder, pause)
        starts = self.ctx.now() + timedelta(seconds=pause)
        values = {"due_at": starts + task.stands} | ({"sent_at": starts} if task.kind == "create" else {})
        bookings.change(tx, task.booking["id"], **values)
        task.booking.update(values)
        return slot

    def _left_late(self, slot: Slot, late: float) -> None:
        self._left.append(self._bring(Turn(self.holder, claim=False, late=(slot, late))))

    def _still_payable(self, task: Task) -> None:
        """Read the customers' orders again when that is some time ago; Refused when one may not be bought now."""
        held = task.held
        if held is None:
            fresh = refresh_orders(self.ctx, orders_of(task.booking), older_than_seconds=FRESH_SECONDS)
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


def _waited_long(task: Task) -> bool:
    """Whether its call slot has slipped by: the lane was not free in time."""
    return task.slot is not None and time.monotonic() - task.slot.moment > limits.LATE


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
