"""What shops are to be told: an outbox that fills in the transaction that made the news, each piece of news once.

Two kinds. ``mark``: how far the buying of an order is, and under which of our references. ``shipment``: lines of an
order that travel in a parcel. A source whose write-back is switched off (files always are) is told nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, RowMapping, bindparam, func, select, update

from autopurchase.domain.causes import cause
from autopurchase.domain.order import DEAD, LineStatus, PurchaseState
from autopurchase.storage.database import insert_new
from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import (
    booking,
    booking_line,
    line,
    orders,
    parcel,
    provider_line,
    provider_order,
    source,
    write_back,
)

#: the words of a mark, by how far the least advanced and the most advanced line is
_STAGES = {
    PurchaseState.BOOKED: "ordered",
    PurchaseState.BOUGHT: "bought",
    PurchaseState.SENT: "sent",
    PurchaseState.ARRIVED: "arrived",
}
_RANK = {state.value: rank for rank, state in enumerate(_STAGES, 1)}
_WORDS = ["not ordered", *_STAGES.values()]
PARTLY = "partly ordered"
#: causes that the shop itself gave
_SHOP_KNOWS = frozenset({"not_payable", "partial_refund", "quantity_reduced"})
#: a shop's text field holds 255 characters
_LONGEST = 250
#: a row being sent is due again after this, if whoever sends it dies
_CLAIM = timedelta(minutes=2)


def ask(connection: Connection, order_ids: Sequence[int], at: datetime) -> list[int]:
    """Put down what the shops of these orders should be told now; returns the sources that have something new.

    Call it in the transaction that changed the lines. What was put down before is not put down again.
    """
    rows: list[dict[str, Any]] = []
    for part in chunks(sorted(set(order_ids))):
        found = connection.execute(_LINES_OF, {"orders": list(part)}).mappings().all()
        if found:
            rows += [
                *_marks(found, _marked(connection, part)),
                *_shipments(connection.execute(_PARCELS_OF, {"orders": list(part)})),
            ]
    new: set[int] = set()
    for batch in chunks(rows, 1000):
        values = [{**row, "state": "waiting", "due_at": at, "created_at": at} for row in batch]
        statement = insert_new(connection, write_back).values(values).returning(write_back.c.source_id)
        new.update(connection.execute(statement).scalars())
    return sorted(new)


_ORDERS: BindParameter[int] = bindparam("orders", expanding=True)
_LINES_OF = (
    select(orders.c.source_id, line.c.order_id, line.c.id, line.c.status, line.c.purchase, line.c.generation)
    .add_columns(booking.c.out_order_id, line.c.cause, line.c.number)
    .join_from(line, orders)
    .join(source, source.c.id == orders.c.source_id)
    .outerjoin(booking, booking.c.id == line.c.booking_id)
    .where(orders.c.id.in_(_ORDERS), source.c.write_back)
    .order_by(line.c.order_id, line.c.id)
)


_MARKED = (
    select(write_back.c.order_id).where(write_back.c.order_id.in_(_ORDERS), write_back.c.kind == "mark").distinct()
)


def _marked(connection: Connection, order_ids: Sequence[int]) -> set[int]:
    """Orders that were marked, or are about to be."""
    return set(connection.execute(_MARKED, {"orders": list(order_ids)}).scalars())


def _marks(rows: Iterable[RowMapping], marked: set[int]) -> list[dict[str, Any]]:
    """One mark an order: how far it is, and what holds its lines.

    An order nothing was bought of is marked only because of a problem, or to correct an earlier mark.
    """
    by_order: dict[int, list[RowMapping]] = {}
    for row in rows:
        by_order.setdefault(row["order_id"], []).append(row)
    found = []
    for order_id, own in by_order.items():
        status, problems = _status(own), _problems(own)
        if status == _WORDS[0] and not problems and order_id not in marked:
            continue
        payload = {"status": _cut(f"{status}; {problems}") if problems else status, "reference": _reference(own)}
        # a line booked again is news, even when the shop is to read the same words as before
        era = [[row["id"], row["generation"]] for row in own]
        found.append(_news(own[0]["source_id"], order_id, "mark", payload, era))
    return found


def _status(lines: Sequence[RowMapping]) -> str:
    """How far an order is: as far as its least advanced live line."""
    live = [row for row in lines if LineStatus(row["status"]) not in DEAD or row["purchase"] in _RANK]
    ranks = [_RANK.get(row["purchase"], 0) for row in live] or [0]
    return PARTLY if min(ranks) == 0 < max(ranks) else _WORDS[min(ranks)]


def _problems(lines: Sequence[RowMapping]) -> str:
    """``53-2: Out of stock``: the lines that wait for a person here, with their causes."""
    held = [row for row in lines if row["purchase"] == "problem" and row["cause"] not in _SHOP_KNOWS]
    return "; ".join(f"{row['number']}: {cause(row['cause']).label}" for row in held)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _reference(lines: Sequence[RowMapping]) -> str:
    """Our references of what was placed, as many as the shop's field holds."""
    placed = dict.fromkeys(row["out_order_id"] for row in lines if row["out_order_id"] and row["purchase"] in _RANK)
    text = ""
    for reference in placed:
        longer = f"{text}, {reference}" if text else reference
        if len(longer) > _LONGEST:
            return text + " …"
        text = longer
    return text


#: parcels with the booked lines that may be in them
_PARCELS_OF = (
    select(orders.c.source_id, line.c.order_id, line.c.id, line.c.external_id, line.c.ratio, booking_line.c.quantity)
    .add_columns(parcel.c.carrier, parcel.c.number, parcel.c.provider_line_ids, provider_line.c.provider_line_id)
    .join_from(line, orders)
    .join(source, source.c.id == orders.c.source_id)
    .join(booking_line, booking_line.c.line_id == line.c.id)
    .join(provider_order, provider_order.c.id == booking_line.c.provider_order_id)
    .join(parcel, parcel.c.order_id == provider_order.c.id)
    .outerjoin(provider_line, provider_line.c.id == booking_line.c.provider_line_id)
    .where(orders.c.id.in_(_ORDERS), source.c.write_back, booking_line.c.live, parcel.c.withdrawn.is_(False))
    .order_by(line.c.order_id, line.c.id, parcel.c.id)
)


def _shipments(result: Any) -> list[dict[str, Any]]:
    """One shipment an order and parcel. A line in several parcels is reported with the first.

    Parts of a line that was split go by the shop's id of it, those in one parcel together.
    """
    groups: dict[tuple[int, int, str, str], dict[str, int]] = {}
    told: set[int] = set()
    for row in result.mappings():
        inside = not row["provider_line_ids"] or row["provider_line_id"] in row["provider_line_ids"]
        if not inside or row["id"] in told:
            continue
        sold = row["quantity"] // row["ratio"]  # the shop counts what it sold
        if not sold:
            continue
        told.add(row["id"])
        inside_too = groups.setdefault((row["source_id"], row["order_id"], row["carrier"], row["number"]), {})
        inside_too[row["external_id"]] = inside_too.get(row["external_id"], 0) + sold
    return [
        _news(source_id, order_id, "shipment", {"carrier": carrier, "number": number, "lines": _pairs(lines)}, [])
        for (source_id, order_id, carrier, number), lines in groups.items()
    ]


def _pairs(pieces: Mapping[str, int]) -> list[list[Any]]:
    return [[external_id, count] for external_id, count in pieces.items()]


def _news(source_id: int, order_id: int, kind: str, payload: Mapping[str, Any], era: Any) -> dict[str, Any]:
    content = json.dumps([payload, era], sort_keys=True, ensure_ascii=False)
    key = f"{order_id}:{kind}:{hashlib.sha256(content.encode()).hexdigest()[:24]}"
    return {"source_id": source_id, "order_id": order_id, "kind": kind, "key": key, "payload": dict(payload)}


# --- telling ---


def waiting(connection: Connection) -> int:
    """How many pieces of news wait."""
    return int(connection.execute(select(func.count()).where(write_back.c.state == "waiting")).scalar_one())


def due_sources(connection: Connection, now: datetime) -> list[int]:
    """Sources that have something due, and are switched on."""
    query = (
        select(write_back.c.source_id)
        .join_from(write_back, source)
        .where(write_back.c.state == "waiting", write_back.c.due_at <= now, source.c.write_back, source.c.enabled)
        .distinct()
        .order_by(write_back.c.source_id)
    )
    return list(connection.execute(query).scalars())


def waiting_orders(connection: Connection, source_id: int, now: datetime) -> list[int]:
    """Orders of a source that have something due."""
    query = select(write_back.c.order_id).where(_due(source_id, now)).distinct()
    return sorted(connection.execute(query).scalars())


def _due(source_id: int, now: datetime) -> Any:
    return (write_back.c.source_id == source_id) & (write_back.c.state == "waiting") & (write_back.c.due_at <= now)


def supersede(connection: Connection, source_id: int, now: datetime) -> int:
    """Settle marks that a later mark of their order makes pointless; returns how many."""
    newer = write_back.alias()
    later = select(newer.c.id).where(
        newer.c.order_id == write_back.c.order_id, newer.c.kind == "mark", newer.c.id > write_back.c.id
    )
    statement = (
        update(write_back)
        .where(_due(source_id, now), write_back.c.kind == "mark", later.exists())
        .values(state="done", answer="superseded by a later mark", done_at=now)
    )
    return int(connection.execute(statement).rowcount)


def claim(connection: Connection, source_id: int, now: datetime) -> RowMapping | None:
    """The next due news of a source with its order's ``external_id``, kept from others for two minutes.

    Oldest first; what failed before comes after what was not tried yet, so that one bad order cannot block the rest.
    While older news of an order is on its way, newer news of it waits.
    """
    older = write_back.alias()
    on_its_way = select(older.c.id).where(
        older.c.order_id == write_back.c.order_id,
        older.c.id < write_back.c.id,
        older.c.state == "waiting",
        older.c.due_at > now,
    )
    query = (
        select(write_back, orders.c.external_id, orders.c.number)
        .join_from(write_back, orders)
        .where(_due(source_id, now), ~on_its_way.exists())
        .order_by(write_back.c.attempts, write_back.c.id)
        .limit(1)
        .with_for_update(of=write_back, skip_locked=True)
    )
    row = connection.execute(query).mappings().first()
    if row is not None:
        change(connection, row["id"], due_at=now + _CLAIM, attempts=row["attempts"] + 1)
    return row


def put_off(connection: Connection, source_id: int, until: datetime) -> None:
    """Nothing more of this source is due before ``until``."""
    statement = update(write_back).where(_due(source_id, until))
    connection.execute(statement.values(due_at=until))


def change(connection: Connection, news_id: int, **values: Any) -> None:
    """Write columns of one piece of news."""
    connection.execute(update(write_back).where(write_back.c.id == news_id).values(**values))


def tell_noted(connection: Connection, source_id: int, at: datetime) -> int:
    """What was only noted in a dry run is to be told from ``at`` on; returns how many pieces of news."""
    noted = (write_back.c.source_id == source_id) & (write_back.c.state == "noted")
    values = {"state": "waiting", "due_at": at, "done_at": None, "answer": ""}
    return int(connection.execute(update(write_back).where(noted).values(**values)).rowcount)


def told_lines(connection: Connection, order_id: int, external_ids: Sequence[str] | None) -> list[int]:
    """The order's lines that are bound to a booking: all of them, or those of these external ids."""
    query = select(line.c.id).where(line.c.order_id == order_id, line.c.booking_id.is_not(None)).order_by(line.c.id)
    if external_ids is not None:
        query = query.where(line.c.external_id.in_(external_ids))
    return list(connection.execute(query).scalars())
