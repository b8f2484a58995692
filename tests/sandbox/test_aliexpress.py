"""The AliExpress face of the practice marketplace: signatures of both kinds, repetitions, strangers' orders."""

import itertools
import json
import time
from typing import Any

import pytest
import requests

from autopurchase.sandbox import Sandbox
from autopurchase.sandbox.signing import iop_md5, iop_sha256

_accounts = itertools.count(1)
TO = {
    "address": "Street 1",
    "city": "Guangzhou",
    "province": "Guangdong",
    "country": "CN",
    "contact_person": "Anna Meyer",
    "mobile_no": "13800138000",
}


class Caller:
    """A caller of `/sync`."""

    def __init__(self, market: Sandbox) -> None:
        self.market, self.account = market, f"ali-{next(_accounts)}"
        self.keys = market.credentials("aliexpress", self.account)

    def orders(self) -> list[dict[str, Any]]:
        """What the market holds for this caller."""
        return self.market.orders(account=self.account)

    def send(self, method: str, sign_method: str = "sha256", **business: str) -> Any:
        """What a method answers."""
        params = {
            "app_key": self.keys["app_key"],
            "timestamp": str(int(time.time() * 1000)),
            "sign_method": sign_method,
            "session": self.keys["access_token"],
            "method": method,
            **business,
        }
        secret = self.keys["app_secret"]
        params["sign"] = iop_md5(secret, params) if sign_method == "md5" else iop_sha256(secret, "", params)
        return requests.post(f"{self.market.base_url}/sync", data=params, timeout=10).json()

    def create(self, reference: str, **changed: object) -> Any:
        """The result of a create call for one piece."""
        item = next(item for item in self.market.catalogue() if item.market == "aliexpress" and len(item.skus) > 1)
        found = self.send(
            "aliexpress.ds.product.get", product_id=item.item_id, ship_to_country="CN", target_currency="CNY"
        )
        skus = found["aliexpress_ds_product_get_response"]["result"]["ae_item_sku_info_dtos"]["ae_item_sku_info_d_t_o"]
        line = {"product_id": item.item_id, "product_count": 1, "sku_attr": skus[0]["sku_attr"], **changed}
        asked = {"out_order_id": reference, "logistics_address": TO, "product_items": [line]}
        text = json.dumps(asked, separators=(",", ":"))
        answer = self.send("aliexpress.ds.order.create", param_place_order_request4_open_api_d_t_o=text)
        return answer["aliexpress_ds_order_create_response"]["result"]


@pytest.fixture
def caller(market: Sandbox) -> Caller:
    return Caller(market)


def test_both_signatures_are_taken_and_others_are_not(caller: Caller) -> None:
    query = json.dumps({"order_id": 1})
    for how in ("sha256", "md5"):
        answer = caller.send("aliexpress.trade.ds.order.get", how, single_order_query=query)
        assert answer["error_response"]["sub_code"] == "isv.insufficient-permission"
    caller.keys["app_secret"] = "wrong"
    answer = caller.send("aliexpress.trade.ds.order.get", single_order_query=query)
    assert answer["error_response"]["code"] == "IncompleteSignature"


def test_a_reference_is_taken_once(caller: Caller) -> None:
    assert caller.create("AP-1")["is_success"] is True
    assert caller.create("AP-1")["error_code"] == "REPEATED_ORDER_ERROR"
    assert len(caller.orders()) == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"product_count": 10_000_000}, "INVENTORY_HOLD_ERROR"),
        ({"sku_attr": "1:1#No"}, "SKU_NOT_EXIST"),
        ({"product_id": 1}, "ITEM_ID_NOT_FOUND"),
        ({"logistics_service_name": "PIGEON"}, "DELIVERY_METHOD_NOT_EXIST"),
    ],
)
def test_what_cannot_be_bought_is_refused(caller: Caller, changed: dict[str, object], code: str) -> None:
    assert caller.create("AP-1", **changed)["error_code"] == code
    assert caller.orders() == []


def test_the_dearer_delivery_costs_more(caller: Caller) -> None:
    caller.create("AP-1")
    caller.create("AP-2", logistics_service_name="CAINIAO_PREMIUM")
    first, second = caller.orders()
    assert second["freight"] - first["freight"] == 3000


def test_orders_of_others_are_not_shown(caller: Caller) -> None:
    number = caller.create("AP-1")["order_list"]["number"][0]
    query = json.dumps({"order_id": number})
    mine = caller.send("aliexpress.trade.ds.order.get", single_order_query=query)
    assert mine["aliexpress_trade_ds_order_get_response"]["result"]["order_status"] == "PLACE_ORDER_SUCCESS"
    theirs = Caller(caller.market).send("aliexpress.trade.ds.order.get", single_order_query=query)
    assert "error_response" in theirs
