"""A small client of both protocols for the sandbox's own tests."""

import json
import time
from collections.abc import Callable
from typing import Any

import requests

from autopurchase.sandbox import Item, SandboxAt, Sku
from autopurchase.sandbox.signing import aop_sha1, iop_sha256

WAREHOUSE = {
    "country": "中国",
    "state": "广东省",
    "city": "广州市",
    "district": "白云区",
    "address": "石井大道 18 号",
    "zip": "510430",
    "name": "仓库",
    "phone": "020-36000000",
    "mobile_phone": "13800000000",
}
NAMESPACES = {
    "currentTime": "system",
    "alibaba.account.basic": "com.alibaba.account",
    "product.search.queryProductDetail": "com.alibaba.fenxiao.crossborder",
    "alibaba.trade.getLogisticsInfos.buyerView": "com.alibaba.logistics",
    "alibaba.trade.getLogisticsTraceInfo.buyerView": "com.alibaba.logistics",
}
Pick = tuple[Item, Sku, int]


def dumps(value: Any) -> str:
    """Compact JSON text, as it is signed and sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Taobao:
    """A Taobao Global caller."""

    def __init__(self, market: SandboxAt, account: str = "main") -> None:
        self.market, self.account, self.keys = market, account, market.credentials("taobao", account)
        self.http = requests.Session()

    def params(self, path: str, **business: str) -> dict[str, str]:
        """Signed parameters."""
        params = {
            "app_key": self.keys["app_key"],
            "timestamp": str(int(time.time() * 1000)),
            "sign_method": "sha256",
            "access_token": self.keys["access_token"],
            **business,
        }
        return {**params, "sign": iop_sha256(self.keys["app_secret"], path, params)}

    def raw(self, path: str, timeout: float = 20, **business: str) -> requests.Response:
        """Send a form call."""
        return self.http.post(f"{self.market.base_url}/rest{path}", data=self.params(path, **business), timeout=timeout)

    def call(self, path: str, **business: str) -> dict[str, Any]:
        """Send a form call; the JSON document."""
        return dict(self.raw(path, 20, **business).json())

    def create_params(self, reference: str, picks: list[Pick], **more: str) -> dict[str, str]:
        """Parameters of a create call."""
        lines = [
            {
                "itemId": int(item.mp_id),
                "skuId": int(sku.mp_id),
                "quantity": quantity,
                "price": sku.price,
                "currency": "CNY",
                "orderLineNo": str(place + 1),
            }
            for place, (item, sku, quantity) in enumerate(picks)
        ]
        return {
            "outer_purchase_id": reference,
            "purchase_amount": "100",
            "order_line_list": dumps(lines),
            "receiver": dumps(WAREHOUSE),
            **more,
        }

    def create(self, reference: str, picks: list[Pick], **more: str) -> dict[str, Any]:
        """Create."""
        return self.call("/purchase/order/create", **self.create_params(reference, picks, **more))

    def query(self, **filters: str) -> list[dict[str, Any]]:
        """The orders found."""
        return list(self.call("/purchase/orders/query", **filters)["data"]["purchase_orders"])

    def goods(self, *places: int) -> list[Pick]:
        """One piece of the first SKU of items by place in the catalogue."""
        items = [item for item in self.market.catalogue() if item.market == "taobao"]
        return [(items[place], items[place].skus[0], 1) for place in places]


class Alibaba:
    """A 1688 caller."""

    def __init__(self, market: SandboxAt, account: str = "main") -> None:
        self.market, self.account, self.keys = market, account, market.credentials("alibaba1688", account)
        self.http = requests.Session()

    def raw(self, api: str, timeout: float = 20, **business: str) -> requests.Response:
        """Send a form call."""
        path = f"param2/1/{NAMESPACES.get(api, 'com.alibaba.trade')}/{api}/{self.keys['app_key']}"
        params = {"access_token": self.keys["access_token"], "_aop_timestamp": str(int(time.time() * 1000)), **business}
        params["_aop_signature"] = aop_sha1(self.keys["app_secret"], path, params)
        return self.http.post(f"{self.market.base_url}/openapi/{path}", data=params, timeout=timeout)

    def call(self, api: str, **business: str) -> Any:
        """Send a form call; the JSON document."""
        return self.raw(api, 20, **business).json()

    def create_params(self, reference: str, picks: list[Pick], **more: str) -> dict[str, str]:
        """Parameters of preview and create."""
        cargo = [
            {"offerId": int(item.item_id), "specId": sku.spec_id, "quantity": quantity} for item, sku, quantity in picks
        ]
        return {
            "addressParam": dumps({"addressId": 593861699}),
            "cargoParamList": dumps(cargo),
            "flow": "general",
            "tradeType": "assureTrade",
            "outOrderId": reference,
            **more,
        }

    def create(
        self, reference: str, picks: list[Pick], api: str = "alibaba.trade.createCrossOrder", **more: str
    ) -> dict[str, Any]:
        """Create."""
        return dict(self.call(api, **self.create_params(reference, picks, **more)))

    def detail(self, order_id: str) -> dict[str, Any]:
        """The order's detail."""
        return dict(self.call("alibaba.trade.get.buyerView", webSite="1688", orderId=order_id)["result"])

    def goods(self, *skus: int, place: int = 0) -> list[Pick]:
        """Five pieces of some SKUs of one item."""
        item = [item for item in self.market.catalogue() if item.market == "alibaba1688"][place]
        return [(item, item.skus[number], 5) for number in skus]


def until(check: Callable[[], Any], seconds: float = 8) -> Any:
    """The first true answer of `check`, asked again and again until the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("did not happen in time")
