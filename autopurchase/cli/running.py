"""``worker``, ``up``, ``demo``: what runs."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import click

from autopurchase import demo, wiring
from autopurchase.cli.demo import headless
from autopurchase.cli.first_visit import visit_soon
from autopurchase.cli.output import DONE, json_option, note
from autopurchase.cli.shop import open_raw, opened
from autopurchase.domain.errors import BadInput, ConnectFailed
from autopurchase.engine.worker import Worker
from autopurchase.following import WorkerChild, child_environment

_ROOT = Path(__file__).resolve().parents[2]
_MOST_SLOTS = 16


@click.command()
@click.option(
    "--slots", type=click.IntRange(1, _MOST_SLOTS), default=1, show_default=True, help="Processes (PostgreSQL)."
)
@click.option("--with-parent", is_flag=True, help="End when standard input closes.")
def worker(slots: int, with_parent: bool) -> int:
    """Do the buying, syncing and importing until stopped. Exit 75: another worker has the workspace (SQLite)."""
    with open_raw() as found:
        if slots > 1:
            return _several(found, slots)
        _attend_demo(found)
        one = Worker(found.context, found.home)
        _on_stop(one.stopping)
        return one.run(with_parent=with_parent, ready=lambda: note("The worker works."))


def _attend_demo(found: wiring.Workspace) -> None:
    """A demo's marketplace belongs to the workspace; work goes on without it, and fails in words."""
    try:
        demo.attend(found)
    except ConnectFailed as error:
        note(error.sentence)


def _on_stop(stopping: threading.Event) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)


def _several(found: wiring.Workspace, slots: int) -> int:
    """One process per slot, ended together."""
    if found.context.db.sqlite:
        raise BadInput("On SQLite one worker does all the work: leave --slots out, or move to PostgreSQL.")
    stopping = threading.Event()
    _on_stop(stopping)
    env = child_environment(found)
    children = [subprocess.Popen(wiring.worker_command(), stdin=subprocess.PIPE, env=env) for _ in range(slots)]
    while not stopping.wait(0.5) and all(child.poll() is None for child in children):
        pass
    return max((_ended(child) for child in children), default=DONE) if stopping.is_set() else _failed(children)


def _failed(children: list[subprocess.Popen[bytes]]) -> int:
    codes = [_ended(child) for child in children]
    note("A worker ended by itself, so the others were stopped: see its words above.")
    return max(1, *(abs(code) for code in codes))


def _ended(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        code = child.wait(25)
    except subprocess.TimeoutExpired:
        child.kill()
        code = child.wait()
    if child.stdin:
        child.stdin.close()
    return code


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Of the pages.")
def up(port: int) -> int:
    """Start pages and worker together, and end them together."""
    with open_raw() as found:
        demo.ensure_demo(found)
        return serve(found, port)


def serve(found: wiring.Workspace, port: int) -> int:
    """Keep a worker and the page server running until told to stop, or until the pages end; the pages' exit code."""
    if importlib.util.find_spec("streamlit") is None or not (_ROOT / "app.py").is_file():
        raise BadInput(f"The pages are not here: {_ROOT / 'app.py'} and Streamlit are needed.")
    stopping = threading.Event()
    _on_stop(stopping)
    command = [sys.executable, "-m", "streamlit", "run", str(_ROOT / "app.py"), f"--server.port={port}"]
    pages = subprocess.Popen(command, cwd=_ROOT, env=child_environment(found), stdin=subprocess.DEVNULL)
    visit_soon(port)
    note(f"Pages: http://127.0.0.1:{port}  (stop with Ctrl+C)")
    try:
        with WorkerChild(found) as child:
            while not stopping.wait(0.5) and pages.poll() is None:
                child.keep()
    finally:
        code = _stop_pages(pages)
    return DONE if stopping.is_set() else code


def _stop_pages(pages: subprocess.Popen[bytes]) -> int:
    if pages.poll() is not None:
        return int(abs(pages.returncode))
    pages.terminate()
    try:
        pages.wait(10)
    except subprocess.TimeoutExpired:
        pages.kill()
        pages.wait()
    return DONE


@click.command("demo")
@click.option("--headless", "without_pages", is_flag=True, help="Book 20 lines, pay some, synchronise, and print it.")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Of the pages.")
@json_option
def demo_command(without_pages: bool, port: int, as_json: bool) -> int:
    """Make or open the demo: a practice marketplace, two sessions a provider, some hundred orders."""
    began = time.monotonic()
    with opened() as shop:
        if not shop.make_demo():
            raise BadInput(
                f"{os.path.relpath(shop.home)} has sessions or sources of its own, so it is no demo: "
                "set AUTOPURCHASE_HOME to a new folder."
            )
        if without_pages:
            return headless(shop, as_json)
        note(f"The demo is in {shop.home}, ready after {time.monotonic() - began:.1f} s.")
    with open_raw() as found:
        demo.attend(found)
        return serve(found, port)


commands: tuple[Any, ...] = (worker, up, demo_command)
