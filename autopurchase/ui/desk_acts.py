"""The small dialogs of the desk: leave a row, accept it, free the line of an order that is not there."""

from __future__ import annotations

import streamlit as st

from autopurchase.domain.desk import LABELS, words
from autopurchase.services import desk_acts
from autopurchase.services.desk import View
from autopurchase.ui import feedback
from autopurchase.ui.guard import Person
from autopurchase.ui.order import plain
from autopurchase.ui.words import _
from autopurchase.ui.workspace import context

_TITLES = {"leave": "Leave it as it is", "accept": "Accept what differs", "free": "Free the line"}
_WORDS = {
    "leave": "The row is settled with your words and does not come back. Nothing is sent, and no line changes.",
    "accept": "The booking stays as it is, and its lines are no longer flagged. Nothing is sent.",
    "free": "The marketplace is asked once more. If it says again that there is no such order, the lines are ready to "
    "be booked; if it is there after all, nothing changes.",
}


def ask(person: Person, row: View, act: str) -> None:
    """Open the dialog of this act."""
    st.dialog(_(_TITLES[act]), width="medium")(_dialog)(person, row, act)


def _dialog(person: Person, row: View, act: str) -> None:
    found = row.found
    st.markdown(f"**{_(LABELS[found.kind])}** · {plain(found.number or found.reference)}")
    st.markdown(plain(words(found.said, _)))
    st.caption(_(_WORDS[act]))
    if act != "free":
        needed = act == "leave"
        st.text_input(_("Why (needed)") if needed else _("Why, for the journal"), key="desk-note", max_chars=300)
    if st.button(_(_TITLES[act]), type="primary", key="desk-confirm", on_click=_do, args=(person, found.key, act)):
        st.rerun()


def _do(person: Person, key: str, act: str) -> None:
    note = str(st.session_state.get("desk-note", ""))
    run = feedback.attempt(lambda: desk_acts.ACTS[act](context(), person.actor, key, note))
    if run is None:
        return
    if act == "free":
        feedback.queued(run)
    else:
        feedback.say("toast", _("Done, see run {n}.").format(n=run), run)
