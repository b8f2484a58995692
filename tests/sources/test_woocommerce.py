"""WooCommerce beyond the contract: an independent client before the same shop, HTTPS, rights, goods, refunds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import woocommerce
from woocommerce.oauth import OAuth

from autopurchase.domain.errors import BadInput, ConnectFailed, SessionRefused
from autopurchase.domain.money import Money
from autopurchase.domain.shop import Reject, ShopOrder, hold_reason
from autopurchase.sources.woocommerce import KIND, WooSource
from autopurchase.sources.woocommerce.signing import signature
from tests.sources.stubs.server import Reply, Request, Running, serving
from tests.sources.stubs.tls import certificate
from tests.sources.stubs.woocommerce import KEY, SECRET, WooShop

LINK = "https://item.taobao.com/item.htm?id=610000000001"
LINE = {"name": "Coat", "quantity": 2, "total": "20.00", "meta": {"_source_url": LINK}}


@pytest.fixture
def shop() -> Iterator[WooShop]:
    shop = WooShop()
    yield shop
    assert shop.damage == []


@pytest.fixture
def running(shop: WooShop) -> Iterator[Running]:
    with serving(shop) as running:
        yield running


def opened(url: str, **more: str) -> WooSource:
    config = {"base_url": url, "consumer_key": KEY, "consumer_secret": SECRET, "paid_methods": "stripe"}
    return KIND.open({**config, **more})


@pytest.fixture
def source(running: Running) -> WooSource:
    return opened(running.url)


def read(source: WooSource, order: int) -> ShopOrder:
    found = source.get(str(order))
    assert found is not None
    return found


# --- the independent client ---


def client(url: str, **more: Any) -> Any:
    return woocommerce.API(url=url, **{"consumer_key": KEY, "consumer_secret": SECRET, **more})


def test_an_independent_client_is_served_by_the_same_shop(shop: WooShop, running: Running) -> None:
    order = shop.place([LINE])
    listed = client(running.url).get("orders", params={"status": "processing", "per_page": 1})
    assert (listed.status_code, listed.headers["X-WP-Total"]) == (200, "1")
    assert listed.json()[0]["id"] == order
    noted = client(running.url).post(f"orders/{order}/notes", {"note": "Bought by hand", "customer_note": False})
    assert (noted.status_code, shop.notes[order][0]["note"]) == (201, "Bought by hand")


def test_an_independent_client_is_refused_as_ours_is(shop: WooShop, running: Running) -> None:
    wrong = client(running.url, consumer_secret="cs_wrong").get("orders")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "woocommerce_rest_authentication_error")
    with pytest.raises(SessionRefused, match="consumer key"):
        opened(running.url, consumer_secret="cs_wrong").get("1")
    too_many = client(running.url).get("orders", params={"per_page": 101})
    assert (too_many.status_code, too_many.json()["code"]) == (400, "rest_invalid_param")


@pytest.mark.parametrize(
    "query", ["", "status=processing,on-hold&per_page=100", "search=a b~cü&after=2026-11-01T00:00:00"]
)
def test_signatures_are_those_of_the_independent_client(query: str) -> None:
    url = "http://127.0.0.1:8080/wp-json/wc/v3/orders"
    oauth = OAuth(f"{url}?{query}" if query else url, KEY, SECRET, version="wc/v3", method="GET")
    params = dict(parse_qsl(urlsplit(oauth.get_oauth_url()).query))
    assert params.pop("oauth_signature") == signature("GET", url, params, SECRET)


# --- HTTPS ---


def test_over_https_the_key_travels_in_the_header_and_only_to_the_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path)
    shop = WooShop(tls=True)
    order = shop.place([LINE])
    with serving(shop, context) as running:
        with pytest.raises(ConnectFailed):
            opened(running.url).get(str(order))
        assert running.requests == []
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(trusted))
        assert read(opened(running.url), order).number == str(order)
        assert client(running.url, verify_ssl=str(trusted)).get("orders").status_code == 200
        assert not any("oauth" in name or "consumer" in name for name in running.requests[0].query)
        with pytest.raises(SessionRefused):
            opened(running.url, consumer_secret="cs_wrong").get("1")


# --- rights ---


def test_check_names_a_key_that_may_only_read(shop: WooShop, source: WooSource) -> None:
    shop.place([LINE])
    shop.rights = "read"
    check = source.check()
    assert (check.ok, check.open_paid) == (False, 1)
    assert "Read/Write" in check.problems[0]


def test_check_says_which_payment_methods_do_not_count(shop: WooShop, source: WooSource) -> None:
    for method in ("stripe", "stripe", "cod", "bacs"):
        shop.place([LINE], method=method)
    check = source.check()
    assert (check.ok, check.open_paid, check.details["not counted"]) == (True, 2, "bacs, cod")
    assert KEY not in repr(check)


def test_a_person_without_rights_and_a_wrong_path_are_explained(shop: WooShop, running: Running) -> None:
    shop.user_may = False
    assert "may manage orders" in opened(running.url).check().problems[0]
    assert "api_path" in opened(running.url, api_path="/nowhere").check().problems[0]


# --- goods ---


def test_what_a_line_does_not_say_is_read_from_variation_and_product(
    shop: WooShop, running: Running, source: WooSource
) -> None:
    shop.products[7] = {
        "id": 7,
        "meta_data": [{"key": "_source_url", "value": LINK}, {"key": "_source_seller", "value": "小店"}],
    }
    meta = [{"key": "_source_sku", "value": "4610000000012"}, {"key": "_source_price", "value": "12.5"}]
    shop.variations[7] = {71: {"id": 71, "meta_data": meta}}
    line = {"name": "Coat – Black", "quantity": 1, "total": "9.99", "product_id": 7, "variation_id": 71}
    orders = [shop.place([{**line, "options": {"Colour": "Black", "Size": "M & L"}}]) for _ in range(3)]
    found = {each.external_id: each for each in source.open_paid() if isinstance(each, ShopOrder)}
    bought = found[str(orders[0])].lines[0]
    assert (bought.item_id, bought.sku_id, bought.seller_name) == ("610000000001", "4610000000012", "小店")
    assert bought.reference_price == Money(1250, "CNY")
    assert bought.configuration == "Colour: Black; Size: M & L"
    assert sum("/products" in each.path for each in running.requests) == 2


def test_a_line_that_does_not_say_what_to_buy_waits_for_a_mapping_of_its_product(
    shop: WooShop, source: WooSource
) -> None:
    odd = [
        {**LINE, "product_id": 7, "variation_id": 71, "meta": {"_source_url": "https://m.tb.cn/h.abc"}},
        {**LINE, "product_id": 8, "meta": {}},
        {**LINE, "sku": "C-1", "meta": {}},
        {**LINE, "product_id": 9},
    ]
    lines = read(source, shop.place(odd)).lines
    assert [line.product_key for line in lines] == ["71", "8", "C-1", "9"]
    assert [(line.provider, line.item_id) for line in lines] == [("", "")] * 3 + [("taobao", "610000000001")]
    assert ["short link" in lines[0].unclear, "no link" in lines[1].unclear, lines[3].unclear] == [True, True, ""]


def test_a_line_that_cannot_be_taken_is_a_reject_and_the_rest_is_given(shop: WooShop, source: WooSource) -> None:
    odd = [{"name": "Gift card", "quantity": 1, "total": "5.00"}, {**LINE, "quantity": 1.5}, LINE]
    order = shop.place(odd)
    found = list(source.open_paid())
    rejects = [each for each in found if isinstance(each, Reject)]
    assert [each.position for each in rejects] == [f"order {order}, line {number}" for number in (1, 2)]
    assert all(part in each.reason for part, each in zip(("no link", "whole number"), rejects, strict=True))
    orders = [each for each in found if isinstance(each, ShopOrder)]
    assert [line.line_no for line in orders[0].lines] == [3]


def test_unit_prices_are_what_the_customer_paid_rounded_half_up(shop: WooShop, source: WooSource) -> None:
    order = shop.place([{**LINE, "quantity": 3, "total": "10.00", "total_tax": "1.90"}])
    found = read(source, order)
    assert (found.lines[0].unit_price, found.total) == (Money(397, "USD"), Money(1190, "USD"))


# --- paging ---


class Leaving:
    """A shop whose oldest order is cancelled before the second page of orders is answered."""

    def __init__(self, shop: WooShop) -> None:
        self.shop = shop
        self.pages = 0

    def answer(self, request: Request) -> Reply:
        self.pages += request.path.endswith("/orders")
        if self.pages == 2:
            next(iter(self.shop.orders.values()))["status"] = "cancelled"
        return self.shop.answer(request)


@pytest.mark.parametrize("at_once", [1, 250])
def test_an_order_that_leaves_hides_no_other_in_a_large_shop(shop: WooShop, at_once: int) -> None:
    placed = []
    for number in range(250):
        shop.clock = count(2 * (number // at_once))  # so many orders in the same second
        placed.append(shop.place([LINE], status="on-hold"))
    with serving(Leaving(shop)) as running:
        found = [int(each.external_id) for each in opened(running.url).open_paid(100) if isinstance(each, ShopOrder)]
    assert found == placed


# --- refunds ---


def test_pieces_given_back_leave_the_line_and_the_total(shop: WooShop, source: WooSource) -> None:
    order = shop.place([LINE, {**LINE, "name": "Hat"}])
    line = shop.orders[order]["line_items"][0]["id"]
    shop.give_back(order, "10.00", {line: 1})
    found = read(source, order)
    assert [(each.quantity, each.open_quantity) for each in found.lines] == [(1, 1), (2, 2)]
    assert (found.total, found.paid, found.refunded) == tuple(Money(each, "USD") for each in (3000, 4000, 1000))
    assert hold_reason(found) == ""
    shop.give_back(order, "0.01")
    assert hold_reason(read(source, order)) == "partial_refund"


def test_many_refunds_are_all_read(shop: WooShop, source: WooSource) -> None:
    order = shop.place([{**LINE, "total": "200.00"}])
    for _ in range(120):
        shop.give_back(order, "1.00")
    assert read(source, order).refunded == Money(12_000, "USD")


# --- parcels ---


def test_a_parcel_whose_note_failed_is_noted_when_it_is_reported_again(shop: WooShop, source: WooSource) -> None:
    order = shop.place([LINE])
    line = str(shop.orders[order]["line_items"][0]["id"])
    assert source.report_shipment(str(order), [(line, 1)], "SF", "SF-1") == "done"
    shop.notes.clear()
    assert source.report_shipment(str(order), [(line, 1)], "SF", "SF-1") == "done"
    assert source.report_shipment(str(order), [(line, 1)], "SF", "SF-1") == "already"
    assert [each["customer_note"] for each in shop.notes[order]] == [False]


def test_the_customer_gets_the_note_where_the_setting_says_so(shop: WooShop, running: Running) -> None:
    order = shop.place([LINE])
    line = str(shop.orders[order]["line_items"][0]["id"])
    opened(running.url, note_to_customer="yes").report_shipment(str(order), [(line, 2)], "SF", "SF-1")
    assert shop.notes[order][0]["customer_note"] is True
    assert "Coat × 2" in shop.notes[order][0]["note"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"paid_methods": ""}, "“paid_methods” is missing"),
        ({"base_url": "shop.example.com"}, "“base_url”"),
        ({"consumer_key": "ck with blanks"}, "“consumer_key” is not"),
        ({"timeout_seconds": "0"}, "whole number from 1"),
        ({"note_to_customer": "maybe"}, "one of no, yes"),
        ({"url_meta": "a b"}, "“url_meta”"),
        ({"paid_statuses": " , "}, "“paid_statuses” is empty"),
    ],
)
def test_wrong_settings_are_named_and_secrets_not_shown(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        opened("https://shop.example.com", **wrong)
    assert "ck with" not in caught.value.sentence
