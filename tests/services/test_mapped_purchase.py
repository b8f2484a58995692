"""A mapped product is bought in the mapping's pieces at a real marketplace, and the plan shows what that means."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.mapping import Target
from autopurchase.sandbox import Item, Sandbox, Sku
from autopurchase.services import mapping
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.support.world import ME, World, open_world

RATIO = 3
UNKNOWN: dict[str, Any] = {
    "product_key": "V-1",
    "provider": "",
    "item_id": "",
    "sku_id": "",
    "spec_id": "",
    "seller_id": "",
    "unclear": "no link",
    "configuration": "White, M",
    "unit_price_minor": 9000,
    "rate": "7.1",
}


@pytest.fixture
def world(tmp_path: Path, market: Sandbox, database_url: str) -> Iterator[World]:
    """A session a provider."""
    with open_world(tmp_path, database_url, market) as opened:
        yield opened
        assert verify(opened.ctx) == []


@pytest.fixture(params=["taobao", "alibaba1688"])
def provider(request: pytest.FixtureRequest) -> str:
    """Each marketplace in turn."""
    return str(request.param)


def target(item: Item, sku: Sku) -> Target:
    """What a person maps a product to."""
    spec = sku.spec_id if item.market == "alibaba1688" else ""
    sku_id = "" if spec else sku.sku_id
    return Target(item.market, item.item_id, sku_id, spec, RATIO, item.seller.id, item.seller.name)


def mapped(world: World, provider: str) -> tuple[str, int, Item, Sku]:
    """A line of two or more pieces sold, mapped to a SKU: its number, pieces sold, and what it is."""
    item, sku = world.goods(provider)[0]
    sold = max(2, item.minimum)
    (number,) = world.order([(item, sku)], quantity=sold, **UNKNOWN)
    mapping.set(world.ctx, ME, "shop", "V-1", target(item, sku))
    return number, sold, item, sku


def test_the_plan_shows_pieces_words_and_margin(world: World, provider: str) -> None:
    number, sold, item, sku = mapped(world, provider)
    ((line,),) = [purchase["lines"] for purchase in world.view(world.plan(provider, [number])).body["purchases"]]
    assert (line["quantity"], line["ratio"]) == (sold * RATIO, RATIO)
    assert line["configuration_shown"] == "White, M"
    if provider == "taobao":  # 1688's preview has no words
        assert item.title in line["provider_words"]
        assert all(value in line["provider_words"] for _, value in sku.options)
    assert line["margin_fen"] == round(90 * sold * 710) - line["price_fen"] * sold * RATIO
    assert line["margin_reason"] == ""


def test_without_a_rate_there_is_no_margin(world: World, provider: str) -> None:
    (number,) = world.order(world.goods(provider)[:1])
    ((line,),) = [purchase["lines"] for purchase in world.view(world.plan(provider, [number])).body["purchases"]]
    assert (line["margin_fen"], line["margin_reason"]) == (None, "no rate for USD")


def test_it_is_bought_in_the_mappings_pieces(world: World, provider: str) -> None:
    number, sold, _, _ = mapped(world, provider)
    world.bought(provider, [number])
    world.sync(provider)
    assert world.lines([number])[number]["purchase"] in ("booked", "bought")
    booked = world.one(sa.select(schema.booking_line.c.quantity))
    theirs = world.one(sa.select(schema.provider_line.c.quantity))
    assert (booked, theirs) == (sold * RATIO, sold * RATIO)


def test_a_mapping_that_changes_the_marketplace_leaves_the_line_out_of_a_plan(world: World, provider: str) -> None:
    number, *_ = mapped(world, provider)
    other = next(name for name in ("taobao", "alibaba1688") if name != provider)
    mapping.set(world.ctx, ME, "shop", "V-1", target(*world.goods(other)[0]))
    left = world.view(world.plan(provider, [number])).body["left_out"]
    assert [(entry["number"], entry["cause"]) for entry in left] == [(number, "wrong_session")]
