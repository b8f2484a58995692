"""How fast an order file comes in, beside the floor: a plain upsert of the same rows by SQLAlchemy Core.

python -m tests.bench.import_bench [rows] [database URL]
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from autopurchase.domain.shop import ShopOrder
from autopurchase.services import import_orders
from autopurchase.services.import_rules import line_values, order_values
from autopurchase.sources import SOURCES
from autopurchase.storage import runs
from autopurchase.storage.schema import line, metadata, orders, source
from tests.support.orders import OPERATOR, START, Workspace, many_rows, open_workspace, write_file

ROUNDS = 3
BATCH = 500


def bench_import(rows: int, url: str) -> dict[str, Any]:
    """Import a file of ``rows`` lines three times into emptied tables, in turn with the floor; medians in seconds.

    ``again``: the same file once more, when nothing changes. ``grown_mb``: how much the process's largest size grew
    between the first quarter of the rows and all of them (kilobytes a row would show here).
    """
    with tempfile.TemporaryDirectory() as folder:
        path = write_file(Path(folder) / "orders.csv", many_rows(rows))
        quarter = write_file(Path(folder) / "quarter.csv", many_rows(max(1, rows // 4)))
        work = open_workspace(url)
        _import(work, quarter)
        before = _largest_mb()
        times: dict[str, list[float]] = {"ours": [], "again": [], "floor": []}
        for _ in range(ROUNDS):
            _empty(work)
            times["ours"].append(_timed(lambda: _import(work, path)))
            times["again"].append(_timed(lambda: _import(work, path)))
            stored = _count(work)
            _empty(work)
            times["floor"].append(_timed(lambda: _floor(work, path)))
            if {stored, _count(work)} != {rows}:
                raise RuntimeError(f"{stored} and {_count(work)} lines stored, not {rows}")
        grown = _largest_mb() - before
        work.ctx.db.close()
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        "rows": rows,
        "seconds": {name: round(value, 3) for name, value in medians.items()},
        "rows_per_second": {name: round(rows / value) for name, value in medians.items()},
        "times_floor": round(medians["ours"] / medians["floor"], 2),
        "grown_mb": round(grown, 1),
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
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as home:
        print(json.dumps(bench_import(count, sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{home}/bench.db")))
