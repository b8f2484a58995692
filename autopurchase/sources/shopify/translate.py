"""From the Admin API's answers to orders; pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money, digits
from autopurchase.domain.shop import Reject, ShopLine, ShopOrder
from autopurchase.sources.items import Wanted, wanted, yuan

#: an object of the answer
Node = Mapping[str, Any]

#: fulfilments that sent nothing
_VOID = frozenset({"CANCELLED", "ERROR", "FAILURE"})
_OURS = frozenset({"status_metafield", "reference_metafield"})


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one shop's answers. ``names``: attributes and metafields by setting."""

    names: Mapping[str, str]

    def order(self, node: Node) -> tuple[ShopOrder, list[Reject]]:
        """The order with its lines, and those that name neither an item nor a product.

        Lines taken out in full are in neither, but keep their number. Raises BadInput when the order cannot be read.
        """
        lines, rejects = self._lines(node)
        paid = money(node, "totalReceivedSet")
        return (
            ShopOrder(
                external_id=str(node["id"]),
                number=str(node["name"]),
                state=_state(node),
                currency=str(node["currencyCode"]),
                total=_total(node),
                paid=paid,
                refunded=money(node, "totalRefundedSet"),
                created_at=datetime.fromisoformat(str(node["createdAt"])),
                paid_at=datetime.fromisoformat(str(node["processedAt"])) if paid.minor else None,
                customer=str((node.get("shippingAddress") or {}).get("name") or ""),
                goods_total=money(node, "currentSubtotalPriceSet"),
                delivery_cost=money(node, "totalShippingPriceSet"),
                delivery_service=str((node.get("shippingLine") or {}).get("title") or ""),
                ship_to={key: str(value) for key, value in (node.get("shippingAddress") or {}).items() if value},
                change_token=_digest(node),
                lines=tuple(lines),
            ),
            rejects,
        )

    def _lines(self, node: Node) -> tuple[list[ShopLine], list[Reject]]:
        lines: list[ShopLine] = []
        rejects: list[Reject] = []
        still_open = open_quantities(node)
        for number, line in enumerate(sorted(node["lineItems"]["nodes"], key=_age), 1):
            if not line["currentQuantity"]:
                continue
            try:
                lines.append(self._line(node, line, number, still_open[str(line["id"])]))
            except BadInput as error:
                position = f"order {node['name']}, line {number}"
                rejects.append(Reject(position, error.sentence, self._row(node, line)))
        return lines, rejects

    def _line(self, node: Node, line: Node, number: int, still_open: int) -> ShopLine:
        item = self._item(line)
        variant = line.get("variant") or {}
        return ShopLine(
            external_id=str(line["id"]),
            line_no=number,
            provider=item.provider,
            item_id=item.item_id,
            sku_id=item.sku_id,
            spec_id=item.spec_id,
            quantity=int(line["currentQuantity"]),
            open_quantity=still_open,
            unit_price=money(line, "discountedUnitPriceAfterAllDiscountsSet"),
            title=str(line["title"]),
            configuration=_configuration(line),
            configuration_original=self._attribute(line, "options_attribute"),
            reference_price=yuan(self._attribute(line, "price_attribute") or self._metafield(line, "price_metafield")),
            seller_id=self._metafield(line, "seller_id_metafield"),
            seller_name=self._metafield(line, "seller_name_metafield"),
            item_url=item.link,
            photo_url=str((line.get("image") or {}).get("url") or ""),
            customer_comment="\n".join(
                filter(None, (self._attribute(line, "note_attribute"), str(node.get("note") or "")))
            ),
            product_key=_product_key(line),
            unclear=item.unclear,
            extras={"sku": str(line.get("sku") or variant.get("sku") or "")},
        )

    def _item(self, line: Node) -> Wanted:
        return wanted(
            self._attribute(line, "url_attribute"),
            self._metafield(line, "url_metafield"),
            self._attribute(line, "sku_attribute"),
            self._metafield(line, "sku_metafield"),
            _product_key(line),
        )

    def _attribute(self, line: Node, setting: str) -> str:
        name = self.names.get(setting)
        values = (each.get("value") for each in line["customAttributes"] if each["key"] == name)
        return str(next(values, None) or "").strip()

    def _metafield(self, line: Node, setting: str) -> str:
        """The variant's own, else the product's."""
        variant = line.get("variant") or {}
        found = (metafield(node, setting) for node in (variant, variant.get("product") or {}))
        return next(filter(None, found), "")

    def _row(self, node: Node, line: Node) -> dict[str, str]:
        return {
            "order": str(node["name"]),
            "line": str(line["id"]),
            "sku": str(line.get("sku") or ""),
            "title": str(line["title"]),
            "quantity": str(line["currentQuantity"]),
            "link": self._attribute(line, "url_attribute") or self._metafield(line, "url_metafield"),
        }


def metafield(node: Node, setting: str) -> str:
    """The text of a metafield that was asked for under its setting's name."""
    return str((node.get(setting) or {}).get("value") or "").strip()


def money(node: Node, name: str) -> Money:
    """An amount in the shop's own currency, rounded half up to its digits: prices after discounts are finer."""
    amount = node[name]["shopMoney"]
    currency = str(amount["currencyCode"])
    exact = Decimal(str(amount["amount"])).quantize(Decimal(1).scaleb(-digits(currency)), ROUND_HALF_UP)
    return Money.of(exact, currency)


def open_quantities(node: Node) -> dict[str, int]:
    """Pieces not sent, not taken out and not given back, by line id; where the shop's figures differ, the fewest."""
    sent = sent_quantities(node)
    return {
        str(line["id"]): max(
            0, min(int(line["unfulfilledQuantity"]), int(line["currentQuantity"]) - sent[str(line["id"])])
        )
        for line in node["lineItems"]["nodes"]
    }


def sent_quantities(node: Node, number: str | None = None) -> Counter[str]:
    """Pieces in fulfilments by line id; with ``number``, in those with this tracking number only."""
    counts: Counter[str] = Counter()
    for fulfilment in node["fulfillments"]:
        numbers = {str(each["number"] or "") for each in fulfilment["trackingInfo"]} or {""}
        if fulfilment["status"] not in _VOID and (number is None or number in numbers):
            for part in _complete(fulfilment["fulfillmentLineItems"]):
                counts[str(part["lineItem"]["id"])] += int(part["quantity"])
    return counts


def _total(node: Node) -> Money:
    """What is to be paid for what is left.

    The worth of lines given back leaves the total, money given back alone does not: the greater of the shop's present
    total and the first total less such lines, so that an order with a refund that is not explained is held.
    """
    first = money(node, "totalPriceSet")
    parts = [part for refund in node["refunds"] for part in _complete(refund["refundLineItems"])]
    back = sum(money(part, name).minor for part in parts for name in ("subtotalSet", "totalTaxSet"))
    return Money(max(money(node, "currentTotalPriceSet").minor, first.minor - back), first.currency)


def _complete(connection: Node) -> list[Node]:
    if connection["pageInfo"]["hasNextPage"]:
        raise BadInput("The order has more parts in one refund or parcel than are read at once: buy it by hand.")
    return list(connection["nodes"])


def _state(node: Node) -> str:
    if node.get("cancelledAt"):
        return "cancelled"
    return "closed" if node["closed"] or node["displayFulfillmentStatus"] == "FULFILLED" else "open"


def _age(line: Node) -> tuple[int, str]:
    """Sorts lines as they were added: their ids grow."""
    return len(str(line["id"])), str(line["id"])


def _product_key(line: Node) -> str:
    """The shop's id of the variant that was sold, else its sku: of a product that was deleted, only that remains."""
    return str((line.get("variant") or {}).get("id") or line.get("sku") or "")


def _configuration(line: Node) -> str:
    options = (line.get("variant") or {}).get("selectedOptions") or []
    shown = [f"{each['name']}: {each['value']}" for each in options if each["name"] != "Title"]
    return "; ".join(shown) or str(line.get("variantTitle") or "")


def _digest(node: Node) -> str:
    """A digest of what the shop says; our own marks do not count."""
    content = {key: value for key, value in node.items() if key not in _OURS}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
