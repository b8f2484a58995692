"""What is Taobao Global's own, over real HTTP: splitting by seller, building, transports, settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from autopurchase.conformance.bench import with_preview
from autopurchase.conformance.practice import PracticeBench, purchase_of
from autopurchase.domain.errors import BadInput, Refused, Unknown
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.purchase import Purchase
from autopurchase.providers import PROVIDERS
from autopurchase.sandbox import Sandbox
from tests.support.processes import wait_until


@pytest.fixture
def bench(market: Sandbox) -> PracticeBench:
    """A session of Taobao Global."""
    return PracticeBench(market, PROVIDERS["taobao"])


def two_sellers(bench: PracticeBench) -> Purchase:
    """A purchase of two sellers in one call, previewed."""
    asked = purchase_of([group[0] for group in bench.goods(sellers=2)])
    return with_preview(asked, bench.open().preview(asked))


def test_one_create_call_makes_an_order_per_seller(bench: PracticeBench) -> None:
    asked = two_sellers(bench)
    placed = bench.open().create(asked, "AP-1")
    assert [order["id"] for order in bench.orders()] == [order.provider_order_id for order in placed.orders]
    assert [line.number for order in placed.orders for line in order.lines] == ["53-1", "53-2"]
    assert asked.total is not None
    assert sum(order.total.minor for order in placed.orders if order.total) == asked.total.minor
    assert placed.refused == ()
    found = bench.open().find_by_reference("AP-1", datetime.now(UTC), asked)
    assert {order.provider_order_id for order in found} == {order["id"] for order in bench.orders()}


def test_partial_success_names_the_line_left_out(bench: PracticeBench) -> None:
    asked = two_sellers(bench)
    bench.market.control("stock", sku_id=asked.lines[1].sku_id, stock=0)
    placed = bench.open(bench.config(support_partial_success="true")).create(asked, "AP-1")
    assert [line.number for order in placed.orders for line in order.lines] == ["53-1"]
    assert [line.number for line in placed.refused] == ["53-2"]
    assert len(bench.orders()) == 1


def test_without_partial_success_nothing_is_placed(bench: PracticeBench) -> None:
    asked = two_sellers(bench)
    bench.market.control("stock", sku_id=asked.lines[1].sku_id, stock=0)
    with pytest.raises(Refused, match="STOCK_NOT_ENOUGH"):
        bench.open().create(asked, "AP-1")
    assert bench.orders() == []


def test_create_without_a_preview_looks_the_items_up_first(bench: PracticeBench) -> None:
    placed = bench.open().create(bench.purchase(lines=2), "AP-1")
    (theirs,) = bench.orders()
    assert placed.orders[0].provider_order_id == theirs["id"]
    assert len(theirs["lines"]) == 2


def test_create_without_a_preview_is_refused_with_the_lines_cause(bench: PracticeBench) -> None:
    asked = bench.purchase()
    bench.market.control("stock", sku_id=asked.lines[0].sku_id, stock=0)
    with pytest.raises(Refused, match=r"53-1.*stock") as caught:
        bench.open().create(asked, "AP-1")
    assert caught.value.cause == "out_of_stock"


def test_preview_looks_each_item_up_once(bench: PracticeBench) -> None:
    ((item, sku),) = bench.goods()[0]
    asked = purchase_of([(item, item.skus[0]), (item, item.skus[1]), (item, sku)])
    bench.market.control("stats", reset=True)
    preview = bench.open().preview(asked)
    assert [line.cause for line in preview.lines] == ["", "", ""]
    assert preview.warnings == ()
    assert bench.counted()["calls"] == 2


@pytest.mark.parametrize("style", ["form", "json", "query"])
def test_every_transport_of_parameters_works(bench: PracticeBench, style: str) -> None:
    asked = bench.previewed()
    placed = bench.open(bench.config(body_style=style)).create(asked, f"AP-{style}")
    assert [order["reference"] for order in bench.orders()] == [f"AP-{style}"]
    assert len(placed.orders) == 1


def test_snake_case_keys_and_numbers_as_text_work(bench: PracticeBench) -> None:
    snake = {"render_key_style": "snake", "create_key_style": "snake", "line_number_style": "text"}
    provider = bench.open(bench.config(**snake))
    asked = bench.purchase(lines=2)
    placed = provider.create(with_preview(asked, provider.preview(asked)), "AP-1")
    assert [line.number for line in placed.orders[0].lines] == ["53-1", "53-2"]


def test_order_is_built_behind_the_answer(bench: PracticeBench) -> None:
    bench.market.control("settings", build_seconds=0.3)
    (placed,) = bench.open().create(bench.previewed(), "AP-1").orders
    provider = bench.open()
    building = provider.get(placed.provider_order_id)
    assert (building.state, building.raw_status) == (ProviderState.UNPAID, "BULIDING")
    assert not building.payable
    wait_until(lambda: provider.get(placed.provider_order_id).payable, timeout=10, what="payable")


def test_order_that_cannot_be_built_is_closed_with_the_reason(bench: PracticeBench) -> None:
    bench.market.control("settings", build_seconds=0.05)
    asked = bench.previewed()
    bench.fault("build_error")
    (placed,) = bench.open().create(asked, "AP-1").orders
    provider = bench.open()

    def closed() -> str:
        return provider.get(placed.provider_order_id).close_reason

    assert wait_until(closed, timeout=10, what="closed") == "build_failed"


def test_lines_decide_while_the_main_status_lags(bench: PracticeBench) -> None:
    asked = bench.previewed()
    bench.fault("lag", seconds=60)
    (placed,) = bench.open().create(asked, "AP-1").orders
    bench.market.control("pay", ids=[placed.provider_order_id])
    order = bench.open().get(placed.provider_order_id)
    assert order.state is ProviderState.PAID
    assert order.raw_status == "WAIT_BUYER_P"


def test_refusal_is_unknown_while_the_marketplace_repeats_by_itself(bench: PracticeBench) -> None:
    asked = bench.previewed()
    bench.market.control("stock", sku_id=asked.lines[0].sku_id, stock=0)
    with pytest.raises(Unknown):
        bench.open(bench.config(need_sys_retry="true")).create(asked, "AP-1")


def test_wrong_setting_is_named_when_the_session_opens(bench: PracticeBench) -> None:
    with pytest.raises(BadInput, match="page_size"):
        bench.open(bench.config(page_size="0"))
    with pytest.raises(BadInput, match="NO_STOCK"):
        bench.open(bench.config(refusal_table="create NO_STOCK = no_such_cause"))
    with pytest.raises(BadInput, match="not an address"):
        bench.open(replace(bench.config(), base_url="api.taobao.global"))
