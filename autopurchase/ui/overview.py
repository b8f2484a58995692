"""Cells of the overview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st

from autopurchase.domain.causes import cause
from autopurchase.domain.money import amount_text
from autopurchase.storage import figures
from autopurchase.ui import cells, tables
from autopurchase.ui.links import to
from autopurchase.ui.words import _, ago, coarse, when
from autopurchase.ui.workspace import context, reading

READY, PURCHASED = "pages/operate/ready.py", "pages/operate/purchased.py"
JOURNAL, SESSIONS, SOURCES = "pages/operate/journal.py", "pages/admin/sessions.py", "pages/admin/sources.py"

Row = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """One reading of everything the overview shows. Times are aware UTC, amounts minor units."""

    now: datetime
    missing: list[str]
    backlog: Sequence[Row]
    ages: Mapping[str, int]
    median: datetime | None
    oldest: datetime | None
    unpaid: Row
    under_way: Mapping[str, int]
    unknown: int
    problems: Sequence[Row]
    sessions: Sequence[Row]
    runs: Sequence[Row]

    @property
    def lines(self) -> int:
        """Ready lines."""
        return sum(row["lines"] for row in self.backlog)


@st.cache_data(ttl=5, max_entries=1, show_spinner=False)
def load() -> Figures:
    """Read once for every tab that asks within five seconds."""
    now = context().now()
    with reading() as connection:
        backlog = [dict(row) for row in figures.backlog(connection)]
        count = sum(row["lines"] for row in backlog)
        return Figures(
            now=now,
            missing=[name for name, empty in figures.is_empty(connection).items() if empty],
            backlog=backlog,
            ages=figures.ages(connection, now),
            median=figures.ready_since(connection, count // 2) if count else None,
            oldest=figures.ready_since(connection, 0),
            unpaid=figures.unpaid(connection, now),
            under_way=figures.under_way(connection),
            unknown=figures.unknown_outcomes(connection),
            problems=[dict(row) for row in figures.problems(connection)],
            sessions=[dict(row) for row in figures.sessions(connection)],
            runs=[dict(row) for row in figures.last_runs(connection)],
        )


def first_steps(shown: Figures) -> None:
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


def backlog(shown: Figures) -> None:
    """What is paid and not ordered yet."""
    with cells.cell(1, _("Waiting to be bought"), stamp=when(shown.now)):
        values = _sum(shown.backlog, "currency")
        with st.grid(4 + len(values), min_column_width=140, gap="small"):
            _figure(_("Lines"), f"{shown.lines:,}", READY, _("Open"))
            pieces = sum(row["pieces"] or 0 for row in shown.backlog)
            _figure(_("Pieces"), f"{pieces:,}", READY, _("Open"))
            for code, minor in values.items():
                _figure(
                    _("Value, {currency}").format(currency=code),
                    amount_text(minor, code),
                    READY,
                    _("Open"),
                    ready_currency=code,
                )
            _figure(_("Median wait"), _since(shown.median, shown.now), READY, _("Oldest first"))
            _figure(_("Longest wait"), _since(shown.oldest, shown.now), READY, _("Oldest first"))


def exposure(shown: Figures) -> None:
    """What is on its way, and what may expire."""
    unpaid = shown.unpaid
    with cells.cell(2, _("On the way"), note=_("Booked is not bought: the marketplace waits for payment.")):
        with st.grid(6, min_column_width=140, gap="small"):
            _figure(_("Being booked"), f"{shown.under_way['booking']:,}", PURCHASED, _("Open"), bought_state="booking")
            _figure(
                _("Outcome unknown"),
                f"{shown.unknown:,}",
                PURCHASED,
                _("Open"),
                bought_state="booking",
                bought_unknown=1,
            )
            _figure(_("Booked, unpaid orders"), f"{unpaid['count']:,}", PURCHASED, _("Open"), bought_state="booked")
            total = amount_text(int(unpaid["total_fen"]), "CNY")
            _figure(_("To pay, CNY"), total, PURCHASED, _("Open"), bought_state="booked")
            deadline = coarse(unpaid["next_deadline"] - shown.now) if unpaid["next_deadline"] else "–"
            soon = _("{n} within 24 h").format(n=unpaid["within_24h"])
            _figure(_("Next deadline in"), deadline, PURCHASED, soon, bought_state="booked")
            _figure(
                _("Bought, not sent"), f"{shown.under_way['bought']:,}", PURCHASED, _("Open"), bought_state="bought"
            )


def problems_and_ages(shown: Figures) -> None:
    """Held lines by cause, and the backlog by age, side by side."""
    left_side, right_side = st.columns(2, gap="small")
    with left_side, cells.cell(3, _("Age of what waits"), tall=True):
        _ages(shown)
    with right_side, cells.cell(4, _("Held, by cause"), tall=True):
        _problems(shown)


#: what the ready page's age filter (days, at least) shows for each bucket
BUCKET_AGE = {"today": 0, "1–2 days": 1, "2–3 days": 2, "3–7 days": 3, "older": 7}


def _ages(shown: Figures) -> None:
    if not shown.lines:
        cells.empty(_("Nothing waits."), icon="task_alt")
        return
    rows = [
        {"age": _(name), "lines": count, "open": to("ready", _("open"), ready_age=BUCKET_AGE[name])}
        for name, count in shown.ages.items()
    ]
    tables.bars(rows, "age", _("Waiting for"), most=max(shown.ages.values()), alt=_("Ready lines by age"))


def _problems(shown: Figures) -> None:
    if not shown.problems:
        cells.empty(_("No line is held."), icon="task_alt")
        return
    rows = [
        {
            "cause": _(cause(row["cause"]).label),
            "lines": row["lines"],
            "open": to("ready", _("open"), ready_lines="held", ready_cause=row["cause"]),
        }
        for row in shown.problems
    ]
    tables.bars(rows, "cause", _("Cause"), most=max(row["lines"] for row in rows), alt=_("Held lines by cause"))


def sessions(shown: Figures) -> None:
    """Whether every account was read lately."""
    with cells.cell(5, _("Sessions")):
        if not shown.sessions:
            cells.empty(_("No purchasing account yet."), page=SESSIONS, label=_("Add a session"), icon="key")
        with st.grid(4, min_column_width=220, gap="small"):
            for row in shown.sessions:
                _session(row, shown.now)


def _session(row: Row, now: datetime) -> None:
    with st.container(border=True, gap="xxsmall", height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(SESSIONS, label=f"**{row['name']}**", query_params={"session": row["name"]}, width="stretch")
            tables.badge(row["state"])
        st.caption(_("Synchronized {ago}").format(ago=ago(row["synced_at"], now)))
        if row["sync_error"]:
            st.caption(f":red[{row['sync_error']}]")


def runs(shown: Figures) -> None:
    """The newest cells of the journal."""
    with cells.cell(6, _("Last operations")):
        if not shown.runs:
            cells.empty(_("Nothing has been done yet."), page=READY, label=_("Ready for purchase"))
            return
        rows = [tables.run_row(row) for row in shown.runs]
        tables.run_table(rows)


def _figure(label: str, value: str, page: str, opens: str, **query: str | int) -> None:
    with st.container(border=True, gap="xxsmall", height="stretch"):
        st.metric(label, value)
        st.page_link(
            page,
            label=f":small[{opens}]",
            icon=":material/arrow_forward:",
            query_params={key: str(one) for key, one in query.items()},
        )


def _since(moment: datetime | None, now: datetime) -> str:
    return coarse(now - moment) if moment else "–"


def _sum(rows: Sequence[Row], key: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row[key]] = found.get(row[key], 0) + int(row["sum_minor"])
    return found
