"""Two lanes on one booking: whoever was overtaken neither sends nor overwrites what the other has settled."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.sandbox import Sandbox
from autopurchase.services import claims, purchase
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.support.processes import wait_until
from tests.support.world import World, open_world


class Later:
    """A clock that is an hour ahead: to its lane everything of the others is overdue."""

    def now(self) -> datetime:
        """The moment in an hour."""
        return datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """One session whose calls may take long."""
    with open_world(tmp_path, database_url, market, "taobao", settle_seconds=0.4) as opened:
        yield opened


def overtake(world: World) -> dict[str, int]:
    """Work the session's bookings off as a lane to which those under way are long overdue."""
    return purchase.work(replace(world.ctx, clock=Later()), world.session_id("taobao"), "lane-b")


def events(world: World) -> list[str]:
    """Kinds of all events after the import."""
    query = sa.select(schema.event.c.kind).where(schema.event.c.kind != "imported").order_by(schema.event.c.id)
    return [row["kind"] for row in world.rows(query)]


def slow_lane(world: World) -> threading.Thread:
    """A lane in a thread of its own, once its intent is committed."""
    thread = threading.Thread(target=world.work, args=("taobao", "lane-a"))
    thread.start()
    wait_until(lambda: world.bookings()[0]["state"] == "sending", timeout=10, what="the intent")
    return thread


@pytest.mark.parametrize("kind", ["hang_after", "hang_before"])
def test_an_overtaken_call_does_not_undo_what_the_look_up_settled(world: World, kind: str) -> None:
    run = world.book("taobao", world.ready("taobao", 1))
    reference = world.bookings()[0]["out_order_id"]
    world.market.control("faults", rules=[{"kind": kind, "references": [reference], "seconds": 2.5}])
    thread = slow_lane(world)
    wait_until(lambda: world.market.control("stats")["faults"].get(kind), timeout=10, what="the call")
    assert overtake(world)["confirmed"] == 1
    thread.join(20)
    assert len(world.orders()) == 1
    assert world.bookings()[0]["state"] == "confirmed"
    assert events(world)[-1] == "booking_confirmed"
    assert events(world).count("booking_confirmed") == 1
    assert (world.run(run)["done"], world.run(run)["state"]) == (1, "done")
    assert verify(world.ctx) == []


def test_a_lane_that_was_overtaken_before_it_sent_does_not_send(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop takes long to answer; meanwhile another lane books."""
    world.book("taobao", world.ready("taobao", 1))
    overtaken = threading.Event()

    def slow_shop(*words: object, **named: float) -> dict[int, str]:
        if threading.current_thread().name == "slow":
            overtaken.wait(20)
        return {}

    # what is stored is old: the shop is asked
    monkeypatch.setattr(claims, "shop_facts", lambda tx, wanted, since: dict.fromkeys(wanted))
    monkeypatch.setattr(purchase, "refresh_orders", slow_shop)
    thread = threading.Thread(target=world.work, args=("taobao", "lane-a"), name="slow")
    thread.start()
    wait_until(lambda: world.bookings()[0]["state"] == "sending", timeout=10, what="the intent")
    assert overtake(world)["confirmed"] == 1
    time.sleep(0.2)
    overtaken.set()
    thread.join(20)
    assert len(world.orders()) == 1
    assert world.bookings()[0]["attempts"] == 2
    assert world.bookings()[0]["state"] == "confirmed"
    assert verify(world.ctx) == []


def test_two_lanes_refuse_a_booking_once(world: World) -> None:
    """A session that is switched off refuses without a call; the cell counts each booking once."""
    run = world.book("taobao", world.ready("taobao", 4))
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(state="needs_authorisation"))
    lanes = [threading.Thread(target=world.work, args=("taobao", f"lane-{n}")) for n in range(4)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join(30)
    assert (world.run(run)["done"], world.run(run)["state"]) == (4, "done")
    assert events(world).count("booking_refused") == 4
    assert world.states() == {("ready", "session_expired")}
    assert verify(world.ctx) == []
