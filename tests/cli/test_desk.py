"""The desk at the command line: compare, read, and put right."""

from __future__ import annotations

from tests.cli.conftest import Shell
from tests.cli.test_words import refused
from tests.support import by_hand


def test_an_order_made_by_hand_shows_until_somebody_says_that_it_is_right(shell: Shell) -> None:
    shell.connect()
    said = shell("desk", "--json")
    assert (said.code, said.json["rows"], said.json["compared"][0]["compared_at"]) == (0, [], None)
    goods = [(i, s) for i in shell.market.catalogue() if i.market == "taobao" for s in i.skus if s.stock > 500]
    picks = [(*goods[0], goods[0][0].minimum)]
    old, young = (by_hand.buy(shell.market, "taobao", shell.account, picks) for _ in range(2))
    shell.market.control("age", ids=[old], seconds=3600)
    said = shell("desk", "--refresh", "--wait", "--json")
    (row,) = said.json["rows"]
    assert (said.code, said.json["counts"], said.json["young"]) == (0, {"orphan": 1}, [young])
    assert (row["kind"], row["provider_order"], row["actions"]) == ("orphan", old, "bind, leave")
    assert said.json["compared"][0]["compared_at"]
    assert shell("status", "--json").json["orphans"] == 1
    told = shell("desk").out
    assert "Bound to nothing" in told
    assert "No line of ours" in told
    assert shell("desk", "leave", row["key"], "--note", "bought outside", "--json").code == 0
    assert "Nothing differs." in shell("desk").out
    assert shell("status", "--json").json["orphans"] == 0
    refused(shell("desk", "cancel", row["key"], "--json"), 2, "no longer on the desk")
    refused(shell("desk", "--session", "nobody", "--json"), 2, "no session")
    refused(shell("desk", "--wait", "--json"), 2, "--refresh")
    assert shell("verify").code == 0
