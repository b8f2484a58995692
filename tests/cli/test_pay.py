"""The pay list from the command line and in Python; a cell's call can be called again."""

from __future__ import annotations

import pytest

import autopurchase as ap
from tests.cli.conftest import Shell
from tests.cli.test_words import refused


def test_orders_are_approved_and_their_pages_fetched(shell: Shell) -> None:
    shell.connect()
    shell.import_orders()
    shell("book", "--session", "main", "--lines", ",".join(shell.numbers()[:3]), "--yes", "--wait")
    shell("sync", "--wait")
    said = shell("pay", "list", "--json").json
    numbers = [row["order"] for row in said["orders"]]
    assert [row["approval"] for row in said["orders"]] == ["waiting"] * len(numbers)
    assert said["sessions"][0]["total"]["minor"] == sum(row["amount"]["minor"] for row in said["orders"])
    assert numbers[0] in shell("pay", "list").out

    refused(shell("pay", "approve", "--json"), 2, "--orders NUMBERS, or --all")
    refused(shell("pay", "approve", "--all", "--json"), 2, "add --yes")
    refused(shell("pay", "links", "--wait", "--json"), 2, "No unpaid order is approved")
    said = shell("pay", "approve", "--orders", numbers[0], "--yes", "--json")
    assert (said.code, said.json["approved"]) == (0, 1)
    assert shell("pay", "approve", "--all", "--yes", "--json").json["approved"] == len(numbers) - 1
    said = shell("pay", "links", "--wait", "--json")
    assert said.code == 0
    (page,) = said.json["pages"]
    assert (page["count"], page["orders"]) == (len(numbers), numbers)
    assert page["url"] in shell("pay", "links", "--wait").out
    assert page["url"] not in shell("pay", "list", "--csv").out

    with ap.connect(shell.home) as shop:
        (cell,) = [run for run in shop.journal(kind="approve") if numbers[0] in run.call and run.out["approved"] == 1]
        assert eval(cell.call, {"shop": shop}).out["approved_already"] == 1  # noqa: S307 - our own words
        assert page["url"] not in shop.pay_list().pages()._repr_html_()
        assert shop.pay_list(approval="approved", expiring="24h").column("order") == numbers
        with pytest.raises(ap.Drifted):
            shop.pay_list().approve({numbers[0]: "0.01"})
        with pytest.raises(ap.BadInput, match="not one of"):
            shop.pay_list(expiring="soon")
    assert shell("pay", "withdraw", "--orders", numbers[0], "--json").json["withdrawn"] == 1
    assert len(shell("pay", "list", "--approved", "--json").json["orders"]) == len(numbers) - 1
    assert shell("verify").code == 0
