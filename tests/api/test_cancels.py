"""Cancels in Python: a plan that shows itself, applied once, and the undo of a run."""

from __future__ import annotations

import pytest

import autopurchase as ap


def test_a_run_is_undone_and_a_plan_shows_itself(shop: ap.Workspace) -> None:
    numbers = [str(number) for number in shop.ready(provider="taobao").column("number")[:2]]
    run = shop.plan(numbers, session="main").book(wait=True)
    plan = shop.cancel(numbers, reason="<b>a test</b>")
    assert plan.applicable
    assert set(numbers) == {word for cell in plan.orders.column("lines") for word in cell.split(", ")}
    assert "<b>a" not in plan._repr_html_()
    done = plan.apply(wait=True)
    assert {row["outcome"] for row in done.cancels} == {"cancelled"}
    assert done.call.startswith("shop.cancel(")
    assert plan.apply().number == done.number
    with pytest.raises(ap.BadInput, match="nothing to cancel"):
        run.undo()
    again = shop.plan(numbers, session="main").book(wait=True)
    undo = again.undo("changed our mind").apply(wait=True)
    assert undo.call.startswith(f"shop.run({again.number}).undo(")
    assert undo.out["cancelled"] >= 1
    with pytest.raises(ap.BadInput, match="booked nothing"):
        undo.undo()
