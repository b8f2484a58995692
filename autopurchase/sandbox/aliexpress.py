"""AliExpress Dropshipping: what the gateway checks, and one function per method of `/sync` and path of `/rest`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from autopurchase.sandbox import aliexpress_views as views
from autopurchase.sandbox.accounts import Accounts, Grant
from autopurchase.sandbox.calls import Answer, BusinessRefusal, Call, GatewayRefusal
from autopurchase.sandbox.catalogue import Item, Sku
from autopurchase.sandbox.faults import draw
from autopurchase.sandbox.market import Basket, Want
from autopurchase.sandbox.orders import Order
from autopurchase.sandbox.signing import iop_md5, iop_sha256, same
from autopurchase.sandbox.when import now_ms

NAME = "aliexpress"
SKEW_MS = 7_200_000
REMEMBERED_MS = 24 * 3600 * 1000  # how long an out_order_id stops repetitions
CURRENCIES = ("CNY", "USD", "EUR")
ADDRESS = ("address", "city", "province", "country", "contact_person", "zip", "mobile_no", "phone_country", "full_name")


def check(accounts: Accounts, path: str, params: dict[str, str]) -> None:
    """Application, clock and signature. `path` is empty for `/sync`. Raises GatewayRefusal."""
    secret = accounts.secret(NAME, params.get("app_key", ""))
    if secret is None:
        raise refusal("InvalidAppKey", "The specified App Key is invalid")
    stamp = params.get("timestamp", "")
    if not stamp.isdecimal() or abs(int(stamp) - now_ms()) > SKEW_MS:
        raise refusal("IncompleteSignature", "The request signature does not conform to platform standards")
    wrapped = params.get("sign_method") == "md5" and not path
    expected = iop_md5(secret, params) if wrapped else iop_sha256(secret, path, params)
    if params.get("sign_method") not in ("sha256", "md5") or not same(expected, params.get("sign", "")):
        raise refusal("IncompleteSignature", "The request signature does not conform to platform standards")


def refusal(code: str, message: str, kind: str = "ISV", status: int = 200, **sub: str) -> GatewayRefusal:
    """A gateway error in this protocol's envelope."""
    return GatewayRefusal({"error_response": {"type": kind, "code": code, "msg": message, **sub}}, status)


def expired() -> GatewayRefusal:
    """The token is dead."""
    return refusal("IllegalAccessToken", "The specified access token is invalid or expired")


def throttled(seconds: int, style: str) -> GatewayRefusal:
    """Too many calls."""
    message = f"Api access frequency exceeds the limit. this ban will last {seconds} seconds"
    return refusal("ApiCallLimit", message, status=429 if style == "429" else 200)


def not_permitted() -> GatewayRefusal:
    """The order is not this account's, or is not known in this region yet."""
    return refusal(
        "15",
        "Remote service error",
        "ISP",
        sub_code="isv.insufficient-permission",
        sub_msg="Insufficient permission.",
    )


def kind_of(api: str) -> str:
    """The kind of an API as the fault rules name it."""
    return KINDS.get(api, "other")


def reference_of(params: dict[str, str]) -> str:
    """Our reference in a create call."""
    text = params.get("param_place_order_request4_open_api_d_t_o", "")
    return text.partition('"out_order_id":"')[2].partition('"')[0]


def answer(call: Call) -> Answer:
    """Do what the call asks. Raises GatewayRefusal for an unknown method."""
    if call.api in SYSTEM:
        return {"code": "0", **SYSTEM[call.api](call)}
    handler = METHODS.get(call.api)
    if handler is None:
        raise refusal("InvalidApiPath", "The specified API path does not exist")
    body = handler(call)
    loose = call.market.settings.quirks and draw("types" + call.request_id) < 0.25
    return {f"{call.api.replace('.', '_')}_response": _as_text(body) if loose else body}


def _as_text(value: Any) -> Any:
    """Numbers as text, as live answers sometimes have them."""
    if isinstance(value, dict):
        return {key: _as_text(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_as_text(entry) for entry in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# tokens


def token_create(call: Call) -> Answer:
    """/auth/token/create"""
    grant = call.accounts.redeem(NAME, call.text("code"))
    if grant is None:
        raise GatewayRefusal({"code": "InvalidCode", "type": "ISV", "message": "Invalid authorization code"})
    return _tokens(call, grant)


def token_refresh(call: Call) -> Answer:
    """/auth/token/refresh"""
    grant = call.accounts.refresh(NAME, call.text("refresh_token"))
    if grant is None:
        raise GatewayRefusal({"code": "IllegalRefreshToken", "type": "ISV", "message": "The refresh token is invalid"})
    return _tokens(call, grant)


def _tokens(call: Call, grant: Grant) -> Answer:
    owner = call.accounts.open(NAME, grant.account)
    return {
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "expires_in": (grant.expires - now_ms() + 500) // 1000,
        "refresh_expires_in": (grant.refresh_expires - now_ms() + 500) // 1000,
        "expire_time": grant.expires,
        "refresh_token_valid_time": grant.refresh_expires,
        "account": owner["login_id"],
        "user_id": owner["user_id"],
        "seller_id": owner["user_id"],
        "havana_id": owner["user_id"],
        "sp": "ae",
        "locale": "zh_CN",
        "account_platform": "buyerApp",
    }


# goods


def product_get(call: Call) -> Answer:
    """aliexpress.ds.product.get"""
    item = call.market.items.get((NAME, call.text("product_id")))
    if not call.text("ship_to_country") or call.text("target_currency") not in CURRENCIES:
        return {"rsp_code": 602, "rsp_msg": "Item is not allowed to this country"}
    if item is None:
        return {"rsp_code": 605, "rsp_msg": "ITEM_ID_NOT_FOUND"}
    return {"rsp_code": 200, "rsp_msg": "Call succeeds", "result": views.product(call.market, item, call)}


def freight_query(call: Call) -> Answer:
    """aliexpress.ds.freight.query"""
    asked = call.json("queryDeliveryReq") or {}
    item = call.market.items.get((NAME, str(asked.get("productId"))))
    sku = _sku(item, str(asked.get("selectedSkuId"))) if item else None
    needed = ("quantity", "shipToCountry", "language", "locale", "currency")
    if item is None or sku is None or not all(asked.get(name) for name in needed):
        return {"result": {"msg": "DELIVERY_INFO_EMPTY", "code": 501, "success": False}}
    if len(str(asked["shipToCountry"])) != 2:
        return {"result": {"msg": "DELIVERY_NOT_AVAILABLE_TO_YOUR_ADDRESS", "code": 505, "success": False}}
    amount = call.market.sku_price(sku) * int(asked["quantity"])
    options = [views.delivery(call.market, item, sku, service, amount) for service in views.SERVICES]
    found = {"msg": "Call succeeds", "code": 200, "success": True}
    return {"result": {**found, "delivery_options": {"delivery_option_d_t_o": options}}}


def _sku(item: Item, sku_id: str) -> Sku | None:
    return next((sku for sku in item.skus if sku.sku_id == sku_id), None)


# orders


def create(call: Call) -> Answer:
    """aliexpress.ds.order.create: one order per seller, unpaid."""
    try:
        orders = _make(call)
    except BusinessRefusal as error:
        return {"result": {"is_success": False, "error_code": error.code, "error_msg": error.message}}
    result: Answer = {"is_success": True, "order_list": {"number": [order.id for order in orders]}}
    if call.market.settings.quirks and draw("pay" + call.request_id) < 0.3:
        result["error_msg"] = "OrderCreated, autoPay fail: the account is not enabled"
    return {"result": result}


def _make(call: Call) -> list[Order]:
    asked = call.json("param_place_order_request4_open_api_d_t_o") or {}
    reference = str(asked.get("out_order_id") or "")
    if reference and _recent(call, reference):
        raise BusinessRefusal("REPEATED_ORDER_ERROR", "Repeated placed order")
    receiver = _address(asked.get("logistics_address") or {})
    wants = [_want(call, entry) for entry in asked.get("product_items") or []]
    if not wants:
        raise BusinessRefusal("A001_ORDER_CANNOT_BE_PLACED", "A001_ORDER_CANNOT_BE_PLACED")
    groups: dict[str, list[Want]] = {}
    for want in wants:
        groups.setdefault(want.item.seller.id, []).append(want)
    facts = {"call": call.request_id}
    baskets = [
        Basket(NAME, call.account, reference, group[0].item.seller, group, receiver, facts) for group in groups.values()
    ]
    return [call.market.make(basket, call.fault) for basket in baskets]


def _recent(call: Call, reference: str) -> bool:
    since = now_ms() - REMEMBERED_MS
    return any(order.created > since for order in call.market.orders_of(reference, NAME, call.account))


def _address(given: dict[str, Any]) -> dict[str, str]:
    clean = {key: str(given[key]).strip() for key in ADDRESS if given.get(key)}
    wrong = {
        "city": "Please enter a City",
        "province": "Please select a State/Province/County",
        "address": "Please enter an address",
        "contact_person": "Please enter between 2 - 32 characters",
        "mobile_no": "Please enter the country code and phone number without any spaces or special characters",
    }
    missing = [words for key, words in wrong.items() if key not in clean]
    if missing or len(clean.get("country", "")) != 2 or not clean["mobile_no"].isdecimal():
        words = missing[0] if missing else wrong["mobile_no"]
        raise BusinessRefusal("B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL", words)
    return {**clean, "name": clean["contact_person"], "state": clean["province"], "mobile_phone": clean["mobile_no"]}


def _want(call: Call, entry: dict[str, Any]) -> Want:
    item = call.market.items.get((NAME, str(entry.get("product_id"))))
    if item is None or call.market.status(item) != "published":
        raise BusinessRefusal("ITEM_ID_NOT_FOUND", "The product does not exist")
    attr = str(entry.get("sku_attr") or "")
    sku = next((sku for sku in item.skus if views.attr(sku) == attr or len(item.skus) == 1), None)
    if sku is None:
        raise BusinessRefusal("SKU_NOT_EXIST", "The sku does not exist")
    service = str(entry.get("logistics_service_name") or views.SERVICES[0])
    if service not in views.SERVICES:
        raise BusinessRefusal("DELIVERY_METHOD_NOT_EXIST", "Delivery method is not exist")
    quantity = int(str(entry.get("product_count") or 0))
    if quantity < 1 or quantity > call.market.stock(sku) or call.struck("out_of_stock"):
        raise BusinessRefusal("INVENTORY_HOLD_ERROR", "Hold inventory error")
    surcharge = int(call.fault.get("percent", 10)) if call.struck("price_change") else 0
    want = Want(item, sku, quantity, surcharge=surcharge)
    return replace(want, postage=views.fee(call.market, item.seller, service, call.market.line_amount(want)))


def order_get(call: Call) -> Answer:
    """aliexpress.trade.ds.order.get"""
    return {"result": views.order(call.market, _mine(call, (call.json("single_order_query") or {}).get("order_id")))}


def tracking_get(call: Call) -> Answer:
    """aliexpress.ds.order.tracking.get"""
    order = _mine(call, call.text("ae_order_id"))
    if not order.parcels:
        return {"result": {"ret": False, "code": "1001", "msg": "TRACKING DATA NOT FOUND"}}
    lines = [views.tracking(call.market, order, parcel) for parcel in order.parcels]
    return {"result": {"ret": True, "code": "0", "data": {"tracking_detail_line_list": {"tracking_detail": lines}}}}


def _mine(call: Call, number: Any) -> Order:
    order = call.market.store.orders.get(int(number)) if str(number).isdecimal() else None
    if order is None or (order.market, order.account) != (NAME, call.account) or order.visible_from > now_ms():
        raise not_permitted()
    return order


SYSTEM: dict[str, Callable[[Call], Answer]] = {"/auth/token/create": token_create, "/auth/token/refresh": token_refresh}
METHODS: dict[str, Callable[[Call], Answer]] = {
    "aliexpress.ds.product.get": product_get,
    "aliexpress.ds.freight.query": freight_query,
    "aliexpress.ds.order.create": create,
    "aliexpress.trade.ds.order.get": order_get,
    "aliexpress.ds.order.tracking.get": tracking_get,
}
PUBLIC = tuple(SYSTEM)
KINDS = {
    "/auth/token/create": "token",
    "/auth/token/refresh": "token",
    "aliexpress.ds.product.get": "item",
    "aliexpress.ds.freight.query": "preview",
    "aliexpress.ds.order.create": "create",
    "aliexpress.trade.ds.order.get": "detail",
    "aliexpress.ds.order.tracking.get": "logistics",
}
