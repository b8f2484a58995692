"""Addresses inside the app, for link columns: relative, so that they work under any base path."""

from __future__ import annotations

from functools import cache
from urllib.parse import quote

import streamlit as st

from autopurchase.ui.workspace import context

#: what is shown of a link column's address: everything after the ``#``
AFTER_HASH = r"#(.*)$"
#: marketplaces whose configurations are told by spec id; the others tell them by sku id
BY_SPEC = frozenset({"alibaba1688"})


@cache
def base() -> str:
    """The app's own base path, without a slash at the end; it does not change while the server runs."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def to(page: str, shown: str, **query: str | int) -> str:
    """``/order?order=ORD-1#ORD-1``: address of a page, with the words to show in its cell behind the hash."""
    said = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in query.items())
    return f"{base()}/{page}?{said}#{shown}"


def outside(url: str, shown: str | None) -> str:
    """A marketplace's address with the words to show; empty when it is no web address."""
    return f"{url.split('#')[0]}#{shown}" if url.startswith(("https://", "http://")) else ""


def at_marketplace(provider: str, base_url: str, number: str, shown: str) -> str:
    """Address of a provider order's page at its marketplace, with the words to show; empty when there is none."""
    kind = context().providers.get(provider)
    if kind is None:
        return ""
    if base_url != kind.manifest.default_base_url:  # a practice marketplace shows its orders itself
        return outside(f"{base_url}/order/{number}", shown)
    return outside(kind.manifest.order_url.format(order_id=number), shown)
