"""The contract, kept by the Vendure source before a real shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from tests.sources.contract.driver import Amounts, Driver, Want
from tests.sources.contract.suite import SourceContract
from tests.sources.stubs.server import Request
from tests.support.shop import Item, PlacedOrder, Shop

GOODS = ("T1-1", "A1-1")
FULFILMENTS = "query ($id: ID!) { order(id: $id) { fulfillments { createdAt trackingCode } } }"


@dataclass
class VendureDriver:
    """Drives the shop as its customers and its administrator do. It sells in one currency, and has no other sign-in."""

    shop: Shop
    config: dict[str, str]
    kind: str = "vendure"
    url: str = ""
    secrets: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ("USD",)
    codes: dict[str, PlacedOrder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.url = self.shop.url
        self.secrets = (self.config["api_key"], self.config["api_key"].partition(":")[2])

    def place(self, wants: Sequence[Want], currency: str = "USD") -> str:
        return self._place(wants, settle=True)

    def place_unpaid(self, wants: Sequence[Want]) -> Sequence[str]:
        return [self._place(wants, settle=False) for _ in range(2)]

    def _place(self, wants: Sequence[Want], settle: bool) -> str:
        items = [Item(sku, want.quantity, {"sourceUrl": want.link}) for sku, want in zip(GOODS, wants, strict=False)]
        placed = self.shop.place_order(items, settle=settle)
        self.codes[placed.id] = placed
        return placed.id

    def settle(self, order: str) -> None:
        self.shop.settle(self.codes[order])

    def refund(self, order: str, amount: str) -> None:
        self.shop.refund_part(self.codes[order], int(Decimal(amount) * 100))

    def refund_all(self, order: str) -> None:
        self.shop.refund_full(self.codes[order])

    def cancel_line(self, order: str, line: str) -> None:
        self.shop.cancel_line(self.codes[order], line)

    def cancel(self, order: str) -> None:
        self.shop.cancel_order(self.codes[order])

    def mark(self, order: str) -> tuple[str, str]:
        fields = self.shop.read_order(self.codes[order])["customFields"]
        return fields["purchaseStatus"], fields["purchaseRef"]

    def parcels(self, order: str) -> list[str]:
        found = self.shop.admin(FULFILMENTS, id=order)["order"]["fulfillments"]
        return [each["trackingCode"] for each in sorted(found, key=lambda each: each["trackingCode"])]

    def amounts(self, order: str) -> Amounts:
        there = self.shop.read_order(self.codes[order])
        prices = {sku: variant["priceWithTax"] for sku, variant in self.shop.variants().items()}
        units = tuple(str(Decimal(prices[sku]) / 100) for sku in GOODS)
        return Amounts("USD", str(Decimal(there["totalWithTax"]) / 100), units)

    def restart(self) -> None:
        """The key is all there is to a sign-in."""

    def writes(self, request: Request) -> bool:
        return str(request.json["query"]).lstrip().startswith("mutation")

    def lists(self, request: Request) -> bool:
        return bool(request.json["variables"].get("o", {}).get("take", 1) > 1)


@pytest.fixture(scope="module")
def key(shop: Shop) -> str:
    return shop.api_key("ReadOrder", "UpdateOrder")


@pytest.mark.node
class TestVendure(SourceContract):
    @pytest.fixture
    def driver(self, shop: Shop, key: str) -> Driver:
        return VendureDriver(shop, {"api_key": key})
