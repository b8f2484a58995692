"""Who we are there, and what becomes of tokens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from autopurchase.conformance.bench import Bench, MemoryTokens
from autopurchase.conformance.marks import Side, check
from autopurchase.conformance.practice import REFERENCE, PracticeBench
from autopurchase.domain.errors import NotSupported, SessionRefused
from autopurchase.domain.purchase import Purchase
from autopurchase.domain.session import Address, Grade, Tokens
from autopurchase.ports import ABILITIES


@check(side=Side.ANYWHERE)
def test_manifest_tells_what_a_person_needs_to_know(bench: Bench) -> None:
    manifest = bench.manifest
    assert manifest.grade in set(Grade)
    assert len(manifest.grade_reason) > 20
    assert manifest.abilities <= set(ABILITIES)
    assert {"app_key", "app_secret"} <= {item.name for item in manifest.credentials if item.required}
    assert all(item.secret for item in manifest.credentials if item.name.endswith(("secret", "_token")))
    assert all(item.default in item.choices for item in manifest.settings if item.choices and item.default)


@check(side=Side.ANYWHERE)
def test_check_is_answered(bench: Bench) -> None:
    assert datetime.now(UTC) - bench.open().check().checked_at < timedelta(minutes=1)


@check("identity")
def test_check_names_the_account(bench: PracticeBench) -> None:
    bench.place()
    assert bench.open().check().login == f"{bench.account}-buyer"


@check()
def test_every_request_passes_the_pace(bench: PracticeBench) -> None:
    number = bench.place_one()
    bench.expire()
    bench.open().get(number)
    assert bench.pace.waits == bench.counted()["calls"] + bench.tokens.refreshed > 3


@check(side=Side.ANYWHERE)
def test_what_it_cannot_do_it_says_so(bench: Bench) -> None:
    """A missing ability is refused without a call, with what to do instead."""
    provider, since, nothing = bench.open(), datetime(2020, 1, 1, tzinfo=UTC), Purchase("", Address(), ())
    asked: dict[str, Callable[[], object]] = {
        "find_by_reference": lambda: provider.find_by_reference("AP-none", since, nothing),
        "list_orders": lambda: list(provider.changed_since(since, since)),
        "cancel": lambda: provider.cancel("77", "not needed"),
        "pay_links": lambda: provider.pay_links(["77"]),
    }
    calls = bench.pace.waits
    for ability in sorted(asked.keys() - bench.manifest.abilities):
        with pytest.raises(NotSupported) as caught:
            asked[ability]()
        assert caught.value.cause == "not_supported"
        assert len(caught.value.sentence) > 30
    assert bench.pace.waits == calls


# --- authorisation ---


@check("oauth")
def test_authorise_exchange_and_call(bench: PracticeBench) -> None:
    callback = "http://127.0.0.1:8501/callback"
    page = urlsplit(bench.kind.authorize_url(bench.usual, callback, "state-1"))
    form = {key: values[0] for key, values in parse_qs(page.query).items()}
    sent = requests.post(
        f"{page.scheme}://{page.netloc}{page.path}",
        params=form,
        data={"account": bench.account},
        allow_redirects=False,
        timeout=10,
    )
    answer = parse_qs(urlsplit(sent.headers["location"]).query)
    assert answer["state"] == ["state-1"]
    bench.tokens.tokens = bench.kind.exchange_code(bench.usual, answer["code"][0], callback)
    assert bench.tokens.tokens.expires_at is not None
    assert bench.tokens.tokens.expires_at > datetime.now(UTC)
    bench.open().check()
    with pytest.raises(SessionRefused):
        bench.kind.exchange_code(bench.usual, answer["code"][0], callback)


@check()
def test_expired_token_is_renewed_once(bench: PracticeBench) -> None:
    asked = bench.previewed()
    bench.expire()
    placed = bench.open().create(asked, REFERENCE)
    assert bench.tokens.refreshed == 1
    assert [order["id"] for order in bench.orders()] == [placed.orders[0].provider_order_id]


@check("list_orders", grade="B")
def test_token_that_ends_in_the_middle_of_a_listing_is_renewed(bench: PracticeBench) -> None:
    numbers = [bench.place_one(f"AP-{place}") for place in range(5)]
    pages = bench.open(bench.config(page_size="2")).changed_since(
        datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    )
    first = next(pages)
    bench.expire()
    assert [order.provider_order_id for page in (first, *pages) for order in page] == numbers


@check()
def test_two_threads_share_one_renewal(bench: PracticeBench) -> None:
    bench.expire()
    errors: list[BaseException] = []
    ready = threading.Barrier(2)

    def ask() -> None:
        try:
            provider = bench.open()
            ready.wait(10)
            provider.check()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert errors == []
    assert bench.tokens.refreshed == 1


@check()
def test_token_near_its_end_is_renewed_before_it_fails(bench: PracticeBench) -> None:
    old = bench.tokens.tokens
    bench.tokens.tokens = replace(old, expires_at=datetime.now(UTC) + timedelta(minutes=5))
    provider = bench.open()
    provider.check()
    provider.check()
    assert bench.tokens.refreshed == 1
    assert bench.tokens.tokens.access_token != old.access_token


@check()
def test_token_rejected_again_and_again_is_given_up(bench: PracticeBench) -> None:
    asked = bench.previewed()
    bench.fault("expired_token", on="create")
    with pytest.raises(SessionRefused) as caught:
        bench.open().create(asked, REFERENCE)
    assert caught.value.cause == "session_expired"
    assert bench.tokens.refreshed == 1
    assert bench.orders() == []


@check()
def test_dead_refresh_token_asks_for_a_person(bench: PracticeBench) -> None:
    bench.expire("access", "refresh")
    with pytest.raises(SessionRefused) as caught:
        bench.open().check()
    assert caught.value.cause == "session_expired"
    assert "uthorise" in caught.value.sentence
    assert bench.tokens.needs_authorisation


@check(side=Side.ANYWHERE)
def test_missing_refresh_token_asks_for_a_person(bench: Bench) -> None:
    with pytest.raises(SessionRefused):
        bench.open(tokens=MemoryTokens(Tokens("no-such-token"))).check()


@check(side=Side.ANYWHERE)
def test_wrong_secret_says_what_to_check(bench: Bench) -> None:
    with pytest.raises(SessionRefused) as caught:
        bench.open(replace(bench.usual, app_secret="f" * 32)).check()
    assert caught.value.cause == "permission_missing"
    assert "secret" in caught.value.sentence
    assert bench.tokens.refreshed == 0
