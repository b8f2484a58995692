"""The connections behind the workspace: replaced when they died."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.storage import database
from autopurchase.storage.database import Database


@pytest.mark.postgres
def test_connections_that_died_while_idle_are_replaced(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_SURE_SECONDS", 0.0)
    db = Database(postgres_url)
    with db.write() as one, db.write() as two:
        pids = [int(tx.execute(sa.text("select pg_backend_pid()")).scalar_one()) for tx in (one, two)]
    other_engine = sa.create_engine(db.url, poolclass=sa.NullPool)
    with other_engine.connect() as other:
        for pid in pids:
            other.execute(sa.text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with db.write() as one, db.write() as two:
        assert {tx.execute(sa.text("select 1")).scalar_one() for tx in (one, two)} == {1}
    db.close()


def test_a_writer_waits_while_somebody_else_writes_to_the_file(tmp_path: Path) -> None:
    """The engine, or another process; afterwards everything else may wait as long as before."""
    base = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with base.write() as tx:
        tx.execute(sa.text("create table t (n integer)"))
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("insert into t values (1)")
        end = threading.Timer(0.3, other.execute, ["COMMIT"])
        end.start()
        with base.write() as tx:
            assert tx.execute(sa.text("select count(*) from t")).scalar_one() == 1, "it came after the other"
            assert tx.execute(sa.text("PRAGMA busy_timeout")).scalar_one() == 30_000
        end.join()
    base.close()


def test_a_writer_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with base.write() as tx:
        tx.execute(sa.text("create table t (n integer)"))
    monkeypatch.setattr(database, "_BUSY_MS", 100)
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(database.DatabaseFailure, match="locked"), base.write():
            pass
        other.execute("ROLLBACK")
    with base.write() as tx:
        tx.execute(sa.text("insert into t values (2)"))
    base.close()
