"""Shopify beyond the contract: an independent client before the same shop, rights, budget, sixty days, many lines."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import shopify
from shopify.api_version import ApiVersion, Release

from autopurchase.domain.errors import BadInput, RateLimited, Refused, SessionRefused
from autopurchase.domain.money import Money
from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.sources.shopify import KIND, ShopifySource
from autopurchase.sources.shopify.client import Client
from autopurchase.sources.shopify.manifest import RIGHTS, settings
from autopurchase.sources.shopify.queries import CHECK
from tests.sources.stubs.server import Reply, Request, Running, serving
from tests.sources.stubs.shopify import TOKEN, VERSION, ShopifyShop

LINK = "https://item.taobao.com/item.htm?id=610000000001"
LINE: dict[str, Any] = {"title": "Coat", "quantity": 1, "price": Decimal("9.90"), "attributes": {"_source_url": LINK}}


@pytest.fixture
def shop() -> ShopifyShop:
    return ShopifyShop()


@pytest.fixture
def running(shop: ShopifyShop) -> Iterator[Running]:
    with serving(shop) as running:
        yield running


def opened(url: str, **more: str) -> ShopifySource:
    return KIND.open({"base_url": url, "access_token": TOKEN, **more})


@pytest.fixture
def source(running: Running) -> ShopifySource:
    return opened(running.url)


def read(source: ShopifySource, order: str) -> ShopOrder:
    found = source.get(order)
    assert found is not None
    return found


# --- the independent client ---


class Session(shopify.Session):  # type: ignore[misc]
    """The vendor's session, at the stub's address."""

    origin = ""

    @property
    def site(self) -> str:
        return str(self.version.api_path(self.origin))


def graphql(url: str, token: str, query: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    if VERSION not in ApiVersion.versions:
        ApiVersion.define_version(Release(VERSION))
    monkeypatch.setattr(Session, "origin", url)
    shopify.ShopifyResource.activate_session(Session("coats", VERSION, token))
    try:
        return dict(json.loads(shopify.GraphQL().execute(query)))
    finally:
        shopify.ShopifyResource.clear_session()


def test_an_independent_client_is_served_by_the_same_shop(
    shop: ShopifyShop, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = shop.place([LINE])
    query = '{ orders(first: 5, sortKey: CREATED_AT, query: "status:open") { nodes { id name } } }'
    found = graphql(running.url, TOKEN, query, monkeypatch)
    assert [each["id"] for each in found["data"]["orders"]["nodes"]] == [order]
    assert found["extensions"]["cost"]["throttleStatus"]["maximumAvailable"] == 2000
    wrong = graphql(running.url, TOKEN, "{ orders(first: 5) { nodes { sourceUrl } } }", monkeypatch)
    assert "Cannot query field" in wrong["errors"][0]["message"]


def test_an_independent_client_is_refused_as_ours_is(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        graphql(running.url, "shpat_wrong", "{ shop { name } }", monkeypatch)
    caught.value.close()
    with pytest.raises(SessionRefused, match="access token"):
        opened(running.url, access_token="shpat_wrong").get("gid://shopify/Order/1")


# --- checking ---


def test_check_says_that_old_orders_are_kept_back(shop: ShopifyShop, source: ShopifySource) -> None:
    shop.place([LINE], age=61)
    young = shop.place([LINE], age=59)
    check = source.check()
    assert (check.ok, check.open_paid) == (True, 1)
    assert "older than 60 days" in check.problems[0]
    assert [each.external_id for each in source.open_paid() if isinstance(each, ShopOrder)] == [young]
    shop.scopes = (*RIGHTS, "read_all_orders")
    check = source.check()
    assert (check.ok, check.problems, check.open_paid) == (True, (), 2)


@pytest.mark.parametrize("right", ["write_orders", "read_products", "write_merchant_managed_fulfillment_orders"])
def test_check_names_each_right_that_is_missing(shop: ShopifyShop, source: ShopifySource, right: str) -> None:
    shop.scopes = tuple(each for each in RIGHTS if each != right)
    check = source.check()
    assert not check.ok
    assert any(right in problem for problem in check.problems)


def test_a_missing_right_is_refused_with_the_shop_s_words(shop: ShopifyShop, source: ShopifySource) -> None:
    order = shop.place([LINE])
    shop.scopes = ("read_orders", "write_orders")
    with pytest.raises(SessionRefused, match="read_products"):
        source.get(order)


def test_an_expired_version_is_named(shop: ShopifyShop, running: Running) -> None:
    shop.served = "2027-01"
    check = opened(running.url, api_version="2025-10").check()
    assert any("set api_version to 2027-01" in problem for problem in check.problems)


# --- paging and budget ---


def test_a_row_that_comes_again_is_given_once(shop: ShopifyShop, source: ShopifySource) -> None:
    shop.repeats = True
    placed = [shop.place([LINE]) for _ in range(7)]
    assert [each.external_id for each in source.open_paid(2) if isinstance(each, ShopOrder)] == placed


def test_fewer_orders_are_read_at_once_where_the_shop_finds_that_too_costly(
    shop: ShopifyShop, running: Running, source: ShopifySource
) -> None:
    shop.dearest = 200
    placed = [shop.place([LINE]) for _ in range(12)]
    assert [each.external_id for each in source.open_paid() if isinstance(each, ShopOrder)] == placed
    sizes = [len(each.json["variables"]["ids"]) for each in running.requests if "ids" in each.json["variables"]]
    assert sizes == [12, 10, 5, 2, 2, 2, 2, 2, 2]


def test_the_budget_is_waited_for_so_that_no_call_is_refused(shop: ShopifyShop, source: ShopifySource) -> None:
    shop.bucket, shop._left, shop.restore = 130, 130, 1000
    placed = [shop.place([LINE]) for _ in range(3)]
    for order in placed:
        assert read(source, order).external_id == order
    assert shop.throttled == 0


def test_a_call_beyond_the_budget_is_tried_again_when_the_shop_says(shop: ShopifyShop, source: ShopifySource) -> None:
    order = shop.place([LINE])
    shop.bucket, shop._left, shop.restore = 100, 0, 200
    assert read(source, order).external_id == order
    assert shop.throttled == 1


def test_a_write_beyond_the_budget_was_not_carried_out(shop: ShopifyShop, running: Running) -> None:
    waits: list[float] = []
    client = Client(settings({"base_url": running.url, "access_token": TOKEN}), waits.append)
    shop.bucket, shop._left, shop.restore = 100, 0, 0.01
    with pytest.raises(RateLimited) as caught:
        client.write("mutation { metafieldsSet(metafields: []) { userErrors { message } } }", {})
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 900
    with pytest.raises(RateLimited):
        client.write("mutation { metafieldsSet(metafields: []) { userErrors { message } } }", {})
    assert waits == [10.0]


# --- reading ---


def test_an_order_with_more_lines_than_a_page_is_read_in_full(shop: ShopifyShop, source: ShopifySource) -> None:
    order = shop.place([LINE] * 120)
    found = read(source, order)
    assert [line.line_no for line in found.lines] == list(range(1, 121))
    assert found.total == Money(990 * 120, "USD")


def test_a_line_that_is_no_item_is_a_reject_and_the_rest_is_given(shop: ShopifyShop, source: ShopifySource) -> None:
    order = shop.place([{**LINE, "attributes": {"_source_url": "https://e.tb.cn/h.abc"}}, {**LINE, "title": "Hat"}])
    found = list(source.open_paid())
    assert [each.reason for each in found if isinstance(each, Reject) and "short link" in each.reason]
    orders = [each for each in found if isinstance(each, ShopOrder)]
    assert [(each.external_id, [line.line_no for line in each.lines]) for each in orders] == [(order, [2])]


def test_a_line_that_does_not_say_what_to_buy_waits_for_a_mapping_of_its_variant(
    shop: ShopifyShop, source: ShopifySource
) -> None:
    line = read(source, shop.place([{**LINE, "attributes": {}, "variant": {"options": {"Title": "Default"}}}])).lines[0]
    assert (line.provider, line.item_id, line.configuration) == ("", "", "")
    assert line.product_key == "gid://shopify/ProductVariant/1"
    assert "no link" in line.unclear


def test_the_variant_is_read_before_its_product_and_the_line_before_both(
    shop: ShopifyShop, source: ShopifySource
) -> None:
    variant = {
        "options": {"Colour": "Black", "Size": "M"},
        "metafields": {("source", "sku"): "4610000000012"},
        "product": {("source", "url"): LINK, ("source", "sku"): "1"},
    }
    own = {"_source_options": "颜色:黑色", "_source_price": "12.5", "Note": "no box"}
    line = read(source, shop.place([{**LINE, "attributes": own, "variant": variant}])).lines[0]
    assert (line.item_id, line.sku_id, line.configuration) == (
        "610000000001",
        "4610000000012",
        "Colour: Black; Size: M",
    )
    assert (line.configuration_original, line.customer_comment) == ("颜色:黑色", "no box")
    assert line.reference_price == Money(1250, "CNY")


def test_pieces_given_back_are_not_bought(shop: ShopifyShop, source: ShopifySource) -> None:
    order = shop.place([{**LINE, "quantity": 3}])
    line = shop.orders[order].lines[0]
    shop.give_back(order, Decimal("9.90"), {line.id: 1})
    found = read(source, order)
    assert (found.lines[0].quantity, found.lines[0].open_quantity) == (2, 2)
    assert (found.total, found.paid, found.refunded) == tuple(Money(each, "USD") for each in (1980, 2970, 990))


# --- writing ---


def test_what_the_shop_holds_is_not_sent(shop: ShopifyShop, source: ShopifySource) -> None:
    order = shop.place([LINE])
    shop.orders[order].held = True
    answer = source.report_shipment(order, [(shop.orders[order].lines[0].id, 1)], "SF", "SF-1")
    assert answer.startswith("refused: the shop does not let 1 pieces")
    assert shop.orders[order].parcels == []


@pytest.mark.parametrize(("status", "says"), [(402, "settle the bill"), (423, "locked by Shopify")])
def test_a_closed_shop_says_so(status: int, says: str) -> None:
    class Closed:
        def answer(self, request: Request) -> Reply:
            return Reply({"errors": "Unavailable Shop"}, status)

    with serving(Closed()) as running, pytest.raises(Refused, match=says):
        Client(settings({"base_url": running.url, "access_token": TOKEN})).read(CHECK, {"query": ""})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"access_token": ""}, "“access_token” is missing"),
        ({"api_version": "10-2026"}, "“api_version”"),
        ({"url_metafield": "url"}, "namespace.key"),
        ({"notify_customer": "perhaps"}, "one of no, yes"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        opened("https://coats.myshopify.com", **wrong)
