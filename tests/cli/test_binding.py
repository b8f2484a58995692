"""Binding to orders made by hand, and what is done to single lines, at the command line."""

from __future__ import annotations

from pathlib import Path

from autopurchase.sandbox import Item, Sku
from tests.cli.conftest import Shell
from tests.cli.test_words import refused
from tests.support.by_hand import buy


def goods(shell: Shell, number: str) -> tuple[Item, Sku, int]:
    """What a ready line wants: item, sku, pieces."""
    (line,) = [row for row in shell("ready", "--json").json["lines"] if row["number"] == number]
    item = next(one for one in shell.market.catalogue() if one.item_id == line["item_id"])
    titles = {" ".join(value for _, value in sku.options_en): sku for sku in item.skus}
    sku = next(sku for words, sku in titles.items() if all(word in line["configuration"] for word in words.split()))
    return item, sku, line["quantity"]


def order(shell: Shell, *picks: tuple[Item, Sku, int]) -> str:
    return buy(shell.market, "taobao", shell.account, picks)


def test_the_match_is_shown_first_and_bound_with_yes(shell: Shell, tmp_path: Path) -> None:
    shell.connect()
    shell.import_orders()
    first, second, third = shell.numbers()[:3]
    one, other = order(shell, goods(shell, first)), order(shell, goods(shell, second))
    dry = shell("bind", "--session", "main", "--provider-order", one, "--lines", first, "--json")
    assert (dry.code, dry.json["run"], dry.json["bound"]) == (0, None, [])
    assert [(row["number"], row["provider_order"]) for row in dry.json["lines"]] == [(first, one)]
    assert "Nothing was bound" in shell("bind", "--plan", dry.json["plan"]).out
    done = shell("bind", "--plan", dry.json["plan"], "--yes", "--json")
    assert (done.code, done.json["bound"]) == (0, [first])
    assert shell("bind", "--plan", dry.json["plan"], "--yes", "--json").json["run"] == done.json["run"]
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"provider_order,line\n{other},{third}\n{one},{second}\n", encoding="utf-8")
    words = ("bind", "--session", "main", "--file", str(pairs), "--yes", "--json")
    said = shell(*words)
    assert (said.code, said.json["run"]) == (1, None)
    assert {row["provider_order"] for row in said.json["refused"]} == {one}
    assert [row["fit"] for row in said.json["lines"]] == ["mismatch"]
    accepted = shell(*words, "--accept-differences", "the customer took the other model")
    assert (accepted.code, accepted.json["bound"]) == (1, [third])
    assert shell("status", "--json").json["lines"]["booked"] == 2
    assert shell("verify", "--json").code == 0


def test_what_is_typed_wrongly(shell: Shell) -> None:
    shell.connect()
    refused(shell("bind", "--provider-order", "1234567", "--json"), 2, "--session")
    refused(shell("bind", "--session", "main", "--json"), 2, "--provider-order")
    refused(shell("bind", "--session", "main", "--provider-order", "2.92E+18", "--json"), 2, "Not understood")
    said = shell("bind", "--session", "main", "--provider-order", "1234567890", "--yes")
    assert said.code == 1
    assert "has no order" in said.out


def test_lines_are_split_joined_changed_and_commented(shell: Shell) -> None:
    shell.import_orders()
    numbers = {row["number"]: row["quantity"] for row in shell("ready", "--json").json["lines"]}
    number, count = next((number, count) for number, count in numbers.items() if count > 1)
    refused(shell("line", "split", number, "--parts", "x", "--json"), 2, "whole numbers")
    refused(shell("line", "split", number, "--parts", f"{count},1", "--json"), 2, "add up")
    made = shell("line", "split", number, "--parts", f"{count - 1},1", "--json").json["parts"]
    assert made[0] == number
    assert shell("line", "join", made[1], "--json").json["joined"] == 1
    refused(shell("line", "change", number, "--price", "20", "--json"), 2, "reason")
    said = shell("line", "change", number, "--price", "20", "--reason", "dearer", "--ask-customer", "--json")
    assert said.code == 0
    assert number not in [row["number"] for row in shell("ready", "--json").json["lines"]]
    refused(shell("line", "answer", number, "--json"), 2, "--agreed or --declined")
    assert shell("line", "answer", number, "--agreed", "--json").code == 0
    assert number in [row["number"] for row in shell("ready", "--json").json["lines"]]
    assert shell("line", "change", number, "--take-back", "--json").code == 0
    assert shell("line", "comment", number, "ask about the size", "--json").code == 0
    (row,) = [row for row in shell("ready", "--json").json["lines"] if row["number"] == number]
    assert row["operator_comment"] == "ask about the size"
    assert shell("verify", "--json").code == 0
