"""Keeping the budgets of sessions: before a booking is sent, and after the marketplace has answered.

The rules are in `domain.budget`. A session without caps that is well costs no statement here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain import budget as rules
from autopurchase.domain.budget import SIGNALS, Budget, Forecast, Health, Hold
from autopurchase.domain.causes import cause
from autopurchase.domain.errors import LimitReached
from autopurchase.services.context import Context
from autopurchase.services.outcomes import Outcome
from autopurchase.storage import bookings, sessions
from autopurchase.storage.database import Connection, Row

#: how long ahead of its call a booking may be claimed; a lane whose calls take longer gains little by it, and others
#: would wait for call slots behind its
AHEAD = timedelta(seconds=0.25)


def budget_of(session: Row) -> Budget:
    """What a session may do."""
    return Budget(
        hourly_cap=session["hourly_cap"],
        daily_cap=session["daily_cap"],
        daily_amount_fen=session["daily_amount_fen"],
        pause_seconds=session["pause_seconds"],
        rest_seconds=session["rest_seconds"],
        rest_after=session["rest_after"],
    )


def health_of(session: Row) -> Health:
    """Whether a session rests."""
    return Health(session["resting_until"], session["strikes"], session["resting_why"])


def counts(session: Row) -> bool:
    """Whether the session's bookings are counted, or its health decides: each must be admitted after the other."""
    budget, health = budget_of(session), health_of(session)
    return bool(budget.bounded or health.resting_until or rules.on_trial(budget, health))


def admit(tx: Connection, seen: Row, booking: Row, now: datetime, trial: timedelta) -> bool:
    """Whether a claimed booking may be sent now; if not, it waits with all others of its session.

    ``seen``: the session as the lane last read it. ``trial``: how long a booking that is tried after a rest has others
    wait for its outcome. Raises LimitReached for one that no day is big enough for.
    """
    if not counts(seen):
        return True
    session = sessions.get(tx, seen["id"], lock=True)  # lanes count one after the other
    budget, health, name = budget_of(session), health_of(session), session["name"]
    if rules.too_dear(budget, booking["total_minor"]):
        raise LimitReached(f"This purchase alone is more than session {name} may book in a day.", cause=rules.TOO_DEAR)
    held = rules.resting(health, now, name) or _held(tx, session, booking, now)
    if held is not None:
        bookings.postpone(tx, session["id"], held.until, held.sentence)
        return False
    if rules.on_trial(budget, health):
        sessions.change(tx, session["id"], resting_until=now + trial)
        words = f"Waiting: session {name} has rested, and one booking is tried first."
        bookings.postpone(tx, session["id"], now + trial, words, spare=booking["id"])
    return True


def turned_over(tx: Connection, seen: Row, booking: Mapping[Any, Any], now: datetime) -> Hold | None:
    """What a booking waits for whose call slips into another hour than the one it was admitted in."""
    if rules.hour_start(booking["sent_at"]) == rules.hour_start(now):
        return None
    return _held(tx, sessions.get(tx, seen["id"], lock=True), booking, now)


def _held(tx: Connection, session: Row, booking: Mapping[Any, Any], now: datetime) -> Hold | None:
    budget = budget_of(session)
    if not budget.bounded:
        return None
    used = sessions.use(tx, session["id"], now, pause=budget.pause_seconds, without=booking["id"])
    return rules.hold(budget, used, booking["total_minor"], now, session["name"])


def answered(tx: Connection, seen: Row, outcome: Outcome) -> None:
    """Let a session rest, or be well again, by what the marketplace has answered to a booking."""
    signal = outcome.said.cause if outcome.pause or outcome.kind == "refused" else ""
    if signal not in SIGNALS and not seen["strikes"]:
        return
    session = sessions.get(tx, seen["id"], lock=True)
    sent, struck = outcome.booking["sent_at"], session["struck_at"]
    if sent is None or (struck is not None and sent <= struck + AHEAD):
        return  # under way, or claimed, already when the session was told to stop: it says nothing new
    budget, health = budget_of(session), health_of(session)
    if signal in SIGNALS:
        after = rules.struck(budget, health, signal, outcome.said.sentence, outcome.at)
        _write(tx, session, after, struck_at=outcome.at)
        held = rules.resting(after, outcome.at, session["name"])
        if held is not None:
            bookings.postpone(tx, session["id"], held.until, held.sentence)
        return
    about_goods = outcome.kind == "refused" and cause(outcome.said.cause).holds
    after = rules.cleared(budget, health, outcome.kind == "confirmed", about_goods, outcome.at)
    if after != health:
        _write(tx, session, after)
        bookings.release(tx, session["id"], outcome.at)


def _write(tx: Connection, session: Row, health: Health, **more: datetime) -> None:
    values = {"resting_until": health.resting_until, "strikes": health.strikes, "resting_why": health.why}
    sessions.change(tx, session["id"], **values, **more)


def forecast(ctx: Context, name: str, amounts: Sequence[int]) -> Forecast:
    """When bookings over ``amounts`` (fen) would be sent through a session, behind what waits there already."""
    now = ctx.now()
    with ctx.db.read() as tx:
        row = sessions.by_name(tx, name)
        use = sessions.use(tx, row["id"], now)
        queued = bookings.waiting_amounts(tx, row["id"])
    return rules.forecast(budget_of(row), use, health_of(row), amounts, now, queued)
