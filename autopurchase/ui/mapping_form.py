"""The drawer that says what is bought for a product: the shop's facts, link or id, sku, ratio, seller, for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.domain.mapping import Target
from autopurchase.services import mapping
from autopurchase.services.mapping import MappingView
from autopurchase.sources import links
from autopurchase.storage import mappings, shop_views, sources
from autopurchase.ui import feedback, mapping_remove, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.links import BY_SPEC, outside, to
from autopurchase.ui.mapping import OPEN, Product, open_product, opened, said
from autopurchase.ui.order import plain
from autopurchase.ui.words import _, plural, when
from autopurchase.ui.workspace import context, reading

Row = Mapping[Any, Any]
#: lines of the product that the drawer names
LINES = 50
_FIELDS = ("link", "provider", "choice", "ratio", "seller_id", "seller_name", "scope")


def show(person: Person) -> None:
    """Draw the drawer when a product is open."""
    product = opened()
    if product is not None:
        st.dialog(
            _("What is bought for it"), position="right", width="medium", icon=":material/alt_route:", on_dismiss=_close
        )(_drawer)(person, product)


def _close() -> None:
    open_product(None)


def _drawer(person: Person, product: Product) -> None:
    if st.session_state.get(OPEN) != list(product):  # a button's callback has saved, or closed it
        st.rerun()
    feedback.show()
    stored = _stored(product)
    with reading() as connection:
        waiting = shop_views.waiting_lines(connection, product.source, product.key, LINES) if product.source else []
    _in_the_shop(product, waiting, stored)
    _inputs(person, product, stored)
    target = _preview(product)
    if target is not None:
        _known(target)
    _save_button(person, product, waiting, target)
    if stored is not None and stored.source == product.source:
        mapping_remove.button(person, stored)
    _past(person, product)


def _stored(product: Product) -> MappingView | None:
    """The mapping that counts for the product now: the source's own, or the one for every source."""
    with reading() as connection:
        source_id = sources.by_name(connection, product.source)["id"] if product.source else None
        row = mappings.get(connection, (source_id, product.key))
        source = product.source
        if row is None and source_id is not None:
            row, source = mappings.get(connection, (None, product.key)), ""
    if row is None:
        return None
    target = Target.from_json(row["target"])
    return MappingView(source, product.key, row["title"], target, row["changed_at"], row["actor"])


# --- in the shop ---


def _in_the_shop(product: Product, waiting: Sequence[Row], stored: MappingView | None) -> None:
    """What the shop says of the product, and whose lines wait for it."""
    with st.container(border=True, gap="xsmall", key="mapping-shop"):
        title = waiting[0]["title"] if waiting else stored.title if stored else ""
        st.markdown(f"**{plain(title or product.key)}**")
        facts = {_("Source"): product.source or _("every source"), _("Product"): product.key}
        if waiting:
            facts |= {
                _("Configuration"): waiting[0]["configuration"],
                _("In Chinese"): waiting[0]["configuration_original"],
                _("Link in the shop"): waiting[0]["item_url"] or _("none"),
            }
        with st.container(horizontal=True, gap="medium"):
            for name, value in facts.items():
                if value:
                    st.markdown(f":gray[{name}] {plain(value)}", width="content")
        if waiting:
            words = plain(waiting[0]["unclear"]).replace(
                "\\:", "\\:\u2060"
            )  # links in a sentence are not to be followed
            st.warning(words, icon=":material/help:")
            _lines(waiting)


def _lines(waiting: Sequence[Row]) -> None:
    with st.expander(plural("{n} line waits", "{n} lines wait", len(waiting)), icon=":material/list:"):
        rows = [
            {
                "order": to("order", row["number"], order=row["order_number"]),
                "customer": row["customer"],
                "configuration": row["configuration"],
                "quantity": row["open_quantity"],
                "comment": row["customer_comment"],
                "since": when(row["changed_at"]),
            }
            for row in waiting
        ]
        columns = {
            "order": tables.link(_("Line"), 110),
            "customer": tables.text(_("Customer"), 130),
            "configuration": tables.text(_("Configuration"), 160),
            "quantity": st.column_config.NumberColumn(_("Qty"), width=44),
            "comment": tables.text(_("Comment"), 150),
            "since": tables.text(_("Since"), 100),
        }
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height=tables.height(len(rows), 6),
            alt=_("Lines that wait for this product"),
            column_config=columns,
        )


# --- what is bought ---


def _key(product: Product, name: str) -> str:
    return f"mapping.{product.mark}.{name}"


def _inputs(person: Person, product: Product, stored: MappingView | None) -> None:
    """The fields, filled with the mapping that there is."""
    for name, value in _values(product, stored).items():
        st.session_state.setdefault(_key(product, name), value)
    labels = {code: kind.manifest.label for code, kind in context().providers.items()}
    st.text_input(
        _("Item: its link, or its id"),
        key=_key(product, "link"),
        placeholder="https://item.taobao.com/item.htm?id=610000000001",
        icon=":material/link:",
        help=_("Paste the address of the item's page, or a text shared from the marketplace's app."),
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        st.pills(
            _("Marketplace (for a bare id)"),
            list(labels),
            key=_key(product, "provider"),
            format_func=lambda code: labels[code],
            width="content",
        )
        st.text_input(
            _("Configuration: sku id (1688: spec id)"),
            key=_key(product, "choice"),
            width=250,
            help=_("Which colour, size or set. Empty: the item has no configurations, or the link names it."),
        )
        st.number_input(
            _("Pieces for one sold"), min_value=1, max_value=10_000, step=1, key=_key(product, "ratio"), width=150,
            help=_("3, when a set of three is sold and single pieces are bought."),
        )  # fmt: skip
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        st.text_input(_("Seller's id"), key=_key(product, "seller_id"), width=170, help=_("Empty: as the item says."))
        st.text_input(_("Seller's name"), key=_key(product, "seller_name"), width=200)
        if product.source:
            words = {"this": _("only {name}").format(name=product.source), "all": _("every source")}
            st.segmented_control(
                _("Counts for"), list(words), key=_key(product, "scope"), format_func=lambda code: words[code],
                required=True, width="content",
            )  # fmt: skip


def _values(product: Product, stored: MappingView | None) -> dict[str, Any]:
    target = stored.target if stored else Target()
    return {
        "link": target.item_id,
        "provider": target.provider or None,
        "choice": target.spec_id or target.sku_id,
        "ratio": target.ratio,
        "seller_id": target.seller_id,
        "seller_name": target.seller_name,
        "scope": "this" if stored is None or stored.source else "all",
    }


def read_target(product: Product) -> Target:
    """What the fields say. Raises BadInput that says what is wrong with the link or id."""
    typed = {name: st.session_state.get(_key(product, name)) for name in _FIELDS}
    link = str(typed["link"] or "").strip()
    manifests = {code: kind.manifest for code, kind in context().providers.items()}
    item = links.resolve(link, "" if "/" in link else str(typed["provider"] or ""))
    choice = str(typed["choice"] or "").strip() or item.sku_id
    by_spec = item.provider in BY_SPEC
    return Target(
        provider=item.provider,
        item_id=item.item_id,
        sku_id="" if by_spec else choice,
        spec_id=choice if by_spec else "",
        ratio=int(typed["ratio"] or 1),
        seller_id=str(typed["seller_id"] or "").strip(),
        seller_name=str(typed["seller_name"] or "").strip(),
        item_url=manifests[item.provider].item_url.format(item_id=item.item_id),
    )


def _preview(product: Product) -> Target | None:
    """What was understood of the fields, as a sentence; nothing is fetched."""
    if not str(st.session_state.get(_key(product, "link")) or "").strip():
        return None
    try:
        target = read_target(product)
    except BadInput as error:
        st.error(error.sentence, icon=":material/link_off:")
        return None
    label = context().providers[target.provider].manifest.label
    choice = target.spec_id or target.sku_id
    named = _("spec id") if target.spec_id else _("sku id")
    words = _("{market}, item {item}").format(market=label, item=target.item_id)
    words += f", {named} {choice}" if choice else ", " + _("no configuration")
    words += f" × {target.ratio}" if target.ratio > 1 else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/check_circle: **{words}**", width="content")
        st.link_button(_("Open the item"), target.item_url, icon=":material/open_in_new:", type="tertiary")
    return target


def _known(target: Target) -> None:
    """Other products that are bought as this item: the shop's words beside the provider's own."""
    with reading() as connection:
        same = shop_views.same_item(connection, target.provider, target.item_id)
        words = shop_views.words(connection, [row["product_key"] for row in same])
    rows = [_known_row(row, Target.from_json(row["target"]), words) for row in same]
    if rows:
        st.caption(_("Known configurations of this item"))
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height=tables.height(len(rows), 5),
            alt=_("Known configurations of this item"),
            column_config={
                "choice": tables.text(_("Sku or spec id"), 150),
                "words": tables.text(_("In the marketplace's own words"), 220),
                "title": tables.text(_("In the shop"), 220),
                "product": tables.text(_("Product"), 110),
            },
        )


def _known_row(row: Row, target: Target, words: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    choice = target.spec_id or target.sku_id
    said = words.get((row["product_key"], choice), "")
    return {
        "choice": choice,
        "words": said or _("not planned yet"),
        "title": row["title"],
        "product": row["product_key"],
    }


# --- saving ---


def _save_button(person: Person, product: Product, waiting: Sequence[Row], target: Target | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            _("Save"),
            type="primary",
            icon=":material/check:",
            key="mapping-save",
            disabled=target is None,
            on_click=_save,
            args=(person, product),
        )
        if waiting:
            st.caption(
                plural("{n} line waits and becomes ready", "{n} lines wait and become ready", len(waiting)),
                width="content",
            )
        else:
            st.caption(_("Lines under way stay as they are."), width="content")


def _save(person: Person, product: Product) -> None:
    everywhere = st.session_state.get(_key(product, "scope")) == "all"
    run = feedback.attempt(
        lambda: mapping.set(
            context(), person.actor, "" if everywhere else product.source, product.key, read_target(product)
        )
    )
    if run is None:
        return
    for name in _FIELDS:
        st.session_state.pop(_key(product, name), None)
    if opened() == product:
        open_product(None)
    feedback.say("toast", said(run), run)


def _past(person: Person, product: Product) -> None:
    """What became of the product's mappings, newest first."""
    changes = mapping.history(context(), person.actor, product.key)
    if not changes:
        return
    rows = [
        {
            "at": when(change.at),
            "actor": change.actor,
            "source": change.source or _("every source"),
            "before": target_words(change.before),
            "after": target_words(change.after),
            "run": to("journal", f"[{change.run_id}]", run=change.run_id),
        }
        for change in changes
    ]
    with st.expander(plural("{n} change so far", "{n} changes so far", len(rows)), icon=":material/history:"):
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height=tables.height(len(rows), 6),
            alt=_("Changes of this mapping"),
            column_config={
                "at": tables.text(_("When"), 100),
                "actor": tables.text(_("By"), 90),
                "source": tables.text(_("Source"), 90),
                "before": tables.text(_("Before"), 200),
                "after": tables.text(_("After"), 200),
                "run": tables.link(_("Run"), 50),
            },
        )


def target_words(target: Target | None) -> str:
    """``taobao 650000104729 · 4000001047290 × 2``; a dash for none."""
    if target is None:
        return "–"
    choice = target.spec_id or target.sku_id
    times = f" × {target.ratio}" if target.ratio > 1 else ""
    return f"{target.provider} {target.item_id}" + (f" · {choice}" if choice else "") + times


def target_link(target: Target) -> str:
    """The item's address, shown as its id."""
    kind = context().providers.get(target.provider)
    url = target.item_url or (kind.manifest.item_url.format(item_id=target.item_id) if kind else "")
    return outside(url, target.item_id)
