"""A source is looked at before anything of it is stored."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autopurchase.domain.errors import BadInput, NotAllowed
from autopurchase.domain.mapping import Target
from autopurchase.domain.money import Money
from autopurchase.domain.shop import Reject
from autopurchase.services import mapping, source_preview, sources
from autopurchase.services.source_preview import preview
from autopurchase.storage.schema import line, orders, run, source
from tests.support.orders import (
    ADMIN,
    OPERATOR,
    VIEWER,
    Workspace,
    file_row,
    many_rows,
    open_workspace,
    shop_line,
    shop_order,
    write_file,
)

CONFIG = {"address": "here", "key": "s3cret"}


@pytest.fixture
def work(database_url: str) -> Iterator[Workspace]:
    """A shop with a ready line, one that needs mapping, one partly refunded, one unpaid, and a reject."""
    workspace = open_workspace(database_url)
    clear, unclear = shop_line(1, product_key="A"), shop_line(2, provider="", item_id="", product_key="B", unclear="?")
    workspace.shop.put(shop_order("ORD-000000053", clear, unclear))
    workspace.shop.put(shop_order("ORD-000000054", refunded=100))
    workspace.shop.put(shop_order("ORD-000000055", paid=0))
    workspace.shop.put(shop_order("ORD-000000056", shop_line(1, provider="ebay")))
    workspace.shop.rejects.append(Reject("order 7", "no link", {"order": "7"}))
    yield workspace
    workspace.ctx.db.close()


def test_a_source_not_yet_added_is_shown_and_nothing_is_stored(work: Workspace) -> None:
    found = preview(work.ctx, ADMIN, ("memory", CONFIG))
    assert [(row.number, row.outlook) for row in found.rows] == [
        ("53-1", "ready"),
        ("53-2", "needs_mapping"),
        ("54-1", "partial_refund"),
        ("55-1", "awaiting_payment"),
    ]
    assert found.sentence == (
        "3 orders, 1 of them paid in full; 1 lines ready, 1 need mapping, 1 awaiting payment, 1 held, 2 rejected"
    )
    assert [reject.position for reject in found.rejects] == ["order 7", "order ORD-000000056"]
    assert "“ebay”" in found.rejects[1].reason
    assert all(work.rows(table) == [] for table in (orders, line, source, run))
    assert "s3cret" not in repr(found)


def test_a_stored_source_is_shown_with_its_mappings(work: Workspace) -> None:
    sources.add(work.ctx, ADMIN, kind="memory", name="shop", config=CONFIG)
    mapping.set(work.ctx, OPERATOR, "shop", "B", Target("taobao", "610000000009", ratio=2))
    found = preview(work.ctx, OPERATOR, "shop", limit=2)
    assert (len(found.rows), found.rows[1].item_id, found.rows[1].ratio) == (2, "610000000009", 2)
    assert (found.counts["ready"], found.counts["needs_mapping"], found.complete) == (2, 0, True)
    assert work.rows(orders) == []


def test_a_file_is_shown_by_whoever_may_import_it(work: Workspace, tmp_path: Path) -> None:
    path = write_file(tmp_path / "o.csv", [file_row(1, 1), file_row(1, 2, quantity="x")])
    found = preview(work.ctx, OPERATOR, ("file", {"path": str(path)}))
    assert (found.counts["ready"], found.counts["rejected"], found.rows[0].unit_price) == (1, 1, Money(1250, "USD"))
    with pytest.raises(NotAllowed):
        preview(work.ctx, VIEWER, ("file", {"path": str(path)}))


def test_a_large_source_is_counted_as_far_as_it_was_looked_at(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_preview, "LOOK", 600)
    path = write_file(tmp_path / "o.csv", many_rows(601, per_order=1))
    found = preview(work.ctx, OPERATOR, ("file", {"path": str(path)}))
    assert (found.counts["orders"], found.complete) == (600, False)
    assert "of the first 600" in found.sentence


def test_what_is_wrong_is_said(work: Workspace) -> None:
    with pytest.raises(NotAllowed):
        preview(work.ctx, OPERATOR, ("memory", CONFIG))
    with pytest.raises(BadInput, match="no kind"):
        preview(work.ctx, ADMIN, ("odd", {}))
    with pytest.raises(BadInput, match="no source"):
        preview(work.ctx, ADMIN, "nowhere")
    work.shop.put(replace(shop_order("ORD-000000060"), lines=()))
    assert preview(work.ctx, ADMIN, ("memory", CONFIG)).counts["orders"] == 3
