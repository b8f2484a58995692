"""What a check of the suite needs, and whom it concerns: one mark on every check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pytest

from autopurchase.domain.session import Grade
from autopurchase.ports import Manifest


class Side(StrEnum):
    """What the other side must allow for a check to run there."""

    ANYWHERE = "anywhere"  # reads only
    GOODS = "goods"  # reads that need to be told of something on sale
    ORDER = "order"  # places an unpaid order
    PRACTICE = "practice"  # a marketplace that can be told what to do, and to misbehave


@dataclass(frozen=True, slots=True)
class Mark:
    """A check's mark: the least grade that cannot do without it, the abilities and the other side it needs."""

    grade: Grade
    side: Side
    abilities: tuple[str, ...]

    def concerns(self, manifest: Manifest) -> bool:
        """Whether a provider of this claim must pass the check."""
        return set(self.abilities) <= manifest.abilities and self.grade >= manifest.grade


def check(*abilities: str, grade: str = "C", side: Side = Side.PRACTICE) -> pytest.MarkDecorator:
    """Mark a check. ``grade`` C: every provider passes it; B: those of grade B and A; A: those of grade A."""
    return pytest.mark.conformance(Mark(Grade(grade), side, abilities))


def mark_of(item: pytest.Item) -> Mark | None:
    """The mark of a check; None for what is no check of the suite."""
    found = item.get_closest_marker("conformance")
    return found.args[0] if found else None
