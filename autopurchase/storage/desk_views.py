"""What differs between what we believe and what the providers say: one query for each kind, whatever there is of it.

Each returns rows with the provider order or booking it is about; who is concerned by it is read for all of them at once
(`ties`). ``session_id`` None means every session.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, literal_column, or_, select

from autopurchase.domain.order import LineStatus
from autopurchase.domain.provider_order import FINAL_STATES, ProviderState
from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import booking, booking_line, finding, line, provider_line, provider_order, session

Rows = Sequence[RowMapping]
_CLOSED = ProviderState.CLOSED.value
_OPEN_STATES = [state.value for state in ProviderState if state not in FINAL_STATES]
#: booking states after which nothing of it should live at the provider
_OVER = ("refused", "ended")
#: purchase states of lines of which something is at a provider and has not arrived
_UNDER_WAY = ("booked", "bought", "sent")
#: as the texts that the partial indexes have: with parameters no database could use them
_CHECK_OPEN: ColumnElement[bool] = literal_column("booking.check_state IN ('waiting','differs')")
_BOOKING_OPEN: ColumnElement[bool] = literal_column("booking.state IN ('queued','sending','unknown')")

_ORDER = (
    provider_order.c.id.label("order_key"),
    provider_order.c.provider_order_id.label("number"),
    provider_order.c.session_id,
    provider_order.c.state.label("order_state"),
    provider_order.c.total_fen,
    provider_order.c.reference,
    provider_order.c.seller_name,
    provider_order.c.close_reason,
    provider_order.c.paid_at,
    provider_order.c.seen_at,
    func.coalesce(provider_order.c.created_at, provider_order.c.first_seen_at).label("since"),
)


def _of(query: Select[Any], column: Any, session_id: int | None) -> Select[Any]:
    return query if session_id is None else query.where(column == session_id)


def unbound(connection: Connection, session_id: int | None) -> Rows:
    """Living orders bound to nothing, with the booking whose reference they carry: booking_id, booking_state."""
    theirs = (booking.c.out_order_id == provider_order.c.reference) & (
        booking.c.session_id == provider_order.c.session_id
    )
    query = (
        select(*_ORDER, booking.c.id.label("booking_id"), booking.c.state.label("booking_state"))
        .outerjoin_from(provider_order, booking, and_(provider_order.c.reference != "", theirs))
        .where(provider_order.c.booking_id.is_(None), provider_order.c.state != _CLOSED)
        .order_by(provider_order.c.id)
    )
    return connection.execute(_of(query, provider_order.c.session_id, session_id)).mappings().all()


def is_orphan(born_before: datetime) -> list[ColumnElement[bool]]:
    """Conditions on `provider_order`: lives, bound to nothing, of none of our bookings, not left alone by a person."""
    ours = select(booking.c.id).where(
        provider_order.c.reference != "",
        booking.c.out_order_id == provider_order.c.reference,
        booking.c.session_id == provider_order.c.session_id,
        booking.c.state != "ended",
    )
    left = select(finding.c.id).where(
        finding.c.provider_order_id == provider_order.c.id, finding.c.kind == "orphan", finding.c.state == "settled"
    )
    return [
        provider_order.c.booking_id.is_(None),
        provider_order.c.state != _CLOSED,
        func.coalesce(provider_order.c.created_at, provider_order.c.first_seen_at) <= born_before,
        ~ours.exists(),
        ~left.exists(),
    ]


def orphans(connection: Connection, born_before: datetime) -> int:
    """How many orphans there are."""
    query = select(func.count()).select_from(provider_order).where(*is_orphan(born_before))
    return int(connection.execute(query).scalar_one())


def alive_after_end(connection: Connection, session_id: int | None) -> Rows:
    """Living orders of bookings that are over, and those of lines the customer cancelled."""
    over = (
        select(*_ORDER, booking.c.id.label("booking_id"), booking.c.state.label("booking_state"))
        .join_from(provider_order, booking, provider_order.c.booking_id == booking.c.id)
        .where(booking.c.state.in_(_OVER), provider_order.c.state != _CLOSED)
        .order_by(provider_order.c.id)
    )
    cancelled = (
        select(*_ORDER, booking_line.c.booking_id, literal_column("'line_cancelled'").label("booking_state"))
        .join_from(line, booking_line, and_(booking_line.c.line_id == line.c.id, booking_line.c.live))
        .join(provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .where(
            line.c.purchase.in_(_UNDER_WAY),
            line.c.status == LineStatus.CANCELLED.value,
            provider_order.c.state != _CLOSED,
        )
        .order_by(provider_order.c.id)
    )
    both = (_of(query, provider_order.c.session_id, session_id) for query in (over, cancelled))
    return [row for query in both for row in connection.execute(query).mappings()]


def _changed() -> ColumnElement[bool]:
    """A provider line is not any more what it was when it was found right."""
    names = ("item_id", "sku_id", "spec_id")
    ids = [
        and_(
            provider_line.c[name] != provider_line.c[f"agreed_{name}"],
            provider_line.c[name] != "",
            provider_line.c[f"agreed_{name}"] != "",
        )
        for name in names
    ]
    dearer = provider_line.c.amount_fen > provider_line.c.agreed_fen + provider_line.c.quantity
    return or_(provider_line.c.quantity != provider_line.c.agreed_quantity, dearer, *ids)


def mismatches(connection: Connection, session_id: int | None) -> Rows:
    """Lines of living orders that are not what they were agreed to be, or hold other pieces than we booked on them."""
    held = (
        select(func.coalesce(func.sum(booking_line.c.quantity), 0))
        .where(
            booking_line.c.live,
            booking_line.c.provider_order_id == provider_order.c.id,
            booking_line.c.provider_line_id == provider_line.c.id,
        )
        .correlate(provider_order, provider_line)
        .scalar_subquery()
    )
    unagreed = and_(
        provider_line.c.agreed_quantity.is_(None),
        or_(
            and_(booking.c.origin == "", provider_line.c.quantity != held),
            provider_line.c.quantity < held,  # made by hand: more of it may be there for others
        ),
    )
    names = ("provider_line_id", "item_id", "sku_id", "spec_id", "quantity", "amount_fen", "title")
    agreed = [provider_line.c[f"agreed_{name}"] for name in ("item_id", "sku_id", "spec_id", "quantity", "fen")]
    query = (
        select(*_ORDER, provider_line.c.id.label("line_key"), *[provider_line.c[name] for name in names], *agreed)
        .add_columns(held.label("pieces"), booking.c.id.label("booking_id"), booking.c.check_state)
        .join_from(provider_order, booking, provider_order.c.booking_id == booking.c.id)
        .join(provider_line, provider_line.c.order_id == provider_order.c.id)
        .where(
            provider_order.c.state.in_(_OPEN_STATES),
            provider_line.c.state != _CLOSED,
            booking.c.state == "confirmed",
            booking.c.check_state.not_in(("waiting", "differs", "released")),
            or_(and_(provider_line.c.agreed_quantity.is_not(None), _changed()), unagreed),
        )
        .order_by(provider_line.c.id)
    )
    return connection.execute(_of(query, provider_order.c.session_id, session_id)).mappings().all()


def over_booked(connection: Connection, session_id: int | None) -> Rows:
    """Bookings, not arrived yet, of more pieces than their line wants: line_id, line, wanted, booked."""
    wanted = line.c.quantity * line.c.ratio
    query = (
        select(*_ORDER, booking_line.c.booking_id, line.c.id.label("line_id"), line.c.number.label("line"))
        .add_columns(wanted.label("wanted"), booking_line.c.quantity.label("booked"))
        .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
        .join(provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .where(line.c.purchase.in_(_UNDER_WAY), booking_line.c.live, booking_line.c.quantity > wanted)
        .order_by(booking_line.c.id)
    )
    return connection.execute(_of(query, provider_order.c.session_id, session_id)).mappings().all()


def unknown(connection: Connection, session_id: int | None) -> Rows:
    """Bookings of unknown outcome, and how long their session lets one settle."""
    query = (
        select(
            booking.c.id.label("booking_id"),
            booking.c.session_id,
            booking.c.out_order_id.label("reference"),
            booking.c.cause,
            booking.c.sentence,
            booking.c.attempts,
            booking.c.total_minor.label("total_fen"),
            booking.c.sent_at,
            booking.c.created_at.label("since"),
            session.c.settle_seconds,
        )
        .join_from(booking, session)
        .where(_BOOKING_OPEN, booking.c.state == "unknown")
        .order_by(booking.c.id)
    )
    return connection.execute(_of(query, booking.c.session_id, session_id)).mappings().all()


def flagged(connection: Connection, session_id: int | None) -> Rows:
    """Bookings a person must accept or cancel: not as planned, dearer since, or their release was refused."""
    refused = select(booking_line.c.id).join_from(booking_line, line, booking_line.c.line_id == line.c.id)
    refused = refused.where(
        booking_line.c.booking_id == booking.c.id, booking_line.c.live, line.c.cause == "cancel_refused"
    )
    names = ("check_state", "check_found", "checked_at", "total_minor", "out_order_id", "session_id")
    query = (
        select(booking.c.id.label("booking_id"), *[booking.c[name] for name in names])
        .where(
            or_(
                and_(_CHECK_OPEN, booking.c.check_state == "differs"),
                and_(booking.c.check_state == "released", refused.exists()),
            ),
            booking.c.state == "confirmed",
        )
        .order_by(booking.c.id)
    )
    return connection.execute(_of(query, booking.c.session_id, session_id)).mappings().all()


def unseen(connection: Connection, session_id: int, before: datetime, born_before: datetime) -> Rows:
    """Orders that live lines rely on and that no reading has shown since ``before``, unless they are quite new."""
    holds = select(booking_line.c.id).where(
        booking_line.c.live, booking_line.c.provider_order_id == provider_order.c.id
    )
    query = (
        select(*_ORDER)
        .where(
            provider_order.c.session_id == session_id,
            provider_order.c.state.in_(_OPEN_STATES),
            provider_order.c.seen_at < before,
            provider_order.c.first_seen_at <= born_before,
            holds.exists(),
        )
        .order_by(provider_order.c.seen_at, provider_order.c.id)
    )
    return connection.execute(query).mappings().all()


def without_reference(connection: Connection, session_id: int, limit: int) -> list[str]:
    """Numbers of living unbound orders of which no reading could tell yet whose reference they carry."""
    query = (
        select(provider_order.c.provider_order_id)
        .where(
            provider_order.c.session_id == session_id,
            provider_order.c.booking_id.is_(None),
            provider_order.c.state != _CLOSED,
            provider_order.c.reference == "",
            ~provider_order.c.complete,
        )
        .order_by(provider_order.c.id.desc())
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def ties(connection: Connection, order_keys: Sequence[int], booking_ids: Sequence[int]) -> Rows:
    """Booked lines of these orders and bookings, live or not: booking_id, order_key, line, state of both."""
    found: list[RowMapping] = []
    names = ("booking_id", "live", "quantity", "price_fen", "line_id", "provider_line_id")
    for column, keys in ((booking_line.c.provider_order_id, order_keys), (booking_line.c.booking_id, booking_ids)):
        for part in chunks(sorted(set(keys))):
            query = (
                select(*[booking_line.c[name] for name in names], line.c.number, line.c.cause, line.c.status)
                .add_columns(booking_line.c.id.label("tie"), booking_line.c.provider_order_id.label("order_key"))
                .add_columns(line.c.title, line.c.version)
                .join_from(booking_line, line, booking_line.c.line_id == line.c.id)
                .where(column.in_(part))
                .order_by(booking_line.c.id)
            )
            found += connection.execute(query).mappings().all()
    return list({row["tie"]: row for row in found}.values())


def orders(connection: Connection, keys: Sequence[int]) -> dict[int, RowMapping]:
    """Provider orders by row id."""
    found: dict[int, RowMapping] = {}
    for part in chunks(sorted(set(keys))):
        query = select(*_ORDER, provider_order.c.booking_id).where(provider_order.c.id.in_(part))
        found.update({row["order_key"]: row for row in connection.execute(query).mappings()})
    return found


def orders_of(connection: Connection, booking_ids: Sequence[int]) -> Rows:
    """Provider orders of these bookings, with their booking_id."""
    found: list[RowMapping] = []
    for part in chunks(sorted(set(booking_ids))):
        query = select(*_ORDER, provider_order.c.booking_id).where(provider_order.c.booking_id.in_(part))
        found += connection.execute(query.order_by(provider_order.c.id)).mappings().all()
    return found


def bookings(connection: Connection, ids: Sequence[int]) -> dict[int, RowMapping]:
    """Bookings by id: out_order_id, state, cause, run_id, finished_at."""
    found: dict[int, RowMapping] = {}
    names = ("id", "out_order_id", "state", "cause", "run_id", "finished_at", "total_minor")
    for part in chunks(sorted(set(ids))):
        query = select(*[booking.c[name] for name in names]).where(booking.c.id.in_(part))
        found.update({row["id"]: row for row in connection.execute(query).mappings()})
    return found
