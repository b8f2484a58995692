"""The open workspace behind the pages, one for the whole server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from autopurchase import wiring
from autopurchase.services.context import Context
from autopurchase.storage.database import Connection
from autopurchase.wiring import Workspace


@st.cache_resource(show_spinner=False, on_release=lambda opened: opened.close())
def workspace() -> Workspace:
    """The workspace of AUTOPURCHASE_HOME, opened (and made, when missing) at the first visit."""
    return wiring.open_workspace()


def context() -> Context:
    """What services are given."""
    return workspace().context


@contextmanager
def reading() -> Iterator[Connection]:
    """One consistent view of the database for a page's reads."""
    with context().db.read() as connection:
        yield connection
