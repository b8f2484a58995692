"""The journal's list of cells: pages of it, one cell alone, and what to say where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import streamlit as st

from autopurchase.domain.journal import Note
from autopurchase.services import causes, notes
from autopurchase.storage import cells as stored
from autopurchase.storage import journal
from autopurchase.storage.journal import RunFilter
from autopurchase.ui import causes as cause_rows
from autopurchase.ui import cell_tools, cells, compare, run_cell, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.journal_filter import PAGE, Wanted, said
from autopurchase.ui.words import _, ago
from autopurchase.ui.workspace import context, reading

SIZE = 20
#: runs under way whose progress stands over the newest cells
MOST_WATCHED = 5
_WATCHED = "journal.watched"
ICONS = {
    "queued": ":material/schedule:",
    "running": "spinner",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
}
Row = Mapping[Any, Any]


def cells_of(person: Person, wanted: Wanted) -> None:
    """Draw the cells."""
    if wanted.other:
        compare.draw(person, wanted.run, wanted.other)
        return
    rows = _read(wanted)
    if not rows:
        _nothing(wanted)
        return
    outcomes = run_cell.outcomes_of(rows)
    signed = notes.of_runs(context(), person.actor, [row["id"] for row in rows])
    for row in rows:
        _cell(person, row, outcomes.get(row["id"], []), signed.get(row["id"], []), alone=bool(wanted.run))
    if not wanted.run:
        _paging(person, wanted, rows)


def now(person: Person, wanted: Wanted) -> None:
    """Over the newest cells: what runs now, and why lines wait, whichever cell they are of."""
    if wanted.run or wanted.before or wanted.filtered:
        return
    under_way()
    percent = _explained()
    if percent is None:
        return
    label = _("Why lines wait now · {n} % explained").format(n=percent)
    opened = st.expander(label, icon=":material/help_center:", key="journal-why", on_change="rerun")
    if opened.open:
        with opened:
            cause_rows.waiting(person)


@st.cache_data(ttl=5, max_entries=1, show_spinner=False)
def _explained() -> Decimal | None:
    """Read once for every tab that asks within five seconds."""
    return causes.explained_percent(context())


def _read(wanted: Wanted) -> Sequence[Row]:
    with reading() as connection:
        if wanted.run:
            found = stored.one(connection, wanted.run)
            return [found] if found is not None else []
        return journal.page(connection, wanted.filter, limit=SIZE, before=wanted.before)


def _nothing(wanted: Wanted) -> None:
    """An empty place says why it is empty and what to do."""
    if wanted.run:
        st.info(_("There is no run {n}.").format(n=wanted.run), icon=":material/menu_book:")
    elif wanted.filtered or wanted.before:
        cells.empty(_("No cell fits these filters."), icon="filter_alt_off")
        _reach(wanted)
    else:
        words = _("Nothing has been done yet. Every import, booking and synchronization becomes a cell here.")
        cells.empty(words, page="pages/operate/ready.py", label=_("Ready for purchase"), icon="menu_book")


def _reach(wanted: Wanted) -> None:
    """Say so when a search has not looked at everything."""
    with reading() as connection:
        reached = journal.reaches_all(connection, wanted.filter)
    if not reached:
        words = _("Only the newest {n} cells were searched: give a day or an operation to look further back.")
        st.caption(words.format(n=f"{journal.NEAR:,}"))


def _cell(person: Person, row: Row, outcomes: list[Row], signed: list[Note], *, alone: bool) -> None:
    """One cell; its body is read and drawn only while it is open."""
    words = run_cell.summary(row, outcomes)
    label = f"**[{row['id']}]** {title(row)}"
    if words:
        label += f" — {words}"
    count = sum(bool(note.text) for note in signed)
    if count:
        label += f" :material/sticky_note_2: {count if count > 1 else ''}"
    label += f"  :small[:gray[· {row['actor']} · {ago(row['created_at'], context().now())}]]"
    opened = st.expander(
        label, type="step", icon=ICONS.get(row["state"]), expanded=alone, key=f"cell-{row['id']}", on_change="rerun"
    )
    if opened.open:
        with opened:
            run_cell.body(person, row if alone else _whole(row["id"]), outcomes, signed)


def _whole(run_id: int) -> Row:
    with reading() as connection:
        return stored.one(connection, run_id) or {}


def title(row: Row) -> str:
    """``Booking · main``: the operation and what it was done through."""
    return " · ".join(filter(None, (tables.kind(row["kind"]), row["session"] or row["source"] or "")))


def _paging(person: Person, wanted: Wanted, rows: Sequence[Row]) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        cell_tools.export_range(person, wanted.filter)
        if wanted.before:
            st.page_link(PAGE, label=_("Newest"), icon=":material/first_page:", query_params=said())
        if len(rows) == SIZE:
            st.page_link(
                PAGE,
                label=_("Older"),
                icon=":material/chevron_right:",
                query_params=said() | {"journal_before": str(rows[-1]["id"])},
            )
    if len(rows) < SIZE and wanted.filtered:
        _reach(wanted)


@st.fragment(run_every=1.5)
def under_way() -> None:
    """What runs now, with how far it is; the page runs once more when one of them has ended."""
    with reading() as connection:
        rows = journal.page(connection, RunFilter(state="running"), limit=MOST_WATCHED)
    watched = [row["id"] for row in rows]
    before = st.session_state.get(_WATCHED)
    st.session_state[_WATCHED] = watched
    if before is not None and set(before) - set(watched):
        st.rerun()
    for row in rows:
        if row["total"]:
            done = _("{done} of {total}").format(done=f"{row['done']:,}", total=f"{row['total']:,}")
            st.progress(min(1.0, row["done"] / row["total"]), text=f"**[{row['id']}]** {title(row)} · {done}")
