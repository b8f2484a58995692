"""Mappings that there are: search, edit, remove with a reason, and tables in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.services import mapping
from autopurchase.services.mapping import MappingView
from autopurchase.storage import shop_views
from autopurchase.ui import address, cells, feedback, import_panel, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.mapping import LISTED, Product, choose, said
from autopurchase.ui.mapping_form import target_link
from autopurchase.ui.words import _, plural, when
from autopurchase.ui.workspace import context, reading

#: mappings shown at once; a search finds the others
SHOWN = 200
#: session state: the run of this tab's last imported table
IMPORTED = "mapping.imported"


def draw(person: Person, source: str) -> None:
    """The search, the table, and what can be done with mappings."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = address.text(
            _("Search"),
            "mapping_text",
            icon=":material/search:",
            placeholder=_("product, or its name in the shop"),
            width=280,
            label_visibility="collapsed",
        )
        st.space("stretch")
        _tables_in_and_out(person)
    found = mapping.listing(context(), person.actor, source=source, text=words, limit=SHOWN + 1)
    if found:
        _table(found[:SHOWN])
    elif words or source:
        st.info(_("No mapping fits."), icon=":material/filter_alt:")
    else:
        cells.empty(
            _("No mapping yet: tick a product above, or import a table with one row a product."), icon="alt_route"
        )
    _under(person, found)
    _rejected()


def _table(found: Sequence[MappingView]) -> None:
    with reading() as connection:
        words = shop_views.words(connection, [one.product_key for one in found])
    choose(
        pd.DataFrame([_row(one, words.get((one.product_key, _choice(one)), "")) for one in found]),
        [Product(one.source, one.product_key) for one in found],
        name=LISTED,
        height=tables.height(len(found), 9),
        alt=_("Mappings; tick one to change it"),
        column_config=_columns(),
    )


def _choice(one: MappingView) -> str:
    return one.target.spec_id or one.target.sku_id


def _row(one: MappingView, words: str) -> dict[str, Any]:
    kind = context().providers.get(one.target.provider)
    return {
        "product": one.product_key,
        "title": one.title,
        "source": one.source or _("every source"),
        "market": kind.manifest.label if kind else one.target.provider,
        "item": target_link(one.target),
        "choice": _choice(one),
        "words": words,
        "ratio": one.target.ratio,
        "seller": one.target.seller_name or one.target.seller_id,
        "changed": when(one.changed_at),
        "actor": one.actor,
    }


def _columns() -> dict[str, Any]:
    return {
        "product": tables.text(_("Product"), 108),
        "title": tables.text(_("In the shop"), 176),
        "source": tables.text(_("Source"), 90),
        "market": tables.text(_("Marketplace"), 98),
        "item": tables.link(_("Item"), 110),
        "choice": tables.text(_("Sku or spec id"), 116),
        "words": tables.text(_("In its own words"), 130, help=_("The configuration as the marketplace named it last")),
        "ratio": st.column_config.NumberColumn(_("×"), width=34, help=_("Pieces bought for one sold")),
        "seller": tables.text(_("Seller"), 90),
        "changed": tables.text(_("Changed"), 92),
        "actor": tables.text(_("By"), 74),
    }


def _under(person: Person, found: Sequence[MappingView]) -> None:
    if not found:
        return
    shown = plural("{n} mapping", "{n} mappings", min(len(found), SHOWN))
    more = _(" · more fit: search for them") if len(found) > SHOWN else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(shown + more + " · " + _("tick one to change it"), width="content")


# --- tables in and out ---


def _tables_in_and_out(person: Person) -> None:
    with st.popover(_("Import a table"), icon=":material/upload_file:"):
        st.caption(
            _("CSV or Excel. Needed columns: product_key, provider, item_id. Also: {more}.").format(
                more=", ".join(name for name in mapping.COLUMNS if name not in ("product_key", "provider", "item_id"))
            )
        )
        st.file_uploader(_("Table"), type=["csv", "xlsx"], key="mapping-file", label_visibility="collapsed")
        st.button(
            _("Import"),
            type="primary",
            key="mapping-import",
            disabled=st.session_state.get("mapping-file") is None,
            on_click=_import,
            args=(person,),
        )
    for kind, label in (("csv", _("CSV")), ("xlsx", _("Excel"))):
        st.download_button(
            label,
            data=lambda kind=kind: mapping.export(context(), person.actor, kind),  # type: ignore[misc]
            file_name=f"mappings.{kind}",
            icon=":material/download:",
            on_click="ignore",
            key=f"mapping-export-{kind}",
            help=_("Every mapping, as a table that can be changed and imported again"),
        )


def _import(person: Person) -> None:
    given = st.session_state.get("mapping-file")
    if given is None:
        return
    path = import_panel.keep(given.name, given.getvalue())
    run = feedback.attempt(lambda: mapping.import_file(context(), person.actor, path))
    if run is not None:
        st.session_state[IMPORTED] = run
        feedback.say("toast", said(run), run)


def _rejected() -> None:
    """Rows of the last table that were not taken, to correct and import again."""
    run = st.session_state.get(IMPORTED)
    if run is not None:
        import_panel.rejects_button(run, "mappings")
