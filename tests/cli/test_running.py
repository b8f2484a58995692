"""What runs and ends: the worker, the demo, pages and worker together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from autopurchase.engine.alive import workers
from autopurchase.engine.worker import BUSY
from autopurchase.storage.database import Database
from tests.cli.conftest import Shell
from tests.cli.shell import ROOT, environment, run
from tests.support.processes import Child, answers, free_port, start, wait_until


def at_work(home: Path) -> int:
    """Workers on the workspace."""
    return workers(Database(f"sqlite:///{home / 'autopurchase.db'}"), home)


def worker(children: list[Child], home: Path) -> Child:
    """A worker that works already."""
    child = start([sys.executable, "-m", "autopurchase", "worker"], log=home.parent / "w.log", env=environment(home))
    children.append(child)
    wait_until(lambda: "works" in child.read_log() or not child.alive, timeout=30, what="the worker")
    assert child.alive, child.read_log()
    return child


def test_one_worker_a_workspace_and_it_ends_when_asked(shell: Shell, children: list[Child]) -> None:
    shell("migrate")
    first = worker(children, shell.home)
    assert run(shell.home, "worker").code == BUSY
    assert shell("key", "rotate").code == 2
    assert first.stop(signal.SIGTERM, timeout=30) == 0
    assert at_work(shell.home) == 0


def test_waiting_uses_the_worker_there_is(shell: Shell, children: list[Child]) -> None:
    shell.connect()
    shell.import_orders()
    there = worker(children, shell.home)
    said = shell("book", "--session", "main", "--lines", shell.numbers()[0], "--yes", "--wait", "--json")
    assert (said.code, said.json["counts"]["booked"]) == (0, 1)
    assert there.alive
    assert there.stop(timeout=30) == 0


def test_a_worker_with_a_parent_ends_with_it(shell: Shell) -> None:
    shell("migrate")
    command = [sys.executable, "-m", "autopurchase", "worker", "--with-parent"]
    with subprocess.Popen(command, env=environment(shell.home), stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        assert b"works" in child.stderr.readline()
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(20) == 0


def test_several_workers_need_postgresql(shell: Shell) -> None:
    said = shell("worker", "--slots", "2")
    assert (said.code, "PostgreSQL" in said.err) == (2, True)


def test_the_headless_demo_books_twenty_lines_and_leaves_nothing_running(tmp_path: Path) -> None:
    home = tmp_path / "home"
    said = run(home, "demo", "--headless", "--json")
    assert said.code == 0, said.err
    told = said.json
    assert [line["outcome"] for line in told["lines"]] == ["booked"] * 20
    assert {line["purchase"] for line in told["lines"]} == {"booked", "bought"}
    assert len(told["paid"]) > 3
    origin = _origin(home)
    wait_until(lambda: not answers(f"{origin}/_control/health"), timeout=10, what="the market to end")
    assert at_work(home) == 0

    again = run(home, "demo", "--headless")
    assert again.code == 0, again.err
    assert "20 lines in" in again.out
    status = run(home, "status", "--json").json
    assert (len(status["sessions"]), status["over_booked"], status["unknown"], status["orphans"]) == (4, 0, 0, 0)
    assert run(home, "verify").code == 0


def _origin(home: Path) -> str:
    sessions = json.loads(run(home, "session", "list", "--json").out)["sessions"]
    return str(sessions[0]["base_url"])


def test_a_workspace_in_use_is_no_demo(shell: Shell) -> None:
    shell.connect()
    said = shell("demo", "--headless", "--json")
    assert (said.code, "no demo" in said.json["error"]["sentence"]) == (2, True)
    assert len(shell("session", "list", "--json").json["sessions"]) == 1


@pytest.mark.skipif(not (ROOT / "app.py").is_file(), reason="the pages are not here")
def test_pages_and_worker_start_and_end_together(shell: Shell, tmp_path: Path, children: list[Child]) -> None:
    shell.connect()
    port = free_port()
    command = [sys.executable, "-m", "autopurchase", "up", "--port", str(port)]
    child = start(command, log=tmp_path / "up.log", env=environment(shell.home))
    children.append(child)
    child.wait_for_health(f"http://127.0.0.1:{port}/_stcore/health", timeout=60)
    wait_until(lambda: at_work(shell.home), timeout=30, what="the worker")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
        assert page.status == 200
    assert child.stop(signal.SIGTERM, timeout=40) == 0, child.read_log()
    assert not answers(f"http://127.0.0.1:{port}/_stcore/health")
    wait_until(lambda: not at_work(shell.home), timeout=20, what="the worker to end")
    assert not os.path.exists(f"/proc/{child.process.pid}")
