"""1688: orders and goods in the shapes of that protocol. Fen or yuan differs per field, as it does there."""

from decimal import Decimal
from typing import Any

from autopurchase.sandbox.accounts import Accounts
from autopurchase.sandbox.catalogue import Item, Sku
from autopurchase.sandbox.catalogue_data import CARRIERS
from autopurchase.sandbox.market import Market
from autopurchase.sandbox.orders import Line, Order, Parcel
from autopurchase.sandbox.when import aop_date, local_date, now_ms

STATUS = {
    "building": "waitbuyerpay",
    "unpaid": "waitbuyerpay",
    "paid": "waitsellersend",
    "shipped": "waitbuyerreceive",
    "delivered": "signinsuccess",
    "completed": "success",
    "closed": "cancel",
}
STATUS_TEXT = {
    "waitbuyerpay": "等待买家付款",
    "waitsellersend": "等待卖家发货",
    "waitbuyerreceive": "等待买家收货",
    "signinsuccess": "买家已签收",
    "success": "交易成功",
    "cancel": "交易关闭",
    "terminated": "交易终止",
}
# our reason: closeReason, closeOperateType
CLOSED = {
    "timeout": ("BUYER_NO_PAY", "CLOSE_TRADE_BY_SYSTEM"),
    "buyer": ("buyerCancel", "CLOSE_TRADE_BY_BUYER"),
    "seller": ("other", "CLOSE_TRADE_BY_SELLER"),
    "seller_lack": ("sellerGoodsLack", "CLOSE_TRADE_BY_SELLER"),
    "platform": ("other", "CLOSE_TRADE_BY_BOPS"),
    "refunded": ("other", "CLOSE_TRADE_BY_SELLER"),
    "build_failed": ("other", "CLOSE_TRADE_BY_BOPS"),
}
LOGISTICS_STATUS = {"shipped": 2, "delivered": 3, "completed": 3}


def yuan(fen: int) -> float:
    """A yuan amount as a JSON number with two decimals (the wire knows no other kind of number)."""
    return float(Decimal(fen) / 100)


def yuan_text(fen: int) -> str:
    """A yuan amount as text."""
    return f"{Decimal(fen) / 100:.2f}"


def item_view(market: Market, item: Item) -> dict[str, Any]:
    """The inner result of queryProductDetail."""
    prices = [market.sku_price(sku) for sku in item.skus]
    weight = item.skus[0].weight
    return {
        "offerId": int(item.item_id),
        "subject": item.title,
        "subjectTrans": item.title_en,
        "categoryId": 1031910,
        "companyName": item.seller.name,
        "status": market.status(item),
        "sellerOpenId": item.seller.open_id,
        "minOrderQuantity": item.minimum,
        "batchNumber": item.lot,
        "sellerMixSetting": {"generalHunpi": item.minimum > 1, "mixAmount": 100, "mixNumber": 2},
        "productImage": {"images": [item.photo_url]},
        "soldOut": "1200",
        "isJxhy": False,
        "productSkuInfos": [_sku(market, sku) for sku in item.skus],
        "productSaleInfo": {
            "amountOnSale": sum(market.stock(sku) for sku in item.skus),
            "quoteType": 1,
            "priceRangeList": [{"startQuantity": item.minimum, "price": yuan_text(min(prices))}],
            "unitInfo": {"unit": "件", "transUnit": "piece"},
        },
        "productShippingInfo": {
            "sendGoodsAddressText": "浙江省金华市",
            "weight": float(Decimal(weight) / 1000),
            "skuShippingInfoList": [
                {"specId": sku.spec_id, "skuId": int(sku.sku_id), "weight": sku.weight} for sku in item.skus
            ],
            "shippingTimeGuarantee": "shipIn48Hours",
        },
    }


def _sku(market: Market, sku: Sku) -> dict[str, Any]:
    names = zip(sku.options, sku.options_en, strict=True)
    return {
        "skuId": int(sku.sku_id),
        "specId": sku.spec_id,
        "price": yuan_text(market.list_price(sku)),
        "promotionPrice": yuan_text(market.sku_price(sku)),
        "amountOnSale": market.stock(sku),
        "cargoNumber": "",
        "skuAttributes": [
            {
                "attributeId": 3216 + place,
                "attributeName": zh[0],
                "attributeNameTrans": en[0],
                "value": zh[1],
                "valueTrans": en[1],
                "skuImageUrl": sku.photo_url,
            }
            for place, (zh, en) in enumerate(names)
        ],
    }


def main_status(order: Order) -> str:
    """The raw main status word."""
    if order.odd_status:
        return order.odd_status
    shown = order.shown_status(now_ms())
    return "terminated" if shown == "closed" and order.close_reason == "refunded" else STATUS[shown]


def list_view(market: Market, accounts: Accounts, order: Order) -> dict[str, Any]:
    """An order of getBuyerOrderList: no `outOrderId`, no waybills, no close operator."""
    base = _base(market, accounts, order)
    base["currency"] = "RMB"
    return {
        "baseInfo": base,
        "productItems": [_product(market, order, line) for line in order.lines],
        "tradeTerms": [_term(order)],
        "nativeLogistics": _address(order),
        "orderBizInfo": {"creditOrder": False},
    }


def detail_view(market: Market, accounts: Accounts, order: Order) -> dict[str, Any]:
    """An order of get.buyerView."""
    view = list_view(market, accounts, order)
    base = view["baseInfo"]
    del base["currency"]
    base |= {
        "outOrderId": order.reference,
        "couponFee": 0,
        "tradeTypeCode": "assureTrade",
        "payTimeoutType": 0,
        "payTimeout": (order.deadline - order.created) // 1000,
        "payChannelList": ["支付宝"],
    }
    if base["status"] in ("cancel", "terminated"):
        base["closeOperateType"] = CLOSED[order.close_reason or "buyer"][1]
        base["closeRemark"] = ""
    for line, product in zip(order.lines, view["productItems"], strict=True):
        if line.state != "closed":
            product["gmtPayExpireTime"] = local_date(order.deadline)
    view["nativeLogistics"]["logisticsItems"] = [_waybill(order, parcel) for parcel in order.parcels]
    return view


def _base(market: Market, accounts: Accounts, order: Order) -> dict[str, Any]:
    seller, owner = market.seller(order), accounts.open("alibaba1688", order.account)
    before = sum(line.list_price * line.quantity for line in order.lines)
    times = {
        "payTime": order.paid_at,
        "allDeliveredTime": _shipped(order),
        "receivingTime": order.signed_at,
        "completeTime": order.completed_at or order.closed_at,
    }
    base = {
        "id": order.id,
        "idOfStr": str(order.id),
        "status": main_status(order),
        "totalAmount": yuan(order.total),
        "sumProductPayment": yuan(before),
        "shippingFee": yuan(order.freight),
        "discount": order.goods - before,
        "refund": yuan(order.total) if order.close_reason == "refunded" else 0,
        "createTime": aop_date(order.created),
        "modifyTime": aop_date(order.modified),
        "buyerID": owner["member_id"],
        "sellerID": seller.id,
        "buyerLoginId": owner["login_id"],
        "sellerLoginId": seller.name,
        "buyerFeedback": order.facts.get("message", ""),
        "alipayTradeId": f"2026{order.id}" if order.paid_at else "UNCREAT",
        "tradeType": "50060",
        "businessType": "cn",
        "sellerOrder": False,
        "stepPayAll": False,
        "sellerContact": {
            "name": seller.name,
            "companyName": seller.name,
            "shopName": seller.name,
            "mobile": "13800000000",
        },
        "receiverInfo": {
            "toFullName": order.receiver.get("fullName", ""),
            "toMobile": order.receiver.get("mobile", ""),
            "toPost": order.receiver.get("postCode", ""),
            "toArea": _area(order.receiver),
        },
    }
    base |= {name: aop_date(when) for name, when in times.items() if when}
    if base["status"] in ("cancel", "terminated"):
        base["closeReason"] = CLOSED[order.close_reason or "buyer"][0]
        if order.close_reason == "refunded":
            base["refundStatus"] = "refundsuccess"
    return base


def _product(market: Market, order: Order, line: Line) -> dict[str, Any]:
    item, sku = market.goods(order, line)
    status = "terminated" if line.state == "closed" and order.close_reason == "refunded" else STATUS[line.state]
    return {
        "subItemID": line.id,
        "subItemIDString": str(line.id),
        "productID": int(item.item_id),
        "skuID": int(sku.sku_id),
        "specId": sku.spec_id,
        "name": item.title,
        "skuInfos": [{"name": name, "value": value} for name, value in sku.options],
        "productImgUrl": [sku.photo_url],
        "productSnapshotUrl": item.item_url,
        "quantity": line.quantity,
        "quantityFactor": 1,
        "unit": "件",
        "price": yuan(line.list_price),
        "itemAmount": yuan(line.amount),
        "entryDiscount": line.amount - line.list_price * line.quantity,
        "sharePostage": yuan(line.postage),
        "refund": 0,
        "status": order.odd_status or status,
        "statusStr": STATUS_TEXT.get(status, status),
        "logisticsStatus": LOGISTICS_STATUS.get(line.state, 8 if line.state == "unpaid" else 1),
        "gmtCreate": aop_date(order.created),
        "gmtModified": aop_date(order.modified),
        "cargoNumber": "",
    }


def _term(order: Order) -> dict[str, Any]:
    status = "2" if order.paid_at else "8" if order.status == "closed" else "1"
    if order.paid_at and order.close_reason == "refunded":
        status = "4"
    term: dict[str, Any] = {
        "payStatus": status,
        "payWay": "1",
        "payWayDesc": "支付宝",
        "phasAmount": yuan(order.total),
        "phase": order.id,
        "cardPay": False,
        "expressPay": False,
    }
    if order.paid_at or order.status == "closed":  # the official sample shows a payTime on an unpaid, closed order
        term["payTime"] = aop_date(order.paid_at or order.closed_at)
    return term


def _address(order: Order) -> dict[str, Any]:
    known = order.receiver
    return {
        "contactPerson": known.get("fullName", ""),
        "mobile": known.get("mobile", ""),
        "telephone": known.get("phone", ""),
        "province": known.get("provinceText", ""),
        "city": known.get("cityText", ""),
        "area": known.get("areaText", ""),
        "town": known.get("townText", ""),
        "address": known.get("address", ""),
        "zip": known.get("postCode", ""),
        "areaCode": known.get("districtCode", ""),
    }


def _waybill(order: Order, parcel: Parcel) -> dict[str, Any]:
    zh, code, _ = CARRIERS[parcel.carrier]
    return {
        "logisticsCode": parcel.id,
        "logisticsBillNo": parcel.number,
        "logisticsCompanyId": parcel.carrier + 1,
        "logisticsCompanyNo": code,
        "logisticsCompanyName": zh,
        "status": "alreadysend",
        "type": "0",
        "subItemIds": _ids(parcel),
        "deliveredTime": aop_date(parcel.shipped_at),
        "gmtCreate": aop_date(parcel.shipped_at),
        "gmtModified": aop_date(parcel.signed_at or parcel.shipped_at),
        "carriage": yuan(order.freight),
    }


def parcel_view(market: Market, order: Order, parcel: Parcel) -> dict[str, Any]:
    """One entry of getLogisticsInfos.buyerView."""
    zh, code, _ = CARRIERS[parcel.carrier]
    goods = [_sent(market, order, line, parcel) for line in order.lines if line.id in parcel.line_ids]
    single = len(order.lines) == 1
    return {
        "logisticsId": parcel.id,
        "logisticsBillNo": parcel.number,
        "logisticsCompanyId": parcel.carrier + 1,
        "logisticsCompanyName": zh,
        "logisticsCompanyNo": code,
        "orderEntryIds": str(order.id) if single else _ids(parcel),
        "status": "SIGN" if parcel.signed_at else "TRANSPORT",
        "gmtSystemSend": aop_date(parcel.shipped_at),
        "remarks": "",
        "serviceFeature": "",
        "logisticsOrderGoods": goods,
        "receiver": _address(order),
        "sendGoods": [
            {"goodName": entry["productName"], "quantity": entry["quantity"], "unit": "件"} for entry in goods
        ],
    }


def _sent(market: Market, order: Order, line: Line, parcel: Parcel) -> dict[str, Any]:
    item, _sku_of_line = market.goods(order, line)
    return {
        "logisticsId": parcel.id,
        "tradeOrderId": order.id,
        "tradeOrderItemId": line.id,
        "quantity": line.quantity,
        "unit": "件",
        "productName": item.title,
        "description": "",
    }


def trace_view(order: Order, parcel: Parcel) -> dict[str, Any]:
    """One entry of getLogisticsTraceInfo.buyerView."""
    steps = [(parcel.shipped_at, "【金华市】快件已揽收"), (parcel.shipped_at + 1000, "【杭州市】快件运输中")]
    if parcel.signed_at:
        steps.append((parcel.signed_at, "【仓库】快件已签收"))
    return {
        "logisticsId": parcel.id,
        "logisticsBillNo": parcel.number,
        "orderId": order.id,
        "logisticsSteps": [{"acceptTime": local_date(when), "remark": text} for when, text in steps],
    }


def _shipped(order: Order) -> int:
    live = order.live()
    if not live or any(line.state in ("unpaid", "paid") for line in live):
        return 0
    return max((parcel.shipped_at for parcel in order.parcels), default=0)


def _ids(parcel: Parcel) -> str:
    return ",".join(str(number) for number in parcel.line_ids)


def _area(receiver: dict[str, str]) -> str:
    return " ".join(receiver[key] for key in ("provinceText", "cityText", "areaText", "address") if receiver.get(key))
