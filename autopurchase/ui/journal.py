"""The journal's filter, its pages, and its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from autopurchase.storage import cells as stored
from autopurchase.storage import views
from autopurchase.ui import address, run_cell, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, ago
from autopurchase.ui.workspace import context, reading

SIZE = 20
ICONS = {
    "queued": ":material/schedule:",
    "running": "spinner",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One cell (``run``), or a page of cells below ``before``."""

    run: int = 0
    before: int = 0
    kind: str = ""
    session: str = ""


def draw_filter() -> Wanted:
    """Draw the filters; a cell's number in the address shows that cell alone."""
    run = _number("run")
    if run:
        st.page_link("pages/operate/journal.py", label=_("All cells"), icon=":material/arrow_back:")
        return Wanted(run=run)
    with reading() as connection:
        sessions = views.names(connection)["sessions"]
    hidden: Any = {"label_visibility": "collapsed", "bind": "query-params"}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        kind = address.pills(_("Operation"), "journal_kind", list(tables.KINDS), tables.kind)
        session = st.selectbox(
            _("Session"), sessions, index=None, key="journal_session", placeholder=_("any session"), width=170, **hidden
        )
    return Wanted(0, _number("journal_before"), kind or "", session or "")


def _number(key: str) -> int:
    text = st.query_params.get(key, "")
    return int(text) if text.isdigit() and len(text) < 12 else 0


def cells_of(person: Person, wanted: Wanted) -> None:
    """Draw the cells."""
    rows = _read(wanted)
    if not rows:
        words = _("There is no run {n}.").format(n=wanted.run) if wanted.run else _("Nothing has been done yet.")
        st.info(words, icon=":material/menu_book:")
        return
    outcomes = _outcomes([row["id"] for row in rows if row["kind"] == "book"])
    for row in rows:
        _cell(person, row, outcomes.get(row["id"], []), alone=bool(wanted.run))
    if not wanted.run:
        _paging(wanted, rows)


def _read(wanted: Wanted) -> Sequence[Mapping[Any, Any]]:
    with reading() as connection:
        if wanted.run:
            found = stored.one(connection, wanted.run)
            return [found] if found is not None else []
        return stored.page(connection, limit=SIZE, before=wanted.before, kind=wanted.kind, session_name=wanted.session)


def _outcomes(run_ids: list[int]) -> dict[int, list[Mapping[Any, Any]]]:
    """Lines by outcome for the booking runs of the page, in one query."""
    found: dict[int, list[Mapping[Any, Any]]] = {}
    if run_ids:
        with reading() as connection:
            for row in stored.outcome_counts(connection, run_ids):
                found.setdefault(row["run_id"], []).append(row)
    return found


def _cell(person: Person, row: Mapping[Any, Any], outcomes: list[Mapping[Any, Any]], *, alone: bool) -> None:
    """One cell; its body runs only while it is open."""
    said = run_cell.outcome_words(outcomes) or tables.summary(row)
    label = f"**[{row['id']}]** {title(row)}"
    if said:
        label += f" — {said}"
    label += f"  :small[:gray[· {row['actor']} · {ago(row['created_at'], context().now())}]]"
    opened = st.expander(
        label, type="step", icon=ICONS.get(row["state"]), expanded=alone, key=f"cell-{row['id']}", on_change="rerun"
    )
    if opened.open:
        with opened:
            run_cell.body(person, row, outcomes)


def title(row: Mapping[Any, Any]) -> str:
    """``Booking · main``: the operation and what it was done through."""
    return " · ".join(filter(None, (tables.kind(row["kind"]), row["session"] or row["source"] or "")))


def _paging(wanted: Wanted, rows: Sequence[Mapping[Any, Any]]) -> None:
    filters = {"journal_kind": wanted.kind, "journal_session": wanted.session}
    query = {key: value for key, value in filters.items() if value}
    with st.container(horizontal=True, gap="small"):
        if wanted.before:
            st.page_link(
                "pages/operate/journal.py", label=_("Newest"), icon=":material/first_page:", query_params=query
            )
        if len(rows) == SIZE:
            st.page_link(
                "pages/operate/journal.py",
                label=_("Older"),
                icon=":material/chevron_right:",
                query_params=query | {"journal_before": str(rows[-1]["id"])},
            )
