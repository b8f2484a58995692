"""What a journal cell shows: pages of runs, and the outcomes, attempts and rejects of one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, case, func, select

from autopurchase.storage.schema import (
    booking,
    booking_attempt,
    booking_line,
    event,
    import_reject,
    line,
    provider_order,
    run,
    session,
    source,
)

Rows = Sequence[RowMapping]


def page(connection: Connection, *, limit: int, before: int = 0, kind: str = "", session_name: str = "") -> Rows:
    """Runs with number below ``before`` (0: from the newest), newest first, with ``session`` and ``source`` names."""
    query = select(run, session.c.name.label("session"), source.c.name.label("source"))
    query = query.select_from(run).outerjoin(session, run.c.session_id == session.c.id)
    query = query.outerjoin(source, run.c.source_id == source.c.id)
    if before:
        query = query.where(run.c.id < before)
    if kind:
        query = query.where(run.c.kind == kind)
    if session_name:
        query = query.where(session.c.name == session_name)
    return connection.execute(query.order_by(run.c.id.desc()).limit(limit)).mappings().all()


def one(connection: Connection, run_id: int) -> RowMapping | None:
    """The run of this number in the shape of `page`."""
    found = page(connection, limit=1, before=run_id + 1)
    return found[0] if found and found[0]["id"] == run_id else None


#: of a line that the provider refused, alone or with its whole booking: the event that says so
_REFUSAL = (
    (event.c.line_id == booking_line.c.line_id)
    & (event.c.run_id == booking.c.run_id)
    & (event.c.kind == "booking_refused")
)
_STATE = case((event.c.id.is_not(None), "refused"), else_=booking.c.state).label("state")
_CAUSE = func.coalesce(event.c.data["cause"].as_string(), booking.c.cause).label("cause")
_SENTENCE = func.coalesce(event.c.data["sentence"].as_string(), booking.c.sentence).label("sentence")


def _of_lines(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(booking_line)
        .join(booking, booking_line.c.booking_id == booking.c.id)
        .outerjoin(event, _REFUSAL)
    )


def outcome_counts(connection: Connection, run_ids: Sequence[int]) -> Rows:
    """Lines of these booking runs by what became of them: run_id, state, cause, lines."""
    each = _of_lines(select(booking.c.run_id, _STATE, _CAUSE)).where(booking.c.run_id.in_(list(run_ids))).subquery()
    keys = (each.c.run_id, each.c.state, each.c.cause)
    query = select(*keys, func.count().label("lines")).group_by(*keys).order_by(*keys)
    return connection.execute(query).mappings().all()


def outcomes(connection: Connection, run_id: int, limit: int = 2_000) -> Rows:
    """What became of each line of a booking run: number, title, state, cause, sentence, provider order.

    A line that the provider left out of a booking it took is ``refused``, with its own cause and sentence.
    """
    query = (
        _of_lines(
            select(
                line.c.number,
                line.c.title,
                booking_line.c.quantity,
                booking.c.id.label("booking_id"),
                booking.c.out_order_id,
                _STATE,
                _CAUSE,
                _SENTENCE,
                provider_order.c.provider_order_id,
                provider_order.c.state.label("provider_state"),
            )
        )
        .join(line, booking_line.c.line_id == line.c.id)
        .outerjoin(provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .where(booking.c.run_id == run_id)
        .order_by(booking_line.c.id)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def again(connection: Connection, run_id: int) -> Rows:
    """Lines of the run that were refused or never sent and are ready again or held: number, purchase."""
    query = (
        _of_lines(select(line.c.number, line.c.purchase))
        .join(line, booking_line.c.line_id == line.c.id)
        .where(booking.c.run_id == run_id, _STATE == "refused", line.c.booking_id.is_(None))
        .where(line.c.purchase.in_(("ready", "problem")))
        .order_by(booking_line.c.id)
    )
    return connection.execute(query).mappings().all()


def attempts(connection: Connection, run_id: int, limit: int = 200) -> Rows:
    """Calls made for a run's bookings, newest first: reference, kind, outcome, cause, sentence, raw (redacted), at."""
    query = (
        select(booking.c.out_order_id, booking_attempt)
        .join_from(booking_attempt, booking)
        .where(booking.c.run_id == run_id)
        .order_by(booking_attempt.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def changes(connection: Connection, run_id: int, limit: int = 1_000) -> Rows:
    """Events a run wrote, in order: at, kind, data, number."""
    query = (
        select(event.c.at, event.c.kind, event.c.data, line.c.number)
        .join_from(event, line)
        .where(event.c.run_id == run_id)
        .order_by(event.c.id)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def reject_count(connection: Connection, run_id: int) -> int:
    """How many input rows the run refused."""
    query = select(func.count()).select_from(import_reject).where(import_reject.c.run_id == run_id)
    return int(connection.execute(query).scalar_one())
