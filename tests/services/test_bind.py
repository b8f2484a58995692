"""Orders made by hand are bound to lines: what fits, what differs, what is refused, and never more than there is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput, Drifted, NotAllowed
from autopurchase.domain.money import Money
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.shop import ShopLine
from autopurchase.sandbox import Item, Sandbox, Sku
from autopurchase.services import bind, bind_apply, cancel_apply, cancel_plan, lines, split
from autopurchase.services.import_batch import Into, store_batch
from autopurchase.services.import_rules import stored_order
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from autopurchase.storage.lines import Event, record
from tests.services.test_apply import PEOPLE, together
from tests.support.by_hand import bought
from tests.support.world import ME, World, open_world


@pytest.fixture
def world(tmp_path: Path, market: Sandbox) -> Iterator[World]:
    """A session a provider."""
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'autopurchase.db'}", market) as opened:
        yield opened


@pytest.fixture
def each(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """The same, once on each database."""
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


def plan(world: World, provider: str, orders: list[str], lines: list[str] | None = None, **more: Any) -> str:
    """A checked plan to bind."""
    token = bind.request(world.ctx, ME, provider, orders=orders, lines=lines or (), **more)
    bind.check(world.ctx, token)
    view = world.view(token)
    assert view.state == "ready", view.error
    return token


def rows(world: World, token: str) -> dict[str, dict[str, Any]]:
    """Line -> its row of the plan."""
    return {row["number"]: row for row in world.view(token).body["rows"]}


def what(row: dict[str, Any]) -> list[str]:
    """What differs."""
    return [one["what"] for one in row["differences"]]


def refused(world: World, token: str) -> dict[str, str]:
    """Order -> cause."""
    return {one["provider_order"]: one["cause"] for one in world.view(token).body["refused"]}


def of_one_seller(world: World, provider: str, count: int) -> list[tuple[Item, Sku]]:
    """One SKU each of different items of the same seller."""
    sellers: dict[str, dict[str, tuple[Item, Sku]]] = {}
    for item, sku in world.goods(provider):
        if item.minimum <= 2 and item.lot == 1:
            sellers.setdefault(item.seller.id, {}).setdefault(item.item_id, (item, sku))
    return list(next(found for found in sellers.values() if len(found) >= count).values())[:count]


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_an_order_made_by_hand_is_bound_and_its_lines_follow_it(each: World, provider: str) -> None:
    goods = of_one_seller(each, provider, 2)
    numbers = each.order(goods, quantity=2)
    order = bought(each, provider, [(*pair, 2) for pair in goods])
    token = plan(each, provider, [order], numbers)
    found = rows(each, token)
    assert {number: row["fit"] for number, row in found.items()} == dict.fromkeys(numbers, "fits"), found
    assert each.states() == {("ready", "")}, "a plan moves nothing"
    run = bind_apply.apply(each.ctx, ME, token)
    assert bind_apply.apply(each.ctx, ME, token) == run
    assert each.states() == {("booked", "")}
    (booking,) = each.bookings()
    assert (booking["state"], booking["origin"], booking["check_state"]) == ("confirmed", "bound", "fits")
    assert booking["sent_at"] is None
    assert each.run(run)["out"] == {"bound": 2, "orders": 1, "differing": 0}
    assert not each.market.orders(account=each.account, reference=booking["out_order_id"]), "it is never sent"
    assert each.work(provider) == {}
    each.market.control("pay", ids=[order])
    each.sync(provider)
    assert each.states() == {("bought", "")}
    assert verify(each.ctx) == []


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_the_state_of_the_order_counts_at_once(world: World, provider: str) -> None:
    (pair,) = of_one_seller(world, provider, 1)
    numbers = world.order([pair], quantity=2)
    order = bought(world, provider, [(*pair, 2)])
    world.market.control("pay", ids=[order])
    bind_apply.apply(world.ctx, ME, plan(world, provider, [order]))
    assert world.states(numbers) == {("bought", "")}
    assert [row["kind"] for row in history(world, numbers[0])] == ["imported", "bound", "provider_moved"]
    assert verify(world.ctx) == []


def history(world: World, number: str) -> list[dict[str, Any]]:
    """Events of a line."""
    key = world.lines()[number]["id"]
    return world.rows(sa.select(schema.event).where(schema.event.c.line_id == key).order_by(schema.event.c.id))


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_orders_that_cannot_be_bound_are_refused_with_why(world: World, provider: str, market: Sandbox) -> None:
    (pair,) = of_one_seller(world, provider, 1)
    world.order([pair], quantity=2)
    with open_world(world.home / "other", f"sqlite:///{world.home / 'other.db'}", market, provider) as other:
        strange = bought(other, provider, [(*pair, 2)])
    closed, full, good = (bought(world, provider, [(*pair, 2)]) for _ in range(3))
    market.control("close", ids=[closed])
    bind_apply.apply(world.ctx, ME, plan(world, provider, [full]))
    token = plan(world, provider, ["123456789012", strange, closed, full, good])
    assert refused(world, token) == {
        "123456789012": "no_such_order", strange: "no_such_order", closed: "order_closed", full: "bound_already",
    }  # fmt: skip
    sentences = {one["provider_order"]: one["sentence"] for one in world.view(token).body["refused"]}
    assert "account" in sentences[strange]
    assert verify(world.ctx) == []


def test_an_order_of_another_session_is_named_with_it(world: World) -> None:
    (pair,) = of_one_seller(world, "taobao", 1)
    account, world.account = world.account, f"{world.account}-second"
    world.connect("taobao", "second")
    order = bought(world, "taobao", [(*pair, 2)])
    world.account = account
    world.sync("second")
    token = plan(world, "taobao", [order])
    (entry,) = world.view(token).body["refused"]
    assert entry["cause"] == "other_account"
    assert "session second" in entry["sentence"]


def test_a_mismatch_is_bound_only_for_a_reason_and_the_difference_is_kept(world: World) -> None:
    mine, theirs, extra = of_one_seller(world, "taobao", 3)
    numbers = world.order([mine, extra], quantity=2)
    order = bought(world, "taobao", [(*theirs, 2), (*extra, 2)])
    token = plan(world, "taobao", [order], numbers)
    found = rows(world, token)
    assert (found[numbers[0]]["fit"], found[numbers[1]]["fit"]) == ("mismatch", "fits")
    assert what(found[numbers[0]])[0] == "item"
    with pytest.raises(BadInput, match="reason"):
        bind_apply.apply(world.ctx, ME, token)
    run = bind_apply.apply(world.ctx, ME, token, reason="the customer took the newer model")
    (booking,) = world.bookings()
    assert booking["check_state"] == "accepted"
    kept = {(tuple(one["lines"]), one["what"], one["reason"]) for one in booking["check_found"]}
    assert ((numbers[0],), "bound_item", "the customer took the newer model") in kept
    assert {lines for lines, _, _ in kept} == {(numbers[0],)}
    assert world.run(run)["out"]["differing"] == 1
    event = history(world, numbers[0])[-1]["data"]
    assert event["provider_order"] == order
    assert event["difference"][0] == {"what": "item", "ours": mine[0].mp_id, "theirs": theirs[0].mp_id,
                                      "serious": True}  # fmt: skip
    assert history(world, numbers[1])[-1]["data"]["difference"] == []
    assert verify(world.ctx) == []


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_price_configuration_and_left_pieces_are_shown(world: World, provider: str) -> None:
    item, sku = next(pair for pair in world.goods(provider) if len(pair[0].skus) > 1 and pair[0].lot == 1)
    other = next(one for one in item.skus if one.sku_id != sku.sku_id)
    count = max(2, item.minimum)
    (right,) = world.order([(item, sku)], quantity=count, reference_fen=sku.price - 100)
    (wrong,) = world.order([(item, other)], quantity=count)
    order = bought(world, provider, [(item, sku, count + 1)])
    token = plan(world, provider, [order], [right])
    assert (rows(world, token)[right]["fit"], what(rows(world, token)[right])) == ("differs", ["price", "quantity"])
    token = plan(world, provider, [order], [wrong])
    row = rows(world, token)[wrong]
    assert (row["fit"], what(row)) == ("mismatch", ["configuration", "price", "quantity"]), row
    assert row["differences"][0]["serious"]
    nobody_named = plan(world, provider, [order])
    assert list(rows(world, nobody_named)) == [right], "what is not named is only proposed with its own configuration"


def test_what_the_customer_has_not_paid_for_needs_a_reason(world: World) -> None:
    (pair,) = of_one_seller(world, "taobao", 1)
    (number,) = world.order([pair], quantity=1, paid=False)
    order = bought(world, "taobao", [(*pair, 1)])
    token = plan(world, "taobao", [order], [number])
    assert (rows(world, token)[number]["fit"], what(rows(world, token)[number])) == ("mismatch", ["payment"])
    bind_apply.apply(world.ctx, ME, token, reason="bought ahead")
    assert world.states() == {("booked", "")}


def test_several_lines_share_an_order_and_never_more_than_it_has(each: World) -> None:
    (pair,) = of_one_seller(each, "taobao", 1)
    numbers = [each.order([pair], quantity=2)[0] for _ in range(3)]
    order = bought(each, "taobao", [(*pair, 5)])
    token = plan(each, "taobao", [order])
    assert list(rows(each, token)) == numbers[:2], "the lines that wait longest"
    late = plan(each, "taobao", [order], numbers[1:])
    bind_apply.apply(each.ctx, ME, token)
    with pytest.raises(Drifted):
        bind_apply.apply(each.ctx, ME, late)
    rest = plan(each, "taobao", [order], numbers[2:])
    row = rows(each, rest)[numbers[2]]
    assert (row["fit"], row["split"], row["free"]) == ("short", [1, 1], 1)
    with pytest.raises(BadInput, match=r"split the line into 1 \+ 1"):
        bind_apply.apply(each.ctx, ME, rest, lines=numbers[2:])
    assert each.view(rest).body["blocked"]
    pieces = each.rows(sa.select(schema.booking_line.c.quantity).where(schema.booking_line.c.live))
    assert [row["quantity"] for row in pieces] == [2, 2]
    assert verify(each.ctx) == []


def test_two_people_at_once_never_bind_a_piece_twice(each: World) -> None:
    (pair,) = of_one_seller(each, "taobao", 1)
    order = bought(each, "taobao", [(*pair, 3)])
    numbers = [each.order([pair], quantity=2)[0] for _ in range(4)]
    tokens = [plan(each, "taobao", [order], [number]) for number in numbers]
    results = together(
        *(lambda a=a, t=t: bind_apply.apply(each.ctx, a, t) for a, t in zip(PEOPLE, tokens, strict=True))
    )
    won = [place for place, result in enumerate(results) if isinstance(result, int)]
    assert len(won) == 1, results
    lost = [result for result in results if not isinstance(result, int)]
    assert all(isinstance(result, Drifted) and "1 free pieces" in result.sentence for result in lost)
    assert [number for number, row in each.lines().items() if row["purchase"] == "booked"] == [numbers[won[0]]]
    assert verify(each.ctx) == []


def test_a_line_that_somebody_touched_makes_the_plan_stale(world: World) -> None:
    (pair,) = of_one_seller(world, "taobao", 1)
    numbers = world.order([pair], quantity=1)
    order = bought(world, "taobao", [(*pair, 1)])
    token = plan(world, "taobao", [order])
    world.market.control("close", ids=[order])
    world.sync("taobao")
    with pytest.raises(Drifted, match="closed"):
        bind_apply.apply(world.ctx, ME, token)
    again = bought(world, "taobao", [(*pair, 1)])
    token = plan(world, "taobao", [again])
    lines.comment(world.ctx, PEOPLE[2], numbers[0], "wait")
    with pytest.raises(Drifted, match=f"{numbers[0]} went to chen"):
        bind_apply.apply(world.ctx, ME, token)
    assert not world.bookings()


def test_our_own_order_of_unknown_outcome_is_not_bound_behind_its_back(world: World) -> None:
    """Its booking will find it by its reference; bound to another line, that would be two lines for one piece."""
    (pair,) = of_one_seller(world, "taobao", 1)
    (mine,), (other,) = world.order([pair], quantity=1), world.order([pair], quantity=1)
    world.book("taobao", [mine])
    (booking,) = world.bookings()
    order = bought(world, "taobao", [(*pair, 1)], reference=booking["out_order_id"])
    token = plan(world, "taobao", [order], [other])
    assert refused(world, token) == {order: "order_unsettled"}


def test_held_lines_may_be_bound_and_those_under_way_not(world: World) -> None:
    (pair,) = of_one_seller(world, "taobao", 1)
    (held,), (under_way,) = world.order([pair], quantity=1), world.order([pair], quantity=1)
    world.book("taobao", [under_way])
    event = Event(world.lines()[held]["id"], "held", {"cause": "out_of_stock"})
    with world.ctx.db.write() as tx:
        record(tx, [event], at=world.ctx.now(), actor="x", run_id=None)
    order = bought(world, "taobao", [(*pair, 2)])
    token = plan(world, "taobao", [order], [held, under_way])
    assert list(rows(world, token)) == [held]
    (entry,) = world.view(token).body["left_out"]
    assert (entry["number"], entry["cause"]) == (under_way, "not_free")
    bind_apply.apply(world.ctx, ME, token)
    assert world.states([held]) == {("booked", "")}
    assert verify(world.ctx) == []


def test_only_operators_bind_and_only_what_there_is(world: World) -> None:
    with pytest.raises(NotAllowed):
        bind.request(world.ctx, Actor("vera", Role.VIEWER), "taobao", orders=["1234567"])
    with pytest.raises(BadInput, match="Give numbers"):
        bind.request(world.ctx, ME, "taobao", orders=[" "])
    with pytest.raises(BadInput, match="No such line"):
        bind.request(world.ctx, ME, "taobao", orders=["1234567"], lines=["77-1"])


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_orders_bound_to_nothing_are_proposed_best_first_with_why(world: World, provider: str) -> None:
    pair, other = of_one_seller(world, provider, 2)
    (number,) = world.order([pair], quantity=3)
    more, exact, strange = (
        bought(world, provider, [(*what, count)]) for what, count in ((pair, 4), (pair, 3), (other, 3))
    )
    world.sync(provider)
    token = plan(world, provider, [], [number])
    found = world.view(token).body["candidates"]
    assert [one["provider_order"] for one in found] == [exact, more]
    assert strange not in str(found)
    assert (found[0]["same_choice"], found[0]["as_many"], found[0]["hours"]) == (True, True, 0)
    assert (found[1]["same_choice"], found[1]["as_many"]) == (True, False)
    assert {row["provider_order"] for row in rows(world, token).values()} == {exact}
    bind_apply.apply(world.ctx, ME, token)
    assert world.states() == {("booked", "")}


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_one_line_goes_to_parts_of_two_orders(world: World, provider: str) -> None:
    """Split as the match proposes, bound to both orders, and each part follows its own."""
    (pair,) = of_one_seller(world, provider, 1)
    (number,) = world.order([pair], quantity=5)
    big, small = (bought(world, provider, [(*pair, count)]) for count in (3, 2))
    token = plan(world, provider, [small, big], pairs={number: [small, big]}, lines=[number])
    row = rows(world, token)[number]
    assert (row["fit"], row["provider_order"], row["split"]) == ("short", big, [3, 2])
    _, made = split.split(world.ctx, ME, {number: row["split"]})
    token = plan(world, provider, [small, big], made[number])
    found = {line: (row["provider_order"], row["fit"]) for line, row in rows(world, token).items()}
    assert found == {made[number][0]: (big, "fits"), made[number][1]: (small, "fits")}
    bind_apply.apply(world.ctx, ME, token)
    assert len(world.bookings()) == 2
    world.market.control("pay", ids=[small])
    world.sync(provider)
    states = {made[number][0]: ("booked", ""), made[number][1]: ("bought", "")}
    assert {line: world.states([line]).pop() for line in made[number]} == states
    shop_says(world, number, 5)
    assert {line: world.states([line]).pop() for line in made[number]} == states
    shop_says(world, number, 4)
    assert world.states([made[number][1]]) == {("bought", "quantity_reduced")}
    assert [row["quantity"] for row in world.lines(made[number]).values()] == [3, 2], "what is bought stays"
    assert verify(world.ctx) == []


def shop_says(world: World, number: str, quantity: int) -> None:
    """The shop shows the line again, with so many pieces."""
    row = world.lines()[number]
    (order,) = world.rows(sa.select(schema.orders).where(schema.orders.c.id == row["order_id"]))
    names = ("external_id", "line_no", "provider", "item_id", "sku_id", "spec_id", "title", "seller_id", "seller_name")
    line = ShopLine(
        **{name: row[name] for name in names},
        quantity=quantity,
        open_quantity=quantity,
        unit_price=Money(row["unit_price_minor"], row["currency"]),
        reference_price=Money(row["reference_fen"], "CNY"),
    )
    into = Into(order["source_id"], True, world.ctx.providers, world.ctx.now(), "clock", None)
    with world.ctx.db.write() as tx:
        store_batch(tx, [replace(stored_order(order), lines=(line,))], into)


def test_some_lines_are_bound_now_and_others_later_and_the_shop_is_told(world: World) -> None:
    goods = of_one_seller(world, "taobao", 2)
    first, second = world.order(goods, quantity=1)
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.source).values(write_back=True))
    order = bought(world, "taobao", [(*pair, 1) for pair in goods])
    token = plan(world, "taobao", [order], [first, second])
    bind_apply.apply(world.ctx, ME, token, lines=[second])
    assert {number: row["purchase"] for number, row in world.lines().items()} == {first: "ready", second: "booked"}
    (news,) = world.rows(sa.select(schema.write_back))
    assert (news["kind"], news["payload"]["status"]) == ("mark", "partly ordered")
    bind_apply.apply(world.ctx, ME, plan(world, "taobao", [order]), lines=[first])
    assert world.states() == {("booked", "")}
    assert [row["payload"]["status"] for row in world.rows(sa.select(schema.write_back))][1:] == ["ordered"]
    assert refused(world, plan(world, "taobao", [order])) == {order: "bound_already"}


def test_an_order_that_is_being_cancelled_is_left_alone(world: World) -> None:
    (pair,) = of_one_seller(world, "taobao", 1)
    (mine,), (other,) = world.order([pair], quantity=1), world.order([pair], quantity=1)
    order = bought(world, "taobao", [(*pair, 2)])
    bind_apply.apply(world.ctx, ME, plan(world, "taobao", [order], [mine]))
    ready = plan(world, "taobao", [order], [other])
    picks = {mine: world.lines()[mine]["version"]}
    cancel_apply.apply(world.ctx, ME, cancel_plan.request(world.ctx, ME, cancel_plan.Choice(picks)))
    with pytest.raises(Drifted, match="cancel"):
        bind_apply.apply(world.ctx, ME, ready)
    assert refused(world, plan(world, "taobao", [order], [other])) == {order: "cancel_asked"}


def test_a_seller_who_asks_more_later_is_seen(world: World) -> None:
    (pair,) = of_one_seller(world, "taobao", 1)
    (number,) = world.order([pair], quantity=2)
    order = bought(world, "taobao", [(*pair, 2)])
    bind_apply.apply(world.ctx, ME, plan(world, "taobao", [order]))
    (made,) = world.orders()
    world.market.control("amount", ids=[order], total=made["total"] + 5000)
    world.sync("taobao")
    assert world.states([number]) == {("booked", "price_raised")}
    assert verify(world.ctx) == []
