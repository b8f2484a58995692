"""Taobao Global: orders and goods in the shapes of that protocol. Money is fen unless a name says otherwise."""

from typing import Any

from autopurchase.sandbox.accounts import Accounts
from autopurchase.sandbox.catalogue import Item, Sku, dice
from autopurchase.sandbox.catalogue_data import CARRIERS
from autopurchase.sandbox.market import Market
from autopurchase.sandbox.orders import Line, Order, Parcel
from autopurchase.sandbox.when import local_date, now_ms

STATUS = {
    "building": "BULIDING",
    "unpaid": "WAIT_BUYER_P",
    "paid": "WAIT_SELLER_SEND_GOODS",
    "shipped": "WAIT_BUYER_CONFIRM_GOODS",
    "delivered": "WAIT_BUYER_CONFIRM_GOODS",
    "completed": "TRADE_FINISHED",
    "closed": "TRADE_CLOSED",
}
CLOSE_TEXT = {
    "timeout": "买家超时未付款",
    "buyer": "买家取消订单",
    "seller": "卖家取消订单",
    "seller_lack": "卖家缺货",
    "platform": "平台关闭订单",
    "refunded": "全额退款",
    "build_failed": "下单失败",
}


def money(fen: int) -> dict[str, Any]:
    """An amount object."""
    return {"amount": fen, "currency": "CNY"}


def item_view(market: Market, item: Item) -> dict[str, Any]:
    """The `data` of /product/get."""
    skus = [sku_view(market, item, sku) for sku in item.skus]
    cheapest = min(skus, key=lambda sku: int(sku["promotion_price"]))
    on_sale = market.status(item) == "published"
    return {
        "item_id": int(item.item_id),
        "mp_id": item.mp_id if on_sale else None,
        "title": item.title,
        "description": item.title_en,
        "product_unit": "件",
        "user_nick": item.seller.name,
        "shop_name": item.seller.name,
        "shop_id": int(item.seller.id),
        "status": "onsale" if on_sale else "offshelf",
        "item_type": "HAVE_MATERIAL",
        "quantity": sum(int(sku["quantity"]) for sku in skus),
        "price": cheapest["price"],
        "promotion_price": cheapest["promotion_price"],
        "coupon_price": cheapest["coupon_price"],
        "postFee": item.seller.freight,
        "begin_amount": item.minimum,
        "category_id": str(dice(item.category, 10_000, 99_999)),
        "category_name": item.category,
        "category_path": item.category,
        "pic_urls": [item.photo_url],
        "promotion_displays": [],
        "sku_list": skus,
    }


def sku_view(market: Market, item: Item, sku: Sku) -> dict[str, Any]:
    """One entry of `sku_list`."""
    price = market.sku_price(sku)
    return {
        "sku_id": int(sku.sku_id),
        "mp_skuId": int(sku.mp_id),
        "quantity": market.stock(sku),
        "price": market.list_price(sku),
        "promotion_price": price,
        "coupon_price": price,
        "postFee": item.seller.freight,
        "status": "normal",
        "pic_url": sku.photo_url,
        "properties": [
            {
                "prop_id": dice(name, 1000, 99_999),
                "prop_name": name,
                "value_id": dice(value, 10_000, 9_999_999),
                "value_name": value,
                "value_desc": "",
            }
            for name, value in sku.options
        ],
    }


def main_status(order: Order) -> str:
    """The raw main status word."""
    return order.odd_status or STATUS[order.shown_status(now_ms())]


def order_view(market: Market, accounts: Accounts, order: Order) -> dict[str, Any]:
    """A main order of /purchase/orders/query."""
    seller, paid = market.seller(order), bool(order.paid_at)
    owner = accounts.open("taobao", order.account)
    view = {
        "purchase_id": order.id,
        "outer_purchase_id": order.reference,
        "status": main_status(order),
        "created_time": order.created,
        "modify_time": order.modified,
        "next_close_time_without_payment": order.deadline,
        "purchase_amount": order.total,
        "pay_amount": order.total if paid else 0,
        "product_amount": order.goods,
        "domestic_post_fee": order.freight,
        "hongbao_deduction_amount": 0,
        "purchase_currency": "CNY",
        "pay_currency": "CNY",
        "order_source": order.facts.get("order_source", ""),
        "seller_order_number": order.facts.get("seller_order_number", ""),
        "source_market": "PANAMA",
        "supplier_nick": seller.name,
        "distributor_nick": owner["login_id"],
        "sub_user_id": int(owner["user_id"]),
        "order_remark": "",
        "receiver": _receiver(order.receiver),
        "sub_purchase_orders": [line_view(market, order, line) for line in order.lines],
    }
    if paid:
        view["pay_time"] = str(order.paid_at)
    return view


def line_view(market: Market, order: Order, line: Line) -> dict[str, Any]:
    """A sub order."""
    item, sku = market.goods(order, line)
    paid = bool(order.paid_at)
    parcels = [parcel for parcel in order.parcels if line.id in parcel.line_ids]
    view: dict[str, Any] = {
        "sub_purchase_order_id": line.id,
        "item_id": item.mp_id,
        "sku_id": int(sku.mp_id),
        "title": item.title,
        "quantity": line.quantity,
        "status": order.odd_status or STATUS[line.state],
        "purchase_amount": line.amount + line.postage,
        "pay_amount": line.amount + line.postage if paid else 0,
        "product_amount": line.amount,
        "domestic_post_fee": line.postage,
        "hongbao_deduction_amount": "0",
        "purchase_currency": "CNY",
        "pay_currency": "CNY",
        "close_time_without_payment": order.deadline,
        "error_code": line.error_code,
        "error_message": line.error_message,
        "detail_error_code": line.error_code,
        "purchase_order_outer_id": str(_trade(order.id)),
        "purchase_order_line_outer_id": str(_trade(line.id)),
        "alipay_pay_order_no": f"2026{order.id}" if paid else "",
        "logistic_orders": [_waybill(p) for p in parcels],
        "international_logistic_orders": [],
        "supply_chain_service_orders": [],
        "refund_status": _refund(order, line),
        "can_confirm_receipt": line.state in ("shipped", "delivered"),
        "order_remark_v2": order.facts.get("remark", ""),
        "option_fields": {
            "SKU_IMG_URL": sku.photo_url,
            "supplierNick": item.seller.name,
            "shopName": item.seller.name,
            "shopId": item.seller.id,
        },
        "sku_info": {
            "skuPv": {"zh": _options(sku.options), "en": _options(sku.options_en)},
            "skuImgUrl": sku.photo_url,
        },
        "item_commission_rate": "0",
    }
    if line.state == "closed":
        view["close_reason"] = CLOSE_TEXT.get(order.close_reason or "buyer", order.close_reason)
    if paid:
        view["pay_time"] = order.paid_at
    return view


def created_view(market: Market, order: Order) -> dict[str, Any]:
    """One entry of `order_list` in the create answer."""
    nick = market.seller(order).name
    return {
        "purchase_id": order.id,
        "supplier_nick": nick,
        "source_market": "PANAMA",
        "estimate_amount": order.total,
        "estimate_currency": "CNY",
        "order_line_list": [
            {
                "item_id": item.mp_id,
                "sku_id": int(sku.mp_id),
                "order_line_no": line.line_no,
                "quantity": line.quantity,
                "estimate_amount": line.amount,
                "estimate_currency": "CNY",
                "sub_purchase_order_id": line.id,
                "supplier_nick": nick,
            }
            for line in order.lines
            for item, sku in [market.goods(order, line)]
        ],
    }


def logistics_view(market: Market, order: Order, line: Line) -> dict[str, Any]:
    """The `result.data` of /logistics/detail/get for one line."""
    parcels = [parcel for parcel in order.parcels if line.id in parcel.line_ids]
    return {
        "purchase_order_outer_id": _trade(order.id),
        "pnm_logistics_details": [_parcel(market, order, line, parcel) for parcel in parcels],
    }


def _parcel(market: Market, order: Order, line: Line, parcel: Parcel) -> dict[str, Any]:
    item, sku = market.goods(order, line)
    status = "SIGNED" if parcel.signed_at else "DELIVERING"
    receiver = order.receiver
    return {
        "mail_no": parcel.number,
        "logistics_status": status,
        "logistics_desc": "已签收" if parcel.signed_at else "运输中",
        "goods_number": line.quantity,
        "logistics_partner": [
            {"company": CARRIERS[parcel.carrier][0], "company_contact": "95311", "company_image_url": ""}
        ],
        "logistics_goods": [
            {
                "title": item.title,
                "property": _options(sku.options),
                "quantity": line.quantity,
                "image_url": sku.photo_url,
            }
        ],
        "receiver": {
            "name": receiver.get("name", ""),
            "phone": receiver.get("mobile_phone", ""),
            "province": receiver.get("state", ""),
            "city": receiver.get("city", ""),
            "district": receiver.get("district", ""),
            "address": receiver.get("address", ""),
            "zip_code": receiver.get("zip", ""),
        },
        "logistics_traces": _traces(parcel),
    }


def _traces(parcel: Parcel) -> list[dict[str, str]]:
    steps = [(parcel.shipped_at, "COLLECTED", "快件已揽收"), (parcel.shipped_at + 1000, "DELIVERING", "快件运输中")]
    if parcel.signed_at:
        steps.append((parcel.signed_at, "SIGNED", "快件已签收"))
    return [
        {
            "time": local_date(when),
            "status": status,
            "status_desc": text,
            "standerd_desc": text,
            "action": status,
            "province": "浙江省",
            "city": "杭州市",
        }
        for when, status, text in steps
    ]


def _waybill(parcel: Parcel) -> dict[str, Any]:
    return {
        "logistic_company_name": CARRIERS[parcel.carrier][0],
        "logistic_number": parcel.number,
        "rts_time": parcel.shipped_at,
    }


def _receiver(receiver: dict[str, str]) -> dict[str, str]:
    return {key: receiver.get(key, "") for key in ("country", "state", "city", "district", "address", "zip")}


def _refund(order: Order, line: Line) -> int:
    return 100 if line.state == "closed" and order.close_reason == "refunded" else 0


def _options(options: tuple[tuple[str, str], ...]) -> str:
    return ";".join(f"{name}:{value}" for name, value in options)


def _trade(number: int) -> int:
    return number - 1_200_000_000_000_000_000
