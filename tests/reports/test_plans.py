"""No page of figures reads a whole table: every statement of Overview and Weekly is explained by the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.reports import backlog, trend, weekly
from autopurchase.reports.weeks import week_of
from autopurchase.storage import schema
from autopurchase.storage.database import Database
from tests.reports.conftest import END, Archive
from tests.reports.test_histories import TROUBLED

#: tables that grow with the work; the others have a row a session, a source, a day
GROWING = (
    "line", "orders", "event", "movement", "booking", "booking_line", "booking_attempt", "provider_order",
    "provider_line", "parcel", "run", "import_reject", "finding", "cancel",
)  # fmt: skip


@contextmanager
def listening(db: Database) -> Iterator[list[tuple[str, Any]]]:
    """Statements as they are sent."""
    heard: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        heard.append((statement, parameters))

    sa.event.listen(db.engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", hear)


#: indexes of a few rows of a table: reading one of them whole is what they are for
PARTIAL = {
    str(index.name)
    for table in schema.metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}


def scans(tx: sa.Connection, statement: str, parameters: Any) -> set[str]:
    """Growing tables that the statement reads from end to end, by themselves or by a whole index."""
    if tx.dialect.name == "sqlite":
        rows = tx.exec_driver_sql(f"explain query plan {statement}", parameters)
        told = [str(row[3]).split() for row in rows]
        found = {words[1] for words in told if words[0] == "SCAN" and not PARTIAL & set(words)}
    else:
        (plan,) = tx.exec_driver_sql(f"explain (format json) {statement}", parameters).scalar_one()
        found = {node["Relation Name"] for node in nodes(plan["Plan"], "") if whole(node)}
    return found & set(GROWING)


def nodes(node: dict[str, Any], table: str) -> Iterator[dict[str, Any]]:
    """A plan's nodes; a bitmap's index knows the table it is of."""
    table = node.get("Relation Name", table)
    yield {"Relation Name": table, **node}
    for child in node.get("Plans", ()):
        yield from nodes(child, table)


def whole(node: dict[str, Any]) -> bool:
    """Whether a node of a plan reads everything there is."""
    if node["Node Type"] == "Seq Scan":
        return True
    by_index = node["Node Type"] in ("Index Scan", "Index Only Scan", "Bitmap Index Scan")
    return by_index and "Index Cond" not in node and node["Index Name"] not in PARTIAL


def test_no_statement_reads_a_growing_table_from_end_to_end(archive: Archive) -> None:
    archive.keep(seed=12, weeks=6, orders_per_week=60, chances=TROUBLED)
    basis = archive.basis(currency="EUR")
    db = archive.ctx.db
    with db.write() as tx:
        keys = tx.execute(sa.select(schema.run.c.id)).scalars().all()
        rejects = [{"run_id": key, "position": str(key), "reason": "", "row": {}} for key in keys]
        tx.execute(sa.insert(schema.import_reject), rejects)
        tx.execute(sa.insert(schema.finding), _findings(tx))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("analyze")
    with db.read() as tx:
        if not db.sqlite:  # tables as small as these are read whole because that is quickest: ask for what is possible
            for way in ("seqscan", "hashjoin", "mergejoin"):
                tx.exec_driver_sql(f"set enable_{way} = off")
        with listening(db) as heard:
            backlog.backlog(tx, basis)
            trend.trend(tx, basis)
            weekly.weekly(tx, week_of(END, basis.zone).before(3).name, basis)
        assert len(heard) > 40
        whole = {statement: names for statement, given in heard if (names := scans(tx, statement, given))}
    assert whole == {}


def _findings(tx: sa.Connection) -> list[dict[str, Any]]:
    """Rows of the desk that are over: an empty table is read whole by every plan."""
    orders = tx.execute(sa.select(schema.provider_order.c.id, schema.provider_order.c.session_id)).all()
    same = {"kind": "mismatch", "believed": {}, "said": {}, "state": "gone", "since": END, "seen_at": END}
    return [
        {**same, "key": f"{key}-{again}", "provider_order_id": key, "session_id": session_id}
        for key, session_id in orders
        for again in range(3)
    ]


@pytest.mark.parametrize("table", ["movement", "line"])
def test_a_whole_table_would_be_seen(archive: Archive, table: str) -> None:
    with archive.ctx.db.read() as tx:
        for words in (f"select count(*) from {table}", f"select * from {table} where id + 0 > 3"):
            assert scans(tx, words, ()) == {table}
