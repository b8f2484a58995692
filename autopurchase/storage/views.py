"""Lists the pages read: ready and held lines, purchased lines, one order. Rows are mappings; nothing is written here.

Every list is filtered, counted (up to `CAP`) and paged in SQL, and needs the same few queries however many rows it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Subquery, case, func, or_, select, text, union_all

from autopurchase.domain.money import digits
from autopurchase.domain.order import parse_line_number
from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import (
    booking,
    booking_line,
    event,
    line,
    orders,
    parcel,
    provider_order,
    session,
    source,
)

#: lists are counted and reachable up to here; narrow the filter to reach more
CAP = 10_000
#: a filter may pick this many lines at once
PICK_CAP = 2_000
#: a filter that no index answers looks at so many of the lines that wait longest (or shortest), not at all of them
NEAR = 50_000

Rows = Sequence[RowMapping]
#: currencies whose minor unit is not a hundredth, as far as amounts are compared with a ceiling
_ODD = [code for code in ("JPY", "KRW", "VND", "CLP", "ISK", "KWD", "BHD", "OMR", "JOD", "TND") if digits(code) != 2]


@dataclass(frozen=True, slots=True)
class ReadyFilter:
    """Which ready (or, with ``held``, which problem) lines. Empty fields do not restrict.

    ``older_than`` is a moment: lines that became ready before it. ``max_price`` bounds the unit price in major units of
    the line's own currency. ``seller``, ``customer``, ``order`` and ``text`` match parts, whatever their case.
    """

    held: bool = False
    provider: str = ""
    source: str = ""
    seller: str = ""
    customer: str = ""
    order: str = ""
    cause: str = ""
    currency: str = ""
    text: str = ""
    older_than: datetime | None = None
    max_price: Decimal | None = None
    newest_first: bool = False


def _like(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    return column.icontains(part.strip(), autoescape=True)


def _indexed(wanted: ReadyFilter) -> list[Any]:
    """Conditions that indexes answer; the literal ``line.ready`` is what the partial ones ask for."""
    found: list[Any] = [line.c.purchase == "problem" if wanted.held else text("line.ready")]
    if wanted.provider and not wanted.held:
        found.append(line.c.provider == wanted.provider)
    if wanted.older_than is not None:
        found.append(_since(wanted) <= wanted.older_than)
    return found


def _searched(wanted: ReadyFilter) -> list[ColumnElement[bool]]:
    """What is found only by reading lines."""
    found: list[ColumnElement[bool]] = []
    if wanted.provider and wanted.held:
        found.append(line.c.provider == wanted.provider)
    if wanted.cause:
        found.append(line.c.cause == wanted.cause)
    if wanted.currency:
        found.append(line.c.currency == wanted.currency)
    if wanted.seller:
        found.append(or_(_like(line.c.seller_name, wanted.seller), line.c.seller_id == wanted.seller.strip()))
    if wanted.text:
        found.append(_matches(wanted.text))
    if wanted.max_price is not None:
        found.append(_at_most(wanted.max_price))
    return found


def _since(wanted: ReadyFilter) -> ColumnElement[Any]:
    return line.c.changed_at if wanted.held else line.c.ready_at


def _matches(words: str) -> ColumnElement[bool]:
    columns = (line.c.number, line.c.title, line.c.item_id, line.c.configuration, line.c.configuration_original)
    return or_(*[_like(column, words) for column in columns])


def _at_most(ceiling: Decimal) -> ColumnElement[bool]:
    bounds = {code: int(ceiling.scaleb(digits(code))) for code in _ODD}
    return line.c.unit_price_minor <= case(bounds, value=line.c.currency, else_=int(ceiling.scaleb(2)))


def _order_conditions(wanted: ReadyFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.customer:
        found.append(_like(orders.c.customer, wanted.customer))
    if wanted.order:
        found.append(_like(orders.c.number, wanted.order))
    if wanted.source:
        found.append(orders.c.source_id.in_(select(source.c.id).where(source.c.name == wanted.source)))
    return found


def _ready(query: Select[Any], wanted: ReadyFilter) -> Select[Any]:
    """``query`` on lines, restricted to the filter."""
    of_line, of_order = _searched(wanted), _order_conditions(wanted)
    if not of_line and not of_order:
        return query.where(*_indexed(wanted))
    near = _near(wanted, NEAR)
    query = query.join(near, line.c.id == near.c.id).where(*of_line)
    return query.join(orders, line.c.order_id == orders.c.id).where(*of_order) if of_order else query


def _near(wanted: ReadyFilter, limit: int) -> Subquery:
    return select(line.c.id).where(*_indexed(wanted)).order_by(*_ready_order(wanted)).limit(limit).subquery("near")


def _ready_order(wanted: ReadyFilter) -> list[ColumnElement[Any]]:
    since = _since(wanted)
    return [since.desc(), line.c.id.desc()] if wanted.newest_first else [since, line.c.id]


def ready_count(connection: Connection, wanted: ReadyFilter) -> int:
    """How many lines fit, counted up to ``CAP + 1``."""
    capped = _ready(select(line.c.id), wanted).limit(CAP + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(capped)).scalar_one())


def reaches_all(connection: Connection, wanted: ReadyFilter) -> bool:
    """Whether the filter has looked at every line, not only at the first `NEAR`."""
    if not _searched(wanted) and not _order_conditions(wanted):
        return True
    query = select(func.count()).select_from(_near(wanted, NEAR + 1))
    return int(connection.execute(query).scalar_one()) <= NEAR


def ready_page(connection: Connection, wanted: ReadyFilter, *, limit: int, offset: int = 0) -> Rows:
    """One page, oldest first unless the filter says otherwise. Columns: see `_LINE`."""
    ids = _ready(select(line.c.id), wanted).order_by(*_ready_order(wanted)).limit(limit).offset(offset)
    query = _lines().where(line.c.id.in_(ids.subquery().select())).order_by(*_ready_order(wanted))
    return connection.execute(query).mappings().all()


_LINE = (
    line.c.number,
    line.c.version,
    line.c.provider,
    line.c.item_id,
    line.c.item_url,
    line.c.photo_url,
    line.c.title,
    line.c.configuration,
    line.c.configuration_original,
    line.c.seller_id,
    line.c.seller_name,
    line.c.quantity,
    line.c.open_quantity,
    line.c.currency,
    line.c.unit_price_minor,
    line.c.sum_minor,
    line.c.reference_fen,
    line.c.weight_grams,
    line.c.product_key,
    line.c.unclear,
    line.c.ratio,
    line.c.rate,
    line.c.rate_day,
    line.c.status,
    line.c.purchase,
    line.c.cause,
    line.c.customer_comment,
    line.c.operator_comment,
    line.c.amended,
    line.c.ready_at,
    line.c.changed_at,
    orders.c.number.label("order_number"),
    orders.c.customer,
)


def _lines() -> Select[Any]:
    return select(*_LINE).join_from(line, orders)


_PICK = (line.c.number, line.c.version, line.c.provider, line.c.currency, line.c.sum_minor, line.c.status)


def ready_picks(connection: Connection, wanted: ReadyFilter, limit: int = PICK_CAP) -> Rows:
    """What a pick remembers (number, version, provider, currency, sum_minor, status) of the filter's first lines."""
    query = _ready(select(*_PICK, line.c.purchase), wanted).order_by(*_ready_order(wanted)).limit(limit)
    return connection.execute(query).mappings().all()


def latest_event(connection: Connection) -> int:
    """Number of the newest event: what it was before, lists are as they were before."""
    return int(connection.execute(select(func.max(event.c.id))).scalar_one() or 0)


def still_pickable(connection: Connection, numbers: Sequence[str], *, held: bool) -> set[str]:
    """Those of ``numbers`` that are still ready (or held)."""
    base = line.c.purchase == "problem" if held else text("line.ready")
    found: set[str] = set()
    for part in chunks(numbers):
        found.update(connection.execute(select(line.c.number).where(line.c.number.in_(part), base)).scalars())
    return found


def line_states(connection: Connection, numbers: Sequence[str]) -> Rows:
    """number, version, status, purchase, cause and title of these lines."""
    rows: list[RowMapping] = []
    for part in chunks(numbers):
        query = select(line.c.number, line.c.version, line.c.status, line.c.purchase, line.c.cause, line.c.title)
        rows += connection.execute(query.where(line.c.number.in_(part)).order_by(line.c.id)).mappings().all()
    return rows


# ---------------------------------------------------------------- purchased


@dataclass(frozen=True, slots=True)
class PurchasedFilter:
    """Which lines under way: purchase ``states``, part of a session's name, order or provider order number."""

    states: tuple[str, ...] = ("booking", "booked", "bought", "sent")
    session: str = ""
    number: str = ""
    outcome_unknown: bool = False


def _purchased(wanted: PurchasedFilter, state: str, limit: int) -> Select[Any]:
    query = select(line.c.id, line.c.changed_at).where(line.c.purchase == state)
    if wanted.session:
        query = query.where(line.c.booking_id == booking.c.id, booking.c.session_id == session.c.id)
        query = query.where(session.c.name == wanted.session)
    if wanted.outcome_unknown:
        query = query.where(line.c.cause == "unknown_outcome")
    if wanted.number:
        query = query.where(line.c.id.in_(_numbered(wanted.number)))
    newest = query.order_by(line.c.changed_at.desc(), line.c.id.desc()).limit(limit).subquery()
    return select(newest)


def _numbered(part: str) -> Select[Any]:
    """Lines whose own number, order or provider order begins with ``part``."""
    part = part.strip()
    of_provider = select(booking_line.c.line_id).join_from(
        booking_line, provider_order, booking_line.c.provider_order_id == provider_order.c.id
    )
    return (
        select(line.c.id)
        .join_from(line, orders)
        .where(
            or_(
                line.c.number.startswith(part, autoescape=True),
                orders.c.number.startswith(part, autoescape=True),
                line.c.id.in_(of_provider.where(provider_order.c.provider_order_id.startswith(part, autoescape=True))),
            )
        )
    )


def purchased_count(connection: Connection, wanted: PurchasedFilter) -> int:
    """How many lines fit, counted up to ``CAP + 1`` a state."""
    parts = union_all(*[_purchased(wanted, state, CAP + 1) for state in wanted.states]).subquery()
    return int(connection.execute(select(func.count()).select_from(parts)).scalar_one())


def purchased_page(connection: Connection, wanted: PurchasedFilter, *, limit: int, offset: int = 0) -> Rows:
    """One page, last changed first: the line, its booking, provider order and session."""
    parts = union_all(*[_purchased(wanted, state, limit + offset) for state in wanted.states]).subquery()
    ids = select(parts.c.id).order_by(parts.c.changed_at.desc(), parts.c.id.desc()).limit(limit).offset(offset)
    query = _with_purchase(select(*_LINE, *_PURCHASE)).where(line.c.id.in_(ids.subquery().select()))
    return connection.execute(query.order_by(line.c.changed_at.desc(), line.c.id.desc())).mappings().all()


_PURCHASE = (
    booking.c.run_id,
    booking.c.out_order_id,
    booking.c.state.label("booking_state"),
    booking.c.sentence,
    session.c.name.label("session"),
    session.c.provider.label("session_provider"),
    session.c.base_url.label("session_url"),
    provider_order.c.id.label("provider_order_key"),
    provider_order.c.provider_order_id,
    provider_order.c.state.label("provider_state"),
    provider_order.c.raw_status,
    provider_order.c.close_reason,
    provider_order.c.payable.label("provider_payable"),
    provider_order.c.total_fen,
    provider_order.c.freight_fen,
    provider_order.c.pay_deadline,
    provider_order.c.deadline_assumed,
    provider_order.c.seen_at,
)


def _with_purchase(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(line)
        .join(orders, line.c.order_id == orders.c.id)
        .outerjoin(booking, line.c.booking_id == booking.c.id)
        .outerjoin(session, booking.c.session_id == session.c.id)
        .outerjoin(booking_line, (booking_line.c.booking_id == booking.c.id) & (booking_line.c.line_id == line.c.id))
        .outerjoin(provider_order, booking_line.c.provider_order_id == provider_order.c.id)
    )


def parcels_of(connection: Connection, provider_order_keys: Sequence[int]) -> dict[int, list[RowMapping]]:
    """Parcels by our key of the provider order, in one query."""
    found: dict[int, list[RowMapping]] = {}
    for part in chunks(sorted(set(provider_order_keys))):
        query = select(parcel).where(parcel.c.order_id.in_(part), ~parcel.c.withdrawn).order_by(parcel.c.id)
        for row in connection.execute(query).mappings():
            found.setdefault(row["order_id"], []).append(row)
    return found


# ---------------------------------------------------------------- one order


def order_by_number(connection: Connection, written: str) -> RowMapping | None:
    """The order of this number (in full, short as ``53``, or one of its lines, ``53-1``), or None."""
    query = select(orders, source.c.name.label("source")).join_from(orders, source)
    for number in _order_spellings(written.strip()):
        row = connection.execute(query.where(orders.c.number == number)).mappings().first()
        if row is not None:
            return row
    return None


def _order_spellings(written: str) -> list[str]:
    spellings = [written]
    if written.isdigit():
        spellings.append(f"ORD-{int(written):09d}")
    head, dash, tail = written.rpartition("-")
    if dash and head and tail.isdigit() and int(tail) > 0:
        spellings += parse_line_number(f"{head}-{int(tail)}")[0]
    return spellings


def order_lines(connection: Connection, order_id: int) -> Rows:
    """Every line of an order with its booking, provider order and session, in line order."""
    query = _with_purchase(select(*_LINE, *_PURCHASE)).where(line.c.order_id == order_id).order_by(line.c.line_no)
    return connection.execute(query).mappings().all()


def order_history(connection: Connection, order_id: int, limit: int = 500) -> Rows:
    """Events of an order's lines, newest first: at, actor, run_id, kind, data, number."""
    query = (
        select(event.c.at, event.c.actor, event.c.run_id, event.c.kind, event.c.data, line.c.number)
        .join_from(event, line)
        .where(line.c.order_id == order_id)
        .order_by(event.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def order_bookings(connection: Connection, order_id: int) -> Rows:
    """Every booking that ever held lines of this order, newest first, with its session and line number."""
    query = (
        select(
            booking.c.id, booking.c.run_id, booking.c.out_order_id, booking.c.state, booking.c.cause,
            session.c.provider.label("session_provider"), session.c.base_url.label("session_url"),
            booking.c.sentence, booking.c.total_minor,
            booking.c.currency, booking.c.created_at, booking.c.attempts,
            session.c.name.label("session"), line.c.number, booking_line.c.live, booking_line.c.quantity,
            booking_line.c.generation, booking_line.c.price_fen, provider_order.c.provider_order_id,
            provider_order.c.state.label("provider_state"),
        )
        .select_from(booking_line)
        .join(line, booking_line.c.line_id == line.c.id)
        .join(booking, booking_line.c.booking_id == booking.c.id)
        .join(session, booking.c.session_id == session.c.id)
        .outerjoin(provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .where(line.c.order_id == order_id)
        .order_by(booking.c.id.desc(), line.c.line_no)
    )  # fmt: skip
    return connection.execute(query).mappings().all()


def names(connection: Connection) -> Mapping[str, list[str]]:
    """Names for menus: ``sources`` and ``sessions`` (few rows each)."""
    return {
        "sources": list(connection.execute(select(source.c.name).order_by(source.c.name)).scalars()),
        "sessions": list(connection.execute(select(session.c.name).order_by(session.c.name)).scalars()),
    }
