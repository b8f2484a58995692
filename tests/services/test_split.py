"""A line is split into parts that are bought apart; the shop still sees one line, and so do later imports."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput, Drifted, NotAllowed
from autopurchase.domain.shop import ShopOrder
from autopurchase.services import lines, split, write_back
from autopurchase.services.verify import verify
from autopurchase.storage import write_backs
from autopurchase.storage.schema import booking_line, orders
from tests.services.test_write_back import travel
from tests.support.orders import OPERATOR, VIEWER, Workspace, changed_line, open_workspace, shop_line, shop_order


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    """A shop with one order: 53-1 of five pieces, 53-2 of one."""
    yield from opened(f"sqlite:///{tmp_path / 'autopurchase.db'}")


@pytest.fixture
def each(database_url: str) -> Iterator[Workspace]:
    """The same, once on each database."""
    yield from opened(database_url)


def opened(url: str) -> Iterator[Workspace]:
    workspace = open_workspace(url)
    workspace.shop.put(shop_order("ORD-000000053", shop_line(1, quantity=5), shop_line(2)))
    workspace.sweep()
    yield workspace
    workspace.ctx.db.close()


@pytest.fixture
def order(work: Workspace) -> ShopOrder:
    """The order as the shop shows it, after 53-1 was split into 53-1 (3) and 53-3 (2)."""
    run, made = split.split(work.ctx, OPERATOR, {"53-1": [3, 2]})
    assert made == {"53-1": ["53-1", "53-3"]}
    assert work.run(run)["out"] == {"lines": 1, "parts": 2}
    return work.shop.orders["id-ORD-000000053"]


def pieces(work: Workspace) -> dict[str, tuple[int, int]]:
    """Line -> (quantity, open quantity)."""
    return {row["number"]: (row["quantity"], row["open_quantity"]) for row in work.rows()}


def sound(work: Workspace) -> bool:
    """Whether history and tables agree."""
    return work.differing() == [] and verify(work.ctx) == []


def state(work: Workspace, number: str) -> tuple[str, str, str, bool]:
    row = work.line(number)
    return row["status"], row["purchase"], row["cause"], row["ready"]


def test_parts_are_lines_of_their_own_and_nothing_is_lost(work: Workspace, order: ShopOrder) -> None:
    first, part = work.line("53-1"), work.line("53-3")
    assert (first["sum_minor"], part["sum_minor"]) == (3750, 2500)
    assert (part["split_from"], part["external_id"], part["item_id"]) == (first["id"], "L1", first["item_id"])
    assert state(work, "53-3") == ("paid", "ready", "", True)
    assert part["ready_at"] == first["ready_at"]
    kind, data = work.history("53-1")[-1]
    assert (kind, data["parts"], data["before"]["quantity"]) == ("split", [["53-1", 3], ["53-3", 2]], 5)
    (imported,) = work.history("53-3")
    clock = first["clock_at"].isoformat()
    assert imported == ("imported", {"status": "paid", "split_from": "53-1", "quantity": 2, "clock": clock})
    split.split(work.ctx, OPERATOR, {"53-3": [1, 1]})
    assert work.line("53-4")["split_from"] == first["id"]
    assert sound(work)


def test_the_same_word_of_the_shop_leaves_the_parts_alone(work: Workspace, order: ShopOrder) -> None:
    before = work.rows()
    run = work.sweep()
    assert run["out"]["lines"] == {"new": 0, "changed": 0, "rejected": 0, "unchanged": 2}
    assert work.rows() == before
    work.shop.put(changed_line(order, 1, title="Jacket, renamed"))
    work.sweep()
    assert {row["title"] for row in work.rows() if row["external_id"] == "L1"} == {"Jacket, renamed"}
    assert pieces(work) == {"53-1": (3, 3), "53-2": (1, 1), "53-3": (2, 2)}
    assert sound(work)


@pytest.mark.parametrize(
    ("booked", "quantity", "expected"),
    [
        ("53-1", 7, {"53-1": (3, 3), "53-3": (4, 4)}),
        ("53-1", 4, {"53-1": (3, 3), "53-3": (1, 1)}),
        ("53-3", 4, {"53-1": (2, 2), "53-3": (2, 2)}),
        ("53-1", 3, {"53-1": (3, 3), "53-3": (2, 0)}),
    ],
)
def test_another_quantity_changes_what_is_not_bought(
    work: Workspace, order: ShopOrder, booked: str, quantity: int, expected: dict[str, Any]
) -> None:
    work.book(booked)
    work.shop.put(changed_line(order, 1, quantity=quantity, open_quantity=quantity))
    work.sweep()
    assert {number: found for number, found in pieces(work).items() if number != "53-2"} == expected
    assert state(work, booked)[1:3] == ("booked", "")
    if quantity == 3:
        assert state(work, "53-3") == ("cancelled", "ready", "", False)
    assert work.sweep()["out"]["lines"]["changed"] == 0
    assert sound(work)


def test_more_bought_than_wanted_is_held_until_the_shop_wants_it_again(work: Workspace, order: ShopOrder) -> None:
    work.book("53-1")
    work.shop.put(changed_line(order, 1, quantity=2, open_quantity=2))
    work.sweep()
    assert pieces(work)["53-1"] == (3, 3)
    assert state(work, "53-1")[1:3] == ("booked", "quantity_reduced")
    assert state(work, "53-3") == ("cancelled", "ready", "", False)
    assert work.sweep()["out"]["lines"]["changed"] == 0
    work.shop.put(order)
    work.sweep()
    assert state(work, "53-1")[1:3] == ("booked", "")
    assert state(work, "53-3") == ("paid", "ready", "", True)
    assert pieces(work) == {"53-1": (3, 3), "53-2": (1, 1), "53-3": (2, 2)}
    assert sound(work)


def test_a_refund_holds_free_parts_and_a_line_that_is_gone_takes_all_with_it(work: Workspace, order: ShopOrder) -> None:
    work.shop.put(replace(order, refunded=replace(order.paid, minor=1250)))
    work.sweep()
    assert {state(work, number)[1:3] for number in ("53-1", "53-3")} == {("problem", "partial_refund")}
    work.shop.put(replace(order, lines=order.lines[1:]))
    work.sweep()
    assert {state(work, number) for number in ("53-1", "53-3")} == {("cancelled", "ready", "", False)}
    work.shop.put(order)
    work.sweep()
    assert {state(work, number) for number in ("53-1", "53-3")} == {("paid", "ready", "", True)}
    assert pieces(work) == {"53-1": (3, 3), "53-2": (1, 1), "53-3": (2, 2)}
    assert sound(work)


def test_parts_travel_under_the_shops_id_and_what_was_delivered_is_not_taken_for_cancelled(
    work: Workspace, order: ShopOrder
) -> None:
    work.book("53-1")
    travel(work, "53-1", "SF1")
    work.record("53-1", ("provider_moved", {"state": "shipped"}))
    tell(work)
    assert work.shop.shipments == [("id-ORD-000000053", (("L1", 3),), "SF", "SF1")]
    work.shop.put(changed_line(order, 1, open_quantity=2))  # the shop has fulfilled what it was told of
    work.sweep()
    assert pieces(work) == {"53-1": (3, 0), "53-2": (1, 1), "53-3": (2, 2)}
    assert state(work, "53-3") == ("paid", "ready", "", True)
    work.book("53-3")
    travel(work, "53-3", "SF2")
    tell(work)
    assert work.shop.shipments[1:] == [("id-ORD-000000053", (("L1", 2),), "SF", "SF2")]
    assert sound(work)


def tell(work: Workspace) -> None:
    """Tell the shop what is new."""
    with work.ctx.db.write() as tx:
        write_backs.ask(tx, [row["id"] for row in work.rows(orders)], work.clock.now())
    write_back.carry_out(work.ctx, 1)


def test_untouched_parts_are_joined_again(work: Workspace, order: ShopOrder) -> None:
    split.join(work.ctx, OPERATOR, "53-3")
    assert pieces(work) == {"53-1": (5, 5), "53-2": (1, 1), "53-3": (2, 0)}
    assert state(work, "53-3") == ("cancelled", "ready", "", False)
    assert work.line("53-1")["sum_minor"] == 6250
    assert work.order("ORD-000000053")["status"] == "paid"
    assert work.sweep()["out"]["lines"]["changed"] == 0
    work.shop.put(changed_line(order, 1, quantity=6, open_quantity=6))
    work.sweep()
    assert pieces(work)["53-1"] == (6, 6)
    with pytest.raises(BadInput, match="no parts"):
        split.join(work.ctx, OPERATOR, "53-1")
    assert sound(work)


def test_what_was_touched_is_not_joined(work: Workspace, order: ShopOrder) -> None:
    work.book("53-3")
    with pytest.raises(BadInput, match="53-3 is booked"):
        split.join(work.ctx, OPERATOR, "53-1")
    work.record("53-3", ("provider_moved", {"state": "closed", "reason": "unpaid_timeout"}))
    with work.ctx.db.write() as tx:
        tx.execute(booking_line.update().values(live=False))
    with pytest.raises(BadInput, match="never booked"):
        split.join(work.ctx, OPERATOR, "53-1")


def test_a_held_line_stays_held_in_parts(work: Workspace) -> None:
    work.record("53-1", ("held", {"cause": "out_of_stock"}))
    split.split(work.ctx, OPERATOR, {"ORD-000000053-1": [4, 1]})
    assert {state(work, number) for number in ("53-1", "53-3")} == {("paid", "problem", "out_of_stock", False)}
    assert sound(work)


def test_what_cannot_be_split(work: Workspace) -> None:
    with pytest.raises(NotAllowed):
        split.split(work.ctx, VIEWER, {"53-1": [3, 2]})
    with pytest.raises(BadInput, match="add up to its 5 pieces"):
        split.split(work.ctx, OPERATOR, {"53-1": [3, 3]})
    with pytest.raises(BadInput, match="only one piece"):
        split.split(work.ctx, OPERATOR, {"53-1": [3, 2], "53-2": [1, 1]})
    assert pieces(work)["53-1"] == (5, 5), "all or none"
    seen = lines.versions(work.ctx, ["53-1"])
    lines.comment(work.ctx, OPERATOR, "53-1", "wait")
    with pytest.raises(Drifted):
        split.split(work.ctx, OPERATOR, {"53-1": [3, 2]}, seen)
    work.book("53-1")
    with pytest.raises(BadInput, match="53-1 is booked"):
        split.split(work.ctx, OPERATOR, {"53-1": [3, 2]})


def test_split_import_and_join_on_each_database(each: Workspace) -> None:
    split.split(each.ctx, OPERATOR, {"53-1": [2, 2, 1]})
    order = each.shop.orders["id-ORD-000000053"]
    each.shop.put(changed_line(order, 1, quantity=4, open_quantity=4))
    each.sweep()
    assert pieces(each) == {"53-1": (2, 2), "53-2": (1, 1), "53-3": (2, 2), "53-4": (1, 0)}
    split.join(each.ctx, OPERATOR, "53-1")
    assert pieces(each)["53-1"] == (4, 4)
    assert each.sweep()["out"]["lines"]["changed"] == 0
    assert sound(each)
