"""Plans: which lines go into which purchase, at which price seen, and the hash that freezes it. Pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from autopurchase.domain.money import Money


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How a plan is made.

    ``merge_by_seller``: lines of several customer orders share a purchase; else one customer order per purchase.
    ``tolerance`` / ``total_tolerance``: allowed rise over the price the customer paid for, as a fraction, per line and
    in total (None: no limit). ``accept_prices``: a person has seen the new prices and takes them.
    """

    merge_by_seller: bool = False
    tolerance: Decimal | None = Decimal("0.05")
    total_tolerance: Decimal | None = None
    accept_prices: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, for storing with the plan."""
        return {
            "merge_by_seller": self.merge_by_seller,
            "tolerance": None if self.tolerance is None else str(self.tolerance),
            "total_tolerance": None if self.total_tolerance is None else str(self.total_tolerance),
            "accept_prices": self.accept_prices,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PlanOptions:
        """The reverse of `as_json`."""
        fractions = {
            name: None if data[name] is None else Decimal(data[name]) for name in ("tolerance", "total_tolerance")
        }
        return cls(merge_by_seller=data["merge_by_seller"], accept_prices=data["accept_prices"], **fractions)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ready line as the plan sees it. ``seen`` is the unit price (CNY) the customer's price was made from.

    ``quantity``: pieces to buy, ``ratio`` for each one sold. ``paid``: what the customer pays for them; ``rate``: CNY
    for one unit of its currency as decimal text, empty when none was known.
    """

    number: str
    version: int
    order_id: int
    order_number: str
    item_id: str
    sku_id: str
    spec_id: str
    title: str
    configuration: str
    quantity: int
    seller_id: str
    seller_name: str
    seen: Money | None
    configuration_shown: str = ""
    configuration_original: str = ""
    ratio: int = 1
    paid: Money | None = None
    rate: str = ""


def margin(item: Candidate, cost: Money) -> tuple[int | None, str]:
    """What is left in fen of the customer's price after ``cost`` (CNY, goods alone); else None and why."""
    if item.paid is None:
        return None, "no price"
    if not item.rate:
        return None, f"no rate for {item.paid.currency}"
    worth = (item.paid.decimal() * Decimal(item.rate)).scaleb(2).to_integral_value(ROUND_HALF_UP)
    return int(worth) - cost.minor, ""


def group(lines: Sequence[Candidate], *, merge_by_seller: bool, max_skus: int) -> list[list[Candidate]]:
    """Lines of one purchase each: one seller, one customer order unless merged, at most ``max_skus`` SKUs (0: any).

    A line without a seller is a purchase of its own item: lines of unknown sellers are never mixed.
    """
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for item in lines:
        seller = item.seller_id or f"item:{item.item_id}"
        groups.setdefault((seller, "" if merge_by_seller else item.order_number), []).append(item)
    return [part for found in groups.values() for part in _split(found, max_skus)]


def _split(lines: list[Candidate], max_skus: int) -> Iterable[list[Candidate]]:
    """Parts with at most ``max_skus`` different SKUs, lines of one SKU kept together."""
    if not max_skus:
        return [lines]
    parts: list[list[Candidate]] = []
    skus: set[tuple[str, str, str]] = set()
    for item in sorted(lines, key=_sku):
        if not parts or (_sku(item) not in skus and len(skus) == max_skus):
            parts.append([])
            skus = set()
        parts[-1].append(item)
        skus.add(_sku(item))
    return parts


def _sku(item: Candidate) -> tuple[str, str, str]:
    return item.item_id, item.sku_id, item.spec_id


def over_tolerance(seen: Money | None, now: Money, tolerance: Decimal | None) -> bool:
    """Whether ``now`` exceeds ``seen`` by more than the fraction; without a price seen nothing can be compared."""
    if seen is None or tolerance is None:
        return False
    limit = (Decimal(seen.minor) * (1 + tolerance)).to_integral_value(ROUND_HALF_UP)
    return now.minor > int(limit)


def plan_hash(session: str, purchases: Sequence[dict[str, Any]]) -> str:
    """Hash of what would be sent: the same purchases, prices and line versions give the same hash."""
    text = json.dumps([session, purchases], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
