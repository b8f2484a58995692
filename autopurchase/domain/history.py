"""History: events of a line and the fold that turns them into its state.

The same `step` is used when an event is written and when `verify` rebuilds everything, so state comes from events only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from autopurchase.domain.causes import cause
from autopurchase.domain.mapping import NEEDS_MAPPING
from autopurchase.domain.order import DEAD, LineStatus, PurchaseState
from autopurchase.domain.provider_order import ProviderState, purchase_state


@dataclass(frozen=True, slots=True)
class LineState:
    """What the history says of a line. ``booking`` is the live booking's id or None; ``version`` counts its events."""

    status: LineStatus = LineStatus.AWAITING_PAYMENT
    purchase: PurchaseState = PurchaseState.READY
    cause: str = ""
    booking: int | None = None
    generation: int = 0
    version: int = 0


def step(state: LineState, kind: str, data: Mapping[str, Any]) -> LineState:
    """The state after one event. Raises KeyError for an unknown kind: history is closed, not guessed."""
    moved = _unless_dead(_STEPS[kind](state, data))
    return replace(moved, version=state.version + 1)


def _unless_dead(state: LineState) -> LineState:
    """A line waits for a person only while it is wanted."""
    if state.status in DEAD and state.purchase is PurchaseState.PROBLEM:
        return replace(state, purchase=PurchaseState.READY, cause="")
    return state


def fold(events: Iterable[tuple[str, Mapping[str, Any]]]) -> LineState:
    """The state after all events, oldest first."""
    state = LineState()
    for kind, data in events:
        state = step(state, kind, data)
    return state


def _imported(state: LineState, data: Mapping[str, Any]) -> LineState:
    """First seen, or its shop status changed before anything was bought."""
    if state.purchase in (PurchaseState.READY, PurchaseState.PROBLEM) and "status" in data:
        return _with_status(state, LineStatus(data["status"]))
    return state


def _with_status(state: LineState, status: LineStatus) -> LineState:
    """A held line that has been sent to the customer waits for nobody any more."""
    if status in (LineStatus.SHIPPED, LineStatus.RECEIVED) and state.purchase is PurchaseState.PROBLEM:
        return replace(state, status=status, purchase=PurchaseState.READY, cause="")
    return replace(state, status=status)


def _changed(state: LineState, data: Mapping[str, Any]) -> LineState:
    """Fields other than status changed, or a comment was written."""
    return state


def _status_changed(state: LineState, data: Mapping[str, Any]) -> LineState:
    return _with_status(state, LineStatus(data["status"]))


def _held(state: LineState, data: Mapping[str, Any]) -> LineState:
    """Kept from being bought; a line under way keeps its purchase state and only shows the cause."""
    free = state.purchase in (PurchaseState.READY, PurchaseState.PROBLEM)
    return replace(state, purchase=PurchaseState.PROBLEM if free else state.purchase, cause=data["cause"])


def _made_ready(state: LineState, data: Mapping[str, Any]) -> LineState:
    return replace(state, status=LineStatus.PAID, purchase=PurchaseState.READY, cause="", booking=None)


def _mapped(state: LineState, data: Mapping[str, Any]) -> LineState:
    """What to buy is known now, or another thing than before; its status stays."""
    if state.cause != NEEDS_MAPPING:
        return state
    free = state.purchase is PurchaseState.PROBLEM
    return replace(state, purchase=PurchaseState.READY if free else state.purchase, cause="")


def _booking_queued(state: LineState, data: Mapping[str, Any]) -> LineState:
    return replace(
        state,
        purchase=PurchaseState.BOOKING,
        cause="",
        booking=data["booking"],
        generation=data["generation"],
    )


def _booking_unknown(state: LineState, data: Mapping[str, Any]) -> LineState:
    return replace(state, cause="unknown_outcome")


def _booking_requeued(state: LineState, data: Mapping[str, Any]) -> LineState:
    """Proven not placed: it will be sent again under the same reference."""
    return replace(state, cause="")


def _booking_confirmed(state: LineState, data: Mapping[str, Any]) -> LineState:
    return replace(state, status=LineStatus.ORDERED, purchase=PurchaseState.BOOKED, cause="")


def _booking_refused(state: LineState, data: Mapping[str, Any]) -> LineState:
    holds = cause(data["cause"]).holds
    purchase = PurchaseState.PROBLEM if holds else PurchaseState.READY
    return replace(state, purchase=purchase, cause=data["cause"], booking=None)


def _provider_moved(state: LineState, data: Mapping[str, Any]) -> LineState:
    """The provider order moved: the provider's word decides."""
    target = purchase_state(ProviderState(data["state"]), data.get("reason", ""))
    if target is None:
        return state
    purchase, why = target
    closed = purchase is PurchaseState.PROBLEM
    return replace(state, purchase=purchase, cause=why, booking=None if closed else state.booking)


def _unbooked(state: LineState, data: Mapping[str, Any]) -> LineState:
    """No longer tied to its booking: ready again, or held with ``cause``."""
    why = data["cause"]
    status = LineStatus.PAID if state.status is LineStatus.ORDERED else state.status
    purchase = PurchaseState.PROBLEM if why else PurchaseState.READY
    return replace(state, status=status, purchase=purchase, cause=why, booking=None)


def _bound(state: LineState, data: Mapping[str, Any]) -> LineState:
    """Tied to a provider order that a person made by hand."""
    return replace(
        state,
        status=LineStatus.ORDERED,
        purchase=PurchaseState.BOOKED,
        cause="",
        booking=data["booking"],
        generation=data["generation"],
    )


def _flagged(state: LineState, data: Mapping[str, Any]) -> LineState:
    """Something a person should see to; where the line stands does not change."""
    return replace(state, cause=data["cause"])


def _accepted(state: LineState, data: Mapping[str, Any]) -> LineState:
    """A person is content with what was flagged."""
    return replace(state, cause="") if state.cause == data["cause"] else state


_STEPS = {
    "imported": _imported,
    "changed": _changed,
    "commented": _changed,
    "split": _changed,  # parts became lines of their own; quantity is not state
    "amended": _changed,  # a person changed what is bought
    "status_changed": _status_changed,
    "held": _held,
    "made_ready": _made_ready,
    "mapped": _mapped,
    "booking_queued": _booking_queued,
    "booking_unknown": _booking_unknown,
    "booking_requeued": _booking_requeued,
    "booking_confirmed": _booking_confirmed,
    "booking_refused": _booking_refused,
    "provider_moved": _provider_moved,
    "bound": _bound,
    "unbound": _unbooked,
    "cancel_asked": _flagged,
    "cancel_refused": _flagged,
    "cancelled": _unbooked,  # at the provider, as we asked
    "flagged": _flagged,
    "accepted": _accepted,
}
#: every event kind there is
KINDS = frozenset(_STEPS)
