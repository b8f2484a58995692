"""Nothing is lost and nothing comes twice, however an import ends and whoever else imports."""

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.domain.mapping import Target
from autopurchase.services import import_orders, mapping
from autopurchase.storage import lines
from autopurchase.storage.lines import Event
from autopurchase.storage.schema import event, orders, run
from tests.bench.import_bench import bench_import
from tests.support.orders import OPERATOR, Workspace, many_rows, open_workspace, write_file
from tests.support.processes import Child, start, wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def work(database_url: str) -> Iterator[Workspace]:
    workspace = open_workspace(database_url)
    yield workspace
    workspace.ctx.db.close()


def importing(url: str, path: Path, log: Path) -> Child:
    """A process that imports the file."""
    command = [sys.executable, "-m", "tests.services.import_child", url, path]
    return start(command, log=log, cwd=ROOT)


def each_once(work: Workspace, rows: int) -> bool:
    """Every line is there once, with one event, in an order of its own."""
    events = Counter(row["line_id"] for row in work.rows(event))
    numbers = [row["number"] for row in work.rows()]
    return len(numbers) == len(set(numbers)) == rows and set(events.values()) == {1} and work.differing() == []


@pytest.mark.faults
def test_an_import_killed_half_way_is_finished_by_the_next(work: Workspace, database_url: str, tmp_path: Path) -> None:
    path = write_file(tmp_path / "orders.csv", many_rows(20_000))
    child = importing(database_url, path, tmp_path / "log")
    wait_until(lambda: len(work.rows(orders)) > 1000 or not child.alive, timeout=60, what="a part of the file")
    child.kill()
    stored = len(work.rows())
    assert 0 < stored < 20_000, child.read_log()
    interrupted = work.rows(run)[0]
    assert interrupted["out"]["lines"]["new"] == stored  # the cell was written with the lines
    import_orders.carry_out(work.ctx, interrupted["id"])
    figures = work.run(interrupted["id"])
    assert (figures["state"], figures["out"]["lines"]["new"]) == ("done", 20_000)
    assert each_once(work, 20_000)
    again = work.run(import_orders.import_file(work.ctx, OPERATOR, path))["out"]["lines"]
    assert again == {"new": 0, "changed": 0, "rejected": 0, "unchanged": 20_000}


@pytest.mark.faults
def test_two_imports_of_one_file_at_once(work: Workspace, database_url: str, tmp_path: Path) -> None:
    path = write_file(tmp_path / "orders.csv", many_rows(4000))
    children = [importing(database_url, path, tmp_path / f"log{number}") for number in range(2)]
    assert [child.wait(timeout=90) for child in children] == [0, 0], [child.read_log() for child in children]
    assert [row["state"] for row in work.rows(run)] == ["done", "done"]
    assert sum(row["out"]["lines"]["new"] for row in work.rows(run)) == 4000
    assert each_once(work, 4000)


@pytest.mark.bench
def test_the_measurement_of_imports_works_and_memory_stays_flat(database_url: str, tmp_path: Path) -> None:
    found = bench_import(8000, f"sqlite:///{tmp_path / 'quarter.db'}", database_url, rounds=1)
    assert found["grown_mb"] < 12, found


def test_a_first_import_lets_postgresql_plan_for_tables_that_are_not_empty_any_more(
    postgres_url: str, tmp_path: Path
) -> None:
    """Or it compares each order of the source with each of the batch: 500 more with every batch, for a minute or so."""
    work = open_workspace(postgres_url)
    import_orders.import_file(work.ctx, OPERATOR, write_file(tmp_path / "orders.csv", many_rows(2500, per_order=1)))
    with work.ctx.db.read() as tx:
        known = dict(
            tx.execute(sa.text("select relname, reltuples from pg_class where relname in ('orders', 'line')")).all()
        )
    work.ctx.db.close()
    assert min(known.values()) >= 2000


@pytest.mark.faults
def test_imports_and_other_writers_of_the_same_lines_never_lock_each_other_out(
    work: Workspace, database_url: str, tmp_path: Path
) -> None:
    rows = list(many_rows(300))
    import_orders.import_file(work.ctx, OPERATOR, write_file(tmp_path / "orders.csv", rows))
    priced = write_file(tmp_path / "priced.csv", [{**row, "unit_price": "13.00"} for row in rows])
    numbers = [row["number"] for row in work.rows()]

    def move_lines() -> None:
        """What a worker does beside: lines of many orders move in one transaction, and their orders with them."""
        other = open_workspace(database_url)
        ids = [other.line(number)["id"] for number in numbers[::-7]]
        for status in ("ordered", "paid") * 5:
            with other.ctx.db.write() as tx:
                told = [Event(key, "status_changed", {"status": status, "reason": "test"}) for key in ids]
                lines.record(tx, told, at=other.clock.now(), actor="test", run_id=None)
        other.ctx.db.close()

    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(move_lines)
        for path in (priced, tmp_path / "orders.csv") * 5:
            run_id = import_orders.import_file(work.ctx, OPERATOR, path)
            assert work.run(run_id)["state"] == "done"
        moving.result(timeout=60)
    assert work.differing() == []


@pytest.mark.faults
def test_mappings_made_while_orders_come_in_miss_no_line(work: Workspace, database_url: str, tmp_path: Path) -> None:
    """Whoever is first: the import finds the mapping, or the mapping finds the line."""
    rows = list(many_rows(1500))
    path = write_file(tmp_path / "orders.csv", rows)
    keys = sorted({f"{row['provider']}:{row['item_id']}:{row['sku_id']}" for row in rows})

    def map_products() -> None:
        other = open_workspace(database_url)
        for key in keys[::5]:
            mapping.set(other.ctx, OPERATOR, "", key, Target("taobao", "7654321", ratio=2))
        other.ctx.db.close()

    with ThreadPoolExecutor(1) as pool:
        mapping_now = pool.submit(map_products)
        for _ in range(3):
            run_id = import_orders.import_file(work.ctx, OPERATOR, path)
            assert work.run(run_id)["state"] == "done"
        mapping_now.result(timeout=100)
    mapped = {row["product_key"] for row in work.rows() if row["item_id"] == "7654321" and row["ratio"] == 2}
    assert mapped == set(keys[::5])
    assert all((row["item_id"] == "7654321") == (row["product_key"] in mapped) for row in work.rows())
    assert work.differing() == []
