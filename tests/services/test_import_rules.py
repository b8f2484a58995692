"""The rules of the import hold for every sequence of shop words, whatever people and providers do between them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopurchase.domain.history import LineState, fold, step
from autopurchase.domain.money import Money
from autopurchase.domain.order import COMMITTED, DEAD, LineStatus, PurchaseState
from autopurchase.domain.shop import ShopOrder, paid_in_full
from autopurchase.services.import_rules import FREE, completed, first_events, next_events, word_on
from tests.support.orders import shop_line, shop_order

ORDERS = st.builds(
    lambda state, paid, refunded, left, quantity, status, item: shop_order(
        "ORD-000000001",
        shop_line(1, quantity=quantity, open_quantity=min(left, quantity), status=status, item_id=item),
        state=state,
        total=1000,
        paid=paid,
        refunded=min(refunded, paid),
    ),
    st.sampled_from(["open", "open", "cancelled", "closed"]),
    st.sampled_from([0, 500, 1000, 1000]),
    st.sampled_from([0, 0, 300, 1000]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["", "", "paid", "packing", "cancelled"]),
    st.sampled_from(["610000000001", "610000000001", ""]),
)
ELSEWHERE = st.sampled_from(
    [
        ("booking_queued", {"booking": 1, "generation": 1}),
        ("booking_confirmed", {}),
        ("provider_moved", {"state": "paid"}),
        ("provider_moved", {"state": "closed", "reason": "cancelled_by_seller"}),
        ("status_changed", {"status": "price_confirmation"}),
        ("made_ready", {"reason": "by hand"}),
        ("held", {"cause": "out_of_stock"}),
        ("mapped", {"by": "mapping"}),
    ]
)


def told(state: LineState, before: LineStatus, order: ShopOrder) -> LineState:
    """The state after the shop's word."""
    line = order.lines[0]
    for kind, data in next_events(state, before, word_on(order, line), line.open_quantity, line.item_id != ""):
        state = step(state, kind, data)
    return state


@settings(max_examples=300, deadline=None)
@given(ORDERS, st.lists(st.one_of(ORDERS, ELSEWHERE), max_size=12))
def test_under_way_never_moves_and_ready_means_payable(first: ShopOrder, words: list[object]) -> None:
    word = word_on(first, first.lines[0])
    state, before = fold(first_events(first.lines[0], word, first.lines[0].item_id != "")), word.status
    for item in words:
        if not isinstance(item, ShopOrder):
            state = step(state, *item)  # type: ignore[misc]
            continue
        after = told(state, before, item)
        if state.purchase not in FREE:
            assert (after.status, after.purchase, after.booking) == (state.status, state.purchase, state.booking)
        if after.purchase is PurchaseState.READY and after.status is LineStatus.PAID:
            line = item.lines[0]
            assert (paid_in_full(item) and line.item_id) or line.open_quantity == 0
        if after.purchase is PurchaseState.PROBLEM and state.purchase in FREE:
            assert after.status not in DEAD
        assert (after.purchase in COMMITTED) == (state.purchase in COMMITTED)
        before = word_on(item, item.lines[0]).status
        assert told(after, before, item) == after  # the same word again says nothing new
        state = after


@pytest.mark.parametrize(
    ("paid", "refunded", "status", "cause"),
    [
        (1000, 0, "paid", ""),
        (400, 0, "awaiting_payment", ""),
        (1000, 300, "paid", "partial_refund"),
        (1000, 1000, "paid", "not_payable"),
    ],
)
def test_first_sight(paid: int, refunded: int, status: str, cause: str) -> None:
    order = shop_order("ORD-1", total=1000, paid=paid, refunded=refunded)
    state = fold(first_events(order.lines[0], word_on(order, order.lines[0])))
    assert (state.status, state.cause) == (status, cause)


def test_a_total_that_a_file_states_is_not_added_up_again() -> None:
    part = replace(shop_order("ORD-1", total=9000), goods_total=Money(1250, "USD"))
    missing = [{"sum_minor": 2500, "extras": {}}]
    assert completed(part, {"payable": True}, missing).total.minor == 9000


@pytest.mark.parametrize(
    ("paid", "known_payable", "expected"), [(1250, True, 3750), (1250, False, 1250), (99, True, 99)]
)
def test_a_part_is_paid_as_the_whole_was(paid: int, known_payable: bool, expected: int) -> None:
    part = shop_order("ORD-1", paid=paid, paid_at=None, goods_total=Money(1250, "USD"))
    whole = completed(part, {"payable": known_payable}, [{"sum_minor": 2500, "extras": {}}])
    assert (whole.total.minor, whole.paid.minor) == (3750, expected)
