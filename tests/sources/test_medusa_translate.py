"""The Medusa source's translation and settings, on an answer of a real shop (recorded, without its `raw_…` doubles)."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.shop import ShopLine, ShopOrder, hold_reason
from autopurchase.sources.medusa import shipment
from autopurchase.sources.medusa.manifest import METADATA, settings
from autopurchase.sources.medusa.translate import Reader, is_wanted, money

RECORDED = Path(__file__).parents[1] / "data" / "medusa_order.json"
NAMES = {field.name: field.default for field in METADATA if field.default}
MORE = {"line_price_field": "price_then", "variant_price_field": "price_now", "variant_seller_id_field": "seller_id"}
READER = Reader(NAMES | MORE)
GOOD = {"base_url": "https://shop.example.com/", "secret_key": "sk_1"}


@pytest.fixture
def node() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"), parse_float=Decimal)
    return found


def read(node: dict[str, Any]) -> ShopOrder:
    return READER.order(node)[0]


def line(node: dict[str, Any], sku: str) -> ShopLine:
    return next(each for each in read(node).lines if each.extras["sku"] == sku)


def item(node: dict[str, Any], sku: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in node["items"] if each["variant_sku"] == sku)
    return found


def test_what_the_shop_said_is_read(node: dict[str, Any]) -> None:
    order = read(node)
    assert (order.number, order.state, order.customer, order.delivery_service) == ("11", "open", "Anna Meyer", "Air")
    assert (order.goods_total, order.delivery_cost) == (Money(5741, "USD"), Money(1500, "USD"))
    assert (order.total, order.paid, order.refunded) == (Money(7241, "USD"), Money(7241, "USD"), Money(501, "USD"))
    assert hold_reason(order) == "partial_refund"
    assert order.ship_to["streetLine1"] == "Hauptstrasse 1"
    assert "province" not in order.ship_to
    assert [(each.line_no, each.quantity, each.open_quantity) for each in order.lines] == [(1, 3, 2), (2, 2, 2)]
    shirt = line(node, "T1-1")
    assert (shirt.provider, shirt.item_id, shirt.sku_id, shirt.spec_id) == (
        "taobao",
        "650000104729",
        "4500001047290",
        "",
    )
    assert (shirt.configuration, shirt.configuration_original) == ("Colour: Oat; Size: S", "颜色:黑色;尺码:M")
    assert (shirt.unit_price, shirt.customer_comment) == (Money(1525, "USD"), "no box")
    assert line(node, "A1-2").spec_id == "fe88100026d96bcf3be7ddd73605a9eb"


def test_a_credit_that_the_shop_gave_makes_the_order_cheaper(node: dict[str, Any]) -> None:
    node["credit_lines"] = [{"amount": Decimal("5.01"), "reference": "store_credit"}]
    assert read(node).total == Money(6740, "USD")


def test_every_payment_of_every_collection_counts(node: dict[str, Any]) -> None:
    late = {"amount": 10, "created_at": "2026-11-24T08:00:00.000Z"}
    more = {"payments": [{"canceled_at": None, "captures": [late], "refunds": [{"amount": Decimal("0.99")}]}]}
    node["payment_collections"] += [more, {"payments": []}, {}]
    order = read(node)
    assert (order.paid, order.refunded) == (Money(8241, "USD"), Money(600, "USD"))
    assert order.paid_at is not None
    assert order.paid_at.isoformat() == "2026-11-24T08:00:00+00:00"


def test_a_product_s_own_metadata_serves_all_its_variants(node: dict[str, Any]) -> None:
    variant = item(node, "T1-1")["variant"]
    variant["metadata"] = {"source_sku_id": 4500001047290}
    variant["product"]["metadata"] = {
        "source_url": "https://item.taobao.com/item.htm?id=650000104729",
        "seller_id": "7",
        "price_now": "61.00",
    }
    found = line(node, "T1-1")
    assert (found.item_id, found.sku_id, found.seller_id) == ("650000104729", "4500001047290", "7")
    assert found.reference_price == Money(6100, "CNY")


def test_a_line_s_own_words_come_before_those_of_its_variant(node: dict[str, Any]) -> None:
    item(node, "T1-1")["metadata"] = {
        "source_url": "https://detail.1688.com/offer/620000000002.html",
        "source_sku_id": "5620000000021",
        "price_then": "12.5",
    }
    found = line(node, "T1-1")
    assert (found.provider, found.item_id, found.spec_id) == ("alibaba1688", "620000000002", "5620000000021")
    assert found.reference_price == Money(1250, "CNY")


@pytest.mark.parametrize("variant", [None, {"metadata": None, "product": None}])
def test_a_deleted_variant_leaves_its_product_for_a_mapping(node: dict[str, Any], variant: Any) -> None:
    item(node, "T1-1")["variant"] = variant
    order, rejects = READER.order(node)
    found = line(node, "T1-1")
    assert (len(order.lines), rejects) == (2, [])
    assert (found.item_id, found.product_key, found.configuration) == ("", "T1-1", "Oat / S")
    assert "link" in found.unclear
    item(node, "T1-1")["metadata"] = {"source_url": "https://item.taobao.com/item.htm?id=650000104729"}
    assert (line(node, "T1-1").item_id, line(node, "T1-1").unclear) == ("650000104729", "")


def test_a_product_is_named_by_its_sku_or_its_variant(node: dict[str, Any]) -> None:
    assert line(node, "A1-2").product_key == "A1-2"
    item(node, "A1-2")["variant_sku"] = None
    assert line(node, "").product_key == node["items"][0]["variant_id"]


def test_what_cannot_be_read_is_a_reject_of_its_line_alone(node: dict[str, Any]) -> None:
    item(node, "T1-1")["metadata"]["price_then"] = "cheap"
    order, rejects = READER.order(node)
    assert [each.extras["sku"] for each in order.lines] == ["A1-2"]
    assert [(reject.position, reject.row["sku"]) for reject in rejects] == [("order 11, line 2", "T1-1")]
    item(node, "A1-2")["quantity"] = Decimal("2.5")
    assert len(READER.order(node)[1]) == 2


def test_a_thing_made_up_in_the_cart_without_a_link_is_a_reject(node: dict[str, Any]) -> None:
    item(node, "T1-1").update(variant_id=None, variant=None, variant_sku=None)
    assert "link" in READER.order(node)[1][0].reason


def test_what_came_back_had_been_packed_and_counts_once(node: dict[str, Any]) -> None:
    detail = item(node, "A1-2")["detail"]
    detail["return_requested_quantity"] = 1
    assert line(node, "A1-2").open_quantity == 2
    detail["written_off_quantity"] = 1
    assert line(node, "A1-2").open_quantity == 1


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", "open"),
        ("canceled", "cancelled"),
        ("completed", "closed"),
        ("archived", "closed"),
        ("new", "closed"),
    ],
)
def test_states(node: dict[str, Any], status: str, state: str) -> None:
    node["status"] = status
    assert read(node).state == state
    assert is_wanted(node) == (state == "open")


def test_what_is_packed_or_has_no_payment_is_not_for_the_sweep(node: dict[str, Any]) -> None:
    node["payment_collections"][0]["payments"][0]["canceled_at"] = "2026-11-24T08:00:00.000Z"
    assert not is_wanted(node)
    node["payment_collections"][0]["payments"][0]["canceled_at"] = None
    assert is_wanted(node)
    for each in node["items"]:
        each["detail"]["fulfilled_quantity"] = each["quantity"]
    assert not is_wanted(node)
    assert read(node).state == "closed"


def test_the_change_token_moves_with_what_is_read_and_not_with_our_mark(node: dict[str, Any]) -> None:
    before = read(node).change_token
    node["metadata"], node["updated_at"] = {"purchase_status": "ordered"}, "2026-11-25T00:00:00.000Z"
    assert read(node).change_token == before
    node["payment_collections"][0]["payments"][0]["captures"][0]["amount"] = 1
    assert read(node).change_token != before


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("616", "USD", 61600),
        ("616.1", "EUR", 61610),
        ("67.56204", "EUR", 6756),
        ("0.005", "EUR", 1),
        ("1500", "JPY", 1500),
        ("1500.5", "JPY", 1501),
        ("1.2345", "KWD", 1235),
        ("99999999999999.99", "USD", 9999999999999999),
    ],
)
def test_amounts_are_major_units(amount: str, currency: str, minor: int) -> None:
    assert money(Decimal(amount), currency) == Money(minor, currency)


def test_numbers_as_people_know_them(node: dict[str, Any]) -> None:
    assert Reader(NAMES, "M-").number(node) == "M-11"
    node["custom_display_id"] = "2026/11"
    assert Reader(NAMES).number(node) == "2026/11"


def test_a_parcel_packed_by_hand_is_the_same_shipment_and_a_cancelled_one_is_none(node: dict[str, Any]) -> None:
    part = node["fulfillments"][0]
    asked = {part["items"][0]["line_item_id"]: 1}
    assert shipment.find(node, asked, "SF-1") is None
    part["labels"] = [{"tracking_number": "SF-1"}]
    assert shipment.find(node, asked, "SF-1") is part
    assert shipment.find(node, {**asked, "other": 1}, "SF-1") is None
    assert shipment.find(node, asked, "") is None
    part["canceled_at"] = "2026-11-24T08:00:00.000Z"
    assert shipment.find(node, asked, "SF-1") is None


def test_packed_pieces_that_no_fulfilment_shows_stand_in_the_way_of_packing_more(node: dict[str, Any]) -> None:
    packed, other = item(node, "A1-2"), item(node, "T1-1")
    assert shipment.hidden(node, {packed["id"]: 1, other["id"]: 1}) == ""
    packed["detail"]["fulfilled_quantity"] = 2
    assert "2 packed pieces" in shipment.hidden(node, {packed["id"]: 1})
    assert shipment.hidden(node, {other["id"]: 1}) == ""


def test_settings_are_checked_and_the_key_is_not_shown() -> None:
    good = settings(GOOD)
    assert (good.base_url, good.days, good.notify) == ("https://shop.example.com", 0, False)
    assert "sk_1" not in repr(good)
    for wrong in (
        {"secret_key": ""},
        {"secret_key": "sk 3fa9"},
        {"base_url": "shop"},
        {"location_id": "a/b"},
        {"notify_customer": "perhaps"},
        {"placed_within_days": "-1"},
        {"number_prefix": "my shop"},
        {"line_url_field": "a b"},
    ):
        with pytest.raises(BadInput, match=next(iter(wrong))) as caught:
            settings(GOOD | wrong)
        assert "3fa9" not in caught.value.sentence
