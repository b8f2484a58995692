"""What the provider says becomes what we know: once, in any order, and never backwards."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput
from autopurchase.domain.provider_order import Parcel, ProviderLine, ProviderOrder, ProviderState
from autopurchase.sandbox import Sandbox
from autopurchase.services import lines, sync
from autopurchase.services.verify import verify
from autopurchase.storage import provider_orders, runs, schema
from tests.support.processes import wait_until
from tests.support.world import ME, World, open_world

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """A session a provider; once on each database."""
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


def everything(world: World) -> list[object]:
    """All that a sync may change, but when it was seen."""
    tables = (schema.provider_order, schema.provider_line, schema.parcel, schema.line, schema.event, schema.booking)
    found: list[object] = []
    for table in tables:
        rows = world.rows(sa.select(table).order_by(table.c.id))
        found.append([{name: value for name, value in row.items() if name != "seen_at"} for row in rows])
    return found


def move(world: World, verb: str, status: str, **values: object) -> list[str]:
    """Make the marketplace do something to all orders, and wait until it is so."""
    ids = [order["id"] for order in world.orders()]
    world.market.control(verb, ids=ids, **values)
    wait_until(lambda: {order["status"] for order in world.orders()} == {status}, timeout=10, what=status)
    return ids


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_lines_follow_their_provider_orders_to_the_warehouse(world: World, provider: str) -> None:
    numbers = world.ready(provider, 6, per_order=2)
    world.bought(provider, numbers)
    for verb, status, state in (
        ("pay", "paid", "bought"),
        ("ship", "shipped", "sent"),
        ("sign", "delivered", "arrived"),
    ):
        move(world, verb, status)
        out = world.sync(provider)
        assert out[state] == 6
        assert world.states() == {(state, "")}
    assert {row["status"] for row in world.lines().values()} == {"ordered"}
    assert world.rows(sa.select(schema.parcel))
    assert verify(world.ctx) == []


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_a_second_sync_changes_nothing(world: World, provider: str) -> None:
    world.bought(provider, world.ready(provider, 5))
    move(world, "pay", "paid")
    move(world, "ship", "shipped")
    world.sync(provider)
    before = everything(world)
    again = world.sync(provider)
    assert everything(world) == before
    assert again["orders"] == 5
    assert again.get("changed", 0) == 0
    assert again.get("sent", 0) == 0


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_an_unknown_word_is_kept_raw_and_moves_nothing(world: World, provider: str) -> None:
    world.bought(provider, world.ready(provider, 2))
    ids = move(world, "pay", "paid")
    world.sync(provider)
    world.market.control("mark", ids=ids, status="TELEPORTED")
    out = world.sync(provider)
    assert out["unknown_words"] == 2
    assert world.states() == {("bought", "")}
    stored = world.rows(sa.select(schema.provider_order))
    assert {(row["state"], row["raw_status"]) for row in stored} == {("paid", "TELEPORTED")}
    assert verify(world.ctx) == []


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_a_closed_order_frees_its_lines_with_the_reason_and_they_can_be_bought_again(
    world: World, provider: str
) -> None:
    numbers = world.ready(provider, 2)
    world.bought(provider, numbers)
    first = {order["reference"] for order in world.orders()}
    move(world, "close", "closed", reason="seller")
    assert world.sync(provider)["problem"] == 2
    assert world.states() == {("problem", "cancelled_by_seller")}
    assert {row["state"] for row in world.bookings()} == {"ended"}
    assert not any(row["ready"] for row in world.lines().values())
    picks = lines.versions(world.ctx, numbers)
    lines.make_ready(world.ctx, ME, picks, "another seller has it")
    world.bought(provider, numbers)
    assert world.states() == {("booked", "")}
    assert {row["generation"] for row in world.lines().values()} == {2}
    second = {order["reference"] for order in world.orders()} - first
    assert len(second) == 2
    world.sync(provider)
    assert world.states() == {("booked", "")}, "the closed order of the first booking must not move the second"
    assert verify(world.ctx) == []


def test_all_pages_are_read(world: World) -> None:
    """More orders than a page of either provider holds."""
    world.bought("taobao", world.ready("taobao", 60))
    move(world, "pay", "paid")
    assert world.sync("taobao")["orders"] == 60
    assert world.states() == {("bought", "")}
    calls = world.meters()["taobao"]["apis"]["/purchase/orders/query"]["calls"]
    assert calls >= 2


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_a_token_that_expires_during_a_sync_is_renewed(world: World, provider: str) -> None:
    world.bought(provider, world.ready(provider, 4))
    ids = move(world, "pay", "paid")
    world.market.control("ship", ids=ids)
    sealed = world.one(sa.select(schema.session.c.tokens_sealed).where(schema.session.c.name == provider))
    world.market.control("expire", market=provider, account=world.account)
    out = world.sync(provider)
    assert (out["orders"], out["sent"]) == (4, 4)
    assert world.one(sa.select(schema.session.c.tokens_sealed).where(schema.session.c.name == provider)) != sealed


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_a_dead_authorisation_ends_the_sync_with_what_to_do(world: World, provider: str) -> None:
    world.bought(provider, world.ready(provider, 1))
    world.market.control("expire", market=provider, account=world.account, kinds=["access", "refresh"])
    (run,) = sync.request(world.ctx, ME, session=provider)
    sync.carry_out(world.ctx, run)
    assert world.run(run)["state"] == "failed"
    assert "uthorise" in world.run(run)["error"]
    (session,) = world.rows(sa.select(schema.session).where(schema.session.c.name == provider))
    assert session["state"] == "needs_authorisation"
    assert session["sync_error"] == world.run(run)["error"]
    assert session["synced_at"] is None
    assert session["watermark"] is None


def test_a_sync_under_way_is_not_doubled(world: World) -> None:
    """Requests of the same moment, from several people, get one run; when it has ended, the next gets a new one."""
    asked: list[int] = []
    people = [
        threading.Thread(target=lambda: asked.extend(sync.request(world.ctx, ME, session="taobao"))) for _ in range(6)
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert len(asked) == 6
    assert len(set(asked)) == 1
    sync.carry_out(world.ctx, asked[0])
    assert sync.request(world.ctx, ME, session="taobao") != [asked[0]]


def test_a_sync_of_one_line_does_not_stand_for_its_session(world: World) -> None:
    """While a single line's sync waits, the session's own is a run of its own."""
    numbers = world.ready("taobao", 2)
    world.bought("taobao", numbers)
    (of_line,) = sync.request(world.ctx, ME, lines=numbers[:1])
    (of_session,) = sync.request(world.ctx, ME, session="taobao")
    assert of_session != of_line
    move(world, "pay", "paid")
    sync.carry_out(world.ctx, of_line)
    assert {row["purchase"] for row in world.lines().values()} == {"bought", "booked"}
    sync.carry_out(world.ctx, of_session)
    assert world.states() == {("bought", "")}


def test_progress_can_be_seen_and_a_finished_run_is_not_repeated(world: World) -> None:
    world.bought("taobao", world.ready("taobao", 3))
    (run,) = sync.request(world.ctx, ME, session="taobao")
    assert (world.run(run)["state"], world.run(run)["done"]) == ("queued", 0)
    out = sync.carry_out(world.ctx, run)
    assert (world.run(run)["state"], world.run(run)["done"]) == ("done", 3)
    assert world.run(run)["out"] == out
    assert sync.carry_out(world.ctx, run) == {}


def test_a_defect_ends_the_run_instead_of_blocking_every_later_sync(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error nobody foresaw while an answer is stored."""
    world.bought("taobao", world.ready("taobao", 1))

    def broken(*words: object) -> None:
        raise KeyError("surprise")

    with monkeypatch.context() as patch:
        patch.setattr(provider_orders, "store_all", broken)
        (run,) = sync.request(world.ctx, ME, session="taobao")
        sync.carry_out(world.ctx, run)
    assert world.run(run)["state"] == "failed"
    assert "defect" in world.run(run)["error"]
    assert "surprise" not in world.run(run)["error"]
    assert world.sync("taobao")["orders"] == 1


def test_a_full_sync_reaches_back_to_the_oldest_open_order(world: World) -> None:
    """An order whose change was missed is found again, however long ago it was made."""
    world.bought("taobao", world.ready("taobao", 1))
    world.sync("taobao")
    move(world, "pay", "paid")
    ahead = datetime.now(UTC) + timedelta(hours=3)
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(watermark=ahead))
    later = replace(world.ctx, clock=Fixed(ahead + timedelta(minutes=20)))
    (run,) = sync.request(later, ME, session="taobao")
    assert not sync.carry_out(later, run)
    (run,) = sync.request(later, ME, session="taobao", full=True)
    assert sync.carry_out(later, run)["bought"] == 1


def test_an_unknown_session_is_named(world: World) -> None:
    with pytest.raises(BadInput, match="nobody"):
        sync.request(world.ctx, ME, session="nobody")


class Fixed:
    """A clock that stands."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """The moment."""
        return self.moment


# --- readings in any order ---


def reading(minute: int, state: ProviderState, **values: object) -> ProviderOrder:
    """A reading of order 77 as it was ``minute`` minutes after noon."""
    line = ProviderLine("77-1", "item", quantity=2, state=state, raw_status=state.value, title=f"as of {minute}")
    order = ProviderOrder(
        "77", state, state.value, modified_at=NOW + timedelta(minutes=minute), created_at=NOW, lines=(line,)
    )
    return replace(order, **values)  # type: ignore[arg-type]


def stored(world: World, *readings: ProviderOrder) -> dict[str, object]:
    """The order, its only line and its parcels after these readings."""
    with world.ctx.db.write() as tx:
        for seen in readings:
            provider_orders.store(tx, world.session_id("taobao"), seen, NOW + timedelta(hours=1))
    (order,) = world.rows(sa.select(schema.provider_order))
    (line,) = world.rows(sa.select(schema.provider_line))
    parcels = world.rows(sa.select(schema.parcel).order_by(schema.parcel.c.id))
    return {
        "state": order["state"],
        "raw": order["raw_status"],
        "modified": order["modified_at"],
        "line": (line["state"], line["raw_status"], line["title"]),
        "parcels": [(row["number"], row["withdrawn"]) for row in parcels],
    }


def test_an_older_reading_takes_nothing_away(world: World) -> None:
    parcels = (Parcel("SF", "SF1"), Parcel("SF", "SF2"))
    new = reading(9, ProviderState.SHIPPED, parcels=parcels)
    old = reading(5, ProviderState.PARTLY_SHIPPED, parcels=parcels[:1])
    assert stored(world, new, old) == {
        "state": "shipped",
        "raw": "shipped",
        "modified": NOW + timedelta(minutes=9),
        "line": ("shipped", "shipped", "as of 9"),
        "parcels": [("SF1", False), ("SF2", False)],
    }


def test_a_parcel_that_is_gone_later_is_kept_and_marked(world: World) -> None:
    first = reading(5, ProviderState.SHIPPED, parcels=(Parcel("SF", "SF1"), Parcel("SF", "SF2")))
    second = reading(9, ProviderState.SHIPPED, parcels=(Parcel("SF", "SF2"),))
    assert stored(world, first, second)["parcels"] == [("SF1", True), ("SF2", False)]


@pytest.mark.parametrize("last", [ProviderState.UNPAID, ProviderState.PAID, ProviderState.UNKNOWN])
def test_a_state_never_moves_backwards(world: World, last: ProviderState) -> None:
    assert stored(world, reading(5, ProviderState.SHIPPED), reading(9, last))["state"] == "shipped"


def test_a_final_state_stays(world: World) -> None:
    assert stored(world, reading(5, ProviderState.CLOSED), reading(9, ProviderState.PAID))["state"] == "closed"


def test_an_order_seen_before_its_booking_is_confirmed_is_tied_to_it_whatever_is_newer(world: World) -> None:
    """A sync may list an order before its create call is answered, or while an open outcome is looked up."""
    run = world.book("taobao", world.ready("taobao", 1))
    booking = world.bookings()[0]["id"]
    session = world.session_id("taobao")
    with world.ctx.db.write() as tx:
        provider_orders.store(tx, session, reading(9, ProviderState.PAID), NOW)
        found = provider_orders.store_placed(
            tx, session, [provider_orders.Placed(reading(5, ProviderState.UNPAID), NOW, booking)]
        )[0]
        assert runs.get(tx, run)["state"] == "queued"
    assert found.booking_id == booking
    assert world.one(sa.select(schema.provider_order.c.booking_id)) == booking


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
def test_an_order_found_by_look_up_brings_its_line_to_where_it_stands(world: World, provider: str) -> None:
    """The answer to the create call was lost, and the order was paid before we asked."""
    world.book(provider, world.ready(provider, 1))
    reference = world.bookings()[0]["out_order_id"]
    world.market.control("faults", rules=[{"kind": "error_after", "references": [reference]}])
    lane = threading.Thread(target=world.work, args=(provider,))
    lane.start()
    wait_until(lambda: world.orders(), timeout=10, what="the order")
    world.market.control("pay", ids=[world.orders()[0]["id"]])
    lane.join(30)
    assert world.bookings()[0]["state"] == "confirmed"
    assert world.orders()[0]["status"] == "paid"
    assert world.states() == {("bought", "")}
    assert verify(world.ctx) == []
