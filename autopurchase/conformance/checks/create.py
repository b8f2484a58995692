"""Placing: once, under our reference, exactly what was previewed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autopurchase.conformance.bench import Bench
from autopurchase.conformance.marks import Side, check
from autopurchase.conformance.practice import REFERENCE, PracticeBench
from autopurchase.domain.errors import Refused
from autopurchase.domain.provider_order import ProviderState


@check(side=Side.ORDER)
def test_an_order_is_placed_and_reads_as_unpaid(bench: Bench) -> None:
    placed = bench.order()
    order = bench.open().get(placed.number)
    assert (order.state, order.paid_at) == (ProviderState.UNPAID, None)
    assert order.total == placed.purchase.total
    wanted = {(line.item_id, line.quantity) for line in placed.purchase.lines}
    assert len(order.lines) == len(wanted)
    assert sorted(line.quantity for line in order.lines) == sorted(quantity for _, quantity in wanted)


@check()
def test_create_places_what_was_previewed(bench: PracticeBench) -> None:
    asked = bench.previewed(lines=2)
    placed = bench.open().create(asked, REFERENCE)
    (theirs,) = bench.orders()
    (order,) = placed.orders
    assert (order.provider_order_id, theirs["reference"]) == (theirs["id"], REFERENCE)
    assert asked.total == bench.money(theirs["total"]), "goods and freight as previewed"
    assert order.total in {None, bench.money(theirs["total"])}
    wanted = [(line.sku_id, line.quantity) for line in asked.lines]
    assert [(line["sku_id"], line["quantity"]) for line in theirs["lines"]] == wanted
    assert placed.refused == ()


@check()
def test_created_order_reads_as_unpaid(bench: PracticeBench) -> None:
    order = bench.open().get(bench.place_one(lines=2))
    (theirs,) = bench.orders()
    assert (order.state, order.payable, order.paid_at) == (ProviderState.UNPAID, True, None)
    assert (order.total, order.freight) == (bench.money(theirs["total"]), bench.money(theirs["freight"]))
    assert [line.quantity for line in order.lines] == [line["quantity"] for line in theirs["lines"]]
    assert len({line.provider_line_id for line in order.lines}) == len(order.lines)
    assert [line.amount for line in order.lines] == [bench.money(line["amount"]) for line in theirs["lines"]]
    assert order.created_at is not None
    assert abs(order.created_at.timestamp() * 1000 - theirs["created"]) < 1000
    assert order.pay_deadline is not None
    assert timedelta(hours=11) < order.pay_deadline - order.created_at < timedelta(hours=13)
    assert order.complete


@check(side=Side.ORDER)
def test_orders_show_lines_under_the_ids_that_were_told(bench: Bench) -> None:
    """Some marketplaces' orders show other ids than the items' pages: what compares them has to ask."""
    placed = bench.order()
    provider = bench.open()
    told = provider.order_ids(placed.purchase.lines)
    shown = {(line.item_id, line.sku_id, line.spec_id) for line in provider.get(placed.number).lines}
    assert {(ids.item_id, ids.sku_id, ids.spec_id) for ids in told.values()} == shown


@check("find_by_reference", grade="B")
def test_created_order_carries_our_reference(bench: PracticeBench) -> None:
    assert bench.open().get(bench.place_one()).reference == REFERENCE


@check()
def test_purchases_of_two_sellers_are_two_orders(bench: PracticeBench) -> None:
    first, second = bench.place("AP-1", seller=0), bench.place("AP-2", seller=1)
    numbers = {order.provider_order_id for placed in (first, second) for order in placed.orders}
    assert numbers == {order["id"] for order in bench.orders()}
    assert len({order["seller_id"] for order in bench.orders()}) == 2


@check()
def test_ids_are_exact_above_two_to_the_53(bench: PracticeBench) -> None:
    number = bench.place_one()
    assert int(number) > 2**53
    assert bench.open().get(number).provider_order_id == number == bench.orders()[0]["id"]


@check("line_ids")
def test_numbers_of_lines_are_exact(bench: PracticeBench) -> None:
    order = bench.open().get(bench.place_one(lines=2))
    (theirs,) = bench.orders()
    assert [line.provider_line_id for line in order.lines] == [line["id"] for line in theirs["lines"]]
    assert int(order.lines[0].provider_line_id) > 2**53


@check()
def test_orders_show_the_lines_under_the_ids_that_were_told(bench: PracticeBench) -> None:
    asked = bench.purchase(lines=2)
    number = bench.place_one(lines=2)
    told = bench.open().order_ids(asked.lines)
    shown = {(line.item_id, line.sku_id, line.spec_id) for line in bench.open().get(number).lines}
    assert {(ids.item_id, ids.sku_id, ids.spec_id) for ids in told.values()} == shown


@check()
def test_create_out_of_stock_is_refused_with_its_cause(bench: PracticeBench) -> None:
    asked = bench.previewed()
    bench.stock(asked.lines[0].sku_id, 0)
    with pytest.raises(Refused) as caught:
        bench.open().create(asked, REFERENCE)
    assert caught.value.cause == "out_of_stock"
    assert "The marketplace says: " in caught.value.sentence
    assert bench.orders() == []


@check(side=Side.ANYWHERE)
def test_unknown_order_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused):
        bench.open().get("1234567890123456789")
