"""Ready for purchase: picks are line numbers, filters are in the address, Book asks for a plan and commits it once."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from autopurchase.domain.errors import BadInput
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import lines, plan
from autopurchase.storage import plans, runs, schema, views
from autopurchase.storage.views import ReadyFilter
from autopurchase.ui import drawer, ready
from autopurchase.ui.picking import Pick
from autopurchase.wiring import Workspace
from tests.support.pages import click_rows, open_app, sound

PAGE = "pages/operate/ready.py"
ANNA = Actor("anna", Role.OPERATOR)


def open_ready(**query: str) -> AppTest:
    """The ready page, with these filters in the address."""
    app = open_app().switch_page(PAGE)
    for key, value in query.items():
        app.query_params[key] = value
    return sound(app.run())


def shown(app: AppTest) -> list[str]:
    """Line numbers in the table, in order."""
    return list(app.dataframe[0].value.index)


def tick(app: AppTest, rows: list[int]) -> AppTest:
    """Tick exactly the rows at these positions."""
    return click_rows(app, f"ready.table.{app.session_state['ready.drawn']}", rows)


def picked(app: AppTest) -> list[str]:
    """Numbers of the picked lines."""
    picks: dict[str, Pick] = app.session_state["ready.picks"]
    return sorted(picks)


def hold(workspace: Workspace, numbers: Sequence[str]) -> None:
    """Somebody else takes these lines out of the list."""
    seen = lines.versions(workspace.context, list(numbers))
    lines.change_status(workspace.context, ANNA, seen, lines.LineStatus.CANCELLED, "asked by the customer")


def test_picks_survive_a_filter_that_hides_them(full: Workspace) -> None:
    app = tick(open_ready(), [0, 2])
    chosen = picked(app)
    app.text_input(key="ready_text").set_value("no such goods").run()
    assert not app.exception
    assert picked(app) == chosen
    app.text_input(key="ready_text").set_value("").run()
    assert picked(app) == chosen
    rows = app.session_state["ready.preset"]
    assert sorted(shown(app)[row] for row in rows) == chosen


def test_a_refresh_that_removes_rows_keeps_the_same_lines_and_names_what_is_gone(full: Workspace) -> None:
    app = tick(open_ready(), [1, 3])
    gone, kept = shown(app)[1], shown(app)[3]
    hold(full, [shown(app)[0], gone])
    sound(app.run())
    assert picked(app) == [kept]
    assert any(gone in warning.value for warning in app.warning)
    assert [shown(app)[row] for row in app.session_state["ready.preset"]] == [kept]


def test_an_event_of_the_table_as_it_was_is_not_applied_to_other_rows(full: Workspace) -> None:
    app = open_ready()
    old_key, first = f"ready.table.{app.session_state['ready.drawn']}", shown(app)[0]
    hold(full, [first])
    click_rows(app, old_key, [0])
    assert picked(app) == []


def test_a_click_reads_no_line_again_until_something_happened(full: Workspace) -> None:
    app = open_ready()
    asked: list[str] = []
    engine = ready.context().db.engine
    sa.event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_more: asked.append(statement))
    tick(app, [0])
    assert [statement for statement in asked if "FROM line" in statement] == []
    hold(full, [shown(app)[5]])
    asked.clear()
    sound(app.run())
    assert [statement for statement in asked if "FROM line" in statement]


def test_a_search_that_did_not_look_at_every_line_says_so(full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "NEAR", 5)
    assert any("looked at 5 lines only" in caption.value for caption in open_ready(ready_text="a").caption)
    assert not any("lines only" in caption.value for caption in open_ready().caption)


def test_undo_brings_back_the_picks_before_the_last_change(full: Workspace) -> None:
    app = tick(open_ready(), [0, 1])
    before = picked(app)
    tick(app, [])
    assert picked(app) == []
    sound(app.button(key="pick-undo").click().run())
    assert picked(app) == before


def test_all_lines_of_a_filter_are_picked_by_the_database(full: Workspace) -> None:
    app = open_ready(ready_provider="taobao")
    sound(app.button(key="pick-all").click().run())
    with full.context.db.read() as connection:
        wanted = views.ready_picks(connection, ReadyFilter(provider="taobao"))
    assert picked(app) == sorted(row["number"] for row in wanted)


def test_filters_come_from_the_address(full: Workspace) -> None:
    number = shown(open_ready())[0]
    assert shown(open_ready(ready_text=number)) == [number]
    assert set(open_ready(ready_lines="held", ready_cause="out_of_stock").dataframe[0].value["why"]) == {"Out of stock"}


def test_a_price_ceiling_counts_in_the_line_s_own_currency(full: Workspace) -> None:
    table = open_ready(ready_price="50").dataframe[0].value
    assert max(float(price.replace("\u2007", "").replace(",", "")) for price in table["price"]) <= 50


def test_what_is_no_price_is_said_and_not_applied(full: Workspace) -> None:
    app = open_ready(ready_price="cheap")
    assert any("is not a price" in caption.value for caption in app.caption)


def test_one_subtotal_a_currency_never_one_sum(full: Workspace) -> None:
    app = open_ready()
    sound(app.button(key="pick-all").click().run())
    with full.context.db.read() as connection:
        rows = views.ready_picks(connection, ReadyFilter())
    tally = next(item.value for item in app.markdown if "lines picked" in item.value)
    assert all(code in tally for code in {row["currency"] for row in rows})


def test_book_asks_for_a_plan_of_the_session_s_marketplace_only(full: Workspace) -> None:
    app = open_ready()
    sound(app.button(key="pick-all").click().run())
    app.button(key="book").click().run()
    view = plan.read(full.context, app.session_state[drawer.OPEN])
    with full.context.db.read() as connection:
        providers = {row["number"]: row["provider"] for row in views.ready_picks(connection, ReadyFilter())}
    provider = "taobao" if view.session.startswith("taobao") else "alibaba1688"
    assert set(view.params["lines"]) == {number for number, own in providers.items() if own == provider}
    assert view.state == "queued"


def freeze(workspace: Workspace, token: str, numbers: Sequence[str], *, apart: bool = False) -> None:
    """What the worker's check would leave: one purchase of these lines, or one each."""
    with workspace.context.db.write() as tx:
        rows = lines.lines.find(tx, numbers)
        found = [
            {
                "number": row["number"], "version": row["version"], "order_id": row["order_id"], "title": row["title"],
                "configuration": row["configuration"], "quantity": row["open_quantity"], "price_fen": 1000,
                "seen_fen": 900, "item_id": row["item_id"], "sku_id": "", "spec_id": "", "prepared": {},
            }
            for row in rows.values()
        ]  # fmt: skip
        purchase = {
            "seller_id": "s", "seller_name": "Seller", "orders": [], "goods_fen": 1000,
            "freight_fen": 0, "total_fen": 1000, "prepared": {}, "warnings": [],
        }  # fmt: skip
        parts = [[line] for line in found] if apart else [found]
        purchases = [purchase | {"lines": part} for part in parts]
        left_out = [{"number": "9-9", "cause": "out_of_stock", "sentence": "Wait."}]
        body = {
            "purchases": purchases, "left_out": left_out, "warnings": [], "totals": {"CNY": 1000}, "blocked": "",
        }  # fmt: skip
        plan_id = plans.get(tx, token)["id"]
        plans.change(tx, plan_id, state="ready", body=body, hash="h", ready_at=workspace.context.now())


def test_confirming_queues_one_run_and_takes_its_lines_out_of_the_picks(full: Workspace) -> None:
    app = tick(open_ready(ready_provider="taobao"), [0, 1])
    chosen = picked(app)
    app.button(key="book").click().run()
    token = app.session_state[drawer.OPEN]
    freeze(full, token, chosen[:1])
    sound(app.run())
    assert any("1 line is left out" in item.value for item in app.markdown)
    sound(app.button(key="confirm").click().run())
    view = plan.read(full.context, token)
    assert view.state == "applied"
    assert view.run_id is not None
    with full.context.db.read() as connection:
        assert runs.get(connection, view.run_id)["params"]["lines"] == chosen[:1]
    assert picked(app) == chosen[1:]
    assert drawer.OPEN not in app.session_state
    assert any(f"run {view.run_id}" in toast.value for toast in app.toast)


def test_what_somebody_else_changed_meanwhile_is_named_and_nothing_is_booked(full: Workspace) -> None:
    app = tick(open_ready(ready_provider="taobao"), [0])
    app.button(key="book").click().run()
    token = app.session_state[drawer.OPEN]
    number = picked(app)[0]
    freeze(full, token, [number])
    hold(full, [number])
    sound(app.run())
    app.button(key="confirm").click().run()
    assert plan.read(full.context, token).run_id is None
    assert any(number in error.value and "anna" in error.value for error in app.error)


def test_what_a_session_has_no_room_for_is_said_before_booking_and_another_is_offered(full: Workspace) -> None:
    """A person takes the other session, or books and has the rest wait."""
    now = datetime.now(UTC)
    sent = {"sent_at": now, "state": "confirmed"}
    with full.context.db.write() as tx:
        first = sa.select(sa.func.min(schema.booking.c.id)).scalar_subquery()
        tx.execute(sa.update(schema.booking).where(schema.booking.c.id == first).values(**sent))
        waiting = (schema.booking.c.state == "queued") & (schema.booking.c.session_id == 1)
        tx.execute(sa.update(schema.booking).where(waiting).values(state="refused"))
        tx.execute(sa.update(schema.session).where(schema.session.c.name == "taobao-1").values(daily_cap=2))
    app = tick(open_ready(ready_provider="taobao"), [0, 1])
    assert any("1/2 booked today" in caption.value for caption in app.caption)
    assert app.button(key="session-suggested").label == "taobao-2 has no cap"
    app.button(key="book").click().run()
    token = app.session_state[drawer.OPEN]
    freeze(full, token, picked(app), apart=True)
    sound(app.run())
    assert any("1 of 2 will be sent today" in warning.value for warning in app.warning)
    assert "taobao-2" in app.button(key="plan-elsewhere").label
    app = tick(open_ready(ready_provider="taobao"), [0, 1])
    sound(app.button(key="session-suggested").click().run())
    assert app.selectbox(key="ready_session").value == "taobao-2"


def test_held_lines_return_to_ready_with_a_reason(full: Workspace) -> None:
    app = tick(open_ready(ready_lines="held"), [0])
    number = picked(app)[0]
    next(button for button in app.button if button.label == "Return to ready").click().run()
    app.text_input(key="ready-reason").set_value("the seller has it again")
    app.button(key="return-confirm").click().run()
    with full.context.db.read() as connection:
        assert views.line_states(connection, [number])[0]["purchase"] == "ready"


@pytest.mark.parametrize(("written", "fraction"), [("5", "0.05"), ("", None), ("2,5 %", "0.025")])
def test_a_tolerance_is_read_as_people_write_it(written: str, fraction: str | None) -> None:
    (found,) = drawer.fraction(written)
    assert (None if found is None else str(found)) == fraction


@pytest.mark.parametrize("written", ["five", "-1", "inf"])
def test_what_is_no_tolerance_is_refused(written: str) -> None:
    with pytest.raises(BadInput, match="percentage"):
        drawer.fraction(written)
