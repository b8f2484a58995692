"""Binding to orders made by hand: the drawer where their numbers are pasted, and what the check of them found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.domain.pasted import Pasted, read_pasted
from autopurchase.services import bind, plan
from autopurchase.services.sessions import SessionView
from autopurchase.ui import bind_match, cancel_drawer, drawer, feedback, session_choice
from autopurchase.ui.guard import Person
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _, plural
from autopurchase.ui.workspace import context

#: session state: what the drawer is about: ``lines``, ``orders`` (as text), ``session``, ``token`` of the plan
OPEN = "bind.open"
_TEXT, _FILE, _SESSION = "bind-orders", "bind-file", "bind-session"
_MOST_SHOWN = 8


def button(person: Person, picked: Mapping[str, Pick]) -> None:
    """The button that opens the drawer for picked lines, or without any."""
    st.button(
        _("Bind to goods provider's order"),
        icon=":material/link:",
        key="bind-picked",
        on_click=open_form,
        args=(list(picked), session_of(person, picked)),
        help=_("For orders made by hand at the marketplace: paste their numbers, see what fits, bind."),
    )


def session_of(person: Person, picked: Mapping[str, Pick]) -> str:
    """The session that fits the picks best; without picks a person chooses."""
    view = session_choice.chosen(person, picked) if picked else None
    return view.name if view else ""


def open_form(lines: Sequence[str], session: str = "", orders: str = "") -> None:
    """Open the drawer at its form; use it in a callback. ``orders``: numbers that are known already."""
    for other in (drawer.OPEN, cancel_drawer.OPEN):  # one drawer at a time
        st.session_state.pop(other, None)
    st.session_state[OPEN] = {"lines": list(lines), "orders": orders, "session": session, "token": ""}
    for key in (_TEXT, _SESSION):
        st.session_state.pop(key, None)


def is_open() -> bool:
    """Whether `show` would draw the drawer."""
    return OPEN in st.session_state


def show(person: Person, table: str = "") -> None:
    """Draw the drawer when it is open. ``table``: where its lines are picked."""
    wanted = st.session_state.get(OPEN)
    if wanted is None:
        return
    if any(other in st.session_state for other in (drawer.OPEN, cancel_drawer.OPEN)):
        close()
        return
    title = _("Bind to goods provider's order")
    st.dialog(title, position="right", width="large", icon=":material/link:", on_dismiss=close)(_drawer)(
        person, wanted["token"], table
    )


def close() -> None:
    """Close the drawer."""
    st.session_state.pop(OPEN, None)


def _drawer(person: Person, token: str, table: str) -> None:
    wanted = st.session_state.get(OPEN)
    if wanted is None or wanted["token"] != token:  # a button's callback has matched, bound, or begun anew
        st.rerun()
    feedback.show()
    if not token:
        _form(person, wanted)
        return
    view = plan.read(context(), token)
    if view.state in ("queued", "checking"):
        _progress(token)
    elif view.state == "failed":
        st.error(view.error, icon=":material/error:")
        _again()
    else:
        bind_match.draw(person, view, table)
        _again()


@st.fragment(run_every=0.7)
def _progress(token: str) -> None:
    """How many orders were read; the whole page runs once more when all are."""
    view = plan.read(context(), token)
    if view.state not in ("queued", "checking"):
        st.rerun()
    if not view.total:
        st.progress(0.0, text=_("Waiting for the worker to read the orders …"))
    else:
        done = _("Reading orders: {done} of {total}").format(done=view.done, total=view.total)
        st.progress(min(1.0, view.done / view.total), text=done)
    st.caption(_("Nothing is bound by reading."))


def _again() -> None:
    st.button(_("Other orders"), icon=":material/arrow_back:", key="bind-again", on_click=_start_over)


def _start_over() -> None:
    wanted = st.session_state.get(OPEN)
    if wanted:
        open_form(wanted["lines"], wanted["session"], wanted["orders"])


# --- the form ---


def _form(person: Person, wanted: Mapping[str, Any]) -> None:
    lines = wanted["lines"]
    if lines:
        shown = ", ".join(lines[:_MOST_SHOWN]) + (" …" if len(lines) > _MOST_SHOWN else "")
        st.markdown(f"**{plural('{n} line', '{n} lines', len(lines))}**: {shown}")
    else:
        st.markdown(_("No line is picked: those that wait and fit the orders are found."))
    sessions = [view for view in session_choice.listing(person) if view.state == "active"]
    if not sessions:
        st.page_link("pages/admin/sessions.py", label=_("Add a session first"), icon=":material/key:")
        return
    _session(sessions, wanted["session"])
    st.session_state.setdefault(_TEXT, wanted["orders"])
    st.text_area(
        _("Order numbers at the marketplace"),
        key=_TEXT,
        height=140,
        placeholder="2920000000000000001\n2920000000000000002  53-1",
        help=_("Numbers or links, one or many. A line number in the same row says which line the order is for."),
    )
    st.file_uploader(
        _("Or a CSV or text file with order numbers, and lines beside them"),
        type=["csv", "txt"],
        key=_FILE,
        max_upload_size=1,
    )
    _what_was_read(read_pasted(_typed()))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            _("Compare with the lines"),
            type="primary",
            key="bind-match",
            icon=":material/compare_arrows:",
            on_click=_match,
            args=(person, lines),
        )
        if lines:
            st.button(
                _("Find orders for these lines"),
                key="bind-find",
                icon=":material/search:",
                on_click=_find,
                args=(person, lines),
                help=_("Looks among the session's orders that no line is bound to, as of its last synchronization."),
            )


def _session(sessions: Sequence[SessionView], wanted: str) -> None:
    names = {view.name: f"{view.name} · {view.label}" for view in sessions}
    first = wanted if wanted in names else next(iter(names)) if len(names) == 1 else None
    st.session_state.setdefault(_SESSION, first)
    st.selectbox(
        _("Session whose orders they are"),
        list(names),
        index=None,
        key=_SESSION,
        format_func=lambda name: names[name],
        placeholder=_("choose the account at which they were ordered"),
    )


def _what_was_read(found: Pasted) -> None:
    if found.orders:
        said = plural("{n} order", "{n} orders", len(found.orders))
        pairs = plural("{n} line beside them", "{n} lines beside them", len(found.lines)) if found.lines else ""
        st.caption(":material/check: " + " · ".join(filter(None, (said, pairs))))
    if found.unread:
        st.caption(
            ":orange[:material/help: "
            + _("Not understood: {words}. A number from a spreadsheet must show all its digits.").format(
                words=", ".join(found.unread[:5])
            )
            + "]"
        )


def _typed() -> str:
    """What was pasted and uploaded, as of this moment: a click may come together with the last letters."""
    file = st.session_state.get(_FILE)
    uploaded = file.getvalue().decode("utf-8-sig", errors="replace") if file is not None else ""
    return f"{st.session_state.get(_TEXT, '')}\n{uploaded}".strip()


def _match(person: Person, lines: Sequence[str]) -> None:
    text = _typed()

    def ask() -> str:
        found = read_pasted(text)
        if not found.orders:
            raise BadInput(_("Paste at least one number of an order at the marketplace."))
        named = list(dict.fromkeys([*lines, *found.lines]))
        return request(person, orders=found.orders, lines=named, pairs=found.pairs)

    _opened(feedback.attempt(ask), text)


def _find(person: Person, lines: Sequence[str]) -> None:
    _opened(feedback.attempt(lambda: request(person, lines=lines)), "")


def request(person: Person, **wanted: Any) -> str:
    """Ask the worker to read and compare; the plan's token. Raises BadInput."""
    session = st.session_state.get(_SESSION)
    if not session:
        raise BadInput(_("Choose the session whose orders they are."))
    return bind.request(context(), person.actor, session, in_worker=True, **wanted)


def _opened(token: str | None, text: str) -> None:
    wanted = st.session_state.get(OPEN)
    if token and wanted:
        session = st.session_state[_SESSION]
        st.session_state[OPEN] = {**wanted, "token": token, "session": session, "orders": text}
