"""A plan says what would be bought at which price, leaves out what may not be, and freezes it with a hash."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput, NotAllowed
from autopurchase.domain.roles import Actor, Role
from autopurchase.sandbox import Item, Sandbox, Sku
from autopurchase.services import apply, plan, sessions, split
from autopurchase.storage import plans, schema
from tests.support.world import ME, World, open_world


@pytest.fixture
def world(tmp_path: Path, market: Sandbox) -> Iterator[World]:
    """A session a provider."""
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'autopurchase.db'}", market) as opened:
        yield opened


@pytest.fixture(params=["taobao", "alibaba1688"])
def provider(request: pytest.FixtureRequest) -> str:
    """Each marketplace in turn."""
    return str(request.param)


def of_one_seller(world: World, provider: str, items: int) -> list[tuple[Item, Sku]]:
    """One SKU each of ``items`` different items of the same seller."""
    sellers: dict[str, dict[str, tuple[Item, Sku]]] = {}
    for item, sku in world.goods(provider):
        sellers.setdefault(item.seller.id, {}).setdefault(item.item_id, (item, sku))
    return list(next(found for found in sellers.values() if len(found) >= items).values())[:items]


def set_price(world: World, sku: Sku, percent: int) -> None:
    """The seller changes a price."""
    world.market.control("price", sku_id=sku.sku_id, price=sku.price * percent // 100)


def left_out(world: World, token: str) -> dict[str, str]:
    """Number -> cause."""
    return {entry["number"]: entry["cause"] for entry in world.view(token).body["left_out"]}


def planned(world: World, token: str) -> list[list[str]]:
    """Line numbers per purchase."""
    return [[line["number"] for line in purchase["lines"]] for purchase in world.view(token).body["purchases"]]


# --- asking the marketplace ---


def test_prices_are_asked_for_by_few_connections(world: World, provider: str) -> None:
    numbers = [number for goods in world.goods(provider)[:12] for number in world.order([goods])]
    world.market.control("stats", reset=True)
    token = world.plan(provider, numbers)
    assert len(planned(world, token)) == 12
    meter = world.meters()[provider]
    assert meter["calls"] >= 12
    assert meter["connections"] <= 4  # as many as the session's calls at once


# --- prices ---


def test_a_price_within_the_tolerance_is_taken_at_what_it_is_now(world: World, provider: str) -> None:
    item, sku = world.goods(provider)[0]
    numbers = world.order([(item, sku)])
    set_price(world, sku, 104)
    token = world.plan(provider, numbers)
    (purchase,) = world.view(token).body["purchases"]
    (line,) = purchase["lines"]
    assert line["seen_fen"] == sku.price
    assert line["price_fen"] == sku.price * 104 // 100
    assert purchase["goods_fen"] == line["price_fen"] * line["quantity"]
    assert purchase["total_fen"] == purchase["goods_fen"] + purchase["freight_fen"]
    assert world.view(token).body["totals"] == {"CNY": purchase["total_fen"]}


def test_a_price_over_the_tolerance_leaves_the_line_out_until_somebody_accepts_it(world: World, provider: str) -> None:
    item, sku = world.goods(provider)[0]
    numbers = world.order([(item, sku)])
    set_price(world, sku, 110)
    token = world.plan(provider, numbers)
    assert left_out(world, token) == {numbers[0]: "price_changed"}
    assert world.view(token).body["blocked"]
    with pytest.raises(BadInput, match="No line"):
        apply.apply(world.ctx, ME, token)
    wider = world.plan(provider, numbers, tolerance=Decimal("0.10"))
    assert planned(world, wider) == [numbers]
    accepted = world.plan(provider, numbers, accept_prices=True)
    assert planned(world, accepted) == [numbers]
    assert not world.view(accepted).body["blocked"]


def test_many_small_rises_are_stopped_by_the_total_tolerance(world: World, provider: str) -> None:
    goods = of_one_seller(world, provider, 3)
    numbers = world.order(goods)
    for _, sku in goods:
        set_price(world, sku, 104)
    token = world.plan(provider, numbers, total_tolerance=Decimal("0.02"))
    assert planned(world, token) == [numbers]
    assert "total tolerance" in world.view(token).body["blocked"]
    with pytest.raises(BadInput, match="total tolerance"):
        apply.apply(world.ctx, ME, token)
    assert not world.bookings()
    assert not world.view(world.plan(provider, numbers, total_tolerance=Decimal("0.05"))).body["blocked"]


def test_a_lower_price_is_no_reason_to_stop(world: World, provider: str) -> None:
    item, sku = world.goods(provider)[0]
    numbers = world.order([(item, sku)])
    set_price(world, sku, 70)
    assert planned(world, world.plan(provider, numbers)) == [numbers]


def test_without_a_reference_price_nothing_is_compared_and_that_is_said(world: World, provider: str) -> None:
    numbers = world.order(world.goods(provider)[:1], reference_fen=None)
    token = world.plan(provider, numbers)
    (purchase,) = world.view(token).body["purchases"]
    assert purchase["lines"][0]["seen_fen"] is None
    assert any("reference price" in warning and numbers[0] in warning for warning in purchase["warnings"])


# --- grouping ---


def test_lines_of_one_seller_and_order_are_one_purchase_and_of_two_orders_two(world: World, provider: str) -> None:
    goods = of_one_seller(world, provider, 2)
    first, second = world.order(goods), world.order(goods)
    assert planned(world, world.plan(provider, first + second)) == [first, second]


def test_merged_by_seller_they_are_one(world: World, provider: str) -> None:
    goods = of_one_seller(world, provider, 2)
    first, second = world.order(goods[:1]), world.order(goods[1:])
    token = world.plan(provider, first + second, merge_by_seller=True)
    assert planned(world, token) == [first + second]
    assert len(world.view(token).body["purchases"][0]["orders"]) == 2


def test_sellers_are_never_mixed(world: World, provider: str) -> None:
    goods: dict[str, tuple[Item, Sku]] = {}
    for item, sku in world.goods(provider):
        goods.setdefault(item.seller.id, (item, sku))
    numbers = world.order(list(goods.values())[:3])
    assert planned(world, world.plan(provider, numbers, merge_by_seller=True)) == [[number] for number in numbers]


def test_more_skus_than_one_call_takes_are_split(world: World) -> None:
    """1688 takes 50 SKUs a purchase; the sandbox has a shop with more."""
    limit = world.ctx.providers["alibaba1688"].manifest.max_skus
    sellers: dict[str, list[tuple[Item, Sku]]] = {}
    for item, sku in world.goods("alibaba1688"):
        sellers.setdefault(item.seller.id, []).append((item, sku))
    goods = max(sellers.values(), key=len)[: limit + 3]
    assert 0 < limit < len(goods)
    numbers = world.order(goods)
    parts = planned(world, world.plan("alibaba1688", numbers))
    assert sorted(number for part in parts for number in part) == sorted(numbers)
    assert [len(part) for part in parts] == [limit, len(goods) - limit]


# --- what is left out ---


def test_lines_of_another_provider_are_left_out(world: World) -> None:
    wrong, right = world.ready("alibaba1688", 1), world.ready("taobao", 1)
    token = world.plan("taobao", wrong + right)
    assert left_out(world, token) == {wrong[0]: "wrong_session"}
    assert planned(world, token) == [right]


def test_lines_that_are_not_ready_are_left_out_with_why(world: World) -> None:
    unpaid = world.order(world.goods("taobao")[:1], paid=False)
    booked = world.ready("taobao", 1)
    world.bought("taobao", booked)
    token = world.plan("taobao", unpaid + booked)
    entries = {entry["number"]: entry["sentence"] for entry in world.view(token).body["left_out"]}
    assert "awaiting payment" in entries[unpaid[0]]
    assert "booked" in entries[booked[0]]


def test_a_line_out_of_stock_leaves_its_companions(world: World, provider: str) -> None:
    goods = of_one_seller(world, provider, 2)
    numbers = world.order(goods)
    world.market.control("stock", sku_id=goods[0][1].sku_id, stock=0)
    token = world.plan(provider, numbers)
    assert left_out(world, token) == {numbers[0]: "out_of_stock"}
    assert planned(world, token) == [numbers[1:]]
    (purchase,) = world.view(token).body["purchases"]
    alone = world.view(world.plan(provider, numbers[1:])).body["purchases"]
    assert [purchase] == alone, "the rest is previewed again, so that its freight is its own"


def test_of_a_line_partly_in_stock_the_part_is_offered(world: World, provider: str) -> None:
    item, sku = next(pair for pair in world.goods(provider) if pair[0].minimum <= 2 and pair[0].lot == 1)
    first, second = (world.order([(item, sku)], quantity=count)[0] for count in (3, 4))
    world.market.control("stock", sku_id=sku.sku_id, stock=5)
    body = world.view(world.plan(provider, [first, second], merge_by_seller=True)).body
    assert {one["number"]: (one["cause"], one.get("split")) for one in body["left_out"]} == {
        first: ("out_of_stock", None), second: ("partial_stock", 2),
    }  # fmt: skip
    _, made = split.split(world.ctx, ME, {second: [2, 2]})
    token = world.plan(provider, [first, second], merge_by_seller=True)
    assert planned(world, token) == [[first, second]]
    assert world.lines()[made[second][1]]["ready"], "the rest waits"


def test_a_line_over_the_tolerance_leaves_the_freight_of_its_companions_open(world: World, provider: str) -> None:
    goods = of_one_seller(world, provider, 2)
    numbers = world.order(goods)
    set_price(world, goods[0][1], 150)
    token = world.plan(provider, numbers)
    assert left_out(world, token) == {numbers[0]: "price_changed"}
    warnings = world.view(token).body["purchases"][0]["warnings"]
    assert any("freight" in warning for warning in warnings)


def test_an_item_that_is_off_sale_and_one_that_never_was(world: World, provider: str) -> None:
    item, sku = world.goods(provider)[0]
    gone = world.order([(item, sku)])
    never = world.order(world.goods(provider)[8:9], item_id="999", sku_id="998", spec_id="997", seller_id="nobody")
    world.market.control("item", item_id=item.item_id, status="deleted")
    causes = left_out(world, world.plan(provider, gone + never))
    assert set(causes) == {*gone, *never}
    assert causes[gone[0]] == "item_unavailable"


def test_a_provider_that_fails_for_one_purchase_spoils_only_that(world: World, provider: str) -> None:
    numbers = world.ready(provider, 3)
    sessions.set_limits(world.ctx, ME, provider, daily_cap=0, rate_per_second=100, concurrency=1)
    asked = "item" if provider == "taobao" else "preview"  # what a preview is made of
    world.market.control("faults", rules=[{"kind": "error_before", "on": asked, "times": 3}])  # a read is tried thrice
    token = world.plan(provider, numbers)
    assert left_out(world, token) == {numbers[0]: "provider_down"}
    assert world.view(token).line_count == 2


# --- sessions and people ---


def test_a_session_that_is_switched_off_or_dead_plans_nothing(world: World) -> None:
    numbers = world.ready("taobao", 1)
    token = world.plan("taobao", numbers)
    sessions.disable(world.ctx, ME, "taobao")
    with pytest.raises(BadInput, match="switched off"):
        world.plan("taobao", numbers)
    with pytest.raises(BadInput, match="switched off"):
        apply.apply(world.ctx, ME, token)
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(state="needs_authorisation"))
    with pytest.raises(BadInput, match="authorise"):
        world.plan("taobao", numbers)
    assert not world.bookings()


def test_an_authorisation_that_ends_meanwhile_is_said_of_every_line(world: World, provider: str) -> None:
    numbers = world.ready(provider, 2)
    world.market.control("expire", market=provider, account=world.account, kinds=["access", "refresh"])
    token = world.plan(provider, numbers)
    assert set(left_out(world, token).values()) == {"session_expired"}
    assert world.view(token).body["blocked"]


def test_what_cannot_be_planned_at_all(world: World) -> None:
    with pytest.raises(BadInput, match="at least one"):
        plan.request(world.ctx, ME, "taobao", lines=[])
    with pytest.raises(BadInput, match="at most 5,000"):
        plan.request(world.ctx, ME, "taobao", lines=[f"{number}-1" for number in range(5_001)])
    with pytest.raises(BadInput, match="no session"):
        plan.request(world.ctx, ME, "nobody", lines=["1-1"])
    with pytest.raises(NotAllowed):
        plan.request(world.ctx, Actor("vera", Role.VIEWER), "taobao", lines=["1-1"])
    token = world.plan("taobao", ["77-1"])
    assert (world.view(token).state, world.view(token).error) == ("failed", "No such line: 77-1.")
    with pytest.raises(BadInput, match="77-1"):
        apply.apply(world.ctx, ME, token)
    with pytest.raises(BadInput, match="no plan"):
        plan.read(world.ctx, "0000")


def test_a_line_picked_twice_is_planned_once(world: World) -> None:
    (number,) = world.ready("taobao", 1)
    assert planned(world, world.plan("taobao", [number, f"ORD-000000001-{number[-1]}", number])) == [[number]]


def test_a_defect_ends_the_check(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: Any, **named: Any) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr(plan, "group", broken)
    token = world.plan("taobao", world.ready("taobao", 1))
    assert world.view(token).state == "failed"
    assert "defect" in world.view(token).error


# --- the hash ---


def test_a_checked_plan_stays_as_it_is(world: World) -> None:
    numbers = world.ready("taobao", 2)
    token = world.plan("taobao", numbers)
    before = world.view(token)
    set_price(world, world.goods("taobao")[0][1], 50)
    plan.check(world.ctx, token)
    assert world.view(token) == before


def test_the_hash_is_of_what_would_be_sent(world: World) -> None:
    """The same twice; another with another line, price, quantity or line version."""
    goods = world.goods("taobao")
    numbers = world.order(goods[:1]) + world.order(goods[1:2])

    def hashed(picked: list[str]) -> str:
        return world.view(world.plan("taobao", picked)).hash

    first = hashed(numbers)
    assert hashed(numbers) == first
    seen = {first, hashed(numbers[:1])}
    set_price(world, goods[0][1], 101)
    seen.add(hashed(numbers))
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.line).where(schema.line.c.number == numbers[0]).values(open_quantity=5))
    seen.add(hashed(numbers))
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.line).where(schema.line.c.number == numbers[0]).values(version=9))
    seen.add(hashed(numbers))
    assert len(seen) == 5


def test_progress_is_kept_while_it_is_checked(world: World) -> None:
    token = world.plan("taobao", world.ready("taobao", 4))
    assert (world.view(token).done, world.view(token).total) == (4, 4)
    with world.ctx.db.read() as tx:
        assert plans.get(tx, token)["ready_at"] is not None
