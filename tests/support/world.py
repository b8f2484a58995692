"""A workspace with sessions at a running sandbox marketplace and lines ready to buy: what services are tested on."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autopurchase import wiring
from autopurchase.domain.plan import PlanOptions
from autopurchase.domain.roles import Actor, Role
from autopurchase.sandbox import Item, Sandbox, Sku
from autopurchase.services import apply, plan, purchase, sessions, sync
from autopurchase.services.context import Context
from autopurchase.services.plan import PlanView
from autopurchase.storage import lines, schema
from tests.support import calls
from tests.support.migrated import sqlite_url
from tests.support.processes import Child, start, wait_until

ROOT = Path(__file__).resolve().parents[2]
ME = Actor("anna", Role.ADMINISTRATOR)
WAREHOUSE = {
    "name": "仓库收货组", "mobile_phone": "13800000000", "state": "广东省", "city": "广州市", "district": "白云区",
    "address": "石井大道18号", "zip": "510430",
}  # fmt: skip
#: a session in a hurry
QUICK = {"rate_per_second": 200, "concurrency": 4, "settle_seconds": 1.0, "timeout_seconds": 5}
#: what the marketplace does at once instead of in a while
AT_ONCE = {"build_seconds": 0, "cancel_seconds": 0.05, "settle_seconds": 0.05, "cancel_wait_seconds": 0}
_accounts = itertools.count(1)


@dataclass
class World:
    """An open workspace on one marketplace; ``sessions``: provider -> session name."""

    home: Path
    url: str
    market: Sandbox
    workspace: wiring.Workspace
    account: str
    sessions: dict[str, str] = field(default_factory=dict)
    _orders: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _source: int = 0

    @property
    def ctx(self) -> Context:
        """What services take."""
        return self.workspace.context

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead another process to this workspace."""
        return {"AUTOPURCHASE_HOME": str(self.home), "AUTOPURCHASE_DATABASE_URL": self.url}

    # --- sessions ---

    def connect(self, provider: str, name: str = "", **values: Any) -> str:
        """Add a session of this world's own account; its name."""
        given = self.market.credentials(provider, account=self.account)
        name = name or provider
        credentials = {**given, "ship_to": WAREHOUSE, **QUICK, **values}
        sessions.add(self.ctx, ME, provider=provider, name=name, credentials=credentials, base_url=self.market.base_url)
        self.sessions[provider] = name
        return name

    def session_id(self, name: str) -> int:
        """The id behind a name."""
        return int(self.one(sa.select(schema.session.c.id).where(schema.session.c.name == name)))

    # --- lines ---

    def goods(self, provider: str) -> list[tuple[Item, Sku]]:
        """Everything on sale in quantity, sellers mixed."""
        found = [(i, s) for i in self.market.catalogue() if i.market == provider for s in i.skus if s.stock > 500]
        return [pair for turn in range(7) for pair in found[turn::7]]

    def order(
        self, goods: Sequence[tuple[Item, Sku]], *, quantity: int = 0, paid: bool = True, **line: Any
    ) -> list[str]:
        """A customer's order of these goods, paid in full; the numbers of its lines."""
        with self.ctx.db.write() as tx:
            return add_order(tx, self._source_id(tx), next(self._orders), goods, quantity=quantity, paid=paid, **line)

    def ready(self, provider: str, count: int, per_order: int = 1) -> list[str]:
        """``count`` ready lines of different goods, so many an order."""
        goods = list(itertools.islice(itertools.cycle(self.goods(provider)), count))
        numbers: list[str] = []
        with self.ctx.db.write() as tx:
            source = self._source_id(tx)
            for at in range(0, count, per_order):
                numbers += add_order(tx, source, next(self._orders), goods[at : at + per_order])
        return numbers

    def _source_id(self, tx: sa.Connection) -> int:
        if not self._source:
            values = {"name": "shop", "kind": "file", "config_sealed": self.ctx.vault.seal({}), "write_back": False}
            statement = sa.insert(schema.source).values(created_at=datetime.now(UTC), **values)
            self._source = int(tx.execute(statement.returning(schema.source.c.id)).scalar_one())
        return self._source

    # --- what people do ---

    def plan(self, session: str, numbers: Sequence[str], **options: Any) -> str:
        """A checked plan's token."""
        token = plan.request(self.ctx, ME, session, lines=numbers, options=PlanOptions(**options))
        plan.check(self.ctx, token)
        return token

    def view(self, token: str) -> PlanView:
        """A plan as it stands."""
        return plan.read(self.ctx, token)

    def book(self, session: str, numbers: Sequence[str], **options: Any) -> int:
        """Plan and apply; the run."""
        token = self.plan(session, numbers, **options)
        view = self.view(token)
        assert view.state == "ready", view.error
        assert view.line_count == len(numbers), view.body
        return apply.apply(self.ctx, ME, token)

    def work(self, session: str, lane: str = "lane-0") -> dict[str, int]:
        """Be a worker's lane until nothing is due."""
        return purchase.work(self.ctx, self.session_id(session), lane)

    def bought(self, session: str, numbers: Sequence[str], **options: Any) -> int:
        """Plan, apply and carry out; the run."""
        run = self.book(session, numbers, **options)
        self.work(session)
        return run

    def sync(self, session: str, *, full: bool = False) -> dict[str, int]:
        """Synchronise here and now."""
        (run,) = sync.request(self.ctx, ME, session=session, full=full)
        return sync.carry_out(self.ctx, run)

    def worker(self, *words: str, log: str = "worker.log", env: Mapping[str, str] | None = None) -> Child:
        """Start a worker process on this workspace."""
        return self.process([sys.executable, "-m", "tests.support.worker_process", *words], log=log, env=env)

    def process(self, command: Sequence[str], *, log: str, env: Mapping[str, str] | None = None) -> Child:
        """Start a process of the checkout's own on this workspace."""
        path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
        return start(
            command, log=self.home / log, env={**self.environment, "PYTHONPATH": path, **(env or {})}, cwd=ROOT,
            on_parent_end="KILL",
        )  # fmt: skip

    # --- looking ---

    def rows(self, query: Any) -> list[dict[str, Any]]:
        """Rows of a query."""
        with self.ctx.db.read() as tx:
            return [dict(row) for row in tx.execute(query).mappings()]

    def one(self, query: Any) -> Any:
        """The first column of a query's only row."""
        with self.ctx.db.read() as tx:
            return tx.execute(query).scalar_one()

    def lines(self, numbers: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Number -> row."""
        query = sa.select(schema.line)
        found = {row["number"]: row for row in self.rows(query)}
        return found if numbers is None else {number: found[number] for number in numbers}

    def states(self, numbers: Sequence[str] | None = None) -> set[tuple[str, str]]:
        """The different (purchase state, cause) of lines."""
        return {(row["purchase"], row["cause"]) for row in self.lines(numbers).values()}

    def bookings(self) -> list[dict[str, Any]]:
        """The ledger, oldest first."""
        return self.rows(sa.select(schema.booking).order_by(schema.booking.c.id))

    def run(self, run_id: int) -> dict[str, Any]:
        """One cell."""
        return self.rows(sa.select(schema.run).where(schema.run.c.id == run_id))[0]

    def orders(self, **filters: str) -> list[dict[str, Any]]:
        """What the marketplace holds for this world's account."""
        return self.market.orders(account=self.account, **filters)

    def meters(self) -> dict[str, dict[str, Any]]:
        """What the marketplace counted of this account, by provider."""
        accounts = self.market.control("stats")["accounts"]
        return {name.split(":")[0]: meter for name, meter in accounts.items() if name.endswith(f":{self.account}")}

    def wait_for_run(self, run_id: int, *, timeout: float = 30) -> dict[str, Any]:
        """The cell once it is finished."""
        wait_until(
            lambda: self.run(run_id)["state"] in ("done", "failed"), timeout=timeout, what=f"run {run_id}", every=0.1
        )
        return self.run(run_id)

    def wait_for_plan(self, token: str, *, timeout: float = 60) -> PlanView:
        """The plan once it is checked."""
        wait_until(
            lambda: self.view(token).state in ("ready", "failed"), timeout=timeout, what=f"plan {token}", every=0.1
        )
        return self.view(token)


def add_order(
    tx: sa.Connection,
    source_id: int,
    number: int,
    goods: Sequence[tuple[Item, Sku]],
    *,
    quantity: int = 0,
    paid: bool = True,
    **line: Any,
) -> list[str]:
    """Write one order as an import would; ``line`` overrides columns of its lines."""
    now = datetime.now(UTC)
    order = {
        "source_id": source_id, "external_id": f"E{number}", "number": f"ORD-{number:09d}", "customer": "Anna Meyer",
        "state": "open", "status": "awaiting_payment", "currency": "USD", "goods_minor": 100, "total_minor": 100,
        "paid_minor": 100 if paid else 0, "refunded_minor": 0, "delivery_minor": 0, "payable": paid, "ship_to": {},
        "created_at": now, "paid_at": now if paid else None, "imported_at": now, "read_at": now,
    }  # fmt: skip
    order_id = tx.execute(sa.insert(schema.orders).values(order).returning(schema.orders.c.id)).scalar_one()
    rows = [_line(order_id, number, at, item, sku, quantity, now) | line for at, (item, sku) in enumerate(goods, 1)]
    statement = sa.insert(schema.line).returning(schema.line.c.id, sort_by_parameter_order=True)
    ids = list(tx.execute(statement, rows).scalars())
    data = {"status": "paid" if paid else "awaiting_payment"}
    lines.record(tx, [lines.Event(key, "imported", data) for key in ids], at=now, actor="clock", run_id=None)
    return [row["number"] for row in rows]


def _line(order_id: int, number: int, at: int, item: Item, sku: Sku, quantity: int, now: datetime) -> dict[str, Any]:
    count = quantity or max(item.minimum, item.lot, 1)
    return {
        "order_id": order_id, "line_no": at, "number": f"{number}-{at}", "external_id": f"E{number}-{at}",
        "provider": item.market, "item_id": item.item_id, "sku_id": sku.sku_id, "spec_id": sku.spec_id,
        "title": item.title_en, "quantity": count, "open_quantity": count, "currency": "USD", "unit_price_minor": 100,
        "sum_minor": 100 * count, "reference_fen": sku.price, "seller_id": item.seller.id,
        "seller_name": item.seller.name, "extras": {}, "status": "awaiting_payment", "purchase": "ready",
        "ready": False, "imported_at": now, "changed_at": now,
    }  # fmt: skip


def on_its_own(market: Sandbox) -> Sandbox:
    """Let the marketplace go first where we may say so: a real one does not wait for this machine's processors.

    It counts calls when it gets to see them, so that those of a moment in which it stood still seem to come at once.
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, market.pid, -15)
    return market


@contextmanager
def open_world(home: Path, url: str, market: Sandbox, *providers: str, **session: Any) -> Iterator[World]:
    """A new workspace with one session a provider, on an account of its own."""
    workspace = wiring.open_workspace({"AUTOPURCHASE_HOME": str(home), "AUTOPURCHASE_DATABASE_URL": sqlite_url(url)})
    world = World(home, url, market, workspace, f"buyer{next(_accounts)}-{time.time_ns()}")
    try:
        for provider in providers or ("taobao", "alibaba1688"):
            world.connect(provider, **session)
        yield world
        for call in {row["call"] for row in world.rows(sa.select(schema.run.c.call))}:
            calls.check(call)  # every In of every test is valid Python against the public API
    finally:
        workspace.close()
