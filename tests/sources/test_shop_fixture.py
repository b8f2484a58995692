"""The shop that the source tests rely on does what a real shop does."""

from pathlib import Path

import pytest

from tests.support.shop import READ_AND_WRITE, Customer, Item, Shop, ShopError, start_shop
from tests.support.shop_goods import DEFAULT_FILE, Product, goods, write_products

pytestmark = pytest.mark.node
SHIPPING = 1500
ORDERS = "{ orders(options: {take: 5}) { items { code } } }"
MARK = """mutation ($id: ID!) {
  setOrderCustomFields(input: {
    id: $id, customFields: {purchaseStatus: "ordered", purchaseRef: "R-1"}}) { id } }"""
NOTE = 'mutation ($id: ID!) { addNoteToOrder(input: {id: $id, note: "bought", isPublic: false}) { id } }'
FULFIL = """mutation ($line: ID!) { addFulfillmentToOrder(input: {
  lines: [{orderLineId: $line, quantity: 1}],
  handler: {code: "manual-fulfillment", arguments: [
    {name: "method", value: "SF"}, {name: "trackingCode", value: "SF1"}]}}) {
  ... on Fulfillment { id } ... on ErrorResult { errorCode message } } }"""


def test_authorised_order_is_not_paid_until_it_is_settled(shop: Shop) -> None:
    order = shop.place_order([Item("T1-1")], settle=False)
    authorised = shop.read_order(order)
    shop.settle(order)
    settled = shop.read_order(order)
    assert (authorised["state"], authorised["payments"][0]["state"]) == ("PaymentAuthorized", "Authorized")
    assert (settled["state"], settled["payments"][0]["state"]) == ("PaymentSettled", "Settled")


def test_order_keeps_links_options_notes_and_customer(shop: Shop) -> None:
    shirt, lamp = (product for product in goods() if product.sku in ("T1-1", "A1-1"))
    custom = {"sourceOptions": shirt.source_options, "buyerNote": "no box"}
    order = shop.read_order(
        shop.place_order([Item("T1-1", 2, custom), Item("A1-1", 3)], Customer("Bo", "Li", "b@x.de"))
    )
    first, second = order["lines"]
    assert first["customFields"] == {"sourceUrl": None, **custom}
    assert first["productVariant"]["customFields"] == source(shirt)
    assert second["productVariant"]["customFields"] == source(lamp)
    assert order["totalWithTax"] == 2 * cents(shirt) + 3 * cents(lamp) + SHIPPING
    assert (second["quantity"], second["unitPriceWithTax"]) == (3, cents(lamp))
    assert order["customer"]["emailAddress"] == "b@x.de"


def test_full_refund_leaves_the_order_state_paid(shop: Shop) -> None:
    order = shop.place_order([Item("T1-1")])
    paid = shop.read_order(order)["totalWithTax"]
    shop.refund_part(order, 900)
    shop.refund_full(order)
    read = shop.read_order(order)
    assert [refund["total"] for refund in read["payments"][0]["refunds"]] == [900, paid - 900]
    assert {refund["state"] for refund in read["payments"][0]["refunds"]} == {"Settled"}
    assert read["state"] == "PaymentSettled"


def test_cancelled_line_has_no_quantity_and_its_payment_stays(shop: Shop) -> None:
    order = shop.place_order([Item("T1-1"), Item("A1-1", 2)])
    paid = shop.read_order(order)["totalWithTax"]
    shop.cancel_line(order, shop.read_order(order)["lines"][1]["id"])
    read = shop.read_order(order)
    assert [line["quantity"] for line in read["lines"]] == [1, 0]
    assert read["payments"][0]["amount"] == paid


def test_cancelled_order(shop: Shop) -> None:
    order = shop.place_order([Item("A1-1")])
    shop.cancel_order(order)
    assert shop.read_order(order)["state"] == "Cancelled"


def test_key_may_do_what_its_role_says_and_no_more(shop: Shop) -> None:
    order = shop.place_order([Item("T1-1")])
    key = shop.api_key(*READ_AND_WRITE)
    assert shop.with_key(key, ORDERS)["orders"]["items"]
    with pytest.raises(ShopError, match="FORBIDDEN"):
        shop.with_key(key, "{ administrators { totalItems } }")
    with pytest.raises(ShopError, match="FORBIDDEN"):
        shop.with_key(shop.api_key(), ORDERS)
    with pytest.raises(ShopError, match="FORBIDDEN"):
        shop.with_key(shop.api_key("ReadOrder"), MARK, id=order.id)


def test_what_a_key_writes_can_be_read_back(shop: Shop) -> None:
    order = shop.place_order([Item("T1-1")])
    key = shop.api_key(*READ_AND_WRITE)
    shop.with_key(key, MARK, id=order.id)
    shop.with_key(key, NOTE, id=order.id)
    shop.with_key(key, FULFIL, line=shop.read_order(order)["lines"][0]["id"])
    read = shop.read_order(order)
    assert read["customFields"] == {"purchaseStatus": "ordered", "purchaseRef": "R-1"}
    assert read["history"]["items"] == [{"isPublic": False, "data": {"note": "bought"}}]
    assert [parcel["trackingCode"] for parcel in read["fulfillments"]] == ["SF1"]


def test_a_refusal_inside_a_good_answer_is_raised(shop: Shop) -> None:
    order = shop.place_order([Item("T1-1")])
    line = shop.read_order(order)["lines"][0]["id"]
    shop.admin(FULFIL, line=line)
    with pytest.raises(ShopError, match="ITEMS_ALREADY_FULFILLED_ERROR"):
        shop.admin(FULFIL, line=line)


def test_shop_sells_what_the_given_file_lists(tmp_path: Path) -> None:
    link = "https://item.taobao.com/item.htm?id=7"
    goods = [
        Product("Tea pot", "T-1", "12.34", link, "77", {"Colour": "青色"}),
        Product("Cup", "T-2", "1.00", link),
    ]
    other = start_shop(tmp_path / "log", write_products(tmp_path / "goods.csv", goods))
    try:
        variants = other.variants()
    finally:
        other.stop()
    assert {sku: found["priceWithTax"] for sku, found in variants.items()} == {"T-1": 1234, "T-2": 100}
    assert variants["T-1"]["customFields"] == {"sourceUrl": link, "sourceSkuId": "77"}
    assert not other.server.alive


def test_the_committed_file_lists_what_the_sandbox_sells(tmp_path: Path) -> None:
    made = write_products(tmp_path / "products.csv", goods())
    assert made.read_text(encoding="utf-8") == DEFAULT_FILE.read_text(encoding="utf-8")


def cents(product: Product) -> int:
    """The product's price in minor units."""
    return int(product.price.replace(".", ""))


def source(product: Product) -> dict[str, str]:
    """Where the product comes from, as the shop keeps it."""
    return {"sourceUrl": product.source_url, "sourceSkuId": product.source_sku_id}
