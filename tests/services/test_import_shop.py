"""A shop's orders come in again and again: held, freed, cancelled, and never moved once they are under way."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput, ConnectFailed, NotSent, SessionRefused
from autopurchase.domain.money import Money
from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.services import fresh, import_orders, sources
from autopurchase.storage.schema import event, source
from tests.support.orders import ADMIN, OPERATOR, Workspace, changed_line, open_workspace, shop_line, shop_order

PAID = 3750


@pytest.fixture
def work(database_url: str) -> Iterator[Workspace]:
    workspace = open_workspace(database_url)
    yield workspace
    workspace.ctx.db.close()


@pytest.fixture
def order(work: Workspace) -> ShopOrder:
    """A known order of two lines, 53-1 and 53-2, paid in full."""
    known = work.shop.put(shop_order("ORD-000000053", shop_line(1), shop_line(2, quantity=2)))
    work.sweep()
    return known


def refunded(order: ShopOrder, minor: int) -> ShopOrder:
    return replace(order, refunded=Money(minor, "USD"))


def state(work: Workspace, number: str) -> tuple[str, str, str, bool]:
    row = work.line(number)
    return row["status"], row["purchase"], row["cause"], row["ready"]


def test_a_request_is_queued_with_its_run(work: Workspace) -> None:
    work.sweep()
    run_id = import_orders.request(work.ctx, OPERATOR, "shop")
    assert work.queue.asked[-1] == ("import_orders", run_id)
    assert work.run(run_id)["state"] == "queued"


def test_a_source_switched_off_is_not_imported(work: Workspace) -> None:
    work.sweep()
    sources.disable(work.ctx, ADMIN, "shop")
    with pytest.raises(BadInput, match="switched off"):
        import_orders.request(work.ctx, OPERATOR, "shop")


def test_a_second_sweep_finds_everything_unchanged(work: Workspace, order: ShopOrder) -> None:
    before = work.rows()
    run = work.sweep()
    assert run["out"]["lines"] == {"new": 0, "changed": 0, "rejected": 0, "unchanged": 2}
    assert work.rows() == before
    assert work.shop.asked == []


def test_a_partial_refund_holds_and_a_full_one_says_so(work: Workspace, order: ShopOrder) -> None:
    work.shop.put(refunded(order, 500))
    work.sweep()
    assert state(work, "53-1") == ("paid", "problem", "partial_refund", False)
    work.shop.put(refunded(order, PAID))
    work.sweep()
    assert state(work, "53-1") == ("paid", "problem", "not_payable", False)
    assert work.differing() == []


def test_payable_again_frees_what_the_shop_held_and_nothing_else(work: Workspace, order: ShopOrder) -> None:
    work.record("53-2", ("held", {"cause": "out_of_stock"}))
    work.shop.put(refunded(order, 500))
    work.sweep()
    work.shop.put(order)
    work.sweep()
    assert state(work, "53-1") == ("paid", "ready", "", True)
    assert state(work, "53-2") == ("paid", "problem", "out_of_stock", False)
    freed = [row for row in work.rows(event) if row["kind"] == "made_ready"]
    assert [row["actor"] for row in freed] == ["clock"]
    assert work.differing() == []


def test_a_line_cancelled_in_the_shop(work: Workspace, order: ShopOrder) -> None:
    work.shop.put(replace(order, lines=order.lines[:1]))  # the shop lists it no more
    work.sweep()
    assert state(work, "53-2") == ("cancelled", "ready", "", False)
    assert work.history("53-2")[-1] == ("imported", {"status": "cancelled"})
    assert (work.line("53-2")["quantity"], work.line("53-2")["open_quantity"]) == (2, 0)
    assert state(work, "53-1") == ("paid", "ready", "", True)
    work.shop.put(order)
    work.sweep()
    assert state(work, "53-2") == ("paid", "ready", "", True)
    assert work.differing() == []


def test_a_line_the_shop_shipped_itself_is_not_bought(work: Workspace, order: ShopOrder) -> None:
    work.shop.put(changed_line(order, 1, open_quantity=0))
    work.sweep()
    assert state(work, "53-1") == ("shipped", "ready", "", False)
    assert work.differing() == []


def test_an_order_that_left_the_open_set_is_read_once_to_learn_why(work: Workspace, order: ShopOrder) -> None:
    work.shop.put(replace(order, state="cancelled"))
    run = work.sweep()
    assert (run["out"]["left"], work.shop.asked) == (1, ["id-ORD-000000053"])
    assert state(work, "53-1") == ("cancelled", "ready", "", False)
    assert work.order("ORD-000000053")["state"] == "cancelled"
    work.sweep()
    assert work.shop.asked == ["id-ORD-000000053"]


def test_an_order_the_shop_no_longer_has_is_cancelled(work: Workspace, order: ShopOrder) -> None:
    del work.shop.orders[order.external_id]
    work.sweep()
    assert state(work, "53-2") == ("cancelled", "ready", "", False)


def test_lines_under_way_are_never_moved(work: Workspace, order: ShopOrder) -> None:
    work.book("53-1")
    work.shop.put(replace(changed_line(order, 1, unit_price=Money(999, "USD"), quantity=5), state="cancelled"))
    work.sweep()
    assert state(work, "53-1") == ("ordered", "booked", "not_payable", False)
    fields = [data["fields"] for kind, data in work.history("53-1") if "fields" in data]
    assert (fields[0]["quantity"], fields[0]["unit_price_minor"]) == ([1, 5], [1250, 999])
    work.shop.put(order)
    work.sweep()
    assert state(work, "53-1") == ("ordered", "booked", "", False)
    assert work.differing() == []


def test_another_cause_of_a_line_under_way_stays(work: Workspace, order: ShopOrder) -> None:
    work.book("53-1", confirmed=False)
    work.record("53-1", ("booking_unknown", {}))
    work.shop.put(refunded(order, PAID))
    work.sweep()
    assert state(work, "53-1")[1:3] == ("booking", "unknown_outcome")


def test_a_shop_that_closed_a_paid_order_blames_nothing_on_bought_lines(work: Workspace, order: ShopOrder) -> None:
    work.book("53-1")
    work.shop.put(replace(changed_line(order, 1, open_quantity=0), state="closed"))
    work.sweep()
    assert state(work, "53-1") == ("ordered", "booked", "", False)


def test_a_new_line_takes_the_next_number_when_the_shop_counts_anew(work: Workspace, order: ShopOrder) -> None:
    lines = (replace(order.lines[1], line_no=1), shop_line(2, external_id="L3"))
    work.shop.put(replace(order, lines=lines, total=order.total, paid=order.paid))
    work.sweep()
    assert [(row["number"], row["external_id"]) for row in work.rows()] == [
        ("53-1", "L1"),
        ("53-2", "L2"),
        ("53-3", "L3"),
    ]


def test_a_renamed_order_and_a_bad_status_are_refused(work: Workspace, order: ShopOrder) -> None:
    work.shop.put(replace(order, number="ORD-000000099"))
    work.shop.put(shop_order("ORD-000000060", shop_line(1, status="lovely")))
    run = work.sweep()
    reasons = sorted(row["reason"] for row in work.rejects(run["id"]))
    assert "keeps its number" in reasons[0]
    assert "“lovely” of 60-1" in reasons[-1]
    assert work.shop.asked == []  # they were seen: nothing to learn by asking again
    work.clock.pass_time(minutes=1)
    key = work.order("ORD-000000053")["id"]
    assert fresh.refresh_orders(work.ctx, [key], older_than_seconds=30) == {key: "not_payable"}


def test_an_unreachable_shop_fails_the_run_and_shows_at_the_source(work: Workspace, order: ShopOrder) -> None:
    work.shop.failure = ConnectFailed("The shop does not answer.")
    run = work.sweep()
    assert (run["state"], run["error"]) == ("failed", "The shop does not answer.")
    assert work.rows(source)[0]["last_error"] == "The shop does not answer."
    work.shop.failure = None
    assert work.sweep()["state"] == "done"
    assert work.rows(source)[0]["last_error"] == ""


def test_an_interrupted_attempt_is_repeated_in_full(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_orders, "BATCH", 2)
    for number in range(5):
        work.shop.put(shop_order(f"ORD-00000010{number}"))
    work.shop.rejects.append(Reject("order 7", "no link", {"order": "7"}))
    sources.add(work.ctx, ADMIN, kind="memory", name="shop", config={"address": "here"})
    run_id = import_orders.request(work.ctx, OPERATOR, "shop")
    breaking_off(work, monkeypatch, after=2)
    with pytest.raises(KeyboardInterrupt):
        import_orders.carry_out(work.ctx, run_id)
    assert (len(work.rows()), work.run(run_id)["state"]) == (3, "running")
    monkeypatch.undo()
    import_orders.carry_out(work.ctx, run_id)
    run = work.run(run_id)
    assert run["out"]["lines"] == {"new": 5, "changed": 0, "rejected": 1, "unchanged": 0}
    assert (run["state"], len(work.rejects(run_id)), len(work.rows())) == ("done", 1, 5)


def breaking_off(work: Workspace, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The process ends after so many batches."""
    real, calls = import_orders.store_batch, iter(range(after + 1))

    def store(*args: Any) -> Any:
        if next(calls) == after:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(import_orders, "store_batch", store)


def test_imports_that_are_due_are_queued_once(work: Workspace) -> None:
    work.sweep()
    assert import_orders.request_due(work.ctx) == []
    work.clock.pass_time(minutes=11)
    due = import_orders.request_due(work.ctx)
    assert work.queue.asked[-1] == ("import_orders", due[0])
    assert import_orders.request_due(work.ctx) == []  # it is under way


def test_a_fresh_read_stores_and_judges(work: Workspace, order: ShopOrder) -> None:
    key = work.order("ORD-000000053")["id"]
    assert fresh.refresh_orders(work.ctx, [key], older_than_seconds=60) == {key: ""}
    assert work.shop.asked == []  # read a moment ago
    work.shop.put(refunded(order, 500))
    work.clock.pass_time(minutes=2)
    assert fresh.refresh_orders(work.ctx, [key], older_than_seconds=60) == {key: "partial_refund"}
    assert state(work, "53-1") == ("paid", "problem", "partial_refund", False)
    assert fresh.refresh_orders(work.ctx, [key], older_than_seconds=60) == {key: "partial_refund"}
    assert len(work.shop.asked) == 1
    del work.shop.orders[order.external_id]
    assert fresh.refresh_orders(work.ctx, [key], older_than_seconds=0) == {key: "not_payable"}


@pytest.mark.parametrize("failure", [ConnectFailed("away"), SessionRefused("key dead")])
def test_nothing_is_judged_on_stale_facts(work: Workspace, order: ShopOrder, failure: Any) -> None:
    work.shop.failure = failure
    with pytest.raises(NotSent, match=failure.sentence):
        fresh.refresh_orders(work.ctx, [work.order("ORD-000000053")["id"]], older_than_seconds=0)


def test_an_order_that_cannot_be_taken_now_is_not_bought(work: Workspace, order: ShopOrder) -> None:
    work.shop.put(changed_line(order, 1, provider="elsewhere"))
    key = work.order("ORD-000000053")["id"]
    assert fresh.refresh_orders(work.ctx, [key], older_than_seconds=0) == {key: "not_payable"}
