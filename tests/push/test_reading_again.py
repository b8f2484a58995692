"""What a push leads to: few readings for many messages, the provider's word and nothing else."""

from __future__ import annotations

from datetime import timedelta

import requests

from autopurchase.services import pushes, readback, sessions
from tests.push.conftest import Listening
from tests.push.test_receiving import taobao
from tests.support.processes import wait_until
from tests.support.world import ME


def test_late_and_repeated_messages_never_lead_back(listening: Listening) -> None:
    """Sent is pushed before paid, and both come again later: the line is where the provider says it is."""
    world = listening.world
    numbers = world.ready("taobao", 1)
    world.bought("taobao", numbers)
    (order,) = world.orders()
    world.market.control("pay", ids=[order["id"]])
    world.market.control("ship", ids=[order["id"]])
    shipped = taobao(world, order["id"], "WAIT_BUYER_CONFIRM_GOODS")
    paid = taobao(world, order["id"], "WAIT_SELLER_SEND_GOODS")
    for body, sign in (shipped, paid, shipped, paid):
        assert listening.post("taobao", body, Authorization=sign).status_code == 200
    listening.age(timedelta(seconds=3))  # however long the posting took, they are gathered
    assert len(listening.settled()) == 1
    assert world.states(numbers) == {("sent", "")}
    for body, sign in (paid, shipped):
        listening.post("taobao", body, Authorization=sign)
    assert listening.settled() == []
    assert world.states(numbers) == {("sent", "")}


def test_a_lie_changes_nothing(listening: Listening) -> None:
    """Even a well-signed message is only a hint: it says closed and paid, the provider says unpaid."""
    world = listening.world
    numbers = world.ready("taobao", 1)
    world.bought("taobao", numbers)
    (order,) = world.orders()
    for status in ("TRADE_CLOSED", "WAIT_SELLER_SEND_GOODS"):
        body, sign = taobao(world, order["id"], status)
        listening.post("taobao", body, Authorization=sign)
    listening.settled()
    assert world.states(numbers) == {("booked", "")}


def test_news_of_orders_we_made_ourselves_costs_nothing(listening: Listening) -> None:
    world = listening.world
    world.market.control("settings", push_url=f"{listening.url}/push")
    world.bought("taobao", world.ready("taobao", 3))
    listening.heard(3)
    made = [row for row in listening.messages() if row["says"] == "unpaid"]
    assert len(made) == 3
    listening.age(timedelta(hours=1))
    before = world.meters()["taobao"]["calls"]
    assert listening.settled() == []
    assert world.meters()["taobao"]["calls"] == before
    assert {row["state"] for row in listening.messages()} == {"ignored"}


def test_a_price_raised_by_the_seller_is_flagged(listening: Listening) -> None:
    world = listening.world
    numbers = world.ready("taobao", 1)
    world.bought("taobao", numbers)
    session = world.session_id("taobao")
    wait_until(lambda: readback.work(world.ctx, session), timeout=10, what="the order to be compared with the plan")
    (order,) = world.orders()
    world.market.control("settings", push_url=f"{listening.url}/push")
    world.market.control("amount", ids=[order["id"]], total=order["total"] + 5_000)
    listening.heard(1)
    (run,) = listening.settled()
    assert world.run(run)["out"]["price_raised"] == 1
    assert world.states(numbers) == {("booked", "price_raised")}


def test_an_order_of_another_account_is_passed_over(listening: Listening) -> None:
    world = listening.world
    numbers = world.ready("taobao", 1)
    world.bought("taobao", numbers)
    (order,) = world.orders()
    world.market.control("pay", ids=[order["id"]])
    for number in ("4200000000000009999", order["id"]):
        body, sign = taobao(world, number)
        listening.post("taobao", body, Authorization=sign)
    (run,) = listening.settled()
    assert (world.run(run)["state"], world.run(run)["error"]) == ("done", "")
    assert world.states(numbers) == {("bought", "")}


def test_a_disabled_session_is_left_alone(listening: Listening) -> None:
    world = listening.world
    body, sign = taobao(world, "1")
    listening.post("taobao", body, Authorization=sign)
    sessions.disable(world.ctx, ME, "taobao")
    assert listening.settled() == []
    assert [row["state"] for row in listening.messages()] == ["ignored"]


def test_the_marketplace_hears_our_answer_and_repeats_what_was_not_taken(listening: Listening) -> None:
    world = listening.world
    world.bought("alibaba1688", world.ready("alibaba1688", 1))
    (order,) = world.orders()
    world.market.control("settings", push_url=f"{listening.url}/nowhere")
    world.market.control("pay", ids=[order["id"]])
    market = world.market
    wait_until(lambda: market.control("pushes")["answers"], timeout=10, what="an answer")
    world.market.control("settings", push_url=f"{listening.url}/push")
    listening.heard(1)
    wait_until(lambda: market.control("pushes")["answers"][-1]["status"] == 204, timeout=10, what="thanks")
    assert [each["status"] for each in market.control("pushes")["answers"]] == [404, 204]


def test_arriving_shows_the_last_push_of_each_session(listening: Listening) -> None:
    world = listening.world
    body, sign = taobao(world, "1")
    listening.post("taobao", body, Authorization=sign)
    rows = {row["name"]: row for row in pushes.arriving(world.ctx, ME)}
    assert rows["taobao"]["recent"] == 1
    assert rows["taobao"]["last_at"] is not None
    assert (rows["alibaba1688"]["recent"], rows["alibaba1688"]["last_at"]) == (0, None)
    assert pushes.forget(world.ctx) == 0


def test_health_tells_nothing(listening: Listening) -> None:
    answer = requests.get(f"{listening.url}/push/health", timeout=5)
    assert (answer.status_code, answer.text) == (200, "ok")
    for path in ("/", "/push", "/push/taobao", "/docs"):
        assert requests.get(f"{listening.url}{path}", timeout=5).status_code in (404, 405)
