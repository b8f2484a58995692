"""Binding, splitting and changing lines from a notebook."""

from __future__ import annotations

import pytest

import autopurchase as ap
from autopurchase.sandbox import Sandbox
from tests.support.by_hand import buy


def test_a_bind_shows_itself_and_binds(shop: ap.Workspace, market: Sandbox, account: str) -> None:
    line = shop.ready(provider="taobao")[0]
    item = next(one for one in market.catalogue() if one.item_id == line["item_id"])
    order = buy(market, "taobao", account, [(item, item.skus[0], line["quantity"])])
    plan = shop.bind(f"{order} {line['number']}", session="main")
    assert plan.lines.column("number") == [line["number"]]
    assert line["number"] in plan._repr_html_()
    run = plan.bind(accept="as agreed")
    assert run.out["bound"] == 1
    assert run.call.startswith("shop.bind(")
    assert plan.bind().number == run.number


def test_text_that_is_no_number_is_refused(shop: ap.Workspace) -> None:
    with pytest.raises(ap.BadInput, match="Not understood"):
        shop.bind("order no 12", session="main")
