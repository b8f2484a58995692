"""For tests that run pages in this process, on a workspace of their own in real SQLite."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config

from autopurchase import wiring
from autopurchase.ui import keeper
from autopurchase.wiring import Workspace
from tests.support import seed
from tests.support.migrated import sqlite_url


@pytest.fixture(scope="session", autouse=True)
def readable_errors() -> None:
    """Show what a page raised: the project's own setting hides it from people, and so from tests.

    The test runner keeps menus' wording functions in the state, which cannot be pickled; browser tests keep the check.
    """
    config.set_option("client.showErrorDetails", "full")
    config.set_option("runner.enforceSerializableSessionState", False)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A configured workspace without orders, which the pages open too; no worker runs beside it."""
    monkeypatch.setenv("AUTOPURCHASE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(keeper, "keep_worker", lambda opened: None)
    st.cache_data.clear()
    st.cache_resource.clear()
    sqlite_url(f"sqlite:///{tmp_path / 'home' / 'autopurchase.db'}")
    opened = wiring.open_workspace()
    seed.empty(opened.context.db, opened.context.vault)
    yield opened
    st.cache_resource.clear()
    opened.close()


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The same with lines in every state."""
    monkeypatch.setenv("AUTOPURCHASE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(keeper, "keep_worker", lambda opened: None)
    st.cache_data.clear()
    st.cache_resource.clear()
    sqlite_url(f"sqlite:///{tmp_path / 'home' / 'autopurchase.db'}")
    opened = wiring.open_workspace()
    seed.fill(opened.context.db, opened.context.vault, count=60)
    yield opened
    st.cache_resource.clear()
    opened.close()
