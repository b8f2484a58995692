"""Prices of the week's bookings against those when the customers paid, split exactly; and margins at risk.

``V = V_price + V_currency`` over what was booked with a reference price and known rates; freight beside it. Sources
tell no reference freight, so ``V_freight`` is the freight booked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from autopurchase.domain.money import digits
from autopurchase.reports.exact import Rates, share, yuan
from autopurchase.reports.model import Behind, Column, Sheet
from autopurchase.reports.week_data import Opens, Row, WeekData
from autopurchase.storage import movements

VARIANCE = (
    # reference, booked, variance, price, currency, freight, drift, after_booking, no_reference, no_rate
    Column("what", "Part"),
    Column("label", "Part"),
    Column("value", "Value", "money"),
    Column("share", "Of reference", "share"),
    Column("pieces", "Pieces", "pieces"),
)
MARGIN = (
    Column("number", "Line"),
    Column("session", "Session"),
    Column("seller", "Seller"),
    Column("pieces", "Pieces", "pieces"),
    Column("paid", "Customer pays", "money"),
    Column("cost", "Booked at", "money"),
    Column("margin", "Left", "share"),
)
_LABELS = {
    "reference": "Value at the customer's payment",
    "booked": "Value when booked",
    "variance": "Variance",
    "price": "by price",
    "currency": "by currency",
    "freight": "Freight, not in it",
    "drift": "Drift before booking",
    "after_booking": "Change after booking",
    "no_reference": "No reference price",
    "no_rate": "No rate",
}


@dataclass(slots=True)
class Variance:
    """Sums in the reporting currency, exact; pieces of each."""

    reference: Decimal = Decimal(0)
    booked: Decimal = Decimal(0)
    variance: Decimal = Decimal(0)
    price: Decimal = Decimal(0)
    currency: Decimal = Decimal(0)
    freight: Decimal = Decimal(0)
    after_booking: Decimal = Decimal(0)
    pieces: int = 0
    no_reference: int = 0
    no_rate: int = 0

    @property
    def drift(self) -> Decimal:
        """We waited, the price moved: what the price did before booking."""
        return self.price


@dataclass(frozen=True, slots=True)
class Parts:
    """One booking's parts of the variance, or why it has none."""

    reference: Decimal
    booked: Decimal
    price: Decimal
    currency: Decimal
    freight: Decimal


def parts_of(row: Row, rates: Rates) -> Parts | str:
    """The split of one booked movement; ``no_reference`` or ``no_rate`` where it cannot be made."""
    if row["reference_fen"] is None:
        return "no_reference"
    before, then = rates.on(row["ref_day"]), rates.on(row["day"])
    if before is None or then is None:
        return "no_rate"
    return _parts(row["goods_fen"], row["reference_fen"], row["freight_fen"], before, then)


def _parts(goods_fen: int, reference_fen: int, freight_fen: int, before: Decimal, then: Decimal) -> Parts:
    goods, reference = yuan(goods_fen), yuan(reference_fen)
    return Parts(
        reference=reference * before,
        booked=goods * then,
        price=(goods - reference) * before,
        currency=goods * (then - before),
        freight=yuan(freight_fen) * then,
    )


def sum_up(rows: Iterable[Row], rates: Rates) -> Variance:
    """The variance of what was booked, of rows of `movements.prices`: whole fen by the days whose rates they have."""
    found = Variance()
    booked: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if row["blind"]:
            found.no_reference += row["pieces"]
            continue
        held = booked.setdefault((row["ref_day"], row["day"]), [0, 0, 0, 0])
        for place, name in enumerate(("pieces", "goods_fen", "reference_fen", "freight_fen")):
            held[place] += row[name]
    for (before, then), sums in booked.items():
        _booked(found, sums, rates.on(before), rates.on(then))
    return found


def _booked(found: Variance, sums: list[int], before: Decimal | None, then: Decimal | None) -> None:
    pieces, goods, reference, freight = sums
    if before is None or then is None:
        found.no_rate += pieces
        return
    parts = _parts(goods, reference, freight, before, then)
    found.pieces += pieces
    for field in fields(parts):
        setattr(found, field.name, getattr(found, field.name) + getattr(parts, field.name))
    found.variance += parts.booked - parts.reference


def after_booking(row: Row, rates: Rates) -> Decimal | None:
    """What a bought movement cost more than when it was booked."""
    booked: datetime | None = row["booked_at"]
    if row["booked_fen"] is None or booked is None:
        return None
    return rates.value(row["goods_fen"] - row["booked_fen"], booked.date().isoformat())


def variance(data: WeekData) -> Sheet:
    """The parts of the variance; when rounded ones do not add up, the total is right and the sheet says so."""
    found = sum_up(data.prices, data.rates)
    for booked_at, fen in movements.dearer(data.tx, data.span, data.scope):
        found.after_booking += data.rates.value(fen, booked_at.date().isoformat()) or 0
    names = ("reference", "booked", "variance", "price", "currency", "freight", "drift", "after_booking")
    counted = {"after_booking": data.of("bought").pieces}
    rows: list[tuple[Any, ...]] = []
    opens: Opens = {}
    for name in names:
        value = getattr(found, name)
        opens[len(rows), "value"] = behind = _behind(data, name)
        opens[len(rows), "pieces"] = _pieces_behind(data, name, behind)
        pieces = counted.get(name, found.pieces)
        rows.append((name, _LABELS[name], data.money(value), share(value, found.reference), pieces))
    for name in ("no_reference", "no_rate"):
        opens[len(rows), "pieces"] = data.opens("pieces", kind="booked", **{name: True})
        rows.append((name, _LABELS[name], None, None, getattr(found, name)))
    total = data.money(found.variance)
    note = "" if data.money(found.price) + data.money(found.currency) == total else "rounded"
    return Sheet("variance", "Price against the customer's payment", VARIANCE, rows, opens, note=note)


def _behind(data: WeekData, name: str) -> Behind:
    kind = "bought" if name == "after_booking" else "booked"
    return data.opens("amount", kind=kind, part="price" if name == "drift" else name)


def _pieces_behind(data: WeekData, name: str, behind: Behind) -> Behind:
    return data.opens("pieces", kind="bought") if name == "after_booking" else behind.of_all("pieces")


def margin(data: WeekData) -> Sheet:
    """Lines of which too little of the customer's price is left, dearest first."""
    risky = []
    for row in movements.priced(data.tx, data.span, data.scope):
        found = _margin(row, data)
        if found is not None and found[2] < data.basis.margin:
            risky.append((row, found))
    rows = [
        (row["number"], data.names.session(row["session_id"]), row["seller_name"] or row["seller_id"], row["pieces"],
         data.money(paid), data.money(cost), left)
        for row, (paid, cost, left) in sorted(risky, key=lambda item: (item[1][2], item[0]["number"]))
    ]  # fmt: skip
    return Sheet("margin", "Margin at risk", MARGIN, rows)


def _margin(row: Row, data: WeekData) -> tuple[Decimal, Decimal, Decimal] | None:
    """(customer's price, cost, share left) of one booking; None where a rate is missing."""
    then, before = data.rates.on(row["day"]), data.rates.on(row["ref_day"])
    own = "1" if row["currency"] == "CNY" else row["rate"]
    if not own or then is None or before is None:
        return None
    price = Decimal(row["unit_price_minor"]).scaleb(-digits(row["currency"])) * row["pieces"] / row["ratio"]
    paid, cost = price * Decimal(own) * before, yuan(row["goods_fen"]) * then
    left = share(paid - cost, paid)
    return None if left is None else (paid, cost, left)
