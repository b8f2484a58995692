"""The ready page's table, its actions, and the bar with session and Book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.mapping import NEEDS_MAPPING
from autopurchase.storage import views
from autopurchase.storage.database import Connection
from autopurchase.storage.views import ReadyFilter
from autopurchase.ui import (
    bind,
    dialogs,
    drawer,
    feedback,
    line_actions,
    mapping,
    picking,
    session_choice,
    tables,
    words,
)
from autopurchase.ui.guard import Person
from autopurchase.ui.links import outside, to
from autopurchase.ui.order import why
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _, padded, plural, sortable, sums, when
from autopurchase.ui.workspace import context, reading

NAME = "ready"
SIZES = (100, 500, 1000)
HEIGHT = 440
_WHOLE = "ready.whole"  # session state: the whole page runs, not only what `lines` draws


def stamp() -> str:
    """The moment of what the page shows."""
    return when(context().now())


@dataclass(frozen=True, slots=True)
class Shown:
    """One page of lines as it is drawn: which page of how many lines, the frame, and what a pick of a row remembers.

    ``reaches_all``: whether the filter has looked at every line.
    """

    place: int
    count: int
    reaches_all: bool
    view: pd.DataFrame
    known: dict[str, Pick]


def lines(person: Person, wanted: ReadyFilter) -> None:
    """The lines, what can be done with them, and the bar. Picking and paging draw these again, and nothing else."""
    st.session_state[_WHOLE] = True
    _lines(person, wanted)


@st.fragment
def _lines(person: Person, wanted: ReadyFilter) -> None:
    if not st.session_state.pop(_WHOLE, False) and (feedback.waiting() or drawer.is_open() or bind.is_open()):
        st.rerun()  # a button's callback has something to show that stands outside of here
    with feedback.shown():
        above = st.container()  # room for what the table shows over its right corner, which may cover nothing
        picked = table(wanted)
        with above:
            actions(person, wanted, picked)
        bar(person, wanted, picked)


def table(wanted: ReadyFilter) -> dict[str, Pick]:
    """Draw one page of lines with its paging; return every pick."""
    _switch(wanted.held)
    size = int(st.session_state.get("ready_size") or SIZES[0])
    place = int(st.session_state.get("ready_page") or st.query_params.get("ready_page") or 1)
    with reading() as connection:
        shown = _shown(connection, views.latest_event(connection), wanted, size, place, words.language())
        _name_gone(connection, shown.known, wanted.held)
    if wanted.held:
        mapping.link_to_waiting()
    if shown.place != place:
        st.session_state["ready_page"] = shown.place
    if not shown.known:
        _nothing(wanted)
        _reach(shown)
        return picking.picks(NAME)
    picked = picking.pick_rows(
        shown.view, shown.known, name=NAME, height=HEIGHT, alt=_("Lines; tick those to book"),
        column_config=columns(wanted.held),
    )  # fmt: skip
    _under(wanted, shown.count, size, len(shown.known), picked)
    _reach(shown)
    return picked


@st.cache_resource(ttl=20, max_entries=100, show_spinner=False)
def _shown(
    _connection: Connection, latest_event: int, wanted: ReadyFilter, size: int, place: int, language: str
) -> Shown:
    """Read one page. Whatever changes a line writes an event, so after most clicks nothing is read or built again.

    The time to live bounds what a longer transaction commits under an earlier event, and the age of the ages. What is
    returned is shared by all tabs, so nobody changes it.
    """
    count, rows = _counted(_connection, wanted, size, place)
    if place > _pages(count, size):
        place = _pages(count, size)
        count, rows = _counted(_connection, wanted, size, place)
    known = {row["number"]: pick(row) for row in rows}
    return Shown(place, count, views.reaches_all(_connection, wanted), frame(rows, wanted.held), known)


def _counted(connection: Connection, wanted: ReadyFilter, size: int, place: int) -> tuple[int, views.Rows]:
    """How many lines fit, and a page of them; what fits on the first page is not looked for twice."""
    rows = views.ready_page(connection, wanted, limit=size, offset=(place - 1) * size)
    if place == 1 and len(rows) < size:
        return len(rows), rows
    return views.ready_count(connection, wanted), rows


def _reach(shown: Shown) -> None:
    if not shown.reaches_all:
        said = _("These filters looked at {n} lines only: narrow by marketplace or waiting time to reach the others.")
        st.caption(said.format(n=f"{views.NEAR:,}"))


def _switch(held: bool) -> None:
    """Ready and held lines are never picked together: what can be done with them differs."""
    if st.session_state.setdefault("ready.held", held) != held:
        st.session_state["ready.held"] = held
        picking.set_picks(NAME, {})


def open_picked(picked: Mapping[str, Pick], *, held: bool) -> None:
    """Have these lines picked when the page is opened next, among the held or the ready ones."""
    st.session_state["ready.held"] = held
    picking.set_picks(NAME, dict(picked))


def _pages(count: int, size: int) -> int:
    return max(1, -(-min(count, views.CAP) // size))


def _name_gone(connection: Connection, known: Mapping[str, Pick], held: bool) -> None:
    """Drop picks that are no longer here, and say which."""
    shown = known.keys()
    hidden = [number for number in picking.picks(NAME) if number not in shown]
    present = views.still_pickable(connection, hidden, held=held) if hidden else set()
    gone = picking.drop_missing(NAME, shown | present)
    if gone:
        names = ", ".join(gone[:8]) + (" …" if len(gone) > 8 else "")
        said = plural("{n} picked line is no longer here", "{n} picked lines are no longer here", len(gone))
        st.warning(f"{said}: {names}", icon=":material/playlist_remove:")


def pick(row: Mapping[Any, Any]) -> Pick:
    """What is remembered of a row when it is picked."""
    return Pick(row["version"], row["provider"], row["currency"], row["sum_minor"], row["status"], row["purchase"])


def frame(rows: Sequence[Mapping[Any, Any]], held: bool) -> pd.DataFrame:
    """Rows as the table shows them, indexed by line number."""
    now = context().now()
    labels = {code: kind.manifest.label for code, kind in context().providers.items()}
    photos = any(row["photo_url"] for row in rows)
    shown = [_cells(row, now, labels, held, photos) for row in rows]
    return tables.numbered([row["number"] for row in rows], shown)


def _cells(row: Mapping[Any, Any], now: Any, labels: Mapping[str, str], held: bool, photos: bool) -> dict[str, Any]:
    code = row["currency"]
    since = row["changed_at"] if held else row["ready_at"]
    market = labels.get(row["provider"], row["provider"])
    cells = {
        "order": to("order", row["number"].rpartition("-")[0], order=row["order_number"]),
        "photo": row["photo_url"],
        "title": row["title"],
        "original": original(row, market),
        "seller": to("ready", row["seller_name"] or row["seller_id"], ready_seller=row["seller_id"]),
        "configuration": row["configuration"],
        "chinese": row["configuration_original"],
        "quantity": row["open_quantity"],
        "price": padded(row["unit_price_minor"], code, 10),
        "sum": padded(row["sum_minor"], code, 10),
        "currency": code,
        "weight": row["weight_grams"],
        "age": sortable(now - since) if since else "",
        "why": why(row),
    }
    return cells if photos else {name: value for name, value in cells.items() if name != "photo"}


def original(row: Mapping[Any, Any], market: str) -> str:
    """Address of the item at its marketplace; of the page that asks for it where it is not known what to buy."""
    if row["cause"] == NEEDS_MAPPING:
        return to("mapping", _("Map it"), line=row["number"])
    return outside(row["item_url"], market) or market


def columns(held: bool) -> dict[str, Any]:
    """How the columns look."""
    return {
        "_index": st.column_config.TextColumn(_("Line"), pinned=True, width=58),
        "order": tables.link(_("Order"), 50, help=_("Opens the order")),
        "photo": st.column_config.ImageColumn(_("Photo"), width=40),
        "title": tables.text(_("Item"), 148),
        "original": tables.link(_("Original"), 92, help=_("Opens the item at its marketplace")),
        "seller": tables.link(_("Seller"), 82, help=_("Shows this seller's lines only")),
        "configuration": tables.text(_("Configuration"), 106),
        "chinese": tables.text(_("In Chinese"), 92),
        "quantity": st.column_config.NumberColumn(_("Qty"), width=40),
        "price": tables.money(_("Price"), 68),
        "sum": tables.money(_("Sum"), 74),
        "currency": tables.text("", 42),
        "weight": st.column_config.NumberColumn(_("Grams"), width=56),
        "age": tables.text(_("Held for") if held else _("Waiting"), 74, alignment="right"),
        "why": tables.text(_("Comments"), 78, help=_("Cause, operator's comment, customer's comment")),
    }


def _nothing(wanted: ReadyFilter) -> None:
    filtered = wanted != ReadyFilter(held=wanted.held)
    if filtered:
        st.info(_("No line fits these filters."), icon=":material/filter_alt:")
    elif wanted.held:
        st.success(_("No line is held."), icon=":material/task_alt:")
    else:
        st.success(
            _("Nothing waits to be bought. New paid orders appear here after an import."), icon=":material/task_alt:"
        )
        st.page_link("pages/admin/sources.py", label=_("Import orders"), icon=":material/arrow_forward:")


def _under(wanted: ReadyFilter, count: int, size: int, shown: int, picked: Mapping[str, Pick]) -> None:
    """The row below the table: how many there are, paging, picking by filter, Undo and Clear."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        total = f"{views.CAP:,}+" if count > views.CAP else f"{count:,}"
        st.caption(_("{shown} of {total} lines").format(shown=shown, total=total), width="content")
        st.pagination(_pages(count, size), key="ready_page", max_visible_pages=5, bind="query-params")
        st.selectbox(
            _("Lines a page"), SIZES, key="ready_size", bind="query-params", label_visibility="collapsed", width=90
        )
        st.space("stretch")
        many = min(count, views.PICK_CAP)
        st.button(
            _("Pick all {n} of this filter").format(n=f"{many:,}")
            if count <= views.PICK_CAP
            else _("Pick the first {n} of this filter").format(n=f"{many:,}"),
            icon=":material/select_all:",
            key="pick-all",
            on_click=_pick_filter,
            args=(wanted,),
        )
        st.button(
            _("Undo"),
            icon=":material/undo:",
            on_click=picking.undo,
            args=(NAME,),
            key="pick-undo",
            disabled=not picking.can_undo(NAME),
            help=_("Bring back the picks before the last change"),
        )
        st.button(
            _("Clear picks"),
            icon=":material/deselect:",
            on_click=picking.set_picks,
            args=(NAME, {}),
            disabled=not picked,
            key="pick-clear",
        )


def _pick_filter(wanted: ReadyFilter) -> None:
    with reading() as connection:
        rows = views.ready_picks(connection, wanted)
    picking.set_picks(NAME, {row["number"]: pick(row) for row in rows})


def actions(person: Person, wanted: ReadyFilter, picked: Mapping[str, Pick]) -> None:
    """What else can be done with picked lines, beside booking them."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="ready-actions"):
        none = not picked
        if st.button(_("Change status"), icon=":material/swap_horiz:", disabled=none):
            dialogs.change_status(person, picked)
        if wanted.held and st.button(_("Return to ready"), icon=":material/replay:", disabled=none):
            dialogs.return_to_ready(person, picked)
        line_actions.buttons(person, picked, NAME)
        feedback.last_run()


def bar(person: Person, wanted: ReadyFilter, picked: Mapping[str, Pick]) -> None:
    """Always in sight: what is picked, the session with its health, and Book."""
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", gap="small", key="book-bar"):
        said = st.container(width="stretch", gap=None)
        said.markdown(_tally(picked))
        if wanted.held:
            said.caption(_("Held lines are returned to ready before they are booked."))
            return
        session = session_choice.draw(person, picked)
        said.caption(session_choice.health(session, picked))
        st.button(
            _("Book"),
            type="primary",
            shortcut="Mod+B",
            icon=":material/shopping_cart_checkout:",
            key="book",
            disabled=not session_choice.fitting(session, picked),
            on_click=book,
            args=(person,),
            help=_("Checks prices and stock first; nothing is sent before you confirm."),
        )


def _tally(picked: Mapping[str, Pick]) -> str:
    if not picked:
        return _(":gray[Nothing picked. Tick lines in the table, or pick all of the filter.]")
    totals: dict[str, int] = {}
    for one in picked.values():
        totals[one.currency] = totals.get(one.currency, 0) + one.sum_minor
    return f"**{plural('{n} line picked', '{n} lines picked', len(picked))}** · {sums(totals)}"


def book(person: Person) -> None:
    """Callback of Book: ask for a plan of the picks that the chosen session can buy, and open the drawer."""
    picked = picking.picks(NAME)
    session = session_choice.chosen(person, picked)
    lines = session_choice.fitting(session, picked)
    if session is None or not lines:
        feedback.say("error", _("Pick lines and a session of their marketplace first."))
        return
    drawer.request(person, session.name, lines)
