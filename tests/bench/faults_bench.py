"""The long run of the matrix: kills at named steps, all faults, every way to meet duplicates, on each database.

    python -m autopurchase bench faults [--lines N] [--kills N] [--seed N] [--part N] [--minutes N]
                                        [--database sqlite|postgresql]

One part is a marketplace and a workspace of its own, which are thrown away; parts go through databases and modes
in turn until lines and kills are reached, or the minutes are over. A line of JSON for each part, and one for the sum.
Ends with 1 when anything was over-booked, lost, unbound or shown cancelled that lives. `--seed S --part N` makes the
choices of part N once more.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.book_bench import databases
from tests.faults.matrix import MODES, Matrix, all_steps, ordeals
from tests.faults.reckoning import reckon

#: kills of a part
KILLS = 20
_SUMS = ("lines", "kills", "orders", "over_booked", "lost", "unbound", "shown_cancelled", "unknown", "seconds")


def main(words: list[str]) -> int:
    """Run the parts; 0 when all is as it must be."""
    asked = _arguments(words)
    deadline = time.monotonic() + asked.minutes * 60
    parts: list[dict[str, Any]] = []
    cells: set[tuple[str, str, str, str]] = set()
    with databases("", sqlite_only=asked.database == "sqlite") as known:
        names = [name for name in known if asked.database in ("", name)]
        for number in range(asked.part, 10_000):
            parts.append(_part(asked, number, names[number // len(MODES) % len(names)], known, cells))
            print(json.dumps(parts[-1]), flush=True)
            done = sum(part["lines"] for part in parts) >= asked.lines and _sum(parts, "kills") >= asked.kills
            if done or time.monotonic() > deadline:
                break
    total = {name: _sum(parts, name) for name in _SUMS}
    wrong = sum(bool(part["wrong"]) for part in parts)
    print(json.dumps({"seed": asked.seed, "parts": len(parts), **total, "cells": len(cells), "wrong": wrong}))
    return int(wrong > 0)


def _sum(parts: list[dict[str, Any]], name: str) -> int:
    return int(sum(part[name] for part in parts))


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench faults")
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 10**6))
    parser.add_argument("--minutes", type=float, default=240, help="no further part begins after this")
    parser.add_argument("--database", choices=["sqlite", "postgresql", ""], default="", help="default: both in turn")
    parser.add_argument("--part", type=int, default=0, help="the first part: carry on where a run ended")
    return parser.parse_args(words)


def _part(
    asked: argparse.Namespace,
    number: int,
    database: str,
    known: dict[str, Callable[[], str]],
    cells: set[tuple[str, str, str, str]],
) -> dict[str, Any]:
    """One world from its first line to the comparison at its end."""
    began, seed, mode = time.monotonic(), asked.seed * 10_000 + number, MODES[number % len(MODES)]
    kills = max(1, min(KILLS, asked.kills))
    lines = max(kills, round(kills * asked.lines / max(1, asked.kills)))
    with tempfile.TemporaryDirectory(prefix="autopurchase-faults-") as folder:
        workers = 1 if database == "sqlite" else 2
        with ordeals(Path(folder), known[database](), seed, workers=workers) as ordeal:
            steps = _steps(seed, kills)
            error = _went_wrong(ordeal, mode, lines, steps)
            found = reckon(ordeal.world)
            cells |= {(database, *cell) for cell in ordeal.cells}
            struck, fired = ordeal.struck, ordeal.fired
            made = {"refused": dict(ordeal.mine.refused), "by_hand": ordeal.mine.by_hand}
            dead = ordeal.kills
    return {
        "part": number,
        "seed": asked.seed,
        "database": database,
        "mode": mode,
        "lines": found.lines,
        "kills": dead,
        "orders": found.orders,
        "over_booked": len(found.over_booked),
        "lost": len(found.lost),
        "unbound": len(found.unbound),
        "shown_cancelled": len(found.shown_cancelled),
        "unknown": found.waiting,
        "seconds": round(time.monotonic() - began, 1),
        "steps": dict(sorted(fired.items())),
        "faults": len(struck),
        "struck": sum(struck.values()),
        "desk": dict(found.desk),
        **made,
        "wrong": found.wrong | ({"error": [error]} if error else {}),
    }


def _steps(seed: int, kills: int) -> list[str]:
    """Every step once, in random order, then again: parts of a run begin at different ones."""
    dice, found = random.Random(seed), list[str]()
    while len(found) < kills:
        found += dice.sample(all_steps(), len(all_steps()))
    return found[:kills]


def _went_wrong(ordeal: Matrix, mode: str, lines: int, steps: list[str]) -> str:
    """Go through the part in rounds of ten kills; what did not come to an end, as a text."""
    try:
        for at in range(0, len(steps), 10):
            some = steps[at : at + 10]
            ordeal.round(mode, lines * len(some) // len(steps), some)
        ordeal.compare()
    except (AssertionError, TimeoutError) as error:
        return str(error)[-6000:]
    finally:
        ordeal.stop()
    return "" if ordeal.fired else "nobody was killed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
