"""OTAPI beyond the contract: signatures, sessions, statuses of the shop's own, comments that people wrote."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput, NotSent, Refused, SessionRefused, Unknown
from autopurchase.domain.money import Money
from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.sources.otapi import KIND, OtapiSource, comments
from autopurchase.sources.otapi.client import signature
from autopurchase.sources.otapi.translate import rows
from tests.sources.stubs.otapi import KEY, LOGIN, PASSWORD, OtShop
from tests.sources.stubs.server import Reply, Request, Running, serving

LINE: dict[str, Any] = {
    "ItemId": "610000000001",
    "ConfigurationId": "4610000000011",
    "Quantity": 2,
    "Price": Decimal("9.90"),
}


@pytest.fixture
def shop() -> Iterator[OtShop]:
    shop = OtShop()
    yield shop
    assert shop.damage == []


@pytest.fixture
def running(shop: OtShop) -> Iterator[Running]:
    with serving(shop) as running:
        yield running


def opened(url: str, **more: str) -> OtapiSource:
    config = {"base_url": url, "instance_key": KEY, "user_login": LOGIN, "user_password": PASSWORD}
    return KIND.open({**config, **more})


@pytest.fixture
def source(running: Running) -> OtapiSource:
    return opened(running.url)


def read(source: OtapiSource, order: str) -> ShopOrder:
    found = source.get(order)
    assert found is not None
    return found


# --- signatures and sessions ---


def test_the_signature_is_that_of_the_vendor_s_example() -> None:
    params = {"instanceKey": "INSTANCEKEY", "language": "ru", "categoryId": "0", "timestamp": "20210212114345"}
    wanted = "305330c8b160062a90c9449cd146f4fb79a458d0fe3f04b55908edab5c65f1a5"
    assert signature("GetCategoryInfo", params, "123123") == wanted
    assert signature("GetCategoryInfo", {**params, "signature": wanted}, "123123") == wanted


def test_a_wrong_secret_is_explained(shop: OtShop, running: Running) -> None:
    shop.secret = "right"
    with pytest.raises(SessionRefused, match="InvalidSignature"):
        opened(running.url, secret="wrong").get("1")
    with pytest.raises(SessionRefused, match="MissingTimestamp"):
        opened(running.url).get("1")


def test_an_operator_signs_in_once_and_again_when_the_session_ends(shop: OtShop, source: OtapiSource) -> None:
    order = shop.place([LINE])
    for _ in range(3):
        read(source, order)
    assert shop.sign_ins == 1
    shop.sessions.clear()
    assert source.mark(order, "ordered", "AP-1") is True
    assert shop.sign_ins == 2


def test_a_write_whose_session_ended_did_nothing_and_is_made_again_once(shop: OtShop) -> None:
    class Ending:
        """Ends the first session just before the write."""

        def answer(self, request: Request) -> Reply:
            if request.path.endswith("/PurchaseItems") and shop.sign_ins == 1:
                shop.sessions.clear()
            return shop.answer(request)

    order = shop.place([LINE])
    with serving(Ending()) as running:
        assert opened(running.url).mark(order, "ordered", "AP-1") is True
        assert sum(each.path.endswith("/PurchaseItems") for each in running.requests) == 2
    assert shop.sign_ins == 2
    assert shop.lines[order][0]["OperatorComment"] == "[purchase: ordered | AP-1]"


def test_sessions_that_end_at_once_are_not_chased(shop: OtShop) -> None:
    class Hopeless:
        def answer(self, request: Request) -> Reply:
            reply = shop.answer(request)
            shop.sessions.clear()
            return reply

    with serving(Hopeless()) as running:
        with pytest.raises(Refused, match="session is over"):
            opened(running.url).get("1")
        assert len(running.requests) == 4


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"user_password": "guess"}, "login and password"), ({"instance_key": "other"}, "ask the vendor about the key")],
)
def test_wrong_credentials_are_explained_and_not_shown(running: Running, wrong: dict[str, str], says: str) -> None:
    source = opened(running.url, **wrong)
    with pytest.raises(SessionRefused, match=says) as caught:
        source.get("1")
    check = source.check()
    assert not check.ok
    assert not any(word in f"{check} {caught.value!r} {caught.value.raw}" for word in wrong.values())


def test_an_operator_without_rights_is_explained(shop: OtShop, source: OtapiSource) -> None:
    shop.rights = False
    assert "rights on orders" in source.check().problems[0]


@pytest.mark.parametrize(
    ("code", "reading", "writing"),
    [
        ("InternalError", NotSent, Unknown),
        ("InstanceKeyBan", SessionRefused, SessionRefused),
        ("ValidationError", Refused, Refused),
    ],
)
def test_each_error_word_is_typed_by_what_it_proves(
    shop: OtShop, code: str, reading: type[Exception], writing: type[Exception]
) -> None:
    class Failing:
        method = ""

        def answer(self, request: Request) -> Reply:
            if request.path.endswith(self.method):
                return Reply({"ErrorCode": code, "ErrorDescription": "It failed"})
            return shop.answer(request)

    order = shop.place([LINE])
    failing = Failing()
    with serving(failing) as running:
        failing.method = "GetSalesOrderDetailsForOperator"
        with pytest.raises(reading):
            opened(running.url).get(order)
        failing.method = "PurchaseItems"
        with pytest.raises(writing):
            opened(running.url).mark(order, "ordered", "AP-1")


# --- statuses ---


def test_check_lists_the_shop_s_own_statuses(shop: OtShop, source: OtapiSource) -> None:
    shop.place([LINE])
    shop.place([LINE], paid=False)
    check = source.check()
    assert (check.ok, check.open_paid) == (True, 1)
    assert "2 Ready to buy" in check.details["line statuses"]


def test_statuses_may_be_named(shop: OtShop, running: Running) -> None:
    order = shop.place([LINE])
    shop.orders[order]["StatusCode"] = "10"
    source = opened(running.url, open_order_statuses="awaiting payment, Paid", ready_line_statuses="Ready to buy")
    assert [each.external_id for each in source.open_paid() if isinstance(each, ShopOrder)] == [order]


@pytest.mark.parametrize("setting", ["open_order_statuses", "ready_line_statuses"])
def test_statuses_that_the_shop_does_not_have_are_refused_with_those_it_has(running: Running, setting: str) -> None:
    source = opened(running.url, **{setting: "777"})
    with pytest.raises(BadInput, match=rf"“{setting}”.*(30 Paid|2 Ready to buy)"):
        list(source.open_paid())
    assert not source.check().ok


def test_each_line_carries_the_shop_s_word(shop: OtShop, source: OtapiSource) -> None:
    order = shop.place([{**LINE, "StatusId": status} for status in (2, 6, 1, 12)])
    assert [(line.line_no, line.status) for line in read(source, order).lines] == [
        (1, ""),
        (2, "ordered"),
        (3, "awaiting_payment"),
    ]


# --- reading ---


def test_amounts_are_in_the_currency_of_the_settings_where_they_name_one(shop: OtShop, running: Running) -> None:
    order = shop.place([{**LINE, "Price": Decimal("1250.4")}])
    found = read(opened(running.url, currency="JPY"), order)
    assert (found.total, found.lines[0].unit_price) == (Money(2501, "JPY"), Money(1250, "JPY"))
    shop.orders[order]["CurrencyCode"] = ""
    with pytest.raises(BadInput, match="“currency”"):
        opened(running.url).get(order)


def test_times_without_a_zone_are_taken_in_the_shop_s(shop: OtShop, running: Running) -> None:
    order = shop.place([LINE])
    shop.orders[order]["CreatedDateTime"] = "2026-11-02T01:30:00"
    assert read(opened(running.url, utc_offset="3"), order).created_at.isoformat() == "2026-11-01T22:30:00+00:00"


def test_names_of_line_fields_are_settings(shop: OtShop, running: Running) -> None:
    order = shop.place([{"GoodsId": "abb-620000000002", "Pieces": 3, "Cost": "1.50", "Quantity": 1, "Price": 4.5}])
    line = read(opened(running.url, line_fields="item=GoodsId, quantity=Pieces, price=Cost"), order).lines[0]
    assert (line.provider, line.item_id, line.quantity) == ("alibaba1688", "620000000002", 3)
    assert line.item_url == "https://detail.1688.com/offer/620000000002.html"
    with pytest.raises(BadInput, match="“line_fields”"):
        opened(running.url, line_fields="goods=GoodsId")


def test_the_item_s_id_says_what_to_buy_whatever_page_the_shop_links_to(shop: OtShop, source: OtapiSource) -> None:
    page = "https://shop.example.com/item?id=1"
    line = read(source, shop.place([{**LINE, "ItemExternalUrl": page}])).lines[0]
    assert (line.item_id, line.item_url) == ("610000000001", "https://item.taobao.com/item.htm?id=610000000001")
    found = "https://detail.1688.com/offer/620000000002.html"
    line = read(source, shop.place([{**LINE, "ItemId": "otc-17", "ItemExternalUrl": found}])).lines[0]
    assert (line.provider, line.item_id) == ("alibaba1688", "620000000002")


def test_goods_of_the_shop_s_own_wait_for_a_mapping(shop: OtShop, source: OtapiSource) -> None:
    lines = read(source, shop.place([{**LINE, "ItemId": "otc-17"}, LINE])).lines
    assert [(line.product_key, line.item_id) for line in lines] == [
        ("otc-17:4610000000011", ""),
        ("610000000001:4610000000011", "610000000001"),
    ]
    assert "no link" in lines[0].unclear


def test_a_line_that_cannot_be_taken_is_a_reject_and_the_rest_is_given(shop: OtShop, source: OtapiSource) -> None:
    shop.place([{**LINE, "ItemId": "", "ConfigurationId": ""}, {**LINE, "Quantity": 1.5}, LINE])
    found = list(source.open_paid())
    rejects = [each.reason for each in found if isinstance(each, Reject)]
    assert all(part in reason for part, reason in zip(("no link", "whole number"), rejects, strict=True))
    orders = [each for each in found if isinstance(each, ShopOrder)]
    assert [line.line_no for line in orders[0].lines] == [3]


@pytest.mark.parametrize(
    ("value", "count"),
    [([{"Id": 1}], 1), ({"Content": [{"Id": 1}, {"Id": 2}]}, 2), ({"SalesLine": {"Id": 1}}, 1), (None, 0), ("x", 0)],
)
def test_lists_are_found_in_every_wrapping(value: Any, count: int) -> None:
    assert len(rows(value)) == count


# --- writing ---


def test_what_people_wrote_stays(shop: OtShop, source: OtapiSource) -> None:
    order = shop.place([{**LINE, "OperatorComment": "ask for the blue one [urgent]"}])
    line = shop.lines[order][0]
    source.mark(order, "ordered", "AP-1")
    source.report_shipment(order, [(line["Id"], 1)], "SF [express]", "SF|1")
    source.mark(order, "bought", "AP-1")
    assert line["OperatorComment"].startswith("ask for the blue one [urgent]")
    assert comments.mark(line["OperatorComment"]) == ("bought", "AP-1")
    assert comments.parcels(line["OperatorComment"]) == [("SF (express)", "SF/1", 1)]
    assert source.report_shipment(order, [(line["Id"], 1)], "SF [express]", "SF|1") == "already"


def test_line_statuses_are_written_only_where_the_settings_name_them(shop: OtShop, running: Running) -> None:
    order = shop.place([LINE, {**LINE, "StatusId": 1}])
    opened(running.url).mark(order, "ordered", "AP-1")
    assert [each["StatusId"] for each in shop.lines[order]] == [2, 1]
    source = opened(running.url, ordered_line_status="Bought", sent_line_status="8")
    assert source.mark(order, "ordered", "AP-1") is True
    assert [each["StatusId"] for each in shop.lines[order]] == [6, 1]
    first = shop.lines[order][0]["Id"]
    assert source.report_shipment(order, [(first, 1)], "SF", "SF-1") == "done"
    assert shop.lines[order][0]["StatusId"] == 6
    assert source.report_shipment(order, [(first, 1)], "SF", "SF-2") == "done"
    assert shop.lines[order][0]["StatusId"] == 8
    assert source.report_shipment(order, [(first, 1)], "SF", "SF-2") == "already"


def test_special_characters_survive_the_way_there(shop: OtShop, source: OtapiSource) -> None:
    order = shop.place([{**LINE, "OperatorComment": "<b>5 & 6</b> 颜色"}])
    source.mark(order, "ordered", "AP-1 & <x>")
    assert shop.lines[order][0]["OperatorComment"].startswith("<b>5 & 6</b> 颜色\n[purchase: ordered | AP-1 & <x>")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"user_password": ""}, "“user_password” is missing"),
        ({"currency": "dollars"}, "“currency”"),
        ({"utc_offset": "99"}, "“utc_offset”"),
        ({"language": "e n"}, "“language”"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        opened("https://otapi.net", **wrong)
