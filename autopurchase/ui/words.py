"""All words people see pass `_`; dates, ages and amounts are written here, in one way everywhere."""

from __future__ import annotations

import gettext
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from autopurchase.domain.money import amount_text

_LOCALE = Path(__file__).parent / "locale"
_LANGUAGE = "frame.language"
_MINUTE = timedelta(minutes=1)
FIGURE_SPACE = "\u2007"
_spoken: ContextVar[gettext.NullTranslations | None] = ContextVar("spoken", default=None)


@cache
def _translation(language: str) -> gettext.NullTranslations:
    return gettext.translation("autopurchase", _LOCALE, [language], fallback=True)


def use(chosen: str) -> None:
    """Speak the language ``chosen`` (``ru``, ``zh_CN``, …) to this tab; unknown ones fall back to English."""
    st.session_state[_LANGUAGE] = chosen
    _spoken.set(_translation(chosen))


def language() -> str:
    """What this tab speaks."""
    return str(st.session_state.get(_LANGUAGE, "en"))


def _now() -> gettext.NullTranslations:
    """What this run speaks; a fragment's run begins in a fresh context and asks the tab's state once."""
    found = _spoken.get()
    if found is None:
        found = _translation(language())
        _spoken.set(found)
    return found


def _(text: str | None) -> str:
    """``text`` in the person's language; nothing stays nothing."""
    return "" if not text else _now().gettext(text)


def plural(one: str, many: str, count: int) -> str:
    """``1 line`` or ``5 lines``: both forms contain ``{n}``."""
    return _now().ngettext(one, many, count).format(n=f"{count:,}")


def zone() -> ZoneInfo:
    """The person's time zone, as their browser states it."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def when(moment: datetime | None) -> str:
    """``23 Nov 14:05`` in the person's zone; a dash for no moment."""
    return moment.astimezone(zone()).strftime("%d %b %H:%M") if moment else "–"


def when_full(moment: datetime | None) -> str:
    """``2026-11-23 14:05 Asia/Shanghai``; a dash for no moment."""
    return f"{moment.astimezone(zone()):%Y-%m-%d %H:%M} {zone().key}" if moment else "–"


def span(length: timedelta) -> str:
    """``3 d 4 h``, ``4 h 10 min``, ``10 min``; at most two parts, never negative."""
    minutes = max(0, int(length.total_seconds()) // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return _("{d} d {h} h").format(d=days, h=hours)
    return _("{h} h {m} min").format(h=hours, m=rest) if hours else _("{m} min").format(m=rest)


def coarse(length: timedelta) -> str:
    """`span` in its biggest part only: ``3 d``, ``4 h``, ``10 min``."""
    minutes = max(0, int(length.total_seconds()) // 60)
    if minutes >= 1440:
        return _("{d} d").format(d=minutes // 1440)
    return _("{h} h").format(h=minutes // 60) if minutes >= 60 else _("{m} min").format(m=minutes)


def ago(moment: datetime | None, now: datetime) -> str:
    """``10 min ago``, ``just now``; ``never`` for no moment."""
    if moment is None:
        return _("never")
    return _("{span} ago").format(span=span(now - moment)) if now - moment >= _MINUTE else _("just now")


def left(moment: datetime | None, now: datetime) -> str:
    """``in 4 h 10 min`` or ``over``; empty for no moment."""
    if moment is None:
        return ""
    return _("in {span}").format(span=span(moment - now)) if moment > now else _("over")


def padded(minor: int | None, currency: str, width: int = 12) -> str:
    """An amount that sorts as text in numeric order: padded with figure spaces. Empty for None."""
    return "" if minor is None else amount_text(minor, currency).rjust(width, FIGURE_SPACE)


def sortable(length: timedelta) -> str:
    """`span` padded so that a text column sorts by length of time."""
    minutes = max(0, int(length.total_seconds()) // 60)
    days, hours = divmod(minutes // 60, 24)
    text = f"{days} d {hours:>2} h" if days else f"{hours} h {minutes % 60:>2} m"
    return text.rjust(10, FIGURE_SPACE).replace(" ", FIGURE_SPACE)


def sums(minor_by_currency: dict[str, int]) -> str:
    """``CNY 1,204.50 · USD 88.00``: one subtotal a currency."""
    return " · ".join(f"{code} {amount_text(minor, code)}" for code, minor in sorted(minor_by_currency.items()))
