"""Provider orders: the marketplace's own orders in one vocabulary (states, ranks, close reasons, parcels)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autopurchase.domain.causes import CLOSE_CAUSES
from autopurchase.domain.money import Money
from autopurchase.domain.order import PurchaseState


class ProviderState(StrEnum):
    """Unified state of a provider order or of one of its lines."""

    UNPAID = "unpaid"
    PAID = "paid"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CLOSED = "closed"
    UNKNOWN = "unknown"  # a raw word that is in no table: kept raw, moves nothing


RANK: dict[ProviderState, int] = {
    ProviderState.UNPAID: 1,
    ProviderState.PAID: 2,
    ProviderState.PARTLY_SHIPPED: 3,
    ProviderState.SHIPPED: 4,
    ProviderState.DELIVERED: 5,
    ProviderState.COMPLETED: 6,
}
FINAL_STATES = frozenset({ProviderState.COMPLETED, ProviderState.CLOSED})

_PURCHASE: dict[ProviderState, PurchaseState] = {
    ProviderState.UNPAID: PurchaseState.BOOKED,
    ProviderState.PAID: PurchaseState.BOUGHT,
    ProviderState.PARTLY_SHIPPED: PurchaseState.BOUGHT,
    ProviderState.SHIPPED: PurchaseState.SENT,
    ProviderState.DELIVERED: PurchaseState.ARRIVED,
    ProviderState.COMPLETED: PurchaseState.ARRIVED,
    ProviderState.CLOSED: PurchaseState.PROBLEM,
}


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel. ``state``: waiting, picked_up, moving, signed, returned, cancelled, problem, unknown."""

    carrier: str
    number: str
    state: str = "unknown"
    raw_status: str = ""
    shipped_at: datetime | None = None
    signed_at: datetime | None = None
    provider_line_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """One line of a provider order. Money in CNY; ``amount`` is the line total without freight."""

    provider_line_id: str
    item_id: str
    sku_id: str = ""
    spec_id: str = ""
    quantity: int = 1
    state: ProviderState = ProviderState.UNKNOWN
    raw_status: str = ""
    close_reason: str = ""
    amount: Money | None = None
    title: str = ""
    refund: str = "none"


@dataclass(frozen=True, slots=True)
class ProviderOrder:
    """One reading of a provider order. Times are aware UTC. ``raw`` is the redacted answer as JSON text.

    ``reference`` is our out_order_id where the reading shows it (None: this reading cannot tell);
    ``complete`` says whether the reading is as rich as a detail call (lists of some providers are poorer).
    """

    provider_order_id: str
    state: ProviderState
    raw_status: str
    number_shown: str = ""
    reference: str | None = None
    close_reason: str = ""
    payable: bool = False
    total: Money | None = None
    freight: Money | None = None
    seller_id: str = ""
    seller_name: str = ""
    created_at: datetime | None = None
    modified_at: datetime | None = None
    paid_at: datetime | None = None
    pay_deadline: datetime | None = None
    deadline_assumed: bool = False
    lines: tuple[ProviderLine, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    pay_url: str = ""
    complete: bool = True
    raw: str = ""


def state_from_lines(main: ProviderState, lines: Sequence[ProviderState]) -> ProviderState:
    """State of an order from its lines; the main status decides only where they say nothing (mapping 2.3)."""
    if not lines:
        return main
    if all(state is ProviderState.CLOSED for state in lines):
        return ProviderState.CLOSED
    live = [state for state in lines if state is not ProviderState.CLOSED]
    if main in FINAL_STATES:
        return main
    if ProviderState.UNKNOWN in live:
        return main
    ranks = [RANK[state] for state in live]
    if min(ranks) >= RANK[ProviderState.COMPLETED]:
        return ProviderState.COMPLETED
    if min(ranks) >= RANK[ProviderState.DELIVERED]:
        return ProviderState.DELIVERED
    if min(ranks) >= RANK[ProviderState.SHIPPED]:
        return ProviderState.SHIPPED
    if max(ranks) >= RANK[ProviderState.PARTLY_SHIPPED]:
        return ProviderState.PARTLY_SHIPPED
    return ProviderState.PAID if min(ranks) >= RANK[ProviderState.PAID] else ProviderState.UNPAID


def advance(known: ProviderState | None, seen: ProviderState) -> ProviderState:
    """The state to keep: unknown words and lower ranks move nothing; closed ends any non-final state."""
    if known is None or known is ProviderState.UNKNOWN:
        return seen
    if seen is ProviderState.UNKNOWN or known in FINAL_STATES:
        return known
    if seen is ProviderState.CLOSED or RANK[seen] > RANK[known]:
        return seen
    return known


def purchase_state(state: ProviderState, close_reason: str) -> tuple[PurchaseState, str] | None:
    """(purchase state of the line, cause) for a provider state; None when the state says nothing."""
    if state is ProviderState.UNKNOWN:
        return None
    reason = CLOSE_CAUSES.get(close_reason, "closed_other") if state is ProviderState.CLOSED else ""
    return _PURCHASE[state], reason
