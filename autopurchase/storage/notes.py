"""Notes on cells of the journal: every wording is a row, and a new one names the one it replaces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, exists, insert, select

from autopurchase.domain.errors import BadInput
from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import run_note


def add(
    connection: Connection, run_id: int, *, actor: str, at: datetime, text: str, replaces: int | None = None
) -> int:
    """Store a wording and return its id; the database refuses two that replace the same one (IntegrityError)."""
    values = {"run_id": run_id, "actor": actor, "at": at, "text": text, "replaces": replaces}
    return int(connection.execute(insert(run_note).values(values).returning(run_note.c.id)).scalar_one())


def get(connection: Connection, note_id: int) -> RowMapping:
    """One wording; raises BadInput."""
    row = connection.execute(select(run_note).where(run_note.c.id == note_id)).mappings().first()
    if row is None:
        raise BadInput(f"There is no note {note_id}.")
    return row


def replaced(connection: Connection, note_id: int) -> bool:
    """Whether a later wording stands in its place."""
    return connection.execute(select(run_note.c.id).where(run_note.c.replaces == note_id)).first() is not None


def of_runs(connection: Connection, run_ids: Sequence[int]) -> list[RowMapping]:
    """Every wording of every note on these cells, oldest first."""
    rows: list[RowMapping] = []
    for part in chunks(sorted(run_ids)):
        query = select(run_note).where(run_note.c.run_id.in_(part)).order_by(run_note.c.id)
        rows += connection.execute(query).mappings().all()
    return rows


def latest() -> ColumnElement[bool]:
    """The condition that a wording is the one that counts."""
    later = run_note.alias("later")
    return ~exists().where(later.c.replaces == run_note.c.id)
