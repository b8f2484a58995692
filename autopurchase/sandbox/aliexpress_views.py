"""How AliExpress shows goods, deliveries, orders and parcels. Amounts are decimal text in major units."""

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from autopurchase.sandbox.calls import Call
from autopurchase.sandbox.catalogue import Item, Seller, Sku
from autopurchase.sandbox.catalogue_data import CARRIERS
from autopurchase.sandbox.faults import draw
from autopurchase.sandbox.market import Market
from autopurchase.sandbox.orders import Line, Order, Parcel

THERE = ZoneInfo("America/Los_Angeles")
SERVICES = ("CAINIAO_STANDARD", "CAINIAO_PREMIUM")
PREMIUM = 3000  # fen more than the standard delivery, an item
STATUS = {
    "building": "PLACE_ORDER_SUCCESS",
    "unpaid": "PLACE_ORDER_SUCCESS",
    "paid": "WAIT_SELLER_SEND_GOODS",
    "shipped": "WAIT_BUYER_ACCEPT_GOODS",
    "delivered": "WAIT_BUYER_ACCEPT_GOODS",
    "completed": "FINISH",
}
LOGISTICS = {"shipped": "SELLER_SEND_GOODS", "delivered": "SELLER_SEND_GOODS", "completed": "BUYER_ACCEPT_GOODS"}


def money(fen: int) -> dict[str, str]:
    """An amount with its currency."""
    return {"amount": amount(fen), "currency_code": "CNY"}


def amount(fen: int) -> str:
    """`12.50`"""
    return str(Decimal(fen).scaleb(-2))


def attr(sku: Sku) -> str:
    """The key of an SKU to order with: numbers of options with their words."""
    return ";".join(f"{_number(name)}:{_number(value)}#{value}" for name, value in sku.options_en)


def _number(word: str) -> int:
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:3])


def fee(market: Market, seller: Seller, service: str, goods: int) -> int:
    """What the delivery of one item costs, fen."""
    return market.freight(seller, goods) + (PREMIUM if service == "CAINIAO_PREMIUM" else 0)


def product(market: Market, item: Item, call: Call) -> dict[str, Any]:
    """The `result` of product.get."""
    selling = market.status(item) == "published"
    return {
        "ae_item_base_info_dto": {
            "product_id": int(item.item_id),
            "subject": item.title_en,
            "product_status_type": "onSelling" if selling else "offline",
            "currency_code": "CNY",
            "category_id": 33902,
        },
        "ae_item_sku_info_dtos": {
            "ae_item_sku_info_d_t_o": [_sku(market, sku, call.text("target_currency")) for sku in item.skus]
        },
        "ae_store_info": {"store_id": int(item.seller.id), "store_name": item.seller.name_en},
        "logistics_info_dto": {"ship_to_country": call.text("ship_to_country"), "delivery_time": 7},
        "has_whole_sale": False,
    }


def _sku(market: Market, sku: Sku, currency: str) -> dict[str, Any]:
    return {
        "sku_id": sku.sku_id,
        "sku_attr": attr(sku),
        "offer_sale_price": amount(market.sku_price(sku)),
        "sku_price": amount(market.list_price(sku)),
        "sku_available_stock": market.stock(sku),
        "currency_code": currency,
        "ae_sku_property_dtos": {
            "ae_sku_property_d_t_o": [
                {"sku_property_name": name, "sku_property_value": value} for name, value in sku.options_en
            ]
        },
    }


def delivery(market: Market, item: Item, sku: Sku, service: str, goods: int) -> dict[str, Any]:
    """One way to send an item. The “cents” are major units, as in the official sample."""
    cost = fee(market, item.seller, service, goods)
    return {
        "code": service,
        "company": "AliExpress premium shipping" if service == "CAINIAO_PREMIUM" else "AliExpress standard shipping",
        "shipping_fee_cent": amount(cost),
        "shipping_fee_format": f"CN¥{amount(cost)}",
        "shipping_fee_currency": "CNY",
        "free_shipping": cost == 0,
        "tracking": True,
        "available_stock": str(market.stock(sku)),
        "min_delivery_days": 3,
        "max_delivery_days": 9,
        "ship_from_country": "CN",
    }


def order(market: Market, found: Order) -> dict[str, Any]:
    """The `result` of order.get."""
    seller = market.seller(found)
    view = {
        "gmt_create": there(found.created),
        "order_status": status(found),
        "logistics_status": LOGISTICS.get(found.status, _part(found) or "WAIT_SELLER_SEND_GOODS"),
        "order_amount": money(found.total),
        "user_order_amount": money(found.total),
        "pay_timeout_second": str((found.deadline - found.created) // 1000),
        "store_info": {"store_id": int(seller.id), "store_name": seller.name_en, "store_url": ""},
        "child_order_list": {"aeop_child_order_info": [_line(market, found, line) for line in found.lines]},
        "logistics_info_list": {
            "aeop_order_logistics_info": [
                {"logistics_no": parcel.number, "logistics_service": "CAINIAO_FULFILLMENT_STD"}
                for parcel in found.parcels
            ]
        },
    }
    if found.paid_at:
        view["order_paidtime_string"] = there(found.paid_at)
    return view


def status(found: Order) -> str:
    """The word for an order: what ended without success is told in two ways."""
    if found.odd_status:
        return found.odd_status
    if found.status == "closed":
        return "CLOSED" if draw(f"closed{found.id}") < 0.5 else "FINISH"
    return "SELLER_PART_SEND_GOODS" if _part(found) else STATUS[found.status]


def _part(found: Order) -> str:
    states = {line.state for line in found.live()}
    return "SELLER_SEND_PART_GOODS" if {"paid", "shipped"} <= states else ""


def _line(market: Market, found: Order, line: Line) -> dict[str, Any]:
    item, sku = market.goods(found, line)
    view = {
        "product_id": int(item.item_id),
        "sku_id": sku.sku_id,
        "product_name": item.title_en,
        "product_count": line.quantity,
        "product_price": money(line.amount // line.quantity),
        "sale_fee": money(line.amount),
        "sale_discount_fee": money(0),
        "shipping_fee": money(line.postage),
        "actual_shipping_fee": money(line.postage),
        "actual_fee": money(line.amount + line.postage),
    }
    return {**view, "end_reason": "CANCELED"} if line.state == "closed" else view


def tracking(market: Market, found: Order, parcel: Parcel) -> dict[str, Any]:
    """One parcel with its nodes, newest first."""
    nodes = [{"time_stamp": parcel.shipped_at, "tracking_name": "Shipped", "tracking_detail_desc": "Left the seller"}]
    if parcel.signed_at:
        nodes.insert(0, {"time_stamp": parcel.signed_at, "tracking_name": "Delivered", "tracking_detail_desc": ""})
    inside = [(market.goods(found, line)[0], line) for line in found.lines if line.id in parcel.line_ids]
    return {
        "mail_no": parcel.number,
        "carrier_name": CARRIERS[parcel.carrier][2],
        "eta_time_stamps": parcel.shipped_at + 864_000_000,
        "detail_node_list": {"detail_node": nodes},
        "package_item_list": {
            "package_item": [
                {"item_id": item.item_id, "item_title": item.title_en, "quantity": line.quantity, "sku_desc": ""}
                for item, line in inside
            ]
        },
    }


def there(ms: int) -> str:
    """`2024-09-09 21:00:03`, a wall clock of California without a zone."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC).astimezone(THERE):%Y-%m-%d %H:%M:%S}"
