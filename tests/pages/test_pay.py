"""The pay list: filters in the address, picks are order numbers, a manager approves, pages for what is approved."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from autopurchase.domain.pay import PayState
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import pay
from autopurchase.services.pay import PayOrder
from autopurchase.storage import runs, schema
from autopurchase.storage.pay import PayFilter, add_batches
from autopurchase.ui import guard
from autopurchase.ui import pay as page
from autopurchase.ui.guard import Person
from autopurchase.wiring import Workspace
from tests.support.pages import click_rows, open_app, sound

PAGE = "pages/manage/pay.py"
BOSS = Actor("boss", Role.MANAGER)


def open_pay(**query: str) -> AppTest:
    """The pay list, with these filters in the address."""
    app = open_app().switch_page(PAGE)
    for key, value in query.items():
        app.query_params[key] = value
    return sound(app.run())


def shown(app: AppTest) -> list[str]:
    """Order numbers in the table, in order."""
    return list(app.dataframe[1].value.index)


def tick(app: AppTest, rows: list[int]) -> AppTest:
    """Tick exactly the rows at these positions."""
    return click_rows(app, f"pay.table.{app.session_state['pay.drawn']}", rows)


def orders(workspace: Workspace) -> dict[str, PayOrder]:
    """Number -> unpaid order."""
    return {order.number: order for order in pay.listing(workspace.context, BOSS)}


def test_orders_are_listed_by_deadline_and_filters_come_from_the_address(full: Workspace) -> None:
    known = orders(full)
    assert shown(open_pay()) == list(known)
    deadlines = [order.deadline for order in known.values() if order.deadline]
    assert deadlines == sorted(deadlines)
    mine = [number for number, order in known.items() if order.session == "1688-1"]
    assert shown(open_pay(pay_session="1688-1")) == mine
    soon = [number for number, order in known.items() if order.expires == "6h"]
    assert shown(open_pay(pay_soon="6h")) == soon
    words = " ".join(item.value for item in open_pay().markdown)
    assert f"{len(known)} unpaid orders" in words


def test_a_manager_approves_what_is_picked_and_withdraws_it(full: Workspace) -> None:
    app = tick(open_pay(), [0, 2])
    first, third = shown(app)[0], shown(app)[2]
    assert app.button(key="pay-approve").label.startswith("Approve 2 orders · CNY ")
    sound(app.button(key="pay-approve").click().run())
    assert {n for n, order in orders(full).items() if order.state is PayState.APPROVED} == {first, third}
    assert any("Done, see run" in toast.value for toast in app.toast)
    assert app.session_state["pay.picks"] == {}
    assert shown(open_pay(pay_state="approved")) == [first, third]
    content = page.approved_csv(Person("boss", Role.MANAGER, "en"), PayFilter()).decode("utf-8-sig").splitlines()
    assert content[0] == ",".join(page.CSV)
    assert {line.split(",")[2] for line in content[1:]} == {first, third}
    assert "http" not in "".join(content)

    app = tick(open_pay(pay_state="approved"), [0])
    sound(app.button(key="pay-withdraw").click().run())
    assert [n for n, order in orders(full).items() if order.state is PayState.APPROVED] == [third]


def test_a_total_that_changed_since_it_was_seen_is_not_approved(full: Workspace) -> None:
    app = tick(open_pay(), [0])
    number = shown(app)[0]
    with full.context.db.write() as tx:
        own = schema.provider_order.c.provider_order_id == number
        tx.execute(sa.update(schema.provider_order).where(own).values(total_fen=9_999_999))
    app.button(key="pay-approve").click().run()
    assert any("Totals changed" in error.value and number in error.value for error in app.error)
    assert orders(full)[number].state is PayState.WAITING


def test_an_operator_sees_the_list_and_approves_nothing(full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "local_person", lambda: Person("mia", Role.OPERATOR, "en"))
    app = tick(open_pay(), [0])
    assert app.button(key="pay-approve").disabled
    assert app.button(key="pay-links").disabled
    assert not app.button(key="pay-sync").disabled


def test_pages_are_asked_for_by_the_worker_and_shown_as_buttons(full: Workspace) -> None:
    known = [number for number, order in orders(full).items() if order.session == "1688-1"]
    pay.approve(full.context, BOSS, dict.fromkeys(known[:2]))
    app = tick(open_pay(pay_session="1688-1"), [0, 1, 2])
    assert app.button(key="pay-links").label == "Get pages to pay 2 orders"
    app.button(key="pay-links").click().run()
    with full.context.db.read() as tx:
        row = tx.execute(sa.select(schema.run).where(schema.run.c.kind == "pay_links")).mappings().one()
    assert sorted(row["params"]["orders"]) == sorted(known[:2])

    url = "https://pay.example/cashier?ids=1&sign=abc"
    batch = {
        "run_id": row["id"], "session_id": row["session_id"], "url": full.context.vault.seal({"url": url}),
        "provider_order_ids": known[:2], "failed": {}, "total_fen": 1234, "at": datetime.now(UTC),
    }  # fmt: skip
    failed = {**batch, "url": "", "provider_order_ids": [], "failed": {known[2]: "Left out."}}
    with full.context.db.write() as tx:
        runs.finish(tx, row["id"], at=datetime.now(UTC), out={})
        add_batches(tx, [batch, failed])
    app = open_pay()
    (link,) = [button.proto for button in app.get("link_button")]
    assert link.url == url
    assert link.label == "Pay 2 orders · CNY 12.34"
    assert known[2] in str(app.dataframe[-1].value)
    sound(app.button(key="paid-0").click().run())
    with full.context.db.read() as tx:
        newest = tx.execute(sa.select(schema.run).order_by(schema.run.c.id.desc())).mappings().first()
    assert newest is not None
    assert (newest["kind"], sorted(newest["params"]["orders"])) == ("sync", sorted(known[:2]))


def test_the_overview_warns_and_opens_the_same_orders(full: Workspace) -> None:
    known = list(orders(full))
    now = datetime.now(UTC)
    with full.context.db.write() as tx:
        for number, hours in zip(known, (-2, -1, 1, 5, 7, 23, 48, 90), strict=True):
            own = schema.provider_order.c.provider_order_id == number
            values = {"pay_deadline": now + timedelta(hours=hours)}
            tx.execute(sa.update(schema.provider_order).where(own).values(values))
    said = {link.proto.label: link.proto.query_string for link in open_app("pages/manage/overview.py").get("page_link")}
    found = {query.rpartition("=")[2]: label for label, query in said.items() if "pay_soon" in query}
    assert {soon: len(shown(open_pay(pay_soon=soon))) for soon in found} == {"overdue": 2, "6h": 2, "24h": 4}
    assert "2 unpaid orders are overdue" in found["overdue"]
    assert "2 orders expire within 6 h" in found["6h"]
    assert "4 orders expire within 24 h" in found["24h"]


def test_picked_lines_lead_from_goods_purchased_to_their_orders(full: Workspace) -> None:
    number, order = next(iter(orders(full).items()))
    app = open_app().switch_page("pages/operate/purchased.py")
    app.query_params["bought_number"] = order.lines[0]
    sound(app.run())
    click_rows(app, f"bought.table.{app.session_state['bought.drawn']}", [0])
    app.button(key="bought-pay").click().run()
    assert list(app.session_state["pay.picks"]) == [number]
