"""Child processes for tests: free port, bounded waiting, readable log, end by process id."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], T], *, timeout: float, what: str, every: float = 0.05) -> T:
    """Ask until `condition` gives something true and return it.

    Raises TimeoutError naming `what` after `timeout` seconds; the last answer is in its text.
    """
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout} s for {what}; last answer: {answer!r}")
        time.sleep(every)
    return answer


def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with a 2xx status."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return 200 <= int(response.status) < 300
    except (urllib.error.URLError, OSError):
        return False


@dataclass(frozen=True)
class Child:
    """A process started by a test. Its output, both streams, is in the file `log`."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def read_log(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for_health(self, url: str, *, timeout: float = 30) -> None:
        """Wait until `url` answers. Raises RuntimeError with its log if it ends or stays silent."""
        try:
            wait_until(lambda: answers(url) or not self.alive, timeout=timeout, what=url)
        except TimeoutError as error:
            raise RuntimeError(f"{error}\n{self.read_log()}") from None
        if not self.alive:
            raise RuntimeError(f"ended with {self.process.returncode} before {url} answered\n{self.read_log()}")

    def wait(self, *, timeout: float) -> int:
        """Exit code once it has ended by itself. Raises subprocess.TimeoutExpired after `timeout` s."""
        return self.process.wait(timeout)

    def kill(self) -> int:
        """End it at once, as a power cut would (SIGKILL), and return the exit code."""
        return self.stop(signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM, *, timeout: float = 10) -> int:
        """Send `how`, and SIGKILL if it has not ended after `timeout` seconds; return the exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(how)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(timeout)


def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: int | None = None,
    on_parent_end: str = "TERM",
) -> Child:
    """Start `command` without standard input.

    `env` is added to our own environment. `user` drops to that user and group id (root only).
    On Linux the child gets the signal `on_parent_end` when we die: a killed test run leaves nothing behind.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*_prefix(user, on_parent_end), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
    return Child(process, log)


def as_user(user: int | None) -> list[str]:
    """The words to put before a command so that it runs as `user`; none when `user` is None."""
    return [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def _prefix(user: int | None, on_parent_end: str) -> list[str]:
    if shutil.which("setpriv") is None:
        return as_user(user)
    return [*(as_user(user) or ["setpriv"]), "--pdeathsig", on_parent_end, "--"]
