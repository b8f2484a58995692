"""Counting everything again from history: to fill the figures of an older workspace, to repair them, to check them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, text, update

from autopurchase.domain.counting import Move, count
from autopurchase.domain.history import LineState, step
from autopurchase.domain.standing import NOW, Levels, Standing, levels, news
from autopurchase.storage import counting, tallies
from autopurchase.storage.counting import FACTS, Key
from autopurchase.storage.schema import event, line, movement, orders, tally, tally_delta

_BATCH = 1_000
#: of a statement, not of the connection: what is written between must not be streamed
_STREAM = {"stream_results": True, "yield_per": _BATCH}
Row = Mapping[Any, Any]


@dataclass(slots=True)
class Recounted:
    """A line counted again: where it stands, its moves by event, its sums, and events with what they lacked."""

    row: RowMapping
    standing: Standing = field(default_factory=Standing)
    state: LineState = field(default_factory=LineState)
    moves: list[tuple[int, datetime, Move]] = field(default_factory=list)  # event, when it was recorded
    sums: dict[Key, list[int]] = field(default_factory=dict)
    enriched: dict[int, Mapping[str, Any]] = field(default_factory=dict)  # event -> its data, completed

    @property
    def levels(self) -> Levels:
        """What it adds to the figures."""
        return levels(self.standing, self.state)

    @property
    def columns(self) -> dict[str, Any]:
        """What the line's row should say."""
        return counting.kept(self.standing, self.levels)

    def differences(self) -> dict[str, tuple[Any, Any]]:
        """Columns that say otherwise than history, and facts that history does not know: (table, history)."""
        mine = self.columns
        found = {name: (self.row[name], mine[name]) for name in counting.KEPT if self.row[name] != mine[name]}
        facts = news(counting.facts_of(self.row), self.standing, self.state.purchase)
        return found | {name: (value, getattr(self.standing, name)) for name, value in facts.items()}


def recount(connection: Connection) -> Iterator[Recounted]:
    """Every line by id, counted again from its events; memory stays flat."""
    histories = groupby(_events(connection), key=lambda row: row["line_id"])
    key, events = next(histories, (None, None))
    batch: list[Recounted] = []
    waiting: list[Sequence[RowMapping]] = []
    for row in _lines(connection):
        mine: Sequence[RowMapping] = ()
        if key == row["id"] and events is not None:
            mine = list(events)
            key, events = next(histories, (None, None))
        batch.append(Recounted(row))
        waiting.append(mine)
        if len(batch) == _BATCH:
            yield from _counted(connection, batch, waiting)
            batch, waiting = [], []
    yield from _counted(connection, batch, waiting)


def _events(connection: Connection) -> Iterator[RowMapping]:
    query = select(event).order_by(event.c.line_id, event.c.id)
    yield from connection.execute(query, execution_options=_STREAM).mappings()


def _lines(connection: Connection) -> Iterator[RowMapping]:
    columns = (line.c.open_quantity, line.c.item_id, *(line.c[name] for name in counting.KEPT if name != "standing"))
    query = (
        select(line.c.id, line.c.number, *columns, orders.c.payable, orders.c.paid_at, *FACTS)
        .join_from(line, orders)
        .order_by(line.c.id)
    )
    yield from connection.execute(query, execution_options=_STREAM).mappings()


def _counted(
    connection: Connection, batch: Sequence[Recounted], histories: Sequence[Sequence[RowMapping]]
) -> Iterator[Recounted]:
    lacking = sorted(
        {row["line_id"] for events in histories for row in events if counting.lacks(row["kind"], row["data"])}
    )
    ledger = counting.ledger(connection, lacking) if lacking else {}
    for item, events in zip(batch, histories, strict=True):
        _replay(item, events, ledger)
        yield item


def _replay(item: Recounted, events: Sequence[RowMapping], ledger: Mapping[Any, RowMapping]) -> None:
    """Count a line's events. Older ones do not say what their order asked for: then what it asks for now is taken."""
    facts = counting.facts_of(item.row)
    older = True
    for row in events:
        kind, data = row["kind"], row["data"]
        older = older and NOW not in data
        if counting.lacks(kind, data):
            data = counting.completed(kind, data, ledger.get((item.row["id"], data.get("booking", item.state.booking))))
        after = step(item.state, kind, data)
        if older and (known := news(facts, item.standing, after.purchase)):
            data = {**data, NOW: known}
        if data is not row["data"]:
            item.enriched[row["id"]] = data
        now, moves = count(item.standing, item.state, after, kind, data, at=row["at"], actor=row["actor"])
        item.moves += [(row["id"], row["at"], move) for move in moves]
        was, later = (item.standing, item.levels), (now, levels(now, after))
        for key, sums in counting.differences(item.row["source_id"], was, later, moves, row["at"]):
            held = item.sums.setdefault(key, [0, 0, 0, 0])
            item.sums[key] = [one + other for one, other in zip(held, sums, strict=True)]
        item.standing, item.state = now, after


# --- writing it ---

_COLUMNS = update(line).where(line.c.id == bindparam("key")).values({name: bindparam(name) for name in counting.KEPT})
_ENRICH = update(event).where(event.c.id == bindparam("key")).values(data=bindparam("told"))


def keep_out(connection: Connection) -> None:
    """Let nobody write history until the commit; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE orders, line, event IN SHARE ROW EXCLUSIVE MODE"))


def rebuild(connection: Connection) -> int:
    """Write every figure anew from history; returns how many lines there are. Events get what they lacked."""
    for table in (movement, tally, tally_delta):
        connection.execute(delete(table))
    total = 0
    sums: dict[Key, list[int]] = {}
    items = recount(connection)
    while batch := [item for _, item in zip(range(_BATCH), items, strict=False)]:
        total += len(batch)
        _write(connection, batch)
        for item in batch:
            add(sums, item.sums)
    deltas = [counting.delta_row(key, values) for key, values in sorted(sums.items()) if any(values)]
    if deltas:
        connection.execute(insert(tally_delta), deltas)
    return total


def _write(connection: Connection, batch: Sequence[Recounted]) -> None:
    connection.execute(_COLUMNS, [{"key": item.row["id"], **item.columns} for item in batch])
    enriched = [{"key": key, "told": data} for item in batch for key, data in item.enriched.items()]
    if enriched:
        connection.execute(_ENRICH, enriched)
    rows = [row for item in batch for row in movements_of(item)]
    if rows:
        connection.execute(insert(movement), rows)


def movements_of(item: Recounted) -> list[dict[str, Any]]:
    """A line's movements as they should be stored."""
    source_id = item.row["source_id"]
    return [counting.movement_row(move, key, item.row["id"], source_id, at) for key, at, move in item.moves]


def add(sums: dict[Key, list[int]], more: Mapping[Key, Sequence[int]]) -> None:
    """Add sums by key."""
    for key, values in more.items():
        held = sums.setdefault(key, [0, 0, 0, 0])
        for place, value in enumerate(values):
            held[place] += value


# --- checking it ---


def movements(connection: Connection) -> Iterator[RowMapping]:
    """Every movement, line by line; memory stays flat."""
    query = select(movement).order_by(movement.c.line_id, movement.c.id)
    yield from connection.execute(query, execution_options=_STREAM).mappings()


def comparable(row: Row) -> tuple[Any, ...]:
    """What two movements are compared by."""
    return tuple(row[column.name] for column in movement.c if column.name != "id")


def sums_that_differ(connection: Connection, wanted: Mapping[Key, Sequence[int]]) -> Iterator[tuple[str, str, str]]:
    """Sums over all time, and of each slot, that are not what the lines' histories add up to: (what, stored, ours)."""
    ours: dict[tuple[Any, ...], list[int]] = {}
    stored: dict[tuple[Any, ...], list[int]] = {}
    for key, values in wanted.items():
        _add_both(ours, key, values)
    for row in connection.execute(select(tally_delta)).mappings():
        _add_both(stored, tuple(row[name] for name in counting.KEY), [row[name] for name in counting.SUMS])
    for row in connection.execute(select(tally).where(tally.c.level != "day")).mappings():
        key = tuple(row[name] for name in counting.KEY)
        values = [row[name] for name in counting.SUMS]
        add(stored, {tallies.now_key(key) if row["level"] == "now" else tallies.slot_key(key): values})
    for key in sorted(ours.keys() | stored.keys(), key=repr):
        one, other = stored.get(key, [0, 0, 0, 0]), ours.get(key, [0, 0, 0, 0])
        if one != other:
            yield " ".join(map(str, key)), str(one), str(other)


def _add_both(sums: dict[tuple[Any, ...], list[int]], key: Key, values: Sequence[int]) -> None:
    if not tallies.is_flow(key):
        add(sums, {tallies.now_key(key): values})
    add(sums, {tallies.slot_key(key): values})
