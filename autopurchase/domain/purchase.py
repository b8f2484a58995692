"""One purchase: what a single create call asks for, its preview, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from autopurchase.domain.money import Money
from autopurchase.domain.session import Address


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    """One line to buy. ``number`` is ours (``53-1``), unique inside a purchase.

    ``price`` is the unit price to order at (CNY, from the preview); ``prepared`` holds ids the provider resolved at
    preview (for example distribution ids) and is handed back to it at create.
    """

    number: str
    item_id: str
    quantity: int
    sku_id: str = ""
    spec_id: str = ""
    title: str = ""
    remark: str = ""
    price: Money | None = None
    prepared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Purchase:
    """Lines of one seller to one address. ``prepared`` is the provider's own (flow, trade type), from its preview."""

    seller_id: str
    ship_to: Address
    lines: tuple[PurchaseLine, ...]
    remark: str = ""
    total: Money | None = None
    prepared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """What the provider says of a line now. ``cause``: empty when it can be bought; ``price``: per unit.

    ``words``: title and configuration in the provider's own words, where the preview tells them.
    """

    number: str
    price: Money | None = None
    amount: Money | None = None
    stock: int | None = None
    cause: str = ""
    text: str = ""
    words: str = ""
    prepared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderIds:
    """The ids under which a marketplace's orders show an item: not everywhere those of its page."""

    item_id: str
    sku_id: str = ""
    spec_id: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """A checked purchase: goods, freight and total in CNY now; ``prepared`` goes back to the provider at create."""

    lines: tuple[PreviewLine, ...]
    goods: Money | None = None
    freight: Money | None = None
    total: Money | None = None
    warnings: tuple[str, ...] = ()
    prepared: Mapping[str, str] = field(default_factory=dict)
    raw: str = ""


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line inside a placed order: our number where the provider echoes it, else its ids for matching."""

    number: str
    provider_line_id: str = ""
    item_id: str = ""
    sku_id: str = ""
    spec_id: str = ""
    quantity: int = 0
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """A provider order that a create call made."""

    provider_order_id: str
    total: Money | None = None
    freight: Money | None = None
    lines: tuple[PlacedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that the create call left out."""

    number: str
    cause: str
    text: str


@dataclass(frozen=True, slots=True)
class Placed:
    """Outcome of a create call that made at least one order."""

    orders: tuple[PlacedOrder, ...]
    refused: tuple[RefusedLine, ...] = ()
    pay_url: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Answer to a cancel: ``done`` False means accepted, the outcome must be read back."""

    provider_order_id: str
    done: bool
    raw: str = ""


@dataclass(frozen=True, slots=True)
class PayLink:
    """A page where a person pays ``provider_order_ids`` together; ``failed`` could not be put on it."""

    url: str
    provider_order_ids: tuple[str, ...]
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """Who a session is at the provider."""

    login: str
    account_id: str
    checked_at: datetime
    details: Mapping[str, str] = field(default_factory=dict)
