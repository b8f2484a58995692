"""The contract every provider keeps, over real HTTP against the sandbox marketplace.

A new provider joins by its line in `PROVIDERS`; what it must do to earn its grade is this file
and `test_contract_following`.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from autopurchase.domain.errors import (
    ConnectFailed,
    NotSent,
    ProviderDown,
    RateLimited,
    Refused,
    SessionRefused,
    Unknown,
)
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.session import Address, Grade, Tokens
from tests.providers.support import (
    REFERENCE,
    Bench,
    found,
    place,
    place_one,
    purchase_of,
    yuan,
)
from tests.support.processes import free_port

# --- who we are ---


def test_check_names_the_account(bench: Bench) -> None:
    place(bench)
    account = bench.open().check()
    assert account.login == f"{bench.account}-buyer"
    assert datetime.now(UTC) - account.checked_at < timedelta(minutes=1)


def test_manifest_tells_what_a_person_needs_to_know(bench: Bench) -> None:
    manifest = bench.kind.manifest
    assert manifest.grade in set(Grade)
    assert len(manifest.grade_reason) > 20
    assert {"app_key", "app_secret"} <= {item.name for item in manifest.credentials if item.required}
    assert all(item.secret for item in manifest.credentials if item.name.endswith(("secret", "_token")))
    assert all(item.default in item.choices for item in manifest.settings if item.choices and item.default)


def test_every_request_passes_the_pace(bench: Bench) -> None:
    bench.market.control("stats", reset=True)
    number = place_one(bench)
    bench.market.control("expire", market=bench.id, account=bench.account)
    bench.open().get(number)
    assert bench.pace.waits == bench.calls() > 3


# --- authorisation ---


def test_authorise_exchange_and_call(bench: Bench) -> None:
    callback = "http://127.0.0.1:8501/callback"
    config = bench.config()
    page = urlsplit(bench.kind.authorize_url(config, callback, "state-1"))
    form = {key: values[0] for key, values in parse_qs(page.query).items()}
    address = f"{bench.market.base_url}/oauth/authorize"
    sent = requests.post(address, data={**form, "account": "main"}, allow_redirects=False, timeout=10)
    answer = parse_qs(urlsplit(sent.headers["location"]).query)
    assert answer["state"] == ["state-1"]
    bench.tokens.tokens = bench.kind.exchange_code(config, answer["code"][0], callback)
    assert bench.tokens.tokens.expires_at is not None
    assert bench.tokens.tokens.expires_at > datetime.now(UTC)
    bench.open().check()
    with pytest.raises(SessionRefused):
        bench.kind.exchange_code(config, answer["code"][0], callback)


def test_expired_token_is_renewed_once(bench: Bench) -> None:
    asked = bench.previewed()
    bench.market.control("expire", market=bench.id, account=bench.account)
    placed = bench.open().create(asked, REFERENCE)
    assert bench.tokens.refreshed == 1
    assert [order["id"] for order in bench.orders()] == [placed.orders[0].provider_order_id]


def test_two_threads_share_one_renewal(bench: Bench) -> None:
    bench.market.control("expire", market=bench.id, account=bench.account)
    errors: list[BaseException] = []
    ready = threading.Barrier(2)

    def check() -> None:
        try:
            provider = bench.open()
            ready.wait(10)
            provider.check()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=check) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert errors == []
    assert bench.tokens.refreshed == 1


def test_token_near_its_end_is_renewed_before_it_fails(bench: Bench) -> None:
    old = bench.tokens.tokens
    bench.tokens.tokens = replace(old, expires_at=datetime.now(UTC) + timedelta(minutes=5))
    provider = bench.open()
    provider.check()
    provider.check()
    assert bench.tokens.refreshed == 1
    assert bench.tokens.tokens.access_token != old.access_token


def test_token_rejected_again_and_again_is_given_up(bench: Bench) -> None:
    asked = bench.previewed()
    bench.fault("expired_token", on="create")
    with pytest.raises(SessionRefused) as caught:
        bench.open().create(asked, REFERENCE)
    assert caught.value.cause == "session_expired"
    assert bench.tokens.refreshed == 1
    assert bench.orders() == []


def test_dead_refresh_token_asks_for_a_person(bench: Bench) -> None:
    bench.market.control("expire", market=bench.id, account=bench.account, kinds=["access", "refresh"])
    with pytest.raises(SessionRefused) as caught:
        bench.open().check()
    assert caught.value.cause == "session_expired"
    assert "uthorise" in caught.value.sentence
    assert bench.tokens.needs_authorisation


def test_missing_refresh_token_asks_for_a_person(bench: Bench) -> None:
    bench.tokens.tokens = Tokens("no-such-token")
    with pytest.raises(SessionRefused):
        bench.open().check()


def test_wrong_secret_says_what_to_check(bench: Bench) -> None:
    provider = bench.open(bench.config(secret="f" * 32))
    with pytest.raises(SessionRefused) as caught:
        provider.check()
    assert caught.value.cause == "permission_missing"
    assert "secret" in caught.value.sentence
    assert bench.tokens.refreshed == 0


# --- preview ---


def test_preview_says_price_stock_and_total(bench: Bench) -> None:
    asked = bench.purchase(lines=2)
    ((first, sku), _) = bench.goods(lines=2)[0]
    preview = bench.open().preview(asked)
    assert [line.number for line in preview.lines] == ["53-1", "53-2"]
    assert [line.cause for line in preview.lines] == ["", ""]
    assert preview.lines[0].price == yuan(sku.price)
    assert preview.lines[0].amount == yuan(sku.price * asked.lines[0].quantity)
    assert preview.goods is not None
    assert preview.freight is not None
    assert preview.goods + preview.freight == preview.total
    goods = sum(line.amount.minor for line in preview.lines if line.amount)
    free = goods >= first.seller.free_from
    assert preview.freight == yuan(0 if free else first.seller.freight)
    assert preview.warnings == ()
    assert bench.orders() == []


def test_preview_follows_a_changed_price(bench: Bench) -> None:
    ((_, sku),) = bench.goods()[0]
    bench.market.control("price", sku_id=sku.sku_id, price=sku.price + 137)
    assert bench.open().preview(bench.purchase()).lines[0].price == yuan(sku.price + 137)


def test_preview_names_the_line_out_of_stock(bench: Bench) -> None:
    asked = bench.purchase(lines=2)
    bench.market.control("stock", sku_id=asked.lines[1].sku_id, stock=1)
    preview = bench.open().preview(asked)
    assert preview.lines[1].cause == "out_of_stock"
    assert preview.lines[0].cause == ""


def test_preview_names_the_line_with_a_wrong_configuration(bench: Bench) -> None:
    asked = bench.purchase()
    other = bench.goods(sellers=2)[1][0][1]
    wrong = replace(asked.lines[0], sku_id=other.sku_id, spec_id=other.spec_id)
    assert bench.open().preview(replace(asked, lines=(wrong,))).lines[0].cause == "sku_mismatch"


def test_preview_names_the_line_below_the_minimum(bench: Bench) -> None:
    mine = [item for item in bench.market.catalogue() if item.market == bench.id]
    item = max(mine, key=lambda item: item.minimum)
    asked = purchase_of([(item, item.skus[0])])
    few = replace(asked.lines[0], quantity=item.minimum - 1)
    assert bench.open().preview(replace(asked, lines=(few,))).lines[0].cause == "below_minimum"


def test_preview_names_the_line_that_left_the_shelf(bench: Bench) -> None:
    asked = bench.purchase()
    bench.market.control("item", item_id=asked.lines[0].item_id, status="deleted")
    assert bench.open().preview(asked).lines[0].cause == "item_unavailable"


def test_preview_without_a_ship_to_address_says_so(bench: Bench) -> None:
    asked = replace(bench.purchase(), ship_to=Address())
    with pytest.raises(Refused) as caught:
        bench.open().preview(asked)
    assert caught.value.cause == "bad_address"


# --- create ---


def test_create_places_what_was_previewed(bench: Bench) -> None:
    asked = bench.previewed(lines=2)
    placed = bench.open().create(asked, REFERENCE)
    (theirs,) = bench.orders()
    (order,) = placed.orders
    assert (order.provider_order_id, theirs["reference"]) == (theirs["id"], REFERENCE)
    assert asked.total == yuan(theirs["total"])
    assert order.total in {None, yuan(theirs["total"])}
    wanted = [(line.sku_id, line.quantity) for line in asked.lines]
    assert [(line["sku_id"], line["quantity"]) for line in theirs["lines"]] == wanted
    assert placed.refused == ()


def test_created_order_reads_as_unpaid(bench: Bench) -> None:
    order = bench.open().get(place_one(bench, lines=2))
    (theirs,) = bench.orders()
    assert (order.state, order.payable, order.paid_at) == (ProviderState.UNPAID, True, None)
    assert order.reference == REFERENCE
    assert (order.total, order.freight) == (yuan(theirs["total"]), yuan(theirs["freight"]))
    assert [line.provider_line_id for line in order.lines] == [line["id"] for line in theirs["lines"]]
    assert [line.amount for line in order.lines] == [yuan(line["amount"]) for line in theirs["lines"]]
    assert order.created_at is not None
    assert abs(order.created_at.timestamp() * 1000 - theirs["created"]) < 1000
    assert order.pay_deadline is not None
    assert timedelta(hours=11) < order.pay_deadline - order.created_at < timedelta(hours=13)
    assert order.complete


def test_purchases_of_two_sellers_are_two_orders(bench: Bench) -> None:
    first, second = place(bench, "AP-1", seller=0), place(bench, "AP-2", seller=1)
    numbers = {order.provider_order_id for placed in (first, second) for order in placed.orders}
    assert numbers == {order["id"] for order in bench.orders()}
    assert len({order["seller_id"] for order in bench.orders()}) == 2


def test_ids_are_exact_above_two_to_the_53(bench: Bench) -> None:
    number = place_one(bench)
    order = bench.open().get(number)
    assert int(number) > 2**53
    assert order.provider_order_id == number == bench.orders()[0]["id"]
    assert int(order.lines[0].provider_line_id) > 2**53


def test_create_out_of_stock_is_refused_with_its_cause(bench: Bench) -> None:
    asked = bench.previewed()
    bench.market.control("stock", sku_id=asked.lines[0].sku_id, stock=0)
    with pytest.raises(Refused) as caught:
        bench.open().create(asked, REFERENCE)
    assert caught.value.cause == "out_of_stock"
    assert "库存" in caught.value.sentence
    assert bench.orders() == []


def test_unknown_order_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused):
        bench.open().get("1234567890123456789")


# --- the outcome that is not known ---

SILENT = [("hang_before", 0), ("hang_after", 1), ("drop_before", 0), ("drop_after", 1)]
SPOILT = [("error_before", 0), ("error_after", 1), ("html", 0), ("html_after", 1)]


@pytest.mark.parametrize(("fault", "made"), SILENT + SPOILT)
def test_create_without_a_readable_answer_is_unknown_and_found_by_reference(
    bench: Bench, fault: str, made: int
) -> None:
    asked = bench.previewed()
    bench.market.control("stats", reset=True)
    bench.fault(fault, seconds=20)
    with pytest.raises(Unknown) as caught:
        bench.open(bench.config(timeout=1)).create(asked, REFERENCE)
    assert caught.value.cause == "unknown_outcome"
    assert bench.market.control("stats")["creates"] == 1
    orders = found(bench)
    assert [order.provider_order_id for order in orders] == [order["id"] for order in bench.orders()]
    assert len(orders) == made


def test_throttled_create_may_be_repeated(bench: Bench) -> None:
    asked = bench.previewed()
    bench.fault("throttle", seconds=7)
    with pytest.raises(RateLimited) as caught:
        bench.open().create(asked, REFERENCE)
    assert caught.value.retry_after in {7, None}
    assert bench.orders() == []


def test_throttled_by_http_status_may_be_repeated(bench: Bench) -> None:
    asked = bench.previewed()
    bench.fault("throttle", style="429")
    with pytest.raises(RateLimited):
        bench.open().create(asked, REFERENCE)
    assert bench.orders() == []


def test_nobody_listening_is_not_sent(bench: Bench) -> None:
    asked = bench.previewed()
    provider = bench.open(bench.config(base_url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(ConnectFailed):
        provider.create(asked, REFERENCE)
    with pytest.raises(NotSent):
        provider.check()


def test_reads_are_repeated_until_they_succeed(bench: Bench) -> None:
    number = place_one(bench)
    bench.fault("error_before", on="*", times=2)
    assert bench.open().get(number).provider_order_id == number
    bench.fault("throttle", on="*", times=1)
    assert bench.open().get(number).provider_order_id == number


@pytest.mark.parametrize("fault", ["error_before", "html", "drop_before", "hang_before"])
def test_reads_that_keep_failing_are_not_sent_never_unknown(bench: Bench, fault: str) -> None:
    number = place_one(bench)
    bench.fault(fault, on="*", seconds=20)
    with pytest.raises(ProviderDown):
        bench.open(bench.config(timeout=0.5)).get(number)


# --- which line is which ---


def test_orders_show_the_lines_under_the_ids_that_were_told(bench: Bench) -> None:
    asked = bench.purchase(lines=2)
    number = place_one(bench, lines=2)
    told = bench.open().order_ids(asked.lines)
    shown = {(line.item_id, line.sku_id, line.spec_id) for line in bench.open().get(number).lines}
    assert {(ids.item_id, ids.sku_id, ids.spec_id) for ids in told.values()} == shown
