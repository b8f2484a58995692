"""The order of calls: renewal, what is repeated and what never is, the marketplace's doubtful filters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from autopurchase.conformance.bench import CountingPace, MemoryTokens, with_preview
from autopurchase.conformance.practice import PERSONAL, WAREHOUSE, PracticeBench, purchase_of
from autopurchase.domain.errors import BrokenAnswer, NotSent, ProviderDown, RateLimited, Refused, SessionRefused
from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.domain.session import Grade, SessionConfig, Tokens
from autopurchase.providers.alibaba1688 import KIND, offers
from autopurchase.providers.alibaba1688.kind import Alibaba1688Kind
from autopurchase.providers.alibaba1688.signing import sign
from autopurchase.sandbox import Sandbox
from tests.providers.alibaba1688.replay import APP_KEY, APP_SECRET, REFRESH, TOKEN, config, replaying, session

CREATE, LIST, DETAIL = (
    "alibaba.trade.createCrossOrder",
    "alibaba.trade.getBuyerOrderList",
    "alibaba.trade.get.buyerView",
)
PURCHASE = Purchase("b2b-1", WAREHOUSE, (PurchaseLine("53-1", "554456348334", 1, spec_id="b266"),))
MADE = {"result": {"orderId": "1055817560106286401"}, "success": True}
DEAD = {"status": 401, "body": {"error_code": "401", "error_message": "Request need user authorized"}}
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


# --- tokens ---


def test_a_rejected_create_is_renewed_and_sent_once_more() -> None:
    tokens = MemoryTokens(Tokens(TOKEN, REFRESH))
    with replaying({CREATE: [DEAD, MADE], "getToken": {"access_token": "fresh", "expires_in": "36000"}}) as gateway:
        session(gateway, NOW, tokens).create(PURCHASE, "AP-1")
    assert [form["access_token"] for form in gateway.params(CREATE)] == [TOKEN, "fresh"]
    assert tokens.current() == Tokens("fresh", REFRESH, NOW + timedelta(hours=10), None)
    assert gateway.params("getToken") == [
        {
            "grant_type": "refresh_token",
            "refresh_token": REFRESH,
            "client_id": APP_KEY,
            "client_secret": APP_SECRET,
        }
    ]


def test_rejected_by_the_api_itself_counts_too() -> None:
    words = {"success": False, "code": "400", "message": "api need authorized"}
    with replaying({CREATE: [words, MADE], "getToken": {"access_token": "fresh"}}) as gateway:
        assert session(gateway).create(PURCHASE, "AP-1").orders


@pytest.mark.parametrize("refresh_token", ["", REFRESH])
def test_no_way_to_renew_asks_for_a_person(refresh_token: str) -> None:
    tokens = MemoryTokens(Tokens(TOKEN, refresh_token))
    refused = {"status": 400, "body": {"error": "invalid_grant", "error_description": "refresh token expired"}}
    with replaying({CREATE: DEAD, "getToken": refused}) as gateway, pytest.raises(SessionRefused):
        session(gateway, tokens=tokens).create(PURCHASE, "AP-1")
    assert tokens.needs_authorisation
    assert len(gateway.params(CREATE)) == 1


def test_renewed_half_an_hour_before_its_end_but_used_on_while_that_fails() -> None:
    tokens = MemoryTokens(Tokens(TOKEN, REFRESH, NOW + timedelta(minutes=29)))
    with replaying({CREATE: MADE, "getToken": {"status": 503, "body": "busy"}}) as gateway:
        session(gateway, NOW, tokens).create(PURCHASE, "AP-1")
    assert [api for api, _ in gateway.sent][-1] == CREATE
    assert gateway.params(CREATE)[0]["access_token"] == TOKEN
    assert not tokens.needs_authorisation


def test_exchange_of_a_code() -> None:
    answer = {"access_token": "a", "refresh_token": "r", "expires_in": "36000", "memberId": "b2b-1"}
    with replaying({"getToken": answer}) as gateway:
        found = KIND.exchange_code(config(gateway), "code-1", "https://agent.example/callback")
    assert (found.access_token, found.refresh_token) == ("a", "r")
    form = gateway.params("getToken")[0]
    assert form["need_refresh_token"] == "true"
    assert form["redirect_uri"] == "https://agent.example/callback"
    assert "_aop_signature" not in form


def test_an_exchange_without_answer_is_not_sent_again() -> None:
    with replaying({"getToken": {"status": 502, "body": ""}}) as gateway, pytest.raises(SessionRefused):
        KIND.exchange_code(config(gateway), "code-1", "https://agent.example/callback")
    assert len(gateway.sent) == 1


def test_authorize_url_of_the_real_marketplace() -> None:
    url = urlsplit(KIND.authorize_url(SessionConfig(1, "m", "alibaba1688", "77", "s"), "https://a.example/cb", "x y"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://auth.1688.com/oauth/authorize"
    assert parse_qs(url.query) == {
        "client_id": ["77"], "site": ["1688"], "redirect_uri": ["https://a.example/cb"], "state": ["x y"],
    }  # fmt: skip


# --- what is sent ---


def test_every_call_is_signed_with_all_it_carries() -> None:
    with replaying({CREATE: MADE}) as gateway:
        session(gateway).create(PURCHASE, "AP-1")
    form = gateway.params(CREATE)[0]
    path = f"param2/1/com.alibaba.trade/{CREATE}/{APP_KEY}"
    assert form["_aop_signature"] == sign(APP_SECRET, path, form)
    assert form["_aop_timestamp"] == str(int(NOW.timestamp() * 1000))
    assert form["_aop_datePattern"] == "yyyyMMddHHmmssSSSZ"


def test_timestamp_can_be_left_out() -> None:
    with replaying({CREATE: MADE}) as gateway:
        session(gateway, send_timestamp="false").create(PURCHASE, "AP-1")
    assert "_aop_timestamp" not in gateway.params(CREATE)[0]


# --- what is repeated ---


@pytest.mark.parametrize("status", [500, 502, 200])
def test_a_create_is_never_repeated(status: int) -> None:
    with replaying({CREATE: [{"status": status, "body": "no JSON"}, MADE]}) as gateway, pytest.raises(BrokenAnswer):
        session(gateway).create(PURCHASE, "AP-1")
    assert len(gateway.params(CREATE)) == 1


def test_a_read_is_repeated_after_a_back_end_error() -> None:
    late = {"status": 400, "body": {"error_code": "gw.ISPInvokeTimeout", "error_message": "late"}}
    order = {"result": {"baseInfo": {"idOfStr": "1", "status": "waitbuyerpay"}}, "success": "true"}
    with replaying({DETAIL: [late, order]}) as gateway:
        assert session(gateway).get("1").provider_order_id == "1"
    with replaying({DETAIL: late}) as gateway, pytest.raises(ProviderDown):
        session(gateway).get("1")
    assert len(gateway.params(DETAIL)) == 3


def test_the_wait_asked_for_is_told() -> None:
    cancel = {"alibaba.trade.cancel": {"success": False, "errorCode": "CLOSE_ORDER_TOO_FAST"}}
    with replaying(cancel) as gateway, pytest.raises(NotSent) as caught:
        session(gateway).cancel("1", "x")
    assert caught.value.retry_after == 10
    assert not isinstance(caught.value, RateLimited)  # the session need not wait, only this order


# --- lists ---


def test_a_crowded_window_is_read_in_halves_older_first() -> None:
    start, end = NOW - timedelta(days=1), NOW

    def page(total: int, *ids: str) -> dict[str, Any]:
        rows = [{"baseInfo": {"idOfStr": number, "modifyTime": "20261120000000000+0800"}} for number in ids]
        return {"result": rows, "totalRecord": total}

    with replaying({LIST: [page(1500, "1"), page(1, "2"), page(1, "3")]}) as gateway:
        found = [order.provider_order_id for page_ in session(gateway).changed_since(start, end) for order in page_]
    assert found == ["2", "3"]
    windows = [(form["modifyStartTime"], form["modifyEndTime"]) for form in gateway.params(LIST)]
    assert windows[0] == ("20261119120000000+0800", "20261120120000000+0800")
    assert windows[1:] == [
        ("20261119120000000+0800", "20261120000000000+0800"),
        ("20261120000000000+0800", "20261120120000000+0800"),
    ]


def test_business_types_are_never_filtered() -> None:
    with replaying({LIST: {"result": [], "totalRecord": 0}}) as gateway:
        list(session(gateway).changed_since(NOW, NOW))
        session(gateway).find_by_reference("AP-1", NOW, PURCHASE)
    assert all("bizTypes" not in form and form["isHis"] == "false" for form in gateway.params(LIST))


# --- against the training marketplace ---


@pytest.fixture
def bench(market: Sandbox) -> Iterator[PracticeBench]:
    """A session at a marketplace without oddities but those a test asks for."""
    market.control("settings", quirks=False)
    yield PracticeBench(market, Alibaba1688Kind())
    market.control("settings", quirks=True, reference_filter=True, declined_apis=[], deduplicate="no")


def test_an_ignored_reference_filter_finds_only_ours(bench: PracticeBench) -> None:
    bench.market.control("settings", reference_filter=False)
    asked = bench.previewed()
    mine = bench.open().create(asked, "AP-1").orders[0].provider_order_id
    bench.open().create(asked, "AP-2")
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert [order.provider_order_id for order in bench.open().find_by_reference("AP-1", since, asked)] == [mine]
    assert bench.open().find_by_reference("AP-3", since, asked) == []


def test_a_split_order_keeps_every_line(bench: PracticeBench) -> None:
    bench.fault("split")
    asked = bench.previewed(lines=4)
    placed = bench.open().create(asked, "AP-1")
    assert {order.provider_order_id for order in placed.orders} == {order["id"] for order in bench.orders()}
    assert len(placed.orders) == 2
    assert sorted(line.number for order in placed.orders for line in order.lines) == ["53-1", "53-2", "53-3", "53-4"]
    assert all(line.provider_line_id for order in placed.orders for line in order.lines)


def test_a_flat_refusal_with_an_order_id_is_an_order(bench: PracticeBench) -> None:
    bench.fault("flat_false")
    placed = bench.open().create(bench.previewed(), "AP-1")
    assert [order.provider_order_id for order in placed.orders] == [order["id"] for order in bench.orders()]


def test_a_partial_order_names_the_line_left_out(bench: PracticeBench) -> None:
    asked = bench.previewed(lines=2)
    bench.fault("partial")
    placed = bench.open().create(asked, "AP-1")
    assert [line.number for line in placed.orders[0].lines] == ["53-1"]
    assert [(line.number, line.cause) for line in placed.refused] == [("53-2", "out_of_stock")]


def test_two_of_our_lines_of_one_spec_are_one_line_there(bench: PracticeBench) -> None:
    (goods,) = bench.goods()
    asked = purchase_of([*goods, *goods])
    placed = bench.open().create(with_preview(asked, bench.open().preview(asked)), "AP-1")
    assert [line.number for line in placed.orders[0].lines] == ["53-1", "53-2"]
    (line,) = bench.open().get(placed.orders[0].provider_order_id).lines
    assert line.quantity == sum(line.quantity for line in asked.lines)


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    """Sessions of one process share what they looked up."""
    offers.forget()


def test_without_the_right_to_the_item_lookup_it_is_asked_once(bench: PracticeBench) -> None:
    bench.market.control("settings", declined_apis=["product.search.queryProductDetail"])
    provider = bench.open(bench.config(item_lookup="always"))
    before = bench.counted()["calls"]
    provider.preview(bench.purchase())
    provider.preview(bench.purchase())
    assert bench.counted()["calls"] - before == 3


def test_an_item_is_shown_in_the_marketplaces_words_and_asked_for_once(bench: PracticeBench) -> None:
    (line,) = bench.open().preview(bench.purchase()).lines
    ((item, sku),) = bench.goods()[0]
    assert line.words == " · ".join([item.title, *(value for _, value in sku.options)])
    before = bench.counted()["calls"]
    (again,) = bench.open().preview(bench.purchase()).lines
    assert (again.words, again.stock, bench.counted()["calls"] - before) == (line.words, None, 1)


def test_lookup_of_every_item_tells_its_stock(bench: PracticeBench) -> None:
    (line,) = bench.open(bench.config(item_lookup="always")).preview(bench.purchase()).lines
    assert line.stock is not None
    assert line.stock > 500


def test_domestic_create_call(bench: PracticeBench) -> None:
    placed = bench.open(bench.config(create_api="fastCreateOrder")).create(bench.previewed(), "AP-1")
    assert [order["id"] for order in bench.orders()] == [placed.orders[0].provider_order_id]


def test_a_reference_used_before_is_not_taken_for_a_refusal(bench: PracticeBench) -> None:
    bench.market.control("settings", deduplicate="refuse")
    asked = bench.previewed()
    bench.open().create(asked, "AP-1")
    with pytest.raises(BrokenAnswer):
        bench.open().create(asked, "AP-1")
    assert len(bench.orders()) == 1


def test_cancel_too_soon_waits_as_asked(bench: PracticeBench) -> None:
    number = bench.open().create(bench.previewed(), "AP-1").orders[0].provider_order_id
    bench.market.control("settings", cancel_wait_seconds=10)
    with pytest.raises(NotSent) as caught:
        bench.open().cancel(number, "x")
    assert caught.value.retry_after == 10


def test_paid_orders_have_no_pay_page(bench: PracticeBench) -> None:
    asked = bench.previewed()
    numbers = [bench.open().create(asked, f"AP-{place}").orders[0].provider_order_id for place in range(2)]
    bench.market.control("pay", ids=[numbers[0]])
    (link,) = bench.open().pay_links(numbers)
    assert (link.provider_order_ids, link.failed) == ((numbers[1],), (numbers[0],))
    bench.market.control("pay", ids=[numbers[1]])
    (link,) = bench.open().pay_links(numbers)
    assert (link.url, link.provider_order_ids, set(link.failed)) == ("", (), set(numbers))


def test_list_readings_show_no_person(bench: PracticeBench) -> None:
    bench.open().create(bench.previewed(), "AP-1")
    until = datetime.now(UTC) + timedelta(minutes=1)
    (order,) = [one for page in bench.open().changed_since(until - timedelta(hours=1), until) for one in page]
    assert not order.complete
    assert order.reference is None
    assert len(order.raw) > 200
    assert not [text for text in (*PERSONAL, *bench.secrets()) if text in order.raw]


def test_another_accounts_token_is_refused(bench: PracticeBench) -> None:
    other = PracticeBench(bench.market, bench.kind, account="second")
    provider = KIND.open(other.config(member_id="b2b-77"), bench.tokens, CountingPace())
    with pytest.raises(SessionRefused, match="b2b-77"):
        provider.check()


def test_grade_is_b_and_says_why() -> None:
    assert KIND.manifest.grade is Grade.B
    assert "not proven" in KIND.manifest.grade_reason
    assert (KIND.manifest.max_skus, KIND.manifest.pay_batch) == (50, 30)


def test_foreign_and_missing_orders_are_refused(bench: PracticeBench) -> None:
    with pytest.raises(Refused):
        bench.open().get("77")
