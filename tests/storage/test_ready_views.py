"""The list of ready lines is answered by indexes, and a filter that none answers looks at so many lines and no more."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase import wiring
from autopurchase.storage import views
from autopurchase.storage.views import ReadyFilter
from autopurchase.wiring import Workspace
from tests.bench import page_seed

COUNT = 2_000


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Ready lines, one marketplace after the other, the oldest first."""
    found = wiring.open_workspace({"AUTOPURCHASE_HOME": str(tmp_path_factory.mktemp("ready"))})
    page_seed.fill(found, COUNT)
    yield found
    found.close()


def plans(opened: Workspace, wanted: ReadyFilter) -> list[str]:
    """What SQLite says it does to draw one page."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_more: object) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    engine = opened.context.db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        with opened.context.db.read() as connection:
            views.ready_count(connection, wanted)
            views.ready_page(connection, wanted, limit=100)
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    with opened.context.db.read() as connection:
        return [
            row.detail
            for statement, values in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (ReadyFilter(), "ix_line_ready"),
        (ReadyFilter(newest_first=True), "ix_line_ready"),
        (ReadyFilter(provider="taobao"), "ix_line_ready_provider"),
        (ReadyFilter(text="lamp"), "ix_line_ready"),
        (ReadyFilter(held=True), "ix_line_purchase"),
    ],
)
def test_an_index_leads_to_the_lines_and_none_is_looked_at_without(
    opened: Workspace, wanted: ReadyFilter, index: str
) -> None:
    found = plans(opened, wanted)
    assert any(f"{index} " in f"{step} " for step in found), found
    assert [step for step in found if step.startswith("SCAN line") and "INDEX" not in step] == []


def test_a_search_looks_at_the_lines_that_wait_longest(opened: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "NEAR", 100)
    with opened.context.db.read() as connection:
        everything = views.ready_page(connection, ReadyFilter(), limit=COUNT)
        near, far = everything[99]["number"], everything[100]["number"]
        assert len(everything) == COUNT
        assert views.ready_count(connection, ReadyFilter()) == COUNT
        assert [row["number"] for row in views.ready_page(connection, ReadyFilter(text=near), limit=9)] == [near]
        assert views.ready_count(connection, ReadyFilter(text=far)) == 0
        assert views.ready_count(connection, ReadyFilter(text=far, newest_first=True)) == 0
        assert views.ready_count(connection, ReadyFilter(text="lamp")) == 100


def test_it_says_whether_it_looked_at_all(opened: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened.context.db.read() as connection:
        assert views.reaches_all(connection, ReadyFilter(text="lamp"))
        monkeypatch.setattr(views, "NEAR", COUNT - 1)
        assert not views.reaches_all(connection, ReadyFilter(text="lamp"))
        assert views.reaches_all(connection, ReadyFilter(text="lamp", provider="taobao"))
        assert views.reaches_all(connection, ReadyFilter())
