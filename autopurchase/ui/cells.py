"""Numbered cells, like a notebook's: a page reads from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


def heading(title: str, note: str = "") -> None:
    """The page's title with one line on what it is for."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.title(title, anchor=False, width="content")
        if note:
            st.caption(note, width="stretch")


@contextmanager
def cell(
    number: int, title: str, *, note: str = "", stamp: str = "", border: bool = True, tall: bool = False
) -> Iterator[None]:
    """One numbered cell; the caller fills the body. ``stamp``: how old it is. Without ``border`` it is wider.

    ``tall`` makes it as high as its neighbour.
    """
    with st.container(border=border, key=f"cell-{number}", gap="small", height="stretch" if tall else "content"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"[{number}]", width="content")
            st.subheader(title, anchor=f"cell-{number}", width="content")
            if note:
                st.caption(note, width="stretch")
            if stamp:
                st.caption(f":material/schedule: {stamp}", width="content")
        yield


def empty(text: str, *, page: str = "", label: str = "", icon: str = "inbox") -> None:
    """An empty place that says what to do next."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="left"):
        st.markdown(f":gray[:material/{icon}:] {text}", width="content")
        if page:
            st.page_link(page, label=label, icon=":material/arrow_forward:")
