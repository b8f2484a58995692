"""``journal``: lists, single cells, notes."""

from tests.cli.conftest import Shell


def test_the_journal_is_listed_shown_and_noted(shell: Shell) -> None:
    shell.connect()
    shell.import_orders(6)
    number = shell.numbers()[0]
    shell("line", "status", number, "--to", "price_confirmation", "--json")
    runs = shell("journal", "list", "--json").json["runs"]
    assert [run["kind"] for run in runs] == ["status", "import"]
    assert [run["number"] for run in shell("journal", "list", "--text", number, "--json").json["runs"]] == [2, 1]
    assert shell("journal", "list", "--kind", "book").out == "No run fits.\n"
    assert shell("journal", "list", "--from", "yesterday").code == 2
    shown = shell("journal", "show", "2", "--json").json
    assert shown["call"].startswith("shop.change_status(")
    assert [row["number"] for row in shown["changes"]] == [number]
    noted = shell("journal", "note", "2", "the price **rose**", "--json").json["notes"]
    assert noted[0]["text"] == "the price **rose**"
    assert "the price **rose**" in shell("journal", "show", "2").out
    (changed,) = shell("journal", "note", "2", "no", "--instead-of", str(noted[0]["id"]), "--json").json["notes"]
    assert (changed["text"], changed["changed"]) == ("no", True)
    assert shell("journal", "note", "2", "", "--instead-of", str(changed["id"])).out == "The cell has no note.\n"
    assert shell("journal", "show", "99").code == 2


def test_the_journal_is_exported(shell: Shell) -> None:
    shell.connect()
    shell.import_orders(3)
    file = shell.home.parent / "day.html"
    said = shell("journal", "export", "--from", "1d", "--out", str(file), "--json").json
    assert said == {"file": str(file), "cells": 1}
    assert b"shop.import_file" in file.read_bytes()
    book = shell.home.parent / "one.ipynb"
    assert shell("journal", "export", "1", "--out", str(book)).code == 0
    assert "if 1 in again:" in book.read_text(encoding="utf-8")
    assert shell("journal", "export", "--kind", "rates", "--out", str(book)).code == 2


def test_causes_of_a_run_and_of_all_lines_that_wait(shell: Shell) -> None:
    shell.connect()
    shell.import_orders(6)
    numbers = shell.numbers()[:3]
    assert shell("report", "causes").out == "No line waits.\n"
    shell.faults({"kind": "refuse", "code": "BUYER_X_17", "message": "请联系小二"})
    run = shell("book", "--session", "main", "--lines", ",".join(numbers), "--yes", "--wait", "--json")
    assert run.code == 1
    found = shell("report", "causes", "--run", str(run.json["run"]), "--json").json
    (row,) = found["causes"]
    assert (row["cause"], row["code"], row["lines"], row["share"]) == ("unexplained", "unknown_refusal", 3, "100.0")
    assert (row["act"], row["retryable"], row["numbers"]) == ("Ask a person", 0, numbers)
    assert (found["lines"], found["explained_percent"]) == (3, "0.0")
    assert "请联系小二" in row["said"]
    told = shell("report", "causes", "--since", "1h").out
    assert "0.0 % explained." in told
    assert "请联系小二" in told
    assert shell("report", "causes", "--csv").out.splitlines()[1].startswith("unexplained,,3,100.0,")
    assert shell("report", "causes", "--run", "1", "--since", "1h").code == 2
