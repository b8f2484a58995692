"""Filters of the ready page. Every one is kept in the address, so a filtered page can be sent to a colleague."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import streamlit as st

from autopurchase.domain.causes import CAUSES
from autopurchase.storage import views
from autopurchase.storage.views import ReadyFilter
from autopurchase.ui.words import _
from autopurchase.ui.workspace import context, reading

#: age filters: at least so many days
AGES = ("0", "1", "2", "3", "7", "14")
_MORE = ("ready_source", "ready_seller", "ready_customer", "ready_order", "ready_cause", "ready_currency")
_ALL = ("ready_provider", "ready_age", "ready_price", "ready_text", *_MORE)


def draw() -> ReadyFilter:
    """Draw the filters in one row and return what they say. Labels are there for screen readers."""
    hidden: Any = {"label_visibility": "collapsed", "bind": "query-params"}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        held = st.segmented_control(
            _("Show"),
            ["ready", "held"],
            key="ready_lines",
            default="ready",
            required=True,
            format_func=lambda code: _("Ready") if code == "ready" else _("Held"),
            width="content",
            **hidden,
        )
        provider = _provider(hidden)
        age = st.selectbox(_("Waiting for"), AGES, key="ready_age", format_func=_age_words, width=170, **hidden)
        price = st.text_input(
            _("Unit price up to"), key="ready_price", placeholder=_("unit price up to"), width=140, **hidden
        )
        words = st.text_input(
            _("Search"),
            key="ready_text",
            icon=":material/search:",
            placeholder=_("title, item or line number"),
            width=225,
            **hidden,
        )
        more = _more()
        st.button(
            _("Clear"), icon=":material/filter_alt_off:", on_click=_clear, type="tertiary", help=_("Clear filters")
        )
    days = int(age or 0)
    found = ReadyFilter(
        held=held == "held",
        provider=provider or "",
        older_than=context().now() - timedelta(days=days) if days else None,
        max_price=_amount(price),
        text=words,
    )
    return replace(found, **more)


def _provider(hidden: Any) -> str | None:
    labels = {code: kind.manifest.label for code, kind in context().providers.items()}
    found: str | None = st.pills(
        _("Marketplace"),
        list(labels),
        key="ready_provider",
        format_func=lambda code: labels[code],
        width="content",
        **hidden,
    )
    return found


def _more() -> dict[str, Any]:
    """The filters that are used less, in a popover; its label counts those that are on."""
    used = sum(bool(st.query_params.get(key)) for key in _MORE)
    label = _("More filters") + (f" · {used}" if used else "")
    with reading() as connection:
        sources = views.names(connection)["sources"]
    with st.popover(label, icon=":material/filter_list:"):
        return {
            "seller": st.text_input(_("Seller"), key="ready_seller", bind="query-params"),
            "customer": st.text_input(_("Customer"), key="ready_customer", bind="query-params"),
            "order": st.text_input(_("Order number"), key="ready_order", bind="query-params"),
            "source": _choice(_("Source"), "ready_source", sources),
            "cause": _choice(_("Cause"), "ready_cause", list(CAUSES), lambda code: _(CAUSES[code].label)),
            "currency": st.text_input(_("Currency"), key="ready_currency", bind="query-params", max_chars=3).upper(),
        }


def _choice(label: str, key: str, options: list[str], words: Callable[[str], str] = str) -> str:
    return (
        st.selectbox(
            label,
            options,
            index=None,
            key=key,
            bind="query-params",
            placeholder=_("any"),
            format_func=words,
        )
        or ""
    )


def _clear() -> None:
    for key in _ALL:
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)


def _age_words(days: str) -> str:
    return _("waiting any time") if days == "0" else _("waiting {n} d or more").format(n=days)


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
