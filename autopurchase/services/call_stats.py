"""How calls at providers go, by session and hour: counted in memory, written now and then, read by figures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, cast

from autopurchase.domain.errors import AutopurchaseError
from autopurchase.ports import Provider
from autopurchase.services.context import Context
from autopurchase.storage import call_stats as store

OK = "ok"
#: of these calls only what a provider does counts, not what we do with its answer
_CALLS = frozenset({"check", "preview", "create", "find_by_reference", "get", "cancel", "pay_links"})
_Key = tuple[str, int, datetime, str]


class _Counts:
    """What was counted since it was written last, for every workspace of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[_Key, list[int]] = {}

    def add(self, key: _Key, milliseconds: int) -> None:
        """One call more."""
        with self._lock:
            sums = self._sums.setdefault(key, [0, 0, 0])
            sums[0] += 1
            sums[1] += milliseconds
            sums[2] = max(sums[2], milliseconds)

    def take(self, place: str) -> list[dict[str, Any]]:
        """The rows of one database, which are forgotten here."""
        with self._lock:
            mine = {key: self._sums.pop(key) for key in list(self._sums) if key[0] == place}
        return [
            {"session_id": key[1], "hour": key[2], "outcome": key[3], "calls": sums[0], "total_ms": sums[1],
             "slowest_ms": sums[2]}
            for key, sums in mine.items()
        ]  # fmt: skip


_COUNTS = _Counts()


class Counted:
    """A provider whose calls are counted. ``waited``: seconds its calls have waited for their pace so far."""

    def __init__(self, ctx: Context, session_id: int, provider: Provider, waited: Callable[[], float]) -> None:
        self._ctx, self._session_id, self._provider, self._waited = ctx, session_id, provider, waited

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._provider, name)
        if name == "changed_since":
            return lambda *args: self._pages(found(*args))
        return (lambda *args: self._counted(lambda: found(*args))) if name in _CALLS else found

    def _pages(self, pages: Iterator[Any]) -> Iterator[Any]:
        while (page := self._counted(lambda: next(pages, None))) is not None:
            yield page

    def _counted(self, call: Callable[[], Any]) -> Any:
        began, waited = time.monotonic(), self._waited()
        outcome = "our_bug"
        try:
            found = call()
            outcome = OK
            return found
        except AutopurchaseError as error:
            outcome = error.cause
            raise
        finally:
            took = time.monotonic() - began - (self._waited() - waited)
            hour = self._ctx.now().replace(minute=0, second=0, microsecond=0)
            _COUNTS.add((self._ctx.db.url, self._session_id, hour, outcome), round(1000 * max(0.0, took)))


def counted(ctx: Context, session_id: int, provider: Provider, waited: Callable[[], float]) -> Provider:
    """The provider with its calls counted."""
    return cast(Provider, Counted(ctx, session_id, provider, waited))


def flush(ctx: Context) -> int:
    """Write what was counted; how many rows."""
    rows = _COUNTS.take(ctx.db.url)
    if rows:
        with ctx.db.write() as tx:
            store.add(tx, rows)
    return len(rows)
