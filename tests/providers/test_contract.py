"""The contract every provider keeps, over real HTTP against the sandbox marketplace.

A new provider joins by its line in `PROVIDERS`; what it must do to earn its grade is this file.
"""

from __future__ import annotations

import logging
import re
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from autopurchase.domain.errors import (
    AutopurchaseError,
    ConnectFailed,
    NotSent,
    ProviderDown,
    RateLimited,
    Refused,
    SessionRefused,
    Unknown,
)
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.purchase import Placed
from autopurchase.domain.session import Address, Grade, Tokens
from tests.providers.support import PERSONAL, Bench, purchase_of, with_preview, yuan
from tests.support.processes import free_port, wait_until

REFERENCE = "AP-53-1"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def place(bench: Bench, reference: str = REFERENCE, lines: int = 1, seller: int = 0) -> Placed:
    """A placed order of one seller."""
    return bench.open().create(bench.previewed(lines, seller), reference)


def place_one(bench: Bench, reference: str = REFERENCE, lines: int = 1) -> str:
    """The number of a placed order."""
    (order,) = place(bench, reference, lines).orders
    return order.provider_order_id


def found(bench: Bench, reference: str = REFERENCE) -> list[ProviderOrder]:
    """What the look-up by our reference finds."""
    asked = bench.purchase()
    return bench.open().find_by_reference(reference, datetime.now(UTC) - timedelta(minutes=1), asked)


def becomes(bench: Bench, number: str, state: ProviderState) -> ProviderOrder:
    """The order once it reads as ``state``."""
    provider = bench.open()

    def read() -> ProviderOrder | None:
        order = provider.get(number)
        return order if order.state is state else None

    order = wait_until(read, timeout=10, what=f"{number} {state}")
    assert order is not None
    return order


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


# --- looking up ---


def test_look_up_finds_only_our_reference(bench: Bench) -> None:
    number = place_one(bench)
    place_one(bench, "AP-other")
    assert [order.provider_order_id for order in found(bench)] == [number]
    assert found(bench, "AP-never-sent") == []


def test_doubles_are_visible(bench: Bench) -> None:
    numbers = {place_one(bench), place_one(bench)}
    assert {order.provider_order_id for order in found(bench)} == numbers
    assert len(numbers) == 2


def test_orders_of_another_account_stay_unseen(bench: Bench) -> None:
    other = Bench(bench.market, bench.kind, account="second")
    number = place_one(other)
    assert found(bench) == []
    with pytest.raises(Refused):
        bench.open().get(number)


# --- listing ---


def changed(bench: Bench, during: Callable[[int], object] = lambda _: None) -> list[list[ProviderOrder]]:
    """All pages of two orders each; ``during`` is called with the number of each page."""
    provider = bench.open(bench.config(page_size="2"))
    pages: list[list[ProviderOrder]] = []
    for page in provider.changed_since(LONG_AGO, datetime.now(UTC) + timedelta(minutes=1)):
        pages.append(list(page))
        during(len(pages))
        assert len(pages) < 50
    return pages


def test_listing_shows_every_change_once_oldest_first(bench: Bench) -> None:
    numbers = [place_one(bench, f"AP-{place}") for place in range(7)]
    pages = changed(bench)
    orders = [order for page in pages for order in page]
    assert len(pages) >= 3
    assert [order.provider_order_id for order in orders] == numbers
    assert [order.modified_at for order in orders if order.modified_at] == sorted(
        order.modified_at for order in orders if order.modified_at
    )
    assert {order.state for order in orders} == {ProviderState.UNPAID}


def test_listing_misses_nothing_that_changes_meanwhile(bench: Bench) -> None:
    numbers = [place_one(bench, f"AP-{place}") for place in range(7)]

    def pay(page: int) -> None:
        if page <= 3:
            bench.market.control("pay", ids=[numbers[page - 1]])

    pages = changed(bench, pay)
    assert {order.provider_order_id for page in pages for order in page} == set(numbers)


def test_listing_outside_the_window_is_empty(bench: Bench) -> None:
    place(bench)
    assert list(bench.open().changed_since(LONG_AGO, LONG_AGO + timedelta(days=1))) == []


def test_listing_costs_list_calls_not_one_per_order(bench: Bench) -> None:
    for place_ in range(5):
        place(bench, f"AP-{place_}")
    bench.market.control("stats", reset=True)
    pages = list(bench.open().changed_since(LONG_AGO, datetime.now(UTC) + timedelta(minutes=1)))
    assert sum(len(page) for page in pages) == 5
    assert bench.calls() <= 2


# --- from unpaid to the warehouse ---


def test_paid_shipped_signed_completed(bench: Bench) -> None:
    number = place_one(bench, lines=2)
    bench.market.control("pay", ids=[number])
    paid = becomes(bench, number, ProviderState.PAID)
    assert paid.paid_at is not None
    assert (paid.payable, paid.pay_deadline) == (False, None)

    bench.market.control("ship", ids=[number])
    shipped = becomes(bench, number, ProviderState.SHIPPED)
    (parcel,) = shipped.parcels
    assert [parcel.number] == bench.orders()[0]["parcels"]
    assert parcel.carrier
    assert set(parcel.provider_line_ids) == {line.provider_line_id for line in shipped.lines}

    bench.market.control("sign", ids=[number])
    delivered = becomes(bench, number, ProviderState.DELIVERED)
    assert [parcel.state for parcel in delivered.parcels] == ["signed"]

    bench.market.control("complete", ids=[number])
    becomes(bench, number, ProviderState.COMPLETED)


def test_partly_shipped(bench: Bench) -> None:
    number = place_one(bench, lines=2)
    bench.market.control("pay", ids=[number])
    first = bench.orders()[0]["lines"][0]["id"]
    bench.market.control("ship", ids=[number], lines=[first])
    order = becomes(bench, number, ProviderState.PARTLY_SHIPPED)
    states = {line.provider_line_id: line.state for line in order.lines}
    assert states.pop(first) is ProviderState.SHIPPED
    assert set(states.values()) == {ProviderState.PAID}


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("timeout", "unpaid_timeout"),
        ("buyer", "cancelled_by_buyer"),
        ("seller", "cancelled_by_seller"),
        ("seller_lack", "cancelled_by_seller"),
        ("platform", "closed_by_platform"),
    ],
)
def test_close_reasons(bench: Bench, reason: str, expected: str) -> None:
    number = place_one(bench)
    bench.market.control("close", ids=[number], reason=reason)
    order = becomes(bench, number, ProviderState.CLOSED)
    assert order.close_reason == expected
    assert not order.payable


def test_unknown_status_word_is_kept_and_moves_nothing(bench: Bench) -> None:
    number = place_one(bench)
    bench.market.control("mark", ids=[number], status="RISK_REVIEW_HOLD")
    order = bench.open().get(number)
    assert order.state is ProviderState.UNKNOWN
    assert "RISK_REVIEW_HOLD" in f"{order.raw_status} {order.lines[0].raw_status}"


def test_cancel_unpaid_closes_the_order(bench: Bench) -> None:
    number = place_one(bench)
    answer = bench.open().cancel(number, "customer changed their mind")
    assert answer.provider_order_id == number
    assert becomes(bench, number, ProviderState.CLOSED).close_reason == "cancelled_by_buyer"


def test_cancel_paid_is_refused(bench: Bench) -> None:
    number = place_one(bench)
    bench.market.control("pay", ids=[number])
    with pytest.raises(Refused):
        bench.open().cancel(number, "too late")
    assert bench.open().get(number).state is ProviderState.PAID


def test_cancel_without_an_answer_is_unknown(bench: Bench) -> None:
    number = place_one(bench)
    bench.fault("hang_after", on="cancel", seconds=20)
    with pytest.raises(Unknown):
        bench.open(bench.config(timeout=0.5)).cancel(number, "no longer needed")


def test_pay_links_open_in_batches(bench: Bench) -> None:
    numbers = [place_one(bench, f"AP-{place}") for place in range(2)]
    many = numbers * (bench.kind.manifest.pay_batch // 2 + 1) if bench.kind.manifest.pay_batch < 30 else numbers
    links = bench.open().pay_links(many)
    assert {number for link in links for number in (*link.provider_order_ids, *link.failed)} == set(numbers)
    assert all(len(link.provider_order_ids) <= bench.kind.manifest.pay_batch for link in links)
    with urllib.request.urlopen(links[0].url, timeout=10) as page:
        assert page.status == 200


# --- secrets ---


def texts_of(error: BaseException | None) -> str:
    """Everything an error could show, its causes included."""
    parts: list[str] = []
    while error is not None:
        parts += [str(error), repr(error), repr(getattr(error, "__dict__", {}))]
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


def failing_calls(bench: Bench) -> list[Callable[[], Any]]:
    """One call for each way to fail."""
    asked = bench.previewed()
    quick, wrong = bench.open(bench.config(timeout=0.5)), bench.open(bench.config(secret="e" * 32))
    nobody = bench.open(bench.config(base_url=f"http://127.0.0.1:{free_port()}"))

    def struck(fault: str) -> Callable[[], Any]:
        def call() -> Any:
            bench.fault(fault, on="*", seconds=20)
            try:
                return quick.create(with_preview(asked, bench_preview), REFERENCE)
            finally:
                bench.market.control("faults", rules=[])

        return call

    bench_preview = bench.open().preview(asked)
    kinds = ("hang_before", "drop_after", "error_before", "html", "throttle", "expired_token")
    return [*map(struck, kinds), wrong.check, nobody.check, lambda: bench.open().get("77")]


def test_no_secret_in_errors_answers_or_logs(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    for call in failing_calls(bench):
        with pytest.raises(AutopurchaseError) as caught:
            call()
        shown.append(texts_of(caught.value))
    placed = place(bench, "AP-77")
    order = bench.open().get(placed.orders[0].provider_order_id)
    preview = bench.open().preview(bench.purchase())
    shown += [placed.raw, order.raw, preview.raw, caplog.text]
    everything = "\n".join(shown)
    for secret in (*bench.secrets(), *PERSONAL):
        assert secret not in everything
    kept = repr(bench.config()) + repr(bench.tokens.current()) + repr(bench.open())
    assert not any(secret in kept for secret in bench.secrets())
    assert not re.search(r"(?:_token|secret|sign(?:ature)?)=[^&\s\[]{8}", everything)
    assert all(len(raw) > 50 for raw in (placed.raw, order.raw, preview.raw))
