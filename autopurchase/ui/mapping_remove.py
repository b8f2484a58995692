"""Removing a mapping, with the reason as the note of its journal cell."""

from __future__ import annotations

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.services import mapping, notes
from autopurchase.services.mapping import MappingView
from autopurchase.ui import feedback
from autopurchase.ui.guard import Person
from autopurchase.ui.mapping import open_product, said
from autopurchase.ui.words import _
from autopurchase.ui.workspace import context


def button(person: Person, view: MappingView) -> None:
    """A menu that removes a mapping, with the reason as the journal cell's note."""
    with st.popover(_("Remove"), icon=":material/delete:"):
        st.caption(_("What the shop itself says counts again. Lines under way stay as they are."))
        st.text_input(_("Reason (needed)"), key="mapping-reason", max_chars=300)
        st.button(
            _("Remove the mapping"),
            key="mapping-remove",
            icon=":material/delete:",
            on_click=_remove,
            args=(person, view),
        )


def _remove(person: Person, view: MappingView) -> None:
    reason = str(st.session_state["mapping-reason"] or "").strip()

    def act() -> int:
        if not reason:
            raise BadInput(_("Say why the mapping is removed."))
        run = mapping.remove(context(), person.actor, view.source, view.product_key)
        notes.add(context(), person.actor, run, reason)
        return run

    run = feedback.attempt(act)
    if run is not None:
        open_product(None)
        feedback.say("toast", said(run), run)
