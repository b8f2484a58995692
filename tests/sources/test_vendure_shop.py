"""The Vendure source against a real shop."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput, ConnectFailed, NotSupported, Refused, SessionRefused
from autopurchase.domain.money import Money
from autopurchase.domain.shop import ShopOrder, hold_reason, paid_in_full
from autopurchase.sources import SOURCES
from autopurchase.sources.vendure import VendureSource, queries
from autopurchase.sources.vendure.client import Client
from autopurchase.sources.vendure.manifest import settings
from tests.support.processes import free_port
from tests.support.shop import Item, PlacedOrder, Shop
from tests.support.shop_goods import goods

pytestmark = pytest.mark.node
GOODS = {product.sku: product for product in goods()}
RIGHTS = ("ReadOrder", "UpdateOrder")
FULFILMENTS = """query ($id: ID!) { order(id: $id) { state
  fulfillments { state trackingCode lines { orderLineId quantity } } } }"""


@pytest.fixture(scope="module")
def key(shop: Shop) -> str:
    return shop.api_key(*RIGHTS)


@pytest.fixture
def source(shop: Shop, key: str) -> VendureSource:
    return open_source(shop, key)


def open_source(shop: Shop, key: str, **more: str) -> VendureSource:
    source = SOURCES["vendure"].open({"base_url": shop.url, "api_key": key, **more})
    assert isinstance(source, VendureSource)
    return source


def swept(source: VendureSource, page_size: int = 50) -> dict[str, ShopOrder]:
    return {each.number: each for each in source.open_paid(page_size) if isinstance(each, ShopOrder)}


def fresh(source: VendureSource, order: PlacedOrder) -> ShopOrder:
    found = source.get(order.id)
    assert found is not None
    return found


def test_a_paid_order_is_read_in_full(shop: Shop, source: VendureSource) -> None:
    product = GOODS["T1-1"]
    custom = {"sourceOptions": product.source_options, "buyerNote": "no box, please"}
    placed = shop.place_order([Item("T1-1", 2, custom), Item("A1-2", 3)])
    order = swept(source)[placed.code]
    taobao, alibaba = order.lines
    there = shop.read_order(placed)
    assert order.external_id == placed.id
    assert (order.state, order.currency) == ("open", "USD")
    assert order.total == Money(there["totalWithTax"], "USD") == order.paid
    assert (order.delivery_cost, order.delivery_service) == (Money(1500, "USD"), "Air")
    assert (order.customer, order.ship_to["city"]) == ("Anna Meyer", "Berlin")
    assert abs(datetime.now(UTC) - order.created_at) < timedelta(minutes=5)
    assert paid_in_full(order)
    assert (taobao.provider, taobao.sku_id, taobao.spec_id) == ("taobao", product.source_sku_id, "")
    assert taobao.item_id == product.source_url.partition("id=")[2]
    assert (taobao.quantity, taobao.open_quantity, taobao.line_no) == (2, 2, 1)
    assert taobao.configuration == "; ".join(f"{name}: {value}" for name, value in product.options.items())
    assert taobao.configuration_original == product.source_options
    assert taobao.customer_comment == "no box, please"
    assert taobao.unit_price == Money.of(product.price, "USD")
    assert (alibaba.provider, alibaba.sku_id) == ("alibaba1688", "")
    assert alibaba.spec_id == GOODS["A1-2"].source_sku_id
    assert alibaba.item_url == GOODS["A1-2"].source_url
    assert fresh(source, placed) == order


def test_an_authorised_order_awaits_its_payment_and_a_late_settlement_is_seen(
    shop: Shop, source: VendureSource
) -> None:
    placed = shop.place_order([Item("T1-1")], settle=False)
    before = swept(source)[placed.code]
    assert (before.state, before.paid.minor, before.paid_at) == ("open", 0, None)
    assert hold_reason(before) == "not_payable"
    shop.settle(placed)
    after = swept(source)[placed.code]
    assert paid_in_full(after)
    assert after.paid_at is not None
    assert after.change_token != before.change_token


def test_a_full_refund_makes_an_order_unbuyable_though_its_state_stays(shop: Shop, source: VendureSource) -> None:
    placed = shop.place_order([Item("T1-1")])
    before = fresh(source, placed)
    shop.refund_full(placed)
    assert shop.read_order(placed)["state"] == "PaymentSettled"
    after = fresh(source, placed)
    assert after.refunded == after.paid == before.paid
    assert hold_reason(after) == "not_payable"
    assert after.change_token != before.change_token


def test_a_partial_refund_holds_the_order(shop: Shop, source: VendureSource) -> None:
    placed = shop.place_order([Item("T1-1", 2)])
    shop.refund_part(placed, 500)
    order = swept(source)[placed.code]
    assert order.refunded == Money(500, "USD")
    assert hold_reason(order) == "partial_refund"


def test_a_cancelled_line_is_left_out_and_the_others_keep_their_numbers(shop: Shop, source: VendureSource) -> None:
    placed = shop.place_order([Item("T1-1"), Item("T2-1", 2), Item("A1-1", 3)])
    first = shop.read_order(placed)["lines"][0]["id"]
    shop.cancel_line(placed, first)
    order = swept(source)[placed.code]
    assert [(line.line_no, line.quantity) for line in order.lines] == [(2, 2), (3, 3)]


def test_a_cancelled_order_leaves_the_sweep_and_says_why(shop: Shop, source: VendureSource) -> None:
    placed = shop.place_order([Item("T1-1")])
    shop.cancel_order(placed)
    assert placed.code not in swept(source)
    assert fresh(source, placed).state == "cancelled"


def test_the_sweep_gives_every_order_once_over_many_pages(shop: Shop, source: VendureSource) -> None:
    placed = [shop.place_order([Item("T1-1")], settle=bool(number % 2)) for number in range(7)]
    found = [each.number for each in source.open_paid(2) if isinstance(each, ShopOrder)]
    assert len(found) == len(set(found))
    assert {order.code for order in placed} <= set(found)
    assert [code for code in found if code in {order.code for order in placed}] == [order.code for order in placed]
    assert found == list(swept(source, 1000))
    assert found == list(swept(source, 1))


def test_marking_during_the_sweep_loses_nothing(shop: Shop, source: VendureSource) -> None:
    placed = {shop.place_order([Item("T1-1")]).code for _ in range(5)}
    marked = set()
    for order in source.open_paid(2):
        if isinstance(order, ShopOrder) and order.number in placed:
            assert source.mark(order.external_id, "ordered", f"AP-{order.number}")
            marked.add(order.number)
    assert marked == placed


def test_orders_that_come_and_go_during_the_sweep_hide_no_other(
    shop: Shop, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = shop.place_order([Item("T1-1")])
    staying = [shop.place_order([Item("T1-1")]) for _ in range(4)]
    coming: list[PlacedOrder] = []
    read, pages = Client.read, []

    def disturbed(client: Client, query: str, variables: Any = None) -> dict[str, Any]:
        data = read(client, query, variables)
        pages.append(query)
        if any(node["code"] == leaving.code for node in data["orders"]["items"]) and not coming:
            shop.cancel_order(leaving)
            coming.extend(shop.place_order([Item("T1-1")]) for _ in range(2))
        return data

    source = open_source(shop, key)
    monkeypatch.setattr(Client, "read", disturbed)
    found = swept(source, 2)
    assert len(pages) >= 3
    assert {order.code for order in (*staying, *coming)} <= set(found)


def test_a_line_without_a_known_link_says_why_and_which_product_it_is(shop: Shop, source: VendureSource) -> None:
    placed = shop.place_order([Item("T1-1", 1, {"sourceUrl": "https://shop.example.com/7"}), Item("A1-1")])
    found = list(source.open_paid())
    orders = [each for each in found if isinstance(each, ShopOrder) and each.number == placed.code]
    unclear, clear = orders[0].lines
    assert (unclear.item_id, unclear.product_key, clear.unclear) == ("", "T1-1", "")
    assert "https://shop.example.com/7" in unclear.unclear


def test_a_line_s_own_link_wins_and_the_variant_s_sku_is_not_mixed_into_it(shop: Shop, source: VendureSource) -> None:
    other = {"sourceUrl": "https://detail.tmall.com/item.htm?id=610000000009&skuId=4610000000091"}
    placed = shop.place_order([Item("T1-1", 1, other)])
    line = fresh(source, placed).lines[0]
    assert (line.item_id, line.sku_id) == ("610000000009", "4610000000091")


def test_marking_twice_changes_something_once(shop: Shop, source: VendureSource) -> None:
    placed = shop.place_order([Item("T1-1")])
    before = fresh(source, placed)
    assert source.mark(placed.id, "ordered", "AP-x-0000001") is True
    assert source.mark(placed.id, "ordered", "AP-x-0000001") is False
    assert source.mark(placed.id, "bought", "AP-x-0000001") is True
    fields = shop.read_order(placed)["customFields"]
    assert fields == {"purchaseStatus": "bought", "purchaseRef": "AP-x-0000001"}
    assert fresh(source, placed).change_token == before.change_token


def test_marking_what_is_not_there_or_nowhere_is_refused(shop: Shop, source: VendureSource, key: str) -> None:
    with pytest.raises(Refused, match="no order 987654"):
        source.mark("987654", "ordered", "x")
    plain = open_source(shop, key, order_status_field="", order_reference_field="")
    with pytest.raises(NotSupported):
        plain.mark("1", "ordered", "x")
    assert source.get("987654") is None


def test_shipment_of_a_part_the_rest_and_too_much(shop: Shop, source: VendureSource) -> None:
    placed = shop.place_order([Item("T1-1", 3), Item("A1-1")])
    first, second = (line.external_id for line in fresh(source, placed).lines)
    assert source.report_shipment(placed.id, [(first, 2)], "SF", "SF-1") == "done"
    assert [line.open_quantity for line in fresh(source, placed).lines] == [1, 1]
    assert source.report_shipment(placed.id, [(first, 2)], "SF", "SF-1") == "already"
    assert source.report_shipment(placed.id, [(first, 2)], "SF", "SF-2").startswith("refused: 2 pieces")
    assert source.report_shipment(placed.id, [(first, 1), (second, 1)], "SF", "SF-2") == "done"
    assert source.report_shipment(placed.id, [(second, 1)], "SF", "SF-3").startswith("refused:")
    there = shop.admin(FULFILMENTS, id=placed.id)["order"]
    assert there["state"] == "Shipped"
    assert [(each["state"], each["trackingCode"]) for each in there["fulfillments"]] == [
        ("Shipped", "SF-1"),
        ("Shipped", "SF-2"),
    ]
    assert fresh(source, placed).state == "closed"


def test_a_shipment_that_stopped_halfway_is_continued(shop: Shop, source: VendureSource, key: str) -> None:
    placed = shop.place_order([Item("T1-1")])
    line = fresh(source, placed).lines[0].external_id
    handler = {"code": "manual-fulfillment", "arguments": [{"name": "method", "value": "SF"}]}
    handler["arguments"].append({"name": "trackingCode", "value": "SF-9"})  # type: ignore[attr-defined]
    added = {"lines": [{"orderLineId": line, "quantity": 1}], "handler": handler}
    shop.with_key(key, queries.FULFIL, input=added)
    assert source.report_shipment(placed.id, [(line, 1)], "SF", "SF-9") == "done"
    there = shop.admin(FULFILMENTS, id=placed.id)["order"]["fulfillments"]
    assert [each["state"] for each in there] == ["Shipped"]


def test_a_shipment_of_nothing_is_wrong_input(shop: Shop, source: VendureSource) -> None:
    with pytest.raises(BadInput):
        source.report_shipment("1", [], "SF", "SF-1")
    with pytest.raises(BadInput, match="0 pieces"):
        source.report_shipment("1", [("1", 0)], "SF", "SF-1")
    placed = shop.place_order([Item("T1-1")])
    assert "no line 4711" in source.report_shipment(placed.id, [("4711", 1)], "SF", "SF-1")


def test_a_wrong_handler_is_refused_in_the_shop_s_words(shop: Shop, key: str) -> None:
    placed = shop.place_order([Item("T1-1")])
    source = open_source(shop, key, fulfillment_handler="nobody")
    line = fresh(source, placed).lines[0].external_id
    assert "INVALID_FULFILLMENT_HANDLER" in source.report_shipment(placed.id, [(line, 1)], "SF", "SF-1")


def test_check_of_a_good_key(shop: Shop, source: VendureSource, key: str) -> None:
    shop.place_order([Item("T1-1")])
    shop.place_order([Item("T1-1")], settle=False)
    check = source.check()
    paid = [order for order in swept(source).values() if order.paid.minor]
    assert (check.ok, check.problems) == (True, ())
    assert check.open_paid == len(paid)
    assert check.details["currency"] == "USD"
    assert key.partition(":")[2] not in repr(check)


@pytest.mark.parametrize(
    ("rights", "says"), [(("ReadOrder",), "UpdateOrder"), (("UpdateOrder",), "ReadOrder"), ((), "ReadOrder")]
)
def test_check_of_a_key_that_lacks_rights(shop: Shop, rights: tuple[str, ...], says: str) -> None:
    check = open_source(shop, shop.api_key(*rights)).check()
    assert not check.ok
    assert any(says in problem for problem in check.problems)


def test_check_names_the_custom_fields_that_are_missing(shop: Shop, key: str) -> None:
    check = open_source(shop, key, line_url_field="originalUrl", order_status_field="state9").check()
    assert not check.ok
    assert check.open_paid is not None
    assert any("“originalUrl” of OrderLine" in problem for problem in check.problems)
    assert any("“state9” of Order" in problem for problem in check.problems)


@pytest.fixture
def wrong_keys(shop: Shop, key: str) -> list[str]:
    """Without rights, with a wrong secret (the shop looks at its beginning only), and made up."""
    name, _, secret = key.partition(":")
    return [shop.api_key(), f"{name}:{secret[::-1]}", "nobody:nothing"]


def test_a_key_that_may_nothing_is_refused_everywhere_and_never_shown(shop: Shop, wrong_keys: list[str]) -> None:
    for wrong in wrong_keys:
        source = open_source(shop, wrong)
        for call in (
            lambda source=source: list(source.open_paid()),
            lambda source=source: source.get("1"),
            lambda source=source: source.mark("1", "ordered", "x"),
        ):
            with pytest.raises(SessionRefused, match="API key") as caught:
                call()
            assert caught.value.cause == "permission_missing"
            assert wrong.partition(":")[2] not in f"{caught.value!r} {caught.value.raw} {source.check()}"


def test_a_wrong_path_and_a_closed_door_say_what_to_check(shop: Shop, key: str) -> None:
    with pytest.raises(BadInput, match="api_path"):
        open_source(shop, key, api_path="/nowhere").get("1")
    with pytest.raises(ConnectFailed, match="address"):
        open_source(shop, key, base_url=f"http://127.0.0.1:{free_port()}").get("1")
    assert not open_source(shop, key, api_path="/nowhere").check().ok


def test_amounts_of_a_shop_with_other_digits(shop: Shop, key: str) -> None:
    placed = shop.place_order([Item("T1-1")])
    there = shop.read_order(placed)["totalWithTax"]
    order = fresh(open_source(shop, key, price_digits="0"), placed)
    assert order.total == Money(there * 100, "USD")


def test_the_shop_is_open_with_the_settings_of_its_manifest() -> None:
    assert settings({"base_url": "http://127.0.0.1:1/", "api_key": "a:b"}).base_url == "http://127.0.0.1:1"
