"""Cancelling at the provider, and undoing a run: the drawer with the plan, its confirmation, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.services import cancel_apply, cancel_plan, cancel_read, plan
from autopurchase.services.cancel_plan import Choice
from autopurchase.services.plan import PlanView
from autopurchase.storage import cancels, runs, views
from autopurchase.ui import drawer, feedback, picking, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _, padded, plural, sums
from autopurchase.ui.workspace import context, reading

OPEN = "cancel.open"  # session state: which plan of cancels the drawer shows
#: what a plan does with an order, and what became of it, in people's words
ACTS = {"cancel": "Cancel", "withdraw": "Withdraw", "refuse": "Left"}
OUTCOMES = {
    "cancelled": "Cancelled",
    "asked": "Cancel asked",
    "waiting": "Waiting",
    "refused": "Cancel refused",
    "withdrawn": "Withdrawn",
    "left": "Left",
}
_COLOURS = {"cancel": "red", "withdraw": "orange", "refuse": "gray", "cancelled": "green", "asked": "orange",
            "waiting": "gray", "refused": "red", "withdrawn": "green", "left": "gray"}  # fmt: skip


def request(person: Person, choice: Choice) -> None:
    """Make a plan of cancels and open the drawer; use it in a callback."""
    token = feedback.attempt(lambda: cancel_plan.request(context(), person.actor, choice))
    if token:
        st.session_state.pop(drawer.OPEN, None)  # one drawer at a time
        st.session_state[OPEN] = token


def button(person: Person, picked: Mapping[str, Pick]) -> None:
    """The button that plans the cancel of picked lines' orders."""
    st.button(
        _(":red[Cancel at provider]") if picked else _("Cancel at provider"),
        icon=":material/cancel:",
        key="cancel-picked",
        disabled=not picked,
        on_click=request,
        args=(person, Choice({number: pick.version for number, pick in picked.items()})),
        help=_("Shows first what would be cancelled at the marketplace; nothing is asked before you confirm."),
    )


def undo_button(person: Person, run_id: int) -> None:
    """The button that plans the undo of a booking run, while anything in it is unpaid or unsent."""
    with reading() as connection:
        orders, unsent = cancels.undoable(connection, run_id)
    if orders + unsent:
        st.button(
            _(":red[Undo run]"),
            icon=":material/undo:",
            key=f"undo-{run_id}",
            on_click=request,
            args=(person, Choice(run=run_id)),
            help=_("Cancels what it booked and is not paid, and withdraws what was not sent. Shows it first."),
        )


def rebook_button(person: Person, row: Mapping[Any, Any]) -> None:
    """The button that plans to book again what this run of cancels has freed; nothing where all went on otherwise."""
    with reading() as connection:
        states = views.line_states(connection, row["params"].get("lines", []))
    ready = [one["number"] for one in states if one["purchase"] == "ready" and one["status"] == "paid"]
    if ready and row["session"]:
        st.button(
            plural("Book {n} line again", "Book {n} lines again", len(ready)),
            icon=":material/replay:",
            key=f"rebook-{row['id']}",
            on_click=drawer.request,
            args=(person, row["session"], ready),
            help=_("Makes a new plan against today's prices, under a new reference; the old one stays in the history."),
        )


def show(person: Person, table: str = "") -> None:
    """Draw the drawer when a plan of cancels is open. ``table``: where its lines are picked."""
    token = st.session_state.get(OPEN)
    if token:
        run = plan.read(context(), token).params["run"]
        title = _("Undo run {n}").format(n=run) if run else _("Cancel at provider")
        icon = ":material/undo:" if run else ":material/cancel:"
        st.dialog(title, position="right", width="large", icon=icon, on_dismiss=_close)(_drawer)(person, token, table)


def _close() -> None:
    st.session_state.pop(OPEN, None)


def _drawer(person: Person, token: str, table: str) -> None:
    if st.session_state.get(OPEN) != token:  # planned again with the others
        st.rerun()
    feedback.show()
    view = plan.read(context(), token)
    if view.run_id is not None:
        _applied(view.run_id)
        return
    body = view.body
    if body["blocked"]:
        st.error(_(body["blocked"]), icon=":material/block:")
    for warning in body["warnings"]:
        st.warning(warning, icon=":material/warning:")
    if not body["blocked"]:
        _confirm(person, view, table)
    _planned(body["rows"])
    if any(row["cause"] == "not_whole" for row in body["rows"]):
        st.button(
            _("Take the other lines along"),
            icon=":material/group_add:",
            key="cancel-others",
            on_click=request,
            args=(person, Choice(view.params["lines"], others=True)),
            help=_("An order is cancelled whole, with every line on it."),
        )


def _confirm(person: Person, view: PlanView, table: str) -> None:
    """The sentence that says what happens, and the button that makes it happen."""
    rows = view.body["rows"]
    going = [row for row in rows if row["act"] == "cancel"]
    unsent = [row for row in rows if row["act"] == "withdraw"]
    parts = [plural("{n} order to cancel", "{n} orders to cancel", len(going))] if going else []
    parts += [plural("{n} purchase to withdraw", "{n} purchases to withdraw", len(unsent))] if unsent else []
    lines = len(cancel_plan.numbers_of([*going, *unsent]))
    with st.container(border=True):
        figures = [plural("{n} line", "{n} lines", lines), *parts, *([sums(view.body["totals"])] if going else [])]
        st.markdown("**" + " · ".join(figures) + "**")
        if going:
            st.caption(
                _("The marketplace is asked to close them. That cannot be taken back; the lines can be re-booked.")
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input(_("Reason, for the journal"), key="cancel-reason", max_chars=300, width="stretch")
            label = plural("Cancel {n} order", "Cancel {n} orders", len(going)) if going else _("Withdraw")
            st.button(
                f":red[**{label}**]",
                key="cancel-confirm",
                icon=":material/cancel:",
                on_click=commit,
                args=(person, view.token, table),
            )


def commit(person: Person, token: str, table: str) -> None:
    """Callback of the confirming button: commit the plan's run. Twice is once: the plan names its run."""
    reason = str(st.session_state.get("cancel-reason", ""))
    run = feedback.attempt(lambda: cancel_apply.apply(context(), person.actor, token, reason=reason))
    if run is None:
        return
    if table:
        picking.unpick(table, cancel_plan.numbers_of(plan.read(context(), token).body["rows"]))
    feedback.queued(run)


def _planned(rows: Sequence[Mapping[str, Any]]) -> None:
    shown = [
        {
            "what": [_(ACTS[row["act"]])],
            "order": row["order"] or row["reference"],
            "lines": ", ".join(line["number"] for line in row["lines"]),
            "session": row["session"],
            "state": tables.word(row["state"]),
            "amount": padded(row["amount_fen"], "CNY"),
            "said": row["sentence"],
        }
        for row in rows
    ]
    columns = {
        "what": _words(_("What"), ACTS, 86),
        "order": tables.text(_("Marketplace order"), 160, help=_("Our reference where nothing is there yet")),
        "lines": tables.text(_("Lines"), 110),
        "session": tables.text(_("Session"), 90),
        "state": tables.text(_("State there"), 84),
        "amount": tables.money(_("Amount, CNY"), 96),
        "said": tables.text(_("What happens"), "large"),
    }
    _table(shown, _("Orders of the plan"), columns)


def _words(label: str, words: Mapping[str, str], width: int) -> Any:
    return st.column_config.MultiselectColumn(
        label, options=[_(word) for word in words.values()], color=[_COLOURS[code] for code in words], width=width
    )


def _table(rows: Sequence[Mapping[str, Any]], alt: str, columns: Mapping[str, Any]) -> None:
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, height=tables.height(len(rows), 16), alt=alt, column_config=dict(columns)
    )


@st.fragment(run_every=1.0)
def _progress(run_id: int) -> None:
    """What has become of each order so far; the page runs once more when the run has ended."""
    with reading() as connection:
        run = runs.get(connection, run_id)
    if run["state"] not in ("queued", "running"):
        st.rerun()
    done = _("{done} of {total} orders are at their end").format(done=run["done"], total=run["total"])
    st.progress(min(1.0, run["done"] / max(1, run["total"])), text=done)
    st.caption(_("You may close this: the worker goes on, and the journal keeps what becomes of it."))
    outcome_table(run_id)


def _applied(run_id: int) -> None:
    with reading() as connection:
        run = runs.get(connection, run_id)
    if run["state"] in ("queued", "running"):
        _progress(run_id)
        return
    good = not run["error"] and not any(word.startswith("refused") for word in run["out"])
    said = tables.summary(run).capitalize()
    if good:
        st.success(said, icon=":material/check_circle:")
    else:
        st.warning(said, icon=":material/warning:")
    outcome_table(run_id)
    tables.cell_link(run_id, _("Run {n} in the journal").format(n=run_id), ":material/menu_book:")


def outcome_table(run_id: int) -> None:
    """What became of each provider order of a run of cancels."""
    rows = cancel_read.outcomes(context(), run_id)
    if not rows:
        return
    shown = [
        {
            "outcome": [_(OUTCOMES[row["outcome"]])],
            "order": row["order"],
            "lines": ", ".join(row["lines"]),
            "session": row["session"],
            "amount": padded(row["amount_fen"], "CNY"),
            "said": row["sentence"],
        }
        for row in rows
    ]
    columns = {
        "outcome": _words(_("Outcome"), OUTCOMES, 116),
        "order": tables.text(_("Marketplace order"), 160, help=_("Our reference where nothing was there yet")),
        "lines": tables.text(_("Lines"), 120),
        "session": tables.text(_("Session"), 90),
        "amount": tables.money(_("Amount, CNY"), 96),
        "said": tables.text(_("What was answered"), "large"),
    }
    _table(shown, _("What became of each order"), columns)
