"""The Vendure source's translation, on an answer recorded from a real shop."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.shop import hold_reason
from autopurchase.sources.vendure import shipment
from autopurchase.sources.vendure.manifest import CUSTOM_FIELDS, settings
from autopurchase.sources.vendure.translate import Reader, change_token

RECORDED = Path(__file__).parents[1] / "data" / "vendure_orders.json"
NAMES = {field.name: field.default for field in CUSTOM_FIELDS if field.default}
MORE = {
    "line_price_field": "priceThen",
    "variant_price_field": "priceNow",
    "variant_seller_id_field": "sellerId",
    "variant_seller_name_field": "seller",
}
READER = Reader(2, NAMES | MORE)
GOOD = {"base_url": "https://shop.example.com", "api_key": "1:secret"}


@pytest.fixture
def nodes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(RECORDED.read_text(encoding="utf-8"))["orders"]["items"]
    return found


def test_what_may_be_bought(nodes: list[dict[str, Any]]) -> None:
    orders = [READER.order(node)[0] for node in nodes]
    assert [order.state for order in orders] == ["open"] * 5
    assert [hold_reason(order) for order in orders] == ["", "not_payable", "", "not_payable", "partial_refund"]
    assert [order.refunded.minor > 0 for order in orders] == [False, False, False, True, True]


def test_open_quantity_counts_every_fulfilment_that_is_not_cancelled(nodes: list[dict[str, Any]]) -> None:
    order = READER.order(nodes[0])[0]
    assert [(line.quantity, line.open_quantity) for line in order.lines] == [(2, 2), (3, 1)]
    nodes[0]["fulfillments"][0]["state"] = "Cancelled"
    assert [line.open_quantity for line in READER.order(nodes[0])[0].lines] == [2, 2]


def test_a_cancelled_line_keeps_the_number_of_the_next(nodes: list[dict[str, Any]]) -> None:
    assert [line.line_no for line in READER.order(nodes[2])[0].lines] == [2]


def test_numbers_of_lines_follow_their_age_whatever_the_order_of_the_answer(nodes: list[dict[str, Any]]) -> None:
    first = READER.order(nodes[0])[0]
    nodes[0]["lines"].reverse()
    assert READER.order(nodes[0])[0].lines == first.lines


@pytest.mark.parametrize("state", ["Failed", "Settled", "Pending"])
def test_a_failed_refund_gives_nothing_back(nodes: list[dict[str, Any]], state: str) -> None:
    nodes[3]["payments"][0]["refunds"][0]["state"] = state
    assert (hold_reason(READER.order(nodes[3])[0]) == "") is (state == "Failed")


def test_a_declined_payment_is_no_payment(nodes: list[dict[str, Any]]) -> None:
    nodes[0]["payments"].append(nodes[0]["payments"][0] | {"state": "Declined"})
    order = READER.order(nodes[0])[0]
    assert order.paid == order.total


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("PaymentAuthorized", "open"),
        ("PartiallyDelivered", "open"),
        ("Cancelled", "cancelled"),
        ("Delivered", "closed"),
        ("Modifying", "closed"),
        ("ArrangingAdditionalPayment", "closed"),
        ("SomethingNew", "closed"),
    ],
)
def test_states_in_which_nothing_may_be_bought_are_not_open(nodes: list[dict[str, Any]], raw: str, state: str) -> None:
    assert READER.order(nodes[0] | {"state": raw})[0].state == state


def test_optional_custom_fields(nodes: list[dict[str, Any]]) -> None:
    line = nodes[0]["lines"][0]
    line["productVariant"]["customFields"] |= {"sellerId": "77", "seller": "某店", "priceNow": "88.00"}
    found = READER.order(nodes[0])[0].lines[0]
    assert (found.seller_id, found.seller_name, found.reference_price) == ("77", "某店", Money(8800, "CNY"))
    line["customFields"]["priceThen"] = 79.5
    changed = json.loads(json.dumps(nodes[0]), parse_float=str)
    assert READER.order(changed)[0].lines[0].reference_price == Money(7950, "CNY")


def test_a_price_that_is_none_rejects_its_line_only(nodes: list[dict[str, Any]]) -> None:
    nodes[0]["lines"][0]["customFields"]["priceThen"] = "about 80"
    order, rejects = READER.order(nodes[0])
    assert [line.line_no for line in order.lines] == [2]
    assert "about 80" in rejects[0].reason
    assert rejects[0].position == f"order {nodes[0]['code']}, line 1"


def test_a_line_without_any_link_says_so(nodes: list[dict[str, Any]]) -> None:
    nodes[0]["lines"][0]["productVariant"]["customFields"]["sourceUrl"] = None
    order, rejects = READER.order(nodes[0])
    assert rejects == []
    line = order.lines[0]
    assert (line.provider, line.item_id, line.product_key) == ("", "", nodes[0]["lines"][0]["productVariant"]["sku"])
    assert "no link" in line.unclear


@pytest.mark.parametrize(
    ("currency", "digits", "amount", "minor"),
    [
        ("USD", 2, 63200, 63200),
        ("JPY", 2, 63200, 632),
        ("JPY", 0, 632, 632),
        ("KWD", 3, 1250, 1250),
        ("EUR", 4, 10000, 100),
    ],
)
def test_amounts_in_several_currencies(
    nodes: list[dict[str, Any]], currency: str, digits: int, amount: int, minor: int
) -> None:
    node = copy.deepcopy(nodes[0]) | {"currencyCode": currency, "payments": [], "lines": []}
    node |= dict.fromkeys(("totalWithTax", "subTotalWithTax", "shippingWithTax"), amount)
    assert Reader(digits, NAMES).order(node)[0].total == Money(minor, currency)


def test_parts_of_a_cent_are_not_rounded_away(nodes: list[dict[str, Any]]) -> None:
    with pytest.raises(BadInput, match="too many digits"):
        Reader(4, NAMES).order(nodes[0] | {"totalWithTax": 12345})


def test_the_change_token_ignores_what_we_write_ourselves(nodes: list[dict[str, Any]]) -> None:
    token = change_token(nodes[0])
    ours = nodes[0] | {"updatedAt": "2030-01-01T00:00:00.000Z", "customFields": {"purchaseStatus": "ordered"}}
    assert change_token(ours) == token
    assert change_token(ours | {"state": "Cancelled"}) != token


def test_a_shipment_is_known_by_lines_and_number(nodes: list[dict[str, Any]]) -> None:
    line = nodes[0]["lines"][1]["id"]
    known = shipment.find(nodes[0], {line: 1}, "SF-2")
    assert known is not None
    assert known["state"] in shipment.BEFORE_SHIPPED
    assert shipment.find(nodes[0], {line: 1}, "SF-3") is None
    assert shipment.find(nodes[0], {line: 2}, "SF-2") is None
    assert shipment.refusal(nodes[0], {line: 1}) == ""
    assert "2 pieces" in shipment.refusal(nodes[0], {line: 2})


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": ""},
        {"base_url": "shop.example.com"},
        {"base_url": "https://shop.example.com/admin-api"},
        {"base_url": "https://user:word@shop.example.com"},
        {"api_key": ""},
        {"api_key": "QWERTZ"},
        {"api_key": "1:\r\nQWERTZ"},
        {"api_path": "admin-api"},
        {"timeout_seconds": "soon"},
        {"price_digits": "9"},
        {"line_url_field": "sourceUrl } secrets {"},
    ],
)
def test_a_wrong_setting_is_named_and_the_key_is_not_shown(wrong: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))) as caught:
        settings(GOOD | wrong)
    assert "QWERTZ" not in caught.value.sentence


def test_the_key_is_not_printed() -> None:
    assert "secret" not in repr(settings(GOOD))
