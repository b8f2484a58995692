"""What a journal cell shows: one run, its outcomes, attempts, changes and rejects. Lists: `storage.journal`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, case, func, select

from autopurchase.storage.journal import with_names
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


def one(connection: Connection, run_id: int) -> RowMapping | None:
    """The run of this number, with ``session`` and ``source`` names."""
    query = with_names(select(run, session.c.name.label("session"), source.c.name.label("source")))
    return connection.execute(query.where(run.c.id == run_id)).mappings().first()


#: of a line that the provider refused, alone or with its whole booking: the event that says so. A line has few events,
#: a run may have thousands: added to nothing, the run is no key by which SQLite would look for them
_REFUSAL = (
    (event.c.line_id == booking_line.c.line_id)
    & (event.c.run_id + 0 == booking.c.run_id)
    & (event.c.kind == "booking_refused")
)
STATE = case((event.c.id.is_not(None), "refused"), else_=booking.c.state).label("state")
CAUSE = func.coalesce(event.c.data["cause"].as_string(), booking.c.cause).label("cause")
SENTENCE = func.coalesce(event.c.data["sentence"].as_string(), booking.c.sentence).label("sentence")


def of_lines(query: Select[Any]) -> Select[Any]:
    """``query`` on lines of bookings, with the refusal of each beside it: for `STATE`, `CAUSE`, `SENTENCE`."""
    return (
        query.select_from(booking_line)
        .join(booking, booking_line.c.booking_id == booking.c.id)
        .outerjoin(event, _REFUSAL)
    )


def outcome_counts(connection: Connection, run_ids: Sequence[int]) -> Rows:
    """Lines of these booking runs by what became of them: run_id, state, cause, lines."""
    each = of_lines(select(booking.c.run_id, STATE, CAUSE)).where(booking.c.run_id.in_(list(run_ids))).subquery()
    keys = (each.c.run_id, each.c.state, each.c.cause)
    query = select(*keys, func.count().label("lines")).group_by(*keys).order_by(*keys)
    return connection.execute(query).mappings().all()


def outcomes(connection: Connection, run_id: int, limit: int = 2_000) -> Rows:
    """What became of each line of a booking run: number, title, state, cause, sentence, provider order.

    A line that the provider left out of a booking it took is ``refused``, with its own cause and sentence.
    """
    return connection.execute(_outcomes([run_id]).limit(limit)).mappings().all()


def outcomes_of(connection: Connection, run_ids: Sequence[int], limit: int) -> dict[int, list[RowMapping]]:
    """The first ``limit`` `outcomes` of each of several runs."""
    return _grouped(connection, _outcomes(run_ids), booking.c.run_id, booking_line.c.id, limit)


def _outcomes(run_ids: Sequence[int]) -> Select[Any]:
    return (
        of_lines(
            select(
                booking.c.run_id,
                line.c.number,
                line.c.title,
                booking_line.c.quantity,
                booking.c.id.label("booking_id"),
                booking.c.out_order_id,
                STATE,
                CAUSE,
                SENTENCE,
                provider_order.c.provider_order_id,
                provider_order.c.state.label("provider_state"),
            )
        )
        .join(line, booking_line.c.line_id == line.c.id)
        .outerjoin(provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .where(booking.c.run_id.in_(run_ids))
        .order_by(booking_line.c.id)
    )


def _grouped(
    connection: Connection, query: Select[Any], of: ColumnElement[Any], order: ColumnElement[Any], limit: int
) -> dict[int, list[RowMapping]]:
    """Rows of ``query`` by run (``of``), at most ``limit`` of each, in ``order``."""
    place = func.row_number().over(partition_by=of, order_by=order).label("place")
    every = query.order_by(None).add_columns(place, order.label("rank")).subquery()
    wanted = select(every).where(every.c.place <= limit).order_by(every.c.rank)
    found: dict[int, list[RowMapping]] = {}
    for row in connection.execute(wanted).mappings():
        found.setdefault(row["run_id"], []).append(row)
    return found


def again(connection: Connection, run_id: int) -> Rows:
    """Lines of the run that were refused or never sent and are ready again or held: number, purchase."""
    query = (
        of_lines(select(line.c.number, line.c.purchase))
        .join(line, booking_line.c.line_id == line.c.id)
        .where(booking.c.run_id == run_id, STATE == "refused", line.c.booking_id.is_(None))
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
    return connection.execute(_changes([run_id]).limit(limit)).mappings().all()


def changes_of(connection: Connection, run_ids: Sequence[int], limit: int) -> dict[int, list[RowMapping]]:
    """The first ``limit`` `changes` of each of several runs."""
    return _grouped(connection, _changes(run_ids), event.c.run_id, event.c.id, limit)


def _changes(run_ids: Sequence[int]) -> Select[Any]:
    return (
        select(event.c.run_id, event.c.at, event.c.kind, event.c.data, line.c.number)
        .join_from(event, line)
        .where(event.c.run_id.in_(run_ids))
        .order_by(event.c.id)
    )


def rejects_of(connection: Connection, run_ids: Sequence[int], limit: int) -> dict[int, list[RowMapping]]:
    """The first ``limit`` refused input rows of each of several runs: position, reason, row."""
    query = select(import_reject.c.run_id, import_reject.c.position, import_reject.c.reason, import_reject.c.row)
    wanted = query.where(import_reject.c.run_id.in_(run_ids))
    return _grouped(connection, wanted, import_reject.c.run_id, import_reject.c.id, limit)


def reject_count(connection: Connection, run_id: int) -> int:
    """How many input rows the run refused."""
    query = select(func.count()).select_from(import_reject).where(import_reject.c.run_id == run_id)
    return int(connection.execute(query).scalar_one())
