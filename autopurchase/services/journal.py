"""Reading the journal: lists of cells, and cells whole with everything that hangs on them."""

from __future__ import annotations

from collections.abc import Sequence

from autopurchase.domain.errors import BadInput
from autopurchase.domain.journal import Cell
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import notes
from autopurchase.services.context import Context
from autopurchase.storage import cells, journal, runs
from autopurchase.storage.database import Row
from autopurchase.storage.journal import RunFilter

__all__ = ["Cell", "RunFilter", "listing", "read"]

#: cells read at once
MOST_CELLS = 1_000
#: lines, changes and rejects of one cell that are read
MOST_ROWS = 2_000


def listing(ctx: Context, actor: Actor, wanted: RunFilter, *, limit: int = 20, before: int = 0) -> Sequence[Row]:
    """Runs below number ``before`` (0: from the newest), newest first, without what they were given."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        return journal.page(tx, wanted, limit=limit, before=before)


def read(ctx: Context, actor: Actor, run_ids: Sequence[int]) -> list[Cell]:
    """These cells whole, oldest first, in a few queries. Raises BadInput for a missing or too many."""
    actor.require(Role.VIEWER)
    if len(run_ids) > MOST_CELLS:
        raise BadInput(f"At most {MOST_CELLS:,} cells at once; these are {len(run_ids):,}. Narrow the filter.")
    with ctx.db.read() as tx:
        rows = journal.whole(tx, run_ids)
        lines = cells.outcomes_of(tx, [row["id"] for row in rows if row["kind"] == "book"], MOST_ROWS)
        changes = cells.changes_of(tx, [row["id"] for row in rows if row["kind"] not in ("book", "import")], MOST_ROWS)
        rejects = cells.rejects_of(tx, [row["id"] for row in rows], MOST_ROWS)
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
        )
        for row in rows
    ]


def numbers_of(ctx: Context, run_id: int) -> list[str]:
    """The lines a run was given, in its order."""
    with ctx.db.read() as tx:
        return list(runs.get(tx, run_id)["params"].get("lines", []))
