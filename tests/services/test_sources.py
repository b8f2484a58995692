"""Sources are added, shown without their secrets, checked and switched."""

from collections.abc import Callable, Iterator

import pytest

from autopurchase.domain.errors import BadInput, NotAllowed
from autopurchase.services import sources
from autopurchase.storage.schema import run as run_table
from autopurchase.storage.schema import source
from tests.support.orders import ADMIN, OPERATOR, VIEWER, Workspace, open_workspace

CONFIG = {"address": "here", "key": "s3cret"}


@pytest.fixture
def work(database_url: str) -> Iterator[Workspace]:
    workspace = open_workspace(database_url)
    yield workspace
    workspace.ctx.db.close()


def test_a_source_is_kept_sealed_and_shown_without_secrets(work: Workspace) -> None:
    sources.add(work.ctx, ADMIN, kind="memory", name=" shop ", config=CONFIG)
    view = sources.listing(work.ctx, VIEWER)[0]
    assert (view.name, view.label, view.enabled, view.write_back) == ("shop", "Memory", True, True)
    assert view.settings == {"address": "here"}
    assert "s3cret" not in repr(view) + repr(work.rows(source))


def test_a_file_source_writes_nothing_back(work: Workspace) -> None:
    sources.add(work.ctx, ADMIN, kind="file", name="table", config={"path": "/tmp/orders.csv"})  # noqa: S108
    assert not sources.listing(work.ctx, VIEWER)[0].can_write_back
    with pytest.raises(BadInput, match="written back"):
        sources.set_write_back(work.ctx, ADMIN, "table", True)


@pytest.mark.parametrize(
    ("kind", "name", "config", "says"),
    [
        ("memory", "shop", CONFIG, "already"),
        ("memory", " ", CONFIG, "needs a name"),
        ("memory", "b", {"key": "x"}, "“address” is missing"),
        ("memory", "b", {**CONFIG, "colour": "red"}, "no setting colour"),
        ("odd", "b", CONFIG, "no kind of source “odd”; it is one of: file, .*memory, .*vendure"),
    ],
)
def test_what_is_wrong_is_named(work: Workspace, kind: str, name: str, config: dict[str, str], says: str) -> None:
    sources.add(work.ctx, ADMIN, kind="memory", name="shop", config=CONFIG)
    with pytest.raises(BadInput, match=says):
        sources.add(work.ctx, ADMIN, kind=kind, name=name, config=config)


def test_switches(work: Workspace) -> None:
    sources.add(work.ctx, ADMIN, kind="memory", name="shop", config=CONFIG)
    sources.disable(work.ctx, ADMIN, "shop")
    sources.set_write_back(work.ctx, ADMIN, "shop", False)
    view = sources.listing(work.ctx, VIEWER)[0]
    assert (view.enabled, view.write_back) == (False, False)
    sources.enable(work.ctx, ADMIN, "shop")
    sources.set_write_back(work.ctx, ADMIN, "shop", True)
    view = sources.listing(work.ctx, VIEWER)[0]
    assert (view.enabled, view.write_back) == (True, True)


def test_interval(work: Workspace) -> None:
    sources.add(work.ctx, ADMIN, kind="memory", name="shop", config=CONFIG)
    sources.set_interval(work.ctx, ADMIN, "shop", 30)
    assert sources.listing(work.ctx, VIEWER)[0].every_minutes == 30
    for minutes in (0, 1441):
        with pytest.raises(BadInput, match="1 to 1,440 minutes"):
            sources.set_interval(work.ctx, ADMIN, "shop", minutes)


def test_check_and_unknown_names(work: Workspace) -> None:
    sources.add(work.ctx, ADMIN, kind="memory", name="shop", config=CONFIG)
    assert sources.check(work.ctx, OPERATOR, "shop").ok
    with pytest.raises(BadInput, match="no source “x”"):
        sources.check(work.ctx, OPERATOR, "x")


@pytest.mark.parametrize(
    "act",
    [
        lambda ctx: sources.add(ctx, OPERATOR, kind="memory", name="shop", config=CONFIG),
        lambda ctx: sources.enable(ctx, OPERATOR, "shop"),
        lambda ctx: sources.disable(ctx, OPERATOR, "shop"),
        lambda ctx: sources.set_write_back(ctx, OPERATOR, "shop", True),
        lambda ctx: sources.set_interval(ctx, OPERATOR, "shop", 5),
        lambda ctx: sources.check(ctx, VIEWER, "shop"),
    ],
)
def test_roles(work: Workspace, act: Callable[[object], object]) -> None:
    with pytest.raises(NotAllowed):
        act(work.ctx)


def test_settings_are_changed_one_by_one_and_named_without_their_values(work: Workspace) -> None:
    sources.add(work.ctx, ADMIN, kind="memory", name="shop", config=CONFIG)
    run_id = sources.change_settings(work.ctx, ADMIN, "shop", {"address": "there"})
    view = sources.listing(work.ctx, VIEWER)[0]
    assert view.settings == {"address": "there"}
    run = next(row for row in work.rows(run_table) if row["id"] == run_id)
    assert run["out"] == {"settings": ["address"]}
    sources.change_settings(work.ctx, ADMIN, "shop", {"key": "n3w"})
    assert "n3w" not in repr(work.rows(run_table)) + repr(work.rows(source))
    with pytest.raises(BadInput, match="“address” is missing"):
        sources.change_settings(work.ctx, ADMIN, "shop", {"address": ""})
    with pytest.raises(BadInput, match="no setting colour"):
        sources.change_settings(work.ctx, ADMIN, "shop", {"colour": "red"})
    with pytest.raises(NotAllowed):
        sources.change_settings(work.ctx, OPERATOR, "shop", {"address": "x"})
    assert sources.listing(work.ctx, VIEWER)[0].settings == {"address": "there"}
