"""Customers' orders for tests: order files of any size, a shop in memory, and the context that services are given."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from autopurchase.domain.errors import AutopurchaseError, BadInput
from autopurchase.domain.history import LineState, fold
from autopurchase.domain.money import Money
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.shop import Reject, ShopLine, ShopOrder
from autopurchase.domain.standing import NOW
from autopurchase.ports import Field, SourceCheck, SourceManifest
from autopurchase.services import import_orders, sources
from autopurchase.services.context import Context
from autopurchase.sources import SOURCES
from autopurchase.storage import bookings, lines, runs
from autopurchase.storage.database import Connection, Database
from autopurchase.storage.lines import Event, line_state
from autopurchase.storage.migrate import migrate
from autopurchase.storage.schema import booking_line, event, line, orders, session, source
from autopurchase.storage.vault import KeyVault
from tests.support.migrated import sqlite_url

ADMIN = Actor("ada", Role.ADMINISTRATOR)
OPERATOR = Actor("olga", Role.OPERATOR)
VIEWER = Actor("vera", Role.VIEWER)
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
COLUMNS = (
    "order_number",
    "line_no",
    "provider",
    "item_id",
    "sku_id",
    "title",
    "quantity",
    "unit_price",
    "currency",
    "created_at",
    "paid_at",
    "status",
    "seller_id",
    "customer",
)


@dataclass
class TickingClock:
    """Time that passes a millisecond whenever somebody looks, and more when a test says so."""

    moment: datetime = START

    def now(self) -> datetime:
        """The moment."""
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def pass_time(self, **span: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**span)


@dataclass
class NotedQueue:
    """Notes what was asked of it."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def buy(self, tx: Any, session_id: int, label: str, lanes: int) -> None:
        """Noted."""
        self.asked.append(("buy", session_id, label, lanes))

    def cancel(self, tx: Any, session_id: int, label: str) -> None:
        """Noted."""
        self.asked.append(("cancel", session_id, label))

    def read_back(self, tx: Any, session_id: int, label: str) -> None:
        """Noted."""
        self.asked.append(("read_back", session_id, label))

    def check_plan(self, tx: Any, plan_id: int) -> None:
        """Noted."""
        self.asked.append(("check_plan", plan_id))

    def carry_out(self, tx: Any, kind: str, run_id: int) -> None:
        """Noted."""
        self.asked.append((kind, run_id))

    def write_back(self, tx: Any, source_id: int, label: str) -> None:
        """Noted."""
        self.asked.append(("write_back", source_id, label))


MEMORY = SourceManifest(
    "memory",
    "Memory",
    frozenset({"own_mark", "tracking"}),
    (Field("address", "Address", required=True), Field("key", "Key", secret=True)),
)


@dataclass
class MemoryShop:
    """A shop whose orders a test arranges: a whole `Source` and its kind. ``failure`` is raised in place of reading."""

    orders: dict[str, ShopOrder] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    marks: list[tuple[str, str, str]] = field(default_factory=list)
    shipments: list[tuple[str, tuple[tuple[str, int], ...], str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failure: AutopurchaseError | None = None
    write_failure: AutopurchaseError | None = None
    refuses: str = ""  # an order that the shop refuses to hear about
    manifest: SourceManifest = MEMORY

    def open(self, config: Mapping[str, Any]) -> MemoryShop:
        """Itself."""
        if not config.get("address"):
            raise BadInput("The setting “address” is missing.")
        return self

    def put(self, order: ShopOrder) -> ShopOrder:
        """Show this order from now on."""
        self.orders[order.external_id] = order
        return order

    def check(self) -> SourceCheck:
        """Always well."""
        return SourceCheck(True, "memory", open_paid=len(self.orders))

    def open_paid(self, page_size: int = 50) -> Iterator[ShopOrder | Reject]:
        """Open orders, and the rejects."""
        self._fail()
        yield from self.rejects
        yield from [order for order in self.orders.values() if order.state == "open" and order.lines]

    def get(self, external_id: str) -> ShopOrder | None:
        """One order."""
        self._fail()
        self.asked.append(external_id)
        return self.orders.get(external_id)

    def mark(self, external_id: str, status: str, reference: str) -> bool:
        """Keep the mark; True when it is another than the last one."""
        self._fail_writing(external_id)
        known = [mark for mark in self.marks if mark[0] == external_id]
        self.marks.append((external_id, status, reference))
        return not known or known[-1] != self.marks[-1]

    def report_shipment(self, external_id: str, lines: Sequence[tuple[str, int]], carrier: str, number: str) -> str:
        """Keep the shipment."""
        self._fail_writing(external_id)
        told = (external_id, tuple(lines), carrier, number)
        if told in self.shipments:
            return "already"
        self.shipments.append(told)
        return "done"

    def _fail(self) -> None:
        if self.failure:
            raise self.failure

    def _fail_writing(self, external_id: str) -> None:
        if self.write_failure and self.refuses in ("", external_id):
            raise self.write_failure


@dataclass
class Workspace:
    """A migrated database with a context on it, and what tests look at."""

    ctx: Context
    clock: TickingClock
    queue: NotedQueue
    shop: MemoryShop

    def rows(self, table: Any = line) -> list[Any]:
        """Every row of a table, by id."""
        with self.ctx.db.read() as tx:
            return list(tx.execute(select(table).order_by(table.c.id)).mappings())

    def line(self, number: str) -> Any:
        """One line by its number."""
        return next(row for row in self.rows() if row["number"] == number)

    def order(self, number: str) -> Any:
        """One order by its number."""
        return next(row for row in self.rows(orders) if row["number"] == number)

    def history(self, number: str) -> list[tuple[str, Any]]:
        """Events of a line: (kind, data), without what is kept with them for the figures."""
        key = self.line(number)["id"]
        rows = [row for row in self.rows(event) if row["line_id"] == key]
        return [(row["kind"], {name: value for name, value in row["data"].items() if name != NOW}) for row in rows]

    def differing(self) -> list[str]:
        """Numbers of lines whose columns are not the fold of their events, or whose derived columns are wrong."""
        found: dict[int, list[tuple[str, Any]]] = {}
        for row in self.rows(event):
            found.setdefault(row["line_id"], []).append((row["kind"], row["data"]))
        payable = {row["id"]: row["payable"] for row in self.rows(orders)}
        return [row["number"] for row in self.rows() if not _agrees(row, fold(found.get(row["id"], [])), payable)]

    def run(self, run_id: int) -> Any:
        """One journal cell."""
        with self.ctx.db.read() as tx:
            return runs.get(tx, run_id)

    def rejects(self, run_id: int) -> list[Any]:
        """What an import refused."""
        with self.ctx.db.read() as tx:
            return list(runs.rejects(tx, run_id))

    def sweep(self) -> Any:
        """Import the shop in memory as the worker does, a minute later; returns the finished run."""
        self.clock.pass_time(minutes=1)
        if not any(row["name"] == "shop" for row in self.rows(source)):
            sources.add(self.ctx, ADMIN, kind="memory", name="shop", config={"address": "here", "key": "s3cret"})
        run_id = import_orders.request(self.ctx, OPERATOR, "shop")
        import_orders.carry_out(self.ctx, run_id)
        return self.run(run_id)

    def record(self, number: str, *events: tuple[str, Mapping[str, Any]]) -> None:
        """Let something happen to a line."""
        key = self.line(number)["id"]
        with self.ctx.db.write() as tx:
            told = [Event(key, kind, data) for kind, data in events]
            lines.record(tx, told, at=self.clock.now(), actor="test", run_id=None)

    def book(self, number: str, *, confirmed: bool = True) -> int:
        """Put a line under way at a provider; returns the booking's id."""
        row = self.line(number)
        with self.ctx.db.write() as tx:
            key = _booking(tx, row, self.clock.now())
        self.record(number, ("booking_queued", {"booking": key, "generation": row["generation"] + 1}))
        if confirmed:
            self.record(number, ("booking_confirmed", {}))
        return key


def _agrees(row: Any, state: LineState, payable: Mapping[int, bool]) -> bool:
    ready = lines.is_ready(state, {**row, "payable": payable[row["order_id"]]})
    return line_state(row) == state and row["ready"] == ready


def _booking(tx: Connection, row: Any, at: datetime) -> int:
    session_id = tx.execute(select(session.c.id)).scalar()
    if session_id is None:
        values: dict[str, Any] = {
            "name": "main",
            "provider": "taobao",
            "state": "active",
            "base_url": "",
            "app_key": "",
        }
        values |= {"secret_sealed": "", "tokens_sealed": "", "ship_to": {}, "settings": {}, "created_at": at}
        values |= {"rate_per_second": 1.0, "concurrency": 1, "settle_seconds": 1.0, "timeout_seconds": 1.0}
        session_id = tx.execute(session.insert().values(**values).returning(session.c.id)).scalar_one()
    run_id = runs.create(tx, kind="book", actor="test", at=at, call="test", state="done")
    reference = f"AP-T-{row['id']}-{row['generation'] + 1}"
    made = {"run_id": run_id, "session_id": session_id, "out_order_id": reference, "state": "confirmed"}
    made |= {"purchase": {}, "currency": "CNY", "total_minor": 1, "due_at": at, "created_at": at}
    key = bookings.create_all(tx, [made])[0]
    tie = {"booking_id": key, "line_id": row["id"], "generation": row["generation"] + 1, "live": True}
    tx.execute(booking_line.insert().values(**tie, quantity=row["quantity"], price_fen=1))
    return key


def open_workspace(url: str) -> Workspace:
    """A workspace on an empty or known database, with the same key every time."""
    db = Database(sqlite_url(url))
    migrate(db)
    clock, queue, shop = TickingClock(), NotedQueue(), MemoryShop()
    providers: Any = {"taobao": object(), "alibaba1688": object()}
    kinds: Any = {**SOURCES, "memory": shop}
    ctx = Context(db, clock, KeyVault(KEY), queue, providers, kinds, "T")
    return Workspace(ctx, clock, queue, shop)


def shop_line(line_no: int = 1, **values: Any) -> ShopLine:
    """A line as a shop shows it: one piece for 12.50 USD."""
    price = values.pop("price", 1250)
    quantity = values.pop("quantity", 1)
    made: dict[str, Any] = {
        "external_id": f"L{line_no}",
        "line_no": line_no,
        "provider": "taobao",
        "item_id": "610000000001",
    }
    made |= {"quantity": quantity, "open_quantity": quantity, "unit_price": Money(price, "USD")}
    return ShopLine(**(made | values))


def shop_order(number: str = "ORD-000000053", *rows: ShopLine, **values: Any) -> ShopOrder:
    """An order as a shop shows it: open, and paid in full, unless said otherwise in minor units of USD."""
    rows = rows or (shop_line(),)
    total = values.pop("total", sum(row.unit_price.minor * row.quantity for row in rows))
    money = {"total": total, "paid": values.pop("paid", total), "refunded": values.pop("refunded", 0)}
    made: dict[str, Any] = {
        "external_id": f"id-{number}",
        "number": number,
        "state": "open",
        "currency": "USD",
        "lines": rows,
    }
    made |= {name: Money(amount, "USD") for name, amount in money.items()}
    made |= {"created_at": START - timedelta(days=2), "paid_at": START - timedelta(days=1)}
    return ShopOrder(**(made | values))


def changed_line(order: ShopOrder, line_no: int, **values: Any) -> ShopOrder:
    """The order with one line changed; its totals stay."""
    return replace(
        order, lines=tuple(replace(each, **values) if each.line_no == line_no else each for each in order.lines)
    )


def file_row(order: int, line_no: int, **values: str) -> dict[str, str]:
    """A row of an order file: paid, one piece for 12.50 USD."""
    made = {
        "order_number": f"ORD-{order:09d}",
        "line_no": str(line_no),
        "provider": ("taobao", "alibaba1688")[order % 2],
        "item_id": str(610000000000 + order % 5000),
        "sku_id": str(4610000000000 + order),
        "title": f"Jacket {order}",
        "quantity": str(1 + order % 3),
        "unit_price": "12.50",
        "currency": "USD",
        "created_at": "2026-11-20T10:00:00Z",
        "paid_at": "2026-11-20T11:00:00Z",
        "seller_id": f"s{order % 300}",
        "customer": "Anna Meyer",
    }
    return made | values


def write_file(path: Path, rows: Iterator[dict[str, str]] | Sequence[dict[str, str]]) -> Path:
    """Write an order file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows)
    return path


def many_rows(count: int, per_order: int = 3) -> Iterator[dict[str, str]]:
    """``count`` rows of orders with ``per_order`` lines each."""
    return (file_row(1 + index // per_order, 1 + index % per_order) for index in range(count))
