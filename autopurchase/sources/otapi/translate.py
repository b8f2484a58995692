"""From OTAPI's answers to orders; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money, digits
from autopurchase.domain.order import LineStatus
from autopurchase.domain.shop import Reject, ShopLine, ShopOrder
from autopurchase.sources.items import Wanted, wanted
from autopurchase.sources.otapi import comments
from autopurchase.sources.otapi.manifest import Settings

#: an object of the answer
Node = Mapping[str, Any]

_CREATED = ("CreatedDateTime", "CreationDate", "CreatedDate", "Created")
_WATCHED = ("StatusCode", "TotalAmount", "RemainAmount", "DeliveryAmount", "CurrencyCode", "DeliveryAddress")
_ITEM_LINKS = {
    "taobao": "https://item.taobao.com/item.htm?id={}",
    "alibaba1688": "https://detail.1688.com/offer/{}.html",
}


@dataclass(frozen=True, slots=True)
class Statuses:
    """Ids of statuses that the shop has, by the setting that names them."""

    sets: Mapping[str, frozenset[str]]

    def order_state(self, status: str) -> str:
        """``open``, ``cancelled`` or ``closed``."""
        if status in self.sets["open_order_statuses"]:
            return "open"
        return "cancelled" if status in self.sets["cancelled_order_statuses"] else "closed"

    def line_word(self, status: str) -> str:
        """The shop's own word on a line; none for one that is ready to buy: then its order's payment decides."""
        if status in self.sets["ready_line_statuses"]:
            return ""
        bought = status in self.sets["bought_line_statuses"]
        return LineStatus.ORDERED if bought else LineStatus.AWAITING_PAYMENT

    def is_cancelled(self, status: str) -> bool:
        """Whether a line is no longer wanted."""
        return status in self.sets["cancelled_line_statuses"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one shop's answers by its settings and statuses."""

    settings: Settings
    statuses: Statuses

    def order(self, details: Node) -> tuple[ShopOrder, list[Reject]]:
        """The order with its lines, and those that cannot be taken: parts of a piece, or no item at all.

        Cancelled lines are in neither, but keep their number. Raises BadInput when the order cannot be read.
        """
        info = order_info(details)
        total, paid = self.amounts(info)
        lines, rejects = self._lines(info, line_nodes(details))
        return (
            ShopOrder(
                external_id=str(info["Id"]),
                number=str(info.get("DisplayId") or info["Id"]),
                state=self.statuses.order_state(text(info, "StatusCode")),
                currency=total.currency,
                total=total,
                paid=paid,
                refunded=Money(0, total.currency),
                created_at=self._created(info),
                customer=text(info, "CustomerName"),
                goods_total=self._money(info, "GoodsAmount"),
                delivery_cost=self._money(info, "DeliveryAmount"),
                delivery_service=text(info, "DeliveryModeName") or text(info, "DeliveryModeId"),
                ship_to=_filled(info.get("DeliveryAddress")),
                change_token=self._digest(info, details),
                lines=tuple(lines),
            ),
            rejects,
        )

    def amounts(self, info: Node) -> tuple[Money, Money]:
        """Total and paid: the shop states what remains unpaid, in its internal currency and major units."""
        total, rest = self._money(info, "TotalAmount"), self._money(info, "RemainAmount")
        return total, total - rest

    def _money(self, info: Node, name: str) -> Money:
        return _rounded(_decimal(info.get(name) or 0), self.currency(info))

    def currency(self, info: Node) -> str:
        """The currency of the settings, else the order's own."""
        found = self.settings.currency or text(info, "CurrencyCode").upper()
        if len(found) != 3 or not found.isalpha():
            raise BadInput("The shop does not say the currency of its amounts: set “currency” of this source.")
        return found

    def _created(self, info: Node) -> datetime:
        stated = next((text(info, name) for name in _CREATED if info.get(name)), "")
        try:
            moment = datetime.fromisoformat(stated)
        except ValueError as error:
            raise BadInput(f"The time “{stated[:40]}” of the order cannot be read.") from error
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone(timedelta(hours=self.settings.utc_offset)))
        return moment.astimezone(UTC)

    # --- lines ---

    def _lines(self, info: Node, nodes: list[Node]) -> tuple[list[ShopLine], list[Reject]]:
        lines: list[ShopLine] = []
        rejects: list[Reject] = []
        for number, node in enumerate(sorted(nodes, key=self._age), 1):
            if self.statuses.is_cancelled(self.field(node, "status")):
                continue
            try:
                lines.append(self._line(info, node, number))
            except BadInput as error:
                position = f"order {info.get('DisplayId') or info['Id']}, line {number}"
                rejects.append(Reject(position, error.sentence, self._row(info, node)))
        return lines, rejects

    def _line(self, info: Node, node: Node, number: int) -> ShopLine:
        item = self._item(node)
        quantity = self.quantity(node)
        return ShopLine(
            external_id=self.field(node, "id"),
            line_no=number,
            provider=item.provider,
            item_id=item.item_id,
            sku_id=item.sku_id,
            spec_id=item.spec_id,
            quantity=quantity,
            open_quantity=max(0, quantity - self.sent(node)),
            unit_price=_rounded(_decimal(self.field(node, "price")), self.currency(info)),
            title=self.field(node, "title"),
            configuration=self.field(node, "configuration"),
            configuration_original=self.field(node, "original"),
            seller_id=self.field(node, "seller_id"),
            seller_name=self.field(node, "seller_name"),
            item_url=item.link,
            photo_url=self.field(node, "photo"),
            customer_comment=self.field(node, "comment"),
            status=self.statuses.line_word(self.field(node, "status")),
            product_key=self._product_key(node),
            unclear=item.unclear,
            extras={"shop_status": self.field(node, "status")},
        )

    def _item(self, node: Node) -> Wanted:
        """What to buy: by the item's id, whose beginning tells 1688's from Taobao's; other goods by their link."""
        given, link, prefix = self.field(node, "item"), self.field(node, "link"), self.settings.alibaba_prefix
        if prefix and given.startswith(prefix):
            link = _ITEM_LINKS["alibaba1688"].format(given.removeprefix(prefix))
        elif given.isdigit():
            link = _ITEM_LINKS["taobao"].format(given)
        return wanted(link, "", self.field(node, "sku"), "", self._product_key(node))

    def _product_key(self, node: Node) -> str:
        """The shop's id of what was sold: item and configuration."""
        return ":".join(filter(None, (self.field(node, "item"), self.field(node, "sku"))))

    def field(self, node: Node, name: str) -> str:
        """A field of a line as text, by the names it may have."""
        found = (text(node, each) for each in self.settings.line_fields[name])
        return next(filter(None, found), "")

    def quantity(self, node: Node) -> int:
        """Pieces ordered. Raises BadInput for a part of a piece."""
        number = _decimal(self.field(node, "quantity") or "?")
        if number != number.to_integral_value() or number < 1:
            raise BadInput(f"The quantity {number} is not a whole number: buy this line by hand.")
        return int(number)

    def sent(self, node: Node) -> int:
        """Pieces in parcels that were reported."""
        return sum(each.pieces for each in comments.parcels(self.field(node, "operator_comment")))

    def _age(self, node: Node) -> tuple[int, str]:
        line_id = self.field(node, "id")
        return len(line_id), line_id

    def _row(self, info: Node, node: Node) -> dict[str, str]:
        names = ("id", "item", "title", "quantity", "link")
        return {"order": text(info, "Id"), **{name: self.field(node, name) for name in names}}

    def _digest(self, info: Node, details: Node) -> str:
        """A digest of what the shop says; our own mark does not count, reported parcels do."""
        lines = [
            [
                *(self.field(node, name) for name in ("id", "item", "sku", "quantity", "price", "status", "comment")),
                self.sent(node),
            ]
            for node in line_nodes(details)
        ]
        content = json.dumps([{name: info.get(name) for name in _WATCHED}, lines], sort_keys=True, default=str)
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def rows(value: Any) -> list[Node]:
    """The objects of a list, which may be within ``Content`` or the name of its elements."""
    if isinstance(value, dict):
        inner = [each for each in (value.get("Content"), *value.values()) if isinstance(each, list | dict)]
        value = inner[0] if inner else []
        value = [value] if isinstance(value, dict) else value
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def order_info(details: Node) -> Node:
    """The order among its details. Raises BadInput when there is none."""
    found = [each for each in details.values() if isinstance(each, dict) and each.get("Id")]
    if not found:
        raise BadInput("The shop's answer holds no order: its API may have changed.")
    return found[0]


def line_nodes(details: Node) -> list[Node]:
    """The lines among an order's details: the first list, under whatever name the answer gives it."""
    for each in details.values():
        if isinstance(each, list) or (isinstance(each, dict) and not each.get("Id")):
            return rows(each)
    return []


def text(node: Node, name: str) -> str:
    """A plain value as text; empty for none and for what is no plain value."""
    value = node.get(name)
    return str(value).strip() if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""


def _decimal(value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BadInput(f"“{str(value)[:40]}” is not a number.")
    return number


def _rounded(amount: Decimal, currency: str) -> Money:
    """Half up to the currency's digits: the shop computes prices by rates."""
    return Money.of(amount.quantize(Decimal(1).scaleb(-digits(currency)), ROUND_HALF_UP), currency)


def _filled(node: object) -> dict[str, str]:
    return {key: str(value) for key, value in node.items() if value} if isinstance(node, dict) else {}
