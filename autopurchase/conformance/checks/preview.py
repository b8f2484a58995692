"""What a purchase would be now: price, stock, freight, and the line that cannot be bought."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autopurchase.conformance.bench import Bench
from autopurchase.conformance.marks import Side, check
from autopurchase.conformance.practice import PracticeBench, purchase_of
from autopurchase.domain.errors import Refused
from autopurchase.domain.session import Address


@check(side=Side.GOODS)
def test_preview_prices_what_is_asked_for(bench: Bench) -> None:
    preview = bench.open().preview(bench.purchase())
    assert [(line.number, line.cause) for line in preview.lines] == [
        (line.number, "") for line in bench.purchase().lines
    ]
    assert all(line.price and line.price.currency == bench.manifest.currency for line in preview.lines)
    assert preview.total is not None


@check()
def test_preview_says_price_stock_and_total(bench: PracticeBench) -> None:
    asked = bench.purchase(lines=2)
    ((_, sku), _) = bench.goods(lines=2)[0]
    preview = bench.open().preview(asked)
    assert [line.number for line in preview.lines] == ["53-1", "53-2"]
    assert [line.cause for line in preview.lines] == ["", ""]
    assert preview.lines[0].price == bench.money(sku.price)
    assert preview.lines[0].amount == bench.money(sku.price * asked.lines[0].quantity)
    assert preview.goods is not None
    assert preview.freight is not None
    assert preview.goods + preview.freight == preview.total
    assert preview.warnings == ()
    assert bench.orders() == []


@check()
def test_preview_follows_a_changed_price(bench: PracticeBench) -> None:
    ((_, sku),) = bench.goods()[0]
    bench.price(sku.sku_id, sku.price + 137)
    assert bench.open().preview(bench.purchase()).lines[0].price == bench.money(sku.price + 137)


@check()
def test_preview_names_the_line_out_of_stock(bench: PracticeBench) -> None:
    asked = bench.purchase(lines=2)
    bench.stock(asked.lines[1].sku_id, 1)
    preview = bench.open().preview(asked)
    assert preview.lines[1].cause == "out_of_stock"
    assert preview.lines[0].cause == ""


@check()
def test_preview_names_the_line_with_a_wrong_configuration(bench: PracticeBench) -> None:
    asked = bench.purchase()
    other = bench.goods(sellers=2)[1][0][1]
    wrong = replace(asked.lines[0], sku_id=other.sku_id, spec_id=other.spec_id)
    assert bench.open().preview(replace(asked, lines=(wrong,))).lines[0].cause == "sku_mismatch"


@check()
def test_preview_names_the_line_below_the_minimum(bench: PracticeBench) -> None:
    mine = [item for item in bench.market.catalogue() if item.market == bench.id]
    item = max(mine, key=lambda item: item.minimum)
    asked = purchase_of([(item, item.skus[0])])
    few = replace(asked.lines[0], quantity=item.minimum - 1)
    assert bench.open().preview(replace(asked, lines=(few,))).lines[0].cause == "below_minimum"


@check()
def test_preview_names_the_line_that_left_the_shelf(bench: PracticeBench) -> None:
    asked = bench.purchase()
    bench.unlist(asked.lines[0].item_id)
    assert bench.open().preview(asked).lines[0].cause == "item_unavailable"


@check()
def test_preview_without_a_ship_to_address_says_so(bench: PracticeBench) -> None:
    asked = replace(bench.purchase(), ship_to=Address())
    with pytest.raises(Refused) as caught:
        bench.open().preview(asked)
    assert caught.value.cause == "bad_address"
