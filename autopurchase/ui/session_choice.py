"""Choosing the session that buys: by the marketplace of what is picked, with its health in sight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import streamlit as st

from autopurchase.services import sessions
from autopurchase.services.sessions import SessionView
from autopurchase.ui import budget
from autopurchase.ui.guard import Person
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _, left
from autopurchase.ui.workspace import context

KEY = "ready_session"
_ASKED = "ready.session"


@st.cache_data(ttl=2, max_entries=8, show_spinner=False)
def listing(person: Person) -> list[SessionView]:
    """Every session with its health; one reading serves all tabs for two seconds."""
    return sessions.listing(context(), person.actor)


def fitting(session: SessionView | None, picked: Mapping[str, Pick]) -> list[str]:
    """Picked lines of the session's marketplace."""
    if session is None or session.state != "active":
        return []
    return [number for number, pick in picked.items() if pick.provider == session.provider]


def usable(person: Person, picked: Mapping[str, Pick]) -> list[SessionView]:
    """Sessions of the picked lines' marketplaces (all without picks): most picks first, active ones first."""
    counts = Counter(pick.provider for pick in picked.values())
    found = [view for view in listing(person) if view.provider in counts or not counts]
    return sorted(found, key=lambda view: (view.state != "active", -counts[view.provider]))


def chosen(person: Person, picked: Mapping[str, Pick]) -> SessionView | None:
    """What the person chose while it fits what is picked, else the best fit."""
    return _best(usable(person, picked))


def _best(options: Sequence[SessionView]) -> SessionView | None:
    wanted = st.session_state.get(_ASKED)
    return next((view for view in options if view.name == wanted), options[0] if options else None)


def draw(person: Person, picked: Mapping[str, Pick]) -> SessionView | None:
    """The menu of sessions; returns the chosen one."""
    options = usable(person, picked)
    best = _best(options)
    if best is None:
        st.page_link("pages/admin/sessions.py", label=_("Add a session to book with"), icon=":material/key:")
        return None
    st.session_state[KEY] = best.name
    st.selectbox(
        _("Session"),
        [view.name for view in options],
        key=KEY,
        label_visibility="collapsed",
        width=170,
        on_change=_asked,
    )
    _suggest(person, picked, best)
    return best


def _suggest(person: Person, picked: Mapping[str, Pick], chosen: SessionView) -> None:
    """Another session of the same marketplace, where the chosen one has no room: a person takes it, or does not."""
    other = budget.suggestion(listing(person), chosen, len(fitting(chosen, picked)))
    if other is not None:
        st.button(
            budget.room_words(other),
            type="tertiary",
            icon=":material/lightbulb:",
            key="session-suggested",
            on_click=_take,
            args=(other.name,),
            help=_("Books through this session instead"),
        )


def _take(name: str) -> None:
    st.session_state[_ASKED] = name


def _asked() -> None:
    """Remember that a person chose: what is chosen for them may change with the picks."""
    st.session_state[_ASKED] = st.session_state[KEY]


def health(view: SessionView | None, picked: Mapping[str, Pick]) -> str:
    """The chosen session in one line: state, what of the picks it cannot buy, use of its cap, token, grade."""
    if view is None:
        return ""
    if view.state != "active":
        return f":red[:material/error: {view.name}: {view.health}]"
    others = sum(pick.provider != view.provider for pick in picked.values())
    end = left(view.token_expires_at, context().now())
    parts = [
        view.label,
        *budget.short(view, context().now()),
        _("token ends {left}").format(left=end) if end else "",
        _("grade {g}").format(g=view.grade),
    ]
    stay = _(":orange[{n} of another marketplace stay picked]").format(n=others) if others else ""
    return " · ".join(part for part in (*parts, stay) if part)
