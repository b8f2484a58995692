"""Cells of the overview: the backlog's figures, what is owed, the weeks behind it, sessions, last operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.reports import Filters, Report, Sheet, charts
from autopurchase.services import reports
from autopurchase.storage import figures
from autopurchase.ui import cells, report_view, run_cell, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _
from autopurchase.ui.workspace import context, reading

READY, PAY, DESK = "pages/operate/ready.py", "pages/manage/pay.py", "pages/operate/desk.py"
SESSIONS, SOURCES = "pages/admin/sessions.py", "pages/admin/sources.py"
#: the figures of the first and the second cell
WAITING = (
    "backlog_pieces", "backlog_lines", "backlog_value", "age_p50", "age_p90", "age_oldest", "sla_breach", "next_breach",
    "hours_to_clear", "held_pieces", "explained",
)  # fmt: skip
OWED = (
    "unpaid_pieces", "unpaid_orders", "unpaid_exposure", "expiring_6", "expiring_24", "overdue", "unknown",
    "unknown_oldest", "orphans", "orphans_value", "ghosts", "over_booked",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One reading of everything the overview shows. ``missing``: what there is none of yet."""

    missing: Sequence[str]
    report: Report
    trend: Sheet
    runs: Sequence[Mapping[Any, Any]]


@st.cache_data(ttl=5, max_entries=8, show_spinner=False)
def _read(wanted: Filters, _person: Person) -> Shown:
    """Read once for every tab that asks within five seconds."""
    report = reports.overview(context(), _person.actor, wanted, cuts=())
    trend = reports.trend(context(), _person.actor, wanted)
    with reading() as connection:
        missing = [name for name, empty in figures.is_empty(connection).items() if empty]
        return Shown(missing, report, trend, [dict(row) for row in figures.last_runs(connection)])


def read(person: Person, wanted: Filters) -> Shown | None:
    """Everything the page shows; None after saying why it cannot be."""
    try:
        return _read(wanted, person)
    except BadInput as error:
        st.error(error.sentence, icon=":material/error:")
        return None


def first_steps(shown: Shown) -> None:
    """What to do in a workspace that lacks a session, a source or orders."""
    with cells.cell(0, _("Getting started")):
        if "sessions" in shown.missing:
            cells.empty(_("No purchasing account yet."), page=SESSIONS, label=_("Add a session"), icon="key")
        if "sources" in shown.missing:
            cells.empty(_("No shop yet."), page=SOURCES, label=_("Add a source"), icon="storefront")
        if "orders" in shown.missing:
            cells.empty(
                _("No orders yet."), page=SOURCES, label=_("Import orders or upload a file"), icon="upload_file"
            )


def backlog(person: Person, shown: Shown) -> None:
    """What is paid and not ordered yet."""
    with cells.cell(1, _("Waiting to be bought"), stamp=report_view.basis_words(shown.report.basis)):
        report_view.cards(shown.report, WAITING)
        left, right = st.columns(2, gap="small")
        with left:
            report_view.table(shown.report, "split")
        with right:
            report_view.table(shown.report, "currencies")
        report_view.leads(person, READY)


def ages_and_causes(shown: Shown) -> None:
    """The backlog by age, and what is held by cause, side by side."""
    drawn = charts.of(shown.report, shown.trend, report_view.theme())
    left, right = st.columns(2, gap="small")
    with left, cells.cell(2, _("Age of what waits"), tall=True):
        if "ages" in drawn:
            sheet = shown.report.sheets["ages"]
            report_view.open_chart(shown.report, sheet, drawn["ages"], "ages", _("Pieces by how long they have waited"))
            report_view.table(shown.report, "ages")
        else:
            cells.empty(_("Nothing waits."), icon="task_alt")
    with right, cells.cell(3, _("Held, by cause"), tall=True):
        if "causes" in drawn:
            sheet = shown.report.sheets["causes"]
            report_view.open_chart(shown.report, sheet, drawn["causes"], "causes", _("Pieces held, by cause"))
            report_view.table(shown.report, "causes", without=("cause", "value"))
        else:
            cells.empty(_("No line is held."), icon="task_alt")


def owed(person: Person, shown: Shown) -> None:
    """What is booked and not paid, and what does not match."""
    note = _("Booked is not bought: the marketplace waits for payment.")
    with cells.cell(4, _("Booked, unpaid, unclear"), note=note):
        report_view.cards(shown.report, OWED)
        report_view.table(shown.report, "unpaid", without=("what",))
        report_view.leads(person, PAY, DESK)


def weeks(shown: Shown) -> None:
    """The last weeks: what came in and went out, and what was left."""
    drawn = charts.of(shown.report, shown.trend, report_view.theme())
    if "trend" not in drawn:
        return
    left, right = st.columns(2, gap="small")
    with left, cells.cell(5, _("The last weeks"), tall=True):
        words = _("Pieces that came in, were booked and bought, by week")
        report_view.open_chart(shown.report, shown.trend, drawn["trend"], "trend", words)
    with right, cells.cell(6, _("What was left"), tall=True):
        left_over = charts.backlog(shown.trend, report_view.theme())
        words = _("Backlog and unpaid pieces at the end of every week")
        report_view.open_chart(shown.report, shown.trend, left_over, "left-over", words)


def sessions(shown: Shown) -> None:
    """Whether every account was read lately, and what it has left."""
    with cells.cell(7, _("Sessions")):
        if shown.report.sheets["sessions"].rows:
            report_view.table(shown.report, "sessions", without=("synced", "cap", "error"))
            sheet = shown.report.sheets["sessions"]
            for place in range(len(sheet.rows)):
                if trouble := sheet.cell(place, "error"):
                    st.caption(f":red[**{sheet.cell(place, 'session')}**] {trouble}")
        else:
            cells.empty(_("No purchasing account yet."), page=SESSIONS, label=_("Add a session"), icon="key")


def runs(shown: Shown) -> None:
    """The newest cells of the journal."""
    with cells.cell(8, _("Last operations")):
        if not shown.runs:
            cells.empty(_("Nothing has been done yet."), page=READY, label=_("Ready for purchase"))
            return
        outcomes = run_cell.outcomes_of(shown.runs)
        rows = [tables.run_row(row, run_cell.summary(row, outcomes.get(row["id"], []))) for row in shown.runs]
        tables.run_table(rows)
