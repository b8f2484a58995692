"""What can be done with a journal cell whatever it is: its address, files, and another cell beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from autopurchase.services import journal as cells
from autopurchase.storage import journal
from autopurchase.storage.journal import RunFilter
from autopurchase.ui import downloads, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.journal_filter import PAGE
from autopurchase.ui.words import _, plural
from autopurchase.ui.workspace import context, reading

Row = Mapping[Any, Any]
MIMES = {"ipynb": "application/x-ipynb+json", "html": "text/html"}
_LABELS = {"ipynb": "Notebook (.ipynb)", "html": "Page (.html)"}


def draw(person: Person, row: Row) -> None:
    """The menus of one cell."""
    number = row["id"]
    with st.popover(_("Export"), icon=":material/download:", key=f"export-menu-{number}"):
        st.caption(_("A notebook reads the cell again and does nothing by itself; a page is for reading and printing."))
        for kind in MIMES:
            _file(person, [number], kind, f"run-{number}")
        st.download_button(
            _("Everything, for programs (.json)"),
            data=lambda: downloads.cell_json(number),
            file_name=f"run-{number}.json",
            mime="application/json",
            icon=":material/data_object:",
            on_click="ignore",
            key=f"export-{number}",
            type="tertiary",
        )
    with st.popover(
        _("Compare"), icon=":material/compare_arrows:", key=f"compare-menu-{number}", on_change="rerun"
    ) as menu:
        if menu.open:
            _compare(row)
    with st.popover(_("Link"), icon=":material/link:", key=f"link-menu-{number}"):
        st.caption(_("The address of this cell: copy it, or open it alone."))
        st.code(address(number), language=None)
        if str(number) != st.query_params.get("run"):
            tables.cell_link(number, _("Open this cell alone"))


def address(number: int) -> str:
    """Where this cell is found, as the person's browser would write it."""
    return f"{(st.context.url or '').rstrip('/')}?run={number}"


def _compare(row: Row) -> None:
    with reading() as connection:
        before = journal.previous(connection, row)
    other = st.number_input(
        _("With cell"),
        min_value=1,
        step=1,
        value=before or None,
        key=f"compare-with-{row['id']}",
        help=_("The one before of the same operation, unless you say another."),
    )
    if other:
        words = _("Show [{a}] and [{b}] side by side").format(a=row["id"], b=int(other))
        st.page_link(PAGE, label=words, query_params={"run": str(row["id"]), "with": str(int(other))})


def export_range(person: Person, wanted: RunFilter) -> None:
    """A menu that hands out every cell that fits the filter."""
    with st.popover(_("Export"), icon=":material/download:", key="journal-export", on_change="rerun") as menu:
        if not menu.open:
            return
        with reading() as connection:
            numbers = [row["id"] for row in journal.page(connection, wanted, limit=cells.MOST_CELLS + 1)]
        if len(numbers) > cells.MOST_CELLS:
            words = _("More than {n} cells fit these filters: choose a day or an operation first.")
            st.caption(words.format(n=f"{cells.MOST_CELLS:,}"))
        elif numbers:
            fit = plural("{n} cell fits these filters.", "{n} cells fit these filters.", len(numbers))
            st.caption(f"{fit} {_('A notebook does nothing again by itself when it is run.')}")
            for kind in MIMES:
                _file(person, numbers, kind, "journal")
        else:
            st.caption(_("No cell fits these filters."))


def _file(person: Person, numbers: Sequence[int], kind: str, name: str) -> None:
    st.download_button(
        _(_LABELS[kind]),
        data=lambda: cells.export(context(), person.actor, numbers, kind),
        file_name=f"{name}.{kind}",
        mime=MIMES[kind],
        icon=":material/book:" if kind == "ipynb" else ":material/article:",
        on_click="ignore",
        key=f"{name}-{kind}",
    )
