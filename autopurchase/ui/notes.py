"""Notes on a journal cell: shown as signed Markdown, written, changed and taken back in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from autopurchase.domain.journal import Note
from autopurchase.domain.markdown import harmless
from autopurchase.domain.roles import Role
from autopurchase.services import notes
from autopurchase.ui import feedback
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, plural, when_full
from autopurchase.ui.workspace import context


def show(person: Person, found: Sequence[Note]) -> None:
    """Every note, oldest first."""
    for note in found:
        with st.container(border=True, gap="xsmall", key=f"note-{note.wordings[0].at.timestamp()}-{note.id}"):
            if note.text:
                st.markdown(harmless(note.text))
            else:
                st.markdown(_(":gray[*This note was taken back.*]"))
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(signature(note), width="content")
                if note.changed:
                    _history(note)
                if note.text and note.may_change(person.actor) and person.role >= Role.OPERATOR:
                    _change(person, note)


def signature(note: Note) -> str:
    """``anna · 2026-11-23 14:05 Asia/Shanghai``."""
    return f"{note.actor or _('unsigned')} · {when_full(note.at)}"


def _history(note: Note) -> None:
    earlier = note.wordings[:-1]
    with st.popover(plural("changed {n} time", "changed {n} times", len(earlier)), type="tertiary"):
        for wording in note.wordings:
            st.caption(f"{wording.actor or _('unsigned')} · {when_full(wording.at)}")
            st.markdown(harmless(wording.text) or _(":gray[*taken back*]"))


def _change(person: Person, note: Note) -> None:
    with st.popover(_("Change"), icon=":material/edit:", type="tertiary", key=f"note-change-{note.id}"):
        _field(_("Note"), f"note-text-{note.id}", note.text)
        with st.container(horizontal=True, gap="small"):
            st.button(
                _("Save"),
                type="primary",
                key=f"note-save-{note.id}",
                on_click=_act,
                args=(lambda: notes.edit(context(), person.actor, note.id, st.session_state[f"note-text-{note.id}"]),),
            )
            st.button(
                _("Take back"),
                icon=":material/undo:",
                key=f"note-back-{note.id}",
                on_click=_act,
                args=(lambda: notes.take_back(context(), person.actor, note.id),),
                help=_("The wording stays in the note's history."),
            )


def add(person: Person, run_id: int) -> None:
    """A menu that writes a note; only for who may."""
    if person.role < Role.OPERATOR:
        return
    key = f"note-new-{run_id}"
    with st.popover(_("Note"), icon=":material/edit_note:", key=f"note-menu-{run_id}"):
        _field(_("Note"), key, "")
        st.button(
            _("Add the note"), type="primary", key=f"note-add-{run_id}", on_click=_add, args=(person, run_id, key)
        )


def _field(label: str, key: str, value: str) -> None:
    st.text_area(
        label,
        value=value,
        key=key,
        max_chars=notes.LONGEST,
        height=140,
        width=460,
        placeholder=_("What whoever reads this later should know. Markdown: **bold**, - list, [link](https://…)"),
    )


def _add(person: Person, run_id: int, key: str) -> None:
    if feedback.attempt(lambda: notes.add(context(), person.actor, run_id, st.session_state[key])):
        st.session_state[key] = ""


def _act(action: Callable[[], int]) -> None:
    feedback.attempt(action)
