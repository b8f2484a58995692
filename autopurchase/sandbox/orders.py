"""An order of the market and what can happen to it. No protocol words here."""

from dataclasses import dataclass, field
from typing import Any

# A line climbs this ladder; `closed` ends it from any step.
LADDER = ("building", "unpaid", "paid", "shipped", "delivered", "completed")
RANK = {state: rank for rank, state in enumerate(LADDER)}
CLOSE_REASONS = ("timeout", "buyer", "seller", "seller_lack", "platform", "refunded", "build_failed")


@dataclass
class Line:
    """One SKU of an order. Money in fen; `amount` is the line total after discount, without freight."""

    id: int
    item_id: str
    sku_id: str
    quantity: int
    list_price: int
    amount: int
    line_no: str = ""
    postage: int = 0
    state: str = "unpaid"
    error_code: str = ""
    error_message: str = ""


@dataclass
class Parcel:
    """A waybill with the lines inside it."""

    id: str
    number: str
    carrier: int
    line_ids: list[int]
    shipped_at: int
    signed_at: int = 0


@dataclass
class Order:
    """One order at one seller. Times in milliseconds, 0 = not yet."""

    id: int
    market: str
    account: str
    reference: str
    seller_id: str
    created: int
    modified: int
    deadline: int
    lines: list[Line]
    parcels: list[Parcel] = field(default_factory=list)
    receiver: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)  # words of the buyer that come back in reads
    due: list[list[Any]] = field(default_factory=list)  # [when, action, line ids]
    freight: int = 0
    paid_at: int = 0
    signed_at: int = 0
    completed_at: int = 0
    closed_at: int = 0
    close_reason: str = ""
    visible_from: int = 0
    odd_status: str = ""  # a raw status word shown instead of the right one
    lag_ms: int = 0  # how long the main status stays behind its lines
    status: str = "unpaid"
    status_before: str = ""
    status_since: int = 0

    @property
    def goods(self) -> int:
        """Goods total of the order, fen."""
        return sum(line.amount for line in self.lines)

    @property
    def total(self) -> int:
        """Goods and freight, fen."""
        return self.goods + self.freight

    def live(self) -> list[Line]:
        """The lines that are not closed."""
        return [line for line in self.lines if line.state != "closed"]

    def shown_status(self, now: int) -> str:
        """The main status as a reader sees it: late by `lag_ms` where that is set."""
        if self.lag_ms and self.status_before and now < self.status_since + self.lag_ms:
            return self.status_before
        return self.status

    def to_doc(self) -> dict[str, Any]:
        """A plain document for the store."""
        return {**vars(self), "lines": [vars(x) for x in self.lines], "parcels": [vars(x) for x in self.parcels]}

    @classmethod
    def from_doc(cls, doc: dict[str, Any]) -> "Order":
        """The order back from its document."""
        return cls(
            **{**doc, "lines": [Line(**x) for x in doc["lines"]], "parcels": [Parcel(**x) for x in doc["parcels"]]}
        )


def touch(order: Order, now: int) -> None:
    """Write down that something changed: modification time and main status."""
    order.modified = max(now, order.modified)
    live = order.live()
    status = LADDER[min(RANK[line.state] for line in live)] if live else "closed"
    if status != order.status:
        order.status_before, order.status, order.status_since = order.status, status, now


def ready_to_pay(order: Order) -> bool:
    """Is the order open and unpaid?"""
    return order.status == "unpaid" and not order.paid_at


def pay(order: Order, now: int) -> bool:
    """Take the money. False when there is nothing to pay."""
    if not ready_to_pay(order):
        return False
    order.paid_at = now
    _move(order.live(), "paid")
    touch(order, now)
    return True


def ship(order: Order, parcel: Parcel, now: int) -> bool:
    """Send the parcel's lines. False when none of them waits for shipping."""
    waiting = [line for line in order.live() if line.id in parcel.line_ids and line.state == "paid"]
    if not waiting:
        return False
    parcel.line_ids = [line.id for line in waiting]
    order.parcels.append(parcel)
    _move(waiting, "shipped")
    touch(order, now)
    return True


def sign(order: Order, now: int) -> bool:
    """Every parcel on its way arrives. False when none is."""
    moving = [line for line in order.live() if line.state == "shipped"]
    if not moving:
        return False
    for parcel in order.parcels:
        parcel.signed_at = parcel.signed_at or now
    order.signed_at = now
    _move(moving, "delivered")
    touch(order, now)
    return True


def complete(order: Order, now: int) -> bool:
    """Finish the trade after everything arrived."""
    if order.status != "delivered":
        return False
    order.completed_at = now
    _move(order.live(), "completed")
    touch(order, now)
    return True


def close(order: Order, reason: str, now: int, line_ids: list[int] | None = None) -> bool:
    """Close the order, or only these lines of it. False when nothing was open."""
    closing = [line for line in order.live() if not line_ids or line.id in line_ids]
    closing = [line for line in closing if line.state != "completed"]
    if not closing:
        return False
    _move(closing, "closed")
    if not order.live():
        order.close_reason, order.closed_at = reason, now
    touch(order, now)
    return True


def change_amount(order: Order, total: int, now: int) -> bool:
    """The seller changes what is to be paid (fen, freight included), while unpaid."""
    if order.paid_at or order.status not in ("unpaid", "building") or total < order.freight:
        return False
    order.lines[0].amount += total - order.total
    touch(order, now)
    return True


def shift(order: Order, ms: int) -> None:
    """Let everything that happened have happened `ms` earlier; what is still to come stays."""
    for name in ("created", "modified", "paid_at", "signed_at", "completed_at", "closed_at", "status_since"):
        setattr(order, name, max(getattr(order, name) - ms, 0))
    for parcel in order.parcels:
        parcel.shipped_at -= ms
        parcel.signed_at = max(parcel.signed_at - ms, 0)


def _move(lines: list[Line], state: str) -> None:
    for line in lines:
        line.state = state
