"""The contract, kept by the WooCommerce source before a shop that checks signatures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from tests.sources.contract.driver import Amounts, Driver, Want
from tests.sources.contract.suite import SourceContract
from tests.sources.stubs.server import Request, serving
from tests.sources.stubs.woocommerce import KEY, SECRET, WooShop

PRICES = {"USD": ("33.33", "12.10"), "JPY": ("1200", "555"), "EUR": ("0.07", "99999.99")}


@dataclass
class WooDriver:
    """Drives the stub. Half of the goods say themselves what they are, the others by their product's meta data."""

    shop: WooShop
    url: str
    kind: str = "woocommerce"
    config: dict[str, str] = field(
        default_factory=lambda: {
            "consumer_key": KEY,
            "consumer_secret": SECRET,
            "paid_methods": "stripe, paypal, bacs",
        }
    )
    secrets: tuple[str, ...] = (KEY, SECRET)
    currencies: tuple[str, ...] = ("USD", "JPY", "EUR")

    def place(self, wants: Sequence[Want], currency: str = "USD") -> str:
        return str(self.shop.place(self._lines(wants, currency), currency))

    def place_unpaid(self, wants: Sequence[Want]) -> Sequence[str]:
        sorts = (("bacs", "on-hold"), ("cod", "processing"), ("stripe", "pending"))
        return [str(self.shop.place(self._lines(wants, "USD"), "USD", *sort)) for sort in sorts]

    def _lines(self, wants: Sequence[Want], currency: str) -> list[dict[str, object]]:
        lines: list[dict[str, object]] = []
        for number, (want, price) in enumerate(zip(wants, PRICES[currency], strict=False)):
            total = str(Decimal(price) * want.quantity)
            line: dict[str, object] = {"name": f"Thing {number}", "quantity": want.quantity, "total": total}
            if number:
                product = len(self.shop.products) + 1
                self.shop.products[product] = {"id": product, "meta_data": [{"key": "_source_url", "value": want.link}]}
                lines.append({**line, "product_id": product})
            else:
                lines.append({**line, "meta": {"_source_url": want.link}})
        return lines

    def settle(self, order: str) -> None:
        self.shop.pay(int(order))

    def refund(self, order: str, amount: str) -> None:
        self.shop.give_back(int(order), amount)

    def refund_all(self, order: str) -> None:
        self.shop.give_back(int(order), self.shop.orders[int(order)]["total"])

    def cancel_line(self, order: str, line: str) -> None:
        found = next(each for each in self.shop.orders[int(order)]["line_items"] if each["id"] == int(line))
        self.shop.give_back(int(order), found["total"], {found["id"]: found["quantity"]})

    def cancel(self, order: str) -> None:
        self.shop.orders[int(order)]["status"] = "cancelled"

    def mark(self, order: str) -> tuple[str, str]:
        meta = [(each["key"], each["value"]) for each in self.shop.orders[int(order)]["meta_data"]]
        assert len(meta) == len(dict(meta)), "meta data was doubled"
        return dict(meta)["_purchase_status"], dict(meta)["_purchase_ref"]

    def parcels(self, order: str) -> list[str]:
        return [each["note"].split("number ")[1].split(":")[0] for each in self.shop.notes[int(order)]]

    def amounts(self, order: str) -> Amounts:
        found = self.shop.orders[int(order)]
        return Amounts(found["currency"], found["total"], PRICES[found["currency"]])

    def restart(self) -> None:
        self.shop.nonces.clear()

    def writes(self, request: Request) -> bool:
        return request.method != "GET"

    def lists(self, request: Request) -> bool:
        return request.path.endswith("/orders") and request.method == "GET"


class TestWooCommerce(SourceContract):
    @pytest.fixture
    def driver(self) -> Iterator[Driver]:
        shop = WooShop()
        with serving(shop) as running:
            yield WooDriver(shop, running.url)
        assert shop.damage == []
