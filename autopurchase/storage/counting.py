"""Keeping the figures: what the events of one writer do to them, written in the transaction of the events.

Two roads, so that one can prove the other. *Flows*: a row of ``movement`` per effect of an event; it dies with its
event. *States*: what lines add to the backlog, to unpaid and over-booked now (columns of ``line``), and the sums of
their differences by time (``tally_delta``, merged into ``tally``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select

from autopurchase.domain.counting import Move, count
from autopurchase.domain.history import LineState
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.standing import IN_PROGRESS, NOW, UNKNOWN, Facts, Levels, Standing, levels, news
from autopurchase.storage.schema import (
    booking,
    booking_line,
    line,
    movement,
    orders,
    parcel,
    provider_line,
    provider_order,
    tally_delta,
)

#: sums are kept for every quarter of an hour: the offsets of all time zones are multiples of it
SLOT = timedelta(minutes=15)
_HOUR = timedelta(hours=1)
_EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
#: what counting needs of a line and its order, beside its state
FACTS = (
    line.c.quantity,
    line.c.ratio,
    line.c.gone,
    line.c.provider,
    line.c.seller_id,
    line.c.reference_fen,
    line.c.standing,
    orders.c.source_id,
    orders.c.state.label("order_state"),
    orders.c.paid_minor,
    orders.c.refunded_minor,
)
#: columns of ``line`` that are kept here
KEPT = ("standing", "part", "part_cause", "backlog", "unpaid", "excess", "clock_at")
#: what identifies a sum, and what is summed
KEY = ("slot", "source_id", "provider", "session_id", "operator", "part", "cause", "clock_hour", "ref_day")
SUMS = ("pieces", "lines", "fen", "unpriced")
Key = tuple[Any, ...]


def facts_of(row: Mapping[Any, Any]) -> Facts:
    """The facts in a row that has `FACTS` and what `lines.is_ready` needs."""
    return Facts(
        quantity=row["quantity"],
        open_quantity=row["open_quantity"],
        ratio=row["ratio"],
        payable=row["payable"],
        order_state=row["order_state"],
        paid_minor=row["paid_minor"],
        refunded_minor=row["refunded_minor"],
        gone=row["gone"],
        item=row["item_id"] != "",
        provider=row["provider"],
        seller=row["seller_id"],
        reference=row["reference_fen"],
        paid_at=row["paid_at"],
    )


def floor(moment: datetime, step: timedelta = SLOT) -> datetime:
    """The start of the slot ``moment`` lies in."""
    return moment - (moment - _EPOCH) % step


class Counter:
    """Counts events one after the other, then stores what they did: movements, sums, and the lines' own columns."""

    def __init__(self) -> None:
        self._standings: dict[int, Standing] = {}
        self._levels: dict[int, Levels] = {}
        self._moves: list[tuple[int, int, int, Move]] = []  # position of the event, line, source
        self._deltas: dict[Key, list[int]] = {}

    def take(
        self,
        position: int,
        line_id: int,
        row: Mapping[Any, Any],
        states: tuple[LineState, LineState],
        kind: str,
        data: Mapping[str, Any],
        *,
        at: datetime,
        actor: str,
    ) -> Mapping[str, Any]:
        """Count one event; what is to be stored as its data: with what became known of the line."""
        before, after = states
        standing = self._standings.get(line_id)
        if standing is None:
            standing = Standing.from_json(row["standing"])
        known = news(facts_of(row), standing, after.purchase)
        if known and NOW not in data:
            data = {**data, NOW: known}
        was = self._levels.get(line_id) or levels(standing, before)
        now, moves = count(standing, before, after, kind, data, at=at, actor=actor)
        found = levels(now, after)
        self._standings[line_id], self._levels[line_id] = now, found
        self._moves += [(position, line_id, row["source_id"], move) for move in moves]
        for key, sums in differences(row["source_id"], (standing, was), (now, found), moves, at):
            held = self._deltas.setdefault(key, [0, 0, 0, 0])
            for place, value in enumerate(sums):
                held[place] += value
        return data

    @property
    def moved(self) -> bool:
        """Whether any event has an effect, so that its id is needed."""
        return bool(self._moves)

    def columns(self, line_id: int) -> dict[str, Any]:
        """The kept columns of a line that events were counted of."""
        return kept(self._standings[line_id], self._levels[line_id])

    def store(self, connection: Connection, event_ids: Sequence[int], at: datetime | Sequence[datetime]) -> None:
        """Write movements and sums; ``event_ids`` by position, ``at``: when they were recorded, all or each."""
        if self._moves:
            rows = [
                movement_row(move, event_ids[place], line_id, source_id, at if isinstance(at, datetime) else at[place])
                for place, line_id, source_id, move in self._moves
            ]
            connection.execute(_MOVEMENT, rows)
        deltas = [delta_row(key, sums) for key, sums in sorted(self._deltas.items()) if any(sums)]
        if deltas:
            connection.execute(_DELTA, deltas)


_MOVEMENT = insert(movement)
_DELTA = insert(tally_delta)


def kept(standing: Standing, found: Levels) -> dict[str, Any]:
    """The columns of ``line`` that say where it stands in the figures."""
    return {
        "standing": standing.as_json(),
        "part": found.part,
        "part_cause": found.cause,
        "backlog": found.backlog,
        "unpaid": found.unpaid,
        "excess": found.excess,
        "clock_at": standing.clock,
    }


def movement_row(move: Move, event_id: int, line_id: int, source_id: int, recorded_at: datetime) -> dict[str, Any]:
    """A movement as it is stored."""
    start, end = (move.since, move.at) if move.since or move.kind != "ready" else (move.at, recorded_at)
    return {
        "event_id": event_id,
        "line_id": line_id,
        "source_id": source_id,
        "recorded_at": recorded_at,
        "kind": move.kind,
        "at": move.at,
        "pieces": move.pieces,
        "backlog": move.backlog,
        "excess": move.excess,
        "unpaid": move.unpaid,
        "reason": move.reason,
        "session_id": move.session,
        "operator": move.operator,
        "provider": move.provider,
        "seller_id": move.seller,
        "generation": move.generation,
        "goods_fen": move.goods,
        "freight_fen": move.freight,
        "reference_fen": move.reference,
        "booked_fen": move.booked,
        "ref_day": _day(move.paid_at or move.clock),
        "day": _day(move.at),
        "clock_at": move.clock,
        "booked_at": move.booked_at,
        "since": move.since,
        "seconds": _seconds(start, end),
        "waited": _seconds(move.clock, move.at),
        "booking_id": move.booking,
        "attempt": move.attempt,
        "again": move.again,
        "bound": move.bound,
        "inferred": move.inferred,
        "settled": move.settled,
    }


def _seconds(start: datetime | None, end: datetime) -> int | None:
    return int((end - start).total_seconds()) if start else None


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else ""


def delta_row(key: Key, sums: Sequence[int]) -> dict[str, Any]:
    """Sums as they are stored."""
    return {**dict(zip(KEY, key, strict=True)), **dict(zip(SUMS, sums, strict=True))}


def differences(
    source_id: int,
    before: tuple[Standing, Levels],
    after: tuple[Standing, Levels],
    moves: Sequence[Move],
    at: datetime,
) -> Iterator[tuple[Key, Sequence[int]]]:
    """What an event changes in the sums: states as difference of what was and is, flows for the trend."""
    need_at = next((move.at for move in reversed(moves) if move.backlog or move.excess), at)
    paid_at = next((move.at for move in moves if move.unpaid), at)
    was, now = dict(_states(source_id, *before)), dict(_states(source_id, *after))
    for sign, found, other in ((-1, was, now), (1, now, was)):
        for key, sums in found.items():
            if other.get(key) != sums:
                moment = paid_at if key[4] == "unpaid" else need_at
                yield (floor(moment), *key), [sign * value for value in sums]
    for move in moves:
        yield from _flow(source_id, move)


def _states(source_id: int, standing: Standing, found: Levels) -> Iterator[tuple[Key, Sequence[int]]]:
    """The sums a line is in: key without its slot, and what it adds."""
    account = (standing.session or 0, standing.operator)
    place = (source_id, standing.provider)
    price = standing.reference
    if found.backlog:
        start = standing.clock or _EPOCH
        whose = account if found.part in (IN_PROGRESS, UNKNOWN) else (0, "")
        hour, day = floor(start, _HOUR), _day(standing.paid_at or standing.clock)
        unpriced = 0 if price is not None else found.backlog
        yield (
            (*place, *whose, found.part, found.cause, hour, day),
            (found.backlog, 1, (price or 0) * found.backlog, unpriced),
        )
    if found.unpaid:
        yield (*place, *account, "unpaid", "", _EPOCH, ""), (found.unpaid, 1, standing.goods, 0)
    if found.excess:
        yield (*place, *account, "excess", "", _EPOCH, ""), (found.excess, 1, 0, 0)


def _flow(source_id: int, move: Move) -> Iterator[tuple[Key, Sequence[int]]]:
    dims = (source_id, move.provider, move.session or 0, move.operator)
    if move.kind in FLOWS:
        pieces = move.backlog if move.kind == "ready" else move.pieces
        yield (floor(move.at), *dims, f"+{move.kind}", "", _EPOCH, ""), (pieces, 1, move.goods or 0, 0)
    if move.kind == "refunded" and move.backlog:
        yield (floor(move.at), *dims, "+ready", "", _EPOCH, ""), (move.backlog, 1, move.goods or 0, 0)


#: moves that are summed for the trend
FLOWS = frozenset({"ready", "booked", "bought", "cancelled", "refunded", "withdrawn"})


# --- what events leave out ---

_QUEUED = frozenset({"booking_queued", "bound"})
_PAID_STATES = frozenset(ProviderState) - {ProviderState.UNPAID, ProviderState.CLOSED, ProviderState.UNKNOWN}


def lacks(kind: str, data: Mapping[str, Any]) -> bool:
    """Whether an event does not say all that is counted of it; then the ledger is asked."""
    if kind in _QUEUED:
        return "pieces" not in data
    return kind == "provider_moved" and data.get("state") in _PAID_STATES and "paid_at" not in data


def ledger(connection: Connection, line_ids: Sequence[int]) -> dict[tuple[int, int | None], RowMapping]:
    """What the ledger knows of bookings: (line, booking) -> pieces, price, session, the provider order's facts."""
    shipped = (
        select(func.min(parcel.c.shipped_at))
        .where(parcel.c.order_id == booking_line.c.provider_order_id)
        .scalar_subquery()
    )
    wanted = select(booking_line.c.provider_order_id).where(booking_line.c.line_id.in_(line_ids))
    amount = func.coalesce(provider_line.c.amount_fen, 0)
    passed = func.sum(amount).over(partition_by=provider_line.c.order_id, order_by=provider_line.c.id)
    goods = func.sum(amount).over(partition_by=provider_line.c.order_id)
    amounts = (
        select(provider_line, passed.label("passed"), goods.label("goods"))
        .where(provider_line.c.order_id.in_(wanted))
        .subquery()
    )
    query = (
        select(
            booking_line.c.line_id,
            booking_line.c.booking_id,
            booking_line.c.quantity,
            booking_line.c.price_fen,
            booking.c.session_id,
            provider_order.c.freight_fen,
            provider_order.c.paid_at,
            provider_order.c.paid_inferred,
            amounts.c.amount_fen,
            amounts.c.quantity.label("provider_quantity"),
            amounts.c.passed,
            amounts.c.goods,
            shipped.label("shipped_at"),
        )
        .join_from(booking_line, booking)
        .outerjoin(provider_order, provider_order.c.id == booking_line.c.provider_order_id)
        .outerjoin(amounts, amounts.c.id == booking_line.c.provider_line_id)
        .where(booking_line.c.line_id.in_(line_ids))
    )
    return {(row["line_id"], row["booking_id"]): row for row in connection.execute(query).mappings()}


def completed(kind: str, data: Mapping[str, Any], found: RowMapping | None) -> Mapping[str, Any]:
    """The data of an event with what the ledger adds to it; what the event says itself stays."""
    if found is None:
        return data
    same = found["provider_quantity"] == found["quantity"] and found["amount_fen"] is not None
    goods = found["amount_fen"] if same else found["quantity"] * found["price_fen"]
    if kind in _QUEUED:
        extra: dict[str, Any] = {"pieces": found["quantity"], "goods_fen": goods, "session": found["session_id"]}
        if kind == "bound":
            extra["freight_fen"] = _freight(found)
        return {**extra, **data}
    extra = {
        "paid_at": _text(found["paid_at"]),
        "inferred": bool(found["paid_inferred"]) or found["paid_at"] is None,
        "shipped_at": _text(found["shipped_at"]),
    }
    return {**extra, **({"goods_fen": goods} if same else {}), **data}


def _freight(found: RowMapping) -> int:
    """The line's share of its provider order's freight, by amount; shares of all lines add up to the freight."""
    freight, goods = found["freight_fen"] or 0, int(found["goods"] or 0)
    if not goods or not found["amount_fen"]:
        return 0
    passed = int(found["passed"])
    share = freight * passed // goods - freight * (passed - found["amount_fen"]) // goods
    return int(share * min(found["quantity"], found["provider_quantity"]) // found["provider_quantity"])


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
