"""Lines behind the numbers of a week, in SQL: the same conditions as the numbers'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, func, select, true

from autopurchase.storage import movements
from autopurchase.storage.movements import Span
from autopurchase.storage.schema import booking, booking_line, line, movement, orders, provider_order, run
from autopurchase.storage.scopes import Scope

Rows = Sequence[RowMapping]


def moves(connection: Connection, span: Span, scope: Scope, where: Mapping[str, Any]) -> Rows:
    """Movements of a span. ``where``: kind (or several), reason, again, bound, inferred, settled, attempt, …"""
    query = movements.lines().where(*movements.during(span, scope), *_wanted(where))
    return connection.execute(query.order_by(movement.c.at, movement.c.id)).mappings().all()


def _wanted(where: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if "kind" in where:
        kinds = where["kind"] if isinstance(where["kind"], list) else [where["kind"]]
        found.append(movement.c.kind.in_(kinds))
    found += [movement.c[name] == where[name] for name in ("reason", "again", "bound", "inferred") if name in where]
    if where.get("settled"):
        found.append(movement.c.settled)
    if "attempt" in where:
        found.append(movement.c.attempt == where["attempt"])
    if where.get("attempted"):
        found.append(movement.c.attempt > 0)
    if where.get("no_reference"):
        found.append(movement.c.reference_fen.is_(None))
    if where.get("seconds"):
        found.append(movement.c[where["seconds"]].is_not(None))
    if "learned" in where:
        since, until = (datetime.fromisoformat(text) for text in where["learned"])
        found += [movement.c.recorded_at > since, movement.c.recorded_at <= until]
    return found


def cohort(connection: Connection, span: Span, scope: Scope) -> Rows:
    """What was booked in a span, each with its fate, and whether it was refunded, undone, released."""
    return connection.execute(movements.cohort_lines(span, scope)).mappings().all()


def judged(connection: Connection, span: Span, scope: Scope, seconds: int, *, tracked: bool) -> Rows:
    """What is judged of a span, each with ``hit``."""
    which = movements.judged_tracked if tracked else movements.judged_ready
    found = which(span, scope, seconds).subquery()
    query = movements.lines().join(found, found.c.movement_id == movement.c.id)
    query = query.add_columns(found.c.hit, found.c.judged).order_by(movement.c.at, movement.c.id)
    return connection.execute(query).mappings().all()


def deadlines(connection: Connection, span: Span, scope: Scope, *, assumed: bool) -> Rows:
    """Lines of the provider orders of `movements.deadlines`; ``assumed``: only of those whose deadline is."""
    query = (
        select(
            provider_order.c.provider_order_id, provider_order.c.pay_deadline, provider_order.c.deadline_assumed,
            provider_order.c.session_id, run.c.actor.label("operator"), booking_line.c.quantity,
            line.c.number, line.c.provider, line.c.seller_id, line.c.seller_name, orders.c.source_id,
        )
        .select_from(provider_order)
        .join(booking, booking.c.id == provider_order.c.booking_id)
        .join(run, run.c.id == booking.c.run_id)
        .outerjoin(booking_line, booking_line.c.provider_order_id == provider_order.c.id)
        .outerjoin(line, line.c.id == booking_line.c.line_id)
        .outerjoin(orders, orders.c.id == line.c.order_id)
        .where(
            provider_order.c.booking_id.in_(movements.bookings_of(span, scope, "booked")),
            provider_order.c.pay_deadline.is_not(None),
        )
        .order_by(provider_order.c.pay_deadline, provider_order.c.id, booking_line.c.id)
    )  # fmt: skip
    if assumed:
        query = query.where(provider_order.c.deadline_assumed)
    return connection.execute(query).mappings().all()


def stood(connection: Connection, scope: Scope, part: str, at: datetime) -> list[Mapping[str, Any]]:
    """Lines that were in the backlog, unpaid or in excess at a moment: what they are now, less what changed since."""
    changed = (
        select(movement.c.line_id, func.sum(movement.c[part]).label("change"))
        .where(movement.c.at >= at, *scope.on(movements.columns(movement)))
        .group_by(movement.c.line_id)
        .subquery()
    )
    mine = scope.on(
        {
            "source_id": orders.c.source_id,
            "provider": line.c.provider,
            "session_id": booking.c.session_id,
            "seller": line.c.seller_id,
            "operator": func.coalesce(run.c.actor, ""),
        }
    )
    now = case((and_(true(), *mine), line.c[part]), else_=0)
    then = now - func.coalesce(changed.c.change, 0)
    touched = select(line.c.id).where(line.c[part] > 0).union(select(changed.c.line_id)).subquery()
    query = (
        select(
            line.c.number, line.c.provider, line.c.seller_id, line.c.seller_name, line.c.clock_at, orders.c.source_id,
            booking.c.session_id, run.c.actor.label("operator"), then.label("pieces"),
        )
        .select_from(line)
        .join(orders, orders.c.id == line.c.order_id)
        .outerjoin(booking, booking.c.id == line.c.booking_id)
        .outerjoin(run, run.c.id == booking.c.run_id)
        .outerjoin(changed, changed.c.line_id == line.c.id)
        .where(line.c.id.in_(select(touched.c.id)), then != 0)
        .order_by(line.c.id)
    )  # fmt: skip
    return [{**row, "pieces": int(row["pieces"])} for row in connection.execute(query).mappings()]
