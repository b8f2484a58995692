"""Start synchronization, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from autopurchase.services import sync
from autopurchase.storage import cells, views
from autopurchase.ui import feedback, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, when
from autopurchase.ui.workspace import context, reading

#: numbers of the runs whose progress is shown
RUNS = "sync.runs"
CHOICE = "sync_session"


def draw(person: Person) -> None:
    """The session menu, the button, and the progress of what it started."""
    with reading() as connection:
        names = views.names(connection)["sessions"]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.selectbox(
            _("Session"),
            ["", *names],
            key=CHOICE,
            format_func=lambda name: name or _("all sessions"),
            width=180,
            label_visibility="collapsed",
        )
        st.button(
            _("Start synchronization"),
            icon=":material/sync:",
            key="sync",
            on_click=start,
            args=(person,),
            disabled=not names,
            type="primary",
        )
        if not names:
            st.page_link("pages/admin/sessions.py", label=_("Add a session first"), icon=":material/key:")
    runs: list[int] = st.session_state.get(RUNS, [])
    if runs:
        progress(runs)


def start(person: Person) -> None:
    """Callback: ask the worker to synchronise the chosen session, or all."""
    name = st.session_state.get(CHOICE) or None
    runs = feedback.attempt(lambda: sync.request(context(), person.actor, session=name))
    _watch(runs, _("No session is active."))


def start_lines(person: Person, numbers: Sequence[str]) -> None:
    """Callback: ask the worker to read the marketplace orders of these lines."""
    runs = feedback.attempt(lambda: sync.request(context(), person.actor, lines=numbers))
    _watch(runs, _("None of these lines has a marketplace order yet."))


def _watch(runs: list[int] | None, nothing: str) -> None:
    if runs:
        st.session_state[RUNS] = runs
    elif runs is not None:
        feedback.say("error", nothing)


def progress(runs: list[int]) -> None:
    """Live while anything runs; one more drawing of the page when all have ended."""
    if _open(runs):
        _live(runs)
    else:
        _lines(runs)


@st.fragment(run_every=1.0)
def _live(runs: list[int]) -> None:
    if not _open(runs):
        st.rerun()
    _lines(runs)


def _read(runs: list[int]) -> list[Mapping[Any, Any]]:
    with reading() as connection:
        return [row for row in (cells.one(connection, run) for run in runs) if row is not None]


def _open(runs: list[int]) -> bool:
    return any(row["state"] in ("queued", "running") for row in _read(runs))


def _lines(runs: list[int]) -> None:
    with st.grid(4, min_column_width=220, gap="small"):
        for row in _read(runs):
            with st.container(border=True, gap="xxsmall", height="stretch"):
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    tables.badge(row["state"])
                    tables.cell_link(row["id"], f"**[{row['id']}]** {row['session']}")
                words = tables.summary(row) or _("{n} orders read").format(n=row["done"])
                st.caption(f"{words} · {when(row['finished_at'] or row['started_at'] or row['created_at'])}")
