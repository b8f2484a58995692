"""Reading the journal: lists of cells, and cells whole with everything that hangs on them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from autopurchase.domain.errors import BadInput
from autopurchase.domain.journal import Cell
from autopurchase.domain.roles import Actor, Role
from autopurchase.reports.journal.cell import MANY_SHOWN, MOST_SHOWN
from autopurchase.services import notes
from autopurchase.services.context import Context
from autopurchase.storage import cells, journal, runs
from autopurchase.storage.database import Row
from autopurchase.storage.journal import RunFilter

__all__ = ["Cell", "RunFilter", "listing", "read"]

#: file endings -> what writes them
FILES = {"ipynb": "autopurchase.reports.journal.notebook", "html": "autopurchase.reports.journal.web"}
#: cells read at once
MOST_CELLS = 1_000
#: a few cells are read with every line, more of them with the first rows
_FEW = 50


def listing(ctx: Context, actor: Actor, wanted: RunFilter, *, limit: int = 20, before: int = 0) -> Sequence[Row]:
    """Runs below number ``before`` (0: from the newest), newest first, without what they were given."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        return journal.page(tx, wanted, limit=limit, before=before)


def read(ctx: Context, actor: Actor, run_ids: Sequence[int], *, brief: bool = False) -> list[Cell]:
    """These cells whole, oldest first, in a few queries; ``brief``: without lines, changes and rejects.

    Raises BadInput for a missing or too many.
    """
    actor.require(Role.VIEWER)
    if len(run_ids) > MOST_CELLS:
        raise BadInput(f"At most {MOST_CELLS:,} cells at once; these are {len(run_ids):,}. Narrow the filter.")
    most = MOST_SHOWN if len(run_ids) <= _FEW else MANY_SHOWN
    with ctx.db.read() as tx:
        rows = journal.whole(tx, run_ids)
        booked = [row["id"] for row in rows if row["kind"] == "book"]
        others = [] if brief else [row["id"] for row in rows if row["kind"] not in ("book", "import")]
        counts = _by_run(cells.outcome_counts(tx, booked))
        lines = cells.outcomes_of(tx, [] if brief else booked, most)
        changes = cells.changes_of(tx, others, most)
        rejects = cells.rejects_of(tx, [] if brief else [row["id"] for row in rows], most)
    if missing := set(run_ids) - {row["id"] for row in rows}:
        raise BadInput(f"There is no run {min(missing)}.")
    signed = notes.of_runs(ctx, actor, run_ids)
    return [
        Cell(
            row,
            lines.get(row["id"], []),
            changes.get(row["id"], []),
            rejects.get(row["id"], []),
            signed.get(row["id"], []),
            counts.get(row["id"], []),
            most,
        )
        for row in rows
    ]


def _by_run(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["run_id"], []).append(row)
    return found


def export(
    ctx: Context, actor: Actor, run_ids: Sequence[int], kind: str, title: str = "", *, newest_first: bool = False
) -> bytes:
    """These cells as a file: ``ipynb`` (a notebook that reads them again) or ``html``. Raises BadInput."""
    if kind not in FILES:
        raise BadInput(f"The journal leaves as .{' or .'.join(FILES)}, not as .{kind}.")
    found = read(ctx, actor, run_ids)
    if newest_first:
        found.reverse()
    write = import_module(FILES[kind]).write  # a notebook's library takes a while to load
    content: bytes = write(found, title=title or _titled(found), tag=ctx.tag, as_of=ctx.now())
    return content


def _titled(found: Sequence[Cell]) -> str:
    """``Journal, cell 12``, ``Journal, cells 12 to 40``."""
    if len(found) < 2:
        return f"Journal, cell {found[0].number}" if found else "Journal"
    numbers = sorted(cell.number for cell in found)
    return f"Journal, cells {numbers[0]} to {numbers[-1]}"


def numbers_of(ctx: Context, run_id: int) -> list[str]:
    """The lines a run was given, in its order."""
    with ctx.db.read() as tx:
        return list(runs.get(tx, run_id)["params"].get("lines", []))
