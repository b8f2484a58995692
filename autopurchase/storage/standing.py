"""What stands now: the backlog by part and age, what waits for payment, sessions. Kept sums where lines are many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
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
    literal_column,
    select,
    text,
    union_all,
)

from autopurchase.storage import desk_views, workspace
from autopurchase.storage.counting import FLOWS, SUMS
from autopurchase.storage.schema import (
    booking,
    booking_line,
    call_stat,
    finding,
    line,
    movement,
    orders,
    provider_order,
    run,
    session,
    tally,
    tally_delta,
)
from autopurchase.storage.scopes import Scope

Rows = Sequence[RowMapping]
#: the workspace's note of its zone, and the zone of one that has none: the marketplaces'
ZONE_KEY, DEFAULT_ZONE = "report_zone", "Asia/Shanghai"
_DIMS = ("source_id", "provider", "session_id", "operator")
_NOW = (*_DIMS, "part", "cause", "clock_hour", "ref_day")
#: as the texts of the partial indexes
WAITS, OWES, TOO_MANY = text("line.backlog > 0"), text("line.unpaid > 0"), text("line.excess > 0")


def sums_now(connection: Connection, scope: Scope) -> list[Mapping[str, Any]]:
    """What stands, by source, provider, session, operator, part, cause, hour since when, and day of the payment."""
    if scope.seller is not None:
        return [*_of_seller(connection, scope)]
    merged = select(*[tally.c[name] for name in (*_NOW, *SUMS)]).where(tally.c.level == "now", *_in(tally, scope))
    fresh = select(*[tally_delta.c[name] for name in (*_NOW, *SUMS)])
    fresh = fresh.where(tally_delta.c.part.not_like("+%"), *_in(tally_delta, scope))
    both = union_all(merged, fresh).subquery()
    sums = [func.sum(both.c[name]).label(name) for name in SUMS]
    query = select(*[both.c[name] for name in _NOW], *sums).group_by(*[both.c[name] for name in _NOW])
    rows = connection.execute(query).mappings()
    return [{**row, **{name: int(row[name]) for name in SUMS}} for row in rows if any(row[name] for name in SUMS)]


def _in(table: Any, scope: Scope) -> list[ColumnElement[bool]]:
    return scope.on({name: table.c[name] for name in _DIMS})


def _of_seller(connection: Connection, scope: Scope) -> Iterator[Mapping[str, Any]]:
    """The same of one seller's lines, one row a line: sums are not kept by seller."""
    for column, part in ((WAITS, None), (OWES, "unpaid"), (TOO_MANY, "excess")):
        for row in connection.execute(lines(column, scope)).mappings():
            yield _row(row, part)


def _row(row: RowMapping, part: str | None) -> Mapping[str, Any]:
    price, pieces = row["reference_fen"], row["backlog"] if part is None else row[part]
    fen = row["standing"].get("goods", 0) if part == "unpaid" else (price or 0) * pieces
    under_way = part is not None or row["part"] in ("in progress", "unknown")
    return {
        "source_id": row["source_id"],
        "provider": row["provider"],
        "session_id": row["session_id"] or 0 if under_way else 0,
        "operator": row["operator"] or "" if under_way else "",
        "part": part or row["part"],
        "cause": row["part_cause"] if part is None else "",
        "clock_hour": row["clock_at"].replace(minute=0, second=0, microsecond=0),
        "ref_day": (row["paid_at"] or row["clock_at"]).date().isoformat() if part is None else "",
        "pieces": pieces,
        "lines": 1,
        "fen": 0 if part == "excess" else fen,
        "unpriced": pieces if part is None and price is None else 0,
    }


_COLUMNS: dict[str, ColumnElement[Any]] = {
    "source_id": orders.c.source_id,
    "provider": line.c.provider,
    "session_id": booking.c.session_id,
    "seller": line.c.seller_id,
    "operator": func.coalesce(run.c.actor, ""),
}
#: what waits is nobody's yet, unless a booking of it is under way
_UNDER_WAY = line.c.part.in_(("in progress", "unknown"))
_WAITING = {
    **_COLUMNS,
    "session_id": case((_UNDER_WAY, booking.c.session_id)),
    "operator": case((_UNDER_WAY, _COLUMNS["operator"]), else_=""),
}


def lines(which: Any, scope: Scope) -> Select[Any]:
    """Lines that wait (`WAITS`), wait for payment (`OWES`) or are over-booked (`TOO_MANY`), with whose they are."""
    return (
        select(
            line.c.id,
            line.c.number,
            line.c.provider,
            line.c.seller_id,
            line.c.seller_name,
            line.c.part,
            line.c.part_cause,
            line.c.backlog,
            line.c.unpaid,
            line.c.excess,
            line.c.clock_at,
            line.c.reference_fen,
            line.c.standing,
            orders.c.source_id,
            orders.c.paid_at,
            booking.c.session_id,
            run.c.actor.label("operator"),
        )
        .join_from(line, orders)
        .outerjoin(booking, booking.c.id == line.c.booking_id)
        .outerjoin(run, run.c.id == booking.c.run_id)
        .where(which, *scope.on(_WAITING if which is WAITS else _COLUMNS))
    )


def between(
    connection: Connection, scope: Scope, start: datetime, end: datetime, *, inclusive: bool = False
) -> tuple[int, int]:
    """(pieces, lines) of the backlog that are ready since ``start`` or later and before ``end`` (or at it)."""
    query = select(func.coalesce(func.sum(line.c.backlog), 0), func.count())
    query = query.where(WAITS, line.c.clock_at >= start, line.c.clock_at <= end if inclusive else line.c.clock_at < end)
    pieces, count = connection.execute(_scoped(query.select_from(line), scope)).one()
    return int(pieces), int(count)


def since(connection: Connection, scope: Scope, start: datetime, end: datetime) -> list[Mapping[str, Any]]:
    """The same line by line, as `sums_now` tells them."""
    query = lines(WAITS, scope).where(line.c.clock_at >= start, line.c.clock_at < end)
    return [_row(row, None) for row in connection.execute(query).mappings()]


def by_seller(connection: Connection, scope: Scope, part: str) -> list[Mapping[str, Any]]:
    """What waits ("" for ``part``), is unpaid or in excess, line by line with its seller."""
    which = {"": WAITS, "unpaid": OWES, "excess": TOO_MANY}[part]
    rows = connection.execute(lines(which, scope)).mappings()
    return [{**_row(row, part or None), **{name: row[name] for name in _OF_SELLER}} for row in rows]


_OF_SELLER = ("seller_id", "seller_name", "clock_at")


def clocks(connection: Connection, scope: Scope, start: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """(since when, pieces) of the backlog's lines ready since ``start``, before ``end``; the newest first."""
    query = select(line.c.clock_at, line.c.backlog).where(WAITS, line.c.clock_at >= start, line.c.clock_at < end)
    rows = connection.execute(_scoped(query, scope).order_by(line.c.clock_at.desc()))
    return [(moment, int(pieces)) for moment, pieces in rows]


def _scoped(query: Select[Any], scope: Scope) -> Select[Any]:
    if scope.source_id is not None:
        query = query.join(orders, orders.c.id == line.c.order_id)
    if scope.session_id is not None or scope.operator is not None:
        query = query.outerjoin(booking, booking.c.id == line.c.booking_id)
        query = query.outerjoin(run, run.c.id == booking.c.run_id)
    return query.where(*scope.on(_WAITING))


# --- by time ---


def tally_zone(connection: Connection) -> str:
    """The zone whose days sums are kept of."""
    return workspace.read(connection, ZONE_KEY) or DEFAULT_ZONE


Change = tuple[datetime, str, int]


def changes_since(connection: Connection, scope: Scope, zone: str, since: datetime) -> list[Change]:
    """(slot, part, pieces) of every difference in what stood since then, and of what happened.

    Slots are days of ``zone`` where sums are kept of those, else quarters of an hour; of one seller, movements.
    """
    if scope.seller is not None:
        return _of_seller_since(connection, scope, since)
    return _sums_since(connection, scope, "day" if tally_zone(connection) == zone else "slot", since)


def _sums_since(connection: Connection, scope: Scope, level: str, since: datetime) -> list[Change]:
    """Merged and fresh."""
    merged = select(tally.c.slot, tally.c.part, tally.c.pieces)
    merged = merged.where(tally.c.level == level, tally.c.slot >= since, *_in(tally, scope))
    fresh = select(tally_delta.c.slot, tally_delta.c.part, tally_delta.c.pieces)
    fresh = fresh.where(tally_delta.c.slot >= since, *_in(tally_delta, scope))
    both = union_all(merged, fresh).subquery()
    query = select(both.c.slot, both.c.part, func.sum(both.c.pieces)).group_by(both.c.slot, both.c.part)
    return [(slot, str(part), int(pieces)) for slot, part, pieces in connection.execute(query)]


def _of_seller_since(connection: Connection, scope: Scope, since: datetime) -> list[Change]:
    """From movements: sums are not kept by seller."""
    names = ("at", "kind", "pieces", *_LEVELS)
    query = select(*[movement.c[name] for name in names]).where(
        movement.c.at >= since, *scope.on({"seller": movement.c.seller_id, **{n: movement.c[n] for n in _DIMS}})
    )
    found: list[Change] = []
    for row in connection.execute(query).mappings():
        found += [(row["at"], part, row[part]) for part in _LEVELS if row[part]]
        if row["kind"] in FLOWS:
            found.append((row["at"], f"+{row['kind']}", row["backlog"] if row["kind"] == "ready" else row["pieces"]))
        if row["kind"] == "refunded" and row["backlog"]:
            found.append((row["at"], "+ready", row["backlog"]))
    return found


_LEVELS = ("backlog", "unpaid", "excess")


# --- orders at marketplaces ---

_UNPAID: ColumnElement[bool] = literal_column("provider_order.state = 'unpaid'")


def unpaid_orders(connection: Connection, scope: Scope, now: datetime) -> Rows:
    """Our unpaid provider orders by session: orders, total_fen, and both by deadline; deadlines that are assumed.

    Columns ending in ``_6``, ``_24``: the deadline lies within so many hours; ``_overdue``: it has passed;
    ``_none``: none is known.
    """
    deadline = provider_order.c.pay_deadline
    when = {
        "6": and_(deadline > now, deadline <= now + timedelta(hours=6)),
        "24": and_(deadline > now, deadline <= now + timedelta(hours=24)),
        "overdue": deadline <= now,
        "none": deadline.is_(None),
    }
    total = func.coalesce(provider_order.c.total_fen, 0)
    assumed = case((provider_order.c.deadline_assumed, 1), else_=0)
    columns = [provider_order.c.session_id, func.count().label("orders"), func.sum(total).label("total_fen")]
    columns += [func.sum(assumed).label("assumed")]
    for name, condition in when.items():
        columns += [
            func.sum(case((condition, 1), else_=0)).label(f"orders_{name}"),
            func.sum(case((condition, total), else_=0)).label(f"total_{name}"),
            func.sum(case((condition, assumed), else_=0)).label(f"assumed_{name}"),
        ]
    query = select(*columns).where(_UNPAID, provider_order.c.booking_id.is_not(None), *of_orders(scope))
    return connection.execute(query.group_by(provider_order.c.session_id)).mappings().all()


def of_orders(scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions on provider orders: of a session, a marketplace; with a line of a source, a seller, an operator."""
    found: list[ColumnElement[bool]] = []
    if scope.session_id is not None:
        found.append(provider_order.c.session_id == scope.session_id)
    if scope.provider is not None:
        found.append(provider_order.c.session_id.in_(select(session.c.id).where(session.c.provider == scope.provider)))
    if scope.operator is not None:
        mine = select(booking.c.id).join_from(booking, run).where(booking.c.id == provider_order.c.booking_id)
        found.append(mine.where(run.c.actor == scope.operator).exists())
    if scope.source_id is not None or scope.seller is not None:
        tied = select(booking_line.c.id).join_from(booking_line, line, booking_line.c.line_id == line.c.id)
        tied = tied.join(orders, orders.c.id == line.c.order_id)
        tied = tied.where(booking_line.c.provider_order_id == provider_order.c.id, booking_line.c.live)
        if scope.source_id is not None:
            tied = tied.where(orders.c.source_id == scope.source_id)
        if scope.seller is not None:
            tied = tied.where(line.c.seller_id == scope.seller)
        found.append(exists(tied))
    return found


def orphans(connection: Connection, scope: Scope, before: datetime) -> RowMapping:
    """Living provider orders bound to nothing, born before then: orders, total_fen."""
    query = select(
        func.count().label("orders"), func.coalesce(func.sum(provider_order.c.total_fen), 0).label("total_fen")
    )
    return connection.execute(query.where(*orphaned(scope, before))).mappings().one()


def orphaned(scope: Scope, before: datetime) -> list[ColumnElement[bool]]:
    """Conditions of `orphans`, the desk's own; whose lines they are nobody knows."""
    by_line = scope.source_id is not None or scope.seller is not None or bool(scope.operator)
    of_session = Scope(session_id=scope.session_id, provider=scope.provider)
    never: list[ColumnElement[bool]] = [literal_column("1 = 0")] if by_line else []
    return [*desk_views.is_orphan(before), *of_orders(of_session), *never]


def unknown(connection: Connection, scope: Scope) -> RowMapping:
    """Bookings of unknown outcome: bookings, oldest (when it was sent)."""
    query = select(func.count().label("bookings"), func.min(booking.c.sent_at).label("oldest"))
    return connection.execute(query.where(*unknown_bookings(scope))).mappings().one()


def unknown_bookings(scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions of `unknown`."""
    found: list[ColumnElement[bool]] = [booking.c.state == "unknown"]
    if scope.session_id is not None:
        found.append(booking.c.session_id == scope.session_id)
    if scope.provider is not None:
        found.append(booking.c.session_id.in_(select(session.c.id).where(session.c.provider == scope.provider)))
    if scope.operator is not None:
        found.append(booking.c.run_id.in_(select(run.c.id).where(run.c.actor == scope.operator)))
    if scope.source_id is not None or scope.seller is not None:
        tied = select(booking_line.c.id).join_from(booking_line, line, booking_line.c.line_id == line.c.id)
        tied = tied.join(orders, orders.c.id == line.c.order_id).where(booking_line.c.booking_id == booking.c.id)
        if scope.source_id is not None:
            tied = tied.where(orders.c.source_id == scope.source_id)
        if scope.seller is not None:
            tied = tied.where(line.c.seller_id == scope.seller)
        found.append(exists(tied))
    return found


def ghosts(connection: Connection, scope: Scope) -> int:
    """Bookings believed to live that the marketplace does not know, as the desk found them."""
    query = select(func.count()).select_from(finding).where(*ghost_findings(scope))
    return int(connection.execute(query).scalar_one())


def ghost_findings(scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions of `ghosts`."""
    found: list[ColumnElement[bool]] = [finding.c.state == "open", finding.c.kind == "ghost"]
    if scope.session_id is not None:
        found.append(finding.c.session_id == scope.session_id)
    if scope.provider is not None:
        found.append(finding.c.session_id.in_(select(session.c.id).where(session.c.provider == scope.provider)))
    mine = Scope(source_id=scope.source_id, seller=scope.seller, operator=scope.operator)
    if mine != Scope():
        found.append(finding.c.booking_id.in_(select(booking.c.id).where(*unknown_bookings(mine)[1:])))
    return found


# --- sessions ---

#: refusals by which the marketplace says that the account does too much
_SIGNALS = ("limit_reached", "risk_control", "throttled")


def sessions(connection: Connection, scope: Scope, today: datetime) -> list[dict[str, Any]]:
    """Sessions with ``used`` (bookings sent today) and ``signals`` (risk signals today)."""
    query = select(session).order_by(session.c.provider, session.c.name)
    if scope.session_id is not None:
        query = query.where(session.c.id == scope.session_id)
    if scope.provider is not None:
        query = query.where(session.c.provider == scope.provider)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    ids = [row["id"] for row in rows]
    sent = select(booking.c.session_id, func.count()).where(booking.c.session_id.in_(ids), booking.c.sent_at >= today)
    used = {int(key): int(count) for key, count in connection.execute(sent.group_by(booking.c.session_id))}
    risky = signals(connection, ids, today)
    return [{**row, "used": used.get(row["id"], 0), "signals": risky.get(row["id"], 0)} for row in rows]


def signals(
    connection: Connection, session_ids: Sequence[int], since: datetime, until: datetime | None = None
) -> dict[int, int]:
    """Risk signals of sessions in hours since then."""
    query = (
        select(call_stat.c.session_id, func.sum(call_stat.c.calls))
        .where(call_stat.c.session_id.in_(session_ids), call_stat.c.hour >= since, call_stat.c.outcome.in_(_SIGNALS))
        .group_by(call_stat.c.session_id)
    )
    if until is not None:
        query = query.where(call_stat.c.hour < until)
    return {int(key): int(calls) for key, calls in connection.execute(query)}
