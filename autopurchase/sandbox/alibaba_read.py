"""1688: accounts, goods, orders, cancel, cashier and parcels."""

from typing import Any

from autopurchase.sandbox import alibaba_views as views
from autopurchase.sandbox.alibaba_buy import ADDRESS_ID, WAREHOUSE
from autopurchase.sandbox.alibaba_gate import family_c, refusal
from autopurchase.sandbox.calls import Answer, BusinessRefusal, Call
from autopurchase.sandbox.faults import draw
from autopurchase.sandbox.orders import Order, ready_to_pay
from autopurchase.sandbox.when import WEST, aop_date, now_ms, parse_aop_date

PAYABLE_AT_ONCE = 100


def current_time(call: Call) -> Any:
    """system/currentTime: a bare JSON text."""
    return aop_date(now_ms())


def current_millis(call: Call) -> Any:
    """system/currentTimeMillis: a bare JSON number."""
    return now_ms()


def account_basic(call: Call) -> Answer:
    """alibaba.account.basic"""
    owner = call.accounts.open("alibaba1688", call.account)
    return {
        "result": {
            "loginId": owner["login_id"],
            "userId": int(owner["user_id"]),
            "memberId": owner["member_id"],
            "companyName": "Sandbox Trading",
            "openUid": f"BBB{owner['user_id']}",
            "status": "enabled",
            "kuaJingBao": False,
            "crossBorder": True,
            "personAccount": False,
            "enterpriseAccount": True,
            "supplierName": "",
            "email": "",
            "mobileNo": "",
        },
        "errorCode": "",
        "errorMessage": "",
    }


def product_detail(call: Call) -> Answer:
    """product.search.queryProductDetail"""
    asked = call.json("offerDetailParam") or {}
    item = call.market.items.get(("alibaba1688", str(asked.get("offerId", "")))) if isinstance(asked, dict) else None
    if item is None:
        raise BusinessRefusal("404", "商品不存在 offer does not exist")
    return {
        "result": {"success": True, "code": "200", "message": "操作成功", "result": views.item_view(call.market, item)}
    }


def receive_address(call: Call) -> Answer:
    """alibaba.trade.receiveAddress.get"""
    address = {
        "id": ADDRESS_ID,
        "fullName": WAREHOUSE["fullName"],
        "address": WAREHOUSE["address"],
        "post": "510430",
        "phone": "020-36000000",
        "mobilePhone": "13800000000",
        "addressCode": "440111",
        "addressCodeText": "广东省 广州市 白云区",
        "isDefault": True,
        "townCode": "",
        "townName": "",
    }
    return {"result": {"receiveAddressItems": [address]}, "success": True, "code": "200", "message": ""}


def order_list(call: Call) -> Answer:
    """alibaba.trade.getBuyerOrderList, newest first; does not echo `outOrderId`."""
    wanted = call.text("orderStatus")
    found = [order for order in _listed(call) if wanted in ("", views.main_status(order))]
    found.sort(key=lambda order: order.id, reverse=True)
    page, size = max(call.number("page", 1), 1), min(max(call.number("pageSize", 20), 1), 50)
    shown = found[(page - 1) * size : page * size]
    return {
        "result": [_loose(call, views.list_view(call.market, call.accounts, order)) for order in shown],
        "totalRecord": len(found),
        "errorCode": "",
        "errorMessage": "",
    }


def _listed(call: Call) -> list[Order]:
    if call.text("isHis") == "true" or call.text("bizTypes"):  # nothing is old; bizTypes is reported to filter to none
        return []
    reference = call.text("outOrderId")
    created = _window(call, "createStartTime", "createEndTime")
    modified = _window(call, "modifyStartTime", "modifyEndTime")
    if reference and call.market.settings.reference_filter:
        orders = call.market.orders_of(reference, "alibaba1688", call.account)
    else:
        by, span = ("modified", modified) if any(modified) else ("created", created)
        orders = list(call.market.store.window("alibaba1688", call.account, by, *span))
    return [
        order
        for order in orders
        if _inside(order.created, created) and _inside(order.modified, modified) and _asked(call, order)
    ]


def _asked(call: Call, order: Order) -> bool:
    refund = "refundsuccess" if order.close_reason == "refunded" else ""
    return (
        order.visible_from <= now_ms()
        and call.text("sellerMemberId") in ("", order.seller_id)
        and call.text("refundStatus") in ("", refund)
    )


def _window(call: Call, start: str, end: str) -> tuple[int | None, int | None]:
    try:
        first = parse_aop_date(call.text(start)) if call.text(start) else None
        last = parse_aop_date(call.text(end)) if call.text(end) else None
    except ValueError as error:
        raise BusinessRefusal("400", str(error)) from None
    return first, last


def _inside(moment: int, span: tuple[int | None, int | None]) -> bool:
    return (span[0] is None or moment >= span[0]) and (span[1] is None or moment <= span[1])


def _loose(call: Call, view: dict[str, Any]) -> dict[str, Any]:
    """Sometimes, as in official samples, `idOfStr` is a bare number and dates carry another offset."""
    if call.market.settings.quirks and draw("ids" + call.request_id) < 0.2:
        base = view["baseInfo"]
        base["idOfStr"] = base["id"]
        for name in ("createTime", "modifyTime"):
            base[name] = aop_date(parse_aop_date(base[name]), WEST)
    return view


def buyer_view(call: Call) -> Answer:
    """alibaba.trade.get.buyerView; `success` is text."""
    order = _mine(call, "orderId")
    view = _loose(call, views.detail_view(call.market, call.accounts, order))
    return {"result": view, "success": "true", "errorCode": "", "errorMessage": ""}


def _mine(call: Call, name: str, foreign: str = "400_3") -> Order:
    if call.text("webSite") != "1688" or not call.text(name):
        raise refusal("gw.ParamMissing", f"webSite=1688 and {name} are required")
    order = call.market.store.orders.get(call.number(name, 0))
    if order is None or order.market != "alibaba1688" or order.visible_from > now_ms():
        raise BusinessRefusal("ORDER_NOT_EXIST", "订单不存在 order does not exist")
    if order.account != call.account:
        raise BusinessRefusal(foreign, "无权限 not a party of the order")
    return order


def cancel(call: Call) -> Answer:
    """alibaba.trade.cancel: at once, unpaid orders only, not in the first seconds."""
    order = _mine(call, "tradeID")
    if call.text("cancelReason") not in ("buyerCancel", "sellerGoodsLack", "other"):
        raise BusinessRefusal("400", "cancelReason is not one of buyerCancel, sellerGoodsLack, other")
    if not ready_to_pay(order) or call.struck("cancel_refused"):
        raise BusinessRefusal("ORDER_STATUS_ERROR", "订单状态错误 the order is not unpaid any more")
    if now_ms() - order.created < call.market.settings.cancel_wait_seconds * 1000:
        raise BusinessRefusal("CLOSE_ORDER_TOO_FAST", "关闭订单太快 wait 10 seconds after ordering")
    if not call.struck("cancel_ignored"):
        call.market.close(order, "buyer")
    return {"success": True, "errorCode": "", "errorMessage": ""}


def pay_url(call: Call) -> Answer:
    """alibaba.alipay.url.get: a cashier link, possibly for a part of the orders only."""
    numbers = call.numbers("orderIdList")
    if not 1 <= len(numbers) <= PAYABLE_AT_ONCE:
        raise BusinessRefusal("400", "orderIdList takes 1 to 100 ids")
    orders = {number: call.market.store.orders.get(number) for number in numbers}
    good = [
        number
        for number, order in orders.items()
        if order and order.account == call.account and order.market == "alibaba1688" and ready_to_pay(order)
    ]
    if call.struck("partial"):
        good = good[:-1]
    bad = [number for number in numbers if number not in good]
    if not good:
        return {**family_c("ORDER_STATUS_ERROR", "没有可支付的订单"), "payFailureOrderList": bad}
    return {
        "success": True,
        "errorCode": "",
        "erroMsg": "",
        "payFailureOrderList": bad,
        "payUrl": f"{call.origin}/pay?ids={','.join(map(str, good))}",
    }


def logistics_infos(call: Call) -> Answer:
    """alibaba.trade.getLogisticsInfos.buyerView"""
    order = _mine(call, "orderId")
    if not order.parcels:
        raise BusinessRefusal("500_2", "该订单没有物流信息 not shipped yet")
    return {
        "result": [views.parcel_view(call.market, order, parcel) for parcel in order.parcels],
        "success": True,
        "errorCode": "",
        "errorMessage": "",
    }


def logistics_trace(call: Call) -> Answer:
    """alibaba.trade.getLogisticsTraceInfo.buyerView"""
    order = _mine(call, "orderId", "order.nopermission.buyer")
    wanted = call.text("logisticsId")
    parcels = [parcel for parcel in order.parcels if wanted in ("", parcel.id)]
    if not parcels:
        raise BusinessRefusal("404", "暂无物流跟踪信息 no trace yet")
    return {
        "logisticsTrace": [views.trace_view(order, parcel) for parcel in parcels],
        "success": True,
        "errorCode": "",
        "errorMessage": "",
    }
