"""Deliveries: signed ones are kept once, and nothing else leaves a trace."""

from __future__ import annotations

import json
import logging
from urllib.parse import urlencode

import pytest

from autopurchase.sandbox.signing import aop_sha1, iop_push_sha256
from autopurchase.services import pushes, sessions
from tests.push.conftest import Listening
from tests.support.world import ME, World

_APPS: dict[tuple[str, str], tuple[str, str]] = {}
STATUS = {"message_type": 3, "seller_id": "2", "timestamp": 1_764_000_000, "site": "taobao_hk"}


def app_of(world: World, provider: str) -> tuple[str, str]:
    """Key and secret of the marketplace's app."""
    if (world.market.base_url, provider) not in _APPS:
        given = world.market.credentials(provider, account=world.account)
        _APPS[world.market.base_url, provider] = given["app_key"], given["app_secret"]
    return _APPS[world.market.base_url, provider]


def taobao(world: World, number: str, status: str = "WAIT_SELLER_SEND_GOODS", **more: object) -> tuple[bytes, str]:
    """A body and its signature."""
    body = json.dumps({**STATUS, "data": {"purchase_id": number, "status": status, **more}}).encode()
    key, secret = app_of(world, "taobao")
    return body, iop_push_sha256(secret, key, body.decode())


def alibaba(world: World, number: int, msg_id: int = 1, topic: str = "ORDER_BUYER_VIEW_ORDER_PAY") -> str:
    """A signed form."""
    data = {"orderId": number, "currentStatus": "waitsellersend"}
    message = {"message": json.dumps({"msgId": msg_id, "type": topic, "userInfo": "b2b-1", "data": data})}
    return urlencode({**message, "_aop_signature": aop_sha1(app_of(world, "alibaba1688")[1], "", message)})


def test_a_signed_delivery_is_kept_and_thanked(listening: Listening) -> None:
    body, sign = taobao(listening.world, "420000")
    assert listening.post("taobao", body, Authorization=sign.upper()).status_code == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert listening.post("alibaba1688", alibaba(listening.world, 77), **form).status_code == 204
    first, second = listening.messages()
    assert (first["provider_order_id"], first["says"], first["state"]) == ("420000", "paid", "waiting")
    assert (second["provider_order_id"], second["key"], second["topic"]) == ("77", "1:77", "ORDER_BUYER_VIEW_ORDER_PAY")
    assert first["session_id"] == listening.world.session_id("taobao")


def test_forged_and_spoilt_deliveries_leave_no_trace(listening: Listening, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body, sign = taobao(listening.world, "420000", marker="not-to-be-logged")
    key, secret = app_of(listening.world, "taobao")
    foreign = iop_push_sha256("x" * 32, key, body.decode())
    signed_text = iop_push_sha256(secret, key, "no json")
    bad = {
        "tampered": (listening.post("taobao", body.replace(b"420000", b"420001"), Authorization=sign), 401),
        "unsigned": (listening.post("taobao", body), 401),
        "wrong secret": (listening.post("taobao", body, Authorization=foreign), 401),
        "another market": (listening.post("alibaba1688", body, Authorization=sign), 401),
        "signed, no message": (listening.post("taobao", "no json", Authorization=signed_text), 400),
        "no such market": (listening.post("shop", body, Authorization=sign), 404),
        "too large": (listening.post("taobao", b"x" * 300_000, Authorization=sign), 413),
        "many fields": (listening.post("alibaba1688", "a=1&" * 5_000), 401),
    }
    assert [name for name, (answer, code) in bad.items() if answer.status_code != code] == []
    assert all(answer.content == b"" for answer, _ in bad.values())
    assert listening.messages() == []
    assert "wrong signature" in caplog.text
    for text in ("not-to-be-logged", secret, sign, "420000"):
        assert text not in caplog.text


def test_oversized_without_a_stated_length_is_cut_off(listening: Listening) -> None:
    answer = listening.post("taobao", iter([b"x" * 100_000] * 4))  # type: ignore[arg-type]
    assert answer.status_code == 413


def test_a_message_of_many_orders_waits_for_each(listening: Listening) -> None:
    data = json.dumps({"batchPay": [{"orderId": "1"}, {"orderId": 2}]})
    message = {"message": json.dumps({"msgId": 5, "type": "ORDER_BATCH_PAY", "data": data})}
    form = urlencode({**message, "_aop_signature": aop_sha1(app_of(listening.world, "alibaba1688")[1], "", message)})
    assert listening.post("alibaba1688", form).status_code == 204
    assert listening.post("alibaba1688", form).status_code == 204
    assert [row["provider_order_id"] for row in listening.messages()] == ["1", "2"]


def test_what_is_about_no_order_is_noted_and_needs_nothing(listening: Listening) -> None:
    key, secret = app_of(listening.world, "taobao")
    body = json.dumps({"message_type": 0, "data": {}})
    assert listening.post("taobao", body, Authorization=iop_push_sha256(secret, key, body)).status_code == 200
    assert [row["state"] for row in listening.messages()] == ["ignored"]
    assert pushes.hand_over(listening.world.ctx) == []


def test_a_session_added_meanwhile_is_accepted(listening: Listening) -> None:
    """Its app is read when a signature fits none that is known."""
    world = listening.world
    sessions.add(world.ctx, ME, provider="taobao", name="late", credentials={"app_key": "900", "app_secret": "s" * 32})
    body = json.dumps({**STATUS, "data": {"purchase_id": "7", "status": "TRADE_CLOSED"}})
    sign = iop_push_sha256("s" * 32, "900", body)

    def status() -> int:
        return listening.post("taobao", body, Authorization=sign).status_code

    assert 200 in {status() for _ in range(3)} or status() == 200
    assert listening.messages()[0]["session_id"] == world.session_id("late")


def test_of_two_sessions_with_one_app_the_order_tells_whose_it_is(listening: Listening) -> None:
    world = listening.world
    given = world.market.credentials("taobao", account=f"{world.account}-second")
    sessions.add(world.ctx, ME, provider="taobao", name="second", credentials=given, base_url=world.market.base_url)
    world.bought("taobao", world.ready("taobao", 1))
    (order,) = world.orders()
    for number, reference in ((order["id"], ""), ("999", order["reference"]), ("998", "")):
        body, sign = taobao(world, number, outer_purchase_id=reference)
        assert listening.post("taobao", body, Authorization=sign).status_code == 200
    mine = world.session_id("taobao")
    assert [(row["session_id"], row["state"]) for row in listening.messages()] == [
        (mine, "waiting"),
        (mine, "waiting"),
        (None, "ignored"),
    ]
