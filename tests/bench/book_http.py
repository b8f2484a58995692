"""Bookings sent: a worker process at a marketplace 50 ms away, beside threads that commit, POST and commit."""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from autopurchase.domain.booking import OPEN
from autopurchase.providers.common import Answer, Call, Transport
from autopurchase.sandbox import Sandbox
from autopurchase.services import apply
from autopurchase.services.calls import config_of, open_provider
from autopurchase.services.purchase import purchase_of
from autopurchase.storage import schema, sessions
from tests.support.processes import Child, wait_until
from tests.support.world import AT_ONCE, ME, World, on_its_own, open_world

PROVIDER = "alibaba1688"
BOOKINGS, AT_A_TIME, LATENCY_MS = 1_000, 8, 50
RATE_BOOKINGS, RATE = 600, 40.0
_OPEN = [state.value for state in OPEN]


def measure_speed(url: str, rounds: int) -> dict[str, Any]:
    """Medians in seconds of both for 1,000 bookings, and their ratio. Ours begins with `apply`.

    Beside them the processor time a booking took in each process: it tells the cost on a machine that is busy, too.
    """
    times: dict[str, list[float]] = {"ours": [], "floor": []}
    work: dict[str, list[float]] = {}
    with _world(url, rate_per_second=5_000, concurrency=AT_A_TIME) as world, _worker(world) as worker:
        pids = {"worker": worker.pid, "bench": os.getpid(), "marketplace": world.market.pid}
        for number in range(rounds):
            token = _plan(world, BOOKINGS)
            calls = _signed(world, token, f"F{number}")
            world.market.control("settings", latency_ms=LATENCY_MS)
            sides = {"floor": partial(_floor, world, calls), "ours": partial(_ours, world, token)}
            for side, do in sides.items():
                before = {name: _processor_ms(pid) for name, pid in pids.items()}
                times[side].append(_timed(do))
                for name, pid in pids.items():
                    work.setdefault(f"{side}: {name}", []).append(_processor_ms(pid) - before[name])
            world.market.control("settings", latency_ms=0)
            _check(world, 2 * BOOKINGS * (number + 1))
            wait_until(lambda: not _unread(world), timeout=300, what="the reading back", every=0.5)
    ours, floor = statistics.median(times["ours"]), statistics.median(times["floor"])
    return {
        "ours_s": round(ours, 2),
        "floor_s": round(floor, 2),
        "times_floor": round(ours / floor, 2),
        "all_s": {name: [round(value, 2) for value in found] for name, found in times.items()},
        "processor_ms_a_booking": {name: round(statistics.median(ms) / BOOKINGS, 2) for name, ms in work.items()},
    }


def _processor_ms(pid: int) -> float:
    """Processor time of a process so far, where the system tells it."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    user, system = stat.read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")


def measure_rate(url: str, rounds: int) -> dict[str, Any]:
    """Share of the session's rate that a long batch uses, and the most calls in any second at the marketplace.

    Beside them the longest (ms) that the marketplace's process stood still: its count is too high by the calls of that.
    """
    shares, most, still = [], [], []
    with _world(url, rate_per_second=5_000, concurrency=AT_A_TIME) as world, _worker(world):
        name = world.sessions[PROVIDER]
        for _ in range(rounds):
            _pace(world, 5_000.0)
            wait_until(lambda: not _unread(world), timeout=300, what="the reading back", every=0.5)
            token = _plan(world, RATE_BOOKINGS)
            _pace(world, RATE)
            time.sleep(1.1)  # the second in which the plan was checked must not count
            world.market.control("settings", latency_ms=LATENCY_MS)
            world.market.control("stats", reset=True)
            run = apply.apply(world.ctx, ME, token)
            wait_until(lambda: not _open(world), timeout=300, what="the batch", every=0.1)
            meter = world.meters()[name]
            still.append(world.market.control("stats")["stood_still_ms"])
            shares.append(_share(world, run, meter["calls"]))
            most.append(meter["max_per_second"])
            world.market.control("settings", latency_ms=0)
    return {
        "allowed_per_second": RATE,
        "share_used": round(statistics.median(shares), 3),
        "all_shares": [round(share, 3) for share in shares],
        "most_in_any_second": most,
        "marketplace_stood_still_ms": still,
    }


def _share(world: World, run: int, calls: int) -> float:
    """Calls, between the first and the last of them, as a share of those allowed."""
    times = sa.select(sa.func.min(schema.booking.c.sent_at), sa.func.max(schema.booking.c.sent_at))
    with world.ctx.db.read() as tx:
        first, last = tx.execute(times.where(schema.booking.c.run_id == run)).one()
    if isinstance(first, str):
        raise TypeError("times are expected")
    return float((calls - 1) / (last - first).total_seconds() / RATE)


@contextmanager
def _world(url: str, **session: float) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="autopurchase-bench-") as folder:
        home = Path(folder)
        with (
            Sandbox.start(home / "market", quirks=False, **AT_ONCE) as market,
            open_world(
                home, url, on_its_own(market), PROVIDER, timeout_seconds=30, settle_seconds=60, **session
            ) as world,
        ):
            yield world


@contextmanager
def _worker(world: World) -> Iterator[Child]:
    worker = world.worker()
    wait_until(lambda: "ready" in worker.read_log() or not worker.alive, timeout=60, what="the worker")
    try:
        yield worker
    finally:
        worker.stop()


def _pace(world: World, per_second: float) -> None:
    with world.ctx.db.write() as tx:
        sessions.change(tx, world.session_id(world.sessions[PROVIDER]), rate_per_second=per_second)


def _plan(world: World, count: int) -> str:
    """A checked plan of ``count`` purchases."""
    token = world.plan(world.sessions[PROVIDER], world.ready(PROVIDER, count))
    found = len(world.view(token).body["purchases"])
    if found != count:
        raise RuntimeError(f"{found} purchases instead of {count}: {world.view(token).body['left_out'][:3]}")
    return token


def _open(world: World) -> int:
    query = sa.select(sa.func.count()).select_from(schema.booking).where(schema.booking.c.state.in_(_OPEN))
    return int(world.one(query))


def _unread(world: World) -> int:
    """Bookings that the worker has not read back yet: its calls would count among those of the next turn."""
    waits = sa.and_(schema.booking.c.check_state == "waiting", schema.booking.c.check_found.is_(None))
    return int(world.one(sa.select(sa.func.count()).select_from(schema.booking).where(waits)))


def _timed(do: Callable[[], None]) -> float:
    gc.collect()  # neither side pays for what the other, or the plan, has left behind
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _ours(world: World, token: str) -> None:
    apply.apply(world.ctx, ME, token)
    wait_until(lambda: not _open(world), timeout=300, what="the bookings", every=0.05)


def _check(world: World, orders: int) -> None:
    states = {row["state"] for row in world.bookings()}
    held = len(world.orders())
    if states != {"confirmed"} or held != orders:
        raise RuntimeError(f"{states}, {held} orders instead of {orders}")


# --- the floor ---


class _Caught(Exception):
    """The signed call, instead of sending it."""


def _signed(world: World, token: str, mark: str) -> list[tuple[str, dict[str, Any], Call]]:
    """(reference, purchase, signed call) of every purchase of a plan, made before the clock starts."""
    with world.ctx.db.read() as tx:
        config = config_of(world.ctx, sessions.by_name(tx, world.sessions[PROVIDER]))
    provider = open_provider(world.ctx, config)
    caught: list[Call] = []

    def catch(_: Transport, build: Callable[[], Call], parse: Callable[[Answer], object]) -> None:
        caught.append(build())
        raise _Caught

    write, Transport.write = Transport.write, catch  # type: ignore[method-assign,assignment]
    found = []
    try:
        for at, purchase in enumerate(world.view(token).body["purchases"]):
            try:
                provider.create(purchase_of(purchase, config.ship_to), f"{mark}-{at}")
            except _Caught:
                found.append((f"{mark}-{at}", purchase, caught.pop()))
    finally:
        Transport.write = write  # type: ignore[method-assign]
    return found


def _floor(world: World, calls: Sequence[tuple[str, dict[str, Any], Call]]) -> None:
    """Commit the intent, POST, commit the result: crash-safe, and nothing else."""
    now = datetime.now(UTC)
    with world.ctx.db.write() as tx:
        key = tx.execute(sa.select(schema.session.c.id)).scalar_one()
        values = {"kind": "book", "actor": "anna", "state": "running", "call": "", "params": {}, "out": {}}
        run_id = tx.execute(
            sa.insert(schema.run).values(created_at=now, session_id=key, **values).returning(schema.run.c.id)
        ).scalar_one()
    own = threading.local()

    def one(item: tuple[str, dict[str, Any], Call]) -> None:
        if not hasattr(own, "http"):
            own.http = requests.Session()
        reference, purchase, call = item
        intent = {"run_id": run_id, "session_id": key, "out_order_id": reference, "state": "ended", "attempts": 1}
        intent |= {"purchase": purchase, "currency": "CNY", "total_minor": 1, "due_at": now, "created_at": now}
        with world.ctx.db.write() as tx:
            statement = sa.insert(schema.booking).values(**intent, sent_at=now).returning(schema.booking.c.id)
            booking_id = tx.execute(statement).scalar_one()
        answer = own.http.post(world.market.base_url + call.path, data=call.form, params=call.query, json=call.json)
        if answer.json().get("success") not in (True, "true"):
            raise RuntimeError(answer.text[:300])
        with world.ctx.db.write() as tx:
            done = {"state": "confirmed", "finished_at": datetime.now(UTC)}
            tx.execute(sa.update(schema.booking).where(schema.booking.c.id == booking_id).values(**done))

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(one, calls))
