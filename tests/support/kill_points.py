"""Named steps at which a process ends itself with SIGKILL: functions of the product, wrapped from outside.

A file arms one step at a time: the process that takes it away as it passes that step is the one that dies, so that
the file's end says that it happened, and with several workers only one is killed.
"""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autopurchase.storage.database import Connection, Database

#: the variable that names the file
VARIABLE = "KILL_FILE"
#: seconds after entering a function at which one is killed "during" it: the call has left, no answer is there yet
DURING = 0.06
_SERVICES = "autopurchase.services."


@dataclass(frozen=True, slots=True)
class Step:
    """Where it happens. ``when``: before, during or after the function; committed: once its transaction is."""

    module: str
    function: str
    when: str


def _steps(**found: str) -> dict[str, Step]:
    split = {name.replace("__", "."): text.split() for name, text in found.items()}
    return {name: Step(_SERVICES + module, function, when) for name, (module, function, when) in split.items()}


#: what a worker passes
WORKER = _steps(
    book__claimed="claims Claims._intend before",
    book__intent_written="claims Claims._intend after",
    book__intent_committed="claims Claims._intend committed",
    book__sending="purchase _Lane._create during",
    book__answered="purchase _Lane._create after",
    book__outcome_written="store_outcomes store after",
    book__outcome_committed="store_outcomes store committed",
    lookup__asking="purchase _Lane._look_up during",
    lookup__answered="purchase _Lane._look_up after",
    cancel__claiming="cancel _claim before",
    cancel__committed="cancel _claim after",
    cancel__asking="cancel _ask_provider during",
    cancel__accepted="cancel_outcomes accepted after",
    cancel__answered="cancel _after before",
    cancel__read="cancel _after after",
    cancel__read_back="cancel_outcomes read_back after",
    cancel__outcome_written="cancel_outcomes store after",
    cancel__outcome_committed="cancel_outcomes store committed",
    bind__reading="bind _read during",
    bind__read="bind _read after",
    bind__kept="bind _keep committed",
    settle__reading="settle _read during",
    settle__read="settle _read after",
    settle__written="settle _settle after",
    settle__committed="settle _settle committed",
    desk__reading="desk _read_all during",
    desk__read="desk _read_all after",
    desk__written="findings write_down after",
    check__judged="readback _judge after",
)
#: what a person's own process passes: a page, a command, a notebook
_PERSON = _steps(
    apply__begun="apply apply before",
    apply__run_written="apply _open_run after",
    apply__bookings_written="apply _commit_bookings after",
    apply__committed="apply _commit_bookings committed",
    bind__tied="bind_apply _tie after",
    bind__applied="bind_apply _tie committed",
    cancel__asked="cancel ask after",
    cancel__applied="cancel ask committed",
    settle__freed="settle _settle after",
    settle__free="settle _settle committed",
)
PERSON = {f"person.{name}": step for name, step in _PERSON.items()}


class Points:
    """The steps of this process, wrapped around the product's functions."""

    def __init__(self, file: Path, steps: Mapping[str, Step]) -> None:
        self.file, self._steps = file, steps
        self._here = threading.local()

    def install(self) -> None:
        """Wrap every function that has a step; and transactions, which may end in one."""
        functions: dict[tuple[str, str], dict[str, str]] = {}
        for name, step in self._steps.items():
            functions.setdefault((step.module, step.function), {})[name] = step.when
        for (module, function), names in functions.items():
            *owners, last = function.split(".")
            owner: Any = importlib.import_module(module)
            for part in owners:
                owner = getattr(owner, part)
            setattr(owner, last, self._wrapped(getattr(owner, last), names))
        self._watch_commits()

    def _wrapped(self, function: Callable[..., Any], names: dict[str, str]) -> Callable[..., Any]:
        def passing(*words: Any, **more: Any) -> Any:
            armed = self._armed(names)
            if armed == "before":
                self._die()
            if armed == "during":
                threading.Timer(DURING, self._die).start()
            result = function(*words, **more)
            armed = self._armed(names)
            if armed == "after":
                self._die()
            self._here.at_commit = armed == "committed" or getattr(self._here, "at_commit", False)
            return result

        return passing

    def _armed(self, names: dict[str, str]) -> str:
        """When in this function the armed step comes; empty: in another, or none is armed."""
        try:
            return names.get(self.file.read_text(encoding="utf-8"), "")
        except FileNotFoundError:
            return ""

    def _die(self) -> None:
        try:
            self.file.unlink()
        except FileNotFoundError:  # another process took it
            return
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)

    def _watch_commits(self) -> None:
        write = Database.write

        @contextmanager
        def watched(database: Database) -> Iterator[Connection]:
            self._here.at_commit = False
            with write(database) as connection:
                yield connection
            if self._here.at_commit:
                self._die()

        Database.write = watched  # type: ignore[method-assign,assignment]


def install(steps: Mapping[str, Step]) -> None:
    """Wrap these steps where the environment names a file.

    Only a process's own: a worker passes through functions of people, too, and would die in their stead unnoticed.
    """
    if name := os.environ.get(VARIABLE):
        Points(Path(name), steps).install()
