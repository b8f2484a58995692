"""What goes wrong on purpose goes wrong as told, and the market's books say what really happened."""

import time

import pytest
import requests

from autopurchase.sandbox import Sandbox, SandboxError
from autopurchase.sandbox.faults import Faults, Occasion
from tests.sandbox.wire import Alibaba, Taobao, dumps, until


def made(caller: Taobao | Alibaba, reference: str) -> int:
    """How many orders exist with this reference."""
    return len(caller.market.orders(account=caller.account, reference=reference))


@pytest.mark.parametrize(
    ("kind", "orders"),
    [("error_before", 0), ("error_after", 1), ("html", 0), ("html_after", 1), ("drop_before", 0), ("drop_after", 1)],
)
def test_spoilt_answers(taobao: Taobao, faults, kind: str, orders: int) -> None:
    faults({"kind": kind, "references": ["F-1"]})
    params = taobao.create_params("F-1", taobao.goods(0))
    if kind.startswith("drop"):
        with pytest.raises(requests.ConnectionError):
            taobao.raw("/purchase/order/create", **params)
    else:
        answer = taobao.raw("/purchase/order/create", **params)
        assert answer.status_code == (500 if kind.startswith("error") else 200)
        with pytest.raises(requests.JSONDecodeError):
            answer.json()
    assert made(taobao, "F-1") == orders
    assert taobao.create("F-1", taobao.goods(0))["success"] is True  # only the first POST is struck
    assert made(taobao, "F-1") == orders + 1


@pytest.mark.parametrize(("kind", "orders"), [("hang_before", 0), ("hang_after", 1)])
def test_hanging_calls_end_with_the_client(alibaba: Alibaba, faults, kind: str, orders: int) -> None:
    faults({"kind": kind, "references": ["H-1"], "seconds": 60})
    params = alibaba.create_params("H-1", alibaba.goods(0))
    with pytest.raises(requests.ReadTimeout):
        alibaba.raw("alibaba.trade.fastCreateOrder", timeout=0.4, **params)
    assert made(alibaba, "H-1") == orders
    alibaba.market.control("stats", reset=True)


def test_a_hang_ends_with_the_late_answer(alibaba: Alibaba, faults) -> None:
    faults({"kind": "hang_after", "seconds": 0.3})
    start = time.monotonic()
    assert alibaba.create("H-2", alibaba.goods(0))["success"] is True
    assert time.monotonic() - start >= 0.3


@pytest.mark.parametrize("then", ["answer", "500", "drop"])
def test_late_acceptance_also_without_the_client(taobao: Taobao, faults, then: str) -> None:
    faults({"kind": "late", "seconds": 0.6, "then": then})
    params = taobao.create_params("L-1", taobao.goods(0))
    try:
        status = taobao.raw("/purchase/order/create", timeout=0.2, **params).status_code
    except requests.RequestException:
        status = 0
    assert status == (500 if then == "500" else 0)
    assert taobao.query(outer_purchase_id="L-1") == []
    found = until(lambda: taobao.query(outer_purchase_id="L-1"))
    assert len(found) == 1


def test_hidden_orders_appear_later(alibaba: Alibaba, faults) -> None:
    faults({"kind": "hidden", "seconds": 0.5})
    number = alibaba.create("V-1", alibaba.goods(0))["result"]["orderId"]
    assert alibaba.call("alibaba.trade.getBuyerOrderList", outOrderId="V-1")["totalRecord"] == 0
    assert alibaba.call("alibaba.trade.get.buyerView", webSite="1688", orderId=number)["errorCode"] == "ORDER_NOT_EXIST"
    until(lambda: alibaba.call("alibaba.trade.getBuyerOrderList", outOrderId="V-1")["totalRecord"] == 1)


def test_throttling_words(taobao: Taobao, alibaba: Alibaba, faults) -> None:
    faults({"kind": "throttle", "on": "*", "seconds": 3, "times": 2})
    answer = taobao.call("/purchase/orders/query")
    assert answer["code"] == "ApiCallLimit"
    assert "this ban will last 3 seconds" in answer["message"]
    refused = alibaba.raw("alibaba.account.basic")
    assert (refused.status_code, refused.json()["error_code"]) == (400, "gw.QosAppFrequencyLimit")
    assert taobao.call("/purchase/orders/query")["code"] == "0"
    faults({"kind": "throttle", "on": "list", "style": "429"})
    assert taobao.raw("/purchase/orders/query").status_code == 429


def test_a_real_limit_per_second(taobao: Taobao, settings) -> None:
    settings(limit_per_second=5)
    codes = [taobao.call("/purchase/orders/query")["code"] for _ in range(10)]
    assert codes[:5] == ["0"] * 5
    assert codes[-1] == "ApiCallLimit"


def test_expired_token_once(taobao: Taobao, alibaba: Alibaba, faults) -> None:
    faults({"kind": "expired_token", "on": "*", "times": 2})
    assert taobao.call("/purchase/orders/query")["code"] == "IllegalAccessToken"
    assert alibaba.raw("alibaba.account.basic").status_code == 401
    assert taobao.call("/purchase/orders/query")["code"] == "0"


def test_business_faults(taobao: Taobao, alibaba: Alibaba, faults) -> None:
    faults({"kind": "out_of_stock", "references": ["B-1"]}, {"kind": "price_change", "percent": 20})
    assert taobao.create("B-1", taobao.goods(0))["error_code"] == "STOCK_NOT_ENOUGH"
    dearer = taobao.create("B-2", taobao.goods(0))["data"]["order_list"][0]["order_line_list"][0]
    assert dearer["estimate_amount"] == taobao.goods(0)[0][1].price * 120 // 100
    refused = alibaba.create("B-1", alibaba.goods(0))
    assert refused["result"]["failedOfferList"][0]["errorCode"] == "500_004"
    faults({"kind": "partial"})
    assert len(alibaba.create("B-3", alibaba.goods(0, 1))["result"]["failedOfferList"]) == 1
    faults({"kind": "split"})
    assert len(alibaba.create("B-4", alibaba.goods(0, 1))["result"]["orderList"]) == 2
    faults({"kind": "flat_false"})
    flat = alibaba.create("B-5", alibaba.goods(0))
    assert (flat["success"], made(alibaba, "B-5")) == (False, 1)
    assert flat["orderId"]


def test_build_errors_come_after_success(taobao: Taobao, faults) -> None:
    faults({"kind": "build_error"})
    assert taobao.create("E-1", taobao.goods(0))["success"] is True
    until(lambda: taobao.query(outer_purchase_id="E-1")[0]["status"] == "TRADE_CLOSED")
    sub = taobao.query(outer_purchase_id="E-1")[0]["sub_purchase_orders"][0]
    assert sub["error_code"] == "BUILD_ORDER_FAIL"


def test_unknown_status_and_lagging_main_status(taobao: Taobao, market: Sandbox, faults) -> None:
    faults({"kind": "unknown_status", "references": ["U-1"]}, {"kind": "lag", "seconds": 1.5})
    taobao.create("U-1", taobao.goods(0))
    assert taobao.query(outer_purchase_id="U-1")[0]["status"] == "RISK_REVIEW_HOLD"
    number = taobao.create("U-2", taobao.goods(0))["data"]["order_list"][0]["purchase_id"]
    until(lambda: market.control("pay", ids=[number])["done"])
    order = taobao.query(purchase_ids=dumps([number]))[0]
    assert (order["status"], order["sub_purchase_orders"][0]["status"]) == ("WAIT_BUYER_P", "WAIT_SELLER_SEND_GOODS")
    until(lambda: taobao.query(purchase_ids=dumps([number]))[0]["status"] == "WAIT_SELLER_SEND_GOODS")
    market.control("mark", ids=[number], status="NEW_WORD")
    assert taobao.query(purchase_ids=dumps([number]))[0]["status"] == "NEW_WORD"


def test_shares_follow_the_reference_and_the_seed() -> None:
    def struck(seed: int) -> list[int]:
        rules = Faults([{"kind": "error_after", "share": 0.3, "seed": seed}])
        return [place for place in range(400) if rules.choose(Occasion("taobao", "main", "/x", "create", f"R-{place}"))]

    assert struck(1) == struck(1) != struck(2)
    assert 80 < len(struck(1)) < 160
    again = Faults([{"kind": "error_after", "share": 1}])
    assert again.choose(Occasion("taobao", "main", "/x", "create", "R", post=2)) is None


def test_probability_is_repeatable_and_rules_are_checked(market: Sandbox) -> None:
    def pattern() -> list[bool]:
        rules = Faults([{"kind": "html", "on": "*", "probability": 0.5, "seed": 7}])
        return [bool(rules.choose(Occasion("taobao", "main", "/x", "list"))) for _ in range(100)]

    assert pattern() == pattern()
    assert 30 < sum(pattern()) < 70
    with pytest.raises(SandboxError, match="no such fault: gremlins"):
        market.control("faults", rules=[{"kind": "gremlins"}])
