"""Cancelling at the provider: asking for it, and the worker's lane that carries it out.

Claim → commit that we ask → ask → read back → commit what became of it. Only a reading that says closed makes a cancel
confirmed. Whatever was lost on the way (an answer, the process) is read back first; while the reading shows the order
unpaid it is asked again, which is harmless: an order can be closed once, and a paid one is refused.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from autopurchase.domain.cancel import CancelState
from autopurchase.domain.errors import AutopurchaseError, LimitReached, SessionRefused, Unknown
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.session import SessionConfig, SessionState
from autopurchase.ports import Provider
from autopurchase.services import cancel_outcomes as outcomes
from autopurchase.services import cancelled
from autopurchase.services.calls import call_lease, config_of, open_provider
from autopurchase.services.cancel_outcomes import Outcome
from autopurchase.services.context import Context
from autopurchase.storage import cancels, limits, lines, provider_orders, runs, sessions
from autopurchase.storage.database import Connection

log = logging.getLogger(__name__)

#: seconds a lane stays for what comes due, and waits for one of the session's call slots; then the sweep sees to it
LINGER, PATIENCE = 5.0, 5.0
#: beyond the time-outs: how long after asking an abandoned cancel may be taken up at the earliest
_GRACE = 1.0


def ask(
    ctx: Context,
    tx: Connection,
    *,
    run_id: int,
    orders: Sequence[int],
    why: str,
    actor: Actor,
    reason: str = "",
    hold: str = "",
) -> list[int]:
    """Commit to cancelling these provider orders (row ids) at their marketplaces; ids of the new cancels.

    An order that is closed, or has an open cancel already, gets none. ``why``: person, undo or release. ``hold``: the
    cause that freed lines are held with (empty: they are ready again). The worker does the asking; a run of kind
    ``cancel`` or ``release`` is closed when all its cancels have come to an end.
    """
    actor.require(Role.OPERATOR)
    now = ctx.now()
    keys = sorted(set(orders))
    lines.lock_numbers(tx, [row["number"] for row in cancels.live_lines(tx, keys)])
    known = {row["id"]: row for row in provider_orders.by_keys(tx, keys) if row["state"] != ProviderState.CLOSED}
    more = {"state": CancelState.QUEUED.value, "why": why, "reason": reason, "hold": hold, "due_at": now}
    added = cancels.add(
        tx,
        [
            {"run_id": run_id, "session_id": row["session_id"], "provider_order_id": key, "created_at": now, **more}
            for key, row in known.items()
        ],
    )
    events = [
        lines.Event(row["line_id"], "cancel_asked", _asked(known[row["order_key"]], why, reason))
        for row in cancels.live_lines(tx, sorted(added))
    ]
    lines.record(tx, events, at=now, actor=actor.name, run_id=run_id)
    for session_id in sorted({known[key]["session_id"] for key in added}):
        ctx.queue.cancel(tx, session_id, f"ask-{min(added.values())}")
    if not added:  # nobody will end it later
        cancelled.end_runs(tx, [run_id], now)
    return sorted(added.values())


def _asked(order: Mapping[Any, Any], why: str, reason: str) -> dict[str, str]:
    return {"cause": "cancel_asked", "provider_order": order["provider_order_id"], "why": why, "reason": reason}


def work(ctx: Context, session_id: int, stopping: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Carry out the session's due cancels; returns how many calls ended how. Safe to run again after a crash."""
    counts: Counter[str] = Counter()
    while not stopping():
        with ctx.db.read() as tx:
            due = cancels.next_due(tx, session_id)
        wait = LINGER if due is None else (due - ctx.now()).total_seconds()
        if wait >= LINGER:
            break
        if wait > 0:
            time.sleep(min(wait, 0.5))
        elif not _turn(ctx, session_id, counts):
            break
    return dict(counts)


@dataclass(frozen=True, slots=True)
class _Task:
    """One cancel a lane has claimed. ``row``: as this lane last wrote it; ``was``: the state it was found in."""

    row: dict[str, Any]
    was: CancelState


def _turn(ctx: Context, session_id: int, counts: Counter[str]) -> bool:
    """Claim the next due cancel and carry it out; False when the session's call slots are all in use."""
    with ctx.db.read() as tx:
        session = sessions.get(tx, session_id)
    config = config_of(ctx, session)
    try:
        with call_lease(ctx, config, patience=PATIENCE) as pace:
            task = _claim(ctx, config)
            if task is None:
                return True
            outcome = _carry_out(ctx, task, config, lambda: open_provider(ctx, config, pace))
    except LimitReached:
        return False
    with ctx.db.write() as tx:
        outcomes.store(tx, outcome)
        if outcome.pause:
            limits.pause_calls(tx, session_id, outcome.pause)
    counts[outcome.kind] += 1
    return True


def _claim(ctx: Context, config: SessionConfig) -> _Task | None:
    """Commit what is about to happen before it happens."""
    with ctx.db.write() as tx:
        row = cancels.claim(tx, config.id, ctx.now())
        if row is None:
            return None
        now = ctx.now()
        was = CancelState(row["state"])
        values: dict[str, Any] = {"due_at": now + timedelta(seconds=config.timeout_seconds * 3 + _GRACE)}
        if was is CancelState.QUEUED:
            values |= {"state": CancelState.SENDING.value, "attempts": row["attempts"] + 1, "sent_at": now}
        cancels.change(tx, row["id"], **values)
        runs.start(tx, row["run_id"], now)
        return _Task({**row, **values}, was)


def _carry_out(ctx: Context, task: _Task, config: SessionConfig, opened: Callable[[], Provider]) -> Outcome:
    """Ask, or read back first where an earlier question is open."""
    try:
        with ctx.db.read() as tx:
            state = sessions.get(tx, config.id)["state"]
        if state != SessionState.ACTIVE:
            raise SessionRefused()
        provider = opened()
        if task.was is CancelState.QUEUED:
            return _ask_provider(ctx, task.row, config, provider)
        reading = provider.get(task.row["number"])
        if task.was is CancelState.SENDING and outcomes.still_open(reading):
            return _ask_again(ctx, task.row, config, provider, reading)
        return outcomes.read_back(task.row, reading, config, ctx.now())
    except AutopurchaseError as error:
        return outcomes.failed(task.row, task.was, error, ctx.now())
    except Exception as error:
        log.exception("cancel %s met an unforeseen error", task.row["id"])
        unforeseen = Unknown(f"The program met an unforeseen {type(error).__name__}; it will be read back.")
        return outcomes.failed(task.row, task.was, unforeseen, ctx.now())


def _ask_again(
    ctx: Context, row: dict[str, Any], config: SessionConfig, provider: Provider, reading: ProviderOrder
) -> Outcome:
    """The answer was lost and the order is still unpaid: ask once more, so many times."""
    if row["attempts"] >= outcomes.MOST_ASKED:
        return outcomes.unanswered(row, reading, ctx.now())
    now = ctx.now()
    values = {"attempts": row["attempts"] + 1, "sent_at": now}
    values["due_at"] = now + timedelta(seconds=config.timeout_seconds * 3 + _GRACE)
    with ctx.db.write() as tx:
        if not cancels.stands(tx, row):
            return outcomes.overtaken(row, reading, now)
        cancels.change(tx, row["id"], **values)
    return _ask_provider(ctx, {**row, **values}, config, provider)


def _ask_provider(ctx: Context, row: dict[str, Any], config: SessionConfig, provider: Provider) -> Outcome:
    """One call, then a reading that says what it did; the marketplace's word on the order decides, not the answer."""
    try:
        answer = provider.cancel(row["number"], "")  # the person's words are for the journal, not for the seller
    except AutopurchaseError as error:
        if not outcomes.needs_reading(error):
            return outcomes.failed(row, CancelState.QUEUED, error, ctx.now())
        return _after(ctx, row, config, provider, error)
    if not answer.done:
        return outcomes.accepted(row, answer.raw, ctx.now())
    return _after(ctx, {**row, "raw": answer.raw}, config, provider, None)


def _after(
    ctx: Context, row: dict[str, Any], config: SessionConfig, provider: Provider, error: AutopurchaseError | None
) -> Outcome:
    try:
        reading = provider.get(row["number"])
    except AutopurchaseError as unread:
        return outcomes.not_read(row, error, unread, ctx.now())
    if error is not None:
        return outcomes.refused_or_lost(row, error, reading, ctx.now())
    return outcomes.read_back(row, reading, config, ctx.now())
