"""The end of cancels: confirmed by a reading, whoever made it, or refused; and of the runs they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from autopurchase.domain.cancel import OPEN, CancelState
from autopurchase.storage import cancels, runs
from autopurchase.storage.database import Connection
from autopurchase.storage.lines import Event

#: runs that are at their end when all their cancels are
KINDS = frozenset({"cancel", "release"})


def event(row: Mapping[Any, Any], line_id: int, booking_id: int, number: str) -> Event:
    """The line is no longer tied to its provider order: that was closed as this cancel asked."""
    data = {
        "booking": booking_id,
        "provider_order": number,
        "why": row["why"],
        "reason": row["reason"],
        "cause": row["hold"],
    }
    return Event(line_id, "cancelled", data, run_id=row["run_id"])


def let_go(tx: Connection, order_keys: Sequence[int]) -> list[Event]:
    """Lines that were held because these orders lived on after they were unbound: nothing stands in the way now."""
    return [
        Event(row["line_id"], "made_ready", {"reason": f"Provider order {row['provider_order_id']} is closed."})
        for row in cancels.unbound_from_closed(tx, order_keys)
    ]


def confirm(tx: Connection, rows: Iterable[Mapping[Any, Any]], now: datetime) -> None:
    """End these cancels: a reading says that their orders are closed."""
    found = list(rows)
    if found:
        cancels.confirm(tx, [row["id"] for row in found], now)
        end_runs(tx, {row["run_id"] for row in found}, now)


def end_runs(tx: Connection, run_ids: Iterable[int], now: datetime) -> None:
    """Tell these cells how far they are, and close those that have no cancel open any more."""
    for run_id in sorted(run_ids):
        run = runs.get(tx, run_id, lock=True)  # whoever ends another cancel of it counts after us
        if run["kind"] not in KINDS or run["state"] in ("done", "failed"):
            continue
        waiting, ended = _counted(tx, run_id)
        runs.progress(tx, run_id, max(0, run["total"] - waiting))
        if not waiting:
            given = {"withdrawn": run["params"].get("withdrawn", 0), "left": len(run["params"].get("left", ()))}
            runs.finish(tx, run_id, at=now, out=ended | {name: count for name, count in given.items() if count})


def _counted(tx: Connection, run_id: int) -> tuple[int, dict[str, int]]:
    """Provider orders of a run that are open, and the others: cancelled, refused, refused_as_paid."""
    waiting, ended = 0, Counter[str]()
    for row in cancels.counts_of(tx, run_id):
        if CancelState(row["state"]) in OPEN:
            waiting += row["orders"]
        elif row["state"] == CancelState.CONFIRMED:
            ended["cancelled"] += row["orders"]
        else:
            ended["refused_as_paid" if row["cause"] == "paid_meanwhile" else "refused"] += row["orders"]
    return waiting, dict(ended)
