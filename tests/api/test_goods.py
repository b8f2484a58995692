"""Mappings and rates in Python: each run's call can be called again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

import autopurchase as ap

HEAD = "order_number,line_no,quantity,unit_price,currency,created_at,paid_at,product_key"
ROW = "ORD-000000001,1,2,12.50,USD,2026-11-20T10:00Z,2026-11-20T11:00Z,V-1"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ap.Workspace]:
    """A workspace with one line that waits for a mapping."""
    path = tmp_path / "orders.csv"
    path.write_text(f"{HEAD}\n{ROW}\n", encoding="utf-8")
    with ap.connect(tmp_path / "home") as shop:
        shop.import_file(path)
        yield shop


def test_a_product_is_mapped_and_the_call_says_how(own: ap.Workspace) -> None:
    assert own.mapping.waiting().column("product_key") == ["V-1"]
    run = own.mapping.set("file", "V-1", provider="taobao", item_id="7654321", ratio=2)
    assert run.out["lines"]["freed"] == 1
    assert len(own.ready()) == 1
    again = eval(run.call, {"shop": own})  # noqa: S307 — our own words
    assert again.out["mappings"]["unchanged"] == 1
    assert own.mapping.list().column("ratio") == [2]
    assert own.mapping.remove("file", "V-1").out["lines"]["held"] == 1


def test_a_rate_is_set_and_the_call_says_how(own: ap.Workspace) -> None:
    run = own.rates.set("USD", "7.1", "2026-11-01")
    assert run.out["lines"] == 1
    assert eval(run.call, {"shop": own}).out["rates"]["unchanged"] == 1  # noqa: S307 — our own words
    assert own.rates.list().column("rate") == [Decimal("7.1")]
    with pytest.raises(ap.BadInput, match="No address"):
        own.rates.fetch()
