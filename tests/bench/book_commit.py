"""Bookings committed without any network: `apply` beside the same rows by SQLAlchemy Core, in turn in one run."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from autopurchase import wiring
from autopurchase.services import apply
from autopurchase.services.context import Context
from autopurchase.storage import orders as order_store
from autopurchase.storage import plans
from autopurchase.storage.orders import NewLine
from autopurchase.storage.schema import booking, booking_line, event, line, run, session, source
from tests.support.world import ME

OTHERS = 100_000
LINES, PER_GROUP = 1_000, 5
GROWTH = 5
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
Group = list[dict[str, Any]]


def measure(url: str, rounds: int) -> dict[str, Any]:
    """Medians in milliseconds of both, their ratio, and how ours grows from 1,000 to 5,000 lines."""
    with tempfile.TemporaryDirectory() as home:
        workspace = wiring.open_workspace({"AUTOPURCHASE_HOME": home, "AUTOPURCHASE_DATABASE_URL": url})
        try:
            return _measure(workspace.context, rounds)
        finally:
            workspace.close()


def _measure(ctx: Context, rounds: int) -> dict[str, Any]:
    stock = _Stock(ctx)
    stock.add(OTHERS)
    _tidy(ctx)
    times: dict[str, list[float]] = {"ours": [], "floor": [], "large": []}
    for number in range(rounds + 1):  # the first round warms up
        for name, groups in (("ours", LINES), ("floor", LINES), ("large", LINES * GROWTH)):
            taken = stock.take(groups)
            do = _floor(ctx, taken) if name == "floor" else _ours(ctx, taken)
            if number:
                times[name].append(_timed(do))
            else:
                do()
    ours, floor, large = (statistics.median(times[name]) for name in ("ours", "floor", "large"))
    return {
        "ours_ms": round(ours * 1000, 1),
        "floor_ms": round(floor * 1000, 1),
        "times_floor": round(ours / floor, 2),
        "lines_per_second": round(LINES / ours),
        "growth_exponent": round(math.log(large / ours) / math.log(GROWTH), 2),
    }


def _timed(do: Callable[[], Any]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _tidy(ctx: Context) -> None:
    """Statistics as a database that has been in use has them."""
    with ctx.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("analyze" if ctx.db.sqlite else "vacuum analyze"))


class _Stock:
    """Ready lines, five an order and seller, from which rounds take theirs."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.made = 0
        with ctx.db.write() as tx:
            values = {"name": "shop", "kind": "file", "config_sealed": "", "created_at": NOW}
            self.source = tx.execute(sa.insert(source).values(**values).returning(source.c.id)).scalar_one()
            _add_session(tx, ctx)

    def add(self, count: int) -> None:
        """Write ``count`` lines in orders of five."""
        for start in range(self.made, self.made + count, 5_000):
            numbers = range(start, min(start + 5_000, self.made + count), PER_GROUP)
            imported = [("imported", {"status": "paid"})]
            with self.ctx.db.write() as tx:
                keys = order_store.insert_orders(tx, [self._order(number) for number in numbers])
                new = [
                    (key, NewLine(_line(number, place), imported, True, NOW))
                    for key, number in zip(keys, numbers, strict=True)
                    for place in range(1, PER_GROUP + 1)
                ]
                order_store.insert_lines(tx, new, source_id=self.source, at=NOW, actor="clock", run_id=None)
        self.made += count

    def _order(self, number: int) -> dict[str, Any]:
        return {
            "source_id": self.source, "external_id": str(number), "number": f"ORD-{number:09d}", "customer": "Anna",
            "state": "open", "status": "paid", "currency": "USD", "goods_minor": 500, "total_minor": 500,
            "paid_minor": 500, "refunded_minor": 0, "delivery_minor": 0, "payable": True, "ship_to": {},
            "created_at": NOW, "paid_at": NOW, "imported_at": NOW, "read_at": NOW,
        }  # fmt: skip

    def take(self, count: int) -> list[Group]:
        """The next ``count`` lines that are ready, by order."""
        with self.ctx.db.write() as tx:
            query = sa.select(line).where(line.c.ready).order_by(line.c.order_id, line.c.line_no).limit(count)
            rows = [dict(row) for row in tx.execute(query).mappings()]
            assert len(rows) == count
        return [rows[at : at + PER_GROUP] for at in range(0, count, PER_GROUP)]


def _add_session(tx: sa.Connection, ctx: Context) -> None:
    values = {
        "name": "main", "provider": "taobao", "state": "active", "base_url": "http://127.0.0.1:9", "app_key": "1",
        "secret_sealed": ctx.vault.seal({"app_secret": "x"}), "tokens_sealed": ctx.vault.seal({}), "ship_to": {},
        "settings": {}, "rate_per_second": 20.0, "concurrency": 4, "settle_seconds": 60.0, "timeout_seconds": 30.0,
        "created_at": NOW,
    }  # fmt: skip
    tx.execute(sa.insert(session).values(**values))


def _line(number: int, place: int) -> dict[str, Any]:
    return {
        "line_no": place, "number": f"{number}-{place}", "external_id": f"{number}-{place}", "provider": "taobao",
        "item_id": str(650_000_000_000 + number), "sku_id": str(place), "title": "Cotton T-shirt", "quantity": 1,
        "open_quantity": 1, "ratio": 1, "currency": "USD", "unit_price_minor": 100, "sum_minor": 100,
        "reference_fen": 650, "seller_id": str(number), "seller_name": "shop", "extras": {},
    }  # fmt: skip


def _purchase(group: Group) -> dict[str, Any]:
    """A purchase as a plan freezes it."""
    frozen = [
        {
            "number": row["number"], "version": row["version"], "order_id": row["order_id"], "item_id": row["item_id"],
            "sku_id": row["sku_id"], "spec_id": "", "title": row["title"], "configuration": "颜色:白色 尺码:M",
            "quantity": 1, "price_fen": 650, "seen_fen": 650,
            "prepared": {"mp_id": "600000000001000003", "mp_sku_id": "610006500001047290"},
        }
        for row in group
    ]  # fmt: skip
    return {
        "seller_id": group[0]["seller_id"], "seller_name": "shop", "orders": [str(group[0]["order_id"])],
        "lines": frozen, "goods_fen": 650 * len(group), "freight_fen": 0, "total_fen": 650 * len(group),
        "prepared": {}, "warnings": [],
    }  # fmt: skip


def _ours(ctx: Context, groups: list[Group]) -> Callable[[], Any]:
    """A plan of these lines is stored before the clock starts."""
    token = f"t{groups[0][0]['id']}"
    options = {"merge_by_seller": False, "tolerance": "0.05", "total_tolerance": None, "accept_prices": False}
    body = {"purchases": [_purchase(group) for group in groups], "left_out": [], "warnings": [], "totals": {}}
    with ctx.db.write() as tx:
        key = tx.execute(sa.select(session.c.id)).scalar_one()
        plan = plans.create(tx, token=token, session_id=key, actor="anna", params={"options": options}, at=NOW)
        plans.change(tx, plan, state="ready", body={**body, "blocked": ""}, hash="0")
    return lambda: apply.apply(ctx, ME, token)


def _floor(ctx: Context, groups: list[Group]) -> Callable[[], Any]:
    """Intent rows, events and line states of the same lines in one commit, and nothing else."""
    purchases = [_purchase(group) for group in groups]

    def write() -> None:
        with ctx.db.write() as tx:
            _write_floor(tx, groups, purchases)

    return write


def _write_floor(tx: sa.Connection, groups: list[Group], purchases: list[dict[str, Any]]) -> None:
    key = tx.execute(sa.select(session.c.id)).scalar_one()
    values = {"kind": "book", "actor": "anna", "state": "queued", "call": "", "params": {}, "out": {}}
    run_id = tx.execute(sa.insert(run).values(created_at=NOW, **values).returning(run.c.id)).scalar_one()
    common = {"run_id": run_id, "session_id": key, "state": "queued", "currency": "CNY", "total_minor": 3250}
    rows = [
        {**common, "out_order_id": f"F-{run_id}-{at}", "purchase": purchase, "due_at": NOW, "created_at": NOW}
        for at, purchase in enumerate(purchases)
    ]
    statement = sa.insert(booking).returning(booking.c.id, sort_by_parameter_order=True)
    ids = list(tx.execute(statement, rows).scalars())
    tied = [(booking_id, row) for booking_id, group in zip(ids, groups, strict=True) for row in group]
    links = [{"booking_id": key, "line_id": row["id"]} for key, row in tied]
    tx.execute(sa.insert(booking_line).values(generation=1, live=True, quantity=1, price_fen=650), links)
    events = [{"line_id": row["id"], "data": {"booking": key, "generation": 1}} for key, row in tied]
    tx.execute(sa.insert(event).values(at=NOW, actor="anna", run_id=run_id, kind="booking_queued"), events)
    states = {"purchase": "booking", "generation": 1, "version": 2, "ready": False, "changed_at": NOW}
    update = sa.update(line).where(line.c.id == sa.bindparam("key")).values(booking_id=sa.bindparam("to"), **states)
    tx.execute(update, [{"key": row["id"], "to": key} for key, row in tied])
