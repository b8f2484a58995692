"""The lines behind a number: the same filter, the same count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.reports import DIMENSIONS, Basis, Behind, Filters
from autopurchase.reports.lines import BEHIND
from autopurchase.reports.values import FIGURES, text
from autopurchase.services import reports
from autopurchase.ui import cells, report_view, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.links import to
from autopurchase.ui.words import FIGURE_SPACE, _
from autopurchase.ui.workspace import context

_MOST = 2_000
#: units of what a number is made by
_UNIT = {"pieces": "pieces", "lines": "lines", "orders": "count", "amount": "money"}
_UNIT |= dict.fromkeys(("share", "share_lines", "share_orders"), "share")


def draw(person: Person) -> None:
    """The number once more, counted from its lines, and the lines."""
    said = st.query_params.get("behind", "")
    if not said:
        cells.empty(_("Open a number on Overview or Weekly to see its lines."), icon="table_rows")
        return
    try:
        behind = Behind.from_text(said)
        basis = _basis()
        wanted = Filters(**{name: st.query_params.get(name, "") for name in DIMENSIONS})
        found, value = reports.rows(context(), person.actor, behind, basis, wanted)
    except BadInput as error:
        st.error(error.sentence, icon=":material/error:")
        return
    title = st.query_params.get("title", "") or _("Lines")
    with cells.cell(1, title, stamp=report_view.basis_words(basis), border=False):
        frame = pd.DataFrame([dict(row) for row in found], columns=[column.name for column in BEHIND])
        _head(behind, basis, value, frame, wanted)
        _table(frame, basis)


def _basis() -> Basis:
    now = reports.basis(context())
    return replace(now, as_of=report_view.moment(st.query_params.get("as_of", ""), now.as_of))


def _head(behind: Behind, basis: Basis, value: Any, found: pd.DataFrame, wanted: Filters) -> None:
    unit = _UNIT.get(behind.measure, "seconds")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(f"#### {text(value, unit, basis.currency)}", width="content")
        st.caption(_("counted from {n} rows").format(n=f"{len(found):,}"), width="content")
        for name, part in wanted.given().items():
            st.caption(f"{_(name)}: {part}", width="content")
        st.download_button(
            "CSV",
            data=lambda: found.to_csv(index=False).encode("utf-8-sig"),
            file_name="lines.csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _table(found: pd.DataFrame, basis: Basis) -> None:
    if found.empty:
        cells.empty(_("No line is behind this number."), icon="inbox")
        return
    columns = [column for column in BEHIND if found[column.name].notna().any() and (found[column.name] != "").any()]
    shown = found.head(_MOST)
    frame = pd.DataFrame({column.name: [_cell(column, value, basis) for value in shown[column.name]]
                          for column in columns})  # fmt: skip
    st.dataframe(
        frame,
        hide_index=True,
        height=tables.height(min(len(frame), 22), 22),
        alt=_("Lines behind the number"),
        column_config={column.name: _config(column) for column in columns},
    )
    if len(found) > _MOST:
        st.caption(_("The first {n} are shown; the file has all.").format(n=f"{_MOST:,}"))


def _cell(column: Any, value: Any, basis: Basis) -> Any:
    missing = value is None or (not isinstance(value, str) and pd.isna(value))
    if column.name == "number":
        return to("order", str(value), order=str(value)) if value else None
    if missing:
        return ""
    told = text(value, column.unit, basis.currency, basis.zone)
    return told.rjust(12, FIGURE_SPACE) if column.unit in FIGURES else told


def _config(column: Any) -> Any:
    if column.name == "number":
        return tables.link(_(column.label), 90)
    if column.unit in FIGURES:
        return st.column_config.TextColumn(_(column.label), alignment="right", width=100)
    return tables.text(_(column.label), 130)
