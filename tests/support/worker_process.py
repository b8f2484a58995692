"""A worker as a process of its own, for tests that kill it: `python -m tests.support.worker_process [words]`.

--with-parent   ends when its standard input closes
--blind         never looks up an open outcome: the negative control of the kill test

KILL_FILE       the file that arms a step at which it kills itself (tests/support/kill_points.py)
"""

from __future__ import annotations

import sys

from autopurchase.engine.worker import Worker
from autopurchase.services import claims
from autopurchase.wiring import open_workspace
from tests.support import kill_points


def main(words: list[str]) -> int:
    """Work until told to stop; the worker's exit code. Says “ready” on standard output when it works."""
    if "--blind" in words:
        claims.needs_lookup = lambda booking: False
    kill_points.install(kill_points.WORKER)
    workspace = open_workspace()
    worker = Worker(workspace.context, workspace.home)
    return worker.run(with_parent="--with-parent" in words, ready=lambda: print("ready", flush=True))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
