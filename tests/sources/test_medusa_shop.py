"""The Medusa source against a real shop, where it is unlike others; the rest is in the contract."""

import threading
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
import requests

from autopurchase.domain.errors import BadInput, ConnectFailed, NotSent, NotSupported, SessionRefused, Unknown
from autopurchase.domain.money import Money
from autopurchase.domain.shop import ShopLine, ShopOrder, hold_reason, paid_in_full
from autopurchase.sources import SOURCES
from autopurchase.sources.medusa import MedusaSource
from autopurchase.sources.medusa.client import Client
from tests.sources.contract.proxy import Fault, Proxy, proxy_before
from tests.sources.stubs.server import Reply, Request
from tests.support.medusa import Item, MedusaShop, PlacedOrder
from tests.support.medusa_seed import TAX, price
from tests.support.processes import free_port
from tests.support.shop_goods import goods

#: the first test waits for the shop, which takes a minute on a busy machine
pytestmark = [pytest.mark.node, pytest.mark.postgres, pytest.mark.xdist_group("medusa"), pytest.mark.timeout(300)]
GOODS = {product.sku: product for product in goods()}


@pytest.fixture(scope="module")
def key(medusa: MedusaShop) -> str:
    return medusa.secret_key()


@pytest.fixture
def source(medusa: MedusaShop, key: str) -> MedusaSource:
    return open_source(medusa.url, key)


@pytest.fixture
def proxy(medusa: MedusaShop) -> Iterator[Proxy]:
    with proxy_before(medusa.url) as proxy:
        yield proxy


def open_source(url: str, key: str, **more: str) -> MedusaSource:
    source = SOURCES["medusa"].open({"base_url": url, "secret_key": key, **more})
    assert isinstance(source, MedusaSource)
    return source


def swept(source: MedusaSource, page_size: int = 50) -> dict[str, ShopOrder]:
    return {each.external_id: each for each in source.open_paid(page_size) if isinstance(each, ShopOrder)}


def fresh(source: MedusaSource, order: PlacedOrder) -> ShopOrder:
    found = source.get(order.id)
    assert found is not None
    return found


def line(order: ShopOrder, sku: str) -> ShopLine:
    return next(each for each in order.lines if each.extras["sku"] == sku)


def shipped(shop: MedusaShop, order: PlacedOrder) -> list[tuple[list[str], int, bool]]:
    """Every fulfilment of the order: numbers of its parcels, pieces, whether it was sent."""
    return [
        (
            [str(label["tracking_number"]) for label in each["labels"]],
            sum(part["quantity"] for part in each["items"]),
            bool(each["shipped_at"]),
        )
        for each in shop.read_order(order)["fulfillments"]
    ]


# --- reading ---


def test_goods_customer_and_address_are_read(medusa: MedusaShop, source: MedusaSource) -> None:
    shirt = GOODS["T1-1"]
    words = {"source_options": shirt.source_options, "buyer_note": "no box, please"}
    placed = medusa.place_order([Item("T1-1", 2, words), Item("A1-2", 3)])
    order = fresh(source, placed)
    assert (order.number, order.customer, order.ship_to["postalCode"]) == (placed.number, "Anna Meyer", "10115")
    assert (order.delivery_cost, order.delivery_service) == (Money(1500, "USD"), "Air")
    assert order.goods_total is not None
    assert order.goods_total + Money(1500, "USD") == order.total
    taobao, alibaba = line(order, "T1-1"), line(order, "A1-2")
    assert (taobao.sku_id, taobao.item_url) == (shirt.source_sku_id, shirt.source_url)
    assert taobao.configuration == "; ".join(f"{name}: {value}" for name, value in shirt.options.items())
    assert (taobao.configuration_original, taobao.customer_comment) == (shirt.source_options, "no box, please")
    assert (taobao.title, taobao.unit_price) == (shirt.name, Money.of(shirt.price, "USD"))
    assert (alibaba.provider, alibaba.spec_id) == ("alibaba1688", GOODS["A1-2"].source_sku_id)


def test_fractions_that_taxes_leave_do_not_part_paid_from_total(medusa: MedusaShop, source: MedusaSource) -> None:
    placed = medusa.place_order([Item("T1-1", 3)], currency="gbp")
    there = medusa.read_order(placed)
    order = fresh(source, placed)
    assert there["total"] != there["total"].quantize(Decimal("0.01"))
    assert order.total == order.paid == Money.of(there["total"].quantize(Decimal("0.01"), ROUND_HALF_UP), "GBP")
    assert paid_in_full(order)
    taxed = price(GOODS["T1-1"].price, "gbp") * (100 + TAX) / 100
    assert order.lines[0].unit_price == Money.of(taxed.quantize(Decimal("0.01"), ROUND_HALF_UP), "GBP")


def test_a_late_payment_that_the_shop_s_own_times_do_not_show_is_seen(medusa: MedusaShop, source: MedusaSource) -> None:
    placed = medusa.place_order([Item("T1-1")], capture=False)
    there, before = medusa.read_order(placed), swept(source)[placed.id]
    assert hold_reason(before) == "not_payable"
    medusa.capture(placed)
    now, after = medusa.read_order(placed), swept(source)[placed.id]
    assert (now["version"], now["updated_at"]) == (there["version"], there["updated_at"])
    assert paid_in_full(after)
    assert after.paid_at is not None
    assert after.change_token != before.change_token


def test_a_refund_that_makes_the_shop_s_total_smaller_holds_the_order(medusa: MedusaShop, source: MedusaSource) -> None:
    placed = medusa.place_order([Item("T1-1", 2)])
    paid = medusa.read_order(placed)["total"]
    medusa.refund(placed, Decimal("5.01"))
    order = swept(source)[placed.id]
    assert medusa.read_order(placed)["total"] == paid - Decimal("5.01")
    assert (order.total, order.refunded) == (Money.of(paid, "USD"), Money(501, "USD"))
    assert hold_reason(order) == "partial_refund"
    medusa.refund(placed, paid - Decimal("5.01"))
    assert hold_reason(fresh(source, placed)) == "not_payable"


def test_a_cancelled_line_leaves_the_rest_buyable_before_and_after_its_money_went_back(
    medusa: MedusaShop, source: MedusaSource
) -> None:
    placed = medusa.place_order([Item("T1-1"), Item("A1-1", 2)])
    gone = line(fresh(source, placed), "T1-1")
    medusa.cancel_line(placed, gone.external_id)
    before = fresh(source, placed)
    medusa.refund(placed, gone.unit_price.decimal())
    after = fresh(source, placed)
    assert paid_in_full(before)
    assert paid_in_full(after)
    assert after.refunded == gone.unit_price
    assert [each.extras["sku"] for each in after.lines] == ["A1-1"]
    medusa.refund(placed, Decimal(1))
    assert hold_reason(fresh(source, placed)) == "partial_refund"


def test_an_edited_order_waits_for_the_rest_of_its_money(medusa: MedusaShop, source: MedusaSource) -> None:
    placed = medusa.place_order([Item("T1-1", 2)])
    first = fresh(source, placed).lines[0]
    medusa.edit(placed, added=[Item("A1-1")])
    assert hold_reason(swept(source)[placed.id]) == "not_payable"
    medusa.pay_rest(placed)
    order = swept(source)[placed.id]
    assert len(medusa.read_order(placed)["payment_collections"]) == 2
    assert order.total == order.paid
    assert [each.extras["sku"] for each in order.lines] == ["T1-1", "A1-1"]
    medusa.edit(placed, changed={first.external_id: 1})
    assert paid_in_full(fresh(source, placed))
    assert line(fresh(source, placed), "T1-1").quantity == 1


def test_an_order_closed_by_hand_leaves_the_sweep(medusa: MedusaShop, source: MedusaSource) -> None:
    placed = medusa.place_order([Item("T1-1")])
    assert placed.id in swept(source)
    medusa.complete(placed)
    assert placed.id not in swept(source)
    assert fresh(source, placed).state == "closed"


def test_a_line_without_a_known_link_waits_for_a_mapping_of_its_product(
    medusa: MedusaShop, source: MedusaSource
) -> None:
    placed = medusa.place_order([Item("T1-1", 1, {"source_url": "https://shop.example.com/7"}), Item("A1-1")])
    order = swept(source)[placed.id]
    unclear = line(order, "T1-1")
    assert (unclear.provider, unclear.item_id, unclear.product_key) == ("", "", "T1-1")
    assert "https://shop.example.com/7" in unclear.unclear
    assert line(order, "A1-1").unclear == ""
    assert int(source.check().details["lines_without_link"]) >= 1


def test_orders_of_long_ago_can_be_left_out(medusa: MedusaShop, key: str) -> None:
    placed = medusa.place_order([Item("T1-1")])
    asked: list[str] = []
    with proxy_before(medusa.url) as proxy:
        recent = open_source(proxy.url, key, placed_within_days="1", number_prefix="M-")
        assert swept(recent)[placed.id].number == f"M-{placed.number}"
        asked = [request.query["created_at[$gte]"] for request in proxy.requests]
    later = {"created_at[$gte]": "2999-01-01T00:00:00Z"}
    answer = requests.get(f"{medusa.url}/admin/orders", params=later, auth=(key, ""), timeout=30)
    assert asked
    assert answer.json()["count"] == 0  # the shop heeds this filter


# --- writing ---


def test_a_mark_leaves_what_others_keep_there(medusa: MedusaShop, source: MedusaSource, key: str) -> None:
    placed = medusa.place_order([Item("T1-1")])
    medusa.admin("POST", f"/orders/{placed.id}", {"metadata": {"colour_of_box": "red"}})
    assert source.mark(placed.id, "ordered", "AP-1")
    kept = medusa.read_order(placed)["metadata"]
    assert kept == {"colour_of_box": "red", "purchase_status": "ordered", "purchase_ref": "AP-1"}
    with pytest.raises(NotSupported):
        open_source(medusa.url, key, order_status_field="", order_reference_field="").mark(placed.id, "ordered", "x")


def test_a_shipment_is_known_by_our_key_and_a_parcel_sent_by_hand_by_its_number(
    medusa: MedusaShop, source: MedusaSource
) -> None:
    placed = medusa.place_order([Item("T1-1", 3)])
    item = fresh(source, placed).lines[0].external_id
    assert source.report_shipment(placed.id, [(item, 1)], "SF", "SF-1") == "done"
    by_hand = medusa.fulfil(placed, {item: 1})
    medusa.ship(placed, by_hand, {item: 1}, "SF-2")
    assert source.report_shipment(placed.id, [(item, 1)], "SF", "SF-2") == "already"
    assert source.report_shipment(placed.id, [(item, 1)], "SF", "SF-1") == "already"
    made = medusa.read_order(placed)["fulfillments"]
    assert [each["metadata"] for each in made if each["id"] != by_hand] == [
        {"purchase_shipment": f"SF-1 {item}*1", "carrier": "SF"}
    ]
    medusa.ask_back(placed, {item: 1})
    assert fresh(source, placed).lines[0].open_quantity == 1
    assert sorted(shipped(medusa, placed)) == [(["SF-1"], 1, True), (["SF-2"], 1, True)]


def test_the_shop_s_own_refusal_of_a_shipment_is_handed_on(medusa: MedusaShop, key: str) -> None:
    placed = medusa.place_order([Item("T1-1")])
    source = open_source(medusa.url, key, location_id="sloc_none")
    item = fresh(source, placed).lines[0].external_id
    answer = source.report_shipment(placed.id, [(item, 1)], "SF", "SF-1")
    assert answer.startswith("refused: ")
    assert "sloc_none" in answer
    assert shipped(medusa, placed) == []
    assert any("sloc_none" in problem for problem in source.check().problems)


# --- the power goes ---


def test_a_sweep_cut_off_half_way_gives_what_was_read_and_the_next_one_all(
    medusa: MedusaShop, key: str, proxy: Proxy
) -> None:
    placed = [medusa.place_order([Item("T1-1")]).id for _ in range(3)]
    pages: list[Request] = []

    def cut(request: Request) -> None:
        pages.append(request)
        if len(pages) == 2:
            medusa.server.kill()

    proxy.before = cut
    source = open_source(proxy.url, key)
    given: list[Any] = []
    with pytest.raises(NotSent):
        given.extend(source.open_paid(1))
    medusa.start()
    assert len(given) <= 1
    assert len(pages) >= 2
    proxy.before = lambda request: None
    found = [each.external_id for each in source.open_paid(2) if isinstance(each, ShopOrder)]
    assert [each for each in found if each in placed] == placed
    assert len(found) == len(set(found))


def test_a_shipment_between_whose_two_writes_the_power_went_is_continued(
    medusa: MedusaShop, key: str, proxy: Proxy
) -> None:
    placed = medusa.place_order([Item("T1-1", 2)])
    source = open_source(proxy.url, key)
    item = fresh(source, placed).lines[0].external_id

    def cut(request: Request) -> None:
        if request.path.endswith("/shipments") and medusa.server.alive:
            medusa.server.kill()

    proxy.before = cut
    proxy.fault = Fault(lambda request: not medusa.server.alive, None, applied=False)
    with pytest.raises(Unknown):
        open_source(proxy.url, key, timeout_seconds="2").report_shipment(placed.id, [(item, 1)], "SF", "SF-1")
    medusa.start()
    proxy.fault = None
    proxy.before = lambda request: None
    assert shipped(medusa, placed) == [([], 1, False)]
    assert [source.report_shipment(placed.id, [(item, 1)], "SF", "SF-1") for _ in range(2)] == ["done", "already"]
    assert shipped(medusa, placed) == [(["SF-1"], 1, True)]


@pytest.mark.parametrize("moment", [0.03, 0.12])
def test_power_cut_while_the_shop_writes_never_ships_or_marks_twice(
    medusa: MedusaShop, key: str, proxy: Proxy, moment: float
) -> None:
    placed = medusa.place_order([Item("T1-1", 3)])
    source = open_source(proxy.url, key, timeout_seconds="5")
    item = fresh(source, placed).lines[0].external_id
    timers = _cut_after_first_write(medusa, proxy, moment)
    with pytest.raises((Unknown, NotSent)):
        _write_on(source, placed, item)
    timers[0].join()
    medusa.start()
    proxy.before = lambda request: None
    answers = [source.report_shipment(placed.id, [(item, 1)], "SF", "SF-1") for _ in range(3)]
    source.mark(placed.id, "ordered", "AP-1")
    assert source.mark(placed.id, "ordered", "AP-1") is False
    there = medusa.read_order(placed)
    assert (there["metadata"]["purchase_status"], there["metadata"]["purchase_ref"]) == ("ordered", "AP-1")
    assert there["items"][0]["detail"]["fulfilled_quantity"] <= 1
    # the shop itself writes in several steps: one that the cut tore apart is for a person, and is not repeated
    torn = all(answer.startswith("refused") for answer in answers)
    assert torn or answers[1:] == ["already", "already"]
    assert torn or shipped(medusa, placed) == [(["SF-1"], 1, True)]


def _cut_after_first_write(shop: MedusaShop, proxy: Proxy, moment: float) -> list[threading.Timer]:
    """Cut the power `moment` seconds after the first write reaches the proxy."""
    timers: list[threading.Timer] = []

    def cut(request: Request) -> None:
        if request.method != "GET" and not timers:
            timers.append(threading.Timer(moment, shop.server.kill))
            timers[0].start()

    proxy.before = cut
    return timers


def _write_on(source: MedusaSource, placed: PlacedOrder, item: str) -> None:
    """Ship and mark, and mark on until the power goes."""
    source.report_shipment(placed.id, [(item, 1)], "SF", "SF-1")
    for number in range(1000):
        source.mark(placed.id, "ordered", f"AP-{number}")


# --- keys and addresses ---


def test_check_of_a_good_key_says_who_and_how_much(medusa: MedusaShop, source: MedusaSource, key: str) -> None:
    medusa.place_order([Item("T1-1")], capture=False)
    check = source.check()
    assert (check.ok, check.problems) == (True, ())
    assert check.open_paid == sum(order.paid.minor > 0 for order in swept(source).values())
    assert check.details["currency"] == "EUR, GBP, JPY, USD"


def test_a_key_that_may_nothing_is_refused_everywhere_and_never_shown(medusa: MedusaShop) -> None:
    for wrong in (medusa.revoked_key(), medusa.publishable_key(), "sk_made_up_by_nobody"):
        source = open_source(medusa.url, wrong)
        for call in (
            lambda source=source: list(source.open_paid()),
            lambda source=source: source.get("order_1"),
            lambda source=source: source.mark("order_1", "ordered", "x"),
            lambda source=source: source.report_shipment("order_1", [("x", 1)], "SF", "SF-1"),
        ):
            with pytest.raises(SessionRefused, match="secret key") as caught:
                call()
            assert caught.value.cause == "permission_missing"
            assert wrong not in f"{caught.value!r} {caught.value.raw}"
        check = source.check()
        assert not check.ok
        assert wrong not in repr(check)


def test_a_right_to_read_alone_is_found_by_the_check(medusa: MedusaShop, key: str, proxy: Proxy) -> None:
    proxy.fault = Fault(lambda request: request.method != "GET", Reply({"type": "forbidden"}, 403))
    check = open_source(proxy.url, key).check()
    assert not check.ok
    assert any("read and change orders" in problem for problem in check.problems)


def test_a_closed_door_and_a_server_of_something_else_say_what_to_check(medusa: MedusaShop, key: str) -> None:
    with pytest.raises(ConnectFailed, match="address"):
        open_source(f"http://127.0.0.1:{free_port()}", key).get("order_1")
    with pytest.raises(BadInput, match="base_url"):
        Client(open_source(medusa.url, key)._settings).read("/no-such-part", "order")
