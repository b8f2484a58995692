"""1688: previewing and creating orders."""

import re
from typing import Any

from autopurchase.sandbox import alibaba_views as views
from autopurchase.sandbox.alibaba_gate import refusal
from autopurchase.sandbox.calls import Answer, BusinessRefusal, Call
from autopurchase.sandbox.catalogue import Item, Sku
from autopurchase.sandbox.faults import draw
from autopurchase.sandbox.market import Basket, Want
from autopurchase.sandbox.orders import Order

TRADE_TYPES = ("assureTrade", "alipay")
FLOWS = ("general", "fenxiao", "paired", "boutiquefenxiao", "boutiquepifa")  # `saleproxy` needs a relation
ADDRESS_ID = 593_861_699  # the one saved address of every account
WAREHOUSE = {
    "fullName": "仓库收货组",
    "mobile": "13800000000",
    "provinceText": "广东省",
    "cityText": "广州市",
    "areaText": "白云区",
    "address": "白云湖街道石井大道 18 号 3 仓",
    "postCode": "510430",
}
MOST_SKUS = 50


def preview(call: Call) -> Answer:
    """alibaba.createOrder.preview"""
    _check_words(call)
    _address(call)
    wants, failed = _wants(call)
    if failed:
        raise BusinessRefusal(failed[0]["errorCode"], failed[0]["errorMessage"])
    return {
        "success": True,
        "orderPreviewResuslt": [_preview_model(call, wants)],
        "postFeeByDescOfferList": [],
        "consignOfferList": [],
        "unsupportedCrossBorderPayOfferList": [],
    }


def _preview_model(call: Call, wants: list[Want]) -> Answer:
    market = call.market
    goods = sum(market.line_amount(want) for want in wants)
    freight = market.freight(wants[0].item.seller, goods)
    return {
        "status": True,
        "resultCode": "200",
        "message": "",
        "flowFlag": call.text("flow") or "general",
        "sumPayment": goods + freight,
        "sumPaymentNoCarriage": goods,
        "sumCarriage": freight,
        "discountFee": 0,
        "additionalFee": 0,
        "totalFundUsageAmount": 0,
        "totalPostFundUsageAmount": 0,
        "tradeModeNameList": list(TRADE_TYPES),
        "taoSampleSinglePromotion": True,
        "shopPromotionList": [],
        "tradeModelList": [
            {"tradeType": name, "name": name, "description": name, "opSupport": True} for name in TRADE_TYPES
        ],
        "payChannelInfos": [{"name": "alipay", "amountLimit": 100_000_000}],
        "cargoList": [
            {
                "offerId": int(want.item.item_id),
                "specId": want.sku.spec_id,
                "skuId": int(want.sku.sku_id),
                "amount": views.yuan(market.line_amount(want)),
                "finalUnitPrice": views.yuan(market.price(want)),
                "resultCode": "200",
                "message": "",
                "cargoPromotionList": [],
                "totalFundUsageAmount": 0,
                "totalPostFundUsageAmount": 0,
            }
            for want in wants
        ],
    }


def _wants(call: Call) -> tuple[list[Want], list[dict[str, Any]]]:
    """The lines that can be bought, and the refused ones. Raises BusinessRefusal for the call as a whole."""
    cargo = call.objects("cargoParamList")
    if not cargo:
        raise BusinessRefusal("400", "cargoParamList is empty")
    if len({(str(line.get("offerId")), line.get("specId")) for line in cargo}) > MOST_SKUS:
        raise BusinessRefusal("400", "单次下单规格数不能超过50 limit of 50 SKUs exceeded")
    found = [_goods(call, line) for line in cargo]
    if len({item.seller.id for item, _, _ in found}) > 1:
        raise BusinessRefusal("500_002", "商品不属于同一卖家 products of several sellers")
    _check_mix(call, found)
    wants, failed = [], []
    for place, (item, sku, quantity) in enumerate(found):
        try:
            wants.append(_want(call, item, sku, quantity, place == len(found) - 1))
        except BusinessRefusal as error:
            failed.append(
                {"offerId": item.item_id, "specId": sku.spec_id, "errorCode": error.code, "errorMessage": error.message}
            )
    return wants, failed


def _goods(call: Call, line: dict[str, Any]) -> tuple[Item, Sku, int]:
    offer, spec = str(line.get("offerId", "")), str(line.get("specId") or "")
    item = call.market.items.get(("alibaba1688", offer))
    if item is None:
        raise BusinessRefusal("500_001", f"商品[{offer}]不支持在线交易")
    if not spec:
        raise BusinessRefusal("500_002", f"商品[{offer}]缺少规格 specId is missing")
    sku = next((sku for sku in item.skus if sku.spec_id == spec), None)
    if sku is None:
        raise BusinessRefusal("500_003", f"商品[{offer}_{spec}]规格不属于该商品")
    try:
        return item, sku, int(float(line.get("quantity") or 0))
    except (TypeError, ValueError):
        raise BusinessRefusal("400", "quantity is not a number") from None


def _check_mix(call: Call, found: list[tuple[Item, Sku, int]]) -> None:
    """Minimum quantities: per offer, or by the shop's mixed batch when several offers come together."""
    pieces: dict[str, int] = {}
    for item, _, quantity in found:
        pieces[item.item_id] = pieces.get(item.item_id, 0) + quantity
    short = [item for item, _, _ in found if pieces[item.item_id] < item.minimum]
    if short and len(pieces) == 1:
        raise BusinessRefusal("500_005", f"商品[{short[0].item_id}]低于起批量 minimum {short[0].minimum}")
    amount = sum(call.market.sku_price(sku) * quantity for _, sku, quantity in found)
    if short and sum(pieces.values()) < 2 and amount < 10_000:
        raise BusinessRefusal("500_006", f"商品[{short[0].item_id}]不满足混批条件")


def _want(call: Call, item: Item, sku: Sku, quantity: int, last: bool) -> Want:
    name = f"商品[{item.item_id}_{sku.spec_id}]"
    if call.market.status(item) != "published":
        raise BusinessRefusal("500_001", f"商品[{item.item_id}]已下架,不支持在线交易")
    if quantity < 1:
        raise BusinessRefusal("500_005", f"{name}数量低于起批量")
    if quantity > call.market.stock(sku) or call.struck("out_of_stock") or (call.struck("partial") and last):
        raise BusinessRefusal("500_004", f"{name}库存不足")
    if call.market.sku_price(sku) <= 0:
        raise BusinessRefusal("500_008", f"{name}规格价格为0")
    return Want(item, sku, quantity, "", int(call.fault.get("percent", 10)) if call.struck("price_change") else 0)


def _address(call: Call) -> dict[str, str]:
    address = call.json("addressParam")
    if not isinstance(address, dict):
        raise BusinessRefusal("400", "addressParam is missing")
    if address.get("addressId"):
        if str(address["addressId"]) != str(ADDRESS_ID):
            raise BusinessRefusal("400", "AddressId invalid:AddressId invalid")
        return dict(WAREHOUSE)
    clean = {str(key): str(value) for key, value in address.items() if value}
    placed = "districtCode" in clean or ("provinceText" in clean and "cityText" in clean)
    if not placed or not clean.get("fullName") or not clean.get("address"):
        raise BusinessRefusal("400", "收货地址不完整 address is incomplete")
    if not (clean.get("mobile") or clean.get("phone")) or not re.fullmatch(r"[\d\-]*", clean.get("phone", "")):
        raise BusinessRefusal("400", "收货地址电话不正确 phone of the address is wrong")
    if len(clean["address"]) > 200:
        raise BusinessRefusal("400", "收货地址超过200字 address is too long")
    return clean


def create_cross(call: Call) -> Answer:
    """alibaba.trade.createCrossOrder: `flow` is required."""
    if not call.text("flow"):
        raise refusal("gw.ParamMissing", "flow is required")
    return create(call)


def create(call: Call) -> Answer:
    """alibaba.trade.fastCreateOrder, and the body of the cross-border one."""
    _check_words(call)
    call.check_account("500_999")
    known = _repeated(call)
    if known:
        return _created(call, known, [])
    receiver = _address(call)
    wants, failed = _wants(call)
    if not wants:
        return {
            "result": {
                "success": False,
                "code": failed[0]["errorCode"],
                "message": failed[0]["errorMessage"],
                "failedOfferList": failed,
            },
            "success": False,
            "code": failed[0]["errorCode"],
            "message": failed[0]["errorMessage"],
        }
    facts = {"call": call.request_id, "message": call.text("message"), "flow": call.text("flow")}
    orders = [
        call.market.make(
            Basket("alibaba1688", call.account, call.text("outOrderId"), part[0].item.seller, part, receiver, facts),
            call.fault,
        )
        for part in _parts(call, wants)
    ]
    return _created(call, orders, failed)


def _check_words(call: Call) -> None:
    trade_type, flow = call.text("tradeType"), call.text("flow")
    if trade_type and trade_type not in TRADE_TYPES:
        raise BusinessRefusal("400", f"not support tradeType:【{trade_type}】")
    if flow and flow not in FLOWS:
        raise BusinessRefusal("500_007", f"没有代销关系 flow {flow} is not allowed")
    if len(call.text("message")) > 500:
        raise BusinessRefusal("400", "message is longer than 500 characters")


def _repeated(call: Call) -> list[Order]:
    reference = call.text("outOrderId")
    known = call.market.orders_of(reference, "alibaba1688", call.account) if reference else []
    if known and call.market.settings.deduplicate == "refuse":
        raise BusinessRefusal("400", "outOrderId was used before")
    return known if call.market.settings.deduplicate == "yes" else []


def _parts(call: Call, wants: list[Want]) -> list[list[Want]]:
    """One order as a rule; two when the platform splits on its own."""
    quirk = call.market.settings.quirks and len(wants) > 3 and draw("split" + call.text("outOrderId")) < 0.25
    if len(wants) > 1 and (quirk or call.struck("split")):
        return [wants[: len(wants) // 2], wants[len(wants) // 2 :]]
    return [wants]


def _created(call: Call, orders: list[Order], failed: list[dict[str, Any]]) -> Answer:
    rest: Answer = {"failedOfferList": failed} if failed else {}
    if len(orders) > 1:
        listed = [
            {
                "orderId": str(order.id),
                "orderAmmount": order.total,
                "postFee": order.freight,
                "success": True,
                "resultCode": "200",
                "message": "",
            }
            for order in orders
        ]
        return {"result": {"success": True, "orderList": listed, **rest}, "success": True}
    order = orders[0]
    figures = {"totalSuccessAmount": order.total, "orderId": str(order.id)}
    quirk = call.market.settings.quirks and not failed and draw("flat" + order.reference) < 0.06
    if quirk or call.struck("flat_false"):
        return {**figures, "success": False}  # the shape of the official sample: made, and success false
    return {
        "result": {"success": True, "code": "200", "message": "", "postFee": order.freight, **figures, **rest},
        "success": True,
        "code": "200",
        "message": "",
    }
