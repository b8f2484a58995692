"""What a comparison with the marketplace costs: calls, time, memory, by the number of provider orders.

    python -m tests.bench.desk_bench [ORDERS …] [--postgres]

1,000 and 10,000 orders unless ORDERS say otherwise, each size in a process of its own, so that its largest size is its
own. The first comparison meets orders of which only the create answer is known, and ties every line; the second finds
nothing changed. Among them ten orders that nobody bound and ten that the marketplace does not know.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autopurchase import wiring
from autopurchase.domain.booking import reference
from autopurchase.sandbox import Item, Sandbox, Sku
from autopurchase.sandbox.market import Basket, Market, Want
from autopurchase.sandbox.settings import Settings
from autopurchase.sandbox.store import Store
from autopurchase.services import desk
from autopurchase.storage import lines, runs, schema
from tests.support.postgres import find_binaries, start_cluster
from tests.support.world import AT_ONCE, ME, World

SIZES = (1_000, 10_000)
PLANTED = 10
ACCOUNT, SESSION = "bench", "taobao"
AGO = timedelta(days=3)
Pair = tuple[Item, Sku]


def bench(orders: int, url: str = "") -> dict[str, Any]:
    """Compare a session of so many provider orders twice; what each comparison took."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        numbers = _fill(home / "market", orders)
        with Sandbox.start(home / "market", quirks=False, **AT_ONCE) as market:
            url = url or f"sqlite:///{home / 'bench.db'}"
            opened = wiring.open_workspace({"AUTOPURCHASE_HOME": str(home), "AUTOPURCHASE_DATABASE_URL": url})
            try:
                world = World(home, url, market, opened, ACCOUNT)
                world.connect(SESSION, rate_per_second=1_000, timeout_seconds=30)
                _seed(world, numbers)
                return {"orders": orders, **_measured(world)}
            finally:
                opened.close()


def _measured(world: World) -> dict[str, Any]:
    _forget_largest()
    before = _largest_mb()
    found = {"first": _compared(world), "again": _compared(world)}
    began = time.process_time()
    kinds = [row.found.kind for row in desk.rows(world.ctx, ME)]
    listing = time.process_time() - began
    if (kinds.count("ghost"), kinds.count("orphan"), len(kinds)) != (PLANTED, PLANTED, 2 * PLANTED):
        raise RuntimeError(f"the desk shows {len(kinds)} rows: {kinds[:30]}")
    peak = _largest_mb()
    return {**found, "listing_ms": round(listing * 1000), "peak_mb": peak, "grown_mb": peak - before}


def _compared(world: World) -> dict[str, Any]:
    """One comparison: calls at the marketplace, seconds by the clock and of this process, per order in ms."""
    calls = world.meters()[SESSION]["calls"] if world.meters() else 0
    (run,) = desk.request(world.ctx, ME, SESSION)
    began, cpu = time.perf_counter(), time.process_time()
    desk.carry_out(world.ctx, run)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    cell = world.run(run)
    if cell["state"] != "done":
        raise RuntimeError(cell["error"])
    read = cell["out"]["orders"]
    return {
        "calls": world.meters()[SESSION]["calls"] - calls,
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "cpu_ms_per_order": round(cpu / read * 1000, 3),
    }


def _goods(items: Iterable[Item]) -> list[Pair]:
    return [(item, sku) for item in items if item.market == SESSION for sku in item.skus if sku.stock > 500]


def _fill(folder: Path, orders: int) -> list[str]:
    """Orders at the marketplace, spread over the last days; the last few are of nobody here."""
    folder.mkdir(parents=True)
    store = Store(folder / "sandbox.sqlite3")
    market = Market(store, Settings().changed({**AT_ONCE, "quirks": False}), "http://127.0.0.1")
    goods, numbers = _goods(market.items.values()), []
    for place in range(orders):
        item, sku = goods[place % len(goods)]
        ours = place < orders - PLANTED
        ref = reference("bench", 1, place + 1) if ours else f"HAND-{place}"
        basket = Basket(SESSION, ACCOUNT, ref, item.seller, [Want(item, sku, _pieces(item))], {}, {})
        order = market.make(basket)
        store.shift_order(order, int(AGO.total_seconds() * 1000 * (orders - place) / orders) + 3_600_000)
        numbers.append(str(order.id))
    store.close()
    return numbers


def _pieces(item: Item) -> int:
    return max(item.minimum, item.lot, 1)


def _seed(world: World, numbers: list[str]) -> None:
    """Booked lines for every order but the last few, which are replaced by orders the marketplace does not know."""
    numbers = [*numbers[:-PLANTED], *(f"99{place:017}" for place in range(PLANTED))]
    goods = _goods(world.market.catalogue())
    pairs = [goods[place % len(goods)] for place in range(len(numbers))]
    ours = [line for at in range(0, len(pairs), 10) for line in world.order(pairs[at : at + 10])]
    then = datetime.now(UTC) - timedelta(hours=1)
    session_id = world.session_id(SESSION)
    with world.ctx.db.write() as tx:
        run_id = runs.create(tx, kind="book", actor="bench", at=then, call="", session_id=session_id)
        keys = dict(tx.execute(sa.select(schema.line.c.number, schema.line.c.id)).tuples().all())
        rows = [
            _booking(run_id, session_id, place, number, pair, then)
            for place, (number, pair) in enumerate(zip(ours, pairs, strict=True), 1)
        ]
        bookings = _inserted(tx, schema.booking, rows)
        common = {"session_id": session_id, "state": "unpaid", "first_seen_at": then, "seen_at": then}
        values = [
            {**common, "provider_order_id": number, "booking_id": key}
            for number, key in zip(numbers, bookings, strict=True)
        ]
        orders = _inserted(tx, schema.provider_order, values)
        ties = [
            {
                "booking_id": booking,
                "line_id": keys[number],
                "generation": 1,
                "live": True,
                "quantity": _pieces(item),
                "price_fen": sku.price,
                "provider_order_id": order,
            }
            for number, booking, order, (item, sku) in zip(ours, bookings, orders, pairs, strict=True)
        ]
        tx.execute(sa.insert(schema.booking_line), ties)
        for kind in ("booking_queued", "booking_confirmed"):
            events = [
                lines.Event(keys[number], kind, {"booking": booking, "generation": 1})
                for number, booking in zip(ours, bookings, strict=True)
            ]
            for part in lines.chunks(events, 2_000):
                lines.record(tx, part, at=then, actor="bench", run_id=run_id)


def _booking(run_id: int, session_id: int, place: int, number: str, pair: Pair, at: datetime) -> dict[str, Any]:
    item, sku = pair
    line = {"number": number, "item_id": item.item_id, "sku_id": sku.sku_id, "spec_id": "", "quantity": _pieces(item)}
    line |= {"prepared": {"mp_id": item.mp_id, "mp_sku_id": sku.mp_id}, "price_fen": sku.price}
    fen = sku.price * _pieces(item)
    return {
        "run_id": run_id,
        "session_id": session_id,
        "out_order_id": reference("bench", 1, place),
        "state": "confirmed",
        "purchase": {"lines": [line], "freight_fen": 0, "total_fen": fen},
        "currency": "CNY",
        "total_minor": fen,
        "due_at": at,
        "created_at": at,
        "finished_at": at,
        "check_state": "fits",
    }


def _inserted(tx: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> list[int]:
    statement = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return [int(key) for part in lines.chunks(rows, 2_000) for key in tx.execute(statement, list(part)).scalars()]


def _forget_largest() -> None:
    """From now on the largest size is that of now: seeding took more."""
    Path("/proc/self/clear_refs").write_text("5")


def _largest_mb() -> int:
    """The largest size this process has had, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(next(row.split()[1] for row in status.splitlines() if row.startswith("VmHWM"))) // 1024


def _apart(do: Callable[..., dict[str, Any]], *values: Any) -> dict[str, Any]:
    """Run it in a process of its own, so that its largest size is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(do, values)


def main() -> None:
    """Measure and print one JSON document a size."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("orders", nargs="*", type=int, default=list(SIZES))
    arguments.add_argument("--postgres", action="store_true")
    given = arguments.parse_args()
    if not given.postgres:
        for size in given.orders:
            print(json.dumps(_apart(bench, size)), flush=True)
        return
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("There is no PostgreSQL on this machine.")
    cluster = start_cluster(binaries)
    try:
        for size in given.orders:
            print(json.dumps(_apart(bench, size, cluster.url(cluster.create_database()))), flush=True)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
