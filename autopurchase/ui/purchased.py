"""The purchased page's filter, table and actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.causes import cause
from autopurchase.storage import views
from autopurchase.storage.views import PurchasedFilter
from autopurchase.ui import address, cancel_drawer, dialogs, feedback, pay, picking, sync_panel, tables, unbinding
from autopurchase.ui.guard import Person
from autopurchase.ui.links import at_marketplace, to
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import FIGURE_SPACE, _, left, padded
from autopurchase.ui.workspace import context, reading

NAME = "bought"
STATES = ("booking", "booked", "bought", "sent", "arrived")
SIZE = 200


def lines(person: Person) -> None:
    """Filters, what can be done with picked lines, and the lines."""
    wanted = draw_filter()
    above = st.container()  # room for what the table shows over its right corner, which may cover nothing
    picked = table(wanted)
    with above:
        actions(person, picked)


def draw_filter() -> PurchasedFilter:
    """Draw the filters (kept in the address) and return what they say."""
    with reading() as connection:
        sessions = views.names(connection)["sessions"]
    hidden: Any = {"label_visibility": "collapsed", "bind": "query-params"}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        state = address.pills(_("State"), "bought_state", STATES, tables.word)
        session = st.selectbox(
            _("Session"), sessions, index=None, key="bought_session", placeholder=_("any session"), width=160, **hidden
        )
        number = st.text_input(
            _("Number"),
            key="bought_number",
            icon=":material/search:",
            width=270,
            placeholder=_("line, order or marketplace order"),
            **hidden,
        )
        unknown = st.toggle(_("Outcome unknown only"), key="bought_unknown", bind="query-params")
    states = (state,) if state else STATES[:4]
    return PurchasedFilter(states, session or "", number, outcome_unknown=bool(unknown))


def table(wanted: PurchasedFilter) -> dict[str, Pick]:
    """Draw one page of lines; return every pick."""
    with reading() as connection:
        count = views.purchased_count(connection, wanted)
        pages = max(1, -(-min(count, views.CAP) // SIZE))
        place = min(int(st.session_state.get("bought_page") or 1), pages)
        rows = views.purchased_page(connection, wanted, limit=SIZE, offset=(place - 1) * SIZE)
        parcels = views.parcels_of(connection, [row["provider_order_key"] for row in rows if row["provider_order_key"]])
    if not rows:
        st.info(_("Nothing here. Lines appear when they are booked on “Ready for purchase”."), icon=":material/inbox:")
        return {}
    picked = picking.pick_rows(
        _frame(rows, parcels, context().now()),
        {row["number"]: _pick(row) for row in rows},
        name=NAME,
        height=tables.height(len(rows), 13),
        alt=_("Lines under way"),
        column_config=_columns(),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        total = f"{views.CAP:,}+" if count > views.CAP else f"{count:,}"
        st.caption(_("{shown} of {total} lines").format(shown=len(rows), total=total), width="content")
        if pages > 1:
            st.pagination(pages, key="bought_page", max_visible_pages=5)
    return {number: pick for number, pick in picked.items() if number in {row["number"] for row in rows}}


def _pick(row: Mapping[Any, Any]) -> Pick:
    return Pick(row["version"], row["provider"], row["currency"], row["sum_minor"], row["status"], row["purchase"])


def _frame(rows: Sequence[Mapping[Any, Any]], parcels: Mapping[int, Any], now: datetime) -> pd.DataFrame:
    shown = [_cells(row, parcels.get(row["provider_order_key"], []), now) for row in rows]
    return tables.numbered([row["number"] for row in rows], shown)


def _cells(row: Mapping[Any, Any], parcels: Sequence[Mapping[Any, Any]], now: datetime) -> dict[str, Any]:
    unpaid = row["purchase"] == "booked"
    deadline = left(row["pay_deadline"], now).rjust(14, FIGURE_SPACE) if unpaid and row["pay_deadline"] else ""
    return {
        "state": [tables.word(row["purchase"])],
        "order": to("order", row["number"].rpartition("-")[0], order=row["order_number"]),
        "title": row["title"],
        "quantity": row["open_quantity"],
        "session": row["session"] or "",
        "provider_order": order_link(row),
        "amount": padded(row["total_fen"], "CNY"),
        "deadline": deadline,
        "tracking": ", ".join(parcel["number"] for parcel in parcels),
        "run": to("journal", f"[{row['run_id']}]", run=row["run_id"]) if row["run_id"] else "",
        "why": _(cause(row["cause"]).label) if row["cause"] else "",
    }


def order_link(row: Mapping[Any, Any]) -> str:
    """Address of a provider order's page at its marketplace, shown as its number; empty when there is none."""
    number = row["provider_order_id"]
    return at_marketplace(row["session_provider"] or "", row["session_url"] or "", number, number) if number else ""


def _columns() -> dict[str, Any]:
    return {
        "_index": st.column_config.TextColumn(_("Line"), pinned=True, width=58),
        "state": tables.state_column(_("State"), STATES, width=84),
        "order": tables.link(_("Order"), 50, help=_("Opens the order")),
        "title": tables.text(_("Item"), 150),
        "quantity": st.column_config.NumberColumn(_("Qty"), width=40),
        "session": tables.text(_("Session"), 78),
        "provider_order": tables.link(_("Marketplace order"), 152),
        "amount": tables.money(_("Amount, CNY"), 98),
        "deadline": tables.text(_("Pay within"), 98, alignment="right"),
        "tracking": tables.text(_("Tracking"), 112),
        "run": tables.link(_("Run"), 44, help=_("Opens the journal cell")),
        "why": tables.text(_("Cause"), 134),
    }


def actions(person: Person, picked: Mapping[str, Pick]) -> None:
    """What can be done with picked lines."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bought-actions"):
        if st.button(_("Change status"), icon=":material/swap_horiz:", disabled=not picked):
            dialogs.change_status(person, picked, NAME)
        st.button(
            _("Synchronize picked"),
            icon=":material/sync:",
            disabled=not picked,
            on_click=sync_panel.start_lines,
            args=(person, list(picked)),
        )
        if st.button(_("Pay list"), icon=":material/payments:", disabled=not picked, key="bought-pay"):
            pay.open_with(person, list(picked))
        cancel_drawer.button(person, picked)
        unbinding.button(person, picked, NAME)
        feedback.last_run()
    cancel_drawer.show(person, NAME)
