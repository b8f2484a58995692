"""Unbind only: the dialog that takes picked lines off their provider orders. Nothing is sent by it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from autopurchase.services.unbind import unbind
from autopurchase.ui import feedback, picking
from autopurchase.ui.guard import Person
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _, plural
from autopurchase.ui.workspace import context


def button(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    """The button that opens the dialog."""
    if st.button(
        _("Unbind only"),
        icon=":material/link_off:",
        key="unbind-picked",
        disabled=not picked,
        help=_("Removes the tie here only. The order stays at the marketplace; nothing is sent."),
    ):
        st.dialog(_("Unbind only"), icon=":material/link_off:")(_dialog)(person, dict(picked), table)


def _dialog(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    shown = ", ".join(list(picked)[:6]) + (" …" if len(picked) > 6 else "")
    st.markdown(f"**{plural('{n} line', '{n} lines', len(picked))}**: {shown}")
    st.info(
        _(
            "Nothing is sent: the orders **stay at the marketplace** and may still be paid there. The lines are held "
            "while their order lives, so that nobody buys them twice. To close the orders, use “Cancel at provider”."
        ),
        icon=":material/link_off:",
    )
    reason = st.text_input(_("Reason (needed)"), key="unbind-reason", max_chars=300)
    label = plural("Unbind {n} line", "Unbind {n} lines", len(picked))
    if st.button(label, key="unbind-confirm", on_click=_do, args=(person, picked, table)):
        st.rerun()
    if not reason:
        st.caption(_("Say why, for whoever finds the order later."))


def _do(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    versions = {number: pick.version for number, pick in picked.items()}
    reason = str(st.session_state["unbind-reason"])
    run = feedback.attempt(lambda: unbind(context(), person.actor, versions, reason))
    if run is not None:
        picking.unpick(table, picked)
        feedback.say("toast", _("Unbound, see run {n}.").format(n=run), run)
