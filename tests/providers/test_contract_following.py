"""The contract every provider keeps, second part: looking up, listing, following, cancelling, and secrets."""

from __future__ import annotations

import logging
import re
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autopurchase.domain.errors import (
    AutopurchaseError,
    Refused,
    Unknown,
)
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from tests.providers.support import (
    PERSONAL,
    REFERENCE,
    Bench,
    becomes,
    found,
    place,
    place_one,
    with_preview,
)
from tests.support.processes import free_port

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


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
