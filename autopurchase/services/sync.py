"""Synchronisation: what the provider says of our orders becomes what we know. List calls, overlapping, idempotent."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain import code
from autopurchase.domain.errors import AutopurchaseError, Misuse, Refused, SessionRefused, Unknown
from autopurchase.domain.history import LineState
from autopurchase.domain.order import PurchaseState
from autopurchase.domain.provider_order import ProviderOrder, ProviderState, purchase_state
from autopurchase.domain.roles import CLOCK, Actor, Role
from autopurchase.domain.session import SessionConfig, SessionState
from autopurchase.ports import Provider
from autopurchase.services import cancelled, deadlines, match, raised
from autopurchase.services.calls import call_lease, config_of, open_provider
from autopurchase.services.context import Context
from autopurchase.storage import bookings, cancels, provider_orders, runs, sessions, write_backs
from autopurchase.storage import lines as history
from autopurchase.storage.database import Connection, Row

log = logging.getLogger(__name__)

#: windows overlap by this much: providers' clocks and rows that move between pages
OVERLAP = timedelta(minutes=10)
#: how far the first sync of a session looks back
FIRST_LOOK_BACK = timedelta(days=30)
#: states whose list reading may be poorer than a detail call: why it closed, and the parcels
_NEEDS_DETAIL = frozenset(
    {ProviderState.CLOSED, ProviderState.PARTLY_SHIPPED, ProviderState.SHIPPED, ProviderState.DELIVERED}
)


def request(
    ctx: Context,
    actor: Actor,
    *,
    session: str | None = None,
    full: bool = False,
    lines: Sequence[str] | None = None,
) -> list[int]:
    """Ask the worker to synchronise one session, all active ones (None), or the orders of some lines; run numbers.

    A session whose sync is already waiting or running gets no second one: the run under way is returned.
    """
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        if lines is not None:
            return _request_lines(ctx, tx, actor, lines)
        rows = [sessions.by_name(tx, session)] if session else active(tx)
        rows = [sessions.get(tx, row["id"], lock=True) for row in rows]  # two requests at once find one run
        return [_request_one(ctx, tx, actor, row, full=full) for row in rows]


def active(tx: Connection) -> list[Row]:
    """Sessions that are in use."""
    return [row for row in sessions.listing(tx) if row["state"] == SessionState.ACTIVE]


def request_due(ctx: Context, *, full: bool = False) -> list[int]:
    """The clock's sync of every active session."""
    return request(ctx, CLOCK, full=full)


def _request_one(ctx: Context, tx: Connection, actor: Actor, session: Row, *, full: bool) -> int:
    for waiting in runs.open_of(tx, "sync", session["id"]):
        of_lines = "orders" in waiting["params"]
        if not of_lines and (not full or waiting["params"].get("full")):
            return int(waiting["id"])
    run_id = runs.create(
        tx,
        kind="sync",
        actor=actor.name,
        at=ctx.now(),
        call=code.call("shop.sync", session["name"], **({"full": True} if full else {})),
        params={"full": full},
        session_id=session["id"],
    )
    ctx.queue.carry_out(tx, "sync", run_id)
    return run_id


def _request_lines(ctx: Context, tx: Connection, actor: Actor, numbers: Sequence[str]) -> list[int]:
    rows = history.find(tx, numbers)
    orders: dict[int, list[str]] = {}
    for row in provider_orders.numbers_for_lines(tx, [row["id"] for row in rows.values()]):
        orders.setdefault(row["session_id"], []).append(row["provider_order_id"])
    return request_orders(ctx, tx, actor, orders, code.call("shop.sync", lines=list(rows)))


def request_orders(
    ctx: Context,
    tx: Connection,
    actor: Actor,
    orders: Mapping[int, Sequence[str]],
    call: str,
    *,
    pushed: bool = False,
) -> list[int]:
    """Ask the worker to read these orders (session id -> marketplace numbers); a run a session. ``call``: In.

    ``pushed``: the numbers came from outside, so that one the account does not have is passed over.
    """
    actor.require(Role.OPERATOR)
    found = []
    for session_id, wanted in orders.items():
        run_id = runs.create(
            tx,
            kind="sync",
            actor=actor.name,
            at=ctx.now(),
            call=call,
            params={"orders": list(wanted), **({"pushed": True} if pushed else {})},
            session_id=session_id,
        )
        ctx.queue.carry_out(tx, "sync", run_id)
        found.append(run_id)
    return found


def request_session(ctx: Context, tx: Connection, session: Row) -> int:
    """Ask the worker for what changed in a session since the last time; the run that waits already, or a new one."""
    return _request_one(ctx, tx, CLOCK, session, full=False)


def carry_out(ctx: Context, run_id: int) -> dict[str, int]:
    """Carry out a sync run: read, store, move the lines; safe to run again. Errors end in the run, as a sentence."""
    with ctx.db.write() as tx:
        run = runs.get(tx, run_id)
        if run["state"] in ("done", "failed"):
            return {}
        runs.start(tx, run_id, ctx.now())
        session = sessions.get(tx, run["session_id"])
    counts: Counter[str] = Counter()
    until = ctx.now()
    error = _read_all(ctx, session, run, until, counts)
    if error is not None:
        with ctx.db.write() as tx:
            sessions.change(tx, session["id"], sync_error=error.sentence)
            runs.finish(tx, run_id, at=ctx.now(), out=dict(counts), error=error.sentence)
        return dict(counts)
    with ctx.db.write() as tx:
        now = ctx.now()
        if "orders" not in run["params"]:  # the watermark moves only after all pages are stored
            sessions.change(tx, session["id"], synced_at=now, watermark=until, sync_error="")
        runs.finish(tx, run_id, at=now, out=dict(counts))
    return dict(counts)


def _read_all(ctx: Context, session: Row, run: Row, until: datetime, counts: Counter[str]) -> AutopurchaseError | None:
    """Read and store every page, counting; what ended it early. A defect ends the run too: it must not stay open."""
    try:
        config = config_of(ctx, session)
        with call_lease(ctx, config) as pace:
            provider = open_provider(ctx, config, pace)
            for page in _pages(ctx, provider, session, run["params"], until):
                counts.update(take(ctx, provider, config, page, run["id"]))
    except AutopurchaseError as error:
        return error
    except Exception:
        log.exception("sync run %s met an unforeseen error", run["id"])
        return Misuse()
    return None


def catch_up(
    ctx: Context, provider: Provider, config: SessionConfig, run_id: int, orders: Sequence[str] | None = None
) -> None:
    """In the middle of another run: store what changed since the last sync, or what these ``orders`` are now."""
    with ctx.db.read() as tx:
        session = sessions.get(tx, config.id)
    params = {} if orders is None else {"orders": orders}
    for page in _pages(ctx, provider, session, params, ctx.now()):
        take(ctx, provider, config, page)


def _pages(
    ctx: Context, provider: Provider, session: Row, params: dict[str, Any], until: datetime
) -> Iterator[Sequence[ProviderOrder]]:
    if "orders" in params:
        yield from (_named(provider, number, params) for number in params["orders"])
        return
    since = session["watermark"] - OVERLAP if session["watermark"] else until - FIRST_LOOK_BACK
    if params.get("full"):
        since = oldest_open(ctx, session["id"], since)
    yield from changed(ctx, provider, session["id"], since, until)


def changed(
    ctx: Context, provider: Provider, session_id: int, since: datetime, until: datetime
) -> Iterator[Sequence[ProviderOrder]]:
    """Pages of what changed; of a provider that lists nothing, every order we know that is not final, one by one."""
    if "list_orders" in provider.manifest.abilities:
        yield from provider.changed_since(since, until)
        return
    with ctx.db.read() as tx:
        rows = provider_orders.open_numbers(tx, session_id)
    for row in rows:
        try:
            yield [provider.get(row["provider_order_id"])]
        except SessionRefused:
            raise
        except Refused as error:  # one that cannot be told does not hold up the others
            log.info("order %s could not be read: %s", row["provider_order_id"], error.sentence)


def _named(provider: Provider, number: str, params: dict[str, Any]) -> Sequence[ProviderOrder]:
    """One order by its number. A number that was only pushed may be another account's: then nothing is read."""
    try:
        return [provider.get(number)]
    except SessionRefused:
        raise
    except Refused:
        if params.get("pushed"):
            return []
        raise


def oldest_open(ctx: Context, session_id: int, since: datetime) -> datetime:
    """``since``, or when the oldest order that is not final was made: a full sync reads all that changed since."""
    with ctx.db.read() as tx:
        rows = provider_orders.open_numbers(tx, session_id)
    starts: list[datetime] = [row["created_at"] or row["first_seen_at"] for row in rows]
    return min([since, *(start - OVERLAP for start in starts)])


def take(
    ctx: Context, provider: Provider, config: SessionConfig, page: Sequence[ProviderOrder], run_id: int | None = None
) -> Counter[str]:
    """Store one page and move the lines it is about, in one transaction; ``run_id``: the cell that reads it."""
    readings = [_in_full(ctx, provider, config, reading) for reading in page]
    readings = deadlines.stated_or_assumed(ctx, provider, config, readings)
    counts: Counter[str] = Counter(orders=len(readings))
    with ctx.db.write() as tx:
        now = ctx.now()
        stored = provider_orders.store_all(tx, config.id, readings, now)
        counts["changed"] += sum(item.changed for item in stored)
        counts["unbound"] += sum(item.booking_id is None for item in stored)
        counts["unknown_words"] += sum(reading.state is ProviderState.UNKNOWN for reading in readings)
        ours = [item.id for item in stored if item.booking_id or item.state is ProviderState.CLOSED]
        counts += move_lines(tx, ours, now, run_id)
        counts["price_raised"] += raised.flag(tx, stored, now, run_id)
        if run_id is not None:
            runs.progress(tx, run_id, runs.get(tx, run_id)["done"] + len(readings))
    return counts


def _in_full(ctx: Context, provider: Provider, config: SessionConfig, reading: ProviderOrder) -> ProviderOrder:
    """The detail of an order whose list reading cannot tell enough, read only when something changed."""
    if reading.complete or reading.state not in _NEEDS_DETAIL:
        return reading
    with ctx.db.read() as tx:
        known = provider_orders.by_number(tx, config.id, reading.provider_order_id)
    seen = known is not None and known["complete"] and known["modified_at"] == reading.modified_at
    if seen and known is not None and known["state"] == reading.state:
        return reading
    try:
        return provider.get(reading.provider_order_id)
    except SessionRefused:
        raise
    except (Refused, Unknown):  # this one order cannot be told in full: what the list said is taken
        return reading


def move_lines(
    tx: Connection, order_keys: Sequence[int], now: datetime, run_id: int | None, actor: Actor = CLOCK
) -> Counter[str]:
    """Bring the lines of these provider orders to what the provider says; counts lines per new purchase state."""
    if not order_keys:
        return Counter()
    match.tie(tx, order_keys)
    tied = provider_orders.booked_lines(tx, order_keys)
    closing = cancels.closing(tx, order_keys)  # closed as we asked: freed, not a problem
    states = history.states(tx, [row["line_id"] for row in tied])
    events, freed, counts = [], [], Counter[str]()
    for row in tied:
        event = _moved(row, states[row["line_id"]], closing)
        if event is None:
            continue
        events.append(event)
        counts[_counted_as(event)] += 1
        if event.kind == "cancelled" or event.data["state"] == ProviderState.CLOSED:
            freed.append(row)
    events += cancelled.let_go(tx, order_keys)
    history.record(tx, events, at=now, actor=actor.name, run_id=run_id)
    bookings.free_lines(tx, [row["id"] for row in freed])
    bookings.end_without_lines(tx, sorted({row["booking_id"] for row in freed}), now)
    cancelled.confirm(tx, closing.values(), now)
    write_backs.ask(tx, history.orders_of(tx, [event.line_id for event in events]), now)
    return counts


def _counted_as(event: history.Event) -> str:
    if event.kind == "cancelled":
        return "cancelled"
    target = purchase_state(ProviderState(event.data["state"]), event.data["reason"])
    return target[0].value if target else "unknown"


def _is_there(state: LineState, purchase: PurchaseState, why: str) -> bool:
    """Whether the line is where the provider says; a flag on a live one (cancel refused, price raised) stays."""
    return state.purchase is purchase and (purchase is not PurchaseState.PROBLEM or state.cause == why)


def _moved(row: Row, state: LineState, closing: Mapping[int, Row]) -> history.Event | None:
    """The event that brings a line to its provider state; None when it is there already or the state says nothing."""
    if row["order_key"] in closing:
        asked = closing[row["order_key"]]
        return cancelled.event(asked, row["line_id"], row["booking_id"], row["provider_order_id"])
    seen = row["line_state"] or row["order_state"]
    if row["order_state"] == ProviderState.CLOSED or seen == ProviderState.UNKNOWN:
        seen = row["order_state"]
    reason = (row["line_reason"] or row["order_reason"]) if seen == ProviderState.CLOSED else ""
    target = purchase_state(ProviderState(seen), reason or "")
    if target is None or _is_there(state, *target):
        return None
    data = {"provider_order": row["provider_order_id"], "state": seen, "reason": reason or ""}
    return history.Event(row["line_id"], "provider_moved", data)
