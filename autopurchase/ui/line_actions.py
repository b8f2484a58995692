"""What can be done with picked lines beside booking and cancelling them; the same on every page that has lines."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from autopurchase.ui import amend, bind, dialogs, split
from autopurchase.ui.guard import Person
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _


def buttons(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    """Comment, split, change, and bind to an order made by hand. ``table``: where the lines are picked."""
    if st.button(_("Comment"), icon=":material/comment:", disabled=not picked, key="comment-picked"):
        dialogs.comment(person, picked, table)
    split.button(person, picked, table)
    amend.button(person, picked, table)
    bind.button(person, picked)
