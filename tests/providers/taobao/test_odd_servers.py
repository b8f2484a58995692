"""Listings and look-ups at a gateway that does less than it should: over real HTTP, with answers made here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

import pytest

from autopurchase.conformance.bench import CountingPace, MemoryTokens
from autopurchase.domain.errors import ProviderDown
from autopurchase.domain.purchase import Purchase
from autopurchase.domain.session import Address, SessionConfig, Tokens
from autopurchase.ports import Provider
from autopurchase.providers import PROVIDERS
from autopurchase.providers.taobao import client
from tests.providers.servers import reply, server

START = 1_700_000_000_000
SENT = datetime.fromtimestamp(START / 1000, UTC)
NOTHING = Purchase("", Address(), ())
Query = dict[str, str]
Orders = list[dict[str, Any]]


def order(place: int, modified: int = 0) -> dict[str, Any]:
    """The ``place``-th order."""
    return {
        "purchase_id": 1_200_000_000_000_000_000 + place,
        "outer_purchase_id": f"AP-{place}",
        "status": "WAIT_BUYER_P",
        "modify_time": modified or START + place,
    }


@contextmanager
def gateway(answer: Callable[[Query], tuple[Orders, int | None]]) -> Iterator[tuple[Provider, list[Query]]]:
    """A session at a gateway whose order query gives these orders and this total; with the queries it got."""
    asked: list[Query] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        asked.append(dict(parse_qsl(bodies[-1])))
        orders, total = answer(asked[-1])
        data = {"purchase_orders": orders} | ({} if total is None else {"results_total": total})
        reply(200, json.dumps({"code": "0", "success": True, "data": data}))(handler)

    with server(respond) as (address, bodies):
        config = SessionConfig(1, "main", "taobao", "500100", "secret", base_url=address, settings={"page_size": "10"})
        yield PROVIDERS["taobao"].open(config, MemoryTokens(Tokens("token")), CountingPace()), asked


def window(orders: Orders, query: Query) -> Orders:
    """The orders inside the asked window, oldest change first."""
    start, end = int(query["modify_time_start"]), int(query["modify_time_end"])
    inside = [entry for entry in orders if start <= entry["modify_time"] <= end]
    return sorted(inside, key=lambda entry: (entry["modify_time"], entry["purchase_id"]))


def listed(provider: Provider) -> list[str | None]:
    """References of everything the listing shows."""
    pages = provider.changed_since(SENT - timedelta(hours=1), SENT + timedelta(hours=1))
    return [entry.reference for page in pages for entry in page]


def page_of(query: Query, size: int) -> slice:
    """The asked page in a gateway's own page size."""
    number = int(query["page_no"])
    return slice((number - 1) * size, number * size)


@pytest.mark.parametrize("size", [10, 4, 2], ids=lambda size: f"pages of {size}")
@pytest.mark.parametrize("counts", [True, False], ids=["with total", "without total"])
@pytest.mark.parametrize("same", [False, True], ids=["spread", "all changed at once"])
def test_listing_is_whole_whatever_the_gateway_makes_of_pages(size: int, counts: bool, same: bool) -> None:
    orders = [order(place, START if same else 0) for place in range(11)]

    def answer(query: Query) -> tuple[Orders, int | None]:
        found = window(orders, query)
        return found[page_of(query, size)], len(found) if counts else None

    with gateway(answer) as (provider, asked):
        assert listed(provider) == [f"AP-{place}" for place in range(11)]
    assert len(asked) < 20


def test_listing_survives_an_ignored_order() -> None:
    orders = [order(place) for place in (5, 1, 9, 3, 7, 2, 8, 4, 6, 0, 10, 11, 12)]

    def answer(query: Query) -> tuple[Orders, int | None]:
        start = int(query["modify_time_start"])
        found = [entry for entry in orders if entry["modify_time"] >= start]
        return found[page_of(query, 4)], len(found)

    with gateway(answer) as (provider, _):
        assert sorted(listed(provider), key=str) == sorted((f"AP-{place}" for place in range(13)), key=str)


def test_ignored_reference_filter_finds_ours_and_nobody_elses() -> None:
    orders = [order(place) for place in range(25)]

    def answer(query: Query) -> tuple[Orders, int | None]:
        found = window(orders, query) if "modify_time_start" in query else orders
        return found[page_of(query, 10)], len(found)

    with gateway(answer) as (provider, _):
        found = provider.find_by_reference("AP-24", SENT, NOTHING)
        assert [entry.provider_order_id for entry in found] == ["1200000000000000024"]
        assert provider.find_by_reference("AP-never", SENT, NOTHING) == []


def test_listing_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_PAGES", 30)
    with gateway(lambda query: ([order(int(query["page_no"]) % 7)], None)) as (provider, asked):
        provider_pages = provider.changed_since(SENT, SENT)
        with pytest.raises(ProviderDown):
            for _ in provider_pages:
                pass
    assert len(asked) == 30


def test_answer_without_data_proves_nothing_found() -> None:
    with server(reply(200, '{"code": "0"}')) as (address, _):
        config = SessionConfig(1, "main", "taobao", "500100", "secret", base_url=address)
        provider = PROVIDERS["taobao"].open(config, MemoryTokens(Tokens("token")), CountingPace())
        with pytest.raises(ProviderDown):
            provider.find_by_reference("AP-1", SENT, NOTHING)
