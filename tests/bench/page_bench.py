"""How fast Ready for purchase is, beside a trivial paged page, with 10,000 to 1,000,000 ready lines on SQLite.

    python -m tests.bench.page_bench [sizes ...] [--rounds N] [--no-browser]

Both sides take turns, medians of the rounds, milliseconds and kilobytes; ``times_floor`` is ours over theirs.
rerun:   one run of the page in this process, nothing changed since the last one; ``changed``: its lines read again.
cold:    a new browser profile goes to the page, until the first cell of the table is there; warm: the same once more.
click:   a row is ticked, until the run that follows has ended.
wire:    what the websocket brings for the first view; ``click_wire``: for one click.
queries: what one drawing asks the database, with nothing kept: default view, one marketplace, words nobody has written.
"""

from __future__ import annotations

import argparse
import json
import logging
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

import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from autopurchase import wiring
from autopurchase.storage import views
from autopurchase.storage.views import ReadyFilter
from autopurchase.ui import keeper, ready
from tests.bench import page_browser, page_seed
from tests.support.pages import open_app, sound

SIZES = (10_000, 100_000, 1_000_000)
FLOOR = Path(__file__).with_name("page_floor.py")
FILTERS = {
    "default": ReadyFilter(),
    "marketplace": ReadyFilter(provider="taobao"),
    "no_such_words": ReadyFilter(text="never written"),
}


def main(words: list[str]) -> dict[str, Any]:
    """Measure every size."""
    asked = _arguments(words)
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"Streamlit {st.__version__}, load {os.getloadavg()[0]:.1f}"
    }
    with tempfile.TemporaryDirectory(prefix="autopurchase-bench-") as folder:
        floor = Path(folder) / "floor.db"
        page_seed.fill_floor(floor)
        os.environ["PAGE_FLOOR_DB"] = str(floor)
        for count in asked.sizes or SIZES:
            found[f"{count:,} lines"] = _measure(Path(folder) / str(count), count, asked)
            print(f"{count:,} lines: done, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return found


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench page")
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-browser", action="store_true")
    return parser.parse_args(words)


def _measure(home: Path, count: int, asked: argparse.Namespace) -> dict[str, Any]:
    seconds = _seed(home, count)
    found: dict[str, Any] = {"seeded_in_s": round(seconds, 1), "queries": _queries(home, asked.rounds)}
    found |= _reruns(home, asked.rounds * 3)
    if not asked.no_browser:
        found |= page_browser.measure(home, FLOOR, asked.rounds)
    return {name: _beside(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _seed(home: Path, count: int) -> float:
    began = time.perf_counter()
    opened = wiring.open_workspace({"AUTOPURCHASE_HOME": str(home)})
    page_seed.fill(opened, count)
    opened.close()
    return time.perf_counter() - began


def _beside(sides: tuple[list[float], list[float]]) -> dict[str, float]:
    ours, floor = (statistics.median(side) for side in sides)
    return {"ours": round(ours, 1), "floor": round(floor, 1), "times_floor": round(ours / floor, 2)}


def _queries(home: Path, rounds: int) -> dict[str, float]:
    opened = wiring.open_workspace({"AUTOPURCHASE_HOME": str(home)})

    def ask(wanted: ReadyFilter) -> None:
        with opened.context.db.read() as connection:
            ready._counted(connection, wanted, ready.SIZES[0], 1)
            views.reaches_all(connection, wanted)

    found = {
        name: round(statistics.median(_timed(partial(ask, wanted)) for _ in range(rounds)), 2)
        for name, wanted in FILTERS.items()
    }
    opened.close()
    return found


def _reruns(home: Path, rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    with _pages_in_this_process(home):
        ours, floor = open_app("pages/operate/ready.py"), open_app(script=FLOOR)
        if len(ours.dataframe[0].value) != 100 or len(floor.dataframe[0].value) != 100:
            raise RuntimeError("a side does not show 100 rows")
        return {
            "rerun": _in_turn(lambda: _run(ours), lambda: _run(floor), rounds),
            "changed": _in_turn(lambda: _run_changed(ours), lambda: _run(floor), rounds),
        }


@contextmanager
def _pages_in_this_process(home: Path) -> Iterator[None]:
    """The pages opened here have this workspace, and no worker beside them."""
    logging.disable(logging.WARNING)  # the runner says at every run that it has no browser
    config.set_option("client.showErrorDetails", "full")
    config.set_option("runner.enforceSerializableSessionState", False)  # cannot be kept in the test runner
    os.environ["AUTOPURCHASE_HOME"] = str(home)
    keeper.keep_worker = lambda opened: None
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
    logging.disable(logging.NOTSET)


def _in_turn(ours: Callable[[], float], floor: Callable[[], float], rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of both sides, each measured ``rounds`` times in turn."""
    found = [(ours(), floor()) for _ in range(rounds)]
    return [one for one, _ in found], [other for _, other in found]


def _run(app: AppTest) -> float:
    spent = _timed(app.run)
    sound(app)
    return spent


def _run_changed(app: AppTest) -> float:
    ready._shown.clear()
    return _run(app)


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:]), indent=2))
