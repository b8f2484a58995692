"""How fast bookings are committed and sent, beside what the same machine needs for the bare statements and calls.

    python -m tests.bench.book_bench [commit] [http] [rate] [--rounds N] [--postgres-url URL] [--sqlite-only]

commit: `apply` of 1,000 lines in 200 purchases beside 100,000 other lines, against the same rows by SQLAlchemy Core.
http:   1,000 bookings at 50 ms and 8 at once, worker process included, against threads that commit, POST and commit.
rate:   what share of a session's rate a long batch uses, and the most in any second as the marketplace counted it.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import book_commit, book_http
from tests.support.postgres import find_binaries, start_cluster

PARTS: dict[str, Callable[[str, int], dict[str, Any]]] = {
    "commit": book_commit.measure,
    "http": book_http.measure_speed,
    "rate": book_http.measure_rate,
}


def main(words: list[str]) -> dict[str, Any]:
    """Run the parts asked for (default: all) on SQLite and, where there is one, on PostgreSQL."""
    asked = _arguments(words)
    found: dict[str, Any] = {"machine": f"{platform.machine()}, Python {platform.python_version()}"}
    with databases(asked.postgres_url, sqlite_only=asked.sqlite_only) as known:
        for part in asked.parts or list(PARTS):
            for name, fresh in known.items():
                found[f"{part} {name}"] = PARTS[part](fresh(), asked.rounds)
    return found


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench book")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgres-url", default="", help="an empty database; default: a server of our own")
    parser.add_argument("--sqlite-only", action="store_true")
    return parser.parse_args(words)


@contextmanager
def databases(postgres_url: str, *, sqlite_only: bool) -> Iterator[dict[str, Callable[[], str]]]:
    """Name -> what gives the address of an empty database."""
    with tempfile.TemporaryDirectory(prefix="autopurchase-bench-") as folder:
        numbers = iter(range(1_000))
        found: dict[str, Callable[[], str]] = {"sqlite": lambda: f"sqlite:///{Path(folder)}/{next(numbers)}.db"}
        binaries = find_binaries()
        if sqlite_only or (binaries is None and not postgres_url):
            yield found
            return
        if postgres_url:
            yield {**found, "postgresql": lambda: postgres_url}
            return
        assert binaries is not None
        cluster = start_cluster(binaries)
        try:
            yield {**found, "postgresql": lambda: cluster.url(cluster.create_database())}
        finally:
            cluster.stop()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:]), indent=2))
