"""The market itself: goods with their present price and stock, making orders, and what happens to them in time."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autopurchase.sandbox import orders as moves
from autopurchase.sandbox.catalogue import Item, Seller, Sku, catalogue, dice
from autopurchase.sandbox.catalogue_data import CARRIERS
from autopurchase.sandbox.orders import Line, Order, Parcel
from autopurchase.sandbox.settings import Settings
from autopurchase.sandbox.store import Store
from autopurchase.sandbox.when import now_ms


@dataclass(frozen=True)
class Want:
    """What a buyer asks for: an SKU and how many; `line_no` is the buyer's own number of the line."""

    item: Item
    sku: Sku
    quantity: int
    line_no: str = ""
    surcharge: int = 0  # percent on the price, for the "price changed" fault
    postage: int | None = None  # fen, where every item is sent and charged by itself


@dataclass(frozen=True)
class Basket:
    """One create call's goods of one seller with the words that come back in reads."""

    market: str
    account: str
    reference: str
    seller: Seller
    wants: list[Want]
    receiver: dict[str, str]
    facts: dict[str, str]


class Market:
    """Goods and orders of all marketplaces over one store."""

    def __init__(self, store: Store, settings: Settings, origin: str) -> None:
        self.store = store
        self.settings = settings
        self.notify: Callable[[Order, str], None] = lambda order, event: None  # told what happened to an order
        self._timers: list[tuple[int, int]] = []
        goods = catalogue(origin)
        self.items = {(item.market, item.item_id): item for item in goods}
        self.items_by_mp = {item.mp_id: item for item in goods if item.market == "taobao"}
        for order in store.orders.values():
            for due in order.due:
                heapq.heappush(self._timers, (due[0], order.id))

    # goods

    def price(self, want: Want) -> int:
        """Present unit price, fen."""
        return self.sku_price(want.sku) * (100 + want.surcharge) // 100

    def sku_price(self, sku: Sku) -> int:
        """Present unit price of an SKU, fen."""
        return int((self.store.get("sku", sku.sku_id) or {}).get("price", sku.price))

    def list_price(self, sku: Sku) -> int:
        """Unit price before reductions, fen; never below the present price."""
        return max(sku.list_price, self.sku_price(sku))

    def stock(self, sku: Sku) -> int:
        """Pieces on sale."""
        return int((self.store.get("sku", sku.sku_id) or {}).get("stock", sku.stock))

    def status(self, item: Item) -> str:
        """`published` while on sale, else the word somebody set."""
        return str((self.store.get("item", item.item_id) or {}).get("status", "published"))

    def set_sku(self, sku_id: str, values: dict[str, int]) -> None:
        """Change price (fen) or stock of an SKU."""
        self.store.save("sku", sku_id, {**(self.store.get("sku", sku_id) or {}), **values})

    def freight(self, seller: Seller, goods: int) -> int:
        """Domestic freight of an order of `goods` fen, fen."""
        return 0 if goods >= seller.free_from else seller.freight

    def line_amount(self, want: Want) -> int:
        """Line total at the present price, fen."""
        return self.price(want) * want.quantity

    # orders

    def make(self, basket: Basket, fault: dict[str, Any] | None = None) -> Order:
        """Accept an order of one seller."""
        now, trick = now_ms(), (fault or {}).get("kind", "")
        lines = [self._line(want) for want in basket.wants]
        building = basket.market == "taobao" and self.settings.build_seconds > 0
        order = Order(
            id=self.store.new_id(),
            market=basket.market,
            account=basket.account,
            reference=basket.reference,
            seller_id=basket.seller.id,
            created=now,
            modified=now,
            lines=lines,
            receiver=basket.receiver,
            facts=basket.facts,
            deadline=now + int(self.settings.pay_deadline_seconds * 1000),
            status_since=now,
            status="building" if building else "unpaid",
        )
        for line in lines:
            line.id, line.state = self.store.new_id(), order.status
        self._charge_freight(order, basket)
        self._apply(order, trick, fault or {}, now)
        if building:
            action = "fail_build" if trick == "build_error" else "built"
            self._later(order, self.settings.build_seconds, action)
        self._later(order, self.settings.pay_deadline_seconds, "timeout")
        self.store.save_order(order)
        self.notify(order, "made")
        return order

    def _charge_freight(self, order: Order, basket: Basket) -> None:
        own = [want.postage for want in basket.wants if want.postage is not None]
        if len(own) < len(order.lines):
            order.freight = self.freight(basket.seller, order.goods)
            _share_freight(order)
            return
        for line, postage in zip(order.lines, own, strict=True):
            line.postage = postage
        order.freight = sum(own)

    def _line(self, want: Want) -> Line:
        return Line(
            id=0,
            item_id=want.item.item_id,
            sku_id=want.sku.sku_id,
            quantity=want.quantity,
            list_price=max(self.list_price(want.sku), self.price(want)),
            amount=self.line_amount(want),
            line_no=want.line_no,
        )

    @staticmethod
    def _apply(order: Order, trick: str, fault: dict[str, Any], now: int) -> None:
        seconds = float(fault.get("seconds", 2))
        if trick == "unknown_status":
            order.odd_status = str(fault.get("status", "RISK_REVIEW_HOLD"))
        if trick == "lag":
            order.lag_ms = int(seconds * 1000)
        if trick == "hidden":
            order.visible_from = now + int(seconds * 1000)

    def orders_of(self, reference: str, market: str, account: str) -> list[Order]:
        """Orders made with this reference by this account."""
        return [self.store.orders[number] for number in self.store.by_reference.get((market, account, reference), [])]

    def seller(self, order: Order) -> Seller:
        """The shop of an order."""
        return self.items[order.market, order.lines[0].item_id].seller

    def goods(self, order: Order, line: Line) -> tuple[Item, Sku]:
        """Item and SKU of a line."""
        item = self.items[order.market, line.item_id]
        return item, next(sku for sku in item.skus if sku.sku_id == line.sku_id)

    # what happens to an order

    def pay(self, order: Order) -> bool:
        """Money arrives."""
        return self._after(order, "paid", moves.pay(order, now_ms()), self.settings.ship_seconds, "ship")

    def ship(self, order: Order, line_ids: list[int] | None = None) -> bool:
        """The seller sends these lines (all by default) in one parcel."""
        number = str(dice(f"{order.id}:{len(order.parcels)}", 10**11, 10**12 - 1))
        carrier = dice(number, 0, len(CARRIERS) - 1)
        parcel = Parcel(
            f"LP{order.id % 10**12}{len(order.parcels)}",
            f"{CARRIERS[carrier][1]}{number}",
            carrier,
            line_ids or [line.id for line in order.lines],
            now_ms(),
        )
        done = moves.ship(order, parcel, now_ms())
        event = "shipped" if order.status == "shipped" else "part_shipped"
        return self._after(order, event, done, self.settings.sign_seconds, "sign")

    def sign(self, order: Order) -> bool:
        """The warehouse signs for every parcel on its way."""
        return self._after(order, "signed", moves.sign(order, now_ms()), self.settings.complete_seconds, "complete")

    def complete(self, order: Order) -> bool:
        """The trade ends well."""
        return self._after(order, "completed", moves.complete(order, now_ms()))

    def close(self, order: Order, reason: str, line_ids: list[int] | None = None) -> bool:
        """The order (or some lines) ends without success; see `orders.CLOSE_REASONS`."""
        return self._after(order, "closed", moves.close(order, reason, now_ms(), line_ids))

    def change_amount(self, order: Order, total: int) -> bool:
        """The seller asks another sum (fen)."""
        return self._after(order, "price", moves.change_amount(order, total, now_ms()))

    def touched(self, order: Order) -> None:
        """Something about the order was changed from outside."""
        moves.touch(order, now_ms())
        self.store.save_order(order)

    def schedule(self, order: Order, seconds: float, action: str, line_ids: list[int] | None = None) -> None:
        """Let something happen to the order after a while."""
        self._later(order, seconds, action, line_ids)
        self.store.save_order(order)

    def _after(self, order: Order, event: str, done: bool, seconds: float = -1, action: str = "") -> bool:
        """Keep what was done, tell of it, and let `action` follow after so many seconds."""
        if done:
            if seconds >= 0 and action:
                self._later(order, seconds, action)
            self.store.save_order(order)
            self.notify(order, event)
        return done

    def _later(self, order: Order, seconds: float, action: str, line_ids: list[int] | None = None) -> None:
        when = now_ms() + int(seconds * 1000)
        order.due.append([when, action, line_ids or []])
        heapq.heappush(self._timers, (when, order.id))

    async def run_timers(self) -> None:
        """Do what falls due, for as long as the server lives."""
        while True:
            self.tick()
            await self.store.durable()
            await asyncio.sleep(0.05)

    def tick(self) -> None:
        """Do everything that is due now."""
        now = now_ms()
        while self._timers and self._timers[0][0] <= now:
            order = self.store.orders.get(heapq.heappop(self._timers)[1])
            if order:
                self._run_due(order, now)

    def _run_due(self, order: Order, now: int) -> None:
        due = [entry for entry in order.due if entry[0] <= now]
        if not due:
            return
        order.due = [entry for entry in order.due if entry[0] > now]
        for _, action, line_ids in due:
            self._act(order, action, line_ids)
        self.store.save_order(order)

    def _act(self, order: Order, action: str, line_ids: list[int]) -> None:
        unpaid = not order.paid_at
        if action == "built":
            self._built(order)
        elif action == "fail_build":
            self._fail_build(order)
        elif action == "timeout" and unpaid:
            self.close(order, "timeout")
        elif action == "cancel" and unpaid:
            self.close(order, "buyer", line_ids)
        elif action == "pay":
            self.pay(order)
        elif action == "ship":
            self.ship(order)
        elif action == "sign":
            self.sign(order)
        elif action == "complete":
            self.complete(order)

    def _built(self, order: Order) -> None:
        for line in order.live():
            line.state = "unpaid"
        moves.touch(order, now_ms())
        self.notify(order, "made")

    def _fail_build(self, order: Order) -> None:
        for line in order.live():
            line.error_code, line.error_message = "BUILD_ORDER_FAIL", "下单失败:商品库存不足"
        self.close(order, "build_failed")


def _share_freight(order: Order) -> None:
    """Spread the freight over the lines by amount; the last one takes the rest."""
    left = order.freight
    for line in order.lines[:-1]:
        line.postage = order.freight * line.amount // max(order.goods, 1)
        left -= line.postage
    order.lines[-1].postage = left
