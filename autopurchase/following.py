"""Following runs to their end: a worker for as long as somebody waits, patience with a limit, and progress."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from autopurchase.domain.errors import Misuse
from autopurchase.engine.alive import workers
from autopurchase.engine.worker import BUSY
from autopurchase.services.context import Context
from autopurchase.storage import upkeep
from autopurchase.storage.database import Row
from autopurchase.wiring import Workspace, worker_command

#: seconds somebody waits for a run when they do not say
PATIENCE = 3600.0
#: a run whose open bookings all come due later than this is not waited for (a daily cap frees tomorrow)
_SOON = timedelta(minutes=10)
_FINISHED = frozenset({"done", "failed"})
_POLL, _LOOK_EVERY, _FAILURES = 0.1, 1.0, 3

#: told the runs' rows whenever they have changed
Tell = Callable[[Sequence[Row]], None]


def child_environment(workspace: Workspace) -> dict[str, str]:
    """The environment in which a child process opens the same workspace with the same program."""
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    here = {"AUTOPURCHASE_HOME": str(workspace.home), "AUTOPURCHASE_DATABASE_URL": workspace.context.db.url}
    return {**os.environ, **here, "PYTHONPATH": path}


class WorkerChild:
    """A worker as a child process while nobody else's works; use it in a ``with`` block and `keep` it now and then."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._process: subprocess.Popen[bytes] | None = None
        self._looked = 0.0
        self._failed = 0

    def __enter__(self) -> WorkerChild:
        self.keep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """Where the worker writes what it has to say."""
        return self._workspace.home / "worker.log"

    def keep(self) -> None:
        """See to it that some worker is at work. Raises Misuse when ours ends again and again."""
        if self._process is not None and self._process.poll() is None:
            return
        if time.monotonic() - self._looked < _LOOK_EVERY:
            return
        self._looked = time.monotonic()
        self._reap()
        if not workers(self._workspace.context.db, self._workspace.home):
            self._start()

    def _reap(self) -> None:
        if self._process is None:
            return
        code = self._process.wait()
        self._close()
        self._failed = self._failed + 1 if code not in (0, BUSY) else 0
        if self._failed >= _FAILURES:
            raise Misuse(f"The worker ends at once (exit {code}): {self.log} says why.")

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                worker_command(),
                stdin=subprocess.PIPE,  # closes when we end, however we end
                stdout=log,
                stderr=subprocess.STDOUT,
                env=child_environment(self._workspace),
                start_new_session=True,
            )

    def stop(self) -> None:
        """Ask our worker to end what it is doing and leave; after 10 s it is ended."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None


def follow(
    workspace: Workspace, run_ids: Sequence[int], *, timeout: float = PATIENCE, tell: Tell = lambda rows: None
) -> bool:
    """Wait until these runs are finished, with a worker at work meanwhile; whether they are.

    False after ``timeout`` seconds, or when all that is left comes due much later. Raises Misuse when no worker runs.
    """
    if _all_finished(_rows(workspace.context, run_ids)):
        return True
    deadline = time.monotonic() + timeout
    with WorkerChild(workspace) as worker:
        seen: list[dict[str, object]] = []
        while time.monotonic() < deadline:
            rows = _rows(workspace.context, run_ids)
            if (now := [dict(row) for row in rows]) != seen:
                seen = now
                tell(rows)
            if _all_finished(rows):
                return True
            if _only_later(workspace.context, rows):
                return False
            worker.keep()
            time.sleep(_POLL)
    return False


def _rows(ctx: Context, run_ids: Sequence[int]) -> Sequence[Row]:
    with ctx.db.read() as tx:
        return upkeep.run_states(tx, run_ids)


def _all_finished(rows: Sequence[Row]) -> bool:
    return all(row["state"] in _FINISHED for row in rows)


def _only_later(ctx: Context, rows: Sequence[Row]) -> bool:
    """Whether the unfinished runs are bookings of which none comes due soon."""
    left = [row for row in rows if row["state"] not in _FINISHED]
    if any(row["kind"] != "book" for row in left):
        return False
    with ctx.db.read() as tx:
        due = upkeep.soonest_open(tx, [row["id"] for row in left])
    return due is not None and due > ctx.now() + _SOON
