"""The contract, kept by the OTAPI source before a shop that ends sessions and checks signatures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from autopurchase.sources.links import resolve
from autopurchase.sources.otapi import comments
from tests.sources.contract.driver import Amounts, Driver, Want
from tests.sources.contract.suite import SourceContract
from tests.sources.stubs.otapi import KEY, LOGIN, PASSWORD, SESSION, OtShop
from tests.sources.stubs.server import Request, serving

PRICES = {"USD": ("33.33", "12.10"), "JPY": ("1200", "555"), "EUR": ("0.07", "99999.99")}
SECRET = "s3cr3t-part-of-the-key"


@dataclass
class OtDriver:
    """Drives the stub."""

    shop: OtShop
    url: str
    kind: str = "otapi"
    config: dict[str, str] = field(
        default_factory=lambda: {
            "instance_key": KEY,
            "user_login": LOGIN,
            "user_password": PASSWORD,
            "secret": SECRET,
        }
    )
    secrets: tuple[str, ...] = (KEY, PASSWORD, SECRET, f"{SESSION}-1")
    currencies: tuple[str, ...] = ("USD", "JPY", "EUR")

    def place(self, wants: Sequence[Want], currency: str = "USD") -> str:
        return self.shop.place(_lines(wants, currency), currency)

    def place_unpaid(self, wants: Sequence[Want]) -> Sequence[str]:
        return [self.shop.place(_lines(wants, "USD"), paid=False) for _ in range(2)]

    def settle(self, order: str) -> None:
        self.shop.orders[order] |= {"RemainAmount": Decimal(0), "StatusCode": "30"}

    def refund(self, order: str, amount: str) -> None:
        """Money given back goes to the customer's account: the order is no longer paid in full."""
        self.shop.orders[order]["RemainAmount"] += Decimal(amount)

    def refund_all(self, order: str) -> None:
        self.shop.orders[order]["RemainAmount"] = self.shop.orders[order]["TotalAmount"]

    def cancel_line(self, order: str, line: str) -> None:
        found = next(each for each in self.shop.lines[order] if each["Id"] == line)
        found["StatusId"] = 12
        self.shop.orders[order]["TotalAmount"] -= Decimal(str(found["Price"])) * found["Quantity"]

    def cancel(self, order: str) -> None:
        self.shop.orders[order]["StatusCode"] = "50"

    def mark(self, order: str) -> tuple[str, str]:
        (found,) = {comments.mark(each["OperatorComment"]) for each in self.shop.lines[order]}
        return found

    def parcels(self, order: str) -> list[str]:
        found = [
            parcel.number for each in self.shop.lines[order] for parcel in comments.parcels(each["OperatorComment"])
        ]
        return sorted(set(found))

    def amounts(self, order: str) -> Amounts:
        info = self.shop.orders[order]
        return Amounts(info["CurrencyCode"], str(info["TotalAmount"]), PRICES[info["CurrencyCode"]])

    def restart(self) -> None:
        self.shop.sessions.clear()

    def writes(self, request: Request) -> bool:
        return request.path.endswith(("/PurchaseItems", "/UpdateOrderLinesForOperator"))

    def lists(self, request: Request) -> bool:
        return request.path.endswith("/SearchOrders")


def _lines(wants: Sequence[Want], currency: str) -> list[dict[str, Any]]:
    return [
        {"ItemId": _item_id(want), "Quantity": want.quantity, "Price": Decimal(price), **_sku(want)}
        for want, price in zip(wants, PRICES[currency], strict=False)
    ]


def _item_id(want: Want) -> str:
    item = resolve(want.link)
    return f"abb-{item.item_id}" if item.provider == "alibaba1688" else item.item_id


def _sku(want: Want) -> dict[str, str]:
    sku = parse_qs(urlsplit(want.link).query).get("skuId")
    return {"ConfigurationId": sku[0]} if sku else {}


class TestOtapi(SourceContract):
    @pytest.fixture
    def driver(self) -> Iterator[Driver]:
        shop = OtShop(secret=SECRET)
        with serving(shop) as running:
            yield OtDriver(shop, running.url)
        assert shop.damage == []
