"""The market's memory: everything in one process, every change in one SQLite file before it is answered.

Reads and changes happen in the event loop, so none can interleave. Changes are written in groups by one thread;
`durable()` returns when all that was changed so far is committed.
"""

import asyncio
import json
import sqlite3
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from autopurchase.sandbox.orders import Order, shift

SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
CREATE TABLE IF NOT EXISTS orders (
  id INTEGER PRIMARY KEY, market TEXT NOT NULL, account TEXT NOT NULL, reference TEXT NOT NULL,
  created INTEGER NOT NULL, modified INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS things (kind TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (kind, key));
"""
FIRST_ID = 4_200_000_000_000_000_001  # 19 digits, above 2^53


class Store:
    """Orders with their indexes, and small named documents ("things") such as tokens."""

    def __init__(self, path: Path) -> None:
        self.orders: dict[int, Order] = {}
        self.by_reference: dict[tuple[str, str, str], list[int]] = {}
        self.by_created: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self.by_modified: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self.order_of_line: dict[int, int] = {}
        self.things: dict[str, dict[str, Any]] = {}
        self._modified_of: dict[int, int] = {}
        self._dirty: dict[tuple[str, str], Callable[[], tuple[str, tuple[Any, ...]]]] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "sandbox-writer")
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(SCHEMA)
        self._load()
        self._next_id = max(self._highest() + 1, FIRST_ID)

    def new_id(self) -> int:
        """The next number for an order or a line."""
        self._next_id += 1
        return self._next_id - 1

    def save_order(self, order: Order) -> None:
        """Keep a new or changed order."""
        self._index(order)
        self._dirty["order", str(order.id)] = lambda: _order_row(order)

    def shift_order(self, order: Order, ms: int) -> None:
        """Move an order's past `ms` back."""
        created = self.by_created[order.market, order.account]
        del created[bisect_left(created, (order.created, order.id))]
        shift(order, ms)
        insort(created, (order.created, order.id))
        self.save_order(order)

    def save(self, kind: str, key: str, doc: Any) -> None:
        """Keep a thing; None forgets it."""
        if doc is None:
            self.things.get(kind, {}).pop(key, None)
        else:
            self.things.setdefault(kind, {})[key] = doc
        self._dirty[kind, key] = lambda: _thing_row(kind, key, doc)

    def get(self, kind: str, key: str) -> Any:
        """The thing, or None."""
        return self.things.get(kind, {}).get(key)

    def window(self, market: str, account: str, by: str, start: int | None, end: int | None) -> Iterator[Order]:
        """Orders of an account created or modified (`by`) in start..end, both included, oldest first."""
        index = (self.by_modified if by == "modified" else self.by_created).get((market, account), [])
        first = bisect_left(index, (start, 0)) if start is not None else 0
        last = bisect_left(index, (end + 1, 0)) if end is not None else len(index)
        return (self.orders[number] for _, number in index[first:last])

    def forget_orders(self) -> None:
        """Drop every order (reset of a test)."""
        for index in (
            self.orders,
            self.by_reference,
            self.by_created,
            self.by_modified,
            self._modified_of,
            self.order_of_line,
        ):
            index.clear()
        self._dirty = {key: row for key, row in self._dirty.items() if key[0] != "order"}
        self._dirty["", "orders"] = lambda: ("DELETE FROM orders WHERE id < ?", (1 << 62,))

    async def durable(self) -> None:
        """Wait until every change made so far is on disk."""
        if not self._dirty and self._writing is None:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await waiter

    def close(self) -> None:
        """Write what is left and close the file."""
        self._commit([row() for row in self._dirty.values()])
        self._thread.shutdown()
        self._db.close()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiters:
            waiters, self._waiters = self._waiters, []
            dirty, self._dirty = self._dirty, {}
            try:
                await loop.run_in_executor(self._thread, self._commit, [row() for row in dirty.values()])
            except Exception as error:  # whatever it was, the callers must hear of it and not wait for ever
                self._dirty = {**dirty, **self._dirty}
                _release(waiters, error)
            else:
                _release(waiters, None)
        self._writing = None

    def _commit(self, rows: list[tuple[str, tuple[Any, ...]]]) -> None:
        self._db.execute("BEGIN")
        try:
            for sql, values in rows:
                self._db.execute(sql, values)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _load(self) -> None:
        for (doc,) in self._db.execute("SELECT doc FROM orders ORDER BY id"):
            self._index(Order.from_doc(json.loads(doc)))
        for kind, key, doc in self._db.execute("SELECT kind, key, doc FROM things"):
            self.things.setdefault(kind, {})[key] = json.loads(doc)

    def _highest(self) -> int:
        return max((line.id for order in self.orders.values() for line in order.lines), default=0)

    def _index(self, order: Order) -> None:
        owner = (order.market, order.account)
        before = self._modified_of.get(order.id)
        if before is None:
            self.orders[order.id] = order
            self.order_of_line.update((line.id, order.id) for line in order.lines)
            self.by_reference.setdefault((*owner, order.reference), []).append(order.id)
            insort(self.by_created.setdefault(owner, []), (order.created, order.id))
        if before == order.modified:
            return
        modified = self.by_modified.setdefault(owner, [])
        if before is not None:
            del modified[bisect_left(modified, (before, order.id))]
        insort(modified, (order.modified, order.id))
        self._modified_of[order.id] = order.modified


def _order_row(order: Order) -> tuple[str, tuple[Any, ...]]:
    return (
        "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            order.id,
            order.market,
            order.account,
            order.reference,
            order.created,
            order.modified,
            json.dumps(order.to_doc(), ensure_ascii=False),
        ),
    )


def _thing_row(kind: str, key: str, doc: Any) -> tuple[str, tuple[Any, ...]]:
    if doc is None:
        return "DELETE FROM things WHERE kind = ? AND key = ?", (kind, key)
    return "INSERT OR REPLACE INTO things VALUES (?, ?, ?)", (kind, key, json.dumps(doc, ensure_ascii=False))


def _release(waiters: list[asyncio.Future[None]], error: Exception | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)
