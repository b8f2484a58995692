"""Lists of runs: filtered, searched and paged in SQL, newest first. What is inside one cell: `storage.cells`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, RowMapping, Select, Subquery, func, or_, select, union

from autopurchase.domain.errors import BadInput
from autopurchase.domain.order import parse_line_number
from autopurchase.storage.lines import chunks
from autopurchase.storage.notes import latest
from autopurchase.storage.schema import (
    booking,
    booking_line,
    event,
    line,
    orders,
    provider_order,
    run,
    run_note,
    session,
    source,
)

Rows = Sequence[RowMapping]
#: what no index answers is looked for in so many of the newest runs, not in all of them
NEAR = 50_000
#: runs that are found by a number (of a line, a provider order, a booking) beyond those
_MOST_BY_NUMBER = 1_000


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs. Empty fields do not restrict; ``until`` is excluded.

    ``text``: part of the call or of a note, whatever its case; or in full the number of a run, line, order or provider
    order, or our reference.
    """

    kind: str = ""
    state: str = ""
    session: str = ""
    actor: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


#: a list shows neither the call nor what it was given: they may be long
_LISTED = (
    run.c.id,
    run.c.kind,
    run.c.actor,
    run.c.state,
    run.c.session_id,
    run.c.source_id,
    run.c.out,
    run.c.done,
    run.c.total,
    run.c.error,
    run.c.created_at,
    run.c.started_at,
    run.c.finished_at,
    session.c.name.label("session"),
    source.c.name.label("source"),
)


def page(connection: Connection, wanted: RunFilter, *, limit: int, before: int = 0) -> Rows:
    """Runs with a number below ``before`` (0: from the newest), newest first, without call and params."""
    ids = _matching(connection, wanted, before).order_by(run.c.id.desc()).limit(limit)
    found = list(connection.execute(ids).scalars())
    query = with_names(select(*_LISTED)).where(run.c.id.in_(found)).order_by(run.c.id.desc())
    return connection.execute(query).mappings().all() if found else []


def whole(connection: Connection, run_ids: Iterable[int]) -> Rows:
    """These runs with everything in them, oldest first."""
    rows: list[RowMapping] = []
    for part in chunks(sorted(run_ids)):
        query = with_names(select(run, *_LISTED[-2:])).where(run.c.id.in_(part)).order_by(run.c.id)
        rows += connection.execute(query).mappings().all()
    return rows


def with_names(query: Select[Any]) -> Select[Any]:
    """``query`` on runs with their session and source beside them."""
    query = query.select_from(run).outerjoin(session, run.c.session_id == session.c.id)
    return query.outerjoin(source, run.c.source_id == source.c.id)


def reaches_all(connection: Connection, wanted: RunFilter) -> bool:
    """Whether the filter looks at every run, not only at the newest `NEAR`."""
    lead, rest = _conditions(wanted)
    if not rest and not wanted.text:
        return True
    near = _near(lead, 0, NEAR + 1)
    return int(connection.execute(select(func.count()).select_from(near)).scalar_one()) <= NEAR


def previous(connection: Connection, row: Mapping[Any, Any]) -> int:
    """The run of the same kind, session and source before this one; 0 for none among the newest `NEAR`."""
    wanted = RunFilter(kind=row["kind"])
    same = [run.c.session_id.is_not_distinct_from(row["session_id"])]
    same.append(run.c.source_id.is_not_distinct_from(row["source_id"]))
    near = _near(_conditions(wanted)[0], row["id"], NEAR)
    query = select(func.max(run.c.id)).select_from(run.join(near, run.c.id == near.c.id)).where(*same)
    return int(connection.execute(query).scalar() or 0)


def actors(connection: Connection) -> list[str]:
    """Who has done something among the newest `NEAR` runs, by name."""
    near = select(run.c.actor).order_by(run.c.id.desc()).limit(NEAR).subquery()
    return sorted(connection.execute(select(near.c.actor).distinct()).scalars())


def _matching(connection: Connection, wanted: RunFilter, before: int) -> Select[Any]:
    """Ids of the runs that fit; only the first condition is answered by an index, the others by reading."""
    lead, rest = _conditions(wanted)
    if not rest and not wanted.text:
        return select(run.c.id).where(*lead, *_below(before))
    near = _near(lead, before, NEAR)
    found = select(run.c.id).join(near, run.c.id == near.c.id).where(*rest)
    if not wanted.text:
        return found
    numbered = _by_number(connection, wanted.text.strip())
    fitting = select(run.c.id).where(*lead, *rest, *_below(before))
    either = found.where(_has_text(wanted.text.strip())).union(fitting.where(run.c.id.in_(numbered))).subquery()
    return select(run.c.id).where(run.c.id.in_(select(either.c.id)))


def _below(before: int) -> list[ColumnElement[bool]]:
    return [run.c.id < before] if before else []


def _near(lead: Sequence[ColumnElement[bool]], before: int, limit: int) -> Subquery:
    return select(run.c.id).where(*lead, *_below(before)).order_by(run.c.id.desc()).limit(limit).subquery("near")


def _conditions(wanted: RunFilter) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """The one condition that an index answers first, and the others."""
    dates = [run.c.created_at >= wanted.since] if wanted.since else []
    dates += [run.c.created_at < wanted.until] if wanted.until else []
    found = [dates] if dates else []
    found += [[run.c.actor == wanted.actor]] if wanted.actor else []
    found += [[run.c.session_id == _session_id(wanted.session)]] if wanted.session else []
    found += [[run.c.kind == wanted.kind]] if wanted.kind else []
    found += [[run.c.state == wanted.state]] if wanted.state else []
    return (found[0] if found else []), [one for part in found[1:] for one in part]


def _session_id(name: str) -> Any:
    return select(session.c.id).where(session.c.name == name).scalar_subquery()


def _has_text(text: str) -> ColumnElement[bool]:
    noted = select(run_note.c.run_id).where(run_note.c.text.icontains(text, autoescape=True), latest())
    return or_(run.c.call.icontains(text, autoescape=True), run.c.id.in_(noted))


def _by_number(connection: Connection, text: str) -> list[int]:
    """Runs that ``text`` is a number of: their own, a line's, an order's, a provider order's, a booking's."""
    own = text.strip("[]")
    found = {int(own)} if own.isdigit() and len(own) < 12 else set()
    found.update(connection.execute(select(booking.c.run_id).where(booking.c.out_order_id == text)).scalars())
    touched = set(connection.execute(_named(text)).scalars())
    of_provider = (
        select(booking_line.c.line_id)
        .join(provider_order, booking_line.c.provider_order_id == provider_order.c.id)
        .where(provider_order.c.session_id.in_(select(session.c.id)), provider_order.c.provider_order_id == text)
    )
    touched.update(connection.execute(of_provider).scalars())
    for part in chunks(sorted(touched)):
        query = select(event.c.run_id).where(event.c.line_id.in_(part), event.c.run_id.is_not(None)).distinct()
        found.update(connection.execute(query).scalars())
    return sorted(found)[-_MOST_BY_NUMBER:]


def _named(text: str) -> CompoundSelect[Any]:
    """Lines of this number (``53-1``, ``ORD-000000053-1``), or of the order of this number (``53``)."""
    number = f"ORD-{int(text):09d}" if text.isdigit() and len(text) < 12 else text
    ways = [line.c.order_id.in_(select(orders.c.id).where(orders.c.number.in_([text, number]))), line.c.number == text]
    with suppress(BadInput):
        numbers, line_no = parse_line_number(text)
        ways.append(
            line.c.order_id.in_(select(orders.c.id).where(orders.c.number.in_(numbers))) & (line.c.line_no == line_no)
        )
    return union(*[select(line.c.id).where(way) for way in ways])  # each way has an index of its own


def narrowed(wanted: RunFilter, since: datetime | None, until: datetime | None) -> RunFilter:
    """``wanted`` within these moments as well."""
    starts = [moment for moment in (wanted.since, since) if moment]
    ends = [moment for moment in (wanted.until, until) if moment]
    return replace(wanted, since=max(starts, default=None), until=min(ends, default=None))
