"""The connections behind the workspace: replaced when they died."""

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
