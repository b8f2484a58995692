"""Filters of the ready page. Every one is kept in the address, so a filtered page can be sent to a colleague."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import streamlit as st

from autopurchase.domain.causes import CAUSES
from autopurchase.storage import views
from autopurchase.storage.views import ReadyFilter
from autopurchase.ui import address, tables
from autopurchase.ui.words import _
from autopurchase.ui.workspace import context, reading

#: age filters: at least so many days
AGES = ("0", "1", "2", "3", "7", "14")
_MORE = ("ready_source", "ready_seller", "ready_customer", "ready_order", "ready_cause", "ready_currency")
_ALL = ("ready_provider", "ready_age", "ready_price", "ready_text", *_MORE)


def draw() -> ReadyFilter:
    """Draw the filters in one row and return what they say. Labels are there for screen readers."""
    hidden: Any = {"label_visibility": "collapsed"}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        held = address.switch(_("Show"), "ready_lines", ("ready", "held"), tables.word)
        labels = {code: kind.manifest.label for code, kind in context().providers.items()}
        provider = address.pills(_("Marketplace"), "ready_provider", list(labels), lambda code: labels[code])
        age = address.select(
            _("Waiting for"), "ready_age", AGES, _age_words, default=AGES[0], width=170, label_visibility="collapsed"
        )
        price = address.text(
            _("Unit price up to"), "ready_price", placeholder=_("unit price up to"), width=140, **hidden
        )
        words = address.text(
            _("Search"),
            "ready_text",
            icon=":material/search:",
            placeholder=_("title, item, line"),
            width=170,
            **hidden,
        )
        more = _more()
        st.button(
            _("Clear"),
            icon=":material/filter_alt_off:",
            on_click=_clear,
            key="ready-clear",
            type="tertiary",
            help=_("Clear filters"),
        )
    days = int(age or 0)
    found = ReadyFilter(
        held=held == "held",
        provider=provider or "",
        older_than=_before(days) if days else None,
        max_price=_amount(price),
        text=words,
    )
    return replace(found, **more)


def _more() -> dict[str, Any]:
    """The filters that are used less; they are drawn only while their menu is open, which keeps the page fast."""
    used = sum(bool(address.said(key)) for key in _MORE)
    label = _("More filters") + (f" · {used}" if used else "")
    menu = st.popover(label, icon=":material/filter_list:", on_change="rerun", key="ready-more")
    if not menu.open:
        said = {key.removeprefix("ready_"): address.said(key) for key in _MORE}
        return said | {"currency": said["currency"].upper()}
    with menu:
        return _draw_more()


def _draw_more() -> dict[str, Any]:
    with reading() as connection:
        sources = views.names(connection)["sources"]
    anything = _("any")
    return {
        "seller": address.text(_("Seller"), "ready_seller"),
        "customer": address.text(_("Customer"), "ready_customer"),
        "order": address.text(_("Order number"), "ready_order"),
        "source": address.select(_("Source"), "ready_source", sources, str, placeholder=anything) or "",
        "cause": address.select(_("Cause"), "ready_cause", list(CAUSES), _cause_words, placeholder=anything) or "",
        "currency": address.text(_("Currency"), "ready_currency", max_chars=3).upper(),
    }


def _cause_words(code: str) -> str:
    return _(CAUSES[code].label)


def _clear() -> None:
    for key in _ALL:
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)


def _age_words(days: str) -> str:
    return _("waiting any time") if days == "0" else _("waiting {n} d or more").format(n=days)


def _before(days: int) -> datetime:
    """So many days ago; to the minute, so that clicks within it ask the same."""
    return context().now().replace(second=0, microsecond=0) - timedelta(days=days)


def _amount(written: str) -> Decimal | None:
    if not written.strip():
        return None
    try:
        found = Decimal(written.strip().replace(",", "."))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found < 0:
        st.caption(_(":red[“{text}” is not a price.]").format(text=written))
        return None
    return found
