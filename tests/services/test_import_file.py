"""An order file comes in: what is new, changed, unchanged and refused, and what that does to lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput, NotAllowed
from autopurchase.services import import_orders
from autopurchase.storage.schema import event
from tests.support.orders import OPERATOR, VIEWER, Workspace, file_row, many_rows, open_workspace, write_file


@pytest.fixture
def work(database_url: str) -> Iterator[Workspace]:
    workspace = open_workspace(database_url)
    yield workspace
    workspace.ctx.db.close()


def take(work: Workspace, folder: Path, *rows: dict[str, str], **more: Any) -> Any:
    """Import these rows; returns the finished run."""
    return work.run(import_orders.import_file(work.ctx, OPERATOR, write_file(folder / "orders.csv", rows), **more))


def figures(run: Any, what: str = "lines") -> tuple[int, ...]:
    return tuple(run["out"][what][name] for name in ("new", "changed", "unchanged", "rejected"))


def test_paid_lines_are_ready_and_unpaid_ones_wait(work: Workspace, tmp_path: Path) -> None:
    run = take(work, tmp_path, file_row(1, 1), file_row(1, 2), file_row(2, 1, paid_at=""))
    assert (run["state"], figures(run), figures(run, "orders")) == ("done", (3, 0, 0, 0), (2, 0, 0, 0))
    assert [(row["number"], row["status"], row["ready"]) for row in work.rows()] == [
        ("1-1", "paid", True),
        ("1-2", "paid", True),
        ("2-1", "awaiting_payment", False),
    ]
    assert work.history("1-1") == [("imported", {"status": "paid"})]
    assert (work.order("ORD-000000001")["status"], work.order("ORD-000000001")["payable"]) == ("paid", True)
    assert work.differing() == []


def test_the_same_file_again_changes_nothing(work: Workspace, tmp_path: Path) -> None:
    rows = list(many_rows(40))
    take(work, tmp_path, *rows)
    before, events = work.rows(), len(work.rows(event))
    run = take(work, tmp_path, *rows)
    assert (figures(run), figures(run, "orders")) == ((0, 0, 40, 0), (0, 0, 14, 0))
    assert (work.rows(), len(work.rows(event))) == (before, events)


def test_changed_fields_are_written_and_told(work: Workspace, tmp_path: Path) -> None:
    take(work, tmp_path, file_row(1, 1), file_row(2, 1))
    run = take(work, tmp_path, file_row(1, 1, title="Coat", unit_price="13.00"), file_row(2, 1))
    assert (figures(run), figures(run, "orders")) == ((0, 1, 1, 0), (0, 1, 1, 0))
    kind, data = work.history("1-1")[-1]
    assert (kind, data["fields"]["title"]) == ("changed", ["Jacket 1", "Coat"])
    assert data["fields"]["unit_price_minor"] == [1250, 1300]
    assert data["order"]["total_minor"] == [2500, 2600]
    assert (work.line("1-1")["title"], work.line("1-1")["sum_minor"]) == ("Coat", 2600)
    assert work.differing() == []


def test_a_payment_that_comes_later_makes_the_line_ready(work: Workspace, tmp_path: Path) -> None:
    take(work, tmp_path, file_row(1, 1, paid_at=""))
    take(work, tmp_path, file_row(1, 1))
    assert work.history("1-1")[-1] == ("imported", {"status": "paid"})
    assert (work.line("1-1")["ready"], work.order("ORD-000000001")["status"]) == (True, "paid")
    assert work.differing() == []


def test_a_line_added_to_a_known_order(work: Workspace, tmp_path: Path) -> None:
    take(work, tmp_path, file_row(1, 1))
    run = take(work, tmp_path, file_row(1, 1), file_row(1, 2))
    assert figures(run) == (1, 1, 0, 0)  # the first line's order has another total
    assert work.line("1-2")["ready"]
    assert work.differing() == []


def test_a_file_with_one_line_of_an_order_leaves_the_others(work: Workspace, tmp_path: Path) -> None:
    take(work, tmp_path, file_row(1, 1), file_row(1, 2))
    before = work.rows()
    run = take(work, tmp_path, file_row(1, 2))
    assert (figures(run, "orders"), work.rows()) == ((0, 0, 1, 0), before)


def test_lines_of_one_order_may_lie_far_apart(work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_orders, "BATCH", 2)
    rows = [file_row(number, line_no) for line_no in (1, 2) for number in range(1, 6)]
    take(work, tmp_path, *rows)
    assert len(work.rows()) == 10
    assert work.order("ORD-000000003")["total_minor"] == 2 * 1250
    events = len(work.rows(event))
    run = take(work, tmp_path, *rows)
    assert (figures(run)[:2], len(work.rows(event))) == ((0, 0), events)
    assert all(row["ready"] for row in work.rows())


def test_a_status_the_file_states_is_taken_once(work: Workspace, tmp_path: Path) -> None:
    stated = file_row(1, 1, status="price_confirmation")
    take(work, tmp_path, stated)
    assert (work.line("1-1")["status"], work.line("1-1")["ready"]) == ("price_confirmation", False)
    work.record("1-1", ("status_changed", {"status": "paid", "reason": "agreed"}))
    take(work, tmp_path, stated)
    assert work.line("1-1")["status"] == "paid"  # a person's word stays until the file says something new
    take(work, tmp_path, file_row(1, 1, status="cancelled"))
    assert (work.line("1-1")["status"], work.order("ORD-000000001")["status"]) == ("cancelled", "cancelled")
    assert work.differing() == []


def test_what_is_refused_is_kept_with_its_reason(work: Workspace, tmp_path: Path) -> None:
    run = take(
        work,
        tmp_path,
        file_row(1, 1),
        file_row(2, 1, provider="ebay"),
        file_row(3, 1, quantity="many"),
        file_row(53, 1, order_number="53"),
        file_row(53, 1),
    )
    assert (run["state"], figures(run)) == ("done", (2, 0, 0, 3))
    reasons = [row["reason"] for row in work.rejects(run["id"])]
    assert "ebay" in reasons[0]
    assert "quantity" in reasons[1]
    assert reasons[2].startswith("There is a line 53-1 already")
    assert work.rejects(run["id"])[2]["row"]["order_number"] == "ORD-000000053"


def test_a_provider_unknown_here_is_refused(work: Workspace, tmp_path: Path) -> None:
    run = take(work, tmp_path, file_row(2, 1, provider="wonder"), options={"providers": "taobao,wonder"})
    assert (figures(run, "orders"), figures(run)) == ((0, 0, 0, 1), (0, 0, 0, 1))
    assert "“wonder” of 2-1 is not one of: alibaba1688, taobao" in work.rejects(run["id"])[0]["reason"]


def test_an_order_number_belongs_to_one_source(work: Workspace, tmp_path: Path) -> None:
    take(work, tmp_path, file_row(1, 1))
    run = take(work, tmp_path, file_row(1, 1), source="other file")
    assert figures(run, "orders") == (0, 0, 0, 1)
    assert "already" in work.rejects(run["id"])[0]["reason"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("orders.csv", "a,b\n1,2\n", "has no column"), ("orders.txt", "x", "not an order file"), ("gone.csv", "", "read")],
)
def test_a_file_that_is_none_fails_the_run_with_its_sentence(
    work: Workspace, tmp_path: Path, name: str, content: str, says: str
) -> None:
    if content:
        (tmp_path / name).write_text(content, encoding="utf-8")
    run = work.run(import_orders.import_file(work.ctx, OPERATOR, tmp_path / name))
    assert run["state"] == "failed"
    assert says in run["error"]
    assert work.rows() == []


def test_a_file_that_breaks_off_leaves_complete_orders_and_says_how_many(work: Workspace, tmp_path: Path) -> None:
    path = write_file(tmp_path / "orders.csv", many_rows(2400))
    with path.open("ab") as file:
        file.write(b"ORD-9,1,taobao,\xff\xfe\xff,,,,,,\n")
    run = work.run(import_orders.import_file(work.ctx, OPERATOR, path))
    stored = len(work.rows())
    assert run["state"] == "failed"
    assert 0 < stored < 2400
    assert stored % 3 == 0
    assert f"{stored // 3} orders were taken in full" in run["error"]
    assert figures(run)[0] == stored


def test_the_cell_says_what_was_done(work: Workspace, tmp_path: Path) -> None:
    run = take(work, tmp_path, *many_rows(30))
    assert (run["kind"], run["actor"], run["call"]) == ("import", "olga", 'shop.import_file("orders.csv")')
    assert (run["done"], run["total"]) == (10, 10)


def test_a_finished_run_is_not_carried_out_again(work: Workspace, tmp_path: Path) -> None:
    run = take(work, tmp_path, file_row(1, 1, provider="ebay"))
    import_orders.carry_out(work.ctx, run["id"])
    assert (work.run(run["id"]), len(work.rejects(run["id"]))) == (run, 1)


def test_a_viewer_imports_nothing(work: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        import_orders.import_file(work.ctx, VIEWER, write_file(tmp_path / "orders.csv", many_rows(3)))
    with pytest.raises(NotAllowed):
        import_orders.request(work.ctx, VIEWER, "file")


def test_a_shop_is_not_given_a_file(work: Workspace, tmp_path: Path) -> None:
    work.sweep()
    with pytest.raises(BadInput, match="is a shop"):
        take(work, tmp_path, file_row(1, 1), source="shop")


def test_an_import_that_died_is_closed(work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*args: Any) -> Any:
        raise KeyboardInterrupt

    path = write_file(tmp_path / "orders.csv", many_rows(30))
    monkeypatch.setattr(import_orders, "store_batch", die)
    with pytest.raises(KeyboardInterrupt):
        import_orders.import_file(work.ctx, OPERATOR, path)
    monkeypatch.undo()
    assert import_orders.fail_dead(work.ctx) == []  # it may still be alive
    work.clock.pass_time(minutes=6)
    queued = import_orders.request_file(work.ctx, OPERATOR, path)  # a worker's own imports are the worker's to end
    (number,) = import_orders.dead_runs(work.ctx)
    assert import_orders.fail_dead(work.ctx) == [number]
    assert (work.run(number)["state"], work.run(queued)["state"]) == ("failed", "queued")
    assert "ended half-way" in work.run(number)["error"]
    assert import_orders.dead_runs(work.ctx) == []
    assert figures(take(work, tmp_path, *many_rows(30)))[0] == 30
