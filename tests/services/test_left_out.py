"""A line that the provider leaves out of a booking it took is told apart, with its own cause and words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autopurchase.sandbox import Sandbox
from autopurchase.storage import cells
from tests.support.world import World, open_world


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """One session; once on each database."""
    with open_world(tmp_path, database_url, market, "alibaba1688") as opened:
        yield opened


def test_the_cell_tells_the_line_left_out_from_those_ordered(world: World) -> None:
    item = next(item for item, _ in world.goods("alibaba1688") if len(item.skus) > 1)
    kept, left = world.order([(item, sku) for sku in item.skus[:2]])
    run = world.book("alibaba1688", [kept, left])
    reference = world.bookings()[0]["out_order_id"]
    world.market.control("faults", rules=[{"kind": "partial", "on": "create", "references": [reference]}])
    world.work("alibaba1688")
    with world.ctx.db.read() as connection:
        found = {row["number"]: row for row in cells.outcomes(connection, run)}
        counts = [(row["state"], row["cause"], row["lines"]) for row in cells.outcome_counts(connection, [run])]
        again = [row["number"] for row in cells.again(connection, run)]
    assert (found[kept]["state"], found[kept]["cause"], found[kept]["sentence"]) == ("confirmed", "", "")
    assert (found[left]["state"], found[left]["cause"]) == ("refused", "out_of_stock")
    assert found[left]["sentence"]
    assert counts == [("confirmed", "", 1), ("refused", "out_of_stock", 1)]
    assert again == [left]
