"""The public Python API on a real workspace, worker and marketplace."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

import autopurchase as ap
from autopurchase.sandbox import Sandbox

PUBLIC = [
    "AutopurchaseError", "BadInput", "Drifted", "Journal", "LimitReached", "Misuse", "NotAllowed", "NotSent",
    "NotSupported", "Plan", "Refused", "Run", "SessionRefused", "Table", "Unknown", "Workspace", "connect",
]  # fmt: skip
METHODS = [
    "accept", "amend", "backlog", "bind", "bind_of", "cancel", "cancel_of", "causes", "change_status", "close",
    "comment", "compare", "customer_answered", "demo_pay", "desk", "free_ghost", "home", "import_file",
    "import_orders", "join", "journal", "leave", "lines", "make_demo", "make_ready", "mapping", "pay_list", "plan",
    "plan_of", "purchased", "put_right", "rates", "ready", "ready_numbers", "reports", "run", "sessions", "settle",
    "sources", "split", "status", "sync", "tag", "take_back", "trend", "unbind", "wait", "weekly", "workers", "working",
]  # fmt: skip


def taobao(shop: ap.Workspace, count: int) -> list[str]:
    """Numbers of ready lines at Taobao."""
    return [str(number) for number in shop.ready(provider="taobao").column("number")[:count]]


# ---------------------------------------------------------------- what is promised


def test_the_public_names_are_these() -> None:
    assert ap.__all__ == PUBLIC
    assert dir(ap) == PUBLIC
    assert all(getattr(ap, name) is not None for name in PUBLIC)
    assert sorted(name for name in dir(ap.Workspace) if not name.startswith("_")) == METHODS


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="weekly"):
        ap.weekly  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, autopurchase; print({'sqlalchemy', 'dbos', 'pandas', 'streamlit'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# ---------------------------------------------------------------- reading


def test_ready_lines_as_a_table(shop: ap.Workspace) -> None:
    frame = shop.ready().to_pandas()
    assert len(frame) == len(shop.ready()) > 20
    assert isinstance(frame.loc[0, "unit_price"], Decimal)
    assert set(frame["unit_price_currency"]) <= {"USD", "EUR", "GBP"}
    assert str(frame["ready_at"].dt.tz) == "UTC"
    assert (frame["sum"] == frame["unit_price"] * frame["quantity"]).all()


def test_an_empty_table_still_has_its_columns(shop: ap.Workspace) -> None:
    empty = shop.ready(customer="nobody of that name")
    assert (len(empty), "number" in empty.to_pandas().columns) == (0, True)
    assert "<table>" in empty._repr_html_()


def test_filters_are_those_of_the_page(shop: ap.Workspace) -> None:
    assert set(shop.ready(provider="alibaba1688").column("provider")) == {"alibaba1688"}
    name = shop.ready()[0]["customer"]
    assert set(shop.ready(customer=name).column("customer")) == {name}
    with pytest.raises(TypeError):
        shop.ready(colour="red")  # type: ignore[call-arg]


# ---------------------------------------------------------------- doing


def test_plan_book_sync(shop: ap.Workspace, market: Sandbox, account: str) -> None:
    numbers = taobao(shop, 4)
    plan = shop.plan(lines=numbers, session="main")
    assert (plan.state, plan.lines.column("number"), len(plan.left_out)) == ("ready", numbers, 0)
    assert market.orders(account=account) == []

    run = plan.book(wait=True)
    assert (run.state, run.counts) == ("done", {"booked": 4})
    placed = market.orders(account=account)
    assert set(run.outcomes.column("provider_order")) == {order["id"] for order in placed}
    assert isinstance(run.outcomes.to_pandas(), pd.DataFrame)

    assert plan.book().number == run.number
    again = shop.plan(lines=numbers, session="main")
    assert not again.bookable
    with pytest.raises(ap.BadInput):
        again.book()
    assert len(market.orders(account=account)) == len(placed)

    market.control("pay", ids=[order["id"] for order in placed])
    (sync,) = shop.sync("main", wait=True)
    assert sync.state == "done"
    assert set(shop.lines(numbers).column("purchase")) == {"bought"}
    assert set(shop.purchased(states=["bought"]).column("number")) == set(numbers)
    assert shop.status()["lines"]["bought"] == 4


def test_a_plan_whose_line_moved_is_refused(shop: ap.Workspace) -> None:
    number = taobao(shop, 1)[0]
    plan = shop.plan(lines=[number], session="main")
    shop.change_status([number], to="Price confirmation")
    with pytest.raises(ap.Drifted, match=number):
        plan.book()


def test_held_lines_return_to_ready(shop: ap.Workspace) -> None:
    number = taobao(shop, 1)[0]
    with pytest.raises(ap.BadInput, match="not held"):
        shop.make_ready([number], reason="because")
    with pytest.raises(ap.BadInput, match="needs a reason"):
        shop.change_status([number], to="cancelled")
    run = shop.change_status([number], to="cancelled", reason="the customer changed their mind")
    assert (run.kind, run.out) == ("status", {"lines": 1})
    assert run.changes.column("number") == [number]


def test_the_journal_names_every_call_as_it_can_be_repeated(shop: ap.Workspace) -> None:
    number = taobao(shop, 1)[0]
    shop.change_status([number], to="price_confirmation")
    newest = shop.journal()[0]
    eval(newest.call.replace("price_confirmation", "paid").replace('reason=""', 'reason="back"'), {"shop": shop})  # noqa: S307
    assert number in taobao(shop, 1)
    assert [run.kind for run in shop.journal(kind="import")] == ["import"]
    assert len(shop.journal().to_pandas()) == 3


def test_tolerances_and_filters_of_a_plan(shop: ap.Workspace) -> None:
    with pytest.raises(ap.BadInput, match="is not a tolerance"):
        shop.plan(lines=taobao(shop, 1), session="main", tolerance="a bit")
    with pytest.raises(ap.BadInput, match="at least one line"):
        shop.plan(session="main", all_ready=True, tolerance=None, text="no such goods")
    number = next(line["number"] for line in shop.ready(provider="taobao"))
    assert shop.plan(lines=[number], session="main", tolerance="0%").bookable


# ---------------------------------------------------------------- how it shows itself


def test_what_a_notebook_shows_is_escaped(shop: ap.Workspace, tmp_path: Path) -> None:
    file = tmp_path / "evil.csv"
    item = shop.ready(provider="taobao")[0]
    evil = "<script>alert(1)</script>"
    head = "order_number,line_no,provider,item_id,quantity,unit_price,currency,created_at,paid_at,title,customer\n"
    row = f"EVIL-1,1,taobao,{item['item_id']},1,5,USD,2026-01-01,2026-01-02,{evil},{evil}\n"
    file.write_text(head + row, encoding="utf-8")
    shop.import_file(file)
    shown = [
        shop.ready()._repr_html_(),
        shop.plan(lines=["EVIL-1-1"], session="main")._repr_html_(),
        shop.journal()._repr_html_(),
    ]
    assert all(evil not in html for html in shown)
    assert "&lt;script&gt;" in shown[0]


def test_a_run_shows_itself_as_a_cell(shop: ap.Workspace) -> None:
    run = shop.journal(kind="import")[0]
    html = run._repr_html_()
    assert f"In [{run.number}]: shop.import_file(" in html
    assert "orders: 24 new" in html
    assert repr(run).startswith(f"Run {run.number} · import · done")


def test_a_confirmation_stands_for_one_purchase(shop: ap.Workspace, market: Sandbox, account: str) -> None:
    """It is the same for the same plan made again, and dead once something changed: it can stay in a notebook."""
    first, second = taobao(shop, 1), taobao(shop, 2)[1:]
    plan = shop.plan(lines=first, session="main")
    other = shop.plan(lines=second, session="main")
    assert plan.confirmation in repr(plan)
    assert plan.confirmation in plan._repr_html_()
    for wrong in ("", "yes", other.confirmation):
        with pytest.raises(ap.BadInput, match=plan.confirmation):
            plan.book(confirm=wrong)
    assert market.orders(account=account) == []
    again = shop.plan(lines=first, session="main")
    assert again.confirmation == plan.confirmation
    run = again.book(confirm=plan.confirmation, wait=True)
    assert run.counts == {"booked": 1}
    later = shop.plan(lines=first, session="main")
    assert later.confirmation == ""
    assert later.book(confirm=plan.confirmation).number == run.number, "used already: the run it made"
    with pytest.raises(ap.BadInput, match="can be booked"):
        later.book(confirm=later.hash)
    assert len(market.orders(account=account)) == 1
