"""The main way, each command a process of its own: connect, import, plan, book, sync, status, verify."""

from __future__ import annotations

from pathlib import Path

import pytest

from autopurchase.engine.alive import workers
from autopurchase.sandbox import Sandbox
from autopurchase.storage.database import Database
from tests.cli.shell import Said, credentials, orders_file, run


def test_from_an_empty_folder_to_bought_lines(market: Sandbox, tmp_path: Path) -> None:
    home = tmp_path / "home"
    file = credentials(market, "taobao", "way", tmp_path)
    words = ("--provider", "taobao", "--name", "main", "--credentials", str(file), "--base-url", market.base_url)
    added = run(home, "session", "add", *words)
    assert (added.code, added.err) == (0, "")
    assert "Session main is added at Taobao Global" in added.out

    imported = run(home, "import", str(orders_file(market, tmp_path)), "--json")
    assert imported.code == 0
    assert imported.json["orders"] == {"new": 24, "changed": 0, "unchanged": 0, "rejected": 0}
    assert run(home, "import", str(tmp_path / "orders.csv"), "--json").json["lines"]["new"] == 0

    lines = run(home, "ready", "--provider", "taobao", "--json").json["lines"]
    numbers = [line["number"] for line in lines][:6]
    planned = run(home, "plan", "--session", "main", "--lines", ",".join(numbers), "--json")
    assert planned.code == 0
    assert [line["number"] for line in planned.json["lines"]] == numbers
    assert planned.json["totals"][0]["minor"] == sum(line["sum"]["minor"] for line in planned.json["lines"]) + _freight(
        planned
    )
    assert market.orders(account="way") == []

    booked = run(home, "book", "--plan", planned.json["plan"], "--yes", "--wait", "--json")
    assert (booked.code, booked.json["counts"]["booked"]) == (0, 6)
    placed = market.orders(account="way")
    assert {row["provider_order"] for row in booked.json["outcomes"]} == {order["id"] for order in placed}

    again = run(home, "book", "--plan", planned.json["plan"], "--yes", "--wait", "--json")
    assert (again.code, again.json["run"]) == (0, booked.json["run"])
    assert len(market.orders(account="way")) == len(placed)

    market.control("pay", ids=[placed[0]["id"]])
    assert run(home, "sync", "--all", "--wait", "--json").json["runs"][0]["state"] == "done"
    status = run(home, "status", "--json").json
    assert status["lines"]["bought"] >= 1
    assert (status["unknown"], status["orphans"], status["over_booked"]) == (0, 0, 0)
    assert run(home, "verify", "--json").json == {"ok": True, "differences": []}
    assert workers(Database(f"sqlite:///{home / 'autopurchase.db'}"), home) == 0


def _freight(planned: Said) -> int:
    """What the plan's total holds beside the goods, which must not be less than nothing."""
    goods = sum(line["sum"]["minor"] for line in planned.json["lines"])
    freight: int = planned.json["totals"][0]["minor"] - goods
    assert freight >= 0
    return freight


@pytest.mark.parametrize("words", [("--help",), ("session", "--help"), ("book", "--help")])
def test_help_is_there(words: tuple[str, ...], tmp_path: Path) -> None:
    said = run(tmp_path / "home", *words)
    assert (said.code, said.err) == (0, "")
    assert not (tmp_path / "home").exists()
