"""Settling an unknown outcome: the drawer with the evidence and its two answers, both of which leave an event."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from autopurchase.domain.money import amount_text
from autopurchase.services import desk, settle
from autopurchase.services.desk import Evidence
from autopurchase.services.lookalikes import Candidate
from autopurchase.storage import runs, sessions
from autopurchase.ui import bind, cancel_drawer, drawer, feedback, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.order import plain
from autopurchase.ui.purchased import order_link
from autopurchase.ui.words import _, padded, plural, when, when_full
from autopurchase.ui.workspace import context, reading

#: session state: the booking the drawer is about (``reference``) and the run that settles it (``run``)
OPEN = "settle.open"
_ORDERS, _LOOKED = "settle-orders", "settle-looked"


def button(person: Person, reference: str) -> None:
    """The button that opens the drawer."""
    st.button(
        _("Settle"),
        icon=":material/gavel:",
        key=f"settle-{reference}",
        type="primary",
        on_click=_open,
        args=(reference,),
        help=_("What is known of it, and your answer: it is there, or it is not there."),
    )


def _open(reference: str) -> None:
    for other in (drawer.OPEN, cancel_drawer.OPEN, bind.OPEN):  # one drawer at a time
        st.session_state.pop(other, None)
    for key in (_ORDERS, _LOOKED):
        st.session_state.pop(key, None)
    st.session_state[OPEN] = {"reference": reference, "run": 0}


def _close() -> None:
    st.session_state.pop(OPEN, None)


def show(person: Person) -> None:
    """Draw the drawer when it is open."""
    wanted = st.session_state.get(OPEN)
    if wanted is not None:
        title = _("Settle {reference}").format(reference=wanted["reference"])
        st.dialog(title, position="right", width="large", icon=":material/gavel:", on_dismiss=_close)(_drawer)(
            person, wanted["reference"], wanted["run"]
        )


def _drawer(person: Person, reference: str, run: int) -> None:
    now = st.session_state.get(OPEN)
    if now is None or now["run"] != run:  # a button's callback has answered
        st.rerun()
    feedback.show()
    if run:
        _answered(run)
        return
    known = desk.evidence(context(), person.actor, reference)
    _asked(known)
    _calls(known)
    _there(person, reference, known)
    _not_there(person, reference, known)


def _asked(known: Evidence) -> None:
    booking = known.booking
    st.markdown(
        _("**What was asked** · {when} · {total} CNY · {tries}").format(
            when=when_full(booking["sent_at"] or booking["created_at"]),
            total=amount_text(booking["total_minor"], "CNY"),
            tries=plural("{n} attempt", "{n} attempts", booking["attempts"]),
        )
    )
    rows = [
        {
            "line": line["number"],
            "title": line["title"],
            "what": line["configuration"],
            "quantity": line["quantity"],
            "price": padded(line["price_fen"], "CNY"),
        }
        for line in booking["purchase"]["lines"]
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows), 5),
        alt=_("Lines of the booking"),
        column_config={
            "line": tables.text(_("Line"), 64),
            "title": tables.text(_("Item"), 230),
            "what": tables.text(_("Configuration"), 170),
            "quantity": st.column_config.NumberColumn(_("Qty"), width=44),
            "price": tables.money(_("Price, CNY"), 90),
        },
    )


def _calls(known: Evidence) -> None:
    """Every call and look-up with its answer."""
    rows = [
        {
            "at": when(one["at"]),
            "what": tables.word(one["kind"]),
            "outcome": tables.word(one["outcome"]),
            "said": one["sentence"],
        }
        for one in known.attempts
    ]
    st.markdown(plural("**{n} call and its answer**", "**{n} calls and their answers**", len(rows)))
    if rows:
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height=tables.height(len(rows), 5),
            alt=_("Calls and their answers"),
            column_config={
                "at": tables.text(_("When"), 104),
                "what": tables.text(_("Call"), 74),
                "outcome": tables.text(_("Outcome"), 110),
                "said": tables.text(_("What was answered"), "large"),
            },
        )


def _there(person: Person, reference: str, known: Evidence) -> None:
    """The orders that may be it, and the first answer."""
    found = known.candidates
    with st.container(border=True, gap="small"):
        st.markdown(_("**It is there**"))
        if found:
            _candidates(known)
        else:
            st.caption(_("No order bound to nothing holds these goods, as far as we know. “Compare now” looks again."))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.multiselect(
                _("Which order is it?"),
                [each.number for each in found],
                key=_ORDERS,
                placeholder=_("choose, or type a number"),
                accept_new_options=True,
                width="stretch",
            )
            st.button(
                _("It is there"),
                type="primary",
                icon=":material/check:",
                key="settle-there",
                disabled=not chosen,
                on_click=_say_there,
                args=(person, reference),
            )
        st.caption(_("The worker reads the order first; then the lines are booked on it."))


def _candidates(known: Evidence) -> None:
    with reading() as connection:
        session = sessions.get(connection, known.booking["session_id"])
    rows = [_candidate(each, session["provider"], session["base_url"]) for each in known.candidates]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows), 6),
        alt=_("Orders that may be it"),
        column_config={
            "order": tables.link(_("Marketplace order"), 170, help=_("Opens the order at its marketplace")),
            "fit": tables.text(_("How like it is"), 150),
            "state": tables.text(_("State there"), 84),
            "made": tables.text(_("Made"), 104),
            "pieces": st.column_config.NumberColumn(_("Pieces"), width=58),
            "total": tables.money(_("Amount, CNY"), 96),
            "seller": tables.text(_("Seller"), 130),
        },
    )


def _candidate(each: Candidate, provider: str, base_url: str) -> dict[str, object]:
    row = {"provider_order_id": each.number, "session_provider": provider, "session_url": base_url}
    fit = _("carries our reference") if each.ours else _("same goods") if each.same else _("some of the goods")
    return {
        "order": order_link(row),
        "fit": fit,
        "state": tables.word(each.state),
        "made": when(each.created_at),
        "pieces": each.pieces,
        "total": padded(each.total_fen, "CNY"),
        "seller": each.seller,
    }


def _say_there(person: Person, reference: str) -> None:
    numbers: Sequence[str] = st.session_state.get(_ORDERS) or []
    run = feedback.attempt(lambda: settle.request(context(), person.actor, reference, numbers))
    if run is not None:
        st.session_state[OPEN] = {"reference": reference, "run": run}


def _not_there(person: Person, reference: str, known: Evidence) -> None:
    lines = [line["number"] for line in known.booking["purchase"]["lines"]]
    with st.container(border=True, gap="small"):
        st.markdown(_("**It is not there**"))
        looked = st.checkbox(_("I looked at the marketplace's own list of orders, and it is not there."), key=_LOOKED)
        st.button(
            plural("It is not there: free {n} line", "It is not there: free {n} lines", len(lines)),
            icon=":material/lock_open:",
            key="settle-not-there",
            disabled=not looked,
            on_click=_say_not_there,
            args=(person, reference),
        )
        st.caption(
            _("{lines} can be booked again. Should the order turn up later, it shows here.").format(
                lines=plain(", ".join(lines[:8]))
            )
        )


def _say_not_there(person: Person, reference: str) -> None:
    run = feedback.attempt(lambda: settle.not_placed(context(), person.actor, reference))
    if run is not None:
        st.session_state[OPEN] = {"reference": reference, "run": run}


def _answered(run: int) -> None:
    """What became of the answer."""
    with reading() as connection:
        row = runs.get(connection, run)
    if row["state"] in ("queued", "running"):
        _waiting(run)
        return
    if row["error"]:
        st.error(row["error"], icon=":material/error:")
        st.button(_("Answer again"), key="settle-again", on_click=_open, args=(row["params"]["booking"],))
    else:
        there = row["out"].get("outcome") == "confirmed"
        told = _("Settled: it is there, its lines are booked.") if there else _("Settled: its lines are ready again.")
        st.success(told, icon=":material/check_circle:")
    tables.cell_link(run, _("Run {n} in the journal").format(n=run), ":material/menu_book:")


@st.fragment(run_every=0.7)
def _waiting(run: int) -> None:
    with reading() as connection:
        row = runs.get(connection, run)
    if row["state"] not in ("queued", "running"):
        st.rerun()
    st.progress(0.5, text=_("The worker reads the order at the marketplace …"))
