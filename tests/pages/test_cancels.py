"""Cancel at provider, Unbind only and Undo run on the pages: shown first, committed once, told apart."""

import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from autopurchase.storage import schema, views
from autopurchase.ui import cancel_drawer
from autopurchase.wiring import Workspace
from tests.support.pages import click_rows, open_app, sound

PURCHASED, ORDER, JOURNAL = (f"pages/operate/{name}.py" for name in ("purchased", "order", "journal"))


def pick(app: AppTest, name: str, numbers: list[str]) -> AppTest:
    """Tick these lines in the table ``name``."""
    key = f"{name}.table.{app.session_state[f'{name}.drawn']}"
    shown = list(next(table.value for table in app.dataframe if table.key == key).index)
    return click_rows(app, key, [shown.index(number) for number in numbers])


def booked(workspace: Workspace, state: str = "booked") -> list[str]:
    """Lines in this purchase state."""
    with workspace.context.db.read() as tx:
        rows = views.purchased_page(tx, views.PurchasedFilter(states=(state,)), limit=50)
    return [row["number"] for row in rows]


def states(workspace: Workspace, numbers: list[str]) -> set[tuple[str, str]]:
    """The different (purchase state, cause) of lines."""
    with workspace.context.db.read() as tx:
        return {(row["purchase"], row["cause"]) for row in views.line_states(tx, numbers)}


def cancels(workspace: Workspace) -> int:
    """How many cancels were committed."""
    with workspace.context.db.read() as tx:
        return int(tx.execute(sa.select(sa.func.count()).select_from(schema.cancel)).scalar_one())


def newest(workspace: Workspace, kind: str) -> sa.RowMapping:
    """The newest run of this kind."""
    query = sa.select(schema.run).where(schema.run.c.kind == kind).order_by(schema.run.c.id.desc()).limit(1)
    with workspace.context.db.read() as tx:
        return tx.execute(query).mappings().one()


def test_cancel_at_provider_shows_the_plan_and_commits_it_once(full: Workspace) -> None:
    unpaid, paid = booked(full)[:2], booked(full, "bought")[:1]
    app = pick(open_app(PURCHASED), "bought", unpaid + paid)
    sound(app.button(key="cancel-picked").click().run())
    table = next(item.value for item in app.dataframe if "what" in item.value)
    assert [words[0] for words in table["what"]] == ["Cancel", "Cancel", "Left"]
    assert "refund" in list(table["said"])[2]
    assert cancels(full) == 0
    app.text_input(key="cancel-reason").set_value("wrong size")
    sound(app.button(key="cancel-confirm").click().run())
    assert cancels(full) == 2
    assert states(full, unpaid) == {("booked", "cancel_asked")}
    assert not picking_of(app)
    app = open_app(PURCHASED)
    why = next(item.value for item in app.dataframe if "why" in item.value)["why"]
    assert set(why[unpaid]) == {"Cancel asked"}
    assert "wrong size" in newest(full, "cancel")["call"]


def picking_of(app: AppTest) -> dict[str, object]:
    """What is picked on Goods purchased."""
    found: dict[str, object] = app.session_state["bought.picks"]
    return found


def test_unbind_only_needs_a_reason_and_sends_nothing(full: Workspace) -> None:
    numbers = booked(full)[:1]
    app = pick(open_app(PURCHASED), "bought", numbers)
    sound(app.button(key="unbind-picked").click().run())
    assert any("stay at the marketplace" in item.value for item in app.info)
    sound(app.button(key="unbind-confirm").click().run())
    assert any("needs a reason" in item.value for item in app.error)
    app = pick(app, "bought", []) if not picking_of(app) else app
    sound(app.button(key="unbind-picked").click().run())
    app.text_input(key="unbind-reason").set_value("bought elsewhere")
    sound(app.button(key="unbind-confirm").click().run())
    assert states(full, numbers) == {("problem", "unbound")}
    assert cancels(full) == 0


def test_lines_of_an_order_are_picked_on_its_page(full: Workspace) -> None:
    number = booked(full)[0]
    app = open_app().switch_page(ORDER)
    app.query_params["order"] = number
    app = pick(sound(app.run()), "order-items", [number])
    sound(app.button(key="cancel-picked").click().run())
    sound(app.button(key="cancel-confirm").click().run())
    assert states(full, [number]) == {("booked", "cancel_asked")}


def test_a_booking_run_is_undone_from_its_cell(full: Workspace) -> None:
    run = newest(full, "book")["id"]
    app = open_app().switch_page(JOURNAL)
    app.query_params["run"] = str(run)
    sound(app.run())
    sound(app.button(key=f"undo-{run}").click().run())
    table = next(item.value for item in app.dataframe if "what" in item.value)
    acts = [words[0] for words in table["what"]]
    assert {act: acts.count(act) for act in set(acts)} == {"Cancel": 4, "Withdraw": 4, "Left": 12}
    sound(app.button(key="cancel-confirm").click().run())
    assert cancels(full) == 4
    undo = newest(full, "cancel")["id"]
    app = open_app().switch_page(JOURNAL)
    app.query_params["run"] = str(undo)
    sound(app.run())
    outcomes = [words[0] for words in app.dataframe[0].value["outcome"]]
    assert {word: outcomes.count(word) for word in set(outcomes)} == {"Waiting": 4, "Withdrawn": 4, "Left": 12}
    assert cancel_drawer.OPEN not in app.session_state
