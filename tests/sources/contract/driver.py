"""What the contract suite needs of a shop, so that one suite holds for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.sources.stubs.server import Request

TAOBAO = "https://item.taobao.com/item.htm?id=610000000001&skuId=4610000000011"
ALIBABA = "https://detail.1688.com/offer/620000000002.html"


@dataclass(frozen=True)
class Want:
    """What a customer puts into the cart; the shop decides the price."""

    link: str = TAOBAO
    quantity: int = 1


@dataclass(frozen=True)
class Amounts:
    """What the shop itself says of an order's money: decimal texts in major units."""

    currency: str
    total: str
    unit_prices: tuple[str, ...]


class Driver(Protocol):
    """A running shop, driven as its customers and its people drive it. Orders are named by the source's external id.

    ``config`` opens the source when ``base_url`` is added; ``secrets`` are its texts that nobody may see.
    """

    kind: str
    url: str
    config: dict[str, str]
    secrets: tuple[str, ...]
    currencies: tuple[str, ...]

    def place(self, wants: Sequence[Want], currency: str = "USD") -> str:
        """An order that is paid."""
        ...

    def place_unpaid(self, wants: Sequence[Want]) -> Sequence[str]:
        """Orders of every unpaid sort that the shop has: awaiting payment first, then cash on delivery and the like."""
        ...

    def settle(self, order: str) -> None:
        """The money of the order that awaited payment has come."""
        ...

    def refund(self, order: str, amount: str) -> None:
        """Give back money, and no line."""
        ...

    def refund_all(self, order: str) -> None:
        """Give back everything."""
        ...

    def cancel_line(self, order: str, line: str) -> None:
        """Cancel a line in full and give back what was paid for it, if the shop does that at once."""
        ...

    def cancel(self, order: str) -> None:
        """Cancel the order."""
        ...

    def mark(self, order: str) -> tuple[str, str]:
        """Status and reference that the shop's people see."""
        ...

    def parcels(self, order: str) -> list[str]:
        """Numbers of the parcels that the shop's people see, one entry a parcel."""
        ...

    def amounts(self, order: str) -> Amounts:
        """The order's money in the shop's own words."""
        ...

    def restart(self) -> None:
        """The shop forgets what it keeps in memory only: sign-ins."""
        ...

    def writes(self, request: Request) -> bool:
        """Whether a request changes something."""
        ...

    def lists(self, request: Request) -> bool:
        """Whether a request asks for a page of orders."""
        ...
