"""Two cells side by side: what they were given and what came of it, what differs first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autopurchase.domain.code import unsigned
from autopurchase.domain.journal import Cell
from autopurchase.domain.money import Money
from autopurchase.reports.journal.cell import counted, outcome_row, result
from autopurchase.reports.journal.tables import text_of

#: lines named on one side only
_NAMED = 20
#: params that say nothing to people: tokens and hashes differ always
_SILENT = frozenset({"plan", "hash", "lines"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing of both cells. ``part``: In, Out or Lines."""

    part: str
    what: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        """Whether it is not the same."""
        return self.left != self.right


def compare(left: Cell, right: Cell) -> list[Difference]:
    """Everything of both, what differs first; within that In, Out, then lines that both were given."""
    pairs = [
        *_pairs("In", _given(left), _given(right)),
        *_pairs("Out", _came(left), _came(right)),
        *_lines(left, right),
    ]
    return sorted(pairs, key=lambda pair: not pair.differs)


def _pairs(part: str, left: Mapping[str, str], right: Mapping[str, str]) -> list[Difference]:
    found = [Difference(part, name, left.get(name, ""), right.get(name, "")) for name in dict.fromkeys([*left, *right])]
    return [pair for pair in found if pair.left or pair.right]


def _given(cell: Cell) -> dict[str, str]:
    run, lines = cell.run, _numbers(cell)
    found = {"operation": run["kind"], "through": run["session"] or run["source"] or "", "by": run["actor"]}
    found["lines given"] = f"{len(lines):,}" if lines else ""
    params = {name: value for name, value in run["params"].items() if name not in _SILENT}
    return {**found, **{name: unsigned(text) for name, text in flat(params).items()}}


def _came(cell: Cell) -> dict[str, str]:
    run = cell.run
    found = {"state": run["state"], "result": result(cell), "begun": text_of(run["started_at"] or run["created_at"])}
    took = (run["finished_at"] - (run["started_at"] or run["created_at"])) if run["finished_at"] else None
    found["took"] = f"{took.total_seconds():.1f} s" if took is not None else ""
    figures = _booked(cell) if run["kind"] == "book" else flat(run["out"])
    return {**found, **{name: unsigned(text) for name, text in figures.items()}}


def _booked(cell: Cell) -> dict[str, str]:
    """Lines of a booking run by what became of them, by cause, and what the booked ones cost."""
    found = {word: f"{count:,}" for word, count in counted(cell).items()}
    fen = cell.run["out"].get("states", {}).get("confirmed", {}).get("total_fen")
    return found if fen is None else {**found, "booked for": text_of(Money(fen, "CNY"))}


def _lines(left: Cell, right: Cell) -> list[Difference]:
    """Lines of both with what became of them, and those that only one was given."""
    ours, theirs = _numbers(left), _numbers(right)
    one, other = (
        {row["number"]: _outcome(row) for row in left.lines},
        {row["number"]: _outcome(row) for row in right.lines},
    )
    found = [Difference("Lines", number, one[number], other[number]) for number in one if number in other]
    only = [name for name in ours if name not in set(theirs)], [name for name in theirs if name not in set(ours)]
    if any(only):
        found.insert(0, Difference("Lines", "only here", *map(_named, only)))
    return found


def _numbers(cell: Cell) -> Sequence[str]:
    found = cell.run["params"].get("lines", [])
    return [str(number) for number in found] if isinstance(found, list) else []


def _named(numbers: Sequence[str]) -> str:
    more = f" and {len(numbers) - _NAMED:,} more" if len(numbers) > _NAMED else ""
    return ", ".join(numbers[:_NAMED]) + more


def _outcome(row: Mapping[Any, Any]) -> str:
    told = outcome_row(row)
    return " · ".join(filter(None, (told["outcome"], told["cause"], told["provider_order"])))


def flat(value: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """``{"states": {"confirmed": {"lines": 3}}}`` -> ``{"states confirmed lines": "3"}``."""
    found: dict[str, str] = {}
    for name, inner in value.items():
        words = f"{before} {name}".strip().replace("_", " ")
        if isinstance(inner, Mapping):
            found |= flat(inner, words)
        elif isinstance(inner, list):
            found[words] = ", ".join(map(str, inner[:_NAMED])) + (" …" if len(inner) > _NAMED else "")
        else:
            found[words] = text_of(inner)
    return found
