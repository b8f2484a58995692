"""Payment pages: fetched by the worker for approved orders, as many together as the marketplace takes.

A payment page can carry a signature: its address is sealed in the database and shown, but never logged, kept in a
journal cell or exported.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain import code
from autopurchase.domain import pay as rules
from autopurchase.domain.errors import AutopurchaseError, BadInput, Misuse, Refused, SessionRefused
from autopurchase.domain.pay import PayState, pay_state
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.purchase import PayLink
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.session import SessionConfig
from autopurchase.ports import Provider
from autopurchase.services import sync
from autopurchase.services.calls import call_lease, config_of, open_provider
from autopurchase.services.context import Context
from autopurchase.services.pay import MOST, orders_of, some
from autopurchase.services.plan import usable
from autopurchase.storage import pay, runs, sessions
from autopurchase.storage.database import Connection, Row
from autopurchase.storage.pay import PayFilter

log = logging.getLogger(__name__)

#: payment pages fetched longer ago are not offered any more
KEPT = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class PayPage:
    """A page where ``orders`` (marketplace numbers) are paid together; ``url`` is not to be kept anywhere else."""

    session: str
    url: str
    orders: tuple[str, ...]
    total_fen: int
    at: datetime


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An order that is on no payment page, and why."""

    session: str
    number: str
    why: str
    at: datetime


def request(ctx: Context, actor: Actor, orders: Sequence[str] | None = None, *, session: str = "") -> list[int]:
    """Ask the worker for pages where approved orders are paid; a run a session. Raises BadInput for any other order.

    ``orders``: marketplace numbers; None: everything approved (of ``session``).
    """
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        rows = _to_link(ctx, tx, orders, session)
        by_session: dict[int, list[str]] = {}
        for row in rows:
            by_session.setdefault(row["session_id"], []).append(row["provider_order_id"])
        return [_request_one(ctx, tx, actor, key, numbers) for key, numbers in by_session.items()]


def _to_link(ctx: Context, tx: Connection, orders: Sequence[str] | None, session: str) -> Sequence[Row]:
    if orders is None:
        wanted = PayFilter(session=session, state=PayState.APPROVED.value)
        rows = pay.page(tx, wanted, ctx.now(), limit=MOST)
        if not rows:
            raise BadInput("No unpaid order is approved: a manager approves them first.")
        return [row for row in rows if not row["cancelling"]]
    rows = orders_of(tx, orders, session)
    states = {row["provider_order_id"]: pay_state(row["total_fen"], row["approved_fen"]) for row in rows}
    if waiting := [number for number, state in states.items() if state is not PayState.APPROVED]:
        raise BadInput(f"Not approved: {some(waiting)}. A manager approves them first.")
    return rows


def _request_one(ctx: Context, tx: Connection, actor: Actor, session_id: int, numbers: Sequence[str]) -> int:
    session = sessions.get(tx, session_id, lock=True)
    usable(session)
    for waiting in runs.open_of(tx, "pay_links", session_id):
        if set(numbers) <= set(waiting["params"]["orders"]):
            return int(waiting["id"])
    run_id = runs.create(
        tx,
        kind="pay_links",
        actor=actor.name,
        at=ctx.now(),
        call=f"{code.call('shop.pay_list', session=session['name'])}.{code.call('links', list(numbers))}",
        params={"orders": list(numbers)},
        session_id=session_id,
        total=len(numbers),
    )
    ctx.queue.carry_out(tx, "pay_links", run_id)
    return run_id


def pages(ctx: Context, actor: Actor, *, session: str = "") -> tuple[list[PayPage], list[LeftOut]]:
    """Payment pages all of whose orders are still unpaid and approved, and orders that are on none, with why.

    What was fetched last counts for each order.
    """
    actor.require(Role.OPERATOR)
    now = ctx.now()
    with ctx.db.read() as tx:
        batches = [row for row in pay.batches_since(tx, now - KEPT) if session in ("", row["session"])]
        wanted: dict[int, set[str]] = {}
        for row in batches:
            wanted.setdefault(row["session_id"], set()).update(row["provider_order_ids"], row["failed"])
        known = {key: pay.by_numbers(tx, key, sorted(numbers)) for key, numbers in wanted.items()}
    found: list[PayPage] = []
    left_out: list[LeftOut] = []
    told: set[tuple[int, str]] = set()
    for row in batches:
        of_session = known[row["session_id"]]
        keys = [(row["session_id"], number) for number in row["provider_order_ids"]]
        if row["url"] and not told & set(keys) and all(_payable(of_session[number]) for _, number in keys):
            url = ctx.vault.open(row["url"])["url"]
            found.append(PayPage(row["session"], url, tuple(row["provider_order_ids"]), row["total_fen"], row["at"]))
        for number, why in row["failed"].items():
            if (row["session_id"], number) not in told and of_session[number]["state"] == ProviderState.UNPAID:
                left_out.append(LeftOut(row["session"], number, why, row["at"]))
        told |= {*keys, *((row["session_id"], number) for number in row["failed"])}
    return found, left_out


def _payable(row: Row) -> bool:
    return not _why_not(row, payable=True)


def _why_not(row: Row, *, payable: bool) -> str:
    return rules.why_not(
        ProviderState(row["state"]),
        row["close_reason"],
        payable=payable,
        cancelling=row["cancelling"],
        total_fen=row["total_fen"],
        approved_fen=row["approved_fen"],
    )


def carry_out(ctx: Context, run_id: int) -> dict[str, int]:
    """Carry out a run of kind pay_links; safe to run again. Errors end in the run, as a sentence."""
    with ctx.db.write() as tx:
        run = runs.get(tx, run_id)
        if run["state"] in ("done", "failed"):
            return {}
        runs.start(tx, run_id, ctx.now())
        session = sessions.get(tx, run["session_id"])
    error = _fetch(ctx, session, run)
    with ctx.db.write() as tx:
        pay.forget_urls(tx, ctx.now() - KEPT)
        batches = pay.batches_of(tx, run_id)
        left_out = {number: why for row in batches for number, why in row["failed"].items()}
        counts = {
            "pages": sum(bool(row["url"]) for row in batches),
            "orders": sum(len(row["provider_order_ids"]) for row in batches),
            "left_out": len(left_out),
        }
        runs.finish(tx, run_id, at=ctx.now(), out={**counts, "why": left_out}, error=error)
    return counts


def _fetch(ctx: Context, session: Row, run: Row) -> str:
    """Fetch and store every page; the sentence that ended it early. An unforeseen error's words are not kept."""
    try:
        config = config_of(ctx, session)
        with call_lease(ctx, config) as pace:
            _Links(ctx, open_provider(ctx, config, pace), config, run["id"]).fetch(run["params"]["orders"])
    except AutopurchaseError as error:
        return error.sentence
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("payment links of run %s: unforeseen %s in %s", run["id"], type(error).__name__, place.name)
        return Misuse().sentence
    return ""


@dataclass(frozen=True, slots=True)
class _Links:
    """Fetching the payment pages of one run."""

    ctx: Context
    provider: Provider
    config: SessionConfig
    run_id: int

    def fetch(self, numbers: Sequence[str]) -> None:
        """Read what changed, leave out what may not be paid any more, and fetch pages for the rest in batches."""
        with self.ctx.db.read() as tx:
            stored = pay.batches_of(tx, self.run_id)
        done = {number for row in stored for number in (*row["provider_order_ids"], *row["failed"])}
        left = [number for number in numbers if number not in done]
        sync.catch_up(self.ctx, self.provider, self.config, self.run_id)
        reasons = {number: why for number, why in self._reasons(left).items() if why}
        self._store([], reasons)
        good = [number for number in left if number not in reasons]
        size = int(self.config.settings.get("pay_batch") or self.provider.manifest.pay_batch)
        for at in range(0, len(good), size):
            self._batch(good[at : at + size])

    def _batch(self, numbers: Sequence[str]) -> None:
        try:
            links = self.provider.pay_links(numbers)
        except SessionRefused:
            raise
        except Refused as error:
            self._store([], dict.fromkeys(numbers, error.sentence))
            return
        linked = {number for link in links if link.url for number in link.provider_order_ids}
        failed = [number for number in numbers if number not in linked]
        if failed:  # the marketplace says which, not why: their own state may tell
            sync.catch_up(self.ctx, self.provider, self.config, self.run_id, failed)
        reasons = {number: why or rules.LEFT_OUT for number, why in self._reasons(failed, read=True).items()}
        self._store([link for link in links if link.url], reasons)

    def _reasons(self, numbers: Sequence[str], *, read: bool = False) -> dict[str, str]:
        """Why each order may not be paid; empty: it may. Only of one just read is it believed whether it is open."""
        with self.ctx.db.read() as tx:
            rows = pay.by_numbers(tx, self.config.id, numbers)
        return {number: _why_not(rows[number], payable=rows[number]["payable"] or not read) for number in numbers}

    def _store(self, links: Sequence[PayLink], failed: Mapping[str, str]) -> None:
        """One transaction: pages, what is on none, and how far the run is."""
        with self.ctx.db.write() as tx:
            now = self.ctx.now()
            on_pages = [number for link in links for number in link.provider_order_ids]
            rows = pay.by_numbers(tx, self.config.id, on_pages)
            own = {"run_id": self.run_id, "session_id": self.config.id, "at": now}
            batches: list[dict[str, Any]] = [
                {
                    "url": self.ctx.vault.seal({"url": link.url}),
                    "provider_order_ids": list(link.provider_order_ids),
                    "failed": {},
                    "total_fen": sum(rows[number]["total_fen"] or 0 for number in link.provider_order_ids),
                    **own,
                }
                for link in links
            ]
            if failed:
                batches.append({"url": "", "provider_order_ids": [], "failed": dict(failed), "total_fen": 0, **own})
            pay.add_batches(tx, batches)
            known = pay.batches_of(tx, self.run_id)
            done = sum(len(row["provider_order_ids"]) + len(row["failed"]) for row in known)
            runs.progress(tx, self.run_id, done)


def reseal(ctx: Context, tx: Connection) -> int:
    """Seal the addresses with the newest key; how many."""
    rows = pay.with_url(tx)
    for row in rows:
        pay.set_url(tx, row["id"], ctx.vault.seal(ctx.vault.open(row["url"])))
    return len(rows)
