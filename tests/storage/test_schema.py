"""The schema is what the migrations make, on both databases, and it refuses what must never be."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from sqlalchemy.exc import IntegrityError, StatementError

from autopurchase.domain.errors import BadInput
from autopurchase.storage import bookings, cells, recount, schema
from autopurchase.storage.database import Database, normal_url
from autopurchase.storage.migrate import _config, current, migrate, newest
from autopurchase.storage.vault import KeyVault
from tests.support import seed

NOW = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def db(database_url: str) -> Any:
    """A migrated, empty database."""
    opened = Database(database_url)
    migrate(opened)
    yield opened
    opened.close()


def ours(thing: Any, name: str | None, kind: str, *_: object) -> bool:
    """The engine keeps its tables beside ours."""
    return kind != "table" or name in schema.metadata.tables


def test_migrations_make_exactly_the_schema(db: Database) -> None:
    with db.engine.connect() as connection:
        options = {"include_object": ours, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_the_newest_migration_is_the_one_with_the_highest_number() -> None:
    assert newest() == ScriptDirectory.from_config(_config()).get_current_head()


def test_migrating_again_changes_nothing(db: Database) -> None:
    assert current(db) == newest()
    assert not migrate(db)


def test_a_workspace_without_figures_is_counted_when_it_is_migrated(bare_database_url: str) -> None:
    opened = Database(bare_database_url)
    with opened.write() as tx:
        command.upgrade(_config(tx), "0002")
    shop = {"id": 1, "name": "shop", "kind": "file", "config_sealed": "", "created_at": NOW}
    order = {
        "id": 1, "source_id": 1, "external_id": "1", "number": "ORD-1", "customer": "", "state": "open",
        "status": "paid", "currency": "USD", "goods_minor": 1, "total_minor": 1, "paid_minor": 1, "refunded_minor": 0,
        "delivery_minor": 0, "payable": True, "ship_to": {}, "created_at": NOW, "paid_at": NOW, "imported_at": NOW,
        "read_at": NOW,
    }  # fmt: skip
    line = {
        "id": 1, "order_id": 1, "line_no": 1, "number": "1-1", "external_id": "1", "provider": "taobao",
        "item_id": "7", "quantity": 3, "open_quantity": 3, "currency": "USD", "unit_price_minor": 1, "sum_minor": 3,
        "reference_fen": 500, "extras": {}, "status": "paid", "purchase": "ready", "version": 1, "ready": True,
        "ready_at": NOW, "imported_at": NOW, "changed_at": NOW,
    }  # fmt: skip
    said = {"id": 1, "at": NOW, "actor": "clock", "line_id": 1, "kind": "imported", "data": {"status": "paid"}}
    rows = {schema.source: shop, schema.orders: order, schema.line: line, schema.event: said}
    with opened.write() as tx:
        for table, row in rows.items():
            tx.execute(sa.insert(table), [row])
    assert migrate(opened)
    with opened.read() as tx:
        (found,) = recount.recount(tx)
        assert found.differences() == {}
        assert (found.levels.backlog, found.levels.part, found.standing.clock) == (3, "pickable", NOW)
        assert [move["pieces"] for move in recount.movements(tx)] == [3]
    opened.close()


def test_a_new_database_is_at_no_revision(bare_database_url: str) -> None:
    opened = Database(bare_database_url)
    assert current(opened) == ""
    opened.close()


@pytest.fixture
def filled(db: Database) -> Database:
    """A workspace with some of everything."""
    seed.fill(db, KeyVault(Fernet.generate_key().decode()), count=40)
    return db


def test_the_database_refuses_a_second_live_booking_of_a_line(filled: Database) -> None:
    """Whatever the code does: two live ties of one line cannot be stored."""
    with filled.read() as tx:
        tie = tx.execute(sa.select(schema.booking_line).where(schema.booking_line.c.live).limit(1)).mappings().one()
    values = {"booking_id": tie["booking_id"], "line_id": tie["line_id"], "quantity": 1, "price_fen": 1}
    with pytest.raises(IntegrityError), filled.write() as tx:
        bookings.add_lines(tx, [{**values, "generation": 2, "live": True}])
    with pytest.raises(IntegrityError), filled.write() as tx:  # nor the same generation twice, live or not
        bookings.add_lines(tx, [{**values, "generation": tie["generation"], "live": False}])
    with filled.write() as tx:
        bookings.add_lines(tx, [{**values, "generation": 2, "live": False}])


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (schema.booking, ["out_order_id"]),
        (schema.orders, ["number"]),
        (schema.orders, ["source_id", "external_id"]),
        (schema.line, ["number"]),
        (schema.provider_order, ["session_id", "provider_order_id"]),
        (schema.session, ["name"]),
    ],
)
def test_what_is_unique_is_unique(filled: Database, table: sa.Table, columns: list[str]) -> None:
    with filled.read() as tx:
        first, second = tx.execute(sa.select(table).order_by(table.c.id).limit(2)).mappings()
    same = {name: first[name] for name in columns}
    with pytest.raises(IntegrityError), filled.write() as tx:
        tx.execute(sa.update(table).where(table.c.id == second["id"]).values(**same))


def test_a_line_has_a_quantity_and_an_order(filled: Database) -> None:
    with pytest.raises(IntegrityError), filled.write() as tx:
        tx.execute(sa.update(schema.line).where(schema.line.c.id == 1).values(quantity=0))
    with pytest.raises(IntegrityError), filled.write() as tx:
        tx.execute(sa.update(schema.line).where(schema.line.c.id == 1).values(order_id=10**9))


def test_times_come_back_as_they_went_in(filled: Database) -> None:
    """Whatever zone they came in, to the microsecond, and as aware UTC."""
    table = schema.session
    for moment in (NOW, NOW.astimezone(timezone(timedelta(hours=8))), NOW.astimezone(timezone(timedelta(hours=-3)))):
        with filled.write() as tx:
            tx.execute(sa.update(table).values(synced_at=moment))
            found = tx.execute(sa.select(table.c.synced_at).limit(1)).scalar_one()
        assert found == NOW
        assert found.tzinfo is UTC
    with filled.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).where(table.c.synced_at <= NOW)).scalar_one()
        assert not tx.execute(sa.select(sa.func.count()).where(table.c.synced_at < NOW)).scalar_one()


def test_a_naive_time_is_refused(filled: Database) -> None:
    with pytest.raises(StatementError, match="naive"), filled.write() as tx:
        tx.execute(sa.update(schema.session).values(synced_at=NOW.replace(tzinfo=None)))


def test_a_failing_transaction_leaves_nothing(filled: Database) -> None:
    class Broken(RuntimeError):
        pass

    def change_and_fail() -> None:
        with filled.write() as tx:
            tx.execute(sa.update(schema.session).values(account="changed"))
            raise Broken

    with pytest.raises(Broken):
        change_and_fail()
    with filled.read() as tx:
        assert "changed" not in tx.execute(sa.select(schema.session.c.account)).scalars().all()


def test_the_claim_of_the_next_booking_uses_its_index(tmp_path: Path) -> None:
    """However long the ledger is."""
    (plan,) = query_plan(tmp_path, lambda tx: bookings.claim(tx, 1, NOW, 1))
    assert "ix_booking_due" in plan


def test_the_outcomes_of_a_run_are_counted_by_its_lines(tmp_path: Path) -> None:
    """Not by all events of the run for each line: that grows with the square of the run."""
    plan = query_plan(tmp_path, lambda tx: cells.outcome_counts(tx, [1]))
    assert any("ix_event_line (line_id=?)" in step for step in plan)
    assert not any("ix_event_run_id" in step for step in plan)


def query_plan(folder: Path, ask: Callable[[sa.Connection], object]) -> list[str]:
    """The steps of SQLite's plan for a query."""
    opened = Database(f"sqlite:///{folder / 'a.db'}")
    migrate(opened)
    seen: list[tuple[str, Any]] = []
    sa.event.listen(opened.engine, "before_cursor_execute", lambda c, cur, text, args, *_: seen.append((text, args)))
    with opened.read() as tx:
        ask(tx)
        text, values = next(entry for entry in seen if entry[0].startswith("SELECT"))
        steps = [step[3] for step in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]
    opened.close()
    return steps


def test_addresses() -> None:
    assert normal_url("postgresql://u:p@h/d") == "postgresql+psycopg://u:p@h/d"
    assert normal_url("sqlite:///a.db") == "sqlite:///a.db"
    with pytest.raises(BadInput, match="SQLite or PostgreSQL"):
        normal_url("mysql://h/d")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_bytes(b"no database" * 100)
    with pytest.raises(BadInput, match=r"notes\.txt"):
        Database(f"sqlite:///{other}")
    with pytest.raises(BadInput, match="must be a file"):
        Database("sqlite://")
