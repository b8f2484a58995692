"""The body of one journal cell: In, Out, progress, outcomes by line, attempts, note, and what can be done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.causes import cause
from autopurchase.domain.code import shortened
from autopurchase.domain.journal import Note
from autopurchase.services import cancelled
from autopurchase.storage import cells as stored
from autopurchase.storage import runs
from autopurchase.ui import cancel_drawer, causes, cell_tools, downloads, notes, pay_pages, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.order import EVENTS, event_words
from autopurchase.ui.words import _, plural, when, when_full
from autopurchase.ui.workspace import reading

Row = Mapping[Any, Any]
#: booking state -> the heading it is counted under
OUTCOMES = {
    "confirmed": "booked",
    "ended": "booked, then closed",
    "refused": "refused",
    "unknown": "outcome unknown",
    "sending": "being sent",
    "queued": "waiting",
    "left_out": "left out by the plan",
}
SHOWN = 500


def outcomes_of(rows: Sequence[Row]) -> dict[int, list[Row]]:
    """Lines by outcome for the booking runs among these, in one query."""
    found: dict[int, list[Row]] = {}
    if keys := [row["id"] for row in rows if row["kind"] == "book"]:
        with reading() as connection:
            for row in stored.outcome_counts(connection, keys):
                found.setdefault(row["run_id"], []).append(row)
    return found


def summary(row: Row, outcomes: Sequence[Row]) -> str:
    """What came of a run, in one line."""
    return outcome_words(outcomes, row["out"]) or tables.summary(row)


def outcome_words(outcomes: Sequence[Row], out: Row) -> str:
    """``12 booked · 31 one expired session · 4 price over limit · 2 unknown``."""
    fates, reasons = counted(outcomes)
    for code, lines in out.get("left_out", {}).items():
        reasons[code] = reasons.get(code, 0) + lines
    parts = [f"{lines:,} {_(OUTCOMES.get(state, state))}" for state, lines in fates.items()]
    return " · ".join(parts + causes.words(reasons))


def counted(outcomes: Sequence[Row]) -> tuple[dict[str, int], dict[str, int]]:
    """Lines that are booked or on their way, by state; the others, by cause."""
    fates: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for row in outcomes:
        if row["state"] in ("refused", "unknown"):
            code = "unknown_outcome" if row["state"] == "unknown" else row["cause"] or "unknown_refusal"
            reasons[code] = reasons.get(code, 0) + row["lines"]
        else:
            fates[row["state"]] = fates.get(row["state"], 0) + row["lines"]
    return fates, reasons


def body(person: Person, row: Row, outcomes: Sequence[Row], signed: Sequence[Note]) -> None:
    """Draw the cell."""
    call = shortened(row["call"], row["params"].get("lines", []), row["id"])
    st.code(call, language="python", wrap_lines=True)
    if row["state"] in ("queued", "running"):
        _progress(row["id"])
    if row["error"]:
        st.error(row["error"], icon=":material/error:")
    _out(row, outcomes)
    if row["kind"] == "book":
        causes.of_run(person, row["id"])
        _bookings(row["id"])
    elif row["kind"] == "import":
        _rejects(row["id"])
    elif row["kind"] in pay_pages.KINDS:
        pay_pages.outcome_table(row)
    elif row["kind"] in cancelled.KINDS:
        cancel_drawer.outcome_table(row["id"])
    else:
        _changes(row["id"])
        _rejects(row["id"])
    notes.show(person, signed)
    _foot(person, row)


@st.fragment(run_every=1.0)
def _progress(run_id: int) -> None:
    """How far a run is; the page runs once more when it has ended."""
    with reading() as connection:
        row = runs.get(connection, run_id)
    if row["state"] not in ("queued", "running"):
        st.rerun()
    if row["total"]:
        words = _("{done} of {total}").format(done=row["done"], total=row["total"])
        st.progress(min(1.0, row["done"] / row["total"]), text=words)
    else:
        st.caption(_("Waiting for the worker …") if row["state"] == "queued" else _("{n} so far").format(n=row["done"]))


def _out(row: Row, outcomes: Sequence[Row]) -> None:
    figures = {tables.word(key): f"{value:,}" for key, value in tables.figures_of(row["out"]).items()}
    if outcomes:
        figures = {}
        fates, reasons = counted(outcomes)
        fates |= {"refused": sum(reasons.values()) - reasons.get("unknown_outcome", 0)}
        fates |= {"unknown": reasons.get("unknown_outcome", 0)}
        fates |= {"left_out": sum(row["out"].get("left_out", {}).values())}
        figures = {_(OUTCOMES.get(state, state)).capitalize(): f"{lines:,}" for state, lines in fates.items() if lines}
    if figures:
        with st.container(horizontal=True, gap="medium"):
            for name, value in figures.items():
                st.markdown(f"**{value}** :gray[{name}]", width="content")
    times = (_("started {when}").format(when=when_full(row["started_at"] or row["created_at"])),)
    ended = _(" · ended {when}").format(when=when(row["finished_at"])) if row["finished_at"] else ""
    st.caption(times[0] + ended)


def _bookings(run_id: int) -> None:
    with reading() as connection:
        rows = stored.outcomes(connection, run_id)
        attempts = stored.attempts(connection, run_id)
    if rows:
        _outcome_table(rows)
    if attempts:
        with st.popover(plural("{n} call and its answer", "{n} calls and their answers", len(attempts))):
            for one in attempts[:50]:
                _attempt(one)


def _outcome_table(rows: Sequence[Row]) -> None:
    shown = [
        {
            "line": row["number"],
            "title": row["title"],
            "state": [_(OUTCOMES.get(row["state"], row["state"])).capitalize()],
            "order": row["provider_order_id"] or "",
            "cause": _(cause(row["cause"]).label) if row["cause"] else "",
            "said": row["sentence"],
            "reference": row["out_order_id"],
        }
        for row in rows
    ]
    st.dataframe(
        pd.DataFrame(shown),
        hide_index=True,
        height=tables.height(len(shown)),
        alt=_("What became of each line"),
        column_config={
            "line": tables.text(_("Line"), 70),
            "title": tables.text(_("Item"), 210),
            "state": _states(),
            "order": tables.text(_("Marketplace order"), 160),
            "cause": tables.text(_("Cause"), 130),
            "said": tables.text(_("What was answered"), 260),
            "reference": tables.text(_("Our reference"), 120),
        },
    )


def _states() -> Any:
    """The state column in the words of `OUTCOMES`."""
    return st.column_config.MultiselectColumn(
        _("Outcome"),
        options=[_(words).capitalize() for words in OUTCOMES.values()],
        color=[tables.COLOURS.get(code, "gray") for code in OUTCOMES],
        width=146,
    )


def _attempt(row: Row) -> None:
    st.markdown(f"`{row['out_order_id']}` **{tables.word(row['kind'])}** → {tables.word(row['outcome'])}")
    st.caption(" · ".join(filter(None, (when_full(row["at"]), row["sentence"]))))
    if row["raw"]:
        st.code(row["raw"][:4000], language="json", wrap_lines=True)


def _changes(run_id: int) -> None:
    with reading() as connection:
        rows = stored.changes(connection, run_id, SHOWN)
    if not rows:
        return
    shown = [
        {"line": row["number"], "event": _(EVENTS.get(row["kind"], row["kind"])), "what": event_words(row["data"])}
        for row in rows
    ]
    st.dataframe(
        pd.DataFrame(shown),
        hide_index=True,
        height=tables.height(len(shown)),
        alt=_("Lines that changed"),
        column_config={
            "line": tables.text(_("Line"), 80),
            "event": tables.text(_("Event"), 180),
            "what": tables.text(_("Details"), "large"),
        },
    )


def _rejects(run_id: int) -> None:
    with reading() as connection:
        count = stored.reject_count(connection, run_id)
        rows = runs.rejects(connection, run_id)[:SHOWN] if count else []
    if not rows:
        return
    st.markdown(f"**{plural('{n} row was not taken', '{n} rows were not taken', count)}**")
    st.dataframe(
        pd.DataFrame([{"position": row["position"], "reason": row["reason"]} for row in rows]),
        hide_index=True,
        height=tables.height(len(rows)),
        alt=_("Rows that were not taken"),
        column_config={
            "position": tables.text(_("Where"), 120),
            "reason": tables.text(_("Why"), "large"),
        },
    )
    st.download_button(
        _("Rows that were not taken, as CSV"),
        data=lambda: downloads.rejects_csv(run_id),
        file_name=f"rejects-{run_id}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"rejects-{run_id}",
    )


def _foot(person: Person, row: Row) -> None:
    """What can be done with the cell."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if row["kind"] == "book" and row["session"]:
            cancel_drawer.undo_button(person, row["id"])
        if row["kind"] in cancelled.KINDS and row["state"] == "done":
            cancel_drawer.rebook_button(person, row)
        notes.add(person, row["id"])
        cell_tools.draw(person, row)
