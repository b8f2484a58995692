"""A workspace with accounts to make pasts in; each past is taken back, so that the next one begins with nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase import wiring
from autopurchase.demo import history
from autopurchase.demo.history import Accounts, Shape
from autopurchase.reports import Basis
from autopurchase.services.context import Context
from tests.support import seed
from tests.support.migrated import sqlite_url

#: when pasts end: a Wednesday
END = datetime(2026, 11, 25, 12, 7, tzinfo=UTC)


@dataclass
class Archive:
    """An empty workspace with sessions and sources."""

    workspace: wiring.Workspace
    accounts: Accounts

    @property
    def ctx(self) -> Context:
        """What services take."""
        return self.workspace.context

    @contextmanager
    def past(self, **shape: Any) -> Iterator[sa.Connection]:
        """A past, on a connection that sees it; it is gone afterwards."""
        with self.ctx.db.engine.connect() as connection:
            transaction = connection.begin()
            history.make(connection, Shape(**{"end": END, **shape}), self.accounts)
            yield connection
            transaction.rollback()

    def keep(self, **shape: Any) -> None:
        """A past that stays."""
        with self.ctx.db.write() as tx:
            history.make(tx, Shape(**{"end": END, **shape}), self.accounts)

    def basis(self, **values: Any) -> Basis:
        """What figures of its pasts are based on."""
        return Basis(**{"as_of": END, **values})


def open_archive(home: Path, url: str) -> Archive:
    """An empty workspace."""
    opened = wiring.open_workspace({"AUTOPURCHASE_HOME": str(home), "AUTOPURCHASE_DATABASE_URL": sqlite_url(url)})
    made = seed.Seed(END)
    with opened.context.db.write() as tx:
        seed._accounts(tx, made, opened.context.vault)
        second = {"name": "second", "kind": "file", "config_sealed": "", "created_at": END}
        source = seed.source
        other = int(tx.execute(sa.insert(source).values(second).returning(source.c.id)).scalar_one())
    sessions = {
        "taobao": [made.sessions["taobao-1"], made.sessions["taobao-2"]],
        "alibaba1688": [made.sessions["1688-1"], made.sessions["1688-2"]],
    }
    return Archive(opened, Accounts(sessions, [made.source, other]))


@pytest.fixture
def archive(tmp_path: Path, database_url: str) -> Iterator[Archive]:
    """Once on each database."""
    found = open_archive(tmp_path, database_url)
    yield found
    found.workspace.close()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """One for many pasts, on SQLite."""
    home = tmp_path_factory.mktemp("shelf")
    found = open_archive(home, f"sqlite:///{home / 'shelf.db'}")
    yield found
    found.workspace.close()
