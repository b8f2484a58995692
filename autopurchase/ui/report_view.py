"""How reports look on pages: figures as cards, sheets as tables, charts; every number leads to its lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pandas as pd
import streamlit as st

from autopurchase.reports import DIMENSIONS, NOT_ASSIGNED, Basis, Behind, Column, Figure, Filters, Report, Sheet
from autopurchase.reports.charts import Chart
from autopurchase.reports.values import FIGURES, text
from autopurchase.services import reports
from autopurchase.ui import address as places
from autopurchase.ui import cells, tables
from autopurchase.ui.guard import Person, entries
from autopurchase.ui.links import AFTER_HASH, to
from autopurchase.ui.words import FIGURE_SPACE, _
from autopurchase.ui.workspace import context

LINES = "pages/manage/lines.py"
_CLICKED = "report.clicked"
#: widths of columns by unit, in pixels
_WIDTHS = {"money": 100, "share": 74, "seconds": 84, "time": 132, "flag": 64, "pieces": 66, "lines": 60, "count": 66}
#: columns of lines' numbers: they lead to the line's order
LINKED = ("number",)
_WIDEST = 520
_MOST_ROWS = 20
#: columns of codes, and codes whose words are not their own letters
_CODES = frozenset({"what", "outcome", "part", "state"})
_WORDS = {"excess": "Over-booked", "cohort": "Cohort, pieces", "cohort_money": "Cohort, fen"}


def address(behind: Behind, basis: Basis, filters: Filters, title: str) -> dict[str, str]:
    """What the address of a number's lines says."""
    return {"behind": behind.as_text(), "as_of": basis.as_of.isoformat(), "title": title, **filters.given()}


def filters(person: Person) -> Filters:
    """The part of the work that is looked at, kept in the address."""
    _follow_click()
    names = reports.names(context(), person.actor)
    chosen: dict[str, str] = {}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for name in DIMENSIONS:
            if name not in names:
                chosen[name] = places.text(
                    _(name.capitalize()), name, label_visibility="collapsed", width=170,
                    placeholder=_("any {what}").format(what=_(name)),
                ).strip()  # fmt: skip
                continue
            options = [*names[name], NOT_ASSIGNED]
            said = places.said(name)
            options = options if said in ("", *options) else [said, *options]
            picked = places.select(
                _(name.capitalize()), name, options, str, label_visibility="collapsed", width=170,
                placeholder=_("any {what}").format(what=_(name)),
            )  # fmt: skip
            chosen[name] = picked or ""
    return Filters(**chosen)


def leads(person: Person, *pages: str) -> None:
    """Links to where something can be done about it, as far as the person may go there."""
    with st.container(horizontal=True, gap="medium"):
        for entry in entries():
            if entry.file in pages and person.role >= entry.role:
                st.page_link(entry.file, label=entry.title, icon=":material/arrow_forward:")


def cards(report: Report, names: Iterable[str], *, columns: int = 6) -> None:
    """These figures as cards, in this order; what the report has not got is left out."""
    found = [report.figures[name] for name in names if name in report.figures]
    with st.grid(columns, min_column_width=150, gap="small"):
        for figure in found:
            _card(report, figure)


def _card(report: Report, figure: Figure) -> None:
    told = text(figure.value, figure.unit, figure.currency, report.basis.zone)
    label = f"{_(figure.label)}, {figure.currency}" if figure.unit == "money" else _(figure.label)
    with st.container(border=True, gap="xxsmall", height="stretch"):
        st.metric(f":red[:material/error:] {label}" if figure.alarm else label, told)
        below = " · ".join(filter(None, (_("of {what}").format(what=_(figure.of)) if figure.of else "", figure.note)))
        if below:
            st.caption(f":small[{below}]")
        if figure.behind is not None and figure.value:
            query = address(figure.behind, report.basis, report.filters, _(figure.label))
            st.page_link(LINES, label=f":small[{_('Lines')}]", icon=":material/arrow_forward:", query_params=query)


def chart(drawn: Chart | None, key: str, alt: str) -> None:
    """A chart, or nothing where there is nothing to draw."""
    if drawn is not None:
        st.plotly_chart(drawn, theme=None, key=key, config={"displayModeBar": False}, alt=alt)


def open_chart(report: Report, sheet: Sheet, drawn: Chart | None, key: str, alt: str) -> None:
    """A chart of a sheet; a click on a point opens the lines of the cell that it shows."""
    if drawn is None:
        return
    for trace in drawn.data:
        trace.customdata = [_query(report, sheet, number, name) for number, name in trace.customdata]
    st.plotly_chart(
        drawn, theme=None, key=key, config={"displayModeBar": False}, alt=alt, selection_mode="points",
        on_select=lambda: _clicked(key),
    )  # fmt: skip


def _clicked(key: str) -> None:
    """Callback: remember the address of what was clicked, as it was seen; the page may not switch from here."""
    queries = [point.get("customdata") for point in st.session_state[key]["selection"]["points"]]
    if queries and queries[0]:
        st.session_state[_CLICKED] = queries[0]


def _follow_click() -> None:
    """Go where a clicked point leads, before anything is counted."""
    if query := st.session_state.pop(_CLICKED, ""):
        st.switch_page(LINES, query_params=parse_qsl(query))


def _query(report: Report, sheet: Sheet, number: int, name: str) -> str:
    """The address of a cell's lines after the question mark; empty: nothing is behind it."""
    behind = sheet.opens.get((number, name))
    if behind is None or not sheet.cell(number, name):
        return ""
    return urlencode(address(behind, report.basis, report.filters, _title(sheet, number, name)))


def _title(sheet: Sheet, number: int, name: str) -> str:
    """What a cell is called in words: ``New ready, Pieces``."""
    names = [column.name for column in sheet.columns]
    row = sheet.rows[number]
    place = names.index("label") if "label" in names else 0
    return f"{_said(sheet.columns[place], str(row[place]))}, {_(sheet.columns[names.index(name)].label)}"


def _said(column: Column, told: str) -> str:
    """A text of a report in people's words."""
    if column.name not in _CODES or not told:
        return _(told)
    return _(_WORDS[told]) if told in _WORDS else tables.word(told)


def theme() -> str:
    """``light`` or ``dark``, as the person sees the pages."""
    return "dark" if st.context.theme.type == "dark" else "light"


def table(report: Report, name: str, *, without: Sequence[str] = ()) -> None:
    """A sheet as a table; cells that have lines behind them are links."""
    sheet = report.sheets[name]
    if not sheet.rows:
        cells.empty(_("Nothing to show."), icon="inbox")
        return
    shown = [column for column in sheet.columns if column.name not in without]
    rows = [_row(report, sheet, number, shown) for number in range(len(sheet.rows))]
    st.dataframe(
        pd.DataFrame(rows, columns=[column.name for column in shown]),
        hide_index=True,
        height=tables.height(len(rows), _MOST_ROWS),
        alt=_(sheet.title),
        column_config={column.name: _config(sheet, column) for column in shown},
    )
    if sheet.note:
        st.caption(_(sheet.note))


def _row(report: Report, sheet: Sheet, number: int, shown: Sequence[Column]) -> list[Any]:
    return [_cell(report, sheet, number, column) for column in shown]


def _cell(report: Report, sheet: Sheet, number: int, column: Column) -> Any:
    value = sheet.cell(number, column.name)
    if column.name in LINKED and value:
        return to("order", str(value), order=str(value))
    told = text(value, column.unit, column.currency, report.basis.zone)
    if column.unit in FIGURES:
        told = told.rjust(_digits(sheet, column), FIGURE_SPACE)
    if not _opens(sheet, column):
        return _said(column, told) if column.unit == "text" else told
    behind = sheet.opens.get((number, column.name))
    told = told.replace("%", "%25")  # a link's address is decoded before it is shown
    if behind is None or not value:
        return f"#{told}"
    title = _title(sheet, number, column.name)
    return to("lines", told, **address(behind, report.basis, report.filters, title))


def _digits(sheet: Sheet, column: Column) -> int:
    place = _place(sheet, column)
    return max(len(text(row[place], column.unit, column.currency)) for row in sheet.rows)


def _place(sheet: Sheet, column: Column) -> int:
    return [each.name for each in sheet.columns].index(column.name)


def _opens(sheet: Sheet, column: Column) -> bool:
    return any(name == column.name for _place, name in sheet.opens)


def _config(sheet: Sheet, column: Column) -> Any:
    named = not column.currency or column.currency in column.label
    label = _(column.label) if named else f"{_(column.label)}, {column.currency}"
    if column.name in LINKED:
        return tables.link(label, 90)
    if _opens(sheet, column):
        return st.column_config.LinkColumn(
            label, display_text=AFTER_HASH, alignment="right", width=_width(label, column)
        )
    if column.unit in FIGURES:
        return st.column_config.TextColumn(label, alignment="right", width=_width(label, column))
    if column.unit in _WIDTHS:
        return tables.text(label, _width(label, column))
    longest = max((_broad(str(row[_place(sheet, column)] or "")) for row in sheet.rows), default=0)
    return tables.text(label, max(64, min(_WIDEST, 7 * max(longest, len(label)) + 20)))


def _broad(words: str) -> int:
    """How many letters wide; a Chinese character is two."""
    return len(words) + sum(character > "\u2e80" for character in words)


def _width(label: str, column: Column) -> int:
    """Wide enough for the head and the usual figure, in pixels."""
    return max(_WIDTHS.get(column.unit, 80), 7 * len(label) + 24)


def basis_words(basis: Basis) -> str:
    """``as of 2026-11-23 09:05, Asia/Shanghai``."""
    return _("as of {when}, {zone}").format(when=text(basis.as_of, "time", zone=basis.zone), zone=basis.zone)


def moment(said: str, default: datetime) -> datetime:
    """The moment an address names; ``default`` where it names none."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return default
    return found if found.tzinfo else default
