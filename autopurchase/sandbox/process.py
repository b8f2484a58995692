"""The sandbox as a child process: start it, ask it, stop it."""

import json
import os
import subprocess  # nosec: starts this very program
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from autopurchase.sandbox.catalogue import Item, catalogue

START_SECONDS = 20.0


class SandboxError(RuntimeError):
    """The sandbox did not start, or refused a control call."""


class SandboxAt:
    """A sandbox that somebody runs, by its origin: ask it, and tell it what to do."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def credentials(self, market: str, account: str = "main") -> dict[str, Any]:
        """App key and secret with fresh tokens of an account (made on first use); ends in seconds since 1970."""
        return dict(self.control("credentials", market=market, account=account))

    def orders(self, **filters: str) -> list[dict[str, Any]]:
        """All orders the market holds; filters: market, account, reference, status."""
        return list(self.control("orders", **filters)["orders"])

    def catalogue(self) -> tuple[Item, ...]:
        """The goods, with addresses of this sandbox."""
        return catalogue(self.base_url)

    def control(self, verb: str, **values: Any) -> Any:
        """Call `/_control/<verb>`. Raises SandboxError with the market's sentence."""
        request = urllib.request.Request(  # noqa: S310 - the address is our own
            f"{self.base_url}/_control/{verb}",
            data=json.dumps(values).encode(),
            method="POST",
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise SandboxError(f"{verb}: {error.read().decode(errors='replace')}") from None


class Sandbox(SandboxAt):
    """A running sandbox of our own. Use `Sandbox.start(...)`, best in a `with` block."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], port: int) -> None:
        super().__init__(f"http://127.0.0.1:{port}")
        self.folder, self.process, self.port = folder, process, port

    @classmethod
    def start(cls, folder: Path | str, port: int = 0, with_parent: bool = True, **settings: Any) -> "Sandbox":
        """Start on 127.0.0.1 (port 0 = a free one) with state in `folder`, and wait until it answers.

        `settings` are those of `settings.Settings`. `with_parent` ends it when this process ends, however that
        happens. Raises SandboxError.
        """
        home = Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "autopurchase.sandbox", "--folder", str(home), "--port", str(port)]
        command += [part for name, value in settings.items() for part in ("--set", f"{name}={_word(value)}")]
        process = _spawn(command + (["--with-parent"] if with_parent else []), home, with_parent)
        return cls(home, process, _await_port(process, home))

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    def kill(self) -> None:
        """Kill it like a power cut (SIGKILL) and wait."""
        self.process.kill()
        _bury(self.process)

    def stop(self) -> None:
        """Ask it to end; kill it after five seconds."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        _bury(self.process)


def _bury(process: subprocess.Popen[bytes]) -> None:
    """Wait for an ended process and close its pipes."""
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _spawn(command: list[str], home: Path, with_parent: bool) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    with (home / "sandbox.log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if with_parent else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=not with_parent,
        )


def _await_port(process: subprocess.Popen[bytes], home: Path) -> int:
    """The port printed on the first line, once the health address answers. Raises SandboxError."""
    line = process.stdout.readline().decode().strip() if process.stdout else ""
    deadline = time.monotonic() + START_SECONDS
    while line and time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{line}/_control/health", timeout=2):  # noqa: S310
                return int(line.rsplit(":", 1)[1])
        except OSError:
            time.sleep(0.02)
    process.kill()
    _bury(process)
    log = (home / "sandbox.log").read_text(errors="replace")[-600:]
    raise SandboxError(f"the sandbox did not start: {log.strip()}")
