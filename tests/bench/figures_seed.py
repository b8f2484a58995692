"""Two years of work of as many lines as wanted: a generated past, copied over itself by set-based SQL."""

from __future__ import annotations

import sqlalchemy as sa

from autopurchase.storage import schema
from autopurchase.storage.database import Database
from autopurchase.storage.schema import tally
from tests.reports.conftest import END, Archive

WEEKS = 104
#: lines of the past that is copied
BASE = 10_000
_LINES_AN_ORDER = 1.84
#: tables that are copied, and which of their columns are ids of which table
TABLES: dict[sa.Table, dict[str, sa.Table]] = {
    schema.run: {},
    schema.orders: {},
    schema.booking: {"run_id": schema.run},
    schema.line: {"order_id": schema.orders, "booking_id": schema.booking},
    schema.provider_order: {"booking_id": schema.booking},
    schema.provider_line: {"order_id": schema.provider_order},
    schema.booking_line: {
        "booking_id": schema.booking, "line_id": schema.line, "provider_order_id": schema.provider_order,
        "provider_line_id": schema.provider_line,
    },
    schema.event: {"run_id": schema.run, "line_id": schema.line},
    schema.movement: {"event_id": schema.event, "line_id": schema.line, "booking_id": schema.booking},
}  # fmt: skip
#: texts that are unique: a copy's name stands before them
UNIQUE = {
    schema.orders: ("external_id", "number"),
    schema.line: ("number",),
    schema.booking: ("out_order_id",),
    schema.provider_order: ("provider_order_id",),
}


def fill(archive: Archive, lines: int) -> None:
    """So many lines (a multiple of `BASE`, or fewer), their orders, bookings and events, over two years."""
    base = min(lines, BASE)
    archive.keep(seed=2, weeks=WEEKS, orders_per_week=round(base / WEEKS / _LINES_AN_ORDER), end=END)
    if lines > base:
        copy(archive.ctx.db, lines // base)
    with archive.ctx.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("analyze" if archive.ctx.db.sqlite else "vacuum analyze")


def copy(db: Database, times: int) -> None:
    """Every row ``times`` times; indexes are made afterwards, sums are multiplied."""
    with db.write() as tx:
        if not db.sqlite:  # millions of references, each known to be there
            tx.exec_driver_sql("set local session_replication_role = replica")
        last = {table: tx.execute(sa.select(sa.func.max(table.c.id))).scalar_one() for table in TABLES}
        indexes = [index for table in TABLES for index in table.indexes]
        for index in indexes:
            index.drop(tx)
        for turn in range(1, times):
            for table in TABLES:
                tx.execute(_copied(table, turn, last))
        for index in indexes:
            index.create(tx)
        sums = {name: tally.c[name] * times for name in ("pieces", "lines", "fen", "unpriced")}
        tx.execute(sa.update(tally).values(sums))


def _copied(table: sa.Table, turn: int, last: dict[sa.Table, int]) -> sa.Insert:
    columns = {column.name: column for column in table.columns}
    values: dict[str, sa.ColumnElement[object]] = dict(columns)
    values["id"] = table.c.id + turn * last[table]
    for name, other in TABLES[table].items():
        values[name] = table.c[name] + turn * last[other]
    for name in UNIQUE.get(table, ()):
        values[name] = sa.literal(f"{turn}.") + table.c[name]
    if table is schema.event:  # what it says is not read by any figure
        values["data"] = sa.literal_column("'{}'")
    query = sa.select(*[value.label(name) for name, value in values.items()]).where(table.c.id <= last[table])
    return sa.insert(table).from_select(list(values), query)
