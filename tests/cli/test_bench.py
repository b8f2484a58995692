"""``bench`` as a process: whoever ends it ends the measurement."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import wait_until

ROOT = Path(__file__).parents[2]


def commands(group: int) -> list[str]:
    """The command lines of a process group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == group:
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it has just ended
    return found


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system does not list processes in /proc")
def test_ending_a_bench_ends_the_measurement() -> None:
    command = [sys.executable, "-m", "autopurchase", "bench", "book", "commit", "--sqlite-only"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        wait_until(
            lambda: any("book_bench" in each for each in commands(process.pid)), timeout=60, what="the measurement"
        )
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        wait_until(lambda: not commands(process.pid), timeout=30, what="the end of all of it")
