"""The pages people use: they show what is there, and their buttons work."""

import pytest
import requests

from autopurchase.sandbox import Sandbox
from tests.sandbox.wire import Alibaba, Taobao, until


def page(market: Sandbox, path: str, **form: str) -> str:
    """A page's text; POST when a form is given."""
    send = requests.post if form else requests.get
    answer = send(market.base_url + path, timeout=5, **({"data": form} if form else {}))
    assert answer.status_code == 200
    return answer.text


def test_every_page_opens(market: Sandbox, taobao: Taobao) -> None:
    number = taobao.create("O-1", taobao.goods(0))["data"]["order_list"][0]["purchase_id"]
    item = market.catalogue()[0]
    for path, text in (
        ("/", "A marketplace"),
        ("/orders", str(number)),
        (f"/order/{number}", "O-1"),
        (f"/orders?text={number}", "1 orders"),
        ("/orders?status=completed&page=x", "orders"),
        ("/goods", "218 items"),
        (f"/item/{item.item_id}", item.title),
        ("/control", "deduplicate"),
    ):
        assert text in page(market, path)


@pytest.mark.parametrize("path", ["/order/5", "/item/5", "/img/5.svg", "/img/650000104729-99.svg"])
def test_what_is_not_there(market: Sandbox, path: str) -> None:
    assert requests.get(market.base_url + path, timeout=5).status_code == 404


def test_the_payment_link_is_a_cashier(market: Sandbox, taobao: Taobao) -> None:
    link = taobao.create("P-1", taobao.goods(0, 12))["data"]["payment_url"].removeprefix(market.base_url)
    until(lambda: "for 2 orders" in page(market, link))
    numbers = link.split("=")[1]
    assert "Nothing to pay" in page(market, "/pay", ids=numbers)
    assert {order["status"] for order in taobao.query()} == {"WAIT_SELLER_SEND_GOODS"}


def test_an_order_from_price_change_to_finish(market: Sandbox, alibaba: Alibaba) -> None:
    number = alibaba.create("B-1", alibaba.goods(0))["result"]["orderId"]
    assert "¥ 1,234.50" in page(market, f"/order/{number}", do="amount", total="1234.50")
    for button, state in (("pay", "paid"), ("ship", "shipped"), ("sign", "delivered"), ("complete", "completed")):
        assert f'<span class="tag {state}">' in page(market, f"/order/{number}", do=button)
    assert "nonsense" not in page(market, f"/order/{number}", do="nonsense")


def test_the_seller_cancels(market: Sandbox, alibaba: Alibaba) -> None:
    number = alibaba.create("B-2", alibaba.goods(0))["result"]["orderId"]
    page(market, f"/order/{number}", do="cancel")
    assert alibaba.detail(number)["baseInfo"]["closeOperateType"] == "CLOSE_TRADE_BY_SELLER"


def test_control_page_sets_faults_and_behaviour(market: Sandbox, faults, settings) -> None:
    assert "Set." in page(market, "/control", rules='[{"kind": "html", "references": ["x"]}]')
    assert market.control("faults")["rules"] == [{"kind": "html", "references": ["x"]}]
    assert "Not set" in page(market, "/control", rules="[1]")
    assert "Set." in page(market, "/control", latency_ms="1", declined_apis="a, b")
    assert market.control("settings")["declined_apis"] == ["a", "b"]


def test_pictures_are_drawn_here(market: Sandbox) -> None:
    item = market.catalogue()[100]
    for address in (item.photo_url, item.skus[-1].photo_url):
        answer = requests.get(address, timeout=5)
        assert answer.headers["Content-Type"].startswith("image/svg+xml")
        assert answer.text.startswith("<svg")
        assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")


def test_what_people_typed_is_escaped(market: Sandbox, taobao: Taobao) -> None:
    taobao.create("<script>x</script>", taobao.goods(0), order_remark="<b>")
    number = market.orders(account=taobao.account)[0]["id"]
    text = page(market, f"/order/{number}") + page(market, "/orders?text=<script>")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
