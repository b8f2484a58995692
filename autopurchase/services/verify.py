"""Rebuilding every line's state from its history and comparing it with what the tables say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby

from autopurchase.domain.booking import LIVE
from autopurchase.domain.history import LineState, fold
from autopurchase.services.context import Context
from autopurchase.storage import bookings, counting, lines, recount
from autopurchase.storage.database import Connection, Row


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where history and tables disagree."""

    what: str
    stored: str
    history: str


def verify(ctx: Context) -> list[Difference]:
    """Every difference; empty is the only good answer. Reads in one consistent view, memory stays flat."""
    with ctx.db.read(steady=True) as tx:
        links = {row["line_id"]: row for row in bookings.live_links(tx)}
        return [
            *_states(tx),
            *_links(tx, links),
            *(
                Difference(
                    f"line {row['number']}", f"{row['booked']} pieces in live bookings", f"{row['quantity']} ordered"
                )
                for row in bookings.over_booked(tx)
            ),
            *_figures(tx),
        ]


def rebuild_figures(ctx: Context) -> int:
    """Count every figure again from history and write it; returns how many lines there are. Writers wait meanwhile."""
    with ctx.db.write() as tx:
        recount.keep_out(tx)
        return recount.rebuild(tx)


def _states(tx: Connection) -> Iterator[Difference]:
    histories = groupby(lines.stream_history(tx), key=lambda row: row["line_id"])
    key, events = next(histories, (None, None))
    for row in lines.stream_states(tx):
        rebuilt = LineState()
        if key == row["id"] and events is not None:
            rebuilt = fold((event["kind"], event["data"]) for event in events)
            key, events = next(histories, (None, None))
        yield from _compare(row, rebuilt)


def _compare(row: Row, rebuilt: LineState) -> Iterator[Difference]:
    stored = lines.line_state(row)
    for name, value in asdict(stored).items():
        if value != asdict(rebuilt)[name]:
            yield Difference(f"line {row['number']}: {name}", str(value), str(asdict(rebuilt)[name]))
    ready = lines.is_ready(stored, row)
    if ready != row["ready"]:
        yield Difference(f"line {row['number']}: ready", str(row["ready"]), str(ready))


def _links(tx: Connection, links: dict[int, Row]) -> Iterator[Difference]:
    """The line's live booking, as its history says, is the one that holds it in the ledger."""
    for row in lines.stream_states(tx):
        held = links.pop(row["id"], None)
        if (held["booking_id"] if held else None) != row["booking_id"]:
            stored = str(held["booking_id"]) if held else "none"
            yield Difference(f"line {row['number']}: live booking", stored, str(row["booking_id"] or "none"))
        elif held is not None and held["state"] not in {state.value for state in LIVE}:
            yield Difference(f"line {row['number']}: live booking", f"in state {held['state']}", "live")


def _figures(tx: Connection) -> Iterator[Difference]:
    """Where each line stands in the figures, its movements, and their sums, are what its history makes them."""
    sums: dict[counting.Key, list[int]] = {}
    stored = groupby(recount.movements(tx), key=lambda row: row["line_id"])
    key, found = next(stored, (None, None))
    for item in recount.recount(tx):
        number = item.row["number"]
        for name, (kept, rebuilt) in item.differences().items():
            yield Difference(f"line {number}: {name}", str(kept), str(rebuilt))
        mine: list[tuple[object, ...]] = []
        if key == item.row["id"] and found is not None:
            mine = sorted((recount.comparable(row) for row in found), key=repr)
            key, found = next(stored, (None, None))
        wanted = sorted((recount.comparable(row) for row in recount.movements_of(item)), key=repr)
        if mine != wanted:
            yield Difference(f"line {number}: movements", _told(mine, wanted), _told(wanted, mine))
        recount.add(sums, item.sums)
    for what, kept, rebuilt in recount.sums_that_differ(tx, sums):
        yield Difference(f"sum {what}", kept, rebuilt)


def _told(rows: list[tuple[object, ...]], other: list[tuple[object, ...]]) -> str:
    """Movements that the other side lacks."""
    missing = [row for row in rows if row not in other]
    return "; ".join(" ".join(str(value) for value in row if value not in (None, "", 0, False)) for row in missing)
