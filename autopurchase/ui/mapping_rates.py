"""Exchange rates: what one unit of a currency is in CNY, by day; set here, from a table, or fetched daily."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.roles import Role
from autopurchase.services import rates
from autopurchase.services.rates import RateView
from autopurchase.storage import runs, shop_views
from autopurchase.ui import cells, feedback, import_panel, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, plural, when
from autopurchase.ui.workspace import context, reading

SHOWN = 200
#: session state: the run of this tab's last imported table
IMPORTED = "rates.imported"
_ORIGINS = {"manual": "set by hand", "file": "from a table", "fetched": "fetched"}


def draw(person: Person) -> None:
    """What is missing, the rates, and how to add some."""
    _missing()
    left, right = st.columns([5, 4], gap="medium")
    with left:
        found = rates.listing(context(), person.actor, limit=SHOWN)
        if found:
            _table(found)
        else:
            cells.empty(_("No rate yet: margins are shown only for what is paid in CNY."), icon="currency_exchange")
    with right:
        _add(person)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _import_box(person)
            _daily(person)


def _missing() -> None:
    with reading() as connection:
        found = shop_views.without_rate(connection)
    for currency, count in found.items():
        lines = plural("{n} ready line", "{n} ready lines", count)
        words = _("no rate for {currency}: the margin of {lines} is not known.").format(currency=currency, lines=lines)
        st.warning(words[:1].upper() + words[1:], icon=":material/currency_exchange:")


def _table(found: Sequence[RateView]) -> None:
    rows = [
        {
            "currency": one.currency,
            "rate": f"{one.rate:f}",
            "day": one.day,
            "origin": _(_ORIGINS.get(one.origin, one.origin)),
            "actor": one.actor,
            "at": when(one.at),
        }
        for one in found
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows), 8),
        alt=_("Exchange rates, newest day first"),
        column_config={
            "currency": tables.text(_("Currency"), 70),
            "rate": tables.text(_("CNY for 1"), 90, alignment="right"),
            "day": tables.text(_("From the day"), 96),
            "origin": tables.text(_("Origin"), 100),
            "actor": tables.text(_("By"), 90),
            "at": tables.text(_("Entered"), 100),
        },
    )


def _add(person: Person) -> None:
    with st.form("rate-add", border=False, clear_on_submit=False):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.text_input(_("Currency"), key="rate-currency", max_chars=3, placeholder="USD", width=90)
            st.text_input(_("CNY for one"), key="rate-value", placeholder="7.12", width=110)
            st.date_input(_("From the day"), key="rate-day", value="today", format="YYYY-MM-DD", width=140)
            st.form_submit_button(_("Set"), type="primary", icon=":material/check:", on_click=_set, args=(person,))
    st.caption(_("Counts until a newer one. Lines paid from that day on that had no rate get it."))


def _set(person: Person) -> None:
    state = st.session_state
    run = feedback.attempt(
        lambda: rates.set(
            context(), person.actor, state["rate-currency"] or "", state["rate-value"] or "", state["rate-day"]
        )
    )
    if run is not None:
        state["rate-value"] = ""
        _say(run)


def _say(run: int) -> None:
    with reading() as connection:
        row = runs.get(connection, run)
    if row["error"]:
        feedback.say("error", row["error"], run)
        return
    lines = int(row["out"]["lines"])
    words = plural("Rates saved; {n} line got one.", "Rates saved; {n} lines got one.", lines)
    feedback.say("toast", words, run)


def _import_box(person: Person) -> None:
    with st.popover(_("Import a table"), icon=":material/upload_file:"):
        st.caption(_("CSV or Excel with the columns {columns}.").format(columns=", ".join(rates.COLUMNS)))
        st.file_uploader(_("Table"), type=["csv", "xlsx"], key="rates-file", label_visibility="collapsed")
        st.button(
            _("Import"),
            type="primary",
            key="rates-import",
            disabled=st.session_state.get("rates-file") is None,
            on_click=_import,
            args=(person,),
        )
    run = st.session_state.get(IMPORTED)
    if run is not None:
        import_panel.rejects_button(run, "rates")


def _import(person: Person) -> None:
    given = st.session_state.get("rates-file")
    if given is None:
        return
    path = import_panel.keep(given.name, given.getvalue())
    run = feedback.attempt(lambda: rates.import_file(context(), person.actor, path))
    if run is not None:
        st.session_state[IMPORTED] = run
        _say(run)


def _daily(person: Person) -> None:
    """Where rates are fetched from every day; the address may hold a key, so only its host is shown."""
    host = rates.address(context())
    if host:
        st.caption(_("Fetched every day from {host}.").format(host=host), width="content")
    if person.role < Role.ADMINISTRATOR:
        return
    with st.popover(_("Daily table"), icon=":material/cloud_download:"):
        more: dict[str, Any] = {"autocomplete": "off", "type": "password"}
        st.text_input(_("Address of a table of rates"), key="rates-url", placeholder="https://…", **more)
        st.caption(_("CSV with currency, day, rate; or JSON with base, date and rates. Empty: fetch no more."))
        st.button(_("Save"), key="rates-url-save", on_click=_configure, args=(person,))


def _configure(person: Person) -> None:
    def act() -> bool:
        rates.configure(context(), person.actor, str(st.session_state.get("rates-url") or ""))
        return True

    if feedback.attempt(act):
        st.session_state["rates-url"] = ""
        feedback.say("toast", _("Saved. The worker fetches rates from there once a day."))
