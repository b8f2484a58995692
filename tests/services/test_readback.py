"""What was placed is read back: as planned it stays, otherwise a person or the release budget decides."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput
from autopurchase.sandbox import Sandbox
from autopurchase.services import cancel, readback
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.support.processes import wait_until
from tests.support.world import ME, World, open_world


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(readback, "SOON", readback.SOON * 0)
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


def read_back(world: World, provider: str) -> dict[str, int]:
    return readback.work(world.ctx, world.session_id(provider))


def checks(world: World) -> list[str]:
    return [row["check_state"] for row in world.bookings()]


def budget(world: World, releases: int) -> None:
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(release_budget=releases))


def calls(world: World, provider: str) -> int:
    return int(world.meters()[provider]["calls"])


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_what_is_as_planned_fits_and_is_read_by_list(world: World, provider: str) -> None:
    numbers = world.ready(provider, 8, per_order=2)
    world.bought(provider, numbers)
    assert set(checks(world)) == {"waiting"}
    before = calls(world, provider)
    assert read_back(world, provider) == {"fits": len(world.bookings())}
    assert calls(world, provider) - before <= 2, "list readings suffice"
    assert read_back(world, provider) == {}
    assert world.states(numbers) == {("booked", "")}
    assert verify(world.ctx) == []


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
@pytest.mark.parametrize(
    ("change", "what"),
    [({"quantity": 99}, "quantity"), ({"amount": 10_000_000}, "price"), ({"sku_id": "other"}, "configuration")],
)
def test_what_differs_is_held_with_the_evidence(
    world: World, provider: str, change: dict[str, object], what: str
) -> None:
    (number,) = world.order(world.goods(provider)[:1])
    world.bought(provider, [number])
    (order,) = world.orders()
    if change.get("sku_id"):
        item, sku = world.goods(provider)[0]
        change = {"sku_id": next(each.sku_id for each in item.skus if each is not sku)}
    world.market.control("line", ids=[order["id"]], **change)
    budget(world, 0)
    assert read_back(world, provider) == {"differs": 1}
    assert world.states() == {("booked", "differs")}
    (booking,) = world.bookings()
    assert what in {each["what"] for each in booking["check_found"]}
    (event,) = world.rows(sa.select(schema.event).where(schema.event.c.kind == "flagged"))
    assert event["data"]["text"].startswith("Not as planned: ")
    world.sync(provider)
    assert world.states() == {("booked", "differs")}, "a synchronisation does not wipe the flag"
    readback.accept(world.ctx, ME, booking["out_order_id"], "the customer agreed")
    assert world.states() == {("booked", "")}
    assert checks(world) == ["accepted"]
    with pytest.raises(BadInput, match="Nothing"):
        readback.accept(world.ctx, ME, booking["out_order_id"])
    assert verify(world.ctx) == []


def test_within_the_budget_what_differs_is_cancelled_and_its_lines_are_held(world: World) -> None:
    """Two differ, one release a day: the first is cancelled, the second asks a person. A paid one is never released."""
    numbers = [number for pair in world.goods("taobao")[:3] for number in world.order([pair])]
    world.bought("taobao", numbers)
    ids = [order["id"] for order in world.orders()]
    world.market.control("line", ids=ids, quantity=77)
    world.market.control("pay", ids=ids[2:])
    wait_until(lambda: len(world.orders(status="paid")) == 1, timeout=10, what="paid")
    budget(world, 1)
    assert read_back(world, "taobao") == {"released": 1, "differs": 2}
    assert cancel.work(world.ctx, world.session_id("taobao"))["confirmed"] == 1
    assert {order["status"] for order in world.orders()} == {"closed", "unpaid", "paid"}
    states = [(row["purchase"], row["cause"]) for row in world.lines(numbers).values()]
    assert sorted(states) == [("booked", "differs"), ("bought", "differs"), ("problem", "released")]
    (run,) = world.rows(sa.select(schema.run).where(schema.run.c.kind == "release"))
    assert (run["state"], run["actor"]) == ("done", "clock")
    assert "77 there" in run["params"]["text"]
    assert verify(world.ctx) == []


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_a_price_raised_later_is_flagged_each_time(world: World, provider: str) -> None:
    (number,) = world.order(world.goods(provider)[:1])
    world.bought(provider, [number])
    assert read_back(world, provider) == {"fits": 1}, [(b["check_found"], b["purchase"]) for b in world.bookings()]
    (order,) = world.orders()
    for more in (100, 900):
        world.market.control("amount", ids=[order["id"]], total=order["total"] + more)
        assert world.sync(provider)["price_raised"] == 1
        assert world.states() == {("booked", "price_raised")}
        assert world.sync(provider).get("price_raised", 0) == 0
        (booking,) = world.bookings()
        assert booking["check_found"][-1]["said"] == order["total"] + more
        readback.accept(world.ctx, ME, booking["out_order_id"])
        assert world.states() == {("booked", "")}
    world.market.control("amount", ids=[order["id"]], total=order["total"])
    assert world.sync(provider).get("price_raised", 0) == 0, "cheaper is no reason to stop"
    assert verify(world.ctx) == []


def test_an_order_that_is_not_shown_yet_waits(world: World) -> None:
    """The marketplace lists it later: it stays waiting, and is compared by the synchronisation that saw it."""
    numbers = world.ready("taobao", 1)
    world.market.control("faults", rules=[{"kind": "hidden", "seconds": 3600}])
    world.bought("taobao", numbers)
    assert read_back(world, "taobao") == {"waiting": 1}
    assert read_back(world, "taobao") == {}, "not asked again at once"
    assert world.states() == {("booked", "")}


def test_the_worker_releases_by_itself_what_was_placed_too_dear(tmp_path: Path, market: Sandbox) -> None:
    """Both markets, no hand: booked dearer than planned, seen, cancelled, and its lines held with the evidence."""
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'autopurchase.db'}", market) as world:
        market.control("faults", rules=[{"kind": "price_change", "percent": 30, "on": "create"}])
        numbers = {provider: world.ready(provider, 1) for provider in world.sessions}
        worker = world.worker()
        try:
            for provider, mine in numbers.items():
                world.book(provider, mine)
            done = {("problem", "released")}
            wait_until(lambda: world.states() == done, timeout=60, what="releases", every=0.3)
        finally:
            worker.stop()
            market.control("faults", rules=[])
        assert {order["status"] for order in world.orders()} == {"closed"}
        assert checks(world) == ["released", "released"]
        runs = world.rows(sa.select(schema.run).where(schema.run.c.kind == "release"))
        assert [run["state"] for run in runs] == ["done", "done"]
        assert {each["what"] for row in world.bookings() for each in row["check_found"]} >= {"price"}
        assert verify(world.ctx) == []


def test_while_a_session_books_its_orders_wait_to_be_read_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.bought("taobao", world.ready("taobao", 1))
    world.book("taobao", world.ready("taobao", 1))
    assert read_back(world, "taobao") == {}, "one is still queued"
    monkeypatch.setattr(readback, "LATER", readback.SOON)
    assert read_back(world, "taobao") == {"fits": 1}, "but not for ever"
    world.work("taobao")
    monkeypatch.undo()
    with world.ctx.db.read() as tx:
        assert readback.due_sessions(tx, world.ctx.now() + readback.SOON * 2) == [world.session_id("taobao")]
