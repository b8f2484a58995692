"""Authorising a session: by the marketplace's own page, by a pasted code, or by pasted tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit, urlunsplit

import streamlit as st

from autopurchase.domain.errors import AutopurchaseError, BadInput
from autopurchase.services import sessions
from autopurchase.services.sessions import SessionView
from autopurchase.ui import feedback
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _
from autopurchase.ui.workspace import context

#: how long a person may take at the marketplace's page
PATIENCE = timedelta(minutes=30)


def here() -> str:
    """The address of this page, without query: where the marketplace sends the person back to."""
    parts = urlsplit(st.context.url or "")
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def seal_state(name: str, person: Person) -> str:
    """What travels to the marketplace and back: sealed, so that only what we sent out is believed."""
    return context().vault.seal({"session": name, "person": person.name, "at": context().now().isoformat()})


def open_state(state: str, person: Person) -> str:
    """The session's name out of a state that came back. Raises BadInput when it is not ours, or too old."""
    try:
        found = context().vault.open(state)
        fresh = context().now() - datetime.fromisoformat(found["at"]) < PATIENCE
    except (AutopurchaseError, KeyError, ValueError, TypeError) as error:
        raise BadInput(_("This return address was not made here: authorise again from the session's card.")) from error
    if not fresh or found.get("person") != person.name:
        raise BadInput(_("This authorisation is too old, or somebody else's: authorise again."))
    return str(found["session"])


def returned(person: Person) -> None:
    """Offer to finish when the marketplace sent the person back with a code."""
    code, state = st.query_params.get("code", ""), st.query_params.get("state", "")
    if not code or not state:
        return
    with feedback.shown():
        name = open_state(state, person)
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="returned"):
            st.markdown(_("The marketplace has answered for session **{name}**.").format(name=name))
            st.button(
                _("Finish authorisation"),
                type="primary",
                icon=":material/check:",
                on_click=_finish,
                args=(person, name, code),
            )


def panel(person: Person, view: SessionView) -> None:
    """The three ways."""
    st.markdown(_("**1. At the marketplace's page**"))
    back = st.text_input(
        _("Return address registered with the app"),
        value=here(),
        key=f"back-{view.id}",
        help=_("Must be the same, letter by letter, as in the developer console."),
    )
    with feedback.shown():
        url = sessions.authorize_url(context(), person.actor, view.name, back, seal_state(view.name, person))
        st.link_button(_("Open the page"), url, icon=":material/open_in_new:")
    st.markdown(_("**2. Paste what came back**"))
    st.text_input(_("Code, or the whole address you were sent to"), key=f"code-{view.id}", autocomplete="off")
    st.button(_("Use the code"), key=f"use-{view.id}", on_click=_pasted, args=(person, view))
    st.markdown(_("**3. Paste tokens**"))
    st.text_input(_("Access token"), key=f"access-{view.id}", type="password", autocomplete="off")
    st.text_input(_("Refresh token"), key=f"refresh-{view.id}", type="password", autocomplete="off")
    st.button(_("Save tokens"), key=f"tokens-{view.id}", on_click=_tokens, args=(person, view))


def _pasted(person: Person, view: SessionView) -> None:
    typed = str(st.session_state[f"code-{view.id}"]).strip()
    code = parse_qs(urlsplit(typed).query).get("code", [typed])[0] if "code=" in typed else typed
    st.session_state[f"code-{view.id}"] = ""
    _finish(person, view.name, code, st.session_state[f"back-{view.id}"])


def _finish(person: Person, name: str, code: str, back: str = "") -> None:
    def act() -> bool:
        if not code:
            raise BadInput(_("Paste the code first."))
        sessions.finish_authorisation(context(), person.actor, name, code, back or here())
        return True

    if feedback.attempt(act):
        feedback.say("success", _("Session {name} is authorised.").format(name=name))
    st.query_params.clear()


def _tokens(person: Person, view: SessionView) -> None:
    access, refresh = (str(st.session_state[f"{part}-{view.id}"]) for part in ("access", "refresh"))
    for part in ("access", "refresh"):
        st.session_state[f"{part}-{view.id}"] = ""

    def act() -> bool:
        sessions.set_tokens(context(), person.actor, view.name, access, refresh)
        return True

    if feedback.attempt(act):
        feedback.say("success", _("The tokens of {name} are stored, encrypted.").format(name=view.name))
