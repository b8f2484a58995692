"""The contract, kept by the Medusa source before a real Medusa shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from autopurchase.ports import Source
from tests.sources.contract.driver import ALIBABA, Amounts, Driver, Want
from tests.sources.contract.suite import SourceContract, buyable
from tests.sources.stubs.server import Request
from tests.support.medusa import Item, MedusaShop, PlacedOrder
from tests.support.shop_goods import Product

#: the first test waits for the shop, which takes a minute on a busy machine
pytestmark = [pytest.mark.node, pytest.mark.postgres, pytest.mark.xdist_group("medusa"), pytest.mark.timeout(300)]

#: lines of one checkout have no order of their own there: the source sorts them by title
SKUS = ("contract-1", "contract-2")
PRICES = ({"usd": "33.33", "jpy": "1200", "eur": "0.07"}, {"usd": "12.10", "jpy": "555", "eur": "99999.99"})


@dataclass
class MedusaDriver:
    """Drives the shop. The first thing of an order says itself what it is, the second by its variant."""

    shop: MedusaShop
    url: str
    config: dict[str, str]
    secrets: tuple[str, ...]
    kind: str = "medusa"
    currencies: tuple[str, ...] = ("USD", "JPY", "EUR")
    placed: dict[str, PlacedOrder] = field(default_factory=dict)
    restarted: bool = False

    def place(self, wants: Sequence[Want], currency: str = "USD") -> str:
        return self._place(wants, currency)

    def place_unpaid(self, wants: Sequence[Want]) -> Sequence[str]:
        waiting, part = self._place(wants, capture=False), self._place(wants, capture=False)
        self.shop.capture(self.placed[part], Decimal("1.50"))
        return [waiting, part]

    def _place(self, wants: Sequence[Want], currency: str = "USD", *, capture: bool = True) -> str:
        assert all(want.link == ALIBABA for want in wants[1:])
        links = [{"source_url": want.link} if not number else {} for number, want in enumerate(wants)]
        items = [Item(sku, want.quantity, link) for sku, want, link in zip(SKUS, wants, links, strict=False)]
        if capture:
            order = self.shop.take_order(items, currency=currency.lower())
        else:
            order = self.shop.place_order(items, currency=currency.lower(), capture=False)
        self.placed[order.id] = order
        return order.id

    def settle(self, order: str) -> None:
        self.shop.capture(self.placed[order])

    def refund(self, order: str, amount: str) -> None:
        self.shop.refund(self.placed[order], Decimal(amount))

    def refund_all(self, order: str) -> None:
        self.shop.refund(self.placed[order])

    def cancel_line(self, order: str, line: str) -> None:
        self.shop.cancel_line(self.placed[order], line)

    def cancel(self, order: str) -> None:
        self.shop.cancel_order(self.placed[order])

    def mark(self, order: str) -> tuple[str, str]:
        found = self.shop.read_order(self.placed[order])["metadata"]
        return found["purchase_status"], found["purchase_ref"]

    def parcels(self, order: str) -> list[str]:
        parcels = self.shop.read_order(self.placed[order])["fulfillments"]
        sent = sorted((each for each in parcels if each["shipped_at"]), key=lambda each: each["shipped_at"])
        return [label["tracking_number"] for each in sent for label in each["labels"]]

    def amounts(self, order: str) -> Amounts:
        found = self.shop.read_order(self.placed[order])
        items = sorted(found["items"], key=lambda item: item["variant_sku"])
        prices = tuple(str(item["unit_price"]) for item in items)
        return Amounts(found["currency_code"].upper(), str(found["total"]), prices)

    def restart(self) -> None:
        """Once: all that it keeps is in its database, so a second time would show nothing more, and take as long."""
        if not self.restarted:
            self.shop.restart()
        self.restarted = True

    def writes(self, request: Request) -> bool:
        return request.method != "GET"

    def lists(self, request: Request) -> bool:
        return request.path == "/admin/orders" and request.method == "GET"


@pytest.fixture(scope="module")
def things(medusa: MedusaShop) -> None:
    """What the suite's customers buy."""
    for sku, prices in zip(SKUS, PRICES, strict=True):
        medusa.sell([Product(f"Thing {sku}", sku, prices["usd"], ALIBABA)], prices)


@pytest.fixture(scope="module")
def key(medusa: MedusaShop) -> str:
    return medusa.secret_key()


class TestMedusa(SourceContract):
    @pytest.fixture
    def driver(self, medusa: MedusaShop, things: None, key: str) -> Driver:
        return MedusaDriver(medusa, medusa.url, {"secret_key": key}, (key,))

    def test_a_cancelled_line_goes_and_the_rest_is_bought_under_its_old_number(
        self, driver: Driver, source: Source, order: str
    ) -> None:
        """The shop shows a line no more that was taken out of an order: the others keep their ids, not their places."""
        before = source.get(order)
        assert before is not None
        driver.cancel_line(order, before.lines[0].external_id)
        after = source.get(order)
        assert after is not None
        assert buyable(after)
        assert [(line.external_id, line.quantity) for line in after.lines] == [(before.lines[1].external_id, 2)]
