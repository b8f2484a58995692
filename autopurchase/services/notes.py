"""Notes on cells of the journal: Markdown, signed, changed or taken back by whoever wrote them, no wording lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain.errors import BadInput, Drifted, NotAllowed
from autopurchase.domain.journal import Note, Wording
from autopurchase.domain.roles import Actor, Role
from autopurchase.services.context import Context
from autopurchase.storage import notes as stored
from autopurchase.storage import runs
from autopurchase.storage.database import Connection, Row

#: characters of a note
LONGEST = 10_000


def add(ctx: Context, actor: Actor, run_id: int, text: str) -> int:
    """Write a note on a cell; returns its id. Raises BadInput for an empty or endless text, or no such run."""
    actor.require(Role.OPERATOR)
    said = _checked(text)
    with ctx.db.write() as tx:
        runs.get(tx, run_id)
        return stored.add(tx, run_id, actor=actor.name, at=ctx.now(), text=said)


def edit(ctx: Context, actor: Actor, note_id: int, text: str) -> int:
    """Put another wording in a note's place; returns the new wording's id. The old one is kept.

    Raises BadInput, NotAllowed for somebody else's note, Drifted when it was changed since it was seen.
    """
    said = _checked(text)
    with ctx.db.write() as tx:
        return _replace(ctx, tx, actor, note_id, said)


def take_back(ctx: Context, actor: Actor, note_id: int) -> int:
    """Take a note back: its wordings stay in its history. Raises as `edit`."""
    with ctx.db.write() as tx:
        return _replace(ctx, tx, actor, note_id, "")


def of_runs(ctx: Context, actor: Actor, run_ids: Sequence[int]) -> dict[int, list[Note]]:
    """Notes by cell, oldest first; also those that were taken back."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        return _together(stored.of_runs(tx, run_ids))


def _checked(text: str) -> str:
    said = text.strip()
    if not said:
        raise BadInput("A note needs some words; take it back to be rid of it.")
    if len(said) > LONGEST:
        raise BadInput(f"A note has at most {LONGEST:,} characters; this has {len(said):,}.")
    return said


def _replace(ctx: Context, tx: Connection, actor: Actor, note_id: int, text: str) -> int:
    actor.require(Role.OPERATOR)
    row = stored.get(tx, note_id)
    runs.lock(tx, row["run_id"])  # who comes second sees what the first has written
    if stored.replaced(tx, note_id):
        raise Drifted("This note was changed since you looked: look again and repeat.")
    (note,) = (each for each in _together(stored.of_runs(tx, [row["run_id"]]))[row["run_id"]] if each.id == note_id)
    if not note.may_change(actor):
        raise NotAllowed(f"Only {' or '.join(filter(None, (note.actor, 'an administrator')))} changes this note.")
    return stored.add(tx, row["run_id"], actor=actor.name, at=ctx.now(), text=text, replaces=note_id)


def _together(rows: Sequence[Row]) -> dict[int, list[Note]]:
    """Wordings joined to notes, in the order the notes were first written."""
    latest: dict[int, list[Mapping[Any, Any]]] = {}  # id of the latest wording -> wordings
    for row in rows:
        latest[row["id"]] = [*latest.pop(row["replaces"], []), row]
    found: dict[int, list[Note]] = {}
    for key, wordings in sorted(latest.items(), key=lambda item: int(item[1][0]["id"])):
        said = tuple(Wording(row["actor"], row["at"], row["text"]) for row in wordings)
        found.setdefault(wordings[0]["run_id"], []).append(Note(key, wordings[0]["run_id"], said))
    return found
