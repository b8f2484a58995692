"""What a source says of a customer's order, in one vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from autopurchase.domain.money import Money


@dataclass(frozen=True, slots=True)
class ShopLine:
    """One item. ``quantity`` ordered; ``open_quantity`` = ordered - cancelled - fulfilled - returned.

    ``line_no`` is 1, 2, … inside the order; ``external_id`` the source's own id of the line. ``product_key`` is the
    source's stable id of what was sold (its variant's id or sku): a mapping says what to buy for it. Where the source
    itself cannot say what to buy, ``provider`` and ``item_id`` are empty and ``unclear`` is the sentence that says why.
    """

    external_id: str
    line_no: int
    provider: str
    item_id: str
    quantity: int
    open_quantity: int
    unit_price: Money
    sku_id: str = ""
    spec_id: str = ""
    title: str = ""
    configuration: str = ""
    configuration_original: str = ""
    reference_price: Money | None = None
    seller_id: str = ""
    seller_name: str = ""
    weight_grams: int | None = None
    item_url: str = ""
    photo_url: str = ""
    customer_comment: str = ""
    status: str = ""
    product_key: str = ""
    unclear: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShopOrder:
    """One order as the source shows it now. ``state``: open, cancelled, closed. Times are aware UTC."""

    external_id: str
    number: str
    state: str
    currency: str
    total: Money
    paid: Money
    refunded: Money
    created_at: datetime
    paid_at: datetime | None = None
    customer: str = ""
    goods_total: Money | None = None
    delivery_cost: Money | None = None
    delivery_service: str = ""
    ship_to: Mapping[str, str] = field(default_factory=dict)
    change_token: str = ""
    lines: tuple[ShopLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """Input that could not be taken: where it stood, why, and the row itself, so that nothing is lost."""

    position: str
    reason: str
    row: Mapping[str, str]


def paid_in_full(order: ShopOrder) -> bool:
    """Open, worth something, and paid minus refunded covers the total."""
    return order.state == "open" and order.paid - order.refunded >= order.total and order.total.minor > 0


def hold_reason(order: ShopOrder) -> str:
    """Cause for which no line of the order may be bought now, or ``""`` (order-sources: buyable)."""
    if paid_in_full(order):
        return ""
    if order.state == "open" and order.refunded.minor > 0 and order.paid >= order.total > order.paid - order.refunded:
        return "partial_refund" if order.refunded < order.paid else "not_payable"
    return "not_payable"
