"""From the REST API's answers to orders; pure."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money, digits
from autopurchase.domain.shop import Reject, ShopLine, ShopOrder
from autopurchase.sources.items import Wanted, wanted, yuan
from autopurchase.sources.woocommerce.manifest import Settings
from autopurchase.sources.woocommerce.shipment import shipped_quantities

#: an object of the answer
Node = Mapping[str, Any]
#: products and variations by id
Goods = Mapping[str, Node]

_CANCELLED = frozenset({"cancelled", "failed", "trash"})
_UNPAID = frozenset({"pending", "on-hold", "failed", "checkout-draft", "auto-draft", "trash"})
_TAG = re.compile(r"<[^>]*>")
_WATCHED = ("status", "currency", "total", "payment_method", "date_paid_gmt", "shipping", "customer_note", "line_items")


@dataclass(frozen=True, slots=True)
class Refunds:
    """What was given back: the whole amount, and of it the worth and quantities of lines that were given back."""

    amount: Decimal
    lines_worth: Decimal
    quantities: Counter[str]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one shop's answers by its settings."""

    settings: Settings

    def order(self, node: Node, refunds: Sequence[Node], goods: Goods) -> tuple[ShopOrder, list[Reject]]:
        """The order with its lines, and those that cannot be taken: parts of a piece, or neither link nor product.

        Lines given back in full are in neither, but keep their number, and their worth leaves the total: what remains
        may be bought. Money given back without lines stays a refund. Raises BadInput when the order cannot be read.
        """
        currency = str(node["currency"]).upper()
        back = refunded(refunds)
        total = _decimal(node["total"])
        lines, rejects = self._lines(node, back, goods)
        return (
            ShopOrder(
                external_id=str(node["id"]),
                number=str(node.get("number") or node["id"]),
                state=self._state(str(node["status"])),
                currency=currency,
                total=Money.of(max(Decimal(0), total - back.lines_worth), currency),
                paid=Money.of(total if self.is_paid(node) else 0, currency),
                refunded=Money.of(back.amount, currency),
                created_at=moment(str(node["date_created_gmt"])),
                paid_at=moment(str(node["date_paid_gmt"])) if self.is_paid(node) else None,
                customer=_name(node),
                goods_total=_rounded(sum((_worth(line) for line in node["line_items"]), Decimal(0)), currency),
                delivery_cost=_rounded(_decimal(node["shipping_total"]) + _decimal(node["shipping_tax"]), currency),
                delivery_service=", ".join(str(each.get("method_title") or "") for each in node["shipping_lines"]),
                ship_to=_ship_to(node),
                change_token=_digest(node, refunds, self._shipments(node)),
                lines=tuple(lines),
            ),
            rejects,
        )

    def is_paid(self, node: Node) -> bool:
        """Whether money has come: the shop says when, and the method is one that brings money by itself.

        Cash on delivery is processed unpaid, with a time of payment all the same.
        """
        return (
            bool(node.get("date_paid_gmt"))
            and str(node["payment_method"]) in self.settings.paid_methods
            and str(node["status"]) not in _UNPAID
        )

    def _state(self, status: str) -> str:
        if status in (*self.settings.paid_statuses, *self.settings.waiting_statuses, "pending"):
            return "open"
        return "cancelled" if status in _CANCELLED else "closed"

    def _shipments(self, node: Node) -> str:
        return meta(node, self.settings.names.get("shipments_meta", ""))

    def _lines(self, node: Node, back: Refunds, goods: Goods) -> tuple[list[ShopLine], list[Reject]]:
        lines: list[ShopLine] = []
        rejects: list[Reject] = []
        shipped = shipped_quantities(self._shipments(node))
        for number, line in enumerate(sorted(node["line_items"], key=lambda each: int(each["id"])), 1):
            line_id = str(line["id"])
            try:
                quantity = _whole(line["quantity"]) - back.quantities[line_id]
                if quantity > 0:
                    left = max(0, quantity - shipped[line_id])
                    lines.append(self._line(node, line, (number, quantity, left), goods))
            except BadInput as error:
                position = f"order {node.get('number') or node['id']}, line {number}"
                rejects.append(Reject(position, error.sentence, self._row(node, line, goods)))
        return lines, rejects

    def _line(self, node: Node, line: Node, numbers: tuple[int, int, int], goods: Goods) -> ShopLine:
        line_no, quantity, left = numbers
        item = self._item(line, goods)
        return ShopLine(
            external_id=str(line["id"]),
            line_no=line_no,
            provider=item.provider,
            item_id=item.item_id,
            sku_id=item.sku_id,
            spec_id=item.spec_id,
            quantity=quantity,
            open_quantity=left,
            unit_price=_rounded(_worth(line) / _whole(line["quantity"]), str(node["currency"]).upper()),
            title=_plain(str(line.get("parent_name") or line.get("name") or "")),
            configuration=_configuration(line),
            configuration_original=self.text(line, goods, "options_meta"),
            reference_price=yuan(self.text(line, goods, "price_meta")),
            seller_id=self.text(line, goods, "seller_id_meta"),
            seller_name=self.text(line, goods, "seller_name_meta"),
            item_url=item.link,
            photo_url=str((line.get("image") or {}).get("src") or ""),
            customer_comment=self._comment(node, line),
            product_key=product_key(line),
            unclear=item.unclear,
            extras={"sku": str(line.get("sku") or ""), "payment_method": str(node.get("payment_method") or "")},
        )

    def _item(self, line: Node, goods: Goods) -> Wanted:
        url, sku = (self.settings.names.get(name, "") for name in ("url_meta", "sku_meta"))
        product = ProductText(line, goods)
        return wanted(meta(line, url), product.text(url), meta(line, sku), product.text(sku), product_key(line))

    def text(self, line: Node, goods: Goods, setting: str) -> str:
        """Meta data of the line, else of its variation, else of its product."""
        name = self.settings.names.get(setting, "")
        return meta(line, name) or ProductText(line, goods).text(name)

    def _comment(self, node: Node, line: Node) -> str:
        own = meta(line, self.settings.names.get("note_meta", ""))
        return "\n".join(filter(None, (own, str(node.get("customer_note") or "").strip())))

    def _row(self, node: Node, line: Node, goods: Goods) -> dict[str, str]:
        return {
            "order": str(node.get("number") or node["id"]),
            "line": str(line["id"]),
            "sku": str(line.get("sku") or ""),
            "title": str(line.get("name") or ""),
            "quantity": str(line["quantity"]),
            "link": self.text(line, goods, "url_meta"),
        }


@dataclass(frozen=True, slots=True)
class ProductText:
    """Meta data of a line's variation and product."""

    line: Node
    goods: Goods

    def text(self, name: str) -> str:
        """The variation's own, else the product's."""
        found = (meta(self.goods.get(key, {}), name) for key in product_keys(self.line))
        return next(filter(None, found), "")


def product_keys(line: Node) -> Iterator[str]:
    """Keys of a line's variation and product among the goods."""
    yield from (str(line[name]) for name in ("variation_id", "product_id") if line.get(name))


def product_key(line: Node) -> str:
    """The shop's id of what was sold: of the variation, else of the product, else the sku."""
    return next(product_keys(line), "") or str(line.get("sku") or "")


def meta(node: Node, name: str) -> str:
    """Meta data as text; empty when there is none, or none that is text."""
    entry = meta_entry(node, name)
    value = entry.get("value") if entry else None
    return str(value).strip() if isinstance(value, str | int | Decimal) else ""


def meta_entry(node: Node, name: str) -> Node | None:
    """The first meta data of a name, with its id."""
    entries = (each for each in node.get("meta_data") or [] if isinstance(each, dict))
    return next((each for each in entries if name and each.get("key") == name), None)


def refunded(refunds: Sequence[Node]) -> Refunds:
    """What the refunds of an order amount to. Their lines count downwards from zero."""
    quantities: Counter[str] = Counter()
    worth = Decimal(0)
    for line in (line for refund in refunds for line in refund.get("line_items") or []):
        count = abs(_whole(line["quantity"]))
        if count:
            quantities[meta(line, "_refunded_item_id")] += count
            worth += abs(_worth(line))
    return Refunds(sum((abs(_decimal(each["amount"])) for each in refunds), Decimal(0)), worth, quantities)


def moment(text: str) -> datetime:
    """A time that the shop states as GMT, without saying so."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInput(f"“{text[:40]}” is no time.") from error


def _worth(line: Node) -> Decimal:
    """What the customer paid for a line: after discounts, with taxes."""
    return _decimal(line["total"]) + _decimal(line.get("total_tax") or 0)


def _decimal(text: object) -> Decimal:
    try:
        return Decimal(str(text))
    except InvalidOperation as error:
        raise BadInput(f"“{str(text)[:40]}” is not an amount of money.") from error


def _rounded(amount: Decimal, currency: str) -> Money:
    """Half up to the currency's digits: shops keep taxes and shared discounts finer."""
    return Money.of(amount.quantize(Decimal(1).scaleb(-digits(currency)), ROUND_HALF_UP), currency)


def _whole(quantity: object) -> int:
    number = _decimal(quantity)
    if not number.is_finite() or number != number.to_integral_value():
        raise BadInput(f"The quantity {str(quantity)[:20]} is not a whole number: buy this line by hand.")
    return int(number)


def _name(node: Node) -> str:
    for address in (node.get("billing") or {}, node.get("shipping") or {}):
        name = " ".join(str(address.get(part) or "") for part in ("first_name", "last_name")).strip()
        if name or address.get("email"):
            return name or str(address["email"])
    return ""


def _ship_to(node: Node) -> dict[str, str]:
    """The delivery address; the invoice's where the customer gave no other."""
    billing, shipping = (_filled(node.get(name)) for name in ("billing", "shipping"))
    address = shipping if shipping.keys() - {"country", "state"} else billing
    return {"phone": billing["phone"], **address} if "phone" in billing else address


def _filled(node: object) -> dict[str, str]:
    return {key: str(value) for key, value in node.items() if value} if isinstance(node, dict) else {}


def _configuration(line: Node) -> str:
    shown = (each for each in line.get("meta_data") or [] if not str(each.get("key", "_")).startswith("_"))
    return "; ".join(
        f"{_plain(str(each.get('display_key') or each['key']))}: {_plain(str(each['display_value']))}"
        for each in shown
        if isinstance(each.get("display_value"), str)
    )


def _plain(text: str) -> str:
    """Text of what may be HTML."""
    return html.unescape(_TAG.sub("", text)).strip()


def _digest(node: Node, refunds: Sequence[Node], shipments: str) -> str:
    """A digest of what the shop says: its modified time stays when money is given back."""
    content = [{name: node.get(name) for name in _WATCHED}, list(refunds), shipments]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
