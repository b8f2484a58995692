"""``bench NAME``: run one of the checkout's measurements."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from autopurchase.domain.errors import BadInput

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / "tests" / "bench"


def benches() -> dict[str, Path]:
    """What can be measured: name -> file of the checkout (``tests/bench/test_NAME.py``)."""
    return {file.stem.removeprefix("test_"): file for file in sorted(_FOLDER.glob("test_*.py"))}


@click.command()
@click.argument("name")
def bench(name: str) -> int:
    """Measure NAME on this machine, which should have nothing else to do."""
    known = benches()
    if name not in known:
        there = f"There are: {', '.join(known)}." if known else "They come with a checkout, not with the package."
        raise BadInput(f"There is no bench “{name}”. {there}")
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "bench", str(known[name])]
    return subprocess.run(command, cwd=_ROOT, check=False).returncode
