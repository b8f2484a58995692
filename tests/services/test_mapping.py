"""What is bought for a shop's product is said once: waiting lines become ready, later ones come mapped."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput, NotAllowed
from autopurchase.domain.mapping import Target
from autopurchase.domain.shop import ShopLine, ShopOrder
from autopurchase.services import fresh, import_orders, mapping, sources
from autopurchase.services import lines as line_service
from autopurchase.services.verify import verify
from autopurchase.storage import bookings, runs
from autopurchase.storage.schema import booking, booking_line, write_back
from tests.support.orders import ADMIN, OPERATOR, VIEWER, Workspace, open_workspace, shop_line, shop_order

COAT = Target("taobao", "610000000777", sku_id="4610000000777")
SET_OF_THREE = Target("alibaba1688", "620000000777", spec_id="abc", ratio=3, seller_id="s9", seller_name="某厂")


@pytest.fixture
def work(database_url: str) -> Iterator[Workspace]:
    """Whatever happens, history and tables agree at the end."""
    workspace = open_workspace(database_url)
    yield workspace
    assert verify(workspace.ctx) == []
    assert workspace.differing() == []
    workspace.ctx.db.close()


def unclear(line_no: int = 1, key: str = "V-1", **values: Any) -> ShopLine:
    """A line of a product that only a mapping can tell."""
    made: dict[str, Any] = {"provider": "", "item_id": "", "unclear": "“x” holds no link to an item."} | values
    return shop_line(line_no, product_key=key, title="Coat", **made)


def state(work: Workspace, number: str) -> tuple[str, str, str, bool]:
    row = work.line(number)
    return row["status"], row["purchase"], row["cause"], row["ready"]


def bought(work: Workspace, number: str) -> tuple[Any, ...]:
    row = work.line(number)
    return row["provider"], row["item_id"], row["sku_id"] or row["spec_id"], row["ratio"], row["seller_id"]


WAITS = ("paid", "problem", "needs_mapping", False)
READY = ("paid", "ready", "", True)


def test_a_line_that_says_not_what_to_buy_is_kept_and_waits(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053", unclear(1), shop_line(2)))
    run = work.sweep()
    assert (run["out"]["lines"]["new"], run["out"]["lines"]["rejected"], run["out"]["needs_mapping"]) == (2, 0, 1)
    assert (state(work, "53-1"), state(work, "53-2")) == (WAITS, READY)
    assert work.line("53-1")["unclear"] == "“x” holds no link to an item."
    (product,) = mapping.waiting(work.ctx, VIEWER)
    assert (product.source, product.product_key, product.lines, product.pieces) == ("shop", "V-1", 1, 1)
    assert sources.check(work.ctx, OPERATOR, "shop").details["needs_mapping"] == "1"
    assert work.sweep()["out"]["lines"]["unchanged"] == 2  # the same word again says nothing new


def test_neither_item_nor_product_is_a_reject(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053", unclear(1, key="")))
    run = work.sweep()
    assert "neither what to buy" in work.rejects(run["id"])[0]["reason"]


def test_a_mapping_frees_every_waiting_line_and_meets_later_ones(work: Workspace) -> None:
    for number in (53, 54):
        work.shop.put(shop_order(f"ORD-{number:09d}", unclear(1), unclear(2, key="V-2")))
    work.sweep()
    run = work.run(mapping.set(work.ctx, OPERATOR, "shop", "V-1", COAT))
    assert (run["kind"], run["actor"], run["state"]) == ("mapping", "olga", "done")
    assert run["out"] == {
        "mappings": {"set": 1, "unchanged": 0, "rejected": 0},
        "lines": {"changed": 2, "freed": 2, "held": 0},
    }
    assert [state(work, number) for number in ("53-1", "54-1", "53-2")] == [READY, READY, WAITS]
    assert bought(work, "54-1") == ("taobao", "610000000777", "4610000000777", 1, "")
    kind, data = work.history("53-1")[-1]
    assert (kind, data["fields"]["item_id"], data["by"]) == ("mapped", ["", "610000000777"], "mapping")
    work.shop.put(shop_order("ORD-000000055", unclear(1)))
    assert work.sweep()["out"]["lines"] == {"new": 1, "changed": 0, "rejected": 0, "unchanged": 4}
    assert (state(work, "55-1"), bought(work, "55-1")) == (READY, bought(work, "54-1"))


def test_an_unpaid_line_keeps_its_status_when_mapped(work: Workspace) -> None:
    order = work.shop.put(shop_order("ORD-000000053", unclear(1), paid=0, paid_at=None))
    work.sweep()
    assert state(work, "53-1") == ("awaiting_payment", "problem", "needs_mapping", False)
    mapping.set(work.ctx, OPERATOR, "shop", "V-1", COAT)
    assert state(work, "53-1") == ("awaiting_payment", "ready", "", False)
    work.shop.put(replace(order, paid=order.total))
    work.sweep()
    assert state(work, "53-1") == READY


def test_a_mapping_stands_in_place_of_the_link_and_removing_it_gives_the_link_back(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053", shop_line(1, product_key="V-1", seller_id="own")))
    work.sweep()
    own = bought(work, "53-1")
    mapping.set(work.ctx, OPERATOR, "shop", "V-1", SET_OF_THREE)
    assert bought(work, "53-1") == ("alibaba1688", "620000000777", "abc", 3, "s9")
    work.sweep()
    assert bought(work, "53-1") == ("alibaba1688", "620000000777", "abc", 3, "s9")
    mapping.remove(work.ctx, OPERATOR, "shop", "V-1")
    assert (bought(work, "53-1"), state(work, "53-1")) == (own, READY)
    changes = mapping.history(work.ctx, VIEWER, "V-1")
    assert [(change.before, change.after) for change in changes] == [(SET_OF_THREE, None), (None, SET_OF_THREE)]


def test_removing_the_only_word_on_a_product_holds_its_lines_again(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053", unclear(1)))
    work.sweep()
    mapping.set(work.ctx, OPERATOR, "shop", "V-1", COAT)
    mapping.remove(work.ctx, OPERATOR, "shop", "V-1")
    assert (state(work, "53-1"), work.line("53-1")["unclear"]) == (WAITS, "“x” holds no link to an item.")
    with pytest.raises(BadInput, match="no mapping"):
        mapping.remove(work.ctx, OPERATOR, "shop", "V-1")


def test_the_shop_repairs_its_link(work: Workspace) -> None:
    order = work.shop.put(shop_order("ORD-000000053", unclear(1)))
    work.sweep()
    work.shop.put(with_item(order, "610000000001"))
    work.sweep()
    assert (state(work, "53-1"), work.line("53-1")["unclear"]) == (READY, "")
    work.shop.put(order)
    work.sweep()
    assert state(work, "53-1") == WAITS


def with_item(order: ShopOrder, item_id: str) -> ShopOrder:
    return replace(order, lines=(replace(order.lines[0], provider="taobao", item_id=item_id, unclear=""),))


def test_a_mapping_of_one_source_comes_before_that_of_all(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053", unclear(1)))
    work.sweep()
    mapping.set(work.ctx, OPERATOR, "", "V-1", COAT)
    assert bought(work, "53-1")[1] == "610000000777"
    mapping.set(work.ctx, OPERATOR, "shop", "V-1", SET_OF_THREE)
    assert bought(work, "53-1")[1] == "620000000777"
    mapping.set(work.ctx, OPERATOR, "", "V-1", replace(COAT, item_id="610000000888"))
    assert bought(work, "53-1")[1] == "620000000777"
    mapping.remove(work.ctx, OPERATOR, "shop", "V-1")
    assert bought(work, "53-1")[1] == "610000000888"


def test_lines_under_way_keep_what_they_were_bought_as(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053", unclear(1), unclear(2)))
    work.sweep()
    mapping.set(work.ctx, OPERATOR, "shop", "V-1", COAT)
    key = work.book("53-1")
    run = work.run(mapping.set(work.ctx, OPERATOR, "shop", "V-1", SET_OF_THREE))
    assert run["out"]["lines"]["changed"] == 1
    work.sweep()
    assert (bought(work, "53-1")[1], bought(work, "53-2")[1]) == ("610000000777", "620000000777")
    work.record("53-1", ("provider_moved", {"state": "closed", "reason": "unpaid_timeout"}))
    with work.ctx.db.write() as tx:
        tx.execute(booking_line.update().values(live=False))
        tx.execute(booking.update().where(booking.c.id == key).values(state="ended"))
    work.record("53-1", ("made_ready", {"reason": "again"}))
    order_id = work.order("ORD-000000053")["id"]
    fresh.refresh_orders(work.ctx, [order_id], older_than_seconds=3600)  # as every plan does
    assert bought(work, "53-1")[1] == "620000000777"


def test_a_line_that_nobody_can_buy_is_not_freed_by_hand(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053", unclear(1)))
    work.sweep()
    picks = line_service.versions(work.ctx, ["53-1"])
    with pytest.raises(BadInput, match="map the shop's product first"):
        line_service.make_ready(work.ctx, OPERATOR, picks, "please")
    work.record("53-1", ("status_changed", {"status": "cancelled"}), ("status_changed", {"status": "paid"}))
    assert state(work, "53-1") == ("paid", "ready", "", False)  # not ready: it is not known what to buy
    work.sweep()
    assert state(work, "53-1") == WAITS


def test_a_refund_counts_before_a_missing_mapping(work: Workspace) -> None:
    order = work.shop.put(shop_order("ORD-000000053", unclear(1)))
    work.sweep()
    work.shop.put(replace(order, refunded=replace(order.total, minor=100)))
    work.sweep()
    assert state(work, "53-1")[2] == "partial_refund"
    mapping.set(work.ctx, OPERATOR, "shop", "V-1", COAT)
    assert state(work, "53-1")[2] == "partial_refund"
    work.shop.put(order)
    work.sweep()
    assert state(work, "53-1") == READY


def test_a_held_line_that_the_shop_cancels_is_held_no_more(work: Workspace) -> None:
    order = work.shop.put(shop_order("ORD-000000053", unclear(1), shop_line(2)))
    work.sweep()
    work.record("53-2", ("held", {"cause": "out_of_stock"}))
    work.shop.put(replace(order, state="cancelled"))
    work.sweep()
    assert [state(work, number) for number in ("53-1", "53-2")] == [("cancelled", "ready", "", False)] * 2


def test_over_booked_counts_in_pieces_bought(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053", unclear(1, quantity=2)))
    work.sweep()
    mapping.set(work.ctx, OPERATOR, "shop", "V-1", SET_OF_THREE)
    work.book("53-1")
    for pieces, over in ((6, 0), (7, 1)):
        with work.ctx.db.write() as tx:
            tx.execute(booking_line.update().values(quantity=pieces))
            assert len(bookings.over_booked(tx)) == over
    with work.ctx.db.write() as tx:
        tx.execute(booking_line.update().values(quantity=6))


def test_a_shop_is_told_what_waits_and_when_it_does_no_more(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053", unclear(1)))
    work.sweep()
    mapping.set(work.ctx, OPERATOR, "shop", "V-1", COAT)
    told = [row["payload"]["status"] for row in work.rows(write_back)]
    assert told == ["not ordered; 53-1: Not known what to buy", "not ordered"]


@pytest.mark.parametrize(
    ("key", "target", "says"),
    [
        ("", COAT, "needs the shop's id"),
        ("V-1", Target("ebay", "1"), "“ebay” is not one of: alibaba1688, taobao"),
        ("V-1", Target("taobao", ""), "names the item"),
        ("V-1", Target("taobao", "6 1"), "is no id"),
        ("V-1", replace(COAT, ratio=0), "ratio is 0"),
        ("V-1", replace(COAT, item_url="javascript:1"), "no web address"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said(work: Workspace, key: str, target: Target, says: str) -> None:
    work.sweep()
    with pytest.raises(BadInput, match=says):
        mapping.set(work.ctx, OPERATOR, "shop", key, target)
    assert mapping.listing(work.ctx, VIEWER) == []


def test_roles_and_names(work: Workspace) -> None:
    with pytest.raises(NotAllowed):
        mapping.set(work.ctx, VIEWER, "", "V-1", COAT)
    with pytest.raises(BadInput, match="no source “x”"):
        mapping.set(work.ctx, OPERATOR, "x", "V-1", COAT)


TABLE = """source;product_key;provider;item_id;sku_id;ratio
shop;V-1;taobao;610000000777;4610000000777;
;V-2;alibaba1688;620000000777;;12
shop;V-3;ebay;1;;
nowhere;V-4;taobao;2;;
shop;V-1;taobao;3;;
;;taobao;4;;
shop;V-5;taobao;5;;many
"""


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_table_comes_in_and_goes_out(work: Workspace, tmp_path: Path, kind: str) -> None:
    work.shop.put(shop_order("ORD-000000053", unclear(1), unclear(2, key="V-2")))
    work.sweep()
    (tmp_path / "m.csv").write_text(TABLE, encoding="utf-8")
    run = work.run(mapping.import_file(work.ctx, OPERATOR, tmp_path / "m.csv"))
    assert run["out"]["mappings"] == {"set": 2, "unchanged": 0, "rejected": 5}
    with work.ctx.db.read() as tx:
        reasons = [(row["position"], row["reason"]) for row in runs.rejects(tx, run["id"])]
    assert [position for position, _ in reasons] == ["row 4", "row 5", "row 6", "row 7", "row 8"]
    assert "ebay" in reasons[0][1]
    assert (state(work, "53-1"), state(work, "53-2"), work.line("53-2")["ratio"]) == (READY, READY, 12)
    path = tmp_path / f"out.{kind}"
    path.write_bytes(mapping.export(work.ctx, VIEWER, kind))
    before = mapping.listing(work.ctx, VIEWER)
    assert (len(before), before[0].title) == (2, "Coat")
    again = work.run(mapping.import_file(work.ctx, OPERATOR, path))
    assert again["out"]["mappings"] == {"set": 0, "unchanged": 2, "rejected": 0}
    assert mapping.listing(work.ctx, VIEWER) == before


def test_a_table_that_is_none_is_said(work: Workspace, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(BadInput, match="no column product_key"):
        mapping.import_file(work.ctx, OPERATOR, tmp_path / "m.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        mapping.import_file(work.ctx, OPERATOR, tmp_path / "none.csv")


def test_a_file_may_name_products_alone(work: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    head = "order_number,line_no,quantity,unit_price,currency,created_at,paid_at,product_key,provider,item_id"
    row = "ORD-000000001,{},2,12.50,USD,2026-11-20T10:00:00Z,2026-11-20T11:00:00Z,{}"
    rows = [row.format(1, "V-1,,"), row.format(2, ",taobao,610000000001"), row.format(3, ",,")]
    path.write_text("\n".join([head, *rows]), encoding="utf-8")
    run = work.run(import_orders.import_file(work.ctx, OPERATOR, path))
    assert [row["position"] for row in work.rejects(run["id"])] == ["row 4"]
    assert (state(work, "1-1"), work.line("1-2")["product_key"]) == (WAITS, "taobao:610000000001")
    mapping.set(work.ctx, ADMIN, "file", "V-1", COAT)
    mapping.set(work.ctx, ADMIN, "file", "taobao:610000000001", SET_OF_THREE)
    assert (state(work, "1-1"), bought(work, "1-2")[1]) == (READY, "620000000777")
    again = work.run(import_orders.import_file(work.ctx, OPERATOR, path))
    assert again["out"]["lines"]["unchanged"] == 2
