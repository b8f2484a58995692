"""When each session was last compared with its marketplace, and comparing now."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from autopurchase.domain.roles import Role
from autopurchase.services import desk
from autopurchase.services.desk import Compared
from autopurchase.ui import feedback, sync_panel, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, ago, when_full
from autopurchase.ui.workspace import context

_CHOICE = "desk_compare"


def draw(person: Person) -> None:
    """The sessions with the time of their last comparison, the button, and its progress."""
    known = desk.compared(context(), person.actor)
    if not known:
        st.page_link("pages/admin/sessions.py", label=_("Add a session first"), icon=":material/key:")
        return
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        with st.container(width=210, gap="small"):
            _button(person, known)
        _table(known)
    if runs := [each.run for each in known if each.run]:
        sync_panel.progress(runs)


def _button(person: Person, known: list[Compared]) -> None:
    st.selectbox(
        _("Session to compare"),
        ["", *[each.session for each in known]],
        key=_CHOICE,
        format_func=lambda name: name or _("all sessions"),
        label_visibility="collapsed",
    )
    st.button(
        _("Compare now"),
        icon=":material/balance:",
        key="compare",
        type="primary",
        width="stretch",
        disabled=person.role < Role.OPERATOR,
        on_click=_start,
        args=(person,),
    )


def _start(person: Person) -> None:
    name = st.session_state.get(_CHOICE) or None
    runs = feedback.attempt(lambda: desk.request(context(), person.actor, name))
    if runs == []:
        feedback.say("error", _("No session is active."))


def _table(known: list[Compared]) -> None:
    now = context().now()
    labels = {name: kind.manifest.label for name, kind in context().providers.items()}
    rows = [
        {
            "session": each.session,
            "provider": labels.get(each.provider, each.provider),
            "at": ago(each.at, now),
            "when": when_full(each.at),
            "error": each.error,
        }
        for each in known
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows), 6),
        alt=_("Sessions and their last comparison"),
        column_config={
            "session": tables.text(_("Session"), 150),
            "provider": tables.text(_("Marketplace"), 130),
            "at": tables.text(_("Compared"), 120),
            "when": tables.text(_("At"), 200),
            "error": tables.text(_("What went wrong"), "large"),
        },
    )
