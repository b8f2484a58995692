"""A batch with five different faults at the marketplace: what it says of itself, and what of it is booked again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput
from autopurchase.sandbox import Sandbox
from autopurchase.services import apply, causes, lines, plan, sessions
from autopurchase.services.causes import Causes
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.support.world import ME, World, open_world

HURRIED = {"settle_seconds": 0.4, "timeout_seconds": 0.5}


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """A session at each marketplace that settles quickly, on each database."""
    with open_world(tmp_path, database_url, market, **HURRIED) as opened:
        yield opened


@dataclass(frozen=True)
class Batch:
    """A run that went wrong in five ways, and its lines by what was done to them."""

    run: int
    price: list[str]  # dearer than when the customers paid: left out by the plan
    stock: list[str]  # sold out after the plan
    odd: list[str]  # refused in words that no table knows
    lost: list[str]  # the calls never arrived, again and again
    dead: list[str]  # the authorisation died before their turn
    good: list[str]


def faulty_batch(world: World) -> Batch:
    """Thirteen lines of as many orders through one session."""
    numbers = world.ready("alibaba1688", 13)
    price, stock, odd, lost, good = numbers[:2], numbers[2:4], numbers[4:5], numbers[5:6], numbers[6:8]
    with world.ctx.db.write() as tx:
        for number in price:
            paid_for = schema.line.c.reference_fen
            tx.execute(sa.update(schema.line).where(schema.line.c.number == number).values(reference_fen=paid_for / 2))
    run = apply.apply(world.ctx, ME, world.plan("alibaba1688", numbers))
    references = {row["purchase"]["lines"][0]["number"]: row["out_order_id"] for row in world.bookings()}
    for number in stock:
        item = next(i for i, s in world.goods("alibaba1688") if s.spec_id == world.lines()[number]["spec_id"])
        for sku in item.skus:
            world.market.control("stock", sku_id=sku.sku_id, stock=0)
    odd_rule = {"kind": "refuse", "code": "BUYER_X_17", "message": "请联系小二", "references": [references[odd[0]]]}
    lost_rule = {"kind": "drop_before", "references": [references[lost[0]]], "posts": 99}
    world.market.control("faults", rules=[odd_rule, lost_rule])
    dead = numbers[8:]
    later(world, [references[number] for number in dead], timedelta(hours=1))
    world.work("alibaba1688")
    world.market.control("expire", market="alibaba1688", account=world.account, kinds=["access", "refresh"])
    later(world, [references[number] for number in dead], timedelta())
    world.work("alibaba1688")
    return Batch(run, price, stock, odd, lost, dead, good)


def later(world: World, references: list[str], by: timedelta) -> None:
    """Let bookings come due so much later than now."""
    with world.ctx.db.write() as tx:
        where = schema.booking.c.out_order_id.in_(references)
        tx.execute(sa.update(schema.booking).where(where).values(due_at=world.ctx.now() + by))


def told(found: Causes) -> dict[str, tuple[int, int, str]]:
    """“31 one expired session · 4 price over limit” as phrase -> lines, how many may be booked again, act."""
    return {row.phrase: (row.lines, row.retryable, row.act) for row in found.rows}


def planned(world: World, token: str) -> list[str]:
    """Lines of a plan once it is checked."""
    plan.check(world.ctx, token)
    view = world.view(token)
    return sorted(line["number"] for purchase in view.body["purchases"] for line in purchase["lines"])


def test_a_batch_with_five_faults_says_why_and_retries_only_what_may_be(world: World) -> None:
    batch = faulty_batch(world)
    found = causes.of_run(world.ctx, ME, batch.run)
    assert told(found) == {
        "one expired session": (5, 0, "reauthorise"),
        "out of stock": (2, 0, "wait"),
        "price over limit": (2, 0, "accept_price"),
        "unexplained": (1, 0, "person"),
        "unknown": (1, 0, "settle"),
    }
    assert (found.explained, found.decided, found.percent) == (9, 10, Decimal("90.0"))
    assert sum(row.share for row in found.rows) == pytest.approx(Decimal(100), abs=Decimal("0.3"))
    (odd,) = (row for row in found.rows if row.code == "unknown_refusal")
    assert "请联系小二" in odd.words[0].sentence
    assert "BUYER_X_17" in odd.words[0].raw
    out = world.run(batch.run)["out"]
    assert (out["left_out"], out["causes"]["session_expired"]) == ({"price_changed": 2}, 5)
    with pytest.raises(BadInput, match="what their causes ask for"):
        causes.retry(world.ctx, ME, batch.run)

    fresh = world.market.credentials("alibaba1688", account=world.account)
    sessions.set_tokens(world.ctx, ME, "alibaba1688", fresh["access_token"], fresh["refresh_token"])
    world.market.control("faults", rules=[])
    assert told(causes.of_run(world.ctx, ME, batch.run))["one expired session"] == (5, 5, "reauthorise")
    token = causes.retry(world.ctx, ME, batch.run)
    assert planned(world, token) == sorted(batch.dead), "neither the held, nor the dearer, nor the unknown"
    apply.apply(world.ctx, ME, token)
    token = causes.retry(world.ctx, ME, batch.run, ["price_changed"])
    assert planned(world, token) == sorted(batch.price)
    assert world.view(token).params["options"]["accept_prices"] is True
    apply.apply(world.ctx, ME, token)
    for code in ("unknown_outcome", "unknown_refusal", "out_of_stock"):
        with pytest.raises(BadInput):
            causes.retry(world.ctx, ME, batch.run, [code])
    lines.make_ready(world.ctx, ME, lines.versions(world.ctx, batch.stock[:1]), "the seller has it again")
    assert told(causes.of_run(world.ctx, ME, batch.run))["out of stock"] == (2, 1, "wait")
    world.work("alibaba1688")
    after = {row.phrase: row.later for row in causes.of_run(world.ctx, ME, batch.run).rows if row.later}
    assert after == {"one expired session": 5, "price over limit": 2}, "what was booked since is told"
    assert len(world.orders()) == len(batch.good + batch.dead + batch.price)
    assert verify(world.ctx) == []

    waits = causes.waiting(world.ctx, ME)
    assert told(waits) == {
        "out of stock": (1, 0, "wait"),
        "unexplained": (1, 0, "person"),
        "unknown": (1, 0, "settle"),
    }
    assert (waits.percent, [row.words[0].lines for row in waits.rows if row.words]) == (Decimal("50.0"), [1])
    assert causes.explained_percent(world.ctx) == waits.percent
    assert told(causes.since(world.ctx, ME, world.ctx.now() - timedelta(hours=1)))["price over limit"][0] == 2
    assert causes.since(world.ctx, ME, world.ctx.now() + timedelta(hours=1)).rows == ()
