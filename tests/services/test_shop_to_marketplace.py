"""The whole thread on real parts: paid in a real shop, booked at the marketplace, the reference and tracking back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.sandbox import Sandbox
from autopurchase.sandbox.catalogue import catalogue
from autopurchase.services import import_orders, sources, verify, write_back
from autopurchase.services.import_orders import carry_out
from autopurchase.storage import schema
from tests.support.shop import READ_AND_WRITE, Item, PlacedOrder, Shop
from tests.support.world import AT_ONCE, ME, World, open_world

pytestmark = pytest.mark.node


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A workspace with both providers' sessions at a running marketplace."""
    with Sandbox.start(tmp_path / "market", quirks=False, **AT_ONCE) as market:
        with open_world(tmp_path / "home", f"sqlite:///{tmp_path / 'home' / 'autopurchase.db'}", market) as opened:
            yield opened


@pytest.fixture
def source(world: World, shop: Shop) -> str:
    """The shop, connected."""
    config = {"base_url": shop.url, "api_key": shop.api_key(*READ_AND_WRITE)}
    sources.add(world.ctx, ME, kind="vendure", name="shop", config=config)
    return "shop"


def minimum(market: str) -> int:
    return next(item.minimum for item in catalogue() if item.market == market)


def imported(world: World, source: str) -> None:
    run = import_orders.request(world.ctx, ME, source)
    carry_out(world.ctx, run)
    assert world.run(run)["state"] == "done", world.run(run)["error"]


def lines_of(world: World, order: PlacedOrder) -> dict[str, dict[str, Any]]:
    """Number -> line of a shop order, as far as it was imported."""
    query = sa.select(schema.line).join(schema.orders).where(schema.orders.c.external_id == order.id)
    return {row["number"]: row for row in world.rows(query)}


def told(world: World, source: str) -> None:
    row = world.rows(sa.select(schema.source).where(schema.source.c.name == source))[0]
    write_back.carry_out(world.ctx, row["id"])


def test_a_paid_order_is_bought_at_both_marketplaces_and_the_shop_knows(world: World, shop: Shop, source: str) -> None:
    taobao = shop.place_order([Item("T1-1", minimum("taobao")), Item("T2-1", 1)])
    alibaba = shop.place_order([Item("A1-1", minimum("alibaba1688"))])
    authorised = shop.place_order([Item("T1-2", 1)], settle=False)
    imported(world, source)
    assert {row["status"] for row in lines_of(world, authorised).values()} == {"awaiting_payment"}

    for order, session in ((taobao, "taobao"), (alibaba, "alibaba1688")):
        world.bought(session, list(lines_of(world, order)))
    told(world, source)
    for order, count in ((taobao, 2), (alibaba, 1)):
        found = lines_of(world, order)
        assert len(found) == count
        assert {row["purchase"] for row in found.values()} == {"booked"}
        marked = shop.read_order(order)["customFields"]
        assert marked["purchaseStatus"] == "ordered"
        assert marked["purchaseRef"].startswith("AP-")
    assert shop.read_order(authorised)["customFields"]["purchaseRef"] is None

    world.market.control("pay", ids=[order["id"] for order in world.orders()])
    world.market.control("ship", ids=[order["id"] for order in world.orders()])
    for session in ("taobao", "alibaba1688"):
        world.sync(session)
    told(world, source)
    for order in (taobao, alibaba):
        assert {row["purchase"] for row in lines_of(world, order).values()} == {"sent"}
        assert [parcel["state"] for parcel in shop.read_order(order)["fulfillments"]] == ["Shipped"] * len(
            {parcel["trackingCode"] for parcel in shop.read_order(order)["fulfillments"]}
        )
        assert shop.read_order(order)["fulfillments"]
    assert verify.verify(world.ctx) == []


def test_an_order_refunded_after_the_plan_is_not_bought(world: World, shop: Shop, source: str) -> None:
    order = shop.place_order([Item("T3-1", 1)])
    imported(world, source)
    numbers = list(lines_of(world, order))
    run = world.book("taobao", numbers)
    shop.refund_full(order)
    with world.ctx.db.write() as tx:  # as if the plan had been made a while ago
        tx.execute(sa.update(schema.orders).values(read_at=datetime.now(UTC) - timedelta(hours=1)))
    world.work("taobao")
    assert world.run(run)["out"]["causes"] == {"not_payable": 1}
    assert world.states(numbers) == {("problem", "not_payable")}
    assert world.orders() == []
    assert verify.verify(world.ctx) == []


def test_a_payment_settled_late_makes_the_lines_ready(world: World, shop: Shop, source: str) -> None:
    order = shop.place_order([Item("T2-2", 1)], settle=False)
    imported(world, source)
    assert not any(row["ready"] for row in lines_of(world, order).values())
    shop.settle(order)
    imported(world, source)
    assert all(row["ready"] for row in lines_of(world, order).values())
