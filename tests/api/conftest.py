"""A practice marketplace and a workspace opened as a notebook opens it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import autopurchase as ap
from autopurchase.cli.main import main
from autopurchase.sandbox import Sandbox
from tests.cli.shell import credentials, orders_file
from tests.support.migrated import sqlite_url

_accounts = itertools.count(1)


@pytest.fixture(scope="package")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A marketplace that does everything at once."""
    at_once = {"build_seconds": 0, "cancel_seconds": 0.05, "settle_seconds": 0.05, "cancel_wait_seconds": 0}
    with Sandbox.start(tmp_path_factory.mktemp("market"), **at_once) as found:
        yield found


@pytest.fixture
def shop(market: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ap.Workspace]:
    """A workspace with the session ``main`` at Taobao and orders; `account_of` says which account it is."""
    monkeypatch.setenv("AUTOPURCHASE_HOME", str(tmp_path / "home"))
    sqlite_url(f"sqlite:///{tmp_path / 'home' / 'autopurchase.db'}")
    account = f"api-{next(_accounts)}"
    file = credentials(market, "taobao", account, tmp_path)
    words = ["--provider", "taobao", "--name", "main", "--credentials", str(file), "--base-url", market.base_url]
    assert main(["session", "add", *words]) == 0
    (tmp_path / "account").write_text(json.dumps(account), encoding="utf-8")
    with ap.connect() as found:
        assert found.import_file(orders_file(market, tmp_path)).state == "done"
        yield found


@pytest.fixture
def account(shop: ap.Workspace) -> str:
    """The shop's own account at the market."""
    return str(json.loads((shop.home.parent / "account").read_text(encoding="utf-8")))
