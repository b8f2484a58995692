"""Messages to whoever buys: what the marketplaces push when an order changes, signed as each of them signs.

Off unless `push_url` is set. As in the wild, with `quirks` some come twice and the unit of a time varies.
"""

import asyncio
import json
import urllib.error
import urllib.request
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from autopurchase.sandbox.accounts import Accounts
from autopurchase.sandbox.faults import draw
from autopurchase.sandbox.market import Market
from autopurchase.sandbox.orders import Order
from autopurchase.sandbox.signing import aop_sha1, iop_push_sha256
from autopurchase.sandbox.taobao_views import STATUS
from autopurchase.sandbox.when import local_date, now_ms

TIMEOUT, TRIES, PAUSE = 5.0, 3, 1.0  # seconds of one try, tries, seconds between them
PUSHING = ("taobao", "alibaba1688")
#: what happened -> topic of 1688 and the status word beside it; "closed" is told by who closed it
TOPICS = {
    "made": ("BUYER_MAKE", "waitbuyerpay"),
    "price": ("ORDER_PRICE_MODIFY", "waitbuyerpay"),
    "paid": ("ORDER_PAY", "waitsellersend"),
    "part_shipped": ("PART_PART_SENDGOODS", "waitsellersend"),
    "shipped": ("ANNOUNCE_SENDGOODS", "waitbuyerreceive"),
    "completed": ("ORDER_SUCCESS", "success"),
}
CLOSERS = {"buyer": "ORDER_BUYER_CLOSE", "seller": "ORDER_SELLER_CLOSE", "seller_lack": "ORDER_SELLER_CLOSE"}


@dataclass(frozen=True)
class Push:
    """One message, ready to be sent."""

    market: str
    body: bytes
    headers: dict[str, str]


class Pushes:
    """Sends messages about the orders of one market, and remembers how the last ones were answered."""

    def __init__(self, market: Market, accounts: Accounts) -> None:
        self.market, self.accounts = market, accounts
        self.answers: deque[dict[str, Any]] = deque(maxlen=500)
        self._number = now_ms()
        self._sending: set[asyncio.Task[None]] = set()
        market.notify = self.changed

    def changed(self, order: Order, event: str) -> None:
        """Something happened to an order: send word of it, unless nobody listens."""
        if self.market.settings.push_url and order.market in PUSHING:
            push = self.message(order, event)
            twice = self.market.settings.quirks and draw(f"push{order.id}{event}") < 0.1
            for _ in range(2 if twice else 1):
                task = asyncio.get_running_loop().create_task(self._send(push))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    def message(self, order: Order, event: str) -> Push:
        """The message about an event, signed."""
        app = self.accounts.app(order.market)
        owner = self.accounts.open(order.market, order.account)
        if order.market == "taobao":
            text = _json(_taobao(order, event, owner))
            signature = iop_push_sha256(app["app_secret"], app["app_key"], text)
            return Push("taobao", text.encode(), {"Content-Type": "application/json", "Authorization": signature})
        self._number += 1
        message = {"message": _json(_alibaba(order, event, owner, self._number))}
        form = {**message, "_aop_signature": aop_sha1(app["app_secret"], "", message)}
        return Push("alibaba1688", urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"})

    async def _send(self, push: Push) -> None:
        await self.market.store.durable()
        for attempt in range(TRIES):
            status = await asyncio.to_thread(_post, f"{self.market.settings.push_url}/{push.market}", push)
            self.answers.append({"market": push.market, "status": status, "body": push.body.decode()})
            if 200 <= status < 300:
                return
            await asyncio.sleep(PAUSE * (attempt + 1))


def _post(url: str, push: Push) -> int:
    """The status of the answer; 0 when there was none."""
    request = urllib.request.Request(url, data=push.body, headers=push.headers, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - the trainer's own address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _taobao(order: Order, event: str, owner: dict[str, str]) -> dict[str, Any]:
    seconds = draw(f"unit{order.id}{event}") < 0.5
    now = now_ms()
    return {
        "seller_id": owner["user_id"],
        "message_type": 8 if event == "price" else 3,
        "data": _price(order) if event == "price" else _status(order, owner, now),
        "timestamp": now // 1000 if seconds else now,
        "site": "taobao_hk",
    }


def _status(order: Order, owner: dict[str, str], now: int) -> dict[str, Any]:
    return {
        "business_time": now,
        "outer_purchase_id": order.reference,
        "purchase_id": str(order.id),
        "seller_id": owner["user_id"],
        "status": STATUS[order.status],
        "sku_list": [
            {
                "item_id": line.item_id,
                "sku_id": line.sku_id,
                "order_line_no": line.line_no,
                "status": STATUS[line.state],
                "logistic_company_name": "",
                "logistic_number": "",
            }
            for line in order.lines
        ],
    }


def _price(order: Order) -> dict[str, Any]:
    fees = {
        "purchaseCurrency": "CNY",
        "purchaseTotalFee": order.total,
        "purchaseProductFee": order.goods,
        "purchaseShippingFee": order.freight,
    }
    return {
        "salesOrderId": f"852-{order.reference}",
        "salesSellerId": "",
        "purchaseMarket": "PANAMA",
        "purchaseOrderId": str(order.id),
        "purchaseOrderPriceDTO": fees,
        "purchaseOrderLinePriceChangeMessageDTOList": [],
    }


def _alibaba(order: Order, event: str, owner: dict[str, str], number: int) -> dict[str, Any]:
    envelope = {"msgId": number, "gmtBorn": now_ms(), "userInfo": owner["member_id"]}
    if event == "signed":
        return {**envelope, "type": "LOGISTICS_BUYER_VIEW_TRACE", "data": {"OrderLogisticsTracingModel": _trace(order)}}
    if event == "closed" and order.live():  # a part of it: told as a changed price
        event = "price"
    if event == "closed":
        topic, status = CLOSERS.get(order.close_reason, "ORDER_BOPS_CLOSE"), "cancel"
    else:
        topic, status = TOPICS[event]
    data = {
        "orderId": order.id,
        "currentStatus": status,
        "msgSendTime": local_date(now_ms()),
        "buyerMemberId": owner["member_id"],
        "sellerMemberId": order.seller_id,
    }
    as_text = draw(f"data{order.id}{event}") < 0.5
    return {**envelope, "type": f"ORDER_BUYER_VIEW_{topic}", "data": _json(data) if as_text else data}


def _trace(order: Order) -> dict[str, Any]:
    parcel = order.parcels[-1]
    return {
        "logisticsId": parcel.id,
        "cpCode": "",
        "mailNo": parcel.number,
        "statusChanged": "SIGN",
        "changeTime": local_date(now_ms()),
        "orderLogsItems": [{"orderId": order.id, "orderEntryId": line} for line in parcel.line_ids],
    }
