"""Provider orders as last read, their lines and parcels; and what each reading changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, select, update

from autopurchase.domain.provider_order import FINAL_STATES, ProviderOrder, ProviderState, advance
from autopurchase.storage.database import alike, insert_new
from autopurchase.storage.provider_parts import Raised, fen, raised, store_lines, store_parcels
from autopurchase.storage.schema import booking, booking_line, line, parcel, provider_line, provider_order

_FINAL = [state.value for state in FINAL_STATES]


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored reading: row ids, the state it is in now, whether it changed anything, and made it dearer."""

    id: int
    line_ids: dict[str, int]
    booking_id: int | None
    state: ProviderState
    changed: bool
    raised: Raised | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """A provider order as it is stored, locked: its row, its lines and its parcels."""

    row: RowMapping
    lines: Mapping[str, RowMapping]
    parcels: Sequence[RowMapping]


@dataclass(frozen=True, slots=True)
class Placed:
    """What was read at ``at`` of an order that was made.

    ``booking_id``: None where no line of ours is at home in it.
    """

    reading: ProviderOrder
    at: datetime
    booking_id: int | None = None


def store(connection: Connection, session_id: int, reading: ProviderOrder, now: datetime) -> Stored:
    """Insert or update one provider order from a reading; older or poorer readings never take knowledge away."""
    known = _known(connection, session_id, [reading.provider_order_id]).get(reading.provider_order_id)
    if known is not None:
        return _store_known(connection, known, reading, now, None)
    return store_placed(connection, session_id, [Placed(reading, now)])[0]


def store_placed(connection: Connection, session_id: int, placed: Sequence[Placed]) -> list[Stored]:
    """`store` for orders just made, which are new as a rule: they are inserted at once."""
    keys = _insert(connection, session_id, placed)
    found = []
    for one in placed:
        number = one.reading.provider_order_id
        key = keys.pop(number, None)  # twice among them: the second is no longer new
        if key is None:
            known = _known(connection, session_id, [number])[number]
            found.append(_store_known(connection, known, one.reading, one.at, one.booking_id))
            continue
        line_ids, _ = store_lines(connection, key, one.reading.lines, {})
        store_parcels(connection, key, one.reading, ())
        found.append(Stored(key, line_ids, one.booking_id, one.reading.state, changed=True))
    return found


def store_all(
    connection: Connection, session_id: int, readings: Sequence[ProviderOrder], now: datetime
) -> list[Stored]:
    """`store` for a page of readings: what is known of them is read at once, and what was only seen written at once."""
    known = _known(connection, session_id, [reading.provider_order_id for reading in readings])
    found, seen = [], list[int]()
    for reading in readings:
        one = known.pop(reading.provider_order_id, None)  # twice on one page: the second is read anew
        if one is None:
            found.append(store(connection, session_id, reading, now))
        else:
            found.append(_store_known(connection, one, reading, now, None, seen))
    if seen:
        connection.execute(update(provider_order).where(provider_order.c.id.in_(seen)).values(seen_at=now))
    return found


def _known(connection: Connection, session_id: int, numbers: Sequence[str]) -> dict[str, _Known]:
    """Those of these orders that are stored, by number; locked in the order of their ids."""
    query = (
        select(provider_order)
        .where(provider_order.c.session_id == session_id, provider_order.c.provider_order_id.in_(numbers))
        .order_by(provider_order.c.id)
        .with_for_update(key_share=True)  # rows that refer to it can be written meanwhile
    )
    rows = connection.execute(query).mappings().all()
    if not rows:
        return {}
    keys = [row["id"] for row in rows]
    lines: dict[int, dict[str, RowMapping]] = {}
    for row in connection.execute(_of_orders(provider_line, keys)).mappings():
        lines.setdefault(row["order_id"], {})[row["provider_line_id"]] = row
    parcels: dict[int, list[RowMapping]] = {}
    for row in connection.execute(_of_orders(parcel, keys)).mappings():
        parcels.setdefault(row["order_id"], []).append(row)
    return {row["provider_order_id"]: _Known(row, lines.get(row["id"], {}), parcels.get(row["id"], ())) for row in rows}


def _of_orders(table: Table, keys: Sequence[int]) -> Select[Any]:
    return select(table).where(table.c.order_id.in_(keys)).order_by(table.c.id)


def _store_known(
    connection: Connection,
    known: _Known,
    reading: ProviderOrder,
    now: datetime,
    booking_id: int | None,
    seen: list[int] | None = None,
) -> Stored:
    """Update a stored order; one that a page shows unchanged is put into ``seen`` instead, where that is given."""
    row = known.row
    if _older(row, reading):
        return _bind_only(connection, known, booking_id)
    changed = _update(connection, row, reading, now, booking_id, seen)
    line_ids, lines_changed = store_lines(connection, row["id"], reading.lines, known.lines)
    parcels_changed = store_parcels(connection, row["id"], reading, known.parcels)
    state = advance(ProviderState(row["state"]), reading.state)
    dearer = raised(row, known.lines, reading) if state is ProviderState.UNPAID else None
    owner = booking_id or row["booking_id"]
    return Stored(row["id"], line_ids, owner, state, changed or lines_changed or parcels_changed, dearer)


def _older(known: RowMapping, reading: ProviderOrder) -> bool:
    """Facts are ordered by the provider's own time, not by arrival."""
    return bool(reading.modified_at and known["modified_at"] and reading.modified_at < known["modified_at"])


def _bind_only(connection: Connection, known: _Known, booking_id: int | None) -> Stored:
    """An older reading adds no facts, but whose order it is."""
    row = known.row
    if booking_id is not None:
        statement = update(provider_order).where(provider_order.c.id == row["id"]).values(booking_id=booking_id)
        connection.execute(statement)
    ids = {number: int(each["id"]) for number, each in known.lines.items()}
    owner = booking_id or row["booking_id"]
    return Stored(row["id"], ids, owner, ProviderState(row["state"]), changed=owner != row["booking_id"])


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


_INSERT = {
    name: insert_new(name, provider_order).returning(provider_order.c.provider_order_id, provider_order.c.id)
    for name in ("sqlite", "postgresql")
}


def _insert(connection: Connection, session_id: int, placed: Sequence[Placed]) -> dict[str, int]:
    """Row ids of those that were new, by number."""
    keys: dict[str, int] = {}
    for rows in alike(_new(session_id, one) for one in placed):
        keys.update((number, key) for number, key in connection.execute(_INSERT[connection.dialect.name], rows))
    return keys


def _new(session_id: int, placed: Placed) -> dict[str, Any]:
    reading, at = placed.reading, placed.at
    return {
        **_facts(reading, at),
        "session_id": session_id,
        "provider_order_id": reading.provider_order_id,
        "booking_id": placed.booking_id,
        "state": reading.state.value,
        "close_reason": reading.close_reason,
        "first_seen_at": at,
        "seen_at": at,
        "complete": reading.complete,
    }


def _facts(reading: ProviderOrder, now: datetime) -> dict[str, Any]:
    """Columns the reading states; what it does not state is left out, so that it is not overwritten."""
    paid = reading.paid_at
    inferred = paid is None and reading.state not in (ProviderState.UNPAID, ProviderState.UNKNOWN, ProviderState.CLOSED)
    stated = {
        "number_shown": reading.number_shown,
        "reference": reading.reference,
        "raw_status": reading.raw_status,
        "said_state": "" if reading.state is ProviderState.UNKNOWN else reading.state.value,
        "total_fen": fen(reading.total),
        "freight_fen": fen(reading.freight),
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
    connection: Connection,
    known: RowMapping,
    reading: ProviderOrder,
    now: datetime,
    booking_id: int | None,
    seen: list[int] | None,
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
    news = {name for name, value in values.items() if known[name] != value}
    changed = bool(news - {"raw", "complete"})
    if not news and seen is not None:
        seen.append(known["id"])
        return False
    connection.execute(update(provider_order).where(provider_order.c.id == known["id"]).values(seen_at=now, **values))
    return changed


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
