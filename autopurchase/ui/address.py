"""Choices kept in the address under their codes, so that an address means the same in every language.

Streamlit's own binding writes the words shown, and forgets what is not drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import streamlit as st


def _restore(key: str, options: Sequence[str], default: str | None) -> None:
    """Before the first drawing: what the address says, if it is an option."""
    if key not in st.session_state:
        said = st.query_params.get(key)
        st.session_state[key] = said if said in options else default


def _store(key: str, value: str | None, default: str | None) -> None:
    """Write the choice to the address; the default needs no words there."""
    if value is None or value == default:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != value:
        st.query_params[key] = value


def pills(label: str, key: str, options: Sequence[str], words: Callable[[str], str]) -> str | None:
    """One of ``options`` or none, as pills."""
    _restore(key, options, None)
    value: str | None = st.pills(
        label, options, key=key, format_func=words, width="content", label_visibility="collapsed"
    )
    _store(key, value, None)
    return value


def switch(label: str, key: str, options: Sequence[str], words: Callable[[str], str]) -> str:
    """Exactly one of ``options``; the first unless the address says otherwise."""
    _restore(key, options, options[0])
    value = st.segmented_control(
        label, options, key=key, format_func=words, required=True, width="content", label_visibility="collapsed"
    )
    _store(key, value, options[0])
    return str(value or options[0])


def select(
    label: str,
    key: str,
    options: Sequence[str],
    words: Callable[[str], str],
    *,
    default: str | None = None,
    **more: Any,
) -> str | None:
    """One of ``options``, as a menu; without ``default`` also none."""
    _restore(key, options, default)
    index = None if default is None else 0
    value: str | None = st.selectbox(label, options, key=key, format_func=words, index=index, **more)
    _store(key, value, default)
    return value


def text(label: str, key: str, **more: Any) -> str:
    """Free text; also remembered while it is not drawn, as in a closed menu (`said`)."""
    if key not in st.session_state:
        st.session_state[key] = st.query_params.get(key, "")
    value: str = st.text_input(label, key=key, **more)
    _store(key, value or None, None)
    return value


def said(key: str) -> str:
    """What the address says of a choice that is not drawn."""
    return str(st.query_params.get(key, ""))


def day(label: str, key: str, **more: Any) -> date | None:
    """A day or none, as an ISO date in the address."""
    if key not in st.session_state:
        try:
            st.session_state[key] = date.fromisoformat(st.query_params.get(key, ""))
        except ValueError:
            st.session_state[key] = None
    value: date | None = st.date_input(label, key=key, format="YYYY-MM-DD", **more)
    _store(key, value.isoformat() if value else None, None)
    return value
