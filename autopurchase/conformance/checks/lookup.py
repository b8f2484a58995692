"""Looking up what carries our reference, and listing what changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from autopurchase.conformance.bench import Bench
from autopurchase.conformance.marks import Side, check
from autopurchase.conformance.practice import PracticeBench
from autopurchase.domain.errors import Refused
from autopurchase.domain.provider_order import ProviderOrder, ProviderState

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@check("find_by_reference", grade="B", side=Side.ORDER)
def test_an_order_is_found_by_its_reference(bench: Bench) -> None:
    placed = bench.order()
    assert [order.provider_order_id for order in bench.look_up(placed)] == [placed.number]


@check("find_by_reference", grade="A", side=Side.ORDER)
def test_an_order_is_found_in_one_call(bench: Bench) -> None:
    placed = bench.order()
    calls = bench.calls_of(lambda: bench.look_up(placed))
    assert calls == 1


@check("find_by_reference", grade="A")
def test_look_up_leans_on_no_list_of_orders(bench: PracticeBench) -> None:
    """As few calls among many orders as among one, also where a filter that nobody vouches for is ignored."""
    bench.settings(reference_filter=False)
    bench.place()
    among_one = bench.calls_of(bench.found)
    for place in range(4):
        bench.place(f"AP-{place}")
    among_many = bench.calls_of(bench.found)
    assert among_many == among_one
    assert len(bench.found()) == 1


@check("find_by_reference", grade="B")
def test_look_up_finds_only_our_reference(bench: PracticeBench) -> None:
    number = bench.place_one()
    bench.place_one("AP-other")
    assert [order.provider_order_id for order in bench.found()] == [number]
    assert bench.found("AP-never-sent") == []


@check("find_by_reference", grade="B")
def test_doubles_are_visible(bench: PracticeBench) -> None:
    numbers = {bench.place_one(), bench.place_one()}
    assert {order.provider_order_id for order in bench.found()} == numbers
    assert len(numbers) == 2


@check("find_by_reference", grade="B")
def test_orders_of_another_account_are_not_found(bench: PracticeBench) -> None:
    bench.another("other").place()
    assert bench.found() == []


@check()
def test_orders_of_another_account_are_refused(bench: PracticeBench) -> None:
    number = bench.another("other").place_one()
    with pytest.raises(Refused):
        bench.open().get(number)


# --- listing ---


def changed(bench: PracticeBench, during: Callable[[int], object] = lambda _: None) -> list[list[ProviderOrder]]:
    """All pages of two orders each; ``during`` is called with the number of each page."""
    provider = bench.open(bench.config(page_size="2"))
    pages: list[list[ProviderOrder]] = []
    for page in provider.changed_since(LONG_AGO, datetime.now(UTC) + timedelta(minutes=1)):
        pages.append(list(page))
        during(len(pages))
        assert len(pages) < 50
    return pages


@check("list_orders", grade="B", side=Side.ORDER)
def test_a_new_order_is_listed(bench: Bench) -> None:
    placed, now = bench.order(), datetime.now(UTC)
    pages = bench.open().changed_since(placed.sent_at - timedelta(minutes=10), now + timedelta(minutes=1))
    assert placed.number in {order.provider_order_id for page in pages for order in page}


@check("list_orders", grade="B", side=Side.ANYWHERE)
def test_listing_outside_the_window_is_empty(bench: Bench) -> None:
    assert list(bench.open().changed_since(LONG_AGO, LONG_AGO + timedelta(days=1))) == []


@check("list_orders", grade="B", side=Side.ANYWHERE)
def test_listing_of_the_last_week_shows_each_order_once(bench: Bench) -> None:
    now = datetime.now(UTC)
    pages = bench.open().changed_since(now - timedelta(days=7), now)
    seen = [(order.provider_order_id, order.modified_at) for page in pages for order in page]
    assert len(seen) == len(set(seen))
    times = [modified for _, modified in seen if modified]
    assert times == sorted(times)


@check("list_orders", grade="B")
def test_listing_shows_every_change_once_oldest_first(bench: PracticeBench) -> None:
    numbers = [bench.place_one(f"AP-{place}") for place in range(7)]
    pages = changed(bench)
    orders = [order for page in pages for order in page]
    assert len(pages) >= 3
    assert [order.provider_order_id for order in orders] == numbers
    assert [order.modified_at for order in orders if order.modified_at] == sorted(
        order.modified_at for order in orders if order.modified_at
    )
    assert {order.state for order in orders} == {ProviderState.UNPAID}


@check("list_orders", grade="B")
def test_listing_misses_nothing_that_changes_meanwhile(bench: PracticeBench) -> None:
    numbers = [bench.place_one(f"AP-{place}") for place in range(7)]

    def pay(page: int) -> None:
        if page <= 3:
            bench.does("pay", numbers[page - 1])

    pages = changed(bench, pay)
    assert {order.provider_order_id for page in pages for order in page} == set(numbers)


@check("list_orders", grade="B")
def test_listing_costs_list_calls_not_one_per_order(bench: PracticeBench) -> None:
    for place in range(5):
        bench.place(f"AP-{place}")
    before = bench.counted()["calls"]
    pages = list(bench.open().changed_since(LONG_AGO, datetime.now(UTC) + timedelta(minutes=1)))
    assert sum(len(page) for page in pages) == 5
    assert bench.counted()["calls"] - before <= 2
