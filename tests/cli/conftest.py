"""A market for all commands, and a workspace with a session each and orders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autopurchase.cli.main import main
from autopurchase.sandbox import Sandbox
from tests.cli.shell import Said, credentials, orders_file
from tests.support.migrated import sqlite_url
from tests.support.processes import Child

_accounts = itertools.count(1)


@pytest.fixture(scope="package")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A practice marketplace that does everything at once."""
    at_once = {"build_seconds": 0, "cancel_seconds": 0.05, "settle_seconds": 0.05, "cancel_wait_seconds": 0}
    with Sandbox.start(tmp_path_factory.mktemp("market"), **at_once) as found:
        yield found


@dataclass
class Shell:
    """Commands on one workspace, carried out in this process. ``account``: its own at the market."""

    home: Path
    market: Sandbox
    account: str
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Said:
        """Carry out a command."""
        self.capsys.readouterr()
        code = main(words)
        said = self.capsys.readouterr()
        return Said(code, said.out, said.err)

    def connect(self, provider: str = "taobao", name: str = "main", base_url: str = "", **more: object) -> Said:
        """Add a session of this workspace's account."""
        file = credentials(self.market, provider, self.account, self.home.parent, **more)
        base = base_url or self.market.base_url
        words = ("--provider", provider, "--name", name, "--credentials", str(file), "--base-url", base)
        return self("session", "add", *words, "--json")

    def import_orders(self, count: int = 24) -> Said:
        """Import so many orders."""
        return self("import", str(orders_file(self.market, self.home.parent, count)), "--json")

    def numbers(self, provider: str = "taobao") -> list[str]:
        """Ready lines of a provider."""
        return [line["number"] for line in self("ready", "--provider", provider, "--json").json["lines"]]

    def faults(self, *rules: dict[str, object]) -> None:
        """What goes wrong at the market for this account, from now on."""
        self.market.control("faults", rules=[{"account": self.account, **rule} for rule in rules])


@pytest.fixture
def untouched(
    tmp_path: Path, market: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """Commands where no workspace is yet."""
    home = tmp_path / "home"
    monkeypatch.setenv("AUTOPURCHASE_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    yield Shell(home, market, f"shell-{next(_accounts)}", capsys)
    market.control("faults", rules=[])


@pytest.fixture
def shell(untouched: Shell) -> Shell:
    """Commands on a new, empty workspace."""
    sqlite_url(f"sqlite:///{untouched.home / 'autopurchase.db'}")
    return untouched


@pytest.fixture
def children() -> Iterator[list[Child]]:
    """Processes that a test puts here are ended after it, however it went."""
    found: list[Child] = []
    yield found
    for child in found:
        child.stop()
