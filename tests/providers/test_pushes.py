"""Push messages of both marketplaces: signatures against the vectors, and what each message is taken to say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from autopurchase.domain.errors import BadInput
from autopurchase.domain.provider_order import ProviderState
from autopurchase.ports import Delivery, PushMessage
from autopurchase.providers.alibaba1688.pushes import Alibaba1688Push
from autopurchase.providers.taobao.pushes import TaobaoPush

VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parents[1] / "data" / "vectors.json").read_text("utf-8"))["vectors"]
}
TAOBAO, ALIBABA = TaobaoPush(), Alibaba1688Push()


def form(message: object, query: str = "", **more: str) -> Delivery:
    """A delivery of 1688."""
    text = message if isinstance(message, str) else json.dumps(message)
    return Delivery({}, query, urlencode({"message": text, **more}).encode())


def test_signature_of_taobao() -> None:
    vector = VECTORS["tgo-V7"]
    good = Delivery({"authorization": vector["expected"].upper()}, "", vector["body"].encode())
    assert TAOBAO.is_signed(vector["app_key"], vector["secret"], good)
    assert not TAOBAO.is_signed(vector["app_key"], "another", good)
    assert not TAOBAO.is_signed("another", vector["secret"], good)
    assert not TAOBAO.is_signed(vector["app_key"], vector["secret"], Delivery(good.headers, "", good.body + b" "))
    assert not TAOBAO.is_signed(vector["app_key"], vector["secret"], Delivery({}, "", good.body))
    assert not TAOBAO.is_signed(vector["app_key"], vector["secret"], Delivery({"authorization": "é"}, "", good.body))


def test_signature_of_1688() -> None:
    vector = VECTORS["ali-P1"]
    message, sign = vector["params"]["message"], vector["expected"]
    assert ALIBABA.is_signed("any", vector["secret"], form(message, _aop_signature=sign.lower()))
    assert not ALIBABA.is_signed("any", "another", form(message, _aop_signature=sign))
    assert not ALIBABA.is_signed("any", vector["secret"], form(message + " ", _aop_signature=sign))
    assert not ALIBABA.is_signed("any", vector["secret"], form(message, "extra=1", _aop_signature=sign)), (
        "it covers all"
    )
    assert not ALIBABA.is_signed("any", vector["secret"], form(message))


def taobao(**body: Any) -> PushMessage:
    (found,) = TAOBAO.read(Delivery({}, "", json.dumps(body).encode()))
    return found


def test_messages_of_taobao() -> None:
    data = {"purchase_id": 420000000000000001, "outer_purchase_id": "AP-1", "status": "WAIT_SELLER_SEND_GOODS"}
    paid = taobao(message_type=3, seller_id=21, data=data)
    assert (paid.provider_order_id, paid.reference, paid.account) == ("420000000000000001", "AP-1", "21")
    assert (paid.says, paid.topic) == (ProviderState.PAID, "3 WAIT_SELLER_SEND_GOODS")
    price = taobao(message_type="8", data={"purchaseOrderId": "42", "salesOrderId": "852-AP-1"})
    assert (price.provider_order_id, price.says, price.topic) == ("42", ProviderState.UNKNOWN, "8")
    odd = taobao(message_type=3, data={"purchase_id": "42", "status": "RISK_HOLD"})
    assert odd.says is ProviderState.UNKNOWN
    assert len({paid.key, price.key, odd.key}) == 3
    assert taobao(message_type=9).provider_order_id == ""


def order(topic: str, status: str) -> dict[str, Any]:
    """A message about order 7."""
    return {"type": f"ORDER_BUYER_VIEW_{topic}", "data": {"orderId": 7, "currentStatus": status}}


TRACE = {"OrderLogisticsTracingModel": {"orderLogsItems": [{"orderId": 7}, {"orderId": 7}]}}
MESSAGES: list[tuple[dict[str, Any], str, str]] = [
    (order("ORDER_PAY", "waitsellersend"), "7", "paid"),
    (order("BUYER_MAKE", "waitbuyerpay"), "7", "unpaid"),
    (order("ORDER_PRICE_MODIFY", "waitbuyerpay"), "7", "unknown"),
    (order("ORDER_BUYER_REFUND_IN_SALES", "waitbuyersend"), "7", "unknown"),
    (order("ORDER_PAY", "some_new_word"), "7", "unknown"),
    ({"type": "X", "data": json.dumps({"orderId": "7", "currentStatus": "cancel"})}, "7", "closed"),
    ({"type": "ORDER_BATCH_PAY", "data": {"batchPay": [{"orderId": "7"}, {"orderId": "8"}]}}, "7 8", "unknown"),
    ({"type": "LOGISTICS_BUYER_VIEW_TRACE", "data": TRACE}, "7", "unknown"),
    ({"type": "PRODUCT_RELATION_VIEW_PRODUCT_EXPIRE", "data": {"productIds": "1,2"}}, "", "unknown"),
    ({"type": "X", "data": "no json"}, "", "unknown"),
    ({"type": "X", "data": ["?"]}, "", "unknown"),
]


@pytest.mark.parametrize(("envelope", "orders", "says"), MESSAGES)
def test_messages_of_1688(envelope: dict[str, Any], orders: str, says: str) -> None:
    found = ALIBABA.read(form({"msgId": 12, "userInfo": "b2b-1", **envelope}))
    assert " ".join(message.provider_order_id for message in found) == orders
    assert {message.says.value for message in found} == {says}
    assert {message.account for message in found} == {"b2b-1"}
    assert len({message.key for message in found}) == len(found)
    assert all(message.key.startswith("12:") for message in found)


def test_repeated_with_other_spaces_it_is_the_same_message_of_1688() -> None:
    envelope = {"msgId": 12, "type": "X", "data": {"orderId": 7}}
    first, second = (ALIBABA.read(form(json.dumps(envelope, indent=indent)))[0] for indent in (None, 2))
    assert first.key == second.key


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff\xfe", b"{", b"message=[]"])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    for reader in (TAOBAO, ALIBABA):
        with pytest.raises(BadInput):
            reader.read(Delivery({}, "", body))


def test_persons_and_tokens_are_not_kept() -> None:
    message = taobao(
        data={"purchase_id": "1", "receiver": {"name": "陈伟"}, "mobile_phone": "138"}, access_token="t" * 9
    )
    assert "陈伟" not in message.body
    assert "t" * 9 not in message.body
    assert len(taobao(data={"note": "x" * 50_000}).body) < 5_000
