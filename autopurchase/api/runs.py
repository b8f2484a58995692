"""Runs as cells: what was asked (In), what happened (Out)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from autopurchase.api.rows import OUTCOME, outcome_row
from autopurchase.api.table import Table, html_table, text_of
from autopurchase.domain.causes import cause
from autopurchase.following import PATIENCE, Tell, follow
from autopurchase.storage import cells, runs
from autopurchase.wiring import Workspace

#: lines of one run that are shown
_MOST = 10_000


class Run:
    """One numbered cell of the journal. Everything is read when asked for, so it is never stale."""

    def __init__(self, workspace: Workspace, number: int) -> None:
        """The run ``number`` of an open workspace."""
        self._workspace = workspace
        self.number = number

    def _row(self) -> Any:
        with self._workspace.context.db.read() as tx:
            return runs.get(tx, self.number)

    @property
    def kind(self) -> str:
        """book, sync, import, status, make_ready, …"""
        return str(self._row()["kind"])

    @property
    def state(self) -> str:
        """queued, running, done or failed."""
        return str(self._row()["state"])

    @property
    def finished(self) -> bool:
        """Whether it is done or failed."""
        return self.state in ("done", "failed")

    @property
    def call(self) -> str:
        """In: the exact call."""
        return str(self._row()["call"])

    @property
    def out(self) -> dict[str, Any]:
        """Out, in figures."""
        return dict(self._row()["out"])

    @property
    def error(self) -> str:
        """Why it failed, as a sentence; else empty."""
        return str(self._row()["error"])

    @property
    def outcomes(self) -> Table:
        """What became of each line of a booking run (outcome: booked, refused, waiting, unknown, ended)."""
        with self._workspace.context.db.read() as tx:
            rows = cells.outcomes(tx, self.number, _MOST)
        return Table([outcome_row(row) for row in rows], OUTCOME, hidden=("reference",))

    @property
    def counts(self) -> dict[str, int]:
        """Lines of a booking run by outcome."""
        return dict(Counter(self.outcomes.column("outcome")))

    @property
    def changes(self) -> Table:
        """What the run did to lines: at, number, kind, detail."""
        with self._workspace.context.db.read() as tx:
            rows = cells.changes(tx, self.number, _MOST)
        told = [{"at": r["at"], "number": r["number"], "kind": r["kind"], "detail": _detail(r["data"])} for r in rows]
        return Table(told, ("at", "number", "kind", "detail"))

    @property
    def rejects(self) -> Table:
        """Input rows that an import refused: position, reason, row."""
        with self._workspace.context.db.read() as tx:
            rows = runs.rejects(tx, self.number)
        told = [{"position": r["position"], "reason": r["reason"], "row": _detail(r["row"])} for r in rows]
        return Table(told, ("position", "reason", "row"))

    def wait(self, timeout: float = PATIENCE, tell: Tell = lambda rows: None) -> Run:
        """Wait until it is finished (``timeout`` in seconds), with a worker at work meanwhile; returns itself."""
        follow(self._workspace, [self.number], timeout=timeout, tell=tell)
        return self

    def summary(self) -> str:
        """Out in one sentence."""
        row = self._row()
        if row["error"]:
            return str(row["error"])
        if row["kind"] != "book":
            return told_figures(row["out"]) or row["state"]
        outcomes = self.outcomes
        counts = Counter(outcomes.column("outcome"))
        causes = Counter(cause(code).label.lower() for code in outcomes.column("cause") if code)
        parts = [f"{count} {word}" for word, count in counts.items()]
        parts += [f"{count} because: {word}" for word, count in causes.items()]
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"Run {self.number} · {self.kind} · {self.state} · {self.summary()}"

    def _repr_html_(self) -> str:
        row = self._row()
        told = self.outcomes if row["kind"] == "book" else self.rejects if row["kind"] == "import" else Table([], ())
        table = told._repr_html_() if len(told) else ""
        return (
            f"<div><code>In [{self.number}]: {escape(row['call'])}</code>"
            f"<p>Out [{self.number}]: {escape(row['state'])} · {escape(self.summary())} · {escape(row['actor'])}, "
            f"{escape(text_of(row['created_at']))}</p>{table}</div>"
        )


class Journal(Sequence[Run]):
    """Runs, newest first."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = list(runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __getitem__(self, index: Any) -> Any:
        return self._runs[index]

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __repr__(self) -> str:
        return "\n".join(repr(run) for run in self._runs) or "No run."

    def to_pandas(self) -> Any:
        """A DataFrame: number, kind, state, call, result."""
        return Table(self._rows(), _JOURNAL).to_pandas()

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"number": run.number, "kind": run.kind, "state": run.state, "call": run.call, "result": run.summary()}
            for run in self._runs
        ]

    def _repr_html_(self) -> str:
        return html_table(self._rows(), _JOURNAL)


_JOURNAL = ("number", "kind", "state", "call", "result")


def told_figures(out: Mapping[str, Any]) -> str:
    """``{"lines": {"new": 3}, "left": 1}`` -> ``lines: 3 new; 1 left``; noughts are left out."""
    parts = []
    for name, value in out.items():
        if isinstance(value, Mapping):
            inner = ", ".join(f"{count} {word}" for word, count in value.items() if count)
            parts += [f"{name}: {inner}"] if inner else []
        elif value:
            parts.append(f"{value} {name.replace('_', ' ')}")
    return "; ".join(parts)


def _detail(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in data.items() if value not in ("", None))
