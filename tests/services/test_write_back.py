"""Shops are told what was bought: once, the latest word, and again only when they did not answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autopurchase.domain.errors import BrokenAnswer, ConnectFailed, Refused, SessionRefused
from autopurchase.domain.mapping import Target
from autopurchase.services import import_orders, mapping, sources, write_back
from autopurchase.storage import write_backs
from autopurchase.storage.schema import booking_line, orders, parcel, provider_order, run, source
from autopurchase.storage.schema import write_back as outbox
from tests.support.orders import (
    ADMIN,
    OPERATOR,
    START,
    Workspace,
    file_row,
    open_workspace,
    shop_line,
    shop_order,
    write_file,
)


@pytest.fixture
def work(database_url: str) -> Iterator[Workspace]:
    """A shop with one order of two lines, 53-1 and 53-2 (two pieces)."""
    workspace = open_workspace(database_url)
    workspace.shop.put(shop_order("ORD-000000053", shop_line(1), shop_line(2, quantity=2)))
    workspace.sweep()
    yield workspace
    workspace.ctx.db.close()


def ask(work: Workspace) -> list[int]:
    with work.ctx.db.write() as tx:
        return write_backs.ask(tx, [row["id"] for row in work.rows(orders)], work.clock.now())


def tell(work: Workspace) -> dict[str, int]:
    return write_back.carry_out(work.ctx, 1)


def answers(work: Workspace) -> list[tuple[str, str, str]]:
    return [(row["kind"], row["state"], row["answer"]) for row in work.rows(outbox)]


def travel(work: Workspace, number: str, tracking: str) -> None:
    """The provider order of a booked line is in a parcel."""
    row = work.line(number)
    made = {"session_id": 1, "provider_order_id": f"P-{number}", "state": "shipped", "first_seen_at": START}
    with work.ctx.db.write() as tx:
        insert = provider_order.insert().values(**made, seen_at=START, booking_id=row["booking_id"])
        key = tx.execute(insert.returning(provider_order.c.id)).scalar_one()
        tied = booking_line.update().where(booking_line.c.line_id == row["id"], booking_line.c.live)
        tx.execute(tied.values(provider_order_id=key))
        values = {"order_id": key, "carrier": "SF", "number": tracking, "state": "moving", "provider_line_ids": []}
        tx.execute(parcel.insert().values(**values))


def test_nothing_is_said_of_an_order_of_which_nothing_is_bought(work: Workspace) -> None:
    assert ask(work) == []
    assert tell(work) == {}


def test_each_stage_is_told_once(work: Workspace) -> None:
    work.book("53-1")
    assert ask(work) == [1]
    assert ask(work) == []
    assert tell(work) == {"done": 1}
    assert tell(work) == {}
    work.book("53-2")
    ask(work)
    tell(work)
    for number in ("53-1", "53-2"):
        work.record(number, ("provider_moved", {"state": "paid"}))
    ask(work)
    tell(work)
    both = "AP-T-1-1, AP-T-2-1"
    assert [mark[1:] for mark in work.shop.marks] == [
        ("partly ordered", "AP-T-1-1"),
        ("ordered", both),
        ("bought", both),
    ]


def test_history_of_the_bought_lines_says_what_the_shop_was_told(work: Workspace) -> None:
    work.book("53-1")
    free = work.history("53-2")
    ask(work)
    tell(work)
    kind, data = work.history("53-1")[-1]
    assert (kind, data["write_back"]["answer"], data["write_back"]["reference"]) == ("changed", "done", "AP-T-1-1")
    assert work.history("53-2") == free  # a plan of it is not disturbed
    assert work.differing() == []


def test_only_the_latest_mark_of_an_order_is_told(work: Workspace) -> None:
    work.book("53-1")
    ask(work)
    work.book("53-2")
    ask(work)
    assert tell(work) == {"superseded": 1, "done": 1}
    assert [mark[1] for mark in work.shop.marks] == ["ordered"]


def test_what_two_transactions_missed_of_each_other_is_told(work: Workspace) -> None:
    work.book("53-1")
    ask(work)
    work.book("53-2")  # and nobody asked
    tell(work)
    assert work.shop.marks[-1][1] == "ordered"


def test_a_purchase_undone_and_made_again_is_told_each_time(work: Workspace) -> None:
    for _ in range(2):
        work.book("53-1")
        ask(work)
        tell(work)
        work.record("53-1", ("provider_moved", {"state": "closed", "reason": "unpaid_timeout"}))
        with work.ctx.db.write() as tx:
            tx.execute(booking_line.update().values(live=False))
        ask(work)
        tell(work)
        work.record("53-1", ("made_ready", {"reason": "again"}))
    told = [mark[1:] for mark in work.shop.marks]
    first, second = ("partly ordered", "AP-T-1-1"), ("partly ordered", "AP-T-1-2")
    closed = ("not ordered; 53-1: Closed unpaid", "")
    assert told == [first, closed, second, closed]


def test_a_parcel_is_reported_with_its_lines_once(work: Workspace) -> None:
    work.book("53-2")
    travel(work, "53-2", "SF100")
    ask(work)
    tell(work)
    assert ask(work) == []
    assert work.shop.shipments == [("id-ORD-000000053", (("L2", 2),), "SF", "SF100")]
    assert {row[0] for row in answers(work)} == {"mark", "shipment"}


def test_an_absent_shop_is_told_later_with_growing_pauses(work: Workspace) -> None:
    work.book("53-1")
    ask(work)
    work.shop.write_failure = ConnectFailed("away")
    pauses = []
    for _ in range(3):
        assert tell(work) == {"later": 1}
        pauses.append(round((work.rows(outbox)[0]["due_at"] - work.clock.moment).total_seconds()))
        assert tell(work) == {}
        work.clock.pass_time(seconds=pauses[-1] + 1)
    assert pauses == [15, 30, 60]
    work.shop.write_failure = None
    assert tell(work) == {"done": 1}


def test_one_order_without_an_answer_does_not_block_the_others(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000054"))
    work.sweep()
    work.book("53-1")
    work.book("54-1")
    ask(work)
    work.shop.write_failure, work.shop.refuses = BrokenAnswer("unreadable"), "id-ORD-000000053"
    assert tell(work) == {"later": 1, "done": 1}
    assert [mark[0] for mark in work.shop.marks] == ["id-ORD-000000054"]


def test_a_refusal_is_kept_with_its_sentence(work: Workspace) -> None:
    work.book("53-1")
    ask(work)
    work.shop.write_failure = Refused("The shop has no such order.")
    assert tell(work) == {"refused": 1}
    assert answers(work) == [("mark", "refused", "The shop has no such order.")]
    work.clock.pass_time(days=1)
    assert tell(work) == {}


def test_a_dead_key_waits_for_a_person(work: Workspace) -> None:
    work.book("53-1")
    ask(work)
    work.shop.write_failure = SessionRefused("The key is dead.")
    assert tell(work) == {"later": 1}
    assert work.rows(source)[0]["last_error"] == "The key is dead."
    work.clock.pass_time(minutes=11)
    work.shop.write_failure = None
    assert tell(work) == {"done": 1}


def test_nobody_tells_what_somebody_else_is_telling(work: Workspace) -> None:
    work.book("53-1")
    ask(work)
    with work.ctx.db.write() as tx:
        assert write_backs.claim(tx, 1, work.clock.now())
    work.book("53-2")
    ask(work)
    assert tell(work) == {}  # the newer mark waits behind the one on its way
    work.clock.pass_time(minutes=3)  # whoever told it has died
    assert tell(work) == {"superseded": 1, "done": 1}
    assert [mark[1] for mark in work.shop.marks] == ["ordered"]


def test_due_sources(work: Workspace) -> None:
    work.book("53-1")
    ask(work)
    with work.ctx.db.read() as tx:
        assert (write_backs.due_sources(tx, work.clock.now()), write_backs.waiting(tx)) == ([1], 1)
    sources.set_write_back(work.ctx, ADMIN, "shop", False)
    with work.ctx.db.read() as tx:
        assert write_backs.due_sources(tx, work.clock.now()) == []
    assert tell(work) == {}


def test_a_file_is_told_nothing(work: Workspace, tmp_path: Path) -> None:
    import_orders.import_file(work.ctx, OPERATOR, write_file(tmp_path / "o.csv", [file_row(70, 1)]))
    work.book("70-1")
    assert ask(work) == []
    assert work.rows(outbox) == []


def test_a_long_list_of_references_fits_the_shops_field(work: Workspace) -> None:
    lines = [shop_line(number) for number in range(1, 41)]
    work.shop.put(shop_order("ORD-000000055", *lines))
    work.sweep()
    for number in range(1, 41):
        work.book(f"55-{number}")
    ask(work)
    tell(work)
    reference = work.shop.marks[-1][2]
    assert len(reference) <= 255
    assert reference.endswith(" …")


# --- problems, dry runs, shops that are down ---


def test_a_line_that_waits_for_a_person_is_told_with_its_cause(work: Workspace) -> None:
    work.book("53-1")
    work.record("53-2", ("held", {"cause": "out_of_stock"}))
    ask(work)
    tell(work)
    assert work.shop.marks[-1][1] == "partly ordered; 53-2: Out of stock"
    work.record("53-2", ("made_ready", {"reason": "another seller"}))
    ask(work)
    tell(work)
    assert work.shop.marks[-1][1] == "partly ordered"


def test_what_the_shop_itself_holds_is_not_told_to_it(work: Workspace) -> None:
    work.record("53-2", ("held", {"cause": "partial_refund"}))
    assert ask(work) == []


def test_a_dry_run_notes_what_would_be_written_and_sends_nothing(work: Workspace) -> None:
    sources.set_dry_run(work.ctx, ADMIN, "shop", True)
    work.book("53-1")
    work.book("53-2")
    travel(work, "53-2", "SF100")
    ask(work)
    assert tell(work) == {"noted": 2}
    assert (work.shop.marks, work.shop.shipments) == ([], [])
    assert {row[1] for row in answers(work)} == {"noted"}
    cell = next(row for row in work.rows(run) if row["kind"] == "write_back")
    told = cell["params"]["would_write"]
    assert [(each["order"][-2:], each["kind"]) for each in told] == [("53", "mark"), ("53", "shipment")]
    assert (cell["state"], cell["out"]) == ("done", {"noted": 2})
    assert work.history("53-1")[-1][1]["write_back"]["answer"] == "dry run: not sent"
    assert (ask(work), tell(work)) == ([], {})
    sources.set_dry_run(work.ctx, ADMIN, "shop", False)
    assert tell(work) == {"done": 2}
    assert (len(work.shop.marks), len(work.shop.shipments)) == (1, 1)
    assert work.differing() == []


def test_a_shop_that_is_down_delays_and_loses_nothing_over_restarts(work: Workspace, database_url: str) -> None:
    """Every try is made by a program that was started anew; parcels come while the shop is away."""
    away = ConnectFailed("away")
    work.book("53-1")
    ask(work)
    for number, tracking in (("53-1", "SF100"), ("53-2", "SF200")):
        opened = open_workspace(database_url)
        opened.clock.moment, opened.shop.write_failure = work.clock.moment, away
        assert tell(opened) == {"later": 1}
        if number == "53-2":
            opened.book(number)
        travel(opened, number, tracking)
        ask(opened)
        work.clock.moment = opened.clock.moment
        work.clock.pass_time(hours=2)
        opened.ctx.db.close()
    opened = open_workspace(database_url)
    opened.clock.moment = work.clock.moment
    told = tell(opened)
    assert (told["done"], opened.shop.marks) == (3, [("id-ORD-000000053", "ordered", "AP-T-1-1, AP-T-2-1")])
    assert {shipment[3] for shipment in opened.shop.shipments} == {"SF100", "SF200"}
    assert tell(opened) == {}
    opened.ctx.db.close()


def test_parcels_are_reported_in_pieces_that_the_shop_sold(work: Workspace) -> None:
    target = Target("taobao", "610000000777", ratio=3)
    work.shop.put(shop_order("ORD-000000060", shop_line(1, product_key="V", quantity=2)))
    work.sweep()
    mapping.set(work.ctx, OPERATOR, "shop", "V", target)
    work.book("60-1")
    with work.ctx.db.write() as tx:
        tx.execute(booking_line.update().values(quantity=6))
    travel(work, "60-1", "SF300")
    ask(work)
    tell(work)
    assert work.shop.shipments == [("id-ORD-000000060", (("L1", 2),), "SF", "SF300")]
