"""ISO weeks, days and working hours in a stated zone, as moments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from autopurchase.domain.errors import BadInput

_WEEK = re.compile(r"(\d{4})-?W(\d{2})", re.ASCII | re.IGNORECASE)
_WORKING_DAYS = 5


@dataclass(frozen=True, slots=True)
class Week:
    """Monday 00:00 to Monday 00:00 in a zone; 167 or 169 hours where its clocks change."""

    name: str  # 2026-W47
    zone: str
    start: datetime
    end: datetime

    def before(self, count: int = 1) -> Week:
        """The week so many weeks before."""
        monday = self.start.astimezone(zone_of(self.zone)).date() - timedelta(weeks=count)
        return _of_monday(monday, self.zone)


def zone_of(name: str) -> ZoneInfo:
    """A time zone by name. Raises BadInput."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"There is no time zone “{name}”; write it like Asia/Shanghai.") from error


def week(name: str, zone: str) -> Week:
    """The week of a name like ``2026-W47``. Raises BadInput."""
    match = _WEEK.fullmatch(name.strip())
    try:
        if match:
            return _of_monday(date.fromisocalendar(int(match[1]), int(match[2]), 1), zone)
    except ValueError:
        pass
    raise BadInput(f"“{name}” is no ISO week: write it like 2026-W47.")


def week_of(moment: datetime, zone: str) -> Week:
    """The week a moment lies in."""
    day = moment.astimezone(zone_of(zone)).date()
    return _of_monday(day - timedelta(days=day.weekday()), zone)


def _of_monday(monday: date, zone: str) -> Week:
    year, number, _ = monday.isocalendar()
    return Week(f"{year}-W{number:02}", zone, midnight(monday, zone), midnight(monday + timedelta(weeks=1), zone))


def midnight(day: date, zone: str) -> datetime:
    """The moment a day begins, UTC."""
    return datetime.combine(day, time(), zone_of(zone)).astimezone(UTC)


def last_working_days(now: datetime, zone: str) -> list[tuple[datetime, datetime]]:
    """The last five whole working days (Monday to Friday) before now's, newest first: (start, end)."""
    day = now.astimezone(zone_of(zone)).date()
    found: list[tuple[datetime, datetime]] = []
    while len(found) < _WORKING_DAYS:
        day -= timedelta(days=1)
        if day.weekday() < _WORKING_DAYS:
            found.append((midnight(day, zone), midnight(day + timedelta(days=1), zone)))
    return found
