"""Lines and parcels of a provider order: what a reading changes of them, and whether it has become dearer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, update

from autopurchase.domain.money import Money
from autopurchase.domain.provider_order import Parcel, ProviderLine, ProviderOrder, ProviderState, advance
from autopurchase.storage.database import alike
from autopurchase.storage.schema import parcel, provider_line


@dataclass(frozen=True, slots=True)
class Raised:
    """An unpaid order costs more than at the reading before. ``lines``: row ids of the lines that do."""

    number: str
    before_fen: int
    after_fen: int
    lines: frozenset[int] = frozenset()


def fen(amount: Money | None) -> int | None:
    """Amounts are kept in fen; one of another currency is not known in fen (the raw answer keeps it)."""
    return amount.minor if amount is not None and amount.currency == "CNY" else None


def raised(known: RowMapping, before: Mapping[str, RowMapping], reading: ProviderOrder) -> Raised | None:
    """Whether total or a line's amount has grown; amounts that are shares of a sum may differ by a rounding."""
    grown = [
        (before[item.provider_line_id], fen(item.amount) or 0)
        for item in reading.lines
        if item.provider_line_id in before and _dearer(before[item.provider_line_id], item)
    ]
    keys = frozenset(int(old["id"]) for old, _ in grown)
    total, now = known["total_fen"], fen(reading.total)
    if total is not None and now is not None and now > total:
        return Raised(reading.provider_order_id, total, now, keys)
    if not grown:
        return None
    was, is_now = sum(old["amount_fen"] for old, _ in grown), sum(fen for _, fen in grown)
    return Raised(reading.provider_order_id, was, is_now, keys)


def _dearer(old: RowMapping, item: ProviderLine) -> bool:
    known, now = old["amount_fen"], fen(item.amount)
    return known is not None and now is not None and now > known + item.quantity


_INSERT_LINE = insert(provider_line).returning(provider_line.c.provider_line_id, provider_line.c.id)


def store_lines(
    connection: Connection, order_id: int, lines: Sequence[ProviderLine], known: Mapping[str, RowMapping]
) -> tuple[dict[str, int], bool]:
    """Insert new lines, update changed ones: the row ids by the provider's line id, and whether anything changed."""
    ids = {number: int(row["id"]) for number, row in known.items()}
    changed = False
    new = []
    for item in lines:
        values = _line_values(item)
        old = known.get(item.provider_line_id)
        if old is None:
            named = {"order_id": order_id, "provider_line_id": item.provider_line_id, "state": item.state.value}
            new.append({**values, **named})
            continue
        values["state"] = advance(ProviderState(old["state"]), item.state).value
        if any(old[name] != value for name, value in values.items()):
            connection.execute(update(provider_line).where(provider_line.c.id == old["id"]).values(**values))
            changed = True
    for rows in alike(new):
        ids.update((number, key) for number, key in connection.execute(_INSERT_LINE, rows))
    return ids, changed or bool(new)


def _line_values(item: ProviderLine) -> dict[str, Any]:
    values = {
        "item_id": item.item_id,
        "sku_id": item.sku_id,
        "spec_id": item.spec_id,
        "quantity": item.quantity,
        "raw_status": item.raw_status,
        "close_reason": item.close_reason,
        "amount_fen": fen(item.amount),
        "title": item.title,
        "refund": item.refund,
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


def store_parcels(connection: Connection, order_id: int, reading: ProviderOrder, stored: Sequence[RowMapping]) -> bool:
    """Insert new parcels, update changed ones, mark those that are gone; whether anything changed."""
    known = {(row["carrier"], row["number"]): row for row in stored}
    changed = False
    for item in reading.parcels:
        old = known.pop((item.carrier, item.number), None)
        if old is None:
            values = {**_parcel_values(item), "state": item.state, "provider_line_ids": list(item.provider_line_ids)}
            connection.execute(
                insert(parcel).values(order_id=order_id, carrier=item.carrier, number=item.number, **values)
            )
            changed = True
            continue
        stated = _parcel_values(item)
        if any(old[name] != value for name, value in stated.items()):
            connection.execute(update(parcel).where(parcel.c.id == old["id"]).values(**stated))
            changed = True
    gone = [row["id"] for row in known.values() if not row["withdrawn"]]
    if reading.complete and reading.parcels and gone:  # a parcel that disappeared is kept and marked
        connection.execute(update(parcel).where(parcel.c.id.in_(gone)).values(withdrawn=True))
        changed = True
    return changed


def _parcel_values(item: Parcel) -> dict[str, Any]:
    """Columns the reading states: a list often tells that there is a parcel, and not where it is."""
    values = {
        "state": "" if item.state == "unknown" and not item.raw_status else item.state,
        "raw_status": item.raw_status,
        "shipped_at": item.shipped_at,
        "signed_at": item.signed_at,
        "provider_line_ids": list(item.provider_line_ids),
    }
    return {name: value for name, value in values.items() if value not in (None, "", [])} | {"withdrawn": False}
