"""Does it add up: start and end from states, changes from events; and what was restated since a report was frozen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from autopurchase.reports.exact import PROVIDER_CURRENCY, yuan
from autopurchase.reports.model import Behind, Column, Sheet
from autopurchase.reports.week_data import WeekData
from autopurchase.reports.week_flow import fates
from autopurchase.reports.weeks import week as week_of_name
from autopurchase.storage import movements, standing
from autopurchase.storage.scopes import Scope

IDENTITIES = (
    Column("what", "Identity"),  # unpaid, backlog, excess, cohort, cohort_money
    Column("formula", "Formula"),
    Column("start", "Start", "pieces"),
    Column("change", "By the week's events", "pieces"),
    Column("end", "End", "pieces"),
    Column("residual", "Residual", "pieces"),
    Column("state", "State"),  # holds, unreconciled
    Column("terms", "With its figures"),
)
UNRECONCILED = (
    Column("number", "Line"),
    Column("what", "What"),  # backlog, unpaid, excess
    Column("stored", "Its state says", "pieces"),
    Column("history", "Its history says", "pieces"),
)
#: what came to be known in the week of weeks whose reports were frozen before
RESTATED = (
    Column("week", "Week"),
    Column("version", "Frozen version", "count"),
    Column("what", "Figure"),
    Column("frozen", "As frozen", "pieces"),
    Column("now", "Now", "pieces"),
    Column("change", "Change", "pieces"),
    Column("cny", "Change, CNY", "money", PROVIDER_CURRENCY),
)
PARTS = ("backlog", "unpaid", "excess")
Levels = Mapping[str, int]


def stood(tx: Any, scope: Scope, zone: str, moments: tuple[datetime, ...]) -> list[dict[str, int]]:
    """Backlog, unpaid and over-booked pieces at these moments (ascending), read from states.

    What stands now, less every difference since: sums that the writers of states kept, not events.
    """
    now = dict.fromkeys(PARTS, 0)
    for row in standing.sums_now(tx, scope):
        now[part_of(row["part"])] += row["pieces"]
    changes = standing.changes_since(tx, scope, zone, moments[0])
    return [
        {
            part: now[part] - sum(pieces for slot, name, pieces in changes if part_of(name) == part and slot >= moment)
            for part in PARTS
        }
        for moment in moments
    ]


def part_of(name: str) -> str:
    """Backlog, unpaid or excess; fresh differences still say which part of the backlog they are."""
    return name if name.startswith("+") or name in PARTS else "backlog"


def identities(data: WeekData, start: Levels, end: Levels) -> Sheet:
    """The identities with what they leave; one that does not hold is named, never forced."""
    ready, booked, bought = data.of("ready"), data.of("booked"), data.of("bought")
    cancelled, refunded, withdrawn, split = (data.of(name) for name in ("cancelled", "refunded", "withdrawn", "split"))
    new_ready = ready.backlog + refunded.backlog
    freed = -sum(row["excess"] - row["excess_up"] for row in data.cube)
    terms: dict[str, tuple[str, dict[str, int]]] = {
        "unpaid": (
            "U_end = U_start + Booked − Bought − CancelledUnpaid",
            {"+ booked": booked.pieces, "− bought": -bought.pieces, "− cancelled unpaid": -cancelled.pieces},
        ),
        "backlog": (
            "L_end = L_start + NewReady − (Booked − BookedExcess) + CancelledBackToQueue − WithdrawnFromQueue",
            {
                "+ new ready": new_ready,
                "− booked": -booked.pieces,
                "+ booked in excess": booked.excess_up,
                "+ back to the queue": cancelled.backlog,
                "− withdrawn from the queue": withdrawn.backlog,
                "± split": split.backlog,
            },
        ),
        "excess": (
            "D_end = D_start + BookedExcess + WithdrawnWhileBooked − ExcessFreed",
            {
                "+ booked in excess": booked.excess_up,
                "+ withdrawn while booked": withdrawn.excess_up,
                "− excess freed": -freed,
            },
        ),
    }
    rows = [
        _identity(name, formula, start[name], found, end[name])
        for name, (formula, found) in terms.items()
        if not (name == "backlog" and data.scope.by_account)
    ]
    opens = {
        (place, column): Behind("stood", "pieces", {"part": row[0], "at": at.isoformat()})
        for place, row in enumerate(rows)
        for column, at in (("start", data.span.start), ("end", data.span.end))
    }
    opens |= {(len(rows), column): behind for column, behind in _cohort_behind(data)}
    rows += _cohort_feet(data)
    return Sheet("identities", "Does it add up", IDENTITIES, rows, opens)


def _cohort_behind(data: WeekData) -> tuple[tuple[str, Behind], ...]:
    """What became of the booked pieces, and the booked pieces."""
    fates_of = Behind("cohort", "pieces", {"week": data.week.name})
    return ("change", fates_of), ("end", data.opens("pieces", kind="booked"))


def _identity(name: str, formula: str, start: int, terms: Mapping[str, int], end: int) -> tuple[Any, ...]:
    change = sum(terms.values())
    residual = end - start - change
    told = ", ".join(f"{label} {abs(value):,}" for label, value in terms.items() if value)
    return name, formula, start, change, end, residual, "unreconciled" if residual else "holds", told


def _cohort_feet(data: WeekData) -> list[tuple[Any, ...]]:
    pieces, fen, _ = fates(data.cohort)
    booked = data.of("booked")
    rows = []
    for name, parts, whole in (("cohort", pieces, booked.pieces), ("cohort_money", fen, booked.fen)):
        total = sum(parts.values())
        told = ", ".join(f"{fate} {value:,}" for fate, value in parts.items() if value)
        state = "holds" if total == whole else "unreconciled"
        formula = "bought + expired + cancelled + open = booked" + (", fen" if name == "cohort_money" else "")
        rows.append((name, formula, 0, total, whole, whole - total, state, told))
    return rows


def unreconciled(data: WeekData, balance: Sheet) -> Sheet:
    """The lines whose state and history disagree; looked for only when something does not add up."""
    rows: list[tuple[Any, ...]] = []
    if any(row[6] == "unreconciled" for row in balance.rows):
        for line in movements.disagreeing(data.tx):
            rows += [
                (line["number"], part, line[part], int(line[f"told_{part}"]))
                for part in PARTS
                if line[part] != line[f"told_{part}"]
            ]
    return Sheet("unreconciled", "Lines whose state and history disagree", UNRECONCILED, rows)


_RESTATED = {
    "new_ready": (("ready", "refunded"), "backlog"),
    "booked": (("booked",), "pieces"),
    "bought": (("bought",), "pieces"),
    "cancelled": (("cancelled",), "pieces"),
    "refunded": (("refunded",), "pieces"),
}


def restated(data: WeekData, frozen_flow: Mapping[str, Mapping[str, int]]) -> Sheet:
    """Late events of this week about frozen ones. ``frozen_flow``: week -> figure -> pieces as frozen."""
    rows: list[tuple[Any, ...]] = []
    opens = {}
    if data.filters.given() or not movements.known_late(data.tx, data.span):
        return Sheet("restated", "Restated since it was frozen", RESTATED, rows)
    until = min(data.span.end, data.basis.as_of)
    for report in movements.frozen(data.tx, "weekly"):
        week = week_of_name(report["period"], data.basis.zone)
        if week.start >= data.week.start:
            continue
        when = (week.start, week.end)
        since = max(report["as_of"], data.span.start)
        mine = {row["kind"]: row for row in movements.learned(data.tx, data.scope, when, since, until)}
        every = {row["kind"]: row for row in movements.learned(data.tx, data.scope, when, report["as_of"], until)}
        for what, (kinds, column) in _RESTATED.items():
            change = sum(int(mine[kind][column]) for kind in kinds if kind in mine)
            if not change:
                continue
            known = frozen_flow.get(week.name, {}).get(what)
            later = sum(int(every[kind][column]) for kind in kinds if kind in every)
            fen = sum(int(mine[kind]["goods_fen"]) for kind in kinds if kind in mine) if column == "pieces" else None
            opens[len(rows), "change"] = data.opens(
                "pieces", kind=list(kinds), effect="" if column == "pieces" else column, of_week=week.name,
                learned=[since.isoformat(), until.isoformat()],
            )  # fmt: skip
            now = None if known is None else known + later
            money = None if fen is None else yuan(fen)
            rows.append((week.name, report["version"], what, known, now, change, money))
    note = "" if rows else "Nothing about a frozen week came to be known in this one."
    return Sheet("restated", "Restated since it was frozen", RESTATED, rows, opens, note=note)
