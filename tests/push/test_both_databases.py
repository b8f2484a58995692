"""What rests on the database's own means: a message kept once, and what follows from it; on each database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from autopurchase.ports import Delivery
from autopurchase.sandbox import Sandbox
from autopurchase.services import pushes
from autopurchase.services.verify import verify
from tests.push.conftest import Listening
from tests.push.test_receiving import taobao
from tests.support.world import World, open_world


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """A session a provider; once on each database."""
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_paid_at_the_marketplace_is_bought_here_without_polling(listening: Listening, provider: str) -> None:
    world = listening.world
    numbers = world.ready(provider, 2)
    world.bought(provider, numbers)
    world.market.control("settings", push_url=f"{listening.url}/push")
    ids = [order["id"] for order in world.orders()]
    world.market.control("pay", ids=ids)
    listening.heard(len(ids))
    (run,) = listening.settled()
    assert world.states(numbers) == {("bought", "")}
    assert world.run(run)["params"]["pushed"]
    assert set(world.run(run)["params"]["orders"]) == set(ids)
    assert {row["run_id"] for row in listening.messages()} == {run}
    assert not verify(world.ctx)


def test_the_same_message_many_times_at_once_is_one(listening: Listening) -> None:
    body, sign = taobao(listening.world, "420000")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: listening.post("taobao", body, Authorization=sign).status_code, range(24)))
    assert set(answers) == {200}
    assert len(listening.messages()) == 1


def test_a_thousand_messages_make_few_calls(listening: Listening) -> None:
    world = listening.world
    world.bought("taobao", world.ready("taobao", 24))
    ids = [order["id"] for order in world.orders()]
    world.market.control("pay", ids=ids)
    before = world.meters()["taobao"]["calls"]
    known = pushes.apps(world.ctx)
    for number in range(1_000):
        body, sign = taobao(world, ids[number % len(ids)], business_time=number)
        delivery = Delivery({"authorization": sign}, "", body)
        assert pushes.receive(world.ctx, "taobao", delivery, known).new == 1
    listening.age(timedelta(seconds=10))
    assert len(listening.settled()) == 1
    assert world.meters()["taobao"]["calls"] - before <= 4, "a list of changes, not an order each"
    assert {row["purchase"] for row in world.lines().values()} == {"bought"}
