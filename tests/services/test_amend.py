"""What a person changes of a line wins over the shop and over mappings, is shown as theirs, and can be taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autopurchase.domain.errors import BadInput, Drifted, NotAllowed, Refused
from autopurchase.domain.mapping import Target
from autopurchase.domain.money import Money
from autopurchase.domain.shop import ShopOrder
from autopurchase.services import amend, lines, mapping, split
from autopurchase.services.amend import Change
from autopurchase.services.verify import verify
from tests.support.orders import OPERATOR, VIEWER, Workspace, changed_line, open_workspace, shop_line, shop_order

OTHER = Target("taobao", "650000000777", "4650000000777", seller_id="s9", seller_name="Another shop")


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    """A shop with one order: 53-1 of two pieces, and 53-2 of which it is not known what to buy."""
    workspace = open_workspace(f"sqlite:///{tmp_path / 'autopurchase.db'}")
    unclear = {"provider": "", "item_id": "", "product_key": "V-2", "unclear": "The shop names no item."}
    first = shop_line(1, quantity=2, product_key="V-1", seller_id="s1", configuration="Blue, M")
    workspace.shop.put(shop_order("ORD-000000053", first, shop_line(2, **unclear)))
    workspace.sweep()
    yield workspace
    workspace.ctx.db.close()


@pytest.fixture
def order(work: Workspace) -> ShopOrder:
    """The order as the shop shows it."""
    return work.shop.orders["id-ORD-000000053"]


def bought(work: Workspace, number: str) -> tuple[str, str, str, str]:
    row = work.line(number)
    return row["provider"], row["item_id"], row["sku_id"], row["seller_id"]


def sound(work: Workspace) -> bool:
    return work.differing() == [] and verify(work.ctx) == []


def test_another_item_wins_over_later_imports_and_can_be_taken_back(work: Workspace, order: ShopOrder) -> None:
    amend.amend(work.ctx, OPERATOR, "53-1", Change(OTHER, configuration="Navy, M"), "the first seller has none")
    assert bought(work, "53-1") == ("taobao", "650000000777", "4650000000777", "s9")
    kind, data = work.history("53-1")[-1]
    assert (kind, data["reason"]) == ("amended", "the first seller has none")
    assert (data["before"]["item_id"], data["after"]["item_id"]) == ("610000000001", "650000000777")
    before = work.rows()
    assert work.sweep()["out"]["lines"]["changed"] == 0
    assert work.rows() == before
    work.shop.put(changed_line(order, 1, item_id="610000000002", seller_id="s2", configuration="Blue, L", quantity=3))
    work.sweep()
    row = work.line("53-1")
    assert bought(work, "53-1") == ("taobao", "650000000777", "4650000000777", "s9")
    assert (row["configuration"], row["quantity"]) == ("Navy, M", 3), "what was not changed here follows the shop"
    assert (row["amended"]["shop"]["item_id"], row["amended"]["shop"]["configuration"]) == ("610000000002", "Blue, L")
    amend.take_back(work.ctx, OPERATOR, "53-1")
    row = work.line("53-1")
    assert (bought(work, "53-1"), row["configuration"]) == (("taobao", "610000000002", "", "s2"), "Blue, L")
    assert row["amended"] is None
    assert work.sweep()["out"]["lines"]["changed"] == 0
    assert sound(work)


def test_a_mapping_made_later_does_not_undo_it(work: Workspace) -> None:
    amend.amend(work.ctx, OPERATOR, "53-1", Change(OTHER), "better")
    mapping.set(work.ctx, OPERATOR, "", "V-1", Target("alibaba1688", "620000000001", spec_id="abc", ratio=2))
    assert bought(work, "53-1")[1] == "650000000777"
    mapping.apply_to_orders(work.ctx, [work.order("ORD-000000053")["id"]])
    assert bought(work, "53-1")[1] == "650000000777"
    amend.take_back(work.ctx, OPERATOR, "53-1")
    assert bought(work, "53-1")[:2] == ("alibaba1688", "620000000001")
    mapping.remove(work.ctx, OPERATOR, "", "V-1")
    assert bought(work, "53-1")[:2] == ("taobao", "610000000001")
    assert sound(work)


def test_a_price_is_asked_of_the_customer_who_agrees_or_declines(work: Workspace, order: ShopOrder) -> None:
    change = Change(price=Money.of("15.00", "USD"))
    for agreed, status, total in ((True, "paid", 3000), (False, "cancelled", 3200)):
        amend.amend(work.ctx, OPERATOR, "53-1", change, "it costs more now", ask_customer=True)
        row = work.line("53-1")
        assert (row["status"], row["ready"], row["sum_minor"]) == ("price_confirmation", False, total)
        work.sweep()
        assert work.line("53-1")["status"] == "price_confirmation"
        seen = lines.versions(work.ctx, ["53-1"])
        amend.answered(work.ctx, OPERATOR, seen, agreed=agreed, reason="by phone")
        assert (work.line("53-1")["status"], work.line("53-1")["ready"]) == (status, agreed)
        change = Change(price=Money.of("16.00", "USD"), configuration="Red")
        if agreed:
            work.shop.put(changed_line(order, 1, quantity=3))
            work.sweep()
            assert work.line("53-1")["sum_minor"] == 4500
            work.shop.put(order)
            work.sweep()
    with pytest.raises(BadInput, match="No customer was asked"):
        amend.answered(work.ctx, OPERATOR, lines.versions(work.ctx, ["53-1"]), agreed=True)
    assert sound(work)


def test_a_held_line_is_ready_again_unless_the_shop_holds_it(work: Workspace) -> None:
    work.record("53-1", ("held", {"cause": "out_of_stock"}))
    amend.amend(work.ctx, OPERATOR, "53-1", Change(OTHER), "another seller has it")
    assert work.line("53-1")["ready"]
    work.record("53-1", ("held", {"cause": "not_payable"}))
    amend.amend(work.ctx, OPERATOR, "53-1", Change(configuration="Red"), "as the customer wrote")
    assert (work.line("53-1")["purchase"], work.line("53-1")["cause"]) == ("problem", "not_payable")
    assert sound(work)


def test_what_to_buy_is_said_for_one_line_alone(work: Workspace) -> None:
    assert work.line("53-2")["cause"] == "needs_mapping"
    amend.amend(work.ctx, OPERATOR, "53-2", Change(OTHER), "found by hand")
    assert work.line("53-2")["ready"]
    assert work.sweep()["out"]["lines"]["changed"] == 0
    assert work.line("53-2")["ready"]
    amend.take_back(work.ctx, OPERATOR, "53-2")
    assert (work.line("53-2")["item_id"], work.line("53-2")["cause"]) == ("", "needs_mapping")
    assert work.sweep()["out"]["lines"]["changed"] == 0
    assert sound(work)


def test_parts_of_a_changed_line_are_changed_too(work: Workspace, order: ShopOrder) -> None:
    amend.amend(work.ctx, OPERATOR, "53-1", Change(OTHER), "better")
    split.split(work.ctx, OPERATOR, {"53-1": [1, 1]})
    work.shop.put(changed_line(order, 1, title="Coat"))
    work.sweep()
    assert {row["item_id"] for row in work.rows() if row["external_id"] == "L1"} == {"650000000777"}
    assert sound(work)


def test_what_is_refused(work: Workspace) -> None:
    with pytest.raises(NotAllowed):
        amend.amend(work.ctx, VIEWER, "53-1", Change(OTHER), "x")
    with pytest.raises(BadInput, match="needs a reason"):
        amend.amend(work.ctx, OPERATOR, "53-1", Change(OTHER), " ")
    with pytest.raises(BadInput, match="Nothing of 53-1 would change"):
        amend.amend(work.ctx, OPERATOR, "53-1", Change(configuration="Blue, M"), "x")
    with pytest.raises(BadInput, match="amount of USD"):
        amend.amend(work.ctx, OPERATOR, "53-1", Change(price=Money.of("15", "EUR")), "x")
    with pytest.raises(BadInput, match="not one of"):
        amend.amend(work.ctx, OPERATOR, "53-1", Change(Target("ebay", "1")), "x")
    with pytest.raises(BadInput, match="was changed here"):
        amend.take_back(work.ctx, OPERATOR, "53-1")
    seen = work.line("53-1")["version"]
    lines.comment(work.ctx, OPERATOR, "53-1", "wait")
    with pytest.raises(Drifted):
        amend.amend(work.ctx, OPERATOR, "53-1", Change(OTHER), "x", version=seen)
    work.book("53-1")
    with pytest.raises(BadInput, match="53-1 is booked"):
        amend.amend(work.ctx, OPERATOR, "53-1", Change(OTHER), "x")
    work.record("53-2", ("status_changed", {"status": "cancelled"}))
    with pytest.raises((BadInput, Refused), match="over"):
        amend.amend(work.ctx, OPERATOR, "53-2", Change(OTHER), "x")


def test_comments_keep_what_was_said_before(work: Workspace) -> None:
    lines.comment(work.ctx, OPERATOR, "53-1", "ask about the size")
    lines.comment(work.ctx, OPERATOR, "53-1", "size is fine")
    lines.comment(work.ctx, OPERATOR, "53-1", "size is fine")
    told = [data for kind, data in work.history("53-1") if kind == "commented"]
    assert told == [
        {"text": "ask about the size", "before": ""}, {"text": "size is fine", "before": "ask about the size"},
    ]  # fmt: skip
    assert work.line("53-1")["operator_comment"] == "size is fine"
