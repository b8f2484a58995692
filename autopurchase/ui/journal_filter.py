"""Filters of the journal. Every one is kept in the address, so a filtered journal can be sent to a colleague."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import streamlit as st

from autopurchase.storage import journal, views
from autopurchase.storage.journal import RunFilter
from autopurchase.ui import address, tables
from autopurchase.ui.words import _, zone
from autopurchase.ui.workspace import context, reading

PAGE = "pages/operate/journal.py"
STATES = ("queued", "running", "done", "failed")
_KEYS = tuple(f"journal_{name}" for name in ("text", "kind", "state", "session", "actor", "from", "to"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """One cell (``run``), it beside another (``other``), or a page of cells below ``before``."""

    run: int = 0
    other: int = 0
    before: int = 0
    filter: RunFilter = field(default_factory=RunFilter)

    @property
    def filtered(self) -> bool:
        """Whether anything restricts the list."""
        return self.filter != RunFilter()


def draw() -> Wanted:
    """Draw the filters; a cell's number in the address shows that cell alone."""
    run = number("run")
    if run:
        st.page_link(PAGE, label=_("All cells"), icon=":material/arrow_back:", query_params=said())
        return Wanted(run, number("with"))
    return Wanted(0, 0, number("journal_before"), _draw())


def number(key: str) -> int:
    """A number in the address; 0 for none."""
    text = st.query_params.get(key, "")
    return int(text) if text.isdigit() and len(text) < 12 else 0


def said() -> dict[str, str]:
    """The filters as the address has them, for links that keep them."""
    return {key: value for key in _KEYS if (value := address.said(key))}


def _draw() -> RunFilter:
    choices = _choices()
    hidden: Any = {"label_visibility": "collapsed"}
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="journal-filter"):
        text = address.text(
            _("Search"),
            "journal_text",
            icon=":material/search:",
            placeholder=_("line, order, marketplace order, words, note"),
            width=320,
            **hidden,
        )
        kind = _menu(
            _("Operation"), "kind", sorted(tables.KINDS, key=tables.kind), tables.kind, _("any operation"), 180
        )
        state = _menu(_("State"), "state", STATES, tables.word, _("any state"), 120)
        session = _menu(_("Session"), "session", choices["sessions"], str, _("any session"), 140)
        actor = _menu(_("By"), "actor", choices["actors"], str, _("by anybody"), 140)
        since, until = _days()
        st.button(
            _("Clear"),
            icon=":material/filter_alt_off:",
            on_click=_clear,
            key="journal-clear",
            type="tertiary",
            help=_("Clear filters"),
        )
    return RunFilter(
        kind=kind, state=state, session=session, actor=actor, text=text, since=_begin(since), until=_begin(until, 1)
    )


def _days() -> tuple[date | None, date | None]:
    """From and to, in a menu that says what is chosen."""
    chosen = [said for key in ("journal_from", "journal_to") if (said := address.said(key))]
    label = " – ".join(dict.fromkeys(chosen)) or _("any day")
    with st.popover(label, icon=":material/calendar_month:", key="journal-days"):
        since = address.day(_("From this day on"), "journal_from")
        until = address.day(_("Up to this day"), "journal_to")
        with st.container(horizontal=True, gap="small"):
            st.button(_("Today"), key="journal-today", on_click=one_day, args=(0,))
            st.button(_("Yesterday"), key="journal-yesterday", on_click=one_day, args=(1,))
    return since, until


def one_day(ago: int) -> None:
    """Show the cells of one day only."""
    day = context().now().astimezone(zone()).date() - timedelta(days=ago)
    for key in ("journal_from", "journal_to"):
        st.session_state[key] = day


def _menu(label: str, name: str, options: Any, words: Any, anything: str, width: int) -> str:
    found = address.select(
        label, f"journal_{name}", options, words, placeholder=anything, width=width, label_visibility="collapsed"
    )
    return found or ""


@st.cache_data(ttl=30, max_entries=1, show_spinner=False)
def _choices() -> Mapping[str, list[str]]:
    with reading() as connection:
        return {"sessions": views.names(connection)["sessions"], "actors": journal.actors(connection)}


def _clear() -> None:
    for key in (*_KEYS, "journal_before"):
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)


def _begin(day: date | None, later: int = 0) -> datetime | None:
    """The moment a day begins where the person is, or the day ``later`` days after it."""
    return datetime.combine(day + timedelta(days=later), time(), zone()) if day else None
