"""Keeping the demo's marketplace alive: one sandbox per workspace, beside whichever process came first.

Every process that opens a demo workspace attends: it waits for the workspace's market lock, and while it holds it the
sandbox is its child. When that process ends, its child ends too, the lock comes free, and the next one takes over.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from filelock import FileLock, Timeout

from autopurchase.domain.errors import BadInput, ConnectFailed, Refused
from autopurchase.sandbox import Sandbox, SandboxError
from autopurchase.services.context import Context
from autopurchase.storage import sessions, workspace
from autopurchase.wiring import Workspace

log = logging.getLogger(__name__)

#: the workspace's note of where its market is (the origin); set only in a demo workspace
ADDRESS = "demo"
#: a market where paid orders are soon sent and signed, so that there is something to follow (seconds)
SETTINGS: dict[str, Any] = {"ship_seconds": 90, "sign_seconds": 240}
_START_SECONDS, _NEXT_TRY, _TRIES = 30.0, 0.5, 6

_attended: dict[Path, threading.Thread] = {}
_attending = threading.Lock()


def address(ctx: Context) -> str:
    """The origin of the demo's market; empty when this is no demo workspace."""
    with ctx.db.read() as tx:
        found = workspace.read(tx, ADDRESS)
    return found if found.startswith("http://127.0.0.1:") else ""


def attend(opened: Workspace) -> bool:
    """In a demo workspace: see to it, for the life of this process, that its market answers. Whether it is a demo.

    Returns when the market answers. Raises ConnectFailed when it does not come up.
    """
    if not address(opened.context):
        return False
    with _attending:
        thread = _attended.get(opened.home)
        if thread is None or not thread.is_alive():
            thread = threading.Thread(target=_keep, args=(opened,), daemon=True, name="demo-market")
            _attended[opened.home] = thread
            thread.start()
    _await_answer(opened)
    return True


def control(origin: str, verb: str, **values: Any) -> Any:
    """Do something to the market as its owner would (pay, ship, …). Raises ConnectFailed, Refused."""
    try:
        answer = requests.post(f"{origin}/_control/{verb}", json=values, timeout=30)
    except requests.RequestException as error:
        raise ConnectFailed("The practice marketplace does not answer.") from error
    if not answer.ok:
        raise Refused(f"The practice marketplace refused: {answer.text[:300]}")
    return answer.json()


def pay(ctx: Context, numbers: Sequence[str], timeout: float) -> list[str]:
    """Pay orders at the market and wait until it says so, ``timeout`` seconds at most; those that are paid.

    Raises BadInput when this is no demo workspace.
    """
    origin = address(ctx)
    if not origin:
        raise BadInput("This is no demo workspace: pay at the marketplace.")
    wanted = set(control(origin, "pay", ids=list(numbers))["done"]) if numbers else set()
    deadline = time.monotonic() + timeout
    while True:
        orders = control(origin, "orders")["orders"] if wanted else []
        paid = [row["id"] for row in orders if row["id"] in wanted and row["paid_at"]]
        if len(paid) == len(wanted) or time.monotonic() > deadline:
            return paid
        time.sleep(0.1)


def free_address() -> str:
    """An origin on this computer at which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _answers(origin: str) -> bool:
    """Whether a market answers there."""
    try:
        return requests.get(f"{origin}/_control/health", timeout=2).ok
    except requests.RequestException:
        return False


def _await_answer(opened: Workspace) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if _answers(address(opened.context)):
            return
        time.sleep(0.05)
    raise ConnectFailed(f"The practice marketplace does not come up: see {opened.home / 'market' / 'sandbox.log'}.")


def _keep(opened: Workspace) -> None:
    """Hold the market's lock when it is free, and the market with it, for as long as this process lives."""
    lock = FileLock(opened.home / "market.lock")
    failed = 0
    while True:
        try:
            with lock.acquire(timeout=0):
                failed = 0 if _serve(opened, move=failed >= _TRIES) else failed + 1
        except Timeout:
            failed = 0
        except Exception:  # the database may be away for a moment, or this process about to end
            log.exception("the practice marketplace could not be started")
        time.sleep(_NEXT_TRY)


def _serve(opened: Workspace, *, move: bool) -> bool:
    """Run the market until it ends; False when it could not start. ``move``: its port is taken, so find another."""
    origin = address(opened.context)
    if move:
        origin = _moved(opened.context, origin)
    try:
        sandbox = Sandbox.start(opened.home / "market", port=urlsplit(origin).port or 0, **SETTINGS)
    except SandboxError as error:
        log.warning("%s", error)
        return False
    sandbox.process.wait()
    sandbox.stop()
    return True


def _moved(ctx: Context, old: str) -> str:
    """Give the market another port, and tell the sessions that use it."""
    new = free_address()
    with ctx.db.write() as tx:
        for row in sessions.listing(tx):
            if row["base_url"] == old:
                sessions.change(tx, row["id"], base_url=new)
        workspace.write(tx, ADDRESS, new)
    return new
