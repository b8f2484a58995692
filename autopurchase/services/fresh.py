"""Fresh reads: what the shop says of an order at this moment, before money is spent on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from autopurchase.domain.errors import NotSent, NotSupported, Refused
from autopurchase.domain.roles import CLOCK
from autopurchase.domain.shop import ShopOrder, hold_reason
from autopurchase.ports import Source
from autopurchase.services import mapping
from autopurchase.services.context import Context
from autopurchase.services.import_batch import Into, store_batch
from autopurchase.services.import_rules import stored_order
from autopurchase.services.sources import FILE, open_source
from autopurchase.storage import orders as store
from autopurchase.storage.database import Connection


def refresh_orders(ctx: Context, order_ids: Sequence[int], *, older_than_seconds: float) -> dict[int, str]:
    """Read again the orders last read more than ``older_than_seconds`` ago, and store what changed.

    Returns, per order id, the cause for which nothing of it may be bought now, or ``""``. Orders of files, which cannot
    be asked, are judged by what is stored. Raises NotSent when a shop does not answer or refuses to: nothing is bought
    on stale facts.
    """
    stale_since = ctx.now() - timedelta(seconds=older_than_seconds)
    with ctx.db.read() as tx:
        rows = store.with_sources(tx, order_ids)
    stale = [row for row in rows if row["read_at"] < stale_since and row["source_kind"] != FILE]
    unusable: set[int] = set()
    by_source = sorted(stale, key=lambda row: row["source_id"])
    for _, group in groupby(by_source, key=lambda row: row["source_id"]):
        unusable |= _refresh(ctx, list(group))
    mapping.apply_to_orders(ctx, order_ids)
    with ctx.db.read() as tx:
        rows = store.with_sources(tx, order_ids)
    return {row["id"]: "not_payable" if row["id"] in unusable else hold_reason(stored_order(row)) for row in rows}


def shop_facts(tx: Connection, wanted: Mapping[int, Sequence[int]], since: datetime) -> dict[int, str | None]:
    """By booking, of the orders it buys for: the cause for which one of them may not be bought, "" when all may.

    None when a shop must be asked (`refresh_orders`): about orders read before ``since``. By what is stored, for the
    caller's transaction.
    """
    rows = {row["id"]: row for row in store.with_sources(tx, sorted({key for keys in wanted.values() for key in keys}))}
    return {booking: _judged([rows[key] for key in keys], since) for booking, keys in wanted.items()}


def _judged(rows: Sequence[Mapping[Any, Any]], since: datetime) -> str | None:
    if any(row["read_at"] < since and row["source_kind"] != FILE for row in rows):
        return None
    return next(filter(None, (hold_reason(stored_order(row)) for row in rows)), "")


def _refresh(ctx: Context, rows: Sequence[Mapping[Any, Any]]) -> set[int]:
    """Read and store orders of one source; returns the ids of those that cannot be taken as they are now."""
    try:
        source = open_source(ctx, rows[0])
        orders = [read_again(source, row) for row in rows]
    except NotSupported:
        return set()
    except Refused as error:
        name = rows[0]["source_name"]
        sentence = f"The shop “{name}” could not be asked about an order: {error.sentence}"
        raise NotSent(sentence, cause=error.cause, raw=error.raw) from error
    into = Into(rows[0]["source_id"], True, ctx.providers, ctx.now(), CLOCK.name, None)
    with ctx.db.write() as tx:
        refused = store_batch(tx, orders, into).refused
    return {row["id"] for row in rows if row["external_id"] in refused}


def read_again(source: Source, row: Mapping[Any, Any]) -> ShopOrder:
    """One order as its shop has it now; one that the shop no longer has is cancelled. ``row``: the stored order."""
    return source.get(row["external_id"]) or stored_order(row, state="cancelled")
