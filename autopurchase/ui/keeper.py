"""Keeps the worker alive beside the page server: started at the first visit, once a server, gone with it."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from pathlib import Path

import streamlit as st

from autopurchase.engine.alive import workers
from autopurchase.wiring import Workspace, worker_command

BUSY = 75  # exit code of a worker that found another one holding the workspace
_SHORT, _STANDBY, _LONGEST, _STEADY = 0.5, 3.0, 30.0, 60.0
_log = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def keep_worker(_opened: Workspace) -> threading.Thread:
    """Start the keeper of an open workspace."""
    keeper = threading.Thread(target=_keep, args=(_opened,), name="worker-keeper", daemon=True)
    keeper.start()
    return keeper


def _keep(opened: Workspace) -> None:
    """Start the worker again whenever it ends, with growing pauses while it ends at once.

    While somebody else's worker is at work, only its lock is looked at: starting a process to be told so is dear.
    """
    pause = _SHORT
    while True:
        while _somebody_works(opened):
            time.sleep(_STANDBY)
        began = time.monotonic()
        code = _run(opened.home)
        pause = _next_pause(code, time.monotonic() - began, pause)
        time.sleep(pause)


def _somebody_works(opened: Workspace) -> bool:
    try:
        return workers(opened.context.db, opened.home) > 0
    except Exception:  # the database is away: the worker we start will say so in its log
        _log.exception("cannot see whether a worker is at work")
        return False


def _run(home: Path) -> int:
    """One life of the worker. Its standard input is a pipe that closes when this process ends, however it ends."""
    env = {**os.environ, "AUTOPURCHASE_HOME": str(home)}
    with (home / "worker.log").open("ab") as log:
        worker = subprocess.Popen(
            worker_command(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
        code = worker.wait()
    if code not in (0, BUSY):
        _log.warning("the worker ended with %s; %s has its last words", code, home / "worker.log")
    return code


def _next_pause(code: int, lived: float, pause: float) -> float:
    if code == BUSY:
        return _STANDBY
    return _SHORT if lived > _STEADY else min(pause * 2, _LONGEST)
