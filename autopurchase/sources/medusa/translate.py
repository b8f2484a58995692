"""From the admin API's answers to orders; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money, digits
from autopurchase.domain.shop import Reject, ShopLine, ShopOrder
from autopurchase.sources.items import wanted, yuan

#: an object of the answer
Node = Mapping[str, Any]

OPEN = "pending"
FIELDS = ",".join(
    (
        "id,display_id,custom_display_id,status,version,created_at,updated_at,currency_code,email,metadata",
        "total,item_total,shipping_total,credit_lines.amount,credit_lines.reference",
        "customer.first_name,customer.last_name",
        "*shipping_address,shipping_methods.name",
        "*items,items.variant.metadata,items.variant.product.metadata",
        "items.variant.options.value,items.variant.options.option.title",
        "payment_collections.payments.canceled_at",
        "payment_collections.payments.captures.amount,payment_collections.payments.captures.created_at",
        "payment_collections.payments.refunds.amount",
        "fulfillments.id,fulfillments.canceled_at,fulfillments.shipped_at,fulfillments.delivered_at",
        "fulfillments.metadata,fulfillments.labels.tracking_number",
        "fulfillments.items.line_item_id,fulfillments.items.quantity",
    )
)
#: our words for the parts of an address
_ADDRESS = {
    "company": "company",
    "address_1": "streetLine1",
    "address_2": "streetLine2",
    "city": "city",
    "province": "province",
    "postal_code": "postalCode",
    "country_code": "countryCode",
    "phone": "phoneNumber",
}
#: a refund of more than was owed back is booked as this credit, which makes the order's total smaller
_REFUND_CREDIT = "payment_collection"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one shop's answers: ``names`` of what its metadata holds, ``prefix`` before its order numbers."""

    names: Mapping[str, str]
    prefix: str = ""

    def order(self, node: Node) -> tuple[ShopOrder, list[Reject]]:
        """The order with its lines, and those that cannot be taken.

        Lines that were taken out of the order are in neither: the shop does not show them.
        """
        lines, rejects = self._lines(node)
        currency = str(node["currency_code"]).upper()
        order = ShopOrder(
            external_id=str(node["id"]),
            number=self.number(node),
            state=_state(node),
            currency=currency,
            total=money(_total(node), currency),
            paid=money(_sum(_captures(node)), currency),
            refunded=money(_sum(_refunds(node)), currency),
            created_at=_moment(node["created_at"]),
            paid_at=max((_moment(each["created_at"]) for each in _captures(node)), default=None),
            customer=_customer(node),
            goods_total=money(node["item_total"], currency),
            delivery_cost=money(node["shipping_total"], currency),
            delivery_service=", ".join(str(each["name"]) for each in node.get("shipping_methods") or []),
            ship_to=_ship_to(node.get("shipping_address") or {}),
            lines=tuple(lines),
        )
        return replace(order, change_token=_change_token(node, order)), rejects

    def number(self, node: Node) -> str:
        """The order's number as people know it."""
        return f"{self.prefix}{node.get('custom_display_id') or node['display_id']}"

    def _lines(self, node: Node) -> tuple[list[ShopLine], list[Reject]]:
        lines: list[ShopLine] = []
        rejects: list[Reject] = []
        for number, item in enumerate(sorted(node["items"], key=_age), 1):
            if not item["quantity"]:
                continue
            try:
                lines.append(self._line(node, item, number))
            except BadInput as error:
                position = f"order {self.number(node)}, line {number}"
                rejects.append(Reject(position, error.sentence, self._row(node, item)))
        return lines, rejects

    def _line(self, node: Node, item: Node, number: int) -> ShopLine:
        found = wanted(
            self._own(item, "line_url_field"),
            self._general(item, "variant_url_field"),
            self._own(item, "line_sku_field"),
            self._general(item, "variant_sku_field"),
            _product_key(item),
        )
        quantity = _pieces(item["quantity"])
        return ShopLine(
            external_id=str(item["id"]),
            line_no=number,
            provider=found.provider,
            item_id=found.item_id,
            sku_id=found.sku_id,
            spec_id=found.spec_id,
            quantity=quantity,
            open_quantity=open_quantity(item),
            unit_price=money(Decimal(item["original_total"]) / quantity, str(node["currency_code"]).upper()),
            title=str(item.get("product_title") or item["title"]),
            configuration=_options(item),
            configuration_original=self._own(item, "line_options_field"),
            reference_price=yuan(self._own(item, "line_price_field") or self._general(item, "variant_price_field")),
            seller_id=self._general(item, "variant_seller_id_field"),
            seller_name=self._general(item, "variant_seller_name_field"),
            item_url=found.link,
            photo_url=str(item.get("thumbnail") or ""),
            customer_comment=self._own(item, "line_note_field"),
            product_key=_product_key(item),
            unclear=found.unclear,
            extras={"sku": str(item.get("variant_sku") or "")},
        )

    def _own(self, item: Node, setting: str) -> str:
        return self._text(item, setting)

    def _general(self, item: Node, setting: str) -> str:
        """What the variant's metadata says, or else its product's; a deleted variant says nothing."""
        variant = item.get("variant") or {}
        return self._text(variant, setting) or self._text(variant.get("product") or {}, setting)

    def _text(self, node: Node, setting: str) -> str:
        value = (node.get("metadata") or {}).get(self.names.get(setting, ""))
        return "" if value is None else str(value).strip()

    def _row(self, node: Node, item: Node) -> dict[str, str]:
        return {
            "order": self.number(node),
            "line": str(item["id"]),
            "sku": str(item.get("variant_sku") or ""),
            "title": str(item.get("product_title") or item["title"]),
            "quantity": str(item["quantity"]),
            "link": self._own(item, "line_url_field") or self._general(item, "variant_url_field"),
        }


def money(amount: Decimal | int, currency: str) -> Money:
    """Major units as the shop counts them; taxes may leave fractions of the smallest unit: rounded half up."""
    scaled = Decimal(amount).scaleb(digits(currency))
    return Money(int(scaled.to_integral_value(ROUND_HALF_UP)), currency)


def open_quantity(item: Node) -> int:
    """Pieces not yet packed, sent or written off. What was returned had been packed before, so it counts once."""
    detail = item["detail"]
    back = ("return_requested_quantity", "return_received_quantity", "return_dismissed_quantity")
    returned = sum(Decimal(detail.get(name) or 0) for name in back)
    packed = max(Decimal(detail.get("fulfilled_quantity") or 0), returned)
    return max(0, int(Decimal(item["quantity"]) - packed - Decimal(detail.get("written_off_quantity") or 0)))


def is_wanted(node: Node) -> bool:
    """Whether the sweep gives the order: open, and paid or with a payment that is under way."""
    return _state(node) == "open" and any(not payment.get("canceled_at") for payment in _payments(node))


def has_money(node: Node) -> bool:
    """Whether anything was paid."""
    return any(True for _ in _captures(node))


def _change_token(node: Node, order: ShopOrder) -> str:
    """The shop's version of the order and a digest of what is read of it: a late capture moves neither the version nor
    the modified time, and our own mark, which moves that, does not count.
    """
    return f"{node['version']}@{hashlib.sha256(repr(order).encode()).hexdigest()[:24]}"


def _state(node: Node) -> str:
    """The shop leaves an order pending after everything was packed: nothing is to be bought for it any more."""
    if node["status"] == "canceled":
        return "cancelled"
    return "open" if node["status"] == OPEN and any(open_quantity(item) for item in node["items"]) else "closed"


def _total(node: Node) -> Decimal:
    """What the customer owes for the order as it is now.

    A refund that nothing was owed for makes the shop's total smaller by the same amount. It is taken back here, or an
    order that was refunded in part would look paid in full.
    """
    credits = (each for each in node.get("credit_lines") or [] if each["reference"] == _REFUND_CREDIT)
    return Decimal(node["total"]) + _sum(credits)


def _payments(node: Node) -> Iterator[Node]:
    for collection in node.get("payment_collections") or []:
        yield from collection.get("payments") or []


def _captures(node: Node) -> Iterator[Node]:
    for payment in _payments(node):
        yield from payment.get("captures") or []


def _refunds(node: Node) -> Iterator[Node]:
    for payment in _payments(node):
        yield from payment.get("refunds") or []


def _sum(parts: Iterator[Node]) -> Decimal:
    return sum((Decimal(part["amount"]) for part in parts), Decimal(0))


def _pieces(quantity: Decimal | int) -> int:
    if quantity != int(quantity):
        raise BadInput(f"The quantity {quantity} is not a whole number of pieces: buy this line by hand.")
    return int(quantity)


def _age(item: Node) -> tuple[str, str, str]:
    """Sorts lines as they were added; those of one checkout share a moment and have ids in no order."""
    return str(item["created_at"]), str(item["title"]), str(item["id"])


def _customer(node: Node) -> str:
    return _name(node.get("customer") or {}) or _name(node.get("shipping_address") or {}) or str(node["email"] or "")


def _name(node: Node) -> str:
    return " ".join(str(node.get(part) or "") for part in ("first_name", "last_name")).strip()


def _ship_to(address: Node) -> dict[str, str]:
    found = {"fullName": _name(address)} | {word: str(address.get(part) or "") for part, word in _ADDRESS.items()}
    return {word: value for word, value in found.items() if value}


def _product_key(item: Node) -> str:
    """What was sold, as the line keeps it when the variant is gone; nothing for an item made up in the cart."""
    return str(item.get("variant_sku") or item.get("variant_id") or "")


def _options(item: Node) -> str:
    """The choice as the customer saw it; a deleted variant leaves its title on the line."""
    options = (item.get("variant") or {}).get("options") or []
    named = [f"{each['option']['title']}: {each['value']}" for each in options if each.get("option")]
    return "; ".join(named) or str(item.get("variant_title") or "")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
