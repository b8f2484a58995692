"""The open workspace behind the pages, one for the whole server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from autopurchase import demo, wiring
from autopurchase.domain.errors import AutopurchaseError
from autopurchase.services.context import Context
from autopurchase.storage.database import Connection
from autopurchase.wiring import Workspace

_log = logging.getLogger(__name__)


@st.cache_resource(show_spinner="Opening the workspace …", on_release=lambda opened: opened.close())
def workspace() -> Workspace:
    """The workspace of AUTOPURCHASE_HOME, opened at the first visit; where nothing is configured, the demo is made."""
    opened = wiring.open_workspace()
    try:
        demo.ensure_demo(opened)
    except AutopurchaseError as error:
        _log.warning("the practice marketplace does not answer: %s", error.sentence)
    return opened


def context() -> Context:
    """What services are given."""
    return workspace().context


@contextmanager
def reading() -> Iterator[Connection]:
    """One consistent view of the database for a page's reads."""
    with context().db.read() as connection:
        yield connection
