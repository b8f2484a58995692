"""Runs as cells: what was asked (In), what happened (Out)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autopurchase.api.causes import CauseTable
from autopurchase.api.rows import NOTE, note_row
from autopurchase.api.table import Table, html_table
from autopurchase.api.who import local_actor
from autopurchase.domain.errors import BadInput
from autopurchase.domain.journal import Cell
from autopurchase.domain.roles import Actor
from autopurchase.following import PATIENCE, Tell, follow
from autopurchase.reports.journal import cell
from autopurchase.reports.journal.compare import compare
from autopurchase.services import cancel_plan, causes, journal, notes, plan
from autopurchase.storage import cells, runs
from autopurchase.wiring import Workspace

if TYPE_CHECKING:
    from autopurchase.api.cancels import CancelPlan
    from autopurchase.api.plans import Plan

#: lines of one run that are shown
_MOST = 10_000


class Run:
    """One numbered cell of the journal. Everything is read when asked for, so it is never stale."""

    def __init__(self, workspace: Workspace, number: int, actor: Actor | None = None) -> None:
        """The run ``number`` of an open workspace. ``actor``: on whose account things happen here."""
        self._workspace, self._actor = workspace, actor or local_actor()
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
        return Table([cell.outcome_row(row) for row in rows], cell.OUTCOME, hidden=cell.OUTCOME_HIDDEN)

    @property
    def counts(self) -> dict[str, int]:
        """Lines of a booking run by outcome."""
        return dict(Counter(self.outcomes.column("outcome")))

    @property
    def cancels(self) -> Table:
        """What became of each provider order of a run of cancels.

        outcome: cancelled, refused, asked (its end is read back), waiting, withdrawn (never sent), left.
        """
        from autopurchase.api.cancels import outcome_table  # that one knows runs

        return outcome_table(self._workspace, self.number)

    def undo(self, reason: str = "") -> CancelPlan:
        """A plan that cancels everything this booking run placed and is not paid, and withdraws what was not sent.

        Raises BadInput when it is no booking run, or nothing of it is at a marketplace.
        """
        from autopurchase.api.cancels import CancelPlan

        choice = cancel_plan.Choice(run=self.number, reason=reason)
        token = cancel_plan.request(self._workspace.context, self._actor, choice)
        return CancelPlan(self._workspace, self._actor, token)

    @property
    def causes(self) -> CauseTable:
        """Why lines of a booking run are not booked, by cause, each with the one act that helps."""
        return CauseTable(causes.of_run(self._workspace.context, self._actor, self.number))

    def again(self, *codes: str, session: str = "") -> Plan:
        """A new plan of only those lines that may be booked again; nothing is sent by it.

        ``codes``: only lines with these causes (codes of `causes`). A new price is accepted, and lines are merged per
        seller, only when ``price_changed`` or ``below_minimum`` alone is named. Raises BadInput when nothing may be.
        """
        from autopurchase.api.plans import Plan  # plans make runs, and runs plans

        ctx = self._workspace.context
        token = causes.retry(ctx, self._actor, self.number, codes, session=session)
        plan.check(ctx, token)
        return Plan(self._workspace, self._actor, token)

    @property
    def changes(self) -> Table:
        """What the run did to lines: at, number, kind, detail."""
        with self._workspace.context.db.read() as tx:
            rows = cells.changes(tx, self.number, _MOST)
        return Table([cell.change_row(row) for row in rows], cell.CHANGE)

    @property
    def rejects(self) -> Table:
        """Input rows that an import refused: position, reason, row."""
        with self._workspace.context.db.read() as tx:
            rows = runs.rejects(tx, self.number)
        return Table([cell.reject_row(row) for row in rows], cell.REJECT)

    @property
    def numbers(self) -> list[str]:
        """Numbers of the lines it was given."""
        return journal.numbers_of(self._workspace.context, self.number)

    def note(self, text: str) -> Run:
        """Write a note (Markdown) on the cell; returns the run. Raises BadInput."""
        notes.add(self._workspace.context, self._actor, self.number, text)
        return self

    @property
    def notes(self) -> Table:
        """Notes on the cell, oldest first: id, actor, at, text, changed. Taken back ones are left out."""
        found = notes.of_runs(self._workspace.context, self._actor, [self.number]).get(self.number, [])
        return Table([note_row(each) for each in found if each.text], NOTE)

    def edit_note(self, note: int, text: str) -> Run:
        """Put another wording in the place of note ``note`` (an id of `notes`); empty takes it back.

        The old wording is kept. Raises BadInput, NotAllowed for somebody else's note, Drifted.
        """
        ctx = self._workspace.context
        if text.strip():
            notes.edit(ctx, self._actor, note, text)
        else:
            notes.take_back(ctx, self._actor, note)
        return self

    def wait(self, timeout: float = PATIENCE, tell: Tell = lambda rows: None) -> Run:
        """Wait until it is finished (``timeout`` in seconds), with a worker at work meanwhile; returns itself."""
        follow(self._workspace, [self.number], timeout=timeout, tell=tell)
        return self

    def _cell(self) -> Cell:
        return journal.read(self._workspace.context, self._actor, [self.number])[0]

    def summary(self) -> str:
        """Out in one sentence."""
        return cell.result(self._cell())

    def __repr__(self) -> str:
        found = self._cell()
        return f"Run {self.number} · {found.run['kind']} · {found.run['state']} · {cell.result(found)}"

    def _repr_html_(self) -> str:
        found = self._cell()
        return f"<div><code>In [{self.number}]: {escape(found.run['call'])}</code>{cell.html(found)}</div>"

    def compare(self, other: int) -> Table:
        """This cell beside another, what differs first: part (In, Out, Lines), what, this, that, differs."""
        found = journal.read(self._workspace.context, self._actor, sorted({self.number, other}))
        by_number = {each.number: each for each in found}
        pairs = compare(by_number[self.number], by_number[other])
        rows = [{"part": p.part, "what": p.what, "this": p.left, "that": p.right, "differs": p.differs} for p in pairs]
        return Table(rows, ("part", "what", "this", "that", "differs"))

    def export(self, path: str | Path) -> Path:
        """Write the cell to ``path``: .ipynb, which does nothing again by itself, or .html. Raises BadInput."""
        return _export(self._workspace, self._actor, [self.number], Path(path))

    def document(self) -> dict[str, Any]:
        """The cell whole, in plain values: call, state, result, out, lines, changes, rejects, notes."""
        found = self._cell()
        return {
            **cell.listed([found])[0],
            "params": dict(found.run["params"]),
            "out": dict(found.run["out"]),
            "error": found.run["error"],
            "lines": [cell.outcome_row(row) for row in found.lines],
            "changes": [cell.change_row(row) for row in found.changes],
            "rejects": [cell.reject_row(row) for row in found.rejects],
            "notes": self.notes.rows,
        }


def _export(workspace: Workspace, actor: Actor, numbers: Sequence[int], path: Path, title: str = "") -> Path:
    kind = path.suffix.lower().removeprefix(".")
    content = journal.export(workspace.context, actor, numbers, kind, title)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}).") from error
    return path


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

    def rows(self) -> list[dict[str, Any]]:
        """The runs as rows: number, kind, state, session, actor, at, call, result, notes."""
        if not self._runs:
            return []
        one, numbers = self._runs[0], [run.number for run in self._runs]
        found: list[Cell] = []
        for at in range(0, len(numbers), journal.MOST_CELLS):
            part = numbers[at : at + journal.MOST_CELLS]
            found += journal.read(one._workspace.context, one._actor, part, brief=True)
        by_number = {row["number"]: row for row in cell.listed(found)}
        return [by_number[number] for number in numbers]

    def export(self, path: str | Path, title: str = "") -> Path:
        """Write the cells to ``path``, oldest first: .ipynb, which does nothing again by itself, or .html.

        Raises BadInput for another ending, no cell, or more than 1,000.
        """
        if not self._runs:
            raise BadInput("There is no cell to export.")
        one = self._runs[0]
        return _export(one._workspace, one._actor, [run.number for run in self._runs], Path(path), title)

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame."""
        return Table(self.rows(), cell.LISTED).to_pandas()

    def _repr_html_(self) -> str:
        return html_table(self.rows(), cell.LISTED)
