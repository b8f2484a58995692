"""Cancelling and unbinding at the command line: a dry plan first, one JSON document, the exit codes."""

from __future__ import annotations

from tests.cli.conftest import Shell


def booked(shell: Shell, count: int, provider: str = "taobao") -> tuple[list[str], int]:
    """Booked lines and their run."""
    numbers = shell.numbers(provider)[:count]
    said = shell("book", "--session", "main", "--lines", ",".join(numbers), "--yes", "--wait", "--json")
    assert said.code == 0, said
    return numbers, int(said.json["run"])


def test_a_dry_plan_then_the_cancel_then_the_undo_of_a_run(shell: Shell) -> None:
    shell.connect()
    shell.import_orders()
    numbers, run = booked(shell, 3)
    dry = shell("cancel", "--lines", numbers[0], "--others", "--json")
    assert (dry.code, dry.json["run"], dry.json["counts"]["cancel"]) == (0, None, 1)
    assert "Nothing was asked" in shell("cancel", "--lines", numbers[0], "--others").out
    assert shell("status", "--json").json["lines"]["booked"] == 3
    done = shell("cancel", "--plan", dry.json["plan"], "--yes", "--wait", "--json")
    assert (done.code, done.json["counts"]["cancelled"]) == (0, 1), done
    assert shell("cancel", "--plan", dry.json["plan"], "--yes", "--json").json["run"] == done.json["run"]
    undone = shell("cancel", "--run", str(run), "--reason", "wrong batch", "--yes", "--wait", "--json")
    assert undone.code == 0, undone
    assert {row["outcome"] for row in undone.json["outcomes"]} == {"cancelled"}
    assert shell("status", "--json").json["lines"].get("booked", 0) == 0
    assert shell("verify", "--json").code == 0


def test_what_may_not_be_cancelled_ends_with_1_and_says_why(shell: Shell) -> None:
    shell.connect()
    shell.import_orders()
    numbers, _ = booked(shell, 1)
    shell.faults({"kind": "cancel_refused", "on": "cancel"})
    said = shell("cancel", "--lines", numbers[0], "--yes", "--wait", "--json")
    assert (said.code, said.json["counts"]["refused"]) == (1, 1)
    assert "cannot be cancelled" in said.json["outcomes"][0]["sentence"]
    assert shell("cancel", "--lines", shell.numbers()[0], "--json").code == 2
    assert shell("cancel", "--lines", numbers[0], "--run", "1", "--json").code == 2


def test_unbinding_needs_a_reason_and_leaves_the_order(shell: Shell) -> None:
    shell.connect()
    shell.import_orders()
    numbers, _ = booked(shell, 1)
    assert shell("unbind", "--lines", numbers[0], "--json").code == 2
    said = shell("unbind", "--lines", numbers[0], "--reason", "bought elsewhere", "--json")
    assert (said.code, said.json["held"], said.json["orders_left_alone"]) == (0, 1, 1)
