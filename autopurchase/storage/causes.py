"""Why lines are not booked: of one run, of the runs since a moment, and of all lines that wait now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Subquery, func, select, text, union_all

from autopurchase.storage.cells import CAUSE, SENTENCE, STATE, of_lines
from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import booking, booking_attempt, booking_line, event, line, plan, run, session

Rows = Sequence[RowMapping]
#: states of a booking's line that ask for a cause
_NOT_BOOKED = ("refused", "unknown")
#: refusals whose words are read at once
_MOST_WORDS = 500


def of_run(connection: Connection, run_id: int) -> Rows:
    """Lines that a run did not book: number, state, cause, sentence, booking_id, session."""
    return connection.execute(_not_booked().where(booking.c.run_id == run_id)).mappings().all()


def since(connection: Connection, moment: datetime) -> Rows:
    """The same of every booking run since a moment."""
    query = _not_booked().join(run, booking.c.run_id == run.c.id).where(*_runs_since(moment))
    return connection.execute(query).mappings().all()


def _runs_since(moment: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return run.c.kind == "book", run.c.created_at >= moment


def _not_booked() -> Select[Any]:
    columns = (line.c.number, STATE, CAUSE, SENTENCE, booking.c.id.label("booking_id"), session.c.name.label("session"))
    return (
        of_lines(select(*columns))
        .join(line, booking_line.c.line_id == line.c.id)
        .join(session, booking.c.session_id == session.c.id)
        .where(STATE.element.in_(_NOT_BOOKED))
        .order_by(booking_line.c.id)
    )


def left_out(connection: Connection, run_id: int) -> list[dict[str, Any]]:
    """Lines that the run's plan left out: number, cause, sentence, session, seen_at (when the plan was made)."""
    return _left_out(connection, plan.c.run_id == run_id)


def left_out_since(connection: Connection, moment: datetime) -> list[dict[str, Any]]:
    """The same of every plan booked since a moment."""
    return _left_out(connection, plan.c.run_id.in_(select(run.c.id).where(*_runs_since(moment))))


def _left_out(connection: Connection, which: ColumnElement[bool]) -> list[dict[str, Any]]:
    query = select(session.c.name, plan.c.ready_at, plan.c.body["left_out"]).join_from(plan, session).where(which)
    return [
        {**each, "session": name, "seen_at": seen_at}
        for name, seen_at, lines in connection.execute(query)
        for each in lines or []
    ]


_STANDING = (
    line.c.number,
    line.c.ready,
    line.c.purchase,
    line.c.cause,
    line.c.booking_id,
    line.c.version,
    line.c.changed_at,
    line.c.provider,
    line.c.currency,
    line.c.sum_minor,
    line.c.status,
)


def standing(connection: Connection, numbers: Iterable[str]) -> dict[str, RowMapping]:
    """Lines as they are now, by number."""
    found: dict[str, RowMapping] = {}
    for part in chunks(sorted(set(numbers))):
        for row in connection.execute(select(*_STANDING).where(line.c.number.in_(part))).mappings():
            found[row["number"]] = row
    return found


def raw_words(connection: Connection, booking_ids: Iterable[int]) -> dict[int, str]:
    """The marketplace's own (redacted) answer to the last refused call of these bookings."""
    found: dict[int, str] = {}
    for part in chunks(sorted(set(booking_ids))[:_MOST_WORDS]):
        query = select(booking_attempt.c.booking_id, booking_attempt.c.raw).order_by(booking_attempt.c.id)
        query = query.where(booking_attempt.c.booking_id.in_(part), booking_attempt.c.raw != "")
        found.update((row.booking_id, row.raw) for row in connection.execute(query))
    return found


def _waiting() -> Subquery:
    """Lines that wait for somebody: held, ready again after a refusal, of unknown outcome; each part has an index."""
    columns = (line.c.id, line.c.cause, line.c.ready, line.c.generation)
    parts = (
        select(*columns).where(line.c.purchase == "problem"),
        select(*columns).where(text("line.ready"), line.c.cause != ""),
        select(*columns).where(line.c.purchase == "booking", line.c.cause == "unknown_outcome"),
    )
    return union_all(*parts).subquery("waiting")


def waiting_counts(connection: Connection) -> Rows:
    """Lines that wait, by cause and the session they were last booked through: cause, session, lines, ready."""
    each = _waiting()
    last = (booking_line.c.line_id == each.c.id) & (booking_line.c.generation == each.c.generation)
    ready = func.count().filter(each.c.ready)
    query = (
        select(each.c.cause, session.c.name.label("session"), func.count().label("lines"), ready.label("ready"))
        .select_from(each)
        .outerjoin(booking_line, last)
        .outerjoin(booking, booking_line.c.booking_id == booking.c.id)
        .outerjoin(session, booking.c.session_id == session.c.id)
        .group_by(each.c.cause, session.c.name)
    )
    return connection.execute(query).mappings().all()


def cause_counts(connection: Connection) -> dict[str, int]:
    """Lines that wait, by cause."""
    each = _waiting()
    query = select(each.c.cause, func.count()).group_by(each.c.cause)
    return {cause: int(lines) for cause, lines in connection.execute(query)}


def waiting_words(connection: Connection, causes: Sequence[str]) -> Rows:
    """Held lines of these causes with what was last said of them: number, cause, sentence, booking_id."""
    held = select(line.c.id, line.c.number, line.c.cause).where(line.c.purchase == "problem", line.c.cause.in_(causes))
    wanted = held.order_by(line.c.changed_at.desc()).limit(_MOST_WORDS).subquery()
    refusal = event.alias("refusal")
    last = (
        select(func.max(refusal.c.id))
        .where(refusal.c.line_id == wanted.c.id, refusal.c.kind == "booking_refused")
        .scalar_subquery()
    )
    query = select(
        wanted.c.number,
        wanted.c.cause,
        event.c.data["sentence"].as_string().label("sentence"),
        event.c.data["booking"].as_integer().label("booking_id"),
    ).select_from(wanted.outerjoin(event, event.c.id == last))
    return connection.execute(query).mappings().all()
