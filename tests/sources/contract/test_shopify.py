"""The contract, kept by the Shopify source before a shop that validates every query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.sources.contract.driver import Amounts, Driver, Want
from tests.sources.contract.suite import SourceContract
from tests.sources.stubs.server import Request, serving
from tests.sources.stubs.shopify import TOKEN, Line, Order, ShopifyShop

PRICES = {"USD": ("33.33", "12.10"), "JPY": ("1200", "555"), "EUR": ("0.07", "99999.99")}


@dataclass
class ShopifyDriver:
    """Drives the stub. Half of the goods say themselves what they are, the others by their product's metafield."""

    shop: ShopifyShop
    url: str
    kind: str = "shopify"
    config: dict[str, str] = field(default_factory=lambda: {"access_token": TOKEN})
    secrets: tuple[str, ...] = (TOKEN,)
    currencies: tuple[str, ...] = ("USD", "JPY", "EUR")

    def place(self, wants: Sequence[Want], currency: str = "USD") -> str:
        return self.shop.place(self._lines(wants, currency), currency)

    def place_unpaid(self, wants: Sequence[Want]) -> Sequence[str]:
        return [self.shop.place(self._lines(wants, "USD"), paid=False) for _ in range(2)]

    def _lines(self, wants: Sequence[Want], currency: str) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        for number, (want, price) in enumerate(zip(wants, PRICES[currency], strict=False)):
            line = {"title": f"Thing {number}", "quantity": want.quantity, "price": Decimal(price)}
            if number:
                product = {("source", "url"): want.link}
                lines.append({**line, "variant": {"options": {"Colour": "Black"}, "product": product}})
            else:
                lines.append({**line, "attributes": {"_source_url": want.link}})
        return lines

    def _order(self, order: str) -> Order:
        return self.shop.orders[order]

    def settle(self, order: str) -> None:
        self._order(order).received = self._order(order).total

    def refund(self, order: str, amount: str) -> None:
        self.shop.give_back(order, Decimal(amount))

    def refund_all(self, order: str) -> None:
        self.shop.give_back(order, self._order(order).received)

    def cancel_line(self, order: str, line: str) -> None:
        found: Line = next(each for each in self._order(order).lines if each.id == line)
        self.shop.give_back(order, found.price * found.quantity, {line: found.quantity})

    def cancel(self, order: str) -> None:
        self._order(order).cancelled = datetime.now(UTC)

    def mark(self, order: str) -> tuple[str, str]:
        fields = self._order(order).metafields
        return fields["autopurchase", "status"], fields["autopurchase", "reference"]

    def parcels(self, order: str) -> list[str]:
        return list(dict.fromkeys(number for number, _, _ in self._order(order).parcels))

    def amounts(self, order: str) -> Amounts:
        found = self._order(order)
        return Amounts(found.currency, str(found.total), PRICES[found.currency])

    def restart(self) -> None:
        self.shop.throttled = 0

    def writes(self, request: Request) -> bool:
        return str(request.json["query"]).startswith("mutation")

    def lists(self, request: Request) -> bool:
        return "sortKey" in request.json["query"]


class TestShopify(SourceContract):
    @pytest.fixture
    def driver(self) -> Iterator[Driver]:
        shop = ShopifyShop()
        with serving(shop) as running:
            yield ShopifyDriver(shop, running.url)
