"""What a journal holds: cells, and the notes people write on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autopurchase.domain.roles import Actor, Role


@dataclass(frozen=True, slots=True)
class Wording:
    """What a note said from ``at`` on; empty: it was taken back."""

    actor: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A note with all its wordings, oldest first. ``id`` is that of the latest; an empty actor left no name."""

    id: int
    run: int
    wordings: tuple[Wording, ...]

    @property
    def text(self) -> str:
        """What it says now; empty when it was taken back."""
        return self.wordings[-1].text

    @property
    def actor(self) -> str:
        """Who wrote it."""
        return self.wordings[0].actor

    @property
    def at(self) -> datetime:
        """When it was written."""
        return self.wordings[0].at

    @property
    def changed(self) -> bool:
        """Whether it has said something else before."""
        return len(self.wordings) > 1

    def may_change(self, actor: Actor) -> bool:
        """Whoever wrote it may, and administrators."""
        return actor.name == self.actor or actor.role >= Role.ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class Cell:
    """One run whole. ``lines``: what became of each line of a booking; ``changes``: what happened to lines."""

    run: Mapping[Any, Any]
    lines: Sequence[Mapping[Any, Any]] = ()
    changes: Sequence[Mapping[Any, Any]] = ()
    rejects: Sequence[Mapping[Any, Any]] = ()
    notes: Sequence[Note] = ()
    counts: Sequence[Mapping[Any, Any]] = ()  # all lines of a booking by state and cause, however many are read
    most: int = 5_000  # rows of each that are read

    @property
    def number(self) -> int:
        """Its number."""
        return int(self.run["id"])
