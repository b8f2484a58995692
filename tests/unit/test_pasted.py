"""What people paste is understood whatever it is glued to; what is not understood is told."""

import pytest

from autopurchase.domain.pasted import order_in, read_pasted

A, B = "2920000000000000001", "2920000000000000002"


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        (f"{A} {B}", [A, B]),
        (f"{A},{B};{A}", [A, B]),
        (f"“{A}”、{B}，", [A, B]),
        (f"订单号：{A}\n订单号： {B}", [A, B]),
        (f"https://trade.1688.com/order/new_step_order_detail.htm?orderId={A}&x=1", [A]),
        (f"https://buyertrade.taobao.com/trade/detail/tradeItemDetail.htm?bizOrderId={A}", [A]),
        (f"http://127.0.0.1:8000/order/{A}", [A]),
        ("", []),
    ],
)
def test_orders_in_any_spelling(text: str, orders: list[str]) -> None:
    found = read_pasted(text)
    assert (found.orders, found.lines, found.unread) == (orders, [], [])


def test_two_columns_are_pairs_and_a_heading_does_not_matter() -> None:
    found = read_pasted(f"provider_order,line\n{A},53-1\n{A}\tORD-000000053-2\n{B};54-1\n{A} {B} 55-1\n56-1\n")
    assert found.orders == [A, B]
    assert found.lines == ["53-1", "ORD-000000053-2", "54-1", "55-1", "56-1"]
    assert found.pairs == {"53-1": [A], "ORD-000000053-2": [A], "54-1": [B], "55-1": [A, B]}


def test_numbers_that_lost_their_digits_in_a_spreadsheet_are_told() -> None:
    found = read_pasted(f"2.92E+18, 53-1\n{A} 12")
    assert (found.orders, found.unread) == ([A], ["2.92E+18", "12"])
    assert order_in("https://[broken/1") == ""
