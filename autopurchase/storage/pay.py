"""The pay list: unpaid orders of ours, approvals, and pages where several of them are paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, case, exists, func, insert, select, update

from autopurchase.domain.cancel import OPEN
from autopurchase.domain.pay import OVERDUE, SOON, PayState
from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import (
    approval,
    booking,
    booking_line,
    cancel,
    line,
    pay_batch,
    provider_order,
    session,
)

Rows = Sequence[RowMapping]
_newer = approval.alias()
#: the approval that stands: the newest that was not withdrawn
_STANDING = (
    select(func.max(_newer.c.id))
    .where(_newer.c.provider_order_id == provider_order.c.id, _newer.c.withdrawn_at.is_(None))
    .correlate(provider_order)
    .scalar_subquery()
)
_OURS = and_(provider_order.c.state == "unpaid", provider_order.c.booking_id.is_not(None))
_APPROVED = provider_order.c.total_fen <= approval.c.amount_fen
_CANCELLING = exists().where(
    cancel.c.provider_order_id == provider_order.c.id, cancel.c.state.in_([state.value for state in OPEN])
)
_COLUMNS = (
    provider_order.c.id,
    provider_order.c.session_id,
    session.c.name.label("session"),
    session.c.provider.label("session_provider"),
    session.c.base_url.label("session_url"),
    provider_order.c.provider_order_id,
    provider_order.c.state,
    provider_order.c.close_reason,
    provider_order.c.seller_id,
    provider_order.c.seller_name,
    provider_order.c.total_fen,
    provider_order.c.payable,
    provider_order.c.pay_deadline,
    provider_order.c.deadline_assumed,
    provider_order.c.seen_at,
    booking.c.check_state,
    approval.c.amount_fen.label("approved_fen"),
    approval.c.actor.label("approved_by"),
    approval.c.at.label("approved_at"),
    _CANCELLING.label("cancelling"),
)


@dataclass(frozen=True, slots=True)
class PayFilter:
    """Which unpaid orders. ``soon``: 6h, 24h or overdue; ``state``: approved or waiting (a grown one waits again)."""

    session: str = ""
    soon: str = ""
    state: str = ""


def _from(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(provider_order)
        .join(session, provider_order.c.session_id == session.c.id)
        .outerjoin(booking, provider_order.c.booking_id == booking.c.id)
        .outerjoin(approval, approval.c.id == _STANDING)
    )


def _within(soon: str, now: datetime) -> ColumnElement[bool]:
    """Orders whose deadline is that near."""
    if soon == OVERDUE:
        return provider_order.c.pay_deadline <= now
    end = now + timedelta(hours=SOON[soon])
    return and_(provider_order.c.pay_deadline > now, provider_order.c.pay_deadline <= end)


def _filtered(query: Select[Any], wanted: PayFilter, now: datetime) -> Select[Any]:
    query = _from(query).where(_OURS)
    if wanted.session:
        query = query.where(session.c.name == wanted.session)
    if wanted.soon:
        query = query.where(_within(wanted.soon, now))
    if wanted.state == PayState.APPROVED:
        query = query.where(_APPROVED)
    elif wanted.state:
        query = query.where(func.coalesce(_APPROVED, False).is_(False))
    return query


def page(connection: Connection, wanted: PayFilter, now: datetime, *, limit: int, offset: int = 0) -> Rows:
    """Unpaid orders of ours, nearest deadline first, those without one last."""
    no_deadline = case((provider_order.c.pay_deadline.is_(None), 1), else_=0)
    order = (no_deadline, provider_order.c.pay_deadline, provider_order.c.id)
    query = _filtered(select(*_COLUMNS), wanted, now).order_by(*order).limit(limit).offset(offset)
    return connection.execute(query).mappings().all()


def totals(connection: Connection, wanted: PayFilter, now: datetime) -> Rows:
    """The same by session: orders, sums in fen, how many are approved, overdue, near; orders without a total."""

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    def fen(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, provider_order.c.total_fen), else_=0)), 0)

    query = select(
        session.c.name.label("session"),
        session.c.provider.label("session_provider"),
        func.count().label("orders"),
        func.coalesce(func.sum(provider_order.c.total_fen), 0).label("total_fen"),
        count(_APPROVED).label("approved"),
        fen(_APPROVED).label("approved_fen"),
        count(_within(OVERDUE, now)).label(OVERDUE),
        count(_within("6h", now)).label("within_6h"),
        count(_within("24h", now)).label("within_24h"),
        func.min(provider_order.c.pay_deadline).label("next_deadline"),
        count(provider_order.c.total_fen.is_(None)).label("unpriced"),
    )
    query = _filtered(query, wanted, now).group_by(session.c.name, session.c.provider).order_by(session.c.name)
    return connection.execute(query).mappings().all()


def lock_orders(connection: Connection, numbers: Sequence[str], session_name: str = "") -> Rows:
    """Orders of these marketplace numbers, whatever their state, locked in the order of their ids."""
    found: list[RowMapping] = []
    for part in chunks(list(numbers)):
        query = select(provider_order.c.id).join_from(provider_order, session)
        query = query.where(provider_order.c.provider_order_id.in_(part), provider_order.c.booking_id.is_not(None))
        if session_name:
            query = query.where(session.c.name == session_name)
        locked = query.order_by(provider_order.c.id).with_for_update(of=provider_order)
        found += by_keys(connection, list(connection.execute(locked).scalars()))
    return found


def by_keys(connection: Connection, keys: Sequence[int]) -> list[RowMapping]:
    """These orders (row ids), whatever their state, in the shape of `page`."""
    found: list[RowMapping] = []
    for part in chunks(list(keys)):
        query = _from(select(*_COLUMNS)).where(provider_order.c.id.in_(part)).order_by(provider_order.c.id)
        found += connection.execute(query).mappings().all()
    return found


def by_numbers(connection: Connection, session_id: int, numbers: Sequence[str]) -> dict[str, RowMapping]:
    """A session's orders of these marketplace numbers, whatever their state, in the shape of `page`."""
    found: dict[str, RowMapping] = {}
    for part in chunks(list(numbers)):
        mine = provider_order.c.session_id == session_id, provider_order.c.provider_order_id.in_(part)
        for row in connection.execute(_from(select(*_COLUMNS)).where(*mine)).mappings():
            found[row["provider_order_id"]] = row
    return found


def lines_of(connection: Connection, keys: Sequence[int]) -> dict[int, list[str]]:
    """Numbers of the booked lines by order."""
    found: dict[int, list[str]] = {}
    for part in chunks(list(keys)):
        query = (
            select(booking_line.c.provider_order_id, line.c.number)
            .join_from(booking_line, line)
            .where(booking_line.c.live, booking_line.c.provider_order_id.in_(part))
            .order_by(line.c.id)
        )
        for key, number in connection.execute(query):
            found.setdefault(key, []).append(number)
    return found


def orders_of_lines(connection: Connection, numbers: Sequence[str]) -> list[RowMapping]:
    """Unpaid orders that these lines are booked in, in the shape of `page`."""
    keys: list[int] = []
    for part in chunks(list(numbers)):
        query = select(booking_line.c.provider_order_id).join_from(booking_line, line)
        query = query.where(booking_line.c.live, line.c.number.in_(part), booking_line.c.provider_order_id.is_not(None))
        keys += connection.execute(query).scalars()
    return [row for row in by_keys(connection, sorted(set(keys))) if row["state"] == "unpaid"]


def add_approvals(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep who approved what amount, and when."""
    if rows:
        connection.execute(insert(approval), list(rows))


def withdraw(connection: Connection, keys: Sequence[int], *, at: datetime, by: str) -> None:
    """No approval of these orders stands any more."""
    for part in chunks(list(keys)):
        standing = approval.c.provider_order_id.in_(part), approval.c.withdrawn_at.is_(None)
        connection.execute(update(approval).where(*standing).values(withdrawn_at=at, withdrawn_by=by))


def approvals_of(connection: Connection, run_id: int) -> Rows:
    """What a run approved: number, amount, withdrawn."""
    query = (
        select(provider_order.c.provider_order_id, session.c.name.label("session"), approval)
        .join_from(approval, provider_order)
        .join(session, provider_order.c.session_id == session.c.id)
        .where(approval.c.run_id == run_id)
        .order_by(approval.c.id)
    )
    return connection.execute(query).mappings().all()


def add_batches(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep payment pages (``url`` sealed, empty: none was made) and what is on none, with why."""
    if rows:
        connection.execute(insert(pay_batch), list(rows))


def batches_of(connection: Connection, run_id: int) -> Rows:
    """Payment pages of one run."""
    return connection.execute(select(pay_batch).where(pay_batch.c.run_id == run_id)).mappings().all()


def batches_since(connection: Connection, since: datetime, limit: int = 500) -> Rows:
    """Payment pages, newest first, with the session's name."""
    query = (
        select(pay_batch, session.c.name.label("session"))
        .join_from(pay_batch, session)
        .where(pay_batch.c.at >= since)
        .order_by(pay_batch.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def with_url(connection: Connection) -> Rows:
    """Payment pages whose address is kept."""
    return connection.execute(select(pay_batch).where(pay_batch.c.url != "").order_by(pay_batch.c.id)).mappings().all()


def set_url(connection: Connection, batch_id: int, sealed: str) -> None:
    """Another seal of the same address."""
    connection.execute(update(pay_batch).where(pay_batch.c.id == batch_id).values(url=sealed))


def forget_urls(connection: Connection, before: datetime) -> None:
    """Addresses of pages fetched before are not kept; which orders were on them is."""
    connection.execute(update(pay_batch).where(pay_batch.c.at < before, pay_batch.c.url != "").values(url=""))
