"""From the admin API's answers to orders; pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.shop import Reject, ShopLine, ShopOrder
from autopurchase.sources.items import Wanted, wanted, yuan
from autopurchase.sources.vendure.queries import OPEN_STATES

#: an object of the answer
Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one shop's answers: ``digits`` after the point of its amounts, ``names`` of its custom fields."""

    digits: int
    names: Mapping[str, str]

    def order(self, node: Node) -> tuple[ShopOrder, list[Reject]]:
        """The order with its lines, and those that cannot be taken.

        Lines cancelled in full (quantity 0) are in neither, but keep their number. Raises BadInput when the order
        itself cannot be read.
        """
        lines, rejects = self._lines(node)
        currency = str(node["currencyCode"])
        paid, refunded = _payments(node)
        return (
            ShopOrder(
                external_id=str(node["id"]),
                number=str(node["code"]),
                state=_state(str(node["state"])),
                currency=currency,
                total=self._money(node["totalWithTax"], currency),
                paid=self._money(paid, currency),
                refunded=self._money(refunded, currency),
                created_at=_moment(node.get("orderPlacedAt") or node["updatedAt"]),
                paid_at=_paid_at(node),
                customer=_customer(node),
                goods_total=self._money(node["subTotalWithTax"], currency),
                delivery_cost=self._money(node["shippingWithTax"], currency),
                delivery_service=", ".join(_shipping_methods(node)),
                ship_to=_filled(node.get("shippingAddress")),
                change_token=change_token(node),
                lines=tuple(lines),
            ),
            rejects,
        )

    def _lines(self, node: Node) -> tuple[list[ShopLine], list[Reject]]:
        lines: list[ShopLine] = []
        rejects: list[Reject] = []
        fulfilled = fulfilled_quantities(node)
        for number, line in enumerate(sorted(node["lines"], key=_age), 1):
            if line["quantity"] == 0:
                continue
            try:
                lines.append(self._line(node, line, number, fulfilled[str(line["id"])]))
            except BadInput as error:
                position = f"order {node['code']}, line {number}"
                rejects.append(Reject(position, error.sentence, self._row(node, line)))
        return lines, rejects

    def _line(self, node: Node, line: Node, number: int, fulfilled: int) -> ShopLine:
        variant = line["productVariant"]
        item = self._item(line)
        return ShopLine(
            external_id=str(line["id"]),
            line_no=number,
            provider=item.provider,
            item_id=item.item_id,
            sku_id=item.sku_id,
            spec_id=item.spec_id,
            quantity=line["quantity"],
            open_quantity=max(0, line["quantity"] - fulfilled),
            unit_price=self._money(line["unitPriceWithTax"], str(node["currencyCode"])),
            title=str(variant["name"]),
            configuration=_options(variant),
            configuration_original=self._custom(line, "line_options_field"),
            reference_price=self._reference_price(line),
            seller_id=self._custom(variant, "variant_seller_id_field"),
            seller_name=self._custom(variant, "variant_seller_name_field"),
            item_url=item.link,
            photo_url=str((line.get("featuredAsset") or {}).get("preview") or ""),
            customer_comment=self._custom(line, "line_note_field"),
            product_key=str(variant["sku"]),
            unclear=item.unclear,
            extras={"sku": str(variant["sku"])},
        )

    def _item(self, line: Node) -> Wanted:
        variant = line["productVariant"]
        return wanted(
            self._custom(line, "line_url_field"),
            self._custom(variant, "variant_url_field"),
            "",
            self._custom(variant, "variant_sku_field"),
            str(variant["sku"]),
        )

    def _reference_price(self, line: Node) -> Money | None:
        variant_price = self._custom(line["productVariant"], "variant_price_field")
        return yuan(self._custom(line, "line_price_field") or variant_price)

    def _custom(self, node: Node, setting: str) -> str:
        """A custom field as text; empty when the shop has none of that meaning."""
        value = (node.get("customFields") or {}).get(self.names.get(setting, ""))
        return "" if value is None else str(value).strip()

    def _money(self, amount: int, currency: str) -> Money:
        return Money.of(Decimal(amount).scaleb(-self.digits), currency)

    def _row(self, node: Node, line: Node) -> dict[str, str]:
        variant = line["productVariant"]
        return {
            "order": str(node["code"]),
            "line": str(line["id"]),
            "sku": str(variant["sku"]),
            "title": str(variant["name"]),
            "quantity": str(line["quantity"]),
            "link": self._custom(line, "line_url_field") or self._custom(variant, "variant_url_field"),
        }


def fulfilled_quantities(node: Node) -> Counter[str]:
    """Quantity under way or sent to the customer, by line id."""
    counts: Counter[str] = Counter()
    for fulfilment in live_fulfilments(node):
        for part in fulfilment["lines"]:
            counts[str(part["orderLineId"])] += int(part["quantity"])
    return counts


def live_fulfilments(node: Node) -> list[Node]:
    """Fulfilments that were not cancelled."""
    return [each for each in node.get("fulfillments") or [] if each["state"] != "Cancelled"]


def change_token(node: Node) -> str:
    """A digest of what the shop says: its modified time stays when a payment settles or is refunded.

    Our own mark and the times it moves do not count.
    """
    content = {key: value for key, value in node.items() if key not in ("updatedAt", "customFields")}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _payments(node: Node) -> tuple[int, int]:
    """What was settled, and what of it was or is being given back: the order's state alone does not tell."""
    settled = [payment for payment in node.get("payments") or [] if payment["state"] == "Settled"]
    refunds = (refund for payment in settled for refund in payment["refunds"])
    return (
        sum(int(payment["amount"]) for payment in settled),
        sum(int(refund["total"]) for refund in refunds if refund["state"] != "Failed"),
    )


def _paid_at(node: Node) -> datetime | None:
    """When the last payment settled: a payment's time moves then, the order's does not."""
    times = [_moment(each["updatedAt"]) for each in node.get("payments") or [] if each["state"] == "Settled"]
    return max(times, default=None)


def _state(state: str) -> str:
    """``closed`` also stands for states in which nothing may be bought, such as an order being modified."""
    if state in OPEN_STATES:
        return "open"
    return "cancelled" if state == "Cancelled" else "closed"


def _age(line: Node) -> tuple[str, int, str]:
    """Sorts lines as they were added, so that a line keeps its number."""
    return str(line["createdAt"]), len(str(line["id"])), str(line["id"])


def _customer(node: Node) -> str:
    customer = node.get("customer") or {}
    name = " ".join(str(customer.get(part) or "") for part in ("firstName", "lastName")).strip()
    return name or str(customer.get("emailAddress") or "")


def _shipping_methods(node: Node) -> Sequence[str]:
    return [str(each["shippingMethod"]["name"]) for each in node.get("shippingLines") or []]


def _options(variant: Node) -> str:
    return "; ".join(f"{option['group']['name']}: {option['name']}" for option in variant["options"])


def _filled(node: Node | None) -> dict[str, str]:
    return {key: str(value) for key, value in (node or {}).items() if value}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
