"""The suite as a pytest run of its own: leaves out what cannot be tested here, and collects the evidence."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from autopurchase.conformance.bench import Bench
from autopurchase.conformance.marks import Mark, Side, mark_of
from autopurchase.conformance.practice import PracticeBench
from autopurchase.conformance.report import FAILED, NOT_EARNED, NOT_TESTABLE, PASSED, Check
from autopurchase.conformance.trail import in_words
from autopurchase.ports import Manifest, ProviderKind
from autopurchase.providers.redaction import scrub
from autopurchase.sandbox import SandboxAt

Told = Callable[[Check], None]
LONGEST_FAILURE = 600  # characters


class Examination:
    """The plugin of one run. ``where``: a practice marketplace, or a session at any other one."""

    def __init__(self, kind: ProviderKind, where: SandboxAt | Bench, allowed: frozenset[Side], told: Told) -> None:
        self.kind, self.where, self.allowed, self.told = kind, where, allowed, told
        self.checks: list[Check] = []
        self.trouble = ""
        self._current: Bench | None = None

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        """A session for one check."""
        if isinstance(self.where, SandboxAt):
            found: Bench = PracticeBench(self.where, self.kind, f"check-{secrets.token_hex(4)}")
        else:
            found = self.where
            found.trail.clear()
            found.pace.waits = 0
        self._current = found
        yield found
        if isinstance(found, PracticeBench):
            found.undo()

    def pytest_configure(self, config: pytest.Config) -> None:
        """The one mark of the suite."""
        config.addinivalue_line("markers", "conformance(mark): a check of the conformance suite")

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Take out what cannot be tested here, with the reason."""
        kept = []
        for item in items:
            mark = mark_of(item)
            if mark is None:
                continue
            why = self._why_not(mark, self.kind.manifest)
            if why:
                self._add(item, mark, NOT_TESTABLE, why, 0)
            else:
                kept.append(item)
        items[:] = kept

    def _why_not(self, mark: Mark, manifest: Manifest) -> str:
        missing = [name for name in mark.abilities if name not in manifest.abilities]
        if missing:
            return f"the provider says that it cannot: {', '.join(missing)}"
        if mark.side in self.allowed:
            return ""
        return {
            Side.GOODS: "name something on sale (--item)",
            Side.ORDER: "it places an order (--place, with --item)",
            Side.PRACTICE: "this marketplace cannot be told what to do",
        }.get(mark.side, "not here")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the outcome of a check, or what went wrong around it."""
        report = yield
        mark = mark_of(item)
        if mark is not None and (report.when == "call" or report.failed):
            failed = FAILED if mark.concerns(self.kind.manifest) else NOT_EARNED
            outcome = PASSED if report.passed else failed
            seen = in_words(self._current.trail) if self._current else ""
            failure = "" if report.passed else _why(call)
            self._add(item, mark, outcome, "; ".join(filter(None, (failure, seen))), self._calls())
        return report

    def pytest_internalerror(self, excrepr: Any) -> None:
        """Something is wrong with the suite itself."""
        self.trouble = str(excrepr).splitlines()[-1]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file of the suite that cannot be read."""
        if report.failed:
            self.trouble = str(report.longrepr).splitlines()[-1]

    def _calls(self) -> int:
        return self._current.pace.waits if self._current else 0

    def _add(self, item: pytest.Item, mark: Mark, outcome: str, seen: str, calls: int) -> None:
        hidden = self._current.secrets() if self._current else ()
        subject, name = item.nodeid.rsplit("/", 1)[-1].split(".py::", 1)
        words = name.removeprefix("test_").replace("_", " ").replace("[", " [")
        found = Check(words, subject, mark.grade.value, outcome, scrub(seen, hidden), calls, mark.abilities)
        self.checks.append(found)
        self.told(found)


def _why(call: pytest.CallInfo[None]) -> str:
    """What failed, in a line."""
    problem = call.excinfo.value if call.excinfo else None
    text = " ".join(f"{type(problem).__name__}: {problem}".split())
    return text if len(text) <= LONGEST_FAILURE else f"{text[: LONGEST_FAILURE - 1]}…"
