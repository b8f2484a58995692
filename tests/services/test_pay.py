"""The pay list over the sandbox: approval by a manager up to an amount, and payment pages for what is approved only."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput, Drifted, NotAllowed
from autopurchase.domain.pay import PayState
from autopurchase.domain.roles import Actor, Role
from autopurchase.sandbox import Sandbox
from autopurchase.services import cancel, pay, pay_links, upkeep
from autopurchase.services.pay import PayOrder
from autopurchase.services.verify import verify
from autopurchase.storage import runs, schema
from autopurchase.storage.pay import PayFilter
from tests.support.world import ME, World, open_world

BOSS, MIA = Actor("boss", Role.MANAGER), Actor("mia", Role.OPERATOR)
PROVIDERS = ["taobao", "alibaba1688"]


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """A session a provider, once on each database."""
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


def unpaid(world: World, provider: str, count: int) -> list[str]:
    """So many booked orders, read back; their marketplace numbers."""
    world.bought(provider, world.ready(provider, count))
    world.sync(provider)
    return [order.number for order in pay.listing(world.ctx, MIA, PayFilter(session=provider))]


def listed(world: World, **wanted: str) -> dict[str, PayOrder]:
    """Number -> unpaid order."""
    return {order.number: order for order in pay.listing(world.ctx, MIA, PayFilter(**wanted))}


def links(world: World, orders: list[str] | None = None) -> dict[str, Any]:
    """Ask for payment pages and be the worker; Out of the last run."""
    out: dict[str, Any] = {}
    for run in pay_links.request(world.ctx, MIA, orders):
        pay_links.carry_out(world.ctx, run)
        assert world.run(run)["error"] == ""
        out = world.run(run)["out"]
    return out


@pytest.mark.parametrize("provider", PROVIDERS)
def test_approved_orders_get_pages_and_are_bought_when_a_person_has_paid(world: World, provider: str) -> None:
    numbers = unpaid(world, provider, 3)
    seen = {number: order.total_fen for number, order in listed(world).items()}
    assumed = [order.assumed for order in listed(world).values() if order.deadline is not None]
    assert assumed == ([False] * 3 if provider == "taobao" else [False, True, True]), "its list tells no deadline"
    run = pay.approve(world.ctx, BOSS, {number: seen[number] for number in numbers[:2]})
    cell = world.run(run)
    assert (cell["kind"], cell["actor"], cell["state"]) == ("approve", "boss", "done")
    assert cell["out"]["approved"] == 2
    states = {number: order.state for number, order in listed(world).items()}
    assert list(states.values()) == [PayState.APPROVED, PayState.APPROVED, PayState.WAITING]
    assert listed(world)[numbers[0]].approved_by == "boss"

    assert links(world) == {"pages": 1, "orders": 2, "left_out": 0, "why": {}}
    (page,), left_out = pay_links.pages(world.ctx, MIA)
    assert (set(page.orders), left_out) == (set(numbers[:2]), [])
    assert page.total_fen == sum(seen[number] or 0 for number in numbers[:2])
    assert page.url.startswith(world.market.base_url + "/pay")

    world.market.control("pay", ids=list(page.orders))
    (sync,) = pay.synchronise(world.ctx, MIA, list(page.orders))
    assert world.run(sync)["params"] == {"orders": list(page.orders)}
    world.sync(provider)
    assert list(listed(world)) == numbers[2:]
    assert pay_links.pages(world.ctx, MIA) == ([], [])
    assert verify(world.ctx) == []


def test_only_a_manager_approves_and_only_what_was_seen(world: World) -> None:
    (number,) = unpaid(world, "taobao", 1)
    total = listed(world)[number].total_fen
    for act in (lambda: pay.approve(world.ctx, MIA, {number: total}), lambda: pay.withdraw(world.ctx, MIA, [number])):
        with pytest.raises(NotAllowed, match="manager"):
            act()
    with pytest.raises(NotAllowed):
        pay_links.request(world.ctx, Actor("eve", Role.VIEWER), [number])
    with pytest.raises(BadInput, match="No such order"):
        pay.approve(world.ctx, BOSS, {"12345": None})
    with pytest.raises(Drifted, match=number):
        pay.approve(world.ctx, BOSS, {number: (total or 0) - 1})
    with pytest.raises(BadInput, match="No unpaid order is approved"):
        pay_links.request(world.ctx, MIA)
    with pytest.raises(BadInput, match=f"Not approved: {number}"):
        pay_links.request(world.ctx, MIA, [number])
    assert world.rows(sa.select(schema.approval)) == []
    assert not [row for row in world.rows(sa.select(schema.run)) if row["kind"] in ("approve", "pay_links")]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_approval_stands_up_to_its_amount_and_until_it_is_withdrawn(world: World, provider: str) -> None:
    (number,) = unpaid(world, provider, 1)
    total = listed(world)[number].total_fen
    assert total is not None
    pay.approve(world.ctx, BOSS, {number: total})
    world.market.control("amount", ids=[number], total=total - 100)
    world.sync(provider)
    assert listed(world)[number].state is PayState.APPROVED, "cheaper is covered"
    world.market.control("amount", ids=[number], total=total + 500)
    world.sync(provider)
    grown = listed(world)[number]
    assert (grown.state, grown.approved_fen, grown.total_fen) == (PayState.GROWN, total, total + 500)
    assert number in listed(world, state="waiting")
    with pytest.raises(BadInput, match="Not approved"):
        pay_links.request(world.ctx, MIA, [number])

    pay.approve(world.ctx, BOSS, {number: total + 500})
    assert listed(world)[number].state is PayState.APPROVED
    assert world.run(pay.approve(world.ctx, BOSS, {number: None}))["out"]["approved_already"] == 1
    links(world)
    assert len(pay_links.pages(world.ctx, MIA)[0]) == 1
    pay.withdraw(world.ctx, BOSS, [number])
    assert listed(world)[number].state is PayState.WAITING
    assert pay_links.pages(world.ctx, MIA)[0] == [], "a page stands only as long as its approvals"
    with pytest.raises(BadInput, match="None of these orders is approved"):
        pay.withdraw(world.ctx, BOSS, [number])
    rows = world.rows(sa.select(schema.approval).order_by(schema.approval.c.id))
    assert [(row["amount_fen"], row["withdrawn_by"]) for row in rows] == [(total, "boss"), (total + 500, "boss")]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_cannot_be_paid_any_more_is_left_out_with_its_reason(world: World, provider: str) -> None:
    """Behind the product's back one is paid, one closed, one dearer; the marketplace itself leaves one out."""
    numbers = unpaid(world, provider, 5)
    paid, closed, dearer, good, last = numbers
    pay.approve(world.ctx, BOSS, dict.fromkeys(numbers))
    world.market.control("pay", ids=[paid])
    world.market.control("close", ids=[closed], reason="seller")
    world.market.control("amount", ids=[dearer], total=9_999_999)
    world.market.control("faults", rules=[{"kind": "partial", "on": "pay"}])  # Taobao Global has no such call
    run = pay_links.request(world.ctx, MIA, numbers)[0]
    assert pay_links.request(world.ctx, MIA, numbers) == [run], "asked for already"
    pay_links.carry_out(world.ctx, run)
    why = world.run(run)["out"]["why"]
    assert why[paid] == "Paid already."
    assert why[closed] == "Closed at the marketplace: Cancelled by the seller."
    assert "99,999.99: approve it again" in why[dearer]
    assert ("left it out" in why.get(last, "")) is (provider == "alibaba1688")
    (page,), left_out = pay_links.pages(world.ctx, MIA)
    assert set(page.orders) == {good, last} - set(why)
    assert {one.number for one in left_out} == {dearer, last} & set(why), "only what is unpaid still matters"
    assert verify(world.ctx) == []


def test_pages_come_in_the_marketplaces_size_and_a_run_that_was_killed_goes_on(world: World) -> None:
    numbers = unpaid(world, "taobao", 12)
    pay.approve(world.ctx, BOSS, dict.fromkeys(numbers))
    (run,) = pay_links.request(world.ctx, MIA)
    asked: list[list[str]] = []
    fetch = pay_links._Links._batch

    def killed(self: pay_links._Links, batch: list[str]) -> None:
        asked.append(list(batch))
        if len(asked) == 2:
            raise KeyboardInterrupt
        fetch(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pay_links._Links, "_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            pay_links.carry_out(world.ctx, run)
    assert world.run(run)["done"] == 10
    pay_links.carry_out(world.ctx, run)
    pages, _ = pay_links.pages(world.ctx, MIA)
    assert sorted(len(page.orders) for page in pages) == [2, 10]
    assert {number for page in pages for number in page.orders} == set(numbers)
    assert (world.run(run)["done"], world.run(run)["out"]["pages"]) == (12, 2)


def test_an_address_is_sealed_and_stands_in_no_cell_log_or_answer(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for provider in PROVIDERS:
        pay.approve(world.ctx, BOSS, dict.fromkeys(unpaid(world, provider, 2)))
    links(world)
    pages, _ = pay_links.pages(world.ctx, MIA)
    assert len(pages) == 2
    tables = (schema.run, schema.booking_attempt, schema.event, schema.pay_batch)
    kept = json.dumps([world.rows(sa.select(table)) for table in tables], default=str)
    for page in pages:
        assert page.url not in kept
        assert page.url not in caplog.text
    assert "/pay?" not in kept
    upkeep.reseal_all(world.ctx)
    assert pay_links.pages(world.ctx, MIA)[0] == pages
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.pay_batch).values(at=datetime.now(UTC) - timedelta(days=4)))
    assert pay_links.pages(world.ctx, MIA) == ([], [])


def test_what_is_being_cancelled_is_not_approved_and_leaves_its_page(world: World) -> None:
    numbers = unpaid(world, "taobao", 2)
    pay.approve(world.ctx, BOSS, dict.fromkeys(numbers[:1]))
    links(world)
    keys = {row["provider_order_id"]: row["id"] for row in world.rows(sa.select(schema.provider_order))}
    with world.ctx.db.write() as tx:
        values = {"kind": "cancel", "actor": "anna", "at": world.ctx.now(), "call": "", "params": {}}
        run = runs.create(tx, **values)
        cancel.ask(world.ctx, tx, run_id=run, orders=[keys[number] for number in numbers], why="person", actor=ME)
    assert pay_links.pages(world.ctx, MIA)[0] == []
    assert listed(world)[numbers[1]].note == "Being cancelled"
    with pytest.raises(BadInput, match="Being cancelled"):
        pay.approve(world.ctx, BOSS, {numbers[1]: None})


def test_what_expires_soon_is_counted_as_it_is_listed(world: World) -> None:
    numbers = unpaid(world, "taobao", 4)
    now = datetime.now(UTC)
    for number, hours in zip(numbers, (-1, 3, 20, 60), strict=True):
        with world.ctx.db.write() as tx:
            own = schema.provider_order.c.provider_order_id == number
            deadline = now + timedelta(hours=hours)
            tx.execute(sa.update(schema.provider_order).where(own).values(pay_deadline=deadline))
    (total,) = pay.totals(world.ctx, MIA)
    assert (total["orders"], total["overdue"], total["within_6h"], total["within_24h"]) == (4, 1, 1, 2)
    found = {soon: list(listed(world, soon=soon)) for soon in ("overdue", "6h", "24h")}
    assert found == {"overdue": numbers[:1], "6h": numbers[1:2], "24h": numbers[1:3]}
    assert [order.expires for order in listed(world).values()] == ["overdue", "6h", "24h", ""]
    assert "synchronise first" in listed(world)[numbers[0]].note
    assert total["total_fen"] == sum(order.total_fen or 0 for order in listed(world).values())
