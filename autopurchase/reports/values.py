"""Values of reports as they are printed: rounded last, per unit, the same on pages and in every kind of file."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from autopurchase.domain.money import digits

#: there is nothing to measure
NONE = "–"
#: units whose values stand to the right
FIGURES = frozenset({"pieces", "lines", "count", "money", "share", "seconds", "hours", "rate"})


def rounded(value: Any, unit: str, currency: str = "") -> Any:
    """A value with the digits it is printed with: money by its currency, shares to 0.1 %, hours and rates to 0.1."""
    if value is None or unit not in ("money", "share", "hours", "rate"):
        return value
    places = {"money": digits(currency), "share": 3}.get(unit, 1)
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def text(value: Any, unit: str, currency: str = "", zone: str = "UTC") -> str:
    """A value for people: ``1,204.50``, ``74.3 %``, ``1 d 4 h``, ``2026-11-23 14:05``; “–” for None."""
    if value is None:
        return NONE
    if unit == "share":
        return f"{rounded(value, unit) * 100:.1f} %"
    if unit == "seconds":
        return span(int(value))
    if unit == "time":
        return f"{local(value, zone):%Y-%m-%d %H:%M}"
    if unit == "flag":
        return "yes" if value else "no"
    return f"{rounded(value, unit, currency):,}" if unit in FIGURES else str(value)


def local(moment: datetime, zone: str) -> datetime:
    """The moment on the clocks of ``zone``, without a zone of its own."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def span(seconds: int) -> str:
    """``1 d 4 h``, ``4 h 10 min``, ``10 min``, ``40 s``: at most two parts."""
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    parts = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"))
    told = [f"{count} {unit}" for count, unit in parts if count][:2]
    return sign + (" ".join(told) or f"{seconds} s")
