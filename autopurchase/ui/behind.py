"""The lines behind a number: the same filter, the same count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.reports import DIMENSIONS, Basis, Behind, Filters
from autopurchase.reports.lines import BEHIND, Row, recount
from autopurchase.reports.values import FIGURES, text
from autopurchase.services import reports
from autopurchase.ui import cells, report_view, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.links import to
from autopurchase.ui.words import FIGURE_SPACE, _, plural
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
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            _head(behind, basis, value, found)
            for name, part in wanted.given().items():
                st.caption(f"{_(name.capitalize())}: {part}", width="content")
            _file(frame)
        _table(frame, basis, behind.money(basis))


def _basis() -> Basis:
    now = reports.basis(context())
    return replace(now, as_of=report_view.moment(st.query_params.get("as_of", ""), now.as_of))


def _head(behind: Behind, basis: Basis, value: Any, rows: Sequence[Row]) -> None:
    """The number, and what its lines are together: how many rows, pieces, and money."""
    unit, currency = _UNIT.get(behind.measure, "seconds"), behind.money(basis)
    told = text(value, unit, currency)
    st.markdown(f"#### {currency} {told}" if unit == "money" else f"#### {told}", width="content")
    parts = [plural("{n} row", "{n} rows", len(rows))]
    parts.append(plural("{n} piece", "{n} pieces", recount(replace(behind, measure="pieces"), rows)))
    if any(row["amount"] is not None for row in rows):
        amount = recount(replace(behind, measure="amount"), rows, currency)
        parts.append(f"{currency} {text(amount, 'money', currency)}")
    if unit == "share":
        parts.append(_("{n} of the rows count").format(n=f"{sum(row['hit'] for row in rows):,}"))
    st.caption(" · ".join(parts), width="content")


def _file(found: pd.DataFrame) -> None:
    st.download_button(
        "CSV",
        data=lambda: found.to_csv(index=False).encode("utf-8-sig"),
        file_name="lines.csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _table(found: pd.DataFrame, basis: Basis, currency: str) -> None:
    if found.empty:
        cells.empty(_("No line is behind this number."), icon="inbox")
        return
    columns = [column for column in BEHIND if found[column.name].notna().any() and (found[column.name] != "").any()]
    shown = found.head(_MOST)
    frame = pd.DataFrame({column.name: [_cell(column, value, basis, currency) for value in shown[column.name]]
                          for column in columns})  # fmt: skip
    st.dataframe(
        frame,
        hide_index=True,
        height=tables.height(min(len(frame), 22), 22),
        alt=_("Lines behind the number"),
        column_config={column.name: _config(column, currency) for column in columns},
    )
    if len(found) > _MOST:
        st.caption(_("The first {n} are shown; the file has all.").format(n=f"{_MOST:,}"))


def _cell(column: Any, value: Any, basis: Basis, currency: str) -> Any:
    missing = value is None or (not isinstance(value, str) and pd.isna(value))
    if column.name == "number":
        return to("order", str(value), order=str(value)) if value else None
    if missing:
        return ""
    told = text(value, column.unit, currency, basis.zone)
    return told.rjust(12, FIGURE_SPACE) if column.unit in FIGURES else told


def _config(column: Any, currency: str) -> Any:
    label = f"{_(column.label)}, {currency}" if column.unit == "money" else _(column.label)
    if column.name == "number":
        return tables.link(label, 90)
    if column.unit in FIGURES:
        return st.column_config.TextColumn(label, alignment="right", width=max(100, 7 * len(label) + 24))
    return tables.text(label, 130)
