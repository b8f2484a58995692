"""``bench NAME``: run one of the checkout's measurements."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from autopurchase.domain.errors import BadInput

_ROOT = Path(__file__).resolve().parents[2]


def benches() -> dict[str, list[str]]:
    """What can be measured: name -> command. Programs are ``tests/bench/NAME_bench.py``, tests ``test_NAME.py``."""
    python = [sys.executable, "-m"]
    programs = {
        file.stem.removesuffix("_bench"): [*python, f"tests.bench.{file.stem}"] for file in _files("*_bench.py")
    }
    tests = {
        file.stem.removeprefix("test_"): [*python, "pytest", "-q", "-s", "-m", "bench", str(file)]
        for file in _files("test_*.py")
    }
    return programs | tests


def _files(pattern: str) -> list[Path]:
    return sorted((_ROOT / "tests" / "bench").glob(pattern))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("more", nargs=-1)
def bench(name: str, more: tuple[str, ...]) -> None:
    """Measure NAME on this machine, which should have nothing else to do; MORE goes to the measurement."""
    known = benches()
    if name not in known:
        there = f"There are: {', '.join(known)}." if known else "They come with a checkout, not with the package."
        raise BadInput(f"There is no bench “{name}”. {there}")
    os.chdir(_ROOT)
    os.execv(sys.executable, [*known[name], *more])  # in our place: whoever ends us ends the measurement
