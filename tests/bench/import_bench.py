"""How fast orders come in, and in how much memory, beside the floor: a plain upsert of the same rows.

    python -m tests.bench.import_bench [ROWS …] [--rounds N] [--postgres] [--shop ORDERS]

Files of 10,000, 100,000 and 1,000,000 lines unless ROWS say otherwise, each in a process of its own, so that its
largest size is its own. --shop: that many orders of three lines from a WooCommerce stand-in over HTTP instead.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from autopurchase.domain.shop import ShopOrder
from autopurchase.services import import_orders, sources
from autopurchase.services.import_rules import line_values, order_values
from autopurchase.sources import SOURCES
from autopurchase.storage import runs
from autopurchase.storage.schema import line, metadata, orders, source
from tests.sources.stubs.server import serving
from tests.sources.stubs.woocommerce import KEY, SECRET, WooShop
from tests.support.orders import ADMIN, OPERATOR, START, Workspace, many_rows, open_workspace, write_file
from tests.support.postgres import find_binaries, start_cluster

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 500


def bench_import(rows: int, first: str, url: str, rounds: int = 3) -> dict[str, Any]:
    """Import a file of ``rows`` lines ``rounds`` times into empty tables, in turn with the floor; medians in seconds.

    ``again``: the same file once more, when nothing changes. ``grown_mb``: how much larger the process became by them
    than by a quarter of the rows, which go into the database ``first`` (kilobytes a row would show here).
    ``peak_mb``: its largest size then, the program itself included. Emptying tables takes memory too: it comes later.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = write_file(Path(folder) / "orders.csv", many_rows(rows))
        quarter = write_file(Path(folder) / "quarter.csv", many_rows(max(1, rows // 4)))
        work = open_workspace(first)
        _forget_largest()
        _import(work, quarter)
        work.ctx.db.close()
        before = peak = _largest_mb()
        work = open_workspace(url)
        _forget_largest()
        times: dict[str, list[float]] = {"ours": [], "again": [], "floor": []}
        for number in range(rounds):
            if number:
                _empty(work)
            times["ours"].append(_timed(lambda: _import(work, path)))
            times["again"].append(_timed(lambda: _import(work, path)))
            peak = peak if number else _largest_mb()
            stored = _count(work)
            _empty(work)
            times["floor"].append(_timed(lambda: _floor(work, path)))
            if {stored, _count(work)} != {rows}:
                raise RuntimeError(f"{stored} and {_count(work)} lines stored, not {rows}")
        work.ctx.db.close()
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        "rows": rows,
        "seconds": {name: round(value, 3) for name, value in medians.items()},
        "rows_per_second": {name: round(rows / value) for name, value in medians.items()},
        "times_floor": round(medians["ours"] / medians["floor"], 2),
        "grown_mb": round(peak - before, 1),
        "peak_mb": round(peak),
    }


def _timed(do: Callable[[], None]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _import(work: Workspace, path: Path) -> None:
    run_id = import_orders.import_file(work.ctx, OPERATOR, path)
    with work.ctx.db.read() as tx:
        if error := runs.get(tx, run_id)["error"]:
            raise RuntimeError(error)


def _floor(work: Workspace, path: Path) -> None:
    """Read the same file and upsert its orders and lines: no comparing, no history, no rules."""
    with work.ctx.db.write() as tx:
        values = {"name": "floor", "kind": "file", "config_sealed": "", "created_at": START}
        source_id = tx.execute(insert(source).values(**values).returning(source.c.id)).scalar_one()
    reading = SOURCES["file"].open({"path": str(path)}).open_paid()
    numbers = iter(range(1, sys.maxsize))
    for part in _parts(item for item in reading if isinstance(item, ShopOrder)):
        _upsert(work, source_id, [(next(numbers), order) for order in part])


def _parts(items: Iterator[ShopOrder]) -> Iterator[list[ShopOrder]]:
    while part := list(islice(items, BATCH)):
        yield part


def _upsert(work: Workspace, source_id: int, part: list[tuple[int, ShopOrder]]) -> None:
    own = {"source_id": source_id, "status": "paid", "imported_at": START, "read_at": START}
    new_orders = [{**order_values(order), **own, "id": key, "external_id": order.external_id} for key, order in part]
    state = {"status": "paid", "purchase": "ready", "version": 1, "ready": True, "ready_at": START}
    state |= {"imported_at": START, "changed_at": START}
    new_lines = [
        {**line_values(each), **state, "order_id": key, "line_no": each.line_no, "number": f"{key}-{each.line_no}"}
        for key, order in part
        for each in order.lines
    ]
    dialect: Any = sqlite if work.ctx.db.sqlite else postgresql
    with work.ctx.db.write() as tx:
        for table, keys, rows in (
            (orders, ["source_id", "external_id"], new_orders),
            (line, ["order_id", "line_no"], new_lines),
        ):
            statement = dialect.insert(table)
            update = {name: statement.excluded[name] for name in rows[0] if name not in ("id", *keys)}
            tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=update), rows)


def _empty(work: Workspace) -> None:
    kept = {"alembic_version"}
    with work.ctx.db.write() as tx:
        for table in reversed(metadata.sorted_tables):
            if table.name not in kept:
                tx.execute(table.delete())
    if not work.ctx.db.sqlite:
        with work.ctx.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze"))


def _count(work: Workspace) -> int:
    with work.ctx.db.read() as tx:
        return int(tx.execute(select(func.count()).select_from(line)).scalar_one())


def _largest_mb() -> float:
    """The largest this process has been since `_forget_largest`, in megabytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _forget_largest() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


# --- a shop ---


def bench_shop(count: int, url: str) -> dict[str, Any]:
    """Import ``count`` orders of three lines from a shop that serves from a process of its own; seconds, growth."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    shop = context.Process(target=_serve, args=(count, theirs), daemon=True)
    shop.start()
    address = ours.recv()
    work = open_workspace(url)
    config = {"base_url": address, "consumer_key": KEY, "consumer_secret": SECRET}
    config |= {"url_meta": "source_url", "paid_methods": "stripe"}
    sources.add(work.ctx, ADMIN, kind="woocommerce", name="woo", config=config)
    before = _largest_mb()
    times = {name: _timed(lambda: _sweep(work)) for name in ("first", "again")}
    stored = _count(work)
    work.ctx.db.close()
    ours.send("end")
    shop.join(10)
    if stored != 3 * count:
        raise RuntimeError(f"{stored} lines stored, not {3 * count}")
    per_second = {name: round(count / value) for name, value in times.items()}
    seconds = {name: round(value, 2) for name, value in times.items()}
    grown = round(_largest_mb() - before, 1)
    return {"orders": count, "seconds": seconds, "orders_per_second": per_second, "grown_mb": grown}


def _serve(count: int, pipe: Any) -> None:
    shop = WooShop()
    for number in range(count):
        links = [f"https://item.taobao.com/item.htm?id={610000000000 + number * 3 + line}" for line in range(3)]
        shop.place([{"name": "Coat", "quantity": 1, "total": "12.50", "meta": {"source_url": link}} for link in links])
    with serving(shop) as running:
        pipe.send(running.url)
        pipe.recv()


def _sweep(work: Workspace) -> None:
    run_id = import_orders.request(work.ctx, OPERATOR, "woo")
    import_orders.carry_out(work.ctx, run_id)
    with work.ctx.db.read() as tx:
        if error := runs.get(tx, run_id)["error"]:
            raise RuntimeError(error)


# --- the program ---


def main(words: list[str]) -> int:
    """Measure what was asked for; one JSON document a line."""
    parser = argparse.ArgumentParser(prog="bench import")
    parser.add_argument("rows", nargs="*", type=int, default=SIZES)
    parser.add_argument("--rounds", type=int, default=0, help="default: 3, and 1 from a million rows on")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server of its own instead of SQLite")
    parser.add_argument("--shop", type=int, default=0, metavar="ORDERS")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.one:
        rounds = asked.rounds or (1 if asked.rows[0] >= SIZES[-1] else 3)
        found = bench_shop(asked.shop, asked.one[0]) if asked.shop else bench_import(asked.rows[0], *asked.one, rounds)
        print(json.dumps(found), flush=True)
        return 0
    with _database(asked.postgres) as fresh:
        for job in [["--shop", str(asked.shop)]] if asked.shop else [[str(rows)] for rows in asked.rows]:
            command = [sys.executable, "-m", "tests.bench.import_bench", *job, "--one", fresh(), fresh()]
            subprocess.run([*command, "--rounds", str(asked.rounds)], check=True)
    return 0


@contextmanager
def _database(postgres: bool) -> Iterator[Callable[[], str]]:
    """Gives addresses of empty databases."""
    if not postgres:
        with tempfile.TemporaryDirectory(prefix="autopurchase-bench-") as folder:
            numbers = iter(range(100))
            yield lambda: f"sqlite:///{folder}/{next(numbers)}.db"
        return
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("There is no PostgreSQL on this machine.")
    cluster = start_cluster(binaries)
    try:
        yield lambda: cluster.url(cluster.create_database())
    finally:
        cluster.stop()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
