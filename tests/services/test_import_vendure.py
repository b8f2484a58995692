"""Against a real shop: orders come in, refunds and cancellations are seen, marks and parcels go back."""

from collections.abc import Iterator
from typing import Any

import pytest

from autopurchase.services import fresh, import_orders, sources, write_back
from autopurchase.storage import write_backs
from autopurchase.storage.schema import booking_line, orders, parcel, provider_order
from autopurchase.storage.schema import write_back as outbox
from tests.support.orders import ADMIN, OPERATOR, START, Workspace, open_workspace
from tests.support.shop import READ_AND_WRITE, Item, PlacedOrder, Shop

pytestmark = pytest.mark.node


@pytest.fixture
def work(database_url: str, shop: Shop) -> Iterator[Workspace]:
    workspace = open_workspace(database_url)
    config = {"base_url": shop.url, "api_key": shop.api_key(*READ_AND_WRITE)}
    sources.add(workspace.ctx, ADMIN, kind="vendure", name="vendure", config=config)
    assert sources.check(workspace.ctx, OPERATOR, "vendure").ok
    yield workspace
    workspace.ctx.db.close()


def sweep(work: Workspace) -> Any:
    work.clock.pass_time(minutes=1)
    run_id = import_orders.request(work.ctx, OPERATOR, "vendure")
    import_orders.carry_out(work.ctx, run_id)
    run = work.run(run_id)
    assert run["state"] == "done", run["error"]
    return run


def states(work: Workspace, order: PlacedOrder) -> list[tuple[str, str, str, bool]]:
    """Status, purchase state, cause, ready: of the order's lines."""
    found = [row for row in work.rows() if row["number"].startswith(f"{order.code}-")]
    return [(row["status"], row["purchase"], row["cause"], row["ready"]) for row in found]


READY = ("paid", "ready", "", True)


def test_sweep_and_sweep_again(work: Workspace, shop: Shop) -> None:
    paid = shop.place_order([Item("T1-1", 2), Item("A1-1", 3)])
    waiting = shop.place_order([Item("T2-1")], settle=False)
    first = sweep(work)["out"]["lines"]
    assert states(work, paid) == [READY, READY]
    assert states(work, waiting) == [("awaiting_payment", "ready", "", False)]
    line, sold = work.line(f"{paid.code}-1"), shop.variants()["T1-1"]
    assert (line["provider"], line["unit_price_minor"]) == ("taobao", sold["priceWithTax"])
    assert line["item_url"] == sold["customFields"]["sourceUrl"]
    again = sweep(work)["out"]["lines"]
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, first["new"])
    shop.settle(waiting)  # the order's own modified time does not move
    sweep(work)
    assert states(work, waiting) == [READY]
    assert work.differing() == []


def test_refunds_and_cancellations(work: Workspace, shop: Shop) -> None:
    part, full, gone, line = (shop.place_order([Item("T1-1"), Item("A1-1")]) for _ in range(4))
    sweep(work)
    shop.refund_part(part, 500)
    shop.refund_full(full)
    shop.cancel_order(gone)
    cancelled = shop.read_order(line)["lines"][1]
    shop.cancel_line(line, cancelled["id"])
    shop.refund_part(line, cancelled["unitPriceWithTax"])  # the rest stays paid in full
    key = work.order(full.code)["id"]
    work.clock.pass_time(minutes=1)
    assert fresh.refresh_orders(work.ctx, [key], older_than_seconds=30) == {key: "not_payable"}
    sweep(work)
    assert states(work, part) == [("paid", "problem", "partial_refund", False)] * 2
    assert states(work, full) == [("paid", "problem", "not_payable", False)] * 2
    assert states(work, gone) == [("cancelled", "ready", "", False)] * 2
    assert states(work, line) == [READY, ("cancelled", "ready", "", False)]
    assert work.differing() == []


def test_the_shop_is_told_once(work: Workspace, shop: Shop) -> None:
    order = shop.place_order([Item("T1-1"), Item("A1-1", 2)])
    sweep(work)
    number = f"{order.code}-2"
    work.book(number)
    travel(work, number)
    tell(work)
    read = shop.read_order(order)
    reference = f"AP-T-{work.line(number)['id']}-1"
    assert read["customFields"] == {"purchaseStatus": "partly ordered", "purchaseRef": reference}
    assert [(parcel["trackingCode"], parcel["state"]) for parcel in read["fulfillments"]] == [("SF100", "Shipped")]
    tell(work)
    assert len(shop.read_order(order)["fulfillments"]) == 1
    sweep(work)
    assert states(work, order) == [READY, ("ordered", "booked", "", False)]


def test_what_the_shop_had_already_is_no_change(work: Workspace, shop: Shop) -> None:
    order = shop.place_order([Item("T1-1")])
    sweep(work)
    tell(work)  # the shop is everybody's: it may hold other orders, with lines that wait for a mapping
    work.book(f"{order.code}-1")
    assert tell(work) == {"done": 1}
    with work.ctx.db.write() as tx:  # as if the process had died before it could note the answer
        write_backs.change(tx, max(row["id"] for row in work.rows(outbox)), state="waiting", due_at=work.clock.now())
    assert tell(work) == {"unchanged": 1}


def tell(work: Workspace) -> dict[str, int]:
    with work.ctx.db.write() as tx:
        write_backs.ask(tx, [row["id"] for row in work.rows(orders)], work.clock.now())
    return write_back.carry_out(work.ctx, 1)


def travel(work: Workspace, number: str) -> None:
    row = work.line(number)
    made = {"session_id": 1, "provider_order_id": f"P-{number}", "state": "shipped", "first_seen_at": START}
    with work.ctx.db.write() as tx:
        key = tx.execute(
            provider_order.insert().values(**made, seen_at=START).returning(provider_order.c.id)
        ).scalar_one()
        tx.execute(booking_line.update().where(booking_line.c.line_id == row["id"]).values(provider_order_id=key))
        values = {"order_id": key, "carrier": "SF", "number": "SF100", "state": "moving", "provider_line_ids": []}
        tx.execute(parcel.insert().values(**values))
