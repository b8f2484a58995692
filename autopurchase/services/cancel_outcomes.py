"""What became of a cancel's call, and the one place where it is written: provider order, lines, cancel, run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.cancel import CancelState
from autopurchase.domain.errors import AutopurchaseError, NotSent, RateLimited, Refused, SessionRefused, Unknown
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.roles import CLOCK
from autopurchase.domain.session import SessionConfig
from autopurchase.services import cancelled
from autopurchase.services.sync import move_lines
from autopurchase.storage import cancels, lines, provider_orders
from autopurchase.storage.database import Connection

#: tries of a call that was certainly not sent, and of one whose answer was lost, before a person has to look
MOST_NOT_SENT, MOST_ASKED = 12, 4
#: how long (seconds) a cancel that was accepted may take, unless the session's settings say otherwise
GIVE_UP = 900.0
_LONGEST_WAIT = 60.0
#: when a session that needs a person is looked at again
_SESSION_WAIT = timedelta(minutes=5)
_OPEN_THERE = frozenset({ProviderState.UNPAID, ProviderState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one turn said. ``state``: what the cancel is in now; confirmed only comes with a reading that says closed.

    ``kind``, for counting: confirmed, asked, again, retry, waiting, refused, overtaken.
    """

    kind: str
    row: Mapping[str, Any]
    at: datetime
    state: CancelState
    reading: ProviderOrder | None = None
    due_at: datetime | None = None
    cause: str = ""
    sentence: str = ""
    raw: str = ""
    pause: float = 0.0  # seconds the provider asked all calls to wait


def still_open(reading: ProviderOrder) -> bool:
    """Whether it may still be cancelled, as far as the reading tells."""
    return reading.state in _OPEN_THERE


def needs_reading(error: AutopurchaseError) -> bool:
    """Whether only the order itself can say what a failed question did: refused there, or the answer was lost."""
    return isinstance(error, Refused | Unknown) and not isinstance(error, SessionRefused)


def accepted(row: Mapping[str, Any], raw: str, at: datetime) -> Outcome:
    """The marketplace took it on and does it in a while."""
    said = "The marketplace accepted the cancel and carries it out; it is read back."
    due = at + timedelta(seconds=1)
    return Outcome("asked", row, at, CancelState.ASKED, due_at=due, sentence=said, raw=raw)


def read_back(row: Mapping[str, Any], reading: ProviderOrder, config: SessionConfig, at: datetime) -> Outcome:
    """A reading after the marketplace accepted it: done, gone on otherwise, or not yet."""
    if not still_open(reading):
        return _ended(row, reading, at)
    since = (at - (row["sent_at"] or at)).total_seconds()
    limit = float(config.settings.get("cancel_give_up_seconds", GIVE_UP))
    if since >= limit:
        sentence = (
            f"The marketplace accepted the cancel, but {limit / 60:.0f} minutes later the order still waits for "
            "payment: look there. Should it close after all, synchronization brings it here."
        )
        return _refused(row, reading, at, "cancel_refused", sentence)
    due = at + timedelta(seconds=min(_LONGEST_WAIT, limit - since, max(1.0, since / 2)))
    sentence = "The marketplace accepted the cancel; the order still waits for payment there."
    return Outcome("asked", row, at, CancelState.ASKED, reading, due, sentence=sentence, raw=row["raw"])


def _ended(row: Mapping[str, Any], reading: ProviderOrder, at: datetime) -> Outcome:
    """The order waits for payment no longer: closed, or paid meanwhile."""
    if reading.state is ProviderState.CLOSED:
        return Outcome("confirmed", row, at, CancelState.CONFIRMED, reading, raw=row["raw"])
    sentence = "Paid meanwhile: ask for a refund on the marketplace's site."
    return _refused(row, reading, at, "paid_meanwhile", sentence)


def _refused(
    row: Mapping[str, Any], reading: ProviderOrder | None, at: datetime, cause: str, sentence: str, raw: str = ""
) -> Outcome:
    state = CancelState.REFUSED
    return Outcome("refused", row, at, state, reading, cause=cause, sentence=sentence, raw=raw or row["raw"])


def refused_or_lost(row: Mapping[str, Any], error: AutopurchaseError, reading: ProviderOrder, at: datetime) -> Outcome:
    """It was refused, or its answer was lost, and the order has been read since."""
    if not still_open(reading):
        return _ended({**row, "raw": error.raw}, reading, at)
    if isinstance(error, Refused):
        return _refused(row, reading, at, "cancel_refused", error.sentence, error.raw)
    return _lost(row, error, reading, at)


def _lost(row: Mapping[str, Any], error: AutopurchaseError, reading: ProviderOrder | None, at: datetime) -> Outcome:
    sentence = f"{error.sentence} The order is read again before anything is repeated."
    due = at + timedelta(seconds=_wait(row))
    return Outcome("again", row, at, CancelState.SENDING, reading, due, error.cause, sentence, error.raw)


def unanswered(row: Mapping[str, Any], reading: ProviderOrder, at: datetime) -> Outcome:
    """Asked so many times without an answer, and the order still waits for payment."""
    sentence = f"Asked {row['attempts']} times without an answer, and the order still waits for payment: look there."
    return _refused(row, reading, at, "cancel_refused", sentence)


def not_read(
    row: Mapping[str, Any], error: AutopurchaseError | None, unread: AutopurchaseError, at: datetime
) -> Outcome:
    """It was asked, and the order could not be read afterwards: nothing is known before it is."""
    if isinstance(unread, Refused) and not isinstance(unread, SessionRefused):
        sentence = f"The marketplace does not show this order: {unread.sentence}"
        return _refused(row, None, at, "cancel_refused", sentence, unread.raw)
    state = CancelState.ASKED if error is None else CancelState.SENDING
    sentence = f"It was asked, and could not be read back yet: {unread.sentence}"
    raw = error.raw if error else row["raw"]
    return Outcome("again", row, at, state, None, at + _pause(row, unread), unread.cause, sentence, raw, _ban(unread))


def failed(row: Mapping[str, Any], was: CancelState, error: AutopurchaseError, at: datetime) -> Outcome:
    """Nothing was asked (``was`` queued), or an earlier question could not be read back."""
    if was is not CancelState.QUEUED:
        return not_read({**row, "state": was.value}, None if was is CancelState.ASKED else error, error, at)
    if isinstance(error, NotSent) and row["attempts"] < MOST_NOT_SENT:
        due, said = at + _pause(row, error), (error.cause, error.sentence, error.raw)
        return Outcome("retry", row, at, CancelState.QUEUED, None, due, *said, _ban(error))
    if isinstance(error, Unknown):
        return _lost(row, error, None, at)
    return _refused(row, None, at, "cancel_refused", f"It could not be asked: {error.sentence}", error.raw)


def overtaken(row: Mapping[str, Any], reading: ProviderOrder, at: datetime) -> Outcome:
    """Another lane has taken it up meanwhile; the reading is kept."""
    return Outcome("overtaken", row, at, CancelState(row["state"]), reading)


def _wait(row: Mapping[str, Any]) -> float:
    return float(min(_LONGEST_WAIT, 0.5 * 2.0 ** row["attempts"]))


def _pause(row: Mapping[str, Any], error: AutopurchaseError) -> timedelta:
    """How long to wait: what the provider asks for, else longer each time; a session that needs a person, minutes."""
    if isinstance(error, SessionRefused):
        return _SESSION_WAIT
    return timedelta(seconds=error.retry_after or _wait(row))


def _ban(error: AutopurchaseError) -> float:
    """A wait that all calls of the session keep: it was throttled."""
    return error.retry_after or 0.0 if isinstance(error, RateLimited) else 0.0


def store(tx: Connection, outcome: Outcome) -> None:
    """Write an outcome, in the caller's transaction. Locks: provider order, lines, cancel, run."""
    row, at = outcome.row, outcome.at
    key = row["provider_order_id"]
    provider_orders.lock(tx, key)
    if outcome.reading is not None:
        provider_orders.store(tx, row["session_id"], outcome.reading, at)
        move_lines(tx, [key], at, row["run_id"])  # closed: this ends the cancel too
    lines.lock_numbers(tx, [tied["number"] for tied in cancels.live_lines(tx, [key])])
    if outcome.kind == "overtaken" or not cancels.stands(tx, row):
        return
    if outcome.state is CancelState.CONFIRMED:  # closed, and not as we asked: it had been paid
        sentence = "It was closed otherwise: its money had been paid and went back."
        outcome = _refused(row, None, at, "refunded", sentence)
    cancels.change(
        tx,
        row["id"],
        state=outcome.state.value,
        cause=outcome.cause,
        sentence=outcome.sentence,
        raw=outcome.raw,
        **({"due_at": outcome.due_at} if outcome.due_at else {"finished_at": at}),
    )
    if outcome.state is CancelState.REFUSED:
        _say_refused(tx, outcome)


def _say_refused(tx: Connection, outcome: Outcome) -> None:
    """The lines stay with their order, and show why."""
    row = outcome.row
    data = {"cause": outcome.cause, "provider_order": row["number"], "sentence": outcome.sentence}
    tied = cancels.live_lines(tx, [row["provider_order_id"]])
    events = [lines.Event(each["line_id"], "cancel_refused", data) for each in tied]
    lines.record(tx, events, at=outcome.at, actor=CLOCK.name, run_id=row["run_id"])
    cancelled.end_runs(tx, [row["run_id"]], outcome.at)
