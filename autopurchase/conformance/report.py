"""What an examination found: each check with its evidence, and the grade that follows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autopurchase.domain.session import Grade
from autopurchase.ports import Manifest

PASSED, FAILED, NOT_TESTABLE = "passed", "failed", "not testable"
NOT_EARNED = "not earned"  # failed, and needed only for a better grade than the provider claims
#: what a grade rests on: abilities the provider must have
NEEDS: dict[Grade, frozenset[str]] = {
    Grade.A: frozenset({"find_by_reference"}),
    Grade.B: frozenset({"find_by_reference", "list_orders"}),
    Grade.C: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its outcome, ``seen`` (what the provider said, or why not testable), and the requests it made."""

    name: str
    subject: str
    grade: str  # the least grade that cannot do without it
    outcome: str
    seen: str = ""
    calls: int = 0
    abilities: tuple[str, ...] = ()  # that it tests


@dataclass(frozen=True, slots=True)
class Report:
    """A whole examination. ``earned`` is empty when the contract itself was broken."""

    provider: str
    label: str
    base_url: str
    practice: bool
    claimed: str
    earned: str
    checks: tuple[Check, ...]
    seconds: float
    placed: bool = True
    orders_left: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing that the claim needs failed, and the grade earned is at least the one claimed."""
        return not self.counts[FAILED] and bool(self.earned) and self.earned <= self.claimed

    @property
    def counts(self) -> dict[str, int]:
        """Checks by outcome."""
        found = Counter(each.outcome for each in self.checks)
        return {name: found[name] for name in (PASSED, FAILED, NOT_EARNED, NOT_TESTABLE)}

    @property
    def calls(self) -> int:
        """Requests made in all."""
        return sum(each.calls for each in self.checks)

    @property
    def sentence(self) -> str:
        """The result for a person."""
        shown = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count or name == FAILED)
        return f"{self.label} claims grade {self.claimed} and {self._verdict()}. Checks: {shown}.{self._limits()}"

    def _verdict(self) -> str:
        if not self.earned:
            return "broke the contract: it earned no grade"
        if self.earned > self.claimed:
            return f"earned only {self.earned}"
        return f"earned {self.earned}" + ("" if self.ok else ", but a check failed")

    def _limits(self) -> str:
        if self.practice:
            return ""
        faults = " Faults cannot be tested at this marketplace: what happens when it fails was not seen."
        placing = "" if self.placed else " No order was placed, and without one only grade C can be shown."
        return faults + placing

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "provider": self.provider,
            "label": self.label,
            "base_url": self.base_url,
            "practice": self.practice,
            "claimed": self.claimed,
            "earned": self.earned,
            "ok": self.ok,
            "sentence": self.sentence,
            "counts": self.counts,
            "calls": self.calls,
            "seconds": round(self.seconds, 1),
            "orders_left": list(self.orders_left),
            "checks": [asdict(each) for each in self.checks],
        }


def earned(checks: Sequence[Check], manifest: Manifest) -> str:
    """The best grade whose abilities were seen to work and of whose checks none failed; empty: not even C."""
    if not _passes(checks, Grade.C):
        return ""
    better = (grade for grade in (Grade.A, Grade.B) if NEEDS[grade] <= manifest.abilities and _passes(checks, grade))
    return next(better, Grade.C).value


def _passes(checks: Sequence[Check], grade: Grade) -> bool:
    """Nothing the grade needs failed, and each of its abilities passed a check that no lesser grade needs."""
    needed = [each for each in checks if each.grade >= grade]
    passed = [each for each in checks if each.outcome == PASSED and each.grade == grade]
    shown = {ability for each in passed for ability in each.abilities}
    return not any(each.outcome in (FAILED, NOT_EARNED) for each in needed) and bool(passed) and NEEDS[grade] <= shown
