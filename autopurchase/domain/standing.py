"""Where a line stands in the figures: its pieces wanted, booked and bought, and since when. Pure.

``n = wanted − booked`` is a line's net need; the backlog is ``max(0, n)``, over-booked ``max(0, −n)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from autopurchase.domain.history import LineState
from autopurchase.domain.order import LineStatus, PurchaseState

#: parts of the backlog
PICKABLE, IN_PROGRESS, UNKNOWN, HELD = "pickable", "in progress", "unknown", "held"
#: cause of a line of which only a part is booked
PART_BOOKED = "part_booked"
#: what is recorded of a line whenever it differs from what was known; see `Facts`
NOW = "now"

_WAITS_FOR_CUSTOMER = frozenset({LineStatus.AWAITING_PAYMENT, LineStatus.PRICE_CONFIRMATION})
_CLOSED_LATER = frozenset({LineStatus.RETURNED_TO_VENDOR, LineStatus.IMPOSSIBLE_TO_DELIVER})
_FREE = frozenset({PurchaseState.READY, PurchaseState.PROBLEM})
_OPEN = _FREE | {PurchaseState.BOOKING}
PAID_THERE = frozenset({PurchaseState.BOUGHT, PurchaseState.SENT, PurchaseState.ARRIVED})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the tables say of a line and its order, beside its history."""

    quantity: int  # pieces sold
    open_quantity: int  # of these not sent to the customer
    ratio: int
    payable: bool
    order_state: str
    paid_minor: int
    refunded_minor: int
    gone: bool  # the shop took the line out of its order
    item: bool  # it is known what to buy
    provider: str
    seller: str
    reference: int | None  # fen for a piece when the customer paid
    paid_at: datetime | None


@dataclass(slots=True)
class Standing:
    """Where a line stands in the figures. Pieces are those to be bought, ``ratio`` for each one sold.

    None is ever changed: see `but`.
    """

    wants: int = 0  # pieces its order asks for, paid in full and not withdrawn
    quantity: int = 0  # pieces sold, as last known
    item: bool = False
    provider: str = ""
    seller: str = ""
    reference: int | None = None
    paid_at: datetime | None = None
    clock: datetime | None = None  # since when it is ready
    booked: int = 0
    bought: int = 0
    session: int | None = None  # of the booking under way
    operator: str = ""
    queued: int = 0  # pieces of the booking under way, and what they should cost
    goods: int = 0
    freight: int = 0
    bound: bool = False
    booked_at: datetime | None = None
    bought_at: datetime | None = None
    unknown_at: datetime | None = None
    tracked: bool = False
    attempts: int = 0  # since it was ready, or booked, last
    again: bool = False  # it was booked before since it is ready
    last: datetime | None = None  # of its last effect: none comes before it

    def as_json(self) -> dict[str, Any]:
        """What differs from a line nobody knows."""
        found = {}
        for name, default in _DEFAULTS.items():
            value = getattr(self, name)
            if value != default:
                found[name] = value.isoformat() if name in _TIMES else value
        return found

    def but(self, **changes: Any) -> Standing:
        """Another one that differs in these. By hand: `dataclasses.replace` takes ten times as long."""
        other = Standing.__new__(Standing)
        for name in _DEFAULTS:
            setattr(other, name, changes[name] if name in changes else getattr(self, name))
        return other

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Standing:
        """The reverse of `as_json`."""
        if not data:
            return cls()
        return cls(**read(data))


def read(data: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a standing as JSON keeps them."""
    return {name: moment_of(value) if name in _TIMES else value for name, value in data.items()}


def moment_of(text: Any) -> datetime | None:
    """A moment in ISO 8601; empty: none."""
    return datetime.fromisoformat(text) if text else None


_TIMES = frozenset({"paid_at", "clock", "booked_at", "bought_at", "unknown_at", "last"})
_DEFAULTS = {field.name: field.default for field in fields(Standing)}


@dataclass(frozen=True, slots=True)
class Levels:
    """What a line adds to the figures now. ``part``: which part of the backlog; ``cause``: why it is held."""

    part: str = ""
    cause: str = ""
    backlog: int = 0
    unpaid: int = 0
    excess: int = 0


def levels(standing: Standing, state: LineState) -> Levels:
    """What a line adds to the figures."""
    need = wanted(standing, state) - standing.booked
    part, cause = _part(standing, state) if need > 0 else ("", "")
    return Levels(part, cause, max(0, need), standing.booked - standing.bought, max(0, -need))


def _part(standing: Standing, state: LineState) -> tuple[str, str]:
    if standing.booked:
        return HELD, PART_BOOKED
    if state.purchase is PurchaseState.BOOKING:
        return (UNKNOWN if state.cause == "unknown_outcome" else IN_PROGRESS), ""
    if state.purchase is PurchaseState.READY and standing.item:
        return PICKABLE, ""
    return HELD, state.cause


def wanted(standing: Standing, state: LineState) -> int:
    """Pieces that should be bought; of a line that a person moved on without any booking, none."""
    if state.status is LineStatus.CANCELLED:
        return 0
    if state.status in _CLOSED_LATER:
        return standing.booked
    if standing.booked:
        return standing.wants
    if state.status in _WAITS_FOR_CUSTOMER or state.purchase not in _OPEN:
        return 0
    moved_on = state.purchase is PurchaseState.READY and state.status is not LineStatus.PAID
    return 0 if moved_on else standing.wants


def asked(facts: Facts, standing: Standing, purchase: PurchaseState) -> int:
    """Pieces the order asks for. What is sent to the customer is wanted as long as it is bought for them."""
    withdrawn = facts.gone or facts.order_state == "cancelled" or facts.refunded_minor >= facts.paid_minor > 0
    if withdrawn:
        return 0
    if purchase in _FREE:
        return facts.open_quantity * facts.ratio if facts.payable else 0
    sold = facts.quantity * facts.ratio
    return max(0, standing.wants + sold - standing.quantity) if standing.wants else sold


def news(facts: Facts, standing: Standing, purchase: PurchaseState) -> dict[str, Any]:
    """What of the facts differs from what is known: kept with the event, so that history alone tells everything."""
    seen = {
        "wants": asked(facts, standing, purchase),
        "quantity": facts.quantity * facts.ratio,
        "item": facts.item,
        "provider": facts.provider,
        "seller": facts.seller,
        "reference": facts.reference,
        "paid_at": facts.paid_at,
    }
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in seen.items()
        if value != getattr(standing, name)
    }
