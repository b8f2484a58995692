"""Provider orders as last read, their lines and parcels; and what each reading changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from autopurchase.domain.money import Money
from autopurchase.domain.provider_order import FINAL_STATES, Parcel, ProviderLine, ProviderOrder, ProviderState, advance
from autopurchase.storage.database import insert_new
from autopurchase.storage.schema import booking, booking_line, line, parcel, provider_line, provider_order

_FINAL = [state.value for state in FINAL_STATES]


@dataclass(frozen=True, slots=True)
class Raised:
    """An unpaid order costs more than at the reading before. ``lines``: row ids of the lines that do."""

    number: str
    before_fen: int
    after_fen: int
    lines: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored reading: row ids, the state it is in now, whether it changed anything, and made it dearer."""

    id: int
    line_ids: dict[str, int]
    booking_id: int | None
    state: ProviderState
    changed: bool
    raised: Raised | None = None


def store(
    connection: Connection, session_id: int, reading: ProviderOrder, now: datetime, booking_id: int | None = None
) -> Stored:
    """Insert or update one provider order from a reading; older or poorer readings never take knowledge away."""
    number = reading.provider_order_id
    known = by_number(connection, session_id, number) if booking_id is None else None  # one just placed is new
    key = _insert(connection, session_id, reading, now, booking_id) if known is None else None
    if key is not None:
        line_ids, _ = _store_lines(connection, key, reading.lines, {})
        _store_parcels(connection, key, reading.parcels, reading.complete, new=True)
        return Stored(key, line_ids, booking_id, reading.state, changed=True)
    known = known or by_number(connection, session_id, number)
    assert known is not None  # noqa: S101 - the insert found it there
    if _older(known, reading):
        return _bind_only(connection, known, booking_id)
    before = {row["provider_line_id"]: row for row in lines_of(connection, known["id"])}
    changed = _update(connection, known, reading, now, booking_id)
    line_ids, lines_changed = _store_lines(connection, known["id"], reading.lines, before)
    parcels_changed = _store_parcels(connection, known["id"], reading.parcels, reading.complete)
    state = advance(ProviderState(known["state"]), reading.state)
    owner = booking_id or known["booking_id"]
    raised = _raised(known, before, reading) if state is ProviderState.UNPAID else None
    return Stored(known["id"], line_ids, owner, state, changed or lines_changed or parcels_changed, raised)


def _older(known: RowMapping, reading: ProviderOrder) -> bool:
    """Facts are ordered by the provider's own time, not by arrival."""
    return bool(reading.modified_at and known["modified_at"] and reading.modified_at < known["modified_at"])


def _bind_only(connection: Connection, known: RowMapping, booking_id: int | None) -> Stored:
    """An older reading adds no facts, but whose order it is."""
    if booking_id is not None:
        statement = update(provider_order).where(provider_order.c.id == known["id"]).values(booking_id=booking_id)
        connection.execute(statement)
    ids = {row["provider_line_id"]: int(row["id"]) for row in lines_of(connection, known["id"])}
    owner = booking_id or known["booking_id"]
    return Stored(known["id"], ids, owner, ProviderState(known["state"]), changed=owner != known["booking_id"])


def _raised(known: RowMapping, before: Mapping[str, RowMapping], reading: ProviderOrder) -> Raised | None:
    """Whether total or a line's amount has grown; amounts that are shares of a sum may differ by a rounding."""
    grown = [
        (before[item.provider_line_id], _fen(item.amount) or 0)
        for item in reading.lines
        if item.provider_line_id in before and _dearer(before[item.provider_line_id], item)
    ]
    keys = frozenset(int(old["id"]) for old, _ in grown)
    total, now = known["total_fen"], _fen(reading.total)
    if total is not None and now is not None and now > total:
        return Raised(reading.provider_order_id, total, now, keys)
    if not grown:
        return None
    was, is_now = sum(old["amount_fen"] for old, _ in grown), sum(fen for _, fen in grown)
    return Raised(reading.provider_order_id, was, is_now, keys)


def _dearer(old: RowMapping, item: ProviderLine) -> bool:
    known, now = old["amount_fen"], _fen(item.amount)
    return known is not None and now is not None and now > known + item.quantity


def by_number(connection: Connection, session_id: int, number: str) -> RowMapping | None:
    """The stored provider order of this marketplace number."""
    query = (
        select(provider_order)
        .where(provider_order.c.session_id == session_id, provider_order.c.provider_order_id == number)
        .with_for_update(key_share=True)  # rows that refer to it can be written meanwhile
    )
    return connection.execute(query).mappings().first()


def by_keys(connection: Connection, keys: Sequence[int]) -> Sequence[RowMapping]:
    """Provider orders by row id."""
    query = select(provider_order).where(provider_order.c.id.in_(keys)).order_by(provider_order.c.id)
    return connection.execute(query).mappings().all()


def release_empty(connection: Connection, keys: Sequence[int]) -> int:
    """Orders that hold no live line any more belong to no booking; how many there are."""
    held = select(booking_line.c.provider_order_id).where(
        booking_line.c.live, booking_line.c.provider_order_id.in_(keys)
    )
    empty = update(provider_order).where(provider_order.c.id.in_(keys), provider_order.c.id.not_in(held))
    return connection.execute(empty.values(booking_id=None)).rowcount


def numbered(connection: Connection, numbers: Sequence[str]) -> Sequence[RowMapping]:
    """Provider orders of these marketplace numbers, of any session; those that are bound first."""
    query = select(provider_order).where(provider_order.c.provider_order_id.in_(numbers))
    query = query.order_by(provider_order.c.booking_id.is_(None), provider_order.c.id)
    return connection.execute(query).mappings().all()


def lock(connection: Connection, key: int) -> RowMapping:
    """One provider order by row id, locked for this transaction."""
    query = select(provider_order).where(provider_order.c.id == key)
    return connection.execute(query.with_for_update(key_share=True)).mappings().one()


def _fen(amount: Money | None) -> int | None:
    """Amounts are kept in fen; one of another currency is not known in fen (the raw answer keeps it)."""
    return amount.minor if amount is not None and amount.currency == "CNY" else None


_INSERT = {name: insert_new(name, provider_order).returning(provider_order.c.id) for name in ("sqlite", "postgresql")}


def _insert(
    connection: Connection, session_id: int, reading: ProviderOrder, now: datetime, booking_id: int | None
) -> int | None:
    values = {
        **_facts(reading, now),
        "session_id": session_id,
        "provider_order_id": reading.provider_order_id,
        "booking_id": booking_id,
        "state": reading.state.value,
        "close_reason": reading.close_reason,
        "first_seen_at": now,
        "seen_at": now,
        "complete": reading.complete,
    }
    key: int | None = connection.execute(_INSERT[connection.dialect.name], values).scalar()
    return key


def _facts(reading: ProviderOrder, now: datetime) -> dict[str, Any]:
    """Columns the reading states; what it does not state is left out, so that it is not overwritten."""
    paid = reading.paid_at
    inferred = paid is None and reading.state not in (ProviderState.UNPAID, ProviderState.UNKNOWN, ProviderState.CLOSED)
    stated = {
        "number_shown": reading.number_shown,
        "reference": reading.reference,
        "raw_status": reading.raw_status,
        "said_state": "" if reading.state is ProviderState.UNKNOWN else reading.state.value,
        "total_fen": _fen(reading.total),
        "freight_fen": _fen(reading.freight),
        "seller_id": reading.seller_id,
        "seller_name": reading.seller_name,
        "created_at": reading.created_at,
        "modified_at": reading.modified_at,
        "paid_at": paid or (now if inferred else None),
        "pay_deadline": reading.pay_deadline,
        "raw": reading.raw,
    }
    facts = {name: value for name, value in stated.items() if value not in (None, "")}
    return facts | {
        "payable": reading.payable,
        "paid_inferred": inferred,
        **({"deadline_assumed": reading.deadline_assumed} if reading.pay_deadline else {}),
    }


def _update(
    connection: Connection, known: RowMapping, reading: ProviderOrder, now: datetime, booking_id: int | None
) -> bool:
    values = _facts(reading, now)
    if known["complete"] and not reading.complete and known["modified_at"] == reading.modified_at:
        values.pop("raw", None)  # the detail of this very state says more
    if known["paid_at"]:
        if values["paid_inferred"] or "paid_at" not in values:
            values.pop("paid_at", None)
            values["paid_inferred"] = known["paid_inferred"]
    state = advance(ProviderState(known["state"]), reading.state)
    values |= {"state": state.value, "complete": known["complete"] or reading.complete}
    vaguer = reading.close_reason == "other" and known["close_reason"]
    if state is ProviderState.CLOSED and reading.close_reason and not vaguer:
        values["close_reason"] = reading.close_reason
    if booking_id is not None:
        values["booking_id"] = booking_id
    changed = any(known[name] != value for name, value in values.items() if name not in ("raw", "complete"))
    connection.execute(update(provider_order).where(provider_order.c.id == known["id"]).values(seen_at=now, **values))
    return changed


_INSERT_LINE = insert(provider_line).returning(provider_line.c.id)


def _store_lines(
    connection: Connection, order_id: int, lines: Sequence[ProviderLine], known: Mapping[str, RowMapping]
) -> tuple[dict[str, int], bool]:
    ids = {number: int(row["id"]) for number, row in known.items()}
    changed = False
    for item in lines:
        values = _line_values(item)
        old = known.get(item.provider_line_id)
        if old is None:
            values |= {"order_id": order_id, "provider_line_id": item.provider_line_id, "state": item.state.value}
            ids[item.provider_line_id] = int(connection.execute(_INSERT_LINE, values).scalar_one())
            changed = True
            continue
        values["state"] = advance(ProviderState(old["state"]), item.state).value
        if any(old[name] != value for name, value in values.items()):
            connection.execute(update(provider_line).where(provider_line.c.id == old["id"]).values(**values))
            changed = True
    return ids, changed


def _line_values(item: ProviderLine) -> dict[str, Any]:
    values = {
        "item_id": item.item_id,
        "sku_id": item.sku_id,
        "spec_id": item.spec_id,
        "quantity": item.quantity,
        "raw_status": item.raw_status,
        "close_reason": item.close_reason,
        "amount_fen": _fen(item.amount),
        "title": item.title,
        "refund": item.refund,
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


def _store_parcels(
    connection: Connection, order_id: int, parcels: Sequence[Parcel], complete: bool, *, new: bool = False
) -> bool:
    if new and not parcels:
        return False
    query = select(parcel).where(parcel.c.order_id == order_id)
    known = {(row["carrier"], row["number"]): row for row in connection.execute(query).mappings()}
    changed = False
    for item in parcels:
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
    if complete and parcels and gone:  # a parcel that disappeared is kept and marked
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


def booked_lines(connection: Connection, order_ids: Sequence[int]) -> Sequence[RowMapping]:
    """Live booked lines of these provider orders, with the states they should follow."""
    query = (
        select(
            booking_line.c.id,
            booking_line.c.line_id,
            booking_line.c.booking_id,
            provider_order.c.id.label("order_key"),
            provider_order.c.provider_order_id,
            provider_order.c.state.label("order_state"),
            provider_order.c.close_reason.label("order_reason"),
            provider_line.c.state.label("line_state"),
            provider_line.c.close_reason.label("line_reason"),
        )
        .join_from(booking_line, provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .outerjoin(provider_line, booking_line.c.provider_line_id == provider_line.c.id)
        .where(booking_line.c.live, provider_order.c.id.in_(order_ids))
        .order_by(booking_line.c.line_id)
    )
    return connection.execute(query).mappings().all()


def untied(connection: Connection, order_ids: Sequence[int]) -> Sequence[RowMapping]:
    """Live booked lines of these provider orders that are not tied to one of its lines, with what they are."""
    query = (
        select(booking_line.c.id, booking_line.c.provider_order_id, line.c.number, line.c.item_id)
        .add_columns(line.c.sku_id, line.c.spec_id, booking.c.purchase)
        .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
        .join(booking, booking_line.c.booking_id == booking.c.id)
        .where(
            booking_line.c.live,
            booking_line.c.provider_order_id.in_(order_ids),
            booking_line.c.provider_line_id.is_(None),
        )
        .order_by(booking_line.c.id)
    )
    return connection.execute(query).mappings().all()


def lines_of(connection: Connection, order_id: int) -> Sequence[RowMapping]:
    """The lines of one provider order (by row id)."""
    query = select(provider_line).where(provider_line.c.order_id == order_id).order_by(provider_line.c.id)
    return connection.execute(query).mappings().all()


def vanish(connection: Connection, key: int) -> None:
    """The provider says that there is no such order: it counts as closed, and belongs to nobody."""
    gone = {"state": ProviderState.CLOSED.value, "close_reason": "other", "raw_status": "no such order"}
    values = {**gone, "said_state": "", "payable": False, "booking_id": None}
    connection.execute(update(provider_order).where(provider_order.c.id == key).values(**values))


def revive(connection: Connection, session_id: int) -> int:
    """Orders we hold for closed that their provider shows alive: its word decides, as no line of ours is tied to them.

    How many there were.
    """
    tied = select(booking_line.c.id).where(booking_line.c.live, booking_line.c.provider_order_id == provider_order.c.id)
    dead = (
        update(provider_order)
        .where(
            provider_order.c.session_id == session_id,
            provider_order.c.state == ProviderState.CLOSED.value,
            provider_order.c.said_state.not_in(("", ProviderState.CLOSED.value)),
            ~tied.exists(),
        )
        .values(state=provider_order.c.said_state, close_reason="")
    )
    return connection.execute(dead).rowcount


def open_numbers(connection: Connection, session_id: int) -> Sequence[RowMapping]:
    """Orders of a session that are not final: number, when created, when first seen."""
    query = (
        select(provider_order.c.provider_order_id, provider_order.c.created_at, provider_order.c.first_seen_at)
        .where(provider_order.c.session_id == session_id, provider_order.c.state.not_in(_FINAL))
        .order_by(provider_order.c.id)
    )
    return connection.execute(query).mappings().all()


def with_deadline(connection: Connection, session_id: int, numbers: Sequence[str]) -> set[str]:
    """Those of a session's orders whose deadline is known."""
    own = provider_order.c.session_id == session_id, provider_order.c.provider_order_id.in_(numbers)
    query = select(provider_order.c.provider_order_id).where(*own, provider_order.c.pay_deadline.is_not(None))
    return set(connection.execute(query).scalars())


def usual_term(connection: Connection, session_id: int) -> timedelta | None:
    """How long the session's unpaid order with the latest stated deadline may stay unpaid."""
    query = (
        select(provider_order.c.pay_deadline, provider_order.c.created_at)
        .where(
            provider_order.c.state == ProviderState.UNPAID.value,
            provider_order.c.session_id == session_id,
            provider_order.c.pay_deadline.is_not(None),
            provider_order.c.created_at.is_not(None),
            provider_order.c.deadline_assumed.is_(False),
        )
        .order_by(provider_order.c.pay_deadline.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return row[0] - row[1] if row else None


def numbers_for_lines(connection: Connection, line_ids: Sequence[int]) -> Sequence[RowMapping]:
    """(session_id, provider_order_id) of the live bookings of these lines."""
    query = (
        select(provider_order.c.session_id, provider_order.c.provider_order_id)
        .join_from(booking_line, provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .where(booking_line.c.live, booking_line.c.line_id.in_(line_ids))
        .distinct()
    )
    return connection.execute(query).mappings().all()
