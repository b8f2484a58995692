"""How long Overview and Weekly take to be made, with 10,000 to 1,000,000 lines and two years of events.

    python -m tests.bench.figures_bench [sizes ...] [--rounds N] [--postgres]

Medians of the rounds, in milliseconds; ``cpu`` is this process's processor time. Overview is the backlog and the trend
of twelve weeks; ``weekly`` the last week that is over, ``old_week`` one of a year before. ``exponent``: growth of the
time from the smallest to the largest size, 0 is flat, 1 linear. The week's events grow as the lines do.
``reads_whole``: tables that grow with the work and are read from end to end, as the database plans it at this size.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autopurchase.reports import backlog, trend, weekly
from autopurchase.reports.weeks import week_of
from autopurchase.storage import schema
from tests.bench import figures_seed
from tests.reports.conftest import END, Archive, open_archive
from tests.reports.test_plans import listening, scans
from tests.support.postgres import find_binaries, start_cluster

SIZES = (10_000, 100_000, 1_000_000)


def main(words: list[str]) -> dict[str, Any]:
    """Measure every size on the database asked for."""
    asked = _arguments(words)
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}",
        "database": "PostgreSQL" if asked.postgres else "SQLite",
    }
    with tempfile.TemporaryDirectory(prefix="autopurchase-bench-") as folder, _url(asked.postgres, Path(folder)) as url:
        for count in asked.sizes or SIZES:
            found[f"{count:,} lines"] = _measure(Path(folder) / str(count), url(count), count, asked.rounds)
            print(f"{count:,} lines: done, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return found | _growth(found)


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench figures")
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--postgres", action="store_true")
    return parser.parse_args(words)


@contextmanager
def _url(postgres: bool, folder: Path) -> Iterator[Callable[[int], str]]:
    if not postgres:
        yield lambda count: f"sqlite:///{folder / f'{count}.db'}"
        return
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("there is no PostgreSQL server on this machine")
    cluster = start_cluster(binaries)
    try:
        yield lambda count: cluster.url(cluster.create_database())
    finally:
        cluster.stop()


def _measure(home: Path, url: str, count: int, rounds: int) -> dict[str, Any]:
    archive = open_archive(home, url)
    began = time.perf_counter()
    figures_seed.fill(archive, count)
    seconds = time.perf_counter() - began
    basis = archive.basis(currency="EUR")
    week = week_of(END, basis.zone).before()
    pages = {
        "overview": lambda tx: (backlog.backlog(tx, basis), trend.trend(tx, basis)),
        "weekly": lambda tx: weekly.weekly(tx, week.name, basis),
        "old_week": lambda tx: weekly.weekly(tx, week.before(52).name, basis),
    }
    with archive.ctx.db.read(steady=True) as tx:
        found: dict[str, Any] = {"seeded_in_s": round(seconds, 1), **_sizes(tx, week.start, week.end)}
        for name, make in pages.items():
            found[name] = _timed(partial(make, tx), rounds)
        found["reads_whole"] = sorted(_whole(archive, tx, pages))
        report = weekly.weekly(tx, week.name, basis)
        found["residual"] = report.figures["residual"].value
    archive.workspace.close()
    return found


def _sizes(tx: sa.Connection, start: Any, end: Any) -> dict[str, int]:
    inside = sa.select(sa.func.count()).where(schema.movement.c.at >= start, schema.movement.c.at < end)
    return {
        "lines": tx.execute(sa.select(sa.func.count()).select_from(schema.line)).scalar_one(),
        "events": tx.execute(sa.select(sa.func.count()).select_from(schema.event)).scalar_one(),
        "movements_of_the_week": tx.execute(inside).scalar_one(),
        "backlog_lines": tx.execute(sa.select(sa.func.count()).where(schema.line.c.backlog > 0)).scalar_one(),
    }


def _whole(archive: Archive, tx: sa.Connection, pages: dict[str, Callable[[sa.Connection], object]]) -> set[str]:
    """Growing tables that a page reads from end to end, as the database plans it at this size."""
    with listening(archive.ctx.db) as heard:
        for make in pages.values():
            make(tx)
    found = {name for statement, given in heard for name in scans(tx, statement, given)}
    return {name for name in found if tx.exec_driver_sql(f"select count(*) from {name}").scalar_one() > _FEW}


#: tables of so few rows are read whole because nothing is quicker
_FEW = 1_000


def _timed(do: Callable[[], object], rounds: int) -> dict[str, float]:
    do()  # statements are made once
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        do()
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.process_time() - cpu) * 1000)
    return {"wall_ms": round(statistics.median(walls), 1), "cpu_ms": round(statistics.median(cpus), 1)}


def _growth(found: dict[str, Any]) -> dict[str, Any]:
    sizes = [(int(name.split()[0].replace(",", "")), value) for name, value in found.items() if name.endswith(" lines")]
    if len(sizes) < 2:
        return {}
    (least, small), (most, large) = sizes[0], sizes[-1]
    return {
        "exponent": {
            page: round(math.log(large[page]["wall_ms"] / small[page]["wall_ms"]) / math.log(most / least), 2)
            for page in ("overview", "weekly", "old_week")
        }
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:]), indent=2))
