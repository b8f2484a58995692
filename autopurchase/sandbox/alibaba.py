"""1688: which API is answered by which function, and how each says no."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autopurchase.sandbox import alibaba_buy as buy
from autopurchase.sandbox import alibaba_gate as gate
from autopurchase.sandbox import alibaba_read as read
from autopurchase.sandbox.calls import Answer, BusinessRefusal, Call

SHAPE = re.compile(r"(?P<path>(?:param2|http)/\d+/(?P<namespace>[^/]+)/(?P<api>[^/]+)/(?P<app>[^/]+))$")


@dataclass(frozen=True)
class Api:
    """One API: its namespace, what answers it, how it refuses, and its kind as the fault rules name it."""

    namespace: str
    handler: Callable[[Call], Any]
    refused: Callable[[str, str], Answer]
    kind: str


TRADE, LOGISTICS = "com.alibaba.trade", "com.alibaba.logistics"
APIS: dict[str, Api] = {
    "currentTime": Api("system", read.current_time, gate.family_e, "other"),
    "currentTimeMillis": Api("system", read.current_millis, gate.family_e, "other"),
    "alibaba.account.basic": Api("com.alibaba.account", read.account_basic, gate.family_e_silent, "other"),
    "product.search.queryProductDetail": Api(
        "com.alibaba.fenxiao.crossborder", read.product_detail, gate.family_f, "item"
    ),
    "alibaba.trade.receiveAddress.get": Api(TRADE, read.receive_address, gate.family_d, "other"),
    "alibaba.createOrder.preview": Api(TRADE, buy.preview, gate.family_b, "preview"),
    "alibaba.trade.createCrossOrder": Api(TRADE, buy.create_cross, gate.family_d, "create"),
    "alibaba.trade.fastCreateOrder": Api(TRADE, buy.create, gate.family_d, "create"),
    "alibaba.trade.getBuyerOrderList": Api(TRADE, read.order_list, gate.family_e_silent, "list"),
    "alibaba.trade.get.buyerView": Api(TRADE, read.buyer_view, gate.family_e_text, "detail"),
    "alibaba.trade.cancel": Api(TRADE, read.cancel, gate.family_e, "cancel"),
    "alibaba.alipay.url.get": Api(TRADE, read.pay_url, gate.family_c, "pay"),
    "alibaba.trade.getLogisticsInfos.buyerView": Api(LOGISTICS, read.logistics_infos, gate.family_e, "logistics"),
    "alibaba.trade.getLogisticsTraceInfo.buyerView": Api(LOGISTICS, read.logistics_trace, gate.family_e, "logistics"),
}
PUBLIC = ("currentTime", "currentTimeMillis")


def kind_of(api: str) -> str:
    """The kind of an API as the fault rules name it."""
    return APIS[api].kind if api in APIS else "other"


def reference_of(params: dict[str, str]) -> str:
    """Our reference in a create call."""
    return params.get("outOrderId", "")


def answer(call: Call) -> Any:
    """Do what the call asks. Raises GatewayRefusal for an unknown API or a missing permission."""
    api = APIS.get(call.api)
    if api is None or api.namespace != call.namespace:
        raise gate.refusal("gw.APIUnsupported", "The requested API is not supported")
    if call.api in call.market.settings.declined_apis:
        raise gate.refusal("gw.APIACLDecline", "AppKey is not allowed(acl)")
    try:
        call.refuse_if_told()
        return api.handler(call)
    except BusinessRefusal as error:
        return api.refused(error.code, error.message)
