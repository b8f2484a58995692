"""The mapping page: products nobody can buy yet, the one that is being mapped, and choosing rows of its tables."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2s
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from autopurchase.services import mapping, sources
from autopurchase.services.mapping import Waiting
from autopurchase.storage import mappings, runs, shop_views, views
from autopurchase.ui import address, cells, feedback, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.links import outside
from autopurchase.ui.words import _, plural, sortable
from autopurchase.ui.workspace import context, reading

#: session state: which product the form is about, and the line whose link opened it last
OPEN, ASKED = "mapping.open", "mapping.asked"
#: the page's tables of products
WAITING, LISTED = "mapping.waiting", "mapping.listed"
#: products shown at once, those with most lines
SHOWN = 500


class Product(NamedTuple):
    """A product of a shop; an empty ``source`` means a mapping for every source."""

    source: str
    key: str

    @property
    def mark(self) -> str:
        """A short name for widget keys, without anything a shop wrote."""
        return blake2s("\x1f".join(self).encode(), digest_size=6).hexdigest()


def opened() -> Product | None:
    """The product that is being mapped: ticked in a table, or that of the line which a link to this page names."""
    number = st.query_params.get("line", "")
    if number and st.session_state.get(ASKED) != number:
        st.session_state[ASKED] = number
        with reading() as connection:
            st.session_state[OPEN] = shop_views.product_of(connection, number)
    found = st.session_state.get(OPEN)
    return Product(*found) if found else None


def open_product(product: Product | None, *, ticked_in: str = "") -> None:
    """Open the form for a product, or close it; tables other than ``ticked_in`` forget what was ticked in them."""
    st.session_state[OPEN] = list(product) if product else None
    for name in (WAITING, LISTED):
        if name != ticked_in:
            st.session_state[f"{name}.version"] = st.session_state.get(f"{name}.version", 0) + 1
    st.query_params.pop("line", None)


def head() -> str:
    """The source whose products and mappings are shown (empty: all), and the cell of what was done last."""
    with reading() as connection:
        names = views.names(connection)["sources"]
    hidden: Any = {"label_visibility": "collapsed", "width": 200}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        found = address.select(_("Source"), "mapping_source", names, str, placeholder=_("every source"), **hidden)
        feedback.last_run()
    return found or ""


def waiting(person: Person, source: str) -> None:
    """Products whose lines wait; ticking one opens the form for it."""
    found = mapping.waiting(context(), person.actor, source=source, limit=SHOWN)
    if not found:
        _nothing(person, source)
        return
    choose(
        pd.DataFrame([_row(one) for one in found]),
        [Product(one.source, one.product_key) for one in found],
        name=WAITING,
        height=tables.height(len(found), 9),
        alt=_("Products that wait for a mapping; tick one to map it"),
        column_config=_columns(photos=any(one.photo_url for one in found)),
    )
    total = mapping.waiting_count(context(), person.actor, source=source)
    lines = plural("{n} line waits", "{n} lines wait", total)
    products = plural("for {n} product", "for {n} products", len(found))
    st.caption(f"{lines} {products}. " + _("Tick a product to say what is bought for it."))


def link_to_waiting() -> None:
    """A link to this page with how many lines wait for it, when any do."""
    with reading() as connection:
        count = mappings.waiting_count(connection)
    if count:
        words = plural("{n} line needs mapping: say what to buy", "{n} lines need mapping: say what to buy", count)
        st.page_link("pages/operate/mapping.py", label=words, icon=":material/alt_route:")


def _row(one: Waiting) -> dict[str, Any]:
    return {
        "lines": one.lines,
        "pieces": one.pieces,
        "since": sortable(context().now() - one.since),
        "source": one.source,
        "product": one.product_key,
        "photo": one.photo_url,
        "title": one.title,
        "configuration": one.configuration,
        "link": outside(one.item_url, _("open")),
        "why": one.unclear,
    }


def _columns(photos: bool) -> dict[str, Any]:
    return {
        "lines": st.column_config.NumberColumn(_("Lines"), width=48),
        "pieces": st.column_config.NumberColumn(_("Pieces"), width=54),
        "since": tables.text(_("Waiting"), 78, alignment="right"),
        "source": tables.text(_("Source"), 82),
        "product": tables.text(_("Product"), 108, help=_("The shop's own id of what was sold")),
        "photo": st.column_config.ImageColumn(_("Photo"), width=44) if photos else None,
        "title": tables.text(_("In the shop"), 200),
        "configuration": tables.text(_("Configuration"), 140),
        "link": tables.link(_("Link"), 54, help=_("The link as the shop stores it")),
        "why": tables.text(_("Why it is not understood"), 330),
    }


def _nothing(person: Person, source: str) -> None:
    found = [view for view in sources.listing(context(), person.actor) if not source or view.name == source]
    if any(view.imported_at for view in found):
        st.success(_("Every imported line says what is to be bought for it."), icon=":material/task_alt:")
    else:
        cells.empty(
            _("Nothing was imported yet: what cannot be bought as it stands appears here."),
            page="pages/admin/sources.py",
            label=_("Connect a shop"),
            icon="storefront",
        )


def choose(frame: pd.DataFrame, products: Sequence[Product], *, name: str, **table: Any) -> None:
    """Draw a table whose rows stand for ``products``; ticking one opens the form for it.

    Other rows make another table, so a tick never means a row that has moved.
    """
    shown = "\x1f".join(f"{product.source}\x1e{product.key}" for product in products)
    stamp = blake2s(shown.encode(), digest_size=8).hexdigest()
    key = f"{name}.{stamp}.{st.session_state.get(f'{name}.version', 0)}"
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=lambda: _ticked(key, products, name),
        selection_mode="single-row",
        **table,
    )


def _ticked(key: str, products: Sequence[Product], name: str) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    open_product(products[rows[0]] if rows else None, ticked_in=name)


def said(run: int) -> str:
    """What came of a mapping's run: ``Saved: 3 lines are ready, 1 changed``."""
    with reading() as connection:
        figures = runs.get(connection, run)["out"]["lines"]
    freed = figures["freed"]
    if freed:
        return plural("Saved: {n} line is ready to buy.", "Saved: {n} lines are ready to buy.", freed)
    if figures["held"]:
        return plural("Saved: {n} line waits again.", "Saved: {n} lines wait again.", figures["held"])
    return plural("Saved: {n} line changed.", "Saved: {n} lines changed.", figures["changed"])
