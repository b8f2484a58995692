"""Taobao Global: the gateway's checks and one function per API path."""

import json
from collections.abc import Callable
from typing import Any

from autopurchase.sandbox import taobao_views as views
from autopurchase.sandbox.accounts import Accounts, Grant
from autopurchase.sandbox.calls import Answer, BusinessRefusal, Call, GatewayRefusal
from autopurchase.sandbox.catalogue import Item, Sku
from autopurchase.sandbox.faults import draw
from autopurchase.sandbox.market import Basket, Want
from autopurchase.sandbox.orders import Line, Order, ready_to_pay
from autopurchase.sandbox.signing import iop_sha256, same
from autopurchase.sandbox.when import now_ms

SKEW_MS = 7_200_000
LIFTED = ("country", "state", "city", "district", "address", "zip", "name", "phone", "mobile_phone", "taxId")


def check(accounts: Accounts, path: str, params: dict[str, str]) -> None:
    """Application, clock and signature. Raises GatewayRefusal."""
    secret = accounts.secret("taobao", params.get("app_key", ""))
    if secret is None:
        raise refusal("InvalidAppKey", "The specified App Key is invalid")
    stamp = params.get("timestamp", "")
    if not stamp:
        raise refusal("MissingTimestamp", "The input parameter timestamp is missing")
    if not stamp.isdecimal() or abs(int(stamp) - now_ms()) > SKEW_MS:
        raise refusal("InvalidTimestamp", "The specified timestamp is invalid")
    expected = iop_sha256(secret, path, params)
    if params.get("sign_method") != "sha256" or not same(expected, params.get("sign", "")):
        raise refusal("IncompleteSignature", "The request signature does not conform to platform standards")


def refusal(code: str, message: str, kind: str = "ISV", status: int = 200) -> GatewayRefusal:
    """A gateway error in this protocol's envelope."""
    return GatewayRefusal({"code": code, "type": kind, "message": message}, status)


def expired() -> GatewayRefusal:
    """The token is dead."""
    return refusal("IllegalAccessToken", "The specified access token is invalid or expired")


def throttled(seconds: int, style: str) -> GatewayRefusal:
    """Too many calls."""
    message = f"Api access frequency exceeds the limit. this ban will last {seconds} seconds"
    return refusal("ApiCallLimit", message, status=429 if style == "429" else 200)


def kind_of(api: str) -> str:
    """The kind of an API as the fault rules name it."""
    return KINDS.get(api, "other")


def reference_of(params: dict[str, str]) -> str:
    """Our reference in a create call."""
    return params.get("outer_purchase_id", "")


def answer(call: Call) -> Answer:
    """Do what the call asks. Raises GatewayRefusal for an unknown path."""
    handler, family = APIS.get(call.api, (None, ""))
    if handler is None:
        raise refusal("InvalidApiPath", "The specified API path does not exist")
    try:
        call.refuse_if_told()
        payload = handler(call)
        body = _envelope(family, payload)
    except BusinessRefusal as error:
        body = _refused(family, error)
    body = {"code": "0", **body}
    if call.api == "/purchase/order/batch/pay":
        body["success"] = str(body["success"]).lower()  # text, as reported from live answers
    loose = call.market.settings.quirks and family and draw("types" + call.request_id) < 0.25
    return _as_text(body) if loose else body


def _envelope(family: str, payload: Any) -> Answer:
    if family == "":
        return dict(payload)
    inner = {"success": True, "error_code": "", "error_msg": "", "data": payload}
    return inner if family == "top" else {"result": {**inner, "inner_error_msg": "", "fail_items": ""}}


def _refused(family: str, error: BusinessRefusal) -> Answer:
    inner = {"success": False, "error_code": error.code, "error_msg": error.message, "data": None}
    if family == "result":
        return {"result": {**inner, "inner_error_msg": error.message, "fail_items": ""}}
    return inner


def _as_text(value: Any) -> Any:
    """The same document with every number and boolean as text, as live answers sometimes are."""
    if isinstance(value, dict):
        return {key: _as_text(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_as_text(entry) for entry in value]
    if isinstance(value, bool | int):
        return str(value).lower()
    return value


# tokens


def token_create(call: Call) -> Answer:
    """/auth/token/create"""
    grant = call.accounts.redeem("taobao", call.text("code"))
    if grant is None:
        raise refusal("InvalidCode", "The authorization code is invalid, used or expired")
    return _tokens(call, grant)


def token_refresh(call: Call) -> Answer:
    """/auth/token/refresh"""
    grant = call.accounts.refresh("taobao", call.text("refresh_token"))
    if grant is None:
        raise refusal("IllegalRefreshToken", "The specified refresh token is invalid or expired")
    return _tokens(call, grant)


def _tokens(call: Call, grant: Grant) -> Answer:
    owner = call.accounts.open("taobao", grant.account)
    return {
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "expires_in": (grant.expires - now_ms() + 500) // 1000,
        "refresh_expires_in": str((grant.refresh_expires - now_ms() + 500) // 1000),
        "account": owner["login_id"],
        "account_id": owner["user_id"],
        "user_id": owner["user_id"],
        "seller_id": None,
        "account_platform": "taobao_global",
        "short_code": owner["user_id"][-6:],
        "error_code": "",
    }


# goods


def product_get(call: Call) -> Answer:
    """/product/get"""
    item = call.market.items.get(("taobao", call.text("item_id")))
    if item is None:
        raise BusinessRefusal("ITEM_NOT_EXIST", "商品不存在 item does not exist")
    return views.item_view(call.market, item)


def render(call: Call) -> Answer:
    """/purchase/order/render"""
    if call.text("need_supplychain_service") not in ("true", "false"):
        raise BusinessRefusal("PARAM_ERROR", "need_supplychain_service is required")
    _address(call, "receiver_address")
    wants, missing = _wants(call, call.objects("render_item_List"))
    groups = [_render_group(call, group) for group in by_seller(wants)]
    total = sum(group["order_fee"]["amount"] for group in groups)
    return {"total_real_pay_price": views.money(total), "unavailable_sku_list": missing, "render_item_list": groups}


def _render_group(call: Call, wants: list[Want]) -> Answer:
    market, seller = call.market, wants[0].item.seller
    goods = sum(market.line_amount(want) for want in wants)
    freight = market.freight(seller, goods)
    return {
        "nick": seller.name,
        "seller_id": int(seller.id),
        "item_price_infos": [
            {
                "item_id": int(want.item.mp_id),
                "sku_id": int(want.sku.mp_id),
                "quantity": want.quantity,
                "origin_price": views.money(max(market.list_price(want.sku), market.price(want))),
                "discount_price": views.money(market.line_amount(want)),
            }
            for want in wants
        ],
        "mainland_shipping_fee": views.money(freight),
        "order_fee": views.money(goods + freight),
        "delivery_fee": freight,
        "currency_code": "CNY",
        "dispatch_place": "浙江杭州",
        "estimated_delivery_time": "48小时内发货",
        "choose_supply_chain_services": [],
    }


def by_seller(wants: list[Want]) -> list[list[Want]]:
    """The wants of each seller, in the order they came."""
    groups: dict[str, list[Want]] = {}
    for want in wants:
        groups.setdefault(want.item.seller.id, []).append(want)
    return list(groups.values())


def _wants(call: Call, lines: list[dict[str, Any]]) -> tuple[list[Want], list[dict[str, Any]]]:
    """What can be bought of the lines, and the rest with reasons. Accepts camelCase and snake_case keys."""
    wants, missing = [], []
    for place, line in enumerate(lines):
        item_id, sku_id = _either(line, "itemId", "item_id"), _either(line, "skuId", "sku_id")
        try:
            wants.append(_want(call, line, item_id, sku_id, place == len(lines) - 1))
        except BusinessRefusal as error:
            missing.append(
                {
                    "item_id": _number(item_id),
                    "sku_id": _number(sku_id),
                    "reason": error.message,
                    "error_code": error.code,
                    "error_msg": error.message,
                }
            )
    return wants, missing


def _want(call: Call, line: dict[str, Any], item_id: str, sku_id: str, last: bool) -> Want:
    item = call.market.items_by_mp.get(item_id)
    if item is None or call.market.status(item) != "published":
        raise BusinessRefusal("ITEM_NOT_AVAILABLE", "商品已下架或不存在")
    sku = next((sku for sku in item.skus if sku.mp_id == sku_id), None)
    if sku is None:
        raise BusinessRefusal("SKU_NOT_MATCH", "规格不属于该商品 sku does not belong to the item")
    quantity = _number(str(line.get("quantity", "")))
    _check_quantity(call, item, sku, quantity, last)
    surcharge = int(call.fault.get("percent", 10)) if call.struck("price_change") else 0
    return Want(item, sku, quantity, _either(line, "orderLineNo", "order_line_no"), surcharge)


def _check_quantity(call: Call, item: Item, sku: Sku, quantity: int, last: bool) -> None:
    if quantity < max(item.minimum, 1):
        raise BusinessRefusal("QUANTITY_TOO_SMALL", f"低于起购数量 minimum {item.minimum}")
    struck = call.struck("out_of_stock") or (call.struck("partial") and last)
    if quantity > call.market.stock(sku) or struck:
        raise BusinessRefusal("STOCK_NOT_ENOUGH", "商品库存不足")


def _either(line: dict[str, Any], camel: str, snake: str) -> str:
    return str(line.get(camel, line.get(snake, "")))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _address(call: Call, name: str) -> dict[str, str]:
    address = call.json(name)
    if not isinstance(address, dict):
        raise BusinessRefusal("ADDRESS_INVALID", f"收货地址不能为空 {name} is required")
    clean = {key: str(address[key]) for key in LIFTED if address.get(key)}
    needed = [key for key in ("country", "address", "name") if key not in clean]
    if needed or not (clean.get("phone") or clean.get("mobile_phone")):
        raise BusinessRefusal("ADDRESS_INVALID", f"收货地址不完整 address lacks {', '.join(needed) or 'phone'}")
    return clean


# orders


def create(call: Call) -> Answer:
    """/purchase/order/create: one order per seller."""
    reference = call.text("outer_purchase_id")
    if not reference or not call.text("purchase_amount"):
        raise BusinessRefusal("PARAM_ERROR", "outer_purchase_id and purchase_amount are required")
    call.check_account("ORDER_NOT_ALLOWED")
    orders = _repeated(call, reference) or _make(call, reference)
    return {
        "success": True,
        "error_code": "",
        "error_message": "",
        "outer_purchase_id": reference,
        "payment_url": f"{call.origin}/pay?ids={','.join(str(order.id) for order in orders)}",
        "order_list": [views.created_view(call.market, order) for order in orders],
    }


def _repeated(call: Call, reference: str) -> list[Order]:
    """The orders to answer with when a known reference comes again and the market de-duplicates."""
    known = call.market.orders_of(reference, "taobao", call.account)
    if known and call.market.settings.deduplicate == "refuse":
        raise BusinessRefusal("DUPLICATE_OUTER_ID", "outer_purchase_id was used before")
    return known if call.market.settings.deduplicate == "yes" else []


def _make(call: Call, reference: str) -> list[Order]:
    receiver = _address(call, "receiver")
    lines = call.objects("order_line_list")
    numbers = [_either(line, "orderLineNo", "order_line_no") for line in lines]
    if len(set(numbers)) != len(numbers):
        raise BusinessRefusal("PARAM_ERROR", "orderLineNo must be unique inside one purchase")
    wants, missing = _wants(call, lines)
    if missing and (not wants or call.text("support_partial_success") != "true"):
        raise BusinessRefusal(missing[0]["error_code"], missing[0]["error_msg"])
    facts = {
        "call": call.request_id,
        "remark": call.text("order_remark"),
        "order_source": call.text("order_source"),
        "seller_order_number": call.text("seller_order_number"),
    }
    return [
        call.market.make(
            Basket("taobao", call.account, reference, group[0].item.seller, group, receiver, facts), call.fault
        )
        for group in by_seller(wants)
    ]


def query(call: Call) -> Answer:
    """/purchase/orders/query"""
    found = [order for order in _candidates(call) if _shown(call, order)]
    found.sort(key=lambda order: (order.modified, order.id), reverse=call.text("sort_type").upper() != "ASC")
    page, size = max(call.number("page_no", 1), 1), min(max(call.number("page_size", 20), 1), 50)
    shown = found[(page - 1) * size : page * size]
    return {
        "results_total": len(found),
        "page_no": page,
        "page_size": size,
        "purchase_orders": [views.order_view(call.market, call.accounts, order) for order in shown],
    }


def _candidates(call: Call) -> list[Order]:
    market = call.market
    if call.text("purchase_ids"):
        return [order for number in call.numbers("purchase_ids") for order in [_mine(call, number)] if order]
    if call.text("outer_purchase_id"):
        return market.orders_of(call.text("outer_purchase_id"), "taobao", call.account)
    start, end = call.number("modify_time_start", 0), call.number("modify_time_end", 0)
    return list(market.store.window("taobao", call.account, "modified", start or None, end or None))


def _shown(call: Call, order: Order) -> bool:
    start, end = call.number("modify_time_start", 0), call.number("modify_time_end", 0)
    inside = order.modified >= start and (not end or order.modified <= end)
    wanted = call.text("status")
    return inside and order.visible_from <= now_ms() and (not wanted or views.main_status(order) == wanted)


def _mine(call: Call, number: int) -> Order | None:
    order = call.market.store.orders.get(number)
    return order if order and (order.market, order.account) == ("taobao", call.account) else None


def cancel(call: Call) -> Answer:
    """/purchase/order/asyn/cancel: accepted now, closed a moment later."""
    order = _mine(call, call.number("purchase_id", 0))
    if order is None:
        raise BusinessRefusal("ORDER_NOT_EXIST", "订单不存在 order does not exist")
    if not call.text("cancel_reason"):
        raise BusinessRefusal("PARAM_ERROR", "cancel_reason is required")
    if order.paid_at or order.status not in ("building", "unpaid") or call.struck("cancel_refused"):
        raise BusinessRefusal("ORDER_STATUS_NOT_ALLOW", "订单状态不允许取消 the order cannot be cancelled any more")
    if call.struck("cancel_ignored"):
        return {}
    lines = call.numbers("sub_purchase_orderId_list")
    call.market.schedule(order, call.market.settings.cancel_seconds, "cancel", lines)
    return {}


def batch_pay(call: Call) -> Answer:
    """/purchase/order/batch/pay: "will pay" now, paid a moment later."""
    numbers = call.numbers("purchaseOrderIdList")
    if not 1 <= len(numbers) <= 10:
        raise BusinessRefusal("PARAM_ERROR", "purchaseOrderIdList takes 1 to 10 ids")
    will: list[str] = []
    failed: list[dict[str, Any]] = []
    for number in numbers:
        order = _mine(call, number)
        if order and ready_to_pay(order):
            call.market.schedule(order, call.market.settings.settle_seconds, "pay")
            will.append(str(number))
        else:
            failed.append(
                {
                    "gspOrderId": number,
                    "errorCode": "ORDER_STATUS_ERROR",
                    "class": "PayFailedResult",
                    "errorMessage": "订单状态不可支付 not waiting for payment",
                }
            )
    return {
        "will_pay_purchase_order_ids": will,
        "pay_failed_results": failed,
        "pay_failure_purchase_order_ids": [str(entry["gspOrderId"]) for entry in failed],
    }


def logistics(call: Call) -> Answer:
    """/logistics/detail/get, by sub order."""
    number = call.number("purchase_order_line_id", 0)
    order, line = _line(call, number)
    return views.logistics_view(call.market, order, line)


def _line(call: Call, number: int) -> tuple[Order, Line]:
    order = _mine(call, call.market.store.order_of_line.get(number, 0))
    if order is None:
        raise BusinessRefusal("ORDER_NOT_EXIST", "子订单不存在 no such order line")
    return order, next(line for line in order.lines if line.id == number)


APIS: dict[str, tuple[Callable[[Call], Answer], str]] = {
    "/auth/token/create": (token_create, ""),
    "/auth/token/refresh": (token_refresh, ""),
    "/product/get": (product_get, "top"),
    "/purchase/order/render": (render, "result"),
    "/purchase/order/create": (create, "top"),
    "/purchase/orders/query": (query, "top"),
    "/logistics/detail/get": (logistics, "result"),
    "/purchase/order/asyn/cancel": (cancel, "top"),
    "/purchase/order/batch/pay": (batch_pay, "top"),
}
KINDS = {
    "/auth/token/create": "token",
    "/auth/token/refresh": "token",
    "/product/get": "item",
    "/purchase/order/render": "preview",
    "/purchase/order/create": "create",
    "/purchase/orders/query": "list",
    "/logistics/detail/get": "logistics",
    "/purchase/order/asyn/cancel": "cancel",
    "/purchase/order/batch/pay": "pay",
}
PUBLIC = ("/auth/token/create", "/auth/token/refresh")


def flat_params(body: bytes, content_type: str, query_pairs: list[tuple[str, str]]) -> dict[str, str]:
    """All parameters of a request, whichever of the three transports was used. Raises GatewayRefusal."""
    params = dict(query_pairs)
    if "json" not in content_type:
        return params
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise refusal("InvalidParameter", "The body is not a JSON object")
    return params | {str(key): str(value) for key, value in document.items()}
