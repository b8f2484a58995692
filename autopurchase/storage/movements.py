"""What happened in a stretch of time, counted in SQL over the movements of that stretch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    case,
    exists,
    func,
    or_,
    select,
)

from autopurchase.storage.schema import (
    booking,
    import_reject,
    line,
    movement,
    orders,
    provider_order,
    report,
    run,
    session,
)
from autopurchase.storage.scopes import Scope

Rows = Sequence[RowMapping]


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` until before ``end``."""

    start: datetime
    end: datetime


def columns(table: Any) -> dict[str, ColumnElement[Any]]:
    """What a scope restricts, of a table of movements."""
    return {
        "source_id": table.c.source_id,
        "provider": table.c.provider,
        "session_id": table.c.session_id,
        "seller": table.c.seller_id,
        "operator": table.c.operator,
    }


def during(span: Span, scope: Scope, table: Any = movement) -> list[ColumnElement[bool]]:
    """Conditions: effective in the span, and in the scope."""
    return [table.c.at >= span.start, table.c.at < span.end, *scope.on(columns(table))]


def cube(connection: Connection, span: Span, scope: Scope) -> Rows:
    """Everything that is summed, in one look at the span's movements: by kind, reason, day, source, session, operator…

    ``attempt``: 1 for outcomes of first attempts, 2 for those of later ones.
    """
    attempt = case((movement.c.attempt > 1, 2), else_=movement.c.attempt).label("attempt")
    keys = [
        movement.c.kind, movement.c.reason, movement.c.day, movement.c.bound, movement.c.inferred, movement.c.settled,
        movement.c.again, attempt, movement.c.source_id, movement.c.provider,
        func.coalesce(movement.c.session_id, 0).label("session_id"), movement.c.operator,
    ]  # fmt: skip
    query = select(*keys, *_SUMS).where(*during(span, scope)).group_by(*keys)
    return connection.execute(query).mappings().all()


_SUMS = (
    func.count().label("lines"),
    func.sum(movement.c.pieces).label("pieces"),
    func.sum(movement.c.backlog).label("backlog"),
    func.sum(movement.c.excess).label("excess"),
    func.sum(case((movement.c.excess > 0, movement.c.excess), else_=0)).label("excess_up"),
    func.sum(movement.c.unpaid).label("unpaid"),
    func.coalesce(func.sum(movement.c.goods_fen), 0).label("goods_fen"),
    func.sum(movement.c.freight_fen).label("freight_fen"),
    func.coalesce(func.sum(movement.c.seconds), 0).label("seconds"),
    func.max(movement.c.seconds).label("longest"),
)

#: what a movement can be cut by
DIMS = ("source_id", "provider", "session_id", "seller_id", "operator")


def by_seller(connection: Connection, span: Span, scope: Scope) -> list[dict[str, Any]]:
    """The same sums by seller: kind, reason, day."""
    keys = [movement.c.kind, movement.c.reason, movement.c.day, movement.c.seller_id]
    query = select(*keys, *_SUMS).where(*during(span, scope)).group_by(*keys)
    whole = {column.name for column in _SUMS}
    rows = connection.execute(query).mappings()
    return [{name: int(value or 0) if name in whole else value for name, value in row.items()} for row in rows]


_ended = movement.alias("ended")
_bought = movement.alias("bought")


def _outcomes(mine: Any, wanted: Sequence[Any]) -> Select[Any]:
    """``wanted`` of booked movements, each with how its booking was bought and how it ended."""
    same = (_bought.c.line_id == mine.c.line_id, _bought.c.generation == mine.c.generation)
    end = (_ended.c.line_id == mine.c.line_id, _ended.c.generation == mine.c.generation)
    paid = and_(*same, _bought.c.kind == "bought")
    ended = and_(*end, _ended.c.kind.in_(("cancelled", "refunded")))
    return select(*wanted).select_from(mine.outerjoin(_bought, paid).outerjoin(_ended, ended))


_mine = movement.alias("mine")
_FATE = case(
    (_bought.c.id.is_not(None), "bought"),
    (and_(_ended.c.kind == "cancelled", _ended.c.reason == "expired"), "expired"),
    (_ended.c.kind == "cancelled", "cancelled"),
    else_="open",
).label("fate")
_REFUNDED = case((_ended.c.kind == "refunded", 1), else_=0).label("refunded")
_UNDONE = case((and_(_ended.c.kind == "cancelled", _ended.c.seconds <= 3600), 1), else_=0).label("undone")


def cohort(connection: Connection, span: Span, scope: Scope, by: Sequence[str] = ()) -> Rows:
    """What became of what was booked in the span: fate, refunded, undone (within the hour); pieces, lines, goods_fen.

    ``youngest``: the last booking. ``by``: further columns of the movement to group by.
    """
    keys = [_FATE, _REFUNDED, _UNDONE, *(_mine.c[name] for name in by)]
    sums = [
        func.sum(_mine.c.pieces).label("pieces"),
        func.count().label("lines"),
        func.coalesce(func.sum(_mine.c.goods_fen), 0).label("goods_fen"),
        func.max(_mine.c.at).label("youngest"),
    ]
    query = _outcomes(_mine, [*keys, *sums])
    query = query.where(_mine.c.kind == "booked", *during(span, scope, _mine)).group_by(*keys)
    return connection.execute(query).mappings().all()


def cohort_lines(span: Span, scope: Scope) -> Select[Any]:
    """The same booking by booking, with the line."""
    released = case((_ended.c.reason == "release", 1), else_=0).label("released")
    names = (
        "id", "kind", "reason", "at", "pieces", "goods_fen", "day", "source_id", "session_id", "operator", "provider",
        "seller_id", "booking_id", "seconds", "waited",
    )  # fmt: skip
    wanted = [*(_mine.c[name] for name in names), _FATE, _REFUNDED, _UNDONE, released]
    query = _outcomes(_mine, [*wanted, line.c.number, line.c.seller_name, booking.c.out_order_id])
    query = query.join(line, line.c.id == _mine.c.line_id).outerjoin(booking, booking.c.id == _mine.c.booking_id)
    query = query.where(_mine.c.kind == "booked", *during(span, scope, _mine))
    return query.order_by(_mine.c.at, _mine.c.id)


def moments(connection: Connection, span: Span, scope: Scope) -> Sequence[Any]:
    """Durations of what was booked, bought and tracked, one by one.

    Columns: kind, again, seconds, waited, pieces, then `DIMS`.
    """
    names = ("kind", "again", "seconds", "waited", "pieces", *DIMS)
    query = select(*[movement.c[name] for name in names])
    query = query.where(movement.c.kind.in_(("booked", "bought", "tracked")), *during(span, scope))
    return connection.execute(query).all()


def prices(connection: Connection, span: Span, scope: Scope) -> list[dict[str, Any]]:
    """What was booked, by the days whose rates count and by `DIMS`: pieces, lines, and fen of all its parts."""
    blind = movement.c.reference_fen.is_(None).label("blind")
    keys = [movement.c.ref_day, movement.c.day, blind, *(movement.c[name] for name in DIMS)]
    sums = ("pieces", "goods_fen", "freight_fen", "reference_fen")
    query = select(*keys, func.count().label("lines"), *[func.sum(movement.c[name]).label(name) for name in sums])
    query = query.where(movement.c.kind == "booked", *during(span, scope)).group_by(*keys)
    whole = {"lines", *sums}
    rows = connection.execute(query).mappings()
    return [{name: int(value or 0) if name in whole else value for name, value in row.items()} for row in rows]


def dearer(connection: Connection, span: Span, scope: Scope) -> Sequence[Any]:
    """What was bought at another price than it was booked at: (when it was booked, fen more)."""
    more = movement.c.goods_fen - movement.c.booked_fen
    query = select(movement.c.booked_at, more).where(movement.c.kind == "bought", more != 0, *during(span, scope))
    return connection.execute(query).all()


def bands(connection: Connection, span: Span, scope: Scope, bounds: Sequence[int]) -> Rows:
    """Pieces booked by operator, provider and price band (place of the first bound in fen that a piece costs less)."""
    each = movement.c.goods_fen / movement.c.pieces
    band = case(*[(each < bound, place) for place, bound in enumerate(bounds)], else_=len(bounds)).label("band")
    keys = (movement.c.operator, movement.c.provider, band)
    query = select(*keys, func.sum(movement.c.pieces).label("pieces"))
    query = query.where(movement.c.kind == "booked", *during(span, scope)).group_by(*keys)
    return connection.execute(query).mappings().all()


def priced(connection: Connection, span: Span, scope: Scope) -> Rows:
    """What was booked in the span beside what the customer pays for it."""
    query = (
        select(
            movement.c.pieces, movement.c.goods_fen, movement.c.day, movement.c.ref_day, movement.c.session_id,
            movement.c.seller_id, line.c.number, line.c.seller_name, line.c.currency, line.c.unit_price_minor,
            line.c.ratio, line.c.rate,
        )
        .join_from(movement, line)
        .where(movement.c.kind == "booked", *during(span, scope))
        .order_by(line.c.number)
    )  # fmt: skip
    return connection.execute(query).mappings().all()


def seller_names(connection: Connection, span: Span, scope: Scope) -> dict[str, str]:
    """What the sellers of the span's movements are called."""
    query = select(movement.c.seller_id, func.max(line.c.seller_name)).join_from(movement, line)
    rows = connection.execute(query.where(*during(span, scope)).group_by(movement.c.seller_id))
    return {str(key): str(name) for key, name in rows if name}


# --- what is judged when its time is over ---

_later = movement.alias("later")
_left = movement.alias("gone")


def judged_ready(span: Span, scope: Scope, seconds: int) -> Select[Any]:
    """What became ready in the span, with ``hit``: booked for the first time within so many seconds.

    What was withdrawn from the queue before is left out: there was nothing to be booked any more.
    """
    clock = case((movement.c.kind == "ready", movement.c.clock_at), else_=movement.c.at)
    in_time = (
        select(_later.c.id)
        .where(_later.c.line_id == movement.c.line_id, _later.c.kind == "booked", _later.c.waited <= seconds)
        .where(_later.c.clock_at == clock, _later.c.at >= movement.c.at)
    )
    gone = (
        select(_left.c.id)
        .where(_left.c.line_id == movement.c.line_id, _left.c.kind == "withdrawn", _left.c.waited <= seconds)
        .where(_left.c.clock_at == clock, _left.c.at >= movement.c.at)
        .where(_left.c.backlog < 0)
    )
    hit = case((exists(in_time), 1), else_=0).label("hit")
    became = or_(movement.c.kind == "ready", movement.c.kind == "refunded")
    query = select(hit, movement.c.backlog.label("judged"), movement.c.id.label("movement_id"))
    query = query.where(became, movement.c.backlog > 0, *during(span, scope))
    return query.where(or_(exists(in_time), ~exists(gone)))


def judged_tracked(span: Span, scope: Scope, seconds: int) -> Select[Any]:
    """What was bought in the span, with ``hit``: not tracked within so many seconds; refunded before: left out."""
    same = (_later.c.line_id == movement.c.line_id, _later.c.generation == movement.c.generation)
    told = select(_later.c.id).where(*same, _later.c.kind == "tracked", _later.c.seconds <= seconds)
    ended = (_left.c.line_id == movement.c.line_id, _left.c.generation == movement.c.generation)
    back = select(_left.c.id).where(*ended, _left.c.kind == "refunded", _left.c.seconds <= seconds)
    hit = case((exists(told), 0), else_=1).label("hit")
    query = select(hit, movement.c.pieces.label("judged"), movement.c.id.label("movement_id"))
    query = query.where(movement.c.kind == "bought", *during(span, scope))
    return query.where(or_(exists(told), ~exists(back)))


def judge(connection: Connection, query: Select[Any]) -> tuple[int, int]:
    """(hits, all) in pieces of what is judged."""
    found = query.subquery()
    sums = select(func.sum(case((found.c.hit == 1, found.c.judged), else_=0)), func.sum(found.c.judged))
    hits, total = connection.execute(sums).one()
    return int(hits or 0), int(total or 0)


# --- bookings and orders of a span ---


def bookings_of(span: Span, scope: Scope, kind: str, reason: str = "") -> Select[Any]:
    """The bookings that movements of a kind in the span belong to."""
    query = select(movement.c.booking_id).where(movement.c.kind == kind, *during(span, scope))
    return query.where(movement.c.reason == reason) if reason else query


def releases(connection: Connection, span: Span, scope: Scope) -> tuple[int, int]:
    """(released, all) bookings of those booked in the span."""
    gone = case((_ended.c.reason == "release", _mine.c.booking_id))
    wanted = [func.count(gone.distinct()), func.count(_mine.c.booking_id.distinct())]
    query = _outcomes(_mine, wanted)
    hits, total = connection.execute(query.where(_mine.c.kind == "booked", *during(span, scope, _mine))).one()
    return int(hits), int(total)


def released(connection: Connection, span: Span, scope: Scope) -> list[Sequence[Mapping[str, Any]]]:
    """What differed of each booking that was released in the span: the evidence."""
    query = select(booking.c.check_found).where(booking.c.id.in_(bookings_of(span, scope, "cancelled", "release")))
    return [found for found in connection.execute(query).scalars() if isinstance(found, list)]


def deadlines(connection: Connection, span: Span, scope: Scope) -> tuple[int, int]:
    """(assumed, all) deadlines of provider orders booked in the span."""
    booked = bookings_of(span, scope, "booked").distinct().subquery()
    mine = (provider_order.c.booking_id == booked.c.booking_id, provider_order.c.pay_deadline.is_not(None))
    every = select(func.count()).select_from(provider_order).where(*mine)
    # one look a booking: as a join, PostgreSQL would read all orders there ever were
    of_these = every.where(provider_order.c.deadline_assumed)
    sums = select(func.sum(of_these.scalar_subquery()), func.sum(every.scalar_subquery())).select_from(booked)
    assumed, total = connection.execute(sums).one()
    return int(assumed or 0), int(total or 0)


def overrides(connection: Connection, span: Span) -> dict[str, int]:
    """How often each operator booked at prices beyond the tolerance, in runs of the span."""
    query = select(run.c.actor, run.c.params).where(
        run.c.kind == "book", run.c.created_at >= span.start, run.c.created_at < span.end
    )
    found: dict[str, int] = {}
    for actor, params in connection.execute(query):
        found[actor] = found.get(actor, 0) + bool(params.get("accept_prices"))
    return found


def rejects(connection: Connection, span: Span) -> dict[int, int]:
    """Input rows refused by imports of the span, by source."""
    query = (
        select(run.c.source_id, func.count())
        .join_from(run, import_reject, import_reject.c.run_id == run.c.id)
        .where(run.c.kind == "import", run.c.created_at >= span.start, run.c.created_at < span.end)
        .group_by(run.c.source_id)
    )
    return {int(key): int(count) for key, count in connection.execute(query) if key is not None}


def import_ages(connection: Connection, span: Span, scope: Scope) -> Rows:
    """How long after the payment we came to know of what became ready in the span: source_id, seconds, pieces."""
    query = select(movement.c.source_id, movement.c.seconds, func.sum(movement.c.pieces).label("pieces"))
    query = query.where(movement.c.kind == "ready", movement.c.seconds.is_not(None), *during(span, scope))
    return connection.execute(query.group_by(movement.c.source_id, movement.c.seconds)).mappings().all()


def not_synced(connection: Connection, since: datetime) -> list[str]:
    """Active sessions without a good sync since then."""
    query = select(session.c.name).where(
        session.c.state == "active", or_(session.c.synced_at.is_(None), session.c.synced_at < since)
    )
    return list(connection.execute(query.order_by(session.c.name)).scalars())


# --- restatements, and what does not add up ---


def frozen(connection: Connection, kind: str) -> Rows:
    """The newest frozen report of each period: period, version, as_of."""
    newest = select(report.c.period, func.max(report.c.version).label("version")).where(report.c.kind == kind)
    last = newest.group_by(report.c.period).subquery()
    query = (
        select(report.c.period, report.c.version, report.c.as_of)
        .join(last, and_(last.c.period == report.c.period, last.c.version == report.c.version))
        .where(report.c.kind == kind)
        .order_by(report.c.period)
    )
    return connection.execute(query).mappings().all()


def learned(
    connection: Connection, scope: Scope, week: tuple[datetime, datetime], since: datetime, until: datetime
) -> Rows:
    """Movements of a week that came to be known after ``since``, until ``until``: kind, reason, pieces, goods_fen."""
    start, end = week
    query = select(
        movement.c.kind,
        func.sum(movement.c.pieces).label("pieces"),
        func.sum(movement.c.backlog).label("backlog"),
        func.coalesce(func.sum(movement.c.goods_fen), 0).label("goods_fen"),
    ).where(
        movement.c.recorded_at > since, movement.c.recorded_at <= until, movement.c.at >= start, movement.c.at < end,
        *scope.on(columns(movement)),
    )  # fmt: skip
    return connection.execute(query.group_by(movement.c.kind)).mappings().all()


def known_late(connection: Connection, span: Span) -> bool:
    """Whether anything came to be known in the span that was so before it."""
    query = select(movement.c.id).where(
        movement.c.recorded_at >= span.start, movement.c.recorded_at < span.end, movement.c.at < span.start
    )
    return connection.execute(query.limit(1)).first() is not None


def disagreeing(connection: Connection, limit: int = 200) -> Rows:
    """Lines whose state is not what their movements add up to: number, and both sides. Reads every line."""
    sums = (
        select(
            movement.c.line_id,
            *[func.sum(movement.c[name]).label(name) for name in ("backlog", "unpaid", "excess")],
        )
        .group_by(movement.c.line_id)
        .subquery()
    )
    told = {name: func.coalesce(sums.c[name], 0) for name in ("backlog", "unpaid", "excess")}
    query = (
        select(line.c.number, *[line.c[name] for name in told], *[v.label(f"told_{n}") for n, v in told.items()])
        .outerjoin_from(line, sums, sums.c.line_id == line.c.id)
        .where(or_(*[line.c[name] != value for name, value in told.items()]))
        .order_by(line.c.id)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


# --- the lines behind a number ---


def lines() -> Select[Any]:
    """Movements with the line and the booking they are about."""
    which = movement
    return (
        select(
            which.c.id, which.c.booked_at, which.c.booked_fen,
            which.c.kind, which.c.reason, which.c.at, which.c.pieces, which.c.backlog, which.c.excess,
            which.c.seconds, which.c.waited, which.c.goods_fen, which.c.freight_fen, which.c.reference_fen,
            which.c.ref_day, which.c.day, which.c.source_id, which.c.session_id, which.c.operator,
            which.c.provider, which.c.seller_id, which.c.booking_id, which.c.generation, which.c.attempt,
            line.c.number, line.c.seller_name, booking.c.out_order_id,
        )
        .join_from(which, line, which.c.line_id == line.c.id)
        .join(orders, orders.c.id == line.c.order_id)
        .outerjoin(booking, booking.c.id == which.c.booking_id)
    )  # fmt: skip
