"""Binding, splitting, changing and commenting picked lines: what the dialogs say, and what they do."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from autopurchase.domain.money import Money
from autopurchase.domain.provider_order import ProviderLine, ProviderOrder, ProviderState
from autopurchase.services import plan
from autopurchase.services.plan import PlanView
from autopurchase.storage import lines as stored
from autopurchase.storage import plans, provider_orders, schema
from autopurchase.ui import bind, drawer
from autopurchase.wiring import Workspace
from tests.pages.test_ready import freeze, open_ready, picked, shown, tick
from tests.support.pages import open_app, sound

ORDER = "2920000000000000001"


def texts(app: AppTest, kind: str) -> str:
    """Everything of one kind that the page says."""
    return " | ".join(str(item.value) for item in getattr(app, kind))


def line(workspace: Workspace, number: str) -> dict[str, Any]:
    with workspace.context.db.read() as tx:
        return dict(stored.find(tx, [number])[number])


def asked(app: AppTest, workspace: Workspace) -> PlanView:
    """The plan that the drawer is about."""
    return plan.read(workspace.context, app.session_state[bind.OPEN]["token"])


def found(workspace: Workspace, token: str, fits: dict[str, tuple[str, list[int]]]) -> None:
    """What the worker's check would leave: the order read and stored, each line with its fit and parts."""
    now = workspace.context.now()
    rows = [line(workspace, number) for number in fits]
    theirs = tuple(
        ProviderLine(f"{place}", row["item_id"], row["sku_id"], quantity=row["open_quantity"],
                     state=ProviderState.UNPAID, amount=Money(1000, "CNY"), title="夹克")
        for place, row in enumerate(rows)
    )  # fmt: skip
    with workspace.context.db.write() as tx:
        made = plans.get(tx, token)
        reading = ProviderOrder(ORDER, ProviderState.UNPAID, "wait", lines=theirs)
        kept = provider_orders.store(tx, made["session_id"], reading, now)
        body = {
            "rows": [_row(row, kept, place, *fits[row["number"]]) for place, row in enumerate(rows)],
            "orders": [{"provider_order": ORDER, "free": 9}],
            "refused": [{"provider_order": "1234567", "cause": "no_such_order", "sentence": "There is no such order."}],
            "left_out": [],
            "candidates": [],
            "blocked": "",
        }
        plans.change(tx, made["id"], state="ready", body=body, hash="h", ready_at=now)


def _row(row: dict[str, Any], kept: provider_orders.Stored, place: int, fit: str, parts: list[int]) -> dict[str, Any]:
    wrong = [{"what": "item", "ours": "1", "theirs": "2", "serious": True}] if fit == "mismatch" else []
    return {
        "number": row["number"], "version": row["version"], "title": row["title"], "configuration": "", "stands": "",
        "pieces": row["open_quantity"], "item_id": "", "choice": "", "provider_order": ORDER, "order_key": kept.id,
        "order_state": "unpaid", "line_key": kept.line_ids[str(place)], "their_title": "夹克", "their_item_id": "2",
        "their_choice": "", "their_sku_id": "", "their_spec_id": "", "free": row["open_quantity"], "seen_fen": 900,
        "price_fen": 1000, "seller": "", "fit": fit, "differences": wrong, "split": parts,
    }  # fmt: skip


def matched(full: Workspace, fits: dict[int, tuple[str, list[int]]]) -> tuple[AppTest, list[str]]:
    """The drawer with a check's outcome for the picked rows of the table."""
    app = tick(open_ready(ready_provider="taobao"), list(fits))
    numbers = [shown(app)[place] for place in fits]
    sound(app.button(key="bind-picked").click().run())
    app.text_area(key="bind-orders").set_value(f"https://x.example/order?orderId={ORDER} {numbers[0]}")
    sound(app.button(key="bind-match").click().run())
    view = asked(app, full)
    assert (view.state, view.params["orders"]) == ("queued", [ORDER])
    assert view.params["pairs"] == {numbers[0]: [ORDER]}
    assert sorted(view.params["lines"]) == sorted(numbers)
    found(full, view.token, dict(zip(numbers, fits.values(), strict=True)))
    return sound(app.run()), numbers


def test_what_fits_is_picked_and_the_rest_needs_a_reason(full: Workspace) -> None:
    app, numbers = matched(full, {0: ("fits", []), 1: ("mismatch", [])})
    assert "There is no such order" in texts(app, "warning")
    assert app.button(key="bind-confirm").label == "Bind 1 line"
    app.session_state["bind.picks"] = {}
    key = f"bind.table.{app.session_state['bind.drawn']}"
    app.session_state[key] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
    sound(app.run())
    assert "another item" in texts(app, "warning")
    sound(app.button(key="bind-confirm").click().run())
    assert "say the reason" in texts(app, "error")
    app.text_input(key="bind-reason").set_value("the newer model")
    sound(app.button(key="bind-confirm").click().run())
    assert {line(full, number)["purchase"] for number in numbers} == {"booked"}
    assert bind.OPEN not in app.session_state
    assert picked(app) == []
    assert "2 lines bound" in texts(app, "toast")


def test_a_short_line_is_split_and_compared_again(full: Workspace) -> None:
    with full.context.db.write() as tx:
        ready = sa.select(schema.line.c.id).where(schema.line.c.ready, schema.line.c.provider == "taobao")
        tx.execute(sa.update(schema.line).where(schema.line.c.id.in_(ready)).values(quantity=5, open_quantity=5))
    app, (number,) = matched(full, {0: ("short", [3, 2])})
    assert f"{number} needs 5 pieces" in texts(app, "markdown")
    first = app.session_state[bind.OPEN]["token"]
    sound(app.button(key="bind-split").click().run())
    view = asked(app, full)
    assert view.token != first
    assert view.params["lines"][0] == number
    assert len(view.params["lines"]) == 2
    assert line(full, number)["open_quantity"] == 3


def test_what_cannot_be_read_is_told_and_nothing_is_asked_without_a_number(full: Workspace) -> None:
    app = open_ready(ready_provider="taobao")
    sound(app.button(key="bind-picked").click().run())
    assert "No line is picked" in texts(app, "markdown")
    app.text_area(key="bind-orders").set_value("2.92E+18")
    sound(app.button(key="bind-match").click().run())
    assert "2.92E+18" in texts(app, "caption")
    assert "at least one number" in texts(app, "error")
    app.text_area(key="bind-orders").set_value(ORDER)
    sound(app.button(key="bind-match").click().run())
    assert "Choose the session" in texts(app, "error")


def test_a_line_is_split_and_joined(full: Workspace) -> None:
    app = tick(open_ready(ready_provider="taobao"), [0])
    number = picked(app)[0]
    with full.context.db.write() as tx:
        stored.set_fields(tx, line(full, number)["id"], quantity=4, open_quantity=4)
    sound(app.button(key="split-picked").click().run())
    app.text_input(key="split-parts").set_value("3 + x")
    sound(app.button(key="split-confirm").click().run())
    assert "3 + 2" in texts(app, "error")
    sound(app.button(key="split-picked").click().run())
    app.text_input(key="split-parts").set_value("3 + 1")
    sound(app.button(key="split-confirm").click().run())
    assert line(full, number)["open_quantity"] == 3
    assert f"{number} is now {number}, " in texts(app, "toast")
    app = tick(app, [shown(app).index(number)])
    sound(app.button(key="split-picked").click().run())
    sound(app.button(key="split-join").click().run())
    assert line(full, number)["open_quantity"] == 4


def test_a_price_is_changed_the_customer_asked_and_the_answer_given(full: Workspace) -> None:
    app = tick(open_ready(ready_provider="taobao"), [0])
    number = picked(app)[0]
    sound(app.button(key="amend-picked").click().run())
    app.text_input(key="amend-price").set_value("19,90")
    app.checkbox(key="amend-ask").check()
    sound(app.button(key="amend-confirm").click().run())
    assert "needs a reason" in texts(app, "error")
    sound(app.button(key="amend-picked").click().run())
    app.text_input(key="amend-price").set_value("19.90")
    app.text_input(key="amend-reason").set_value("dearer now")
    app.checkbox(key="amend-ask").check()
    sound(app.button(key="amend-confirm").click().run())
    row = line(full, number)
    assert (row["unit_price_minor"], row["status"], row["item_id"]) == (1990, "price_confirmation", row["item_id"])
    page = open_app().switch_page("pages/operate/order.py")
    page.query_params["order"] = number
    sound(page.run())
    table = next(one.value for one in page.dataframe if number in one.value.index)
    assert "changed by us" in table.loc[number, "why"]
    place = list(table.index).index(number)
    page.session_state[f"order-items.table.{page.session_state['order-items.drawn']}"] = {
        "selection": {"rows": [place], "columns": [], "cells": []}
    }
    sound(page.run())
    sound(page.button(key="answer-picked").click().run())
    sound(page.button(key="answer-confirm").click().run())
    assert line(full, number)["status"] == "paid"
    history = next(one.value for one in page.dataframe if "event" in one.value)
    assert any("19" in str(what) for what in history["what"])


def test_a_comment_begins_with_what_was_said_before(full: Workspace) -> None:
    app = tick(open_ready(ready_provider="taobao"), [0])
    number = picked(app)[0]
    for text in ("ask about the size", "size is fine"):
        sound(app.button(key="comment-picked").click().run())
        before = app.text_area(key="comment-text").value
        app.text_area(key="comment-text").set_value(text)
        sound(app.button(key="comment-confirm").click().run())
        assert line(full, number)["operator_comment"] == text
        assert before == ("" if text.startswith("ask") else "ask about the size")
        app = tick(app, [shown(app).index(number)])


def test_what_is_partly_in_stock_is_split_and_planned_again(full: Workspace) -> None:
    app = tick(open_ready(ready_provider="taobao"), [0, 1])
    first, second = picked(app)
    with full.context.db.write() as tx:
        stored.set_fields(tx, line(full, first)["id"], quantity=5, open_quantity=5)
    sound(app.button(key="book").click().run())
    token = app.session_state[drawer.OPEN]
    freeze(full, token, [second])
    with full.context.db.write() as tx:
        made = plans.get(tx, token)
        left = [{"number": first, "cause": "partial_stock", "sentence": "2 in stock, 5 wanted.", "split": 2}]
        plans.change(tx, made["id"], body={**made["body"], "left_out": left})
    sound(app.run())
    sound(app.button(key="split-stock").click().run())
    assert line(full, first)["open_quantity"] == 2
    again = app.session_state[drawer.OPEN]
    assert again != token
    assert sorted(plan.read(full.context, again).params["lines"]) == sorted([first, second])
