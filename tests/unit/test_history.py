"""The fold that makes a line's state of its history, and what follows from it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopurchase.domain.causes import CAUSES
from autopurchase.domain.errors import BadInput, Refused
from autopurchase.domain.history import KINDS, LineState, fold, step
from autopurchase.domain.order import (
    COMMITTED,
    DEAD,
    LineStatus,
    PurchaseState,
    allowed_moves,
    check_move,
    needs_reason,
    order_status,
)
from autopurchase.domain.provider_order import FINAL_STATES, RANK, ProviderState, advance, purchase_state

ids = st.integers(1, 9)
statuses = st.sampled_from(sorted(LineStatus))
causes = st.sampled_from(sorted(CAUSES))
states = st.sampled_from(sorted(ProviderState))
DATA: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "imported": st.fixed_dictionaries({}, optional={"status": statuses}),
    "status_changed": st.fixed_dictionaries({"status": statuses}),
    "held": st.fixed_dictionaries({"cause": causes}),
    "booking_queued": st.fixed_dictionaries({"booking": ids, "generation": ids}),
    "booking_refused": st.fixed_dictionaries({"booking": ids, "cause": causes}),
    "bound": st.fixed_dictionaries({"booking": ids, "generation": ids}),
    "unbound": st.fixed_dictionaries({"cause": causes | st.just("")}),
    "cancelled": st.fixed_dictionaries({"cause": causes | st.just("")}),
    "cancel_asked": st.just({"cause": "cancel_asked"}),
    "cancel_refused": st.just({"cause": "cancel_refused"}),
    "flagged": st.fixed_dictionaries({"cause": causes}),
    "accepted": st.fixed_dictionaries({"cause": causes}),
    "provider_moved": st.fixed_dictionaries({"state": states, "reason": st.sampled_from(["", "unpaid_timeout", "x"])}),
}
TESTED = sorted(
    set(DATA)
    | {"changed", "commented", "made_ready", "booking_unknown", "booking_requeued", "mapped", "split", "amended"}
)
histories = st.lists(
    st.sampled_from([*TESTED, "booking_confirmed"]).flatmap(
        lambda kind: st.tuples(st.just(kind), DATA.get(kind, st.just({})))
    ),
    max_size=15,
)


#: purchase states that holding a line leaves as they are
UNDER_WAY = set(PurchaseState) - {PurchaseState.READY, PurchaseState.PROBLEM}


def test_the_kinds_tested_are_kinds() -> None:
    assert set(TESTED) <= KINDS


@given(histories)
def test_a_fold_counts_its_events_and_keeps_the_types(history: list[tuple[str, dict[str, Any]]]) -> None:
    state = fold(history)
    assert state.version == len(history)
    assert isinstance(state.status, LineStatus)
    assert isinstance(state.purchase, PurchaseState)


@given(histories, st.integers(0, 15))
def test_a_fold_can_be_taken_up_anywhere(history: list[tuple[str, dict[str, Any]]], at: int) -> None:
    """What is stored in between is all that matters: the writer steps on, `verify` folds from the start."""
    state = fold(history[:at])
    for kind, data in history[at:]:
        state = step(state, kind, data)
    assert state == fold(history)


@given(histories)
def test_a_line_that_is_ready_holds_no_booking_after_its_last_ended(
    history: list[tuple[str, dict[str, Any]]],
) -> None:
    for kind, data in (("booking_refused", {"booking": 1, "cause": "out_of_stock"}), ("made_ready", {})):
        assert fold([*history, (kind, data)]).booking is None
    closed = fold([*history, ("provider_moved", {"state": "closed", "reason": "refunded"})])
    assert closed.booking is None
    if closed.status not in DEAD:
        assert (closed.purchase, closed.cause) == (PurchaseState.PROBLEM, "refunded")


@given(histories)
def test_an_unknown_word_moves_nothing(history: list[tuple[str, dict[str, Any]]]) -> None:
    before = fold(history)
    after = step(before, "provider_moved", {"state": "unknown", "reason": ""})
    assert (after.purchase, after.cause, after.booking) == (before.purchase, before.cause, before.booking)


@given(histories, causes)
def test_holding_takes_nothing_from_what_is_under_way(history: list[tuple[str, dict[str, Any]]], why: str) -> None:
    before = fold(history)
    after = step(before, "held", {"cause": why})
    assert after.cause == ("" if after.status in DEAD and before.purchase not in UNDER_WAY else why)
    assert after.booking == before.booking
    if before.purchase in COMMITTED:
        assert after.purchase is before.purchase


@given(histories)
def test_a_dead_line_waits_for_nobody(history: list[tuple[str, dict[str, Any]]]) -> None:
    state = fold(history)
    assert state.status not in DEAD or state.purchase is not PurchaseState.PROBLEM


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        step(LineState(), "teleported", {})


# --- the status of an order ---


@given(st.lists(statuses, min_size=1, max_size=8))
def test_an_order_advances_when_all_live_lines_have(lines: list[LineStatus]) -> None:
    rank = list(LineStatus).index
    live = [status for status in lines if status not in DEAD]
    derived = order_status(lines)
    if live:
        assert derived in live
        assert all(rank(derived) <= rank(status) for status in live)
    else:
        assert derived in DEAD


@given(st.lists(statuses, min_size=1, max_size=8), st.randoms())
def test_it_does_not_depend_on_the_order_of_lines_nor_on_dead_ones(lines: list[LineStatus], dice: Any) -> None:
    shuffled = list(lines)
    dice.shuffle(shuffled)
    assert order_status(shuffled) == order_status(lines)
    if any(status not in DEAD for status in lines):
        assert order_status([*lines, LineStatus.CANCELLED]) == order_status(lines)


def test_lines_that_all_ended_the_same_way_give_the_order_that_end() -> None:
    assert order_status([LineStatus.RETURNED_TO_VENDOR] * 2) is LineStatus.RETURNED_TO_VENDOR
    assert order_status([LineStatus.RETURNED_TO_VENDOR, LineStatus.CANCELLED]) is LineStatus.CANCELLED


@given(statuses, st.sampled_from(sorted(PurchaseState)), statuses)
def test_only_what_is_offered_is_allowed(status: LineStatus, purchase: PurchaseState, to: LineStatus) -> None:
    if to not in allowed_moves(status, purchase):
        with pytest.raises(Refused, match="cannot move"):
            check_move(status, purchase, to, "because")
        return
    check_move(status, purchase, to, "because")
    assert purchase not in COMMITTED or to is not LineStatus.CANCELLED
    if needs_reason(status, to):
        with pytest.raises(BadInput, match="needs a reason"):
            check_move(status, purchase, to, " ")


# --- provider states ---


@given(st.lists(states, min_size=1, max_size=10))
def test_a_provider_order_never_moves_backwards(readings: list[ProviderState]) -> None:
    kept: ProviderState | None = None
    for seen in readings:
        after = advance(kept, seen)
        if kept in FINAL_STATES:
            assert after is kept
        elif kept in RANK and after in RANK:
            assert RANK[after] >= RANK[kept]
        if kept is not None and kept is not ProviderState.UNKNOWN:
            assert after is not ProviderState.UNKNOWN
        kept = after


@given(st.sampled_from(sorted(RANK)), st.sampled_from(sorted(RANK)))
def test_the_state_kept_does_not_depend_on_which_of_two_readings_comes_first(
    one: ProviderState, other: ProviderState
) -> None:
    assert advance(advance(None, one), other) is advance(advance(None, other), one) or {one, other} & FINAL_STATES


@given(states, st.text(max_size=8))
def test_every_provider_state_has_a_purchase_state_or_says_nothing(state: ProviderState, reason: str) -> None:
    found = purchase_state(state, reason)
    if state is ProviderState.UNKNOWN:
        assert found is None
    else:
        assert found is not None
        assert (found[0] is PurchaseState.PROBLEM) == bool(found[1])


BOOKED = [
    ("imported", {"status": "paid"}),
    ("booking_queued", {"booking": 7, "generation": 1}),
    ("booking_confirmed", {"booking": 7}),
]


def test_a_cancelled_line_can_be_booked_again() -> None:
    state = fold([*BOOKED, ("cancel_asked", {"cause": "cancel_asked"}), ("cancelled", {"cause": ""})])
    assert (state.status, state.purchase, state.cause, state.booking) == (
        LineStatus.PAID,
        PurchaseState.READY,
        "",
        None,
    )
    assert state.generation == 1


def test_a_released_line_is_held_with_its_cause() -> None:
    state = fold([*BOOKED, ("cancelled", {"cause": "released"})])
    assert (state.purchase, state.cause, state.booking) == (PurchaseState.PROBLEM, "released", None)


def test_a_refused_cancel_leaves_the_line_booked_and_says_so() -> None:
    state = fold([*BOOKED, ("cancel_refused", {"cause": "cancel_refused"})])
    assert (state.purchase, state.cause, state.booking) == (PurchaseState.BOOKED, "cancel_refused", 7)


def test_what_was_flagged_is_accepted_by_its_cause_only() -> None:
    flagged = [*BOOKED, ("flagged", {"cause": "price_raised"})]
    assert fold([*flagged, ("accepted", {"cause": "differs"})]).cause == "price_raised"
    assert fold([*flagged, ("accepted", {"cause": "price_raised"})]).cause == ""


def test_a_line_bound_by_hand_is_booked_and_unbound_is_held_while_its_order_lives() -> None:
    bound = [("imported", {"status": "paid"}), ("bound", {"booking": 3, "generation": 1})]
    assert fold(bound).purchase is PurchaseState.BOOKED
    state = fold([*bound, ("unbound", {"cause": "unbound"})])
    assert (state.purchase, state.cause, state.booking) == (PurchaseState.PROBLEM, "unbound", None)
