"""Two cells of the journal side by side."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from autopurchase.domain.code import shortened
from autopurchase.domain.journal import Cell
from autopurchase.reports.journal.compare import Difference, compare
from autopurchase.services import journal
from autopurchase.ui import feedback, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.journal_filter import PAGE
from autopurchase.ui.words import _, when_full
from autopurchase.ui.workspace import context

_PARTS = ("In", "Out", "Lines")


def draw(person: Person, left: int, right: int) -> None:
    """Both calls, and a table of everything about them, what differs first."""
    with feedback.shown():
        found = {cell.number: cell for cell in journal.read(context(), person.actor, sorted({left, right}))}
        pairs = compare(found[left], found[right])
        _calls(found[left], found[right])
        differ = sum(pair.differs for pair in pairs)
        words = _("{n} of {all} differ.") if differ else _("Nothing differs.")
        st.markdown(f"**{words.format(n=differ, all=len(pairs))}**")
        _table(pairs, left, right)


def _calls(left: Cell, right: Cell) -> None:
    for column, cell in zip(st.columns(2, gap="small"), (left, right), strict=True):
        with column, st.container(border=True, gap="xsmall", height="stretch"):
            run = cell.run
            name = " · ".join(filter(None, (tables.kind(run["kind"]), run["session"] or run["source"] or "")))
            st.page_link(PAGE, label=f"**[{cell.number}]** {name}", query_params={"run": str(cell.number)})
            st.caption(f"{run['actor']} · {when_full(run['created_at'])}")
            numbers = run["params"].get("lines", [])
            st.code(shortened(run["call"], numbers, cell.number), language="python", wrap_lines=True)


def _table(pairs: Sequence[Difference], left: int, right: int) -> None:
    rows = [
        {
            "part": [_(pair.part)],
            "what": pair.what if pair.part == "Lines" else tables.readable(pair.what).capitalize(),
            "left": pair.left,
            "right": pair.right,
            "differs": [_("differs")] if pair.differs else [],
        }
        for pair in pairs
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows), 18),
        alt=_("Both cells, what differs first"),
        column_config={
            "part": st.column_config.MultiselectColumn(
                "", options=[_(part) for part in _PARTS], color=["blue", "green", "gray"], width=70
            ),
            "what": tables.text(_("What"), 170),
            "left": tables.text(f"[{left}]", 300),
            "right": tables.text(f"[{right}]", 300),
            "differs": st.column_config.MultiselectColumn("", options=[_("differs")], color=["orange"], width=84),
        },
    )
