"""Which runs: the journal's filters as a notebook or the command line gives them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TypedDict

from autopurchase.domain.errors import BadInput
from autopurchase.storage.journal import RunFilter

Moment = datetime | date | timedelta | str
_AGE = re.compile(r"(\d{1,4})\s*([dh])")


class JournalFilters(TypedDict, total=False):
    """Which runs; what is not given does not restrict.

    ``text``: part of the call or of a note, or in full the number of a line, order, provider order or booking.
    ``since``, ``until``: a day (``2026-11-23``, UTC, ``until`` included), a moment, or an age (``7d``, ``24h``, a
    timedelta). ``before``: runs below this number, for the next page.
    """

    kind: str
    state: str
    session: str
    actor: str
    text: str
    since: Moment | None
    until: Moment | None
    before: int


def run_filter(given: JournalFilters, now: datetime) -> RunFilter:
    """The filter as storage takes it. Raises BadInput for a time that cannot be read."""
    words = {name: str(given.get(name) or "") for name in ("kind", "state", "session", "actor", "text")}
    return RunFilter(since=moment(given.get("since"), now), until=moment(given.get("until"), now, end=True), **words)


def moment(value: Moment | None, now: datetime, *, end: bool = False) -> datetime | None:
    """A day, moment or age as a moment; of a day its begin, or with ``end`` the begin of the next. Raises BadInput."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = _read(value.strip())
    if isinstance(value, timedelta):
        return now - value
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.combine(value, time(), UTC) + timedelta(days=int(end))


def _read(text: str) -> datetime | date | timedelta:
    if age := _AGE.fullmatch(text):
        return timedelta(days=int(age[1])) if age[2] == "d" else timedelta(hours=int(age[1]))
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"“{text}” is no time: write a day like 2026-11-23, or an age like 7d or 24h.") from error
