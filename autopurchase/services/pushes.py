"""Push messages: verified, kept once, and taken as hints to read an order again. No state is ever taken from one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from autopurchase.domain.errors import NotAllowed, NotSupported
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.roles import CLOCK, Actor, Role
from autopurchase.domain.session import SessionState
from autopurchase.ports import Delivery, PushMessage, PushReader
from autopurchase.services import sync
from autopurchase.services.context import Context
from autopurchase.storage import pushes, runs, sessions
from autopurchase.storage.database import Connection, Row

log = logging.getLogger(__name__)

#: messages are gathered for so long before their orders are read, so that a burst makes one reading
GATHER = timedelta(seconds=2)
#: a new order is told of before we may have stored that it is ours: such messages wait longer, and then need nothing
NEW_ORDER = timedelta(seconds=60)
#: more orders than this are read by the list of changes, in pages, and not one by one
MOST_ORDERS = 20
#: one session's readings begin at least so far apart
APART = timedelta(seconds=15)
#: a reading that has not ended after this holds up no other
GIVEN_UP = timedelta(minutes=10)
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class App:
    """An app at a provider, and the sessions that use it (id, account words)."""

    provider: str
    app_key: str
    app_secret: str = field(repr=False)
    sessions: tuple[tuple[int, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a delivery: messages kept, and those that were here already. ``thanks``: the status to answer."""

    thanks: int
    new: int
    known: int


def apps(ctx: Context) -> tuple[App, ...]:
    """The apps whose signatures are accepted: those of the workspace's sessions."""
    with ctx.db.read() as tx:
        rows = sessions.listing(tx)
    found: dict[tuple[str, str, str], list[tuple[int, frozenset[str]]]] = {}
    for row in rows:
        secret = ctx.vault.open(row["secret_sealed"])["app_secret"]
        words = {str(row["account"] or ""), str(row["settings"].get("member_id", ""))} - {""}
        found.setdefault((row["provider"], row["app_key"], secret), []).append((row["id"], frozenset(words)))
    return tuple(App(*names, tuple(users)) for names, users in found.items())


def reader(ctx: Context, provider: str) -> PushReader:
    """How a provider pushes. Raises NotSupported."""
    kind = ctx.providers.get(provider)
    if kind is None or kind.push is None:
        raise NotSupported(f"{provider} pushes nothing.")
    return kind.push


def receive(ctx: Context, provider: str, delivery: Delivery, known: Sequence[App]) -> Taken:
    """Keep what a delivery says, once. ``known``: the workspace's apps.

    Raises NotSupported for a provider without pushes, NotAllowed when no app of ours signed it, BadInput when it cannot
    be read; nothing is kept then.
    """
    how = reader(ctx, provider)
    signers = [app for app in known if app.provider == provider]
    app = next((app for app in signers if how.is_signed(app.app_key, app.app_secret, delivery)), None)
    if app is None:
        raise NotAllowed("None of our apps signed this.")
    messages = how.read(delivery)
    with ctx.db.write() as tx:
        kept = [_keep(ctx, tx, app, message) for message in messages]
    return Taken(how.thanks, sum(kept), len(kept) - sum(kept))


def _keep(ctx: Context, tx: Connection, app: App, message: PushMessage) -> bool:
    session_id = _session_of(tx, app, message)
    waits = session_id is not None and bool(message.provider_order_id)
    values = {
        "provider": app.provider,
        "key": message.key,
        "topic": message.topic[:200],
        "session_id": session_id,
        "provider_order_id": message.provider_order_id[:100],
        "says": message.says.value,
        "state": pushes.WAITING if waits else pushes.IGNORED,
        "body": message.body,
        "received_at": ctx.now(),
    }
    return pushes.add(tx, values)


def _session_of(tx: Connection, app: App, message: PushMessage) -> int | None:
    """Who has the order; else whose account it names; else the only one there is. None: polling will see it."""
    ids = [session_id for session_id, _ in app.sessions]
    if len(ids) == 1:
        return ids[0]
    found = pushes.owner(tx, ids, message.provider_order_id, message.reference)
    if found is None and message.account:
        found = next((session_id for session_id, words in app.sessions if message.account in words), None)
    return found


def hand_over(ctx: Context) -> list[int]:
    """Ask for the readings that waiting messages call for, few for many; the runs. The worker calls it every second."""
    now = ctx.now()
    with ctx.db.read() as tx:
        due = pushes.due(tx, now - GATHER, now - NEW_ORDER)
    found = [_read_again(ctx, session_id, rows) for session_id, rows in due.items()]
    return [run_id for run_id in found if run_id is not None]


def _read_again(ctx: Context, session_id: int, rows: Sequence[Row]) -> int | None:
    with ctx.db.write() as tx:
        session = sessions.get(tx, session_id, lock=True)
        if session["state"] != SessionState.ACTIVE:
            pushes.settle(tx, [row["id"] for row in rows], pushes.IGNORED)
            return None
        wanted = _worth_reading(tx, session_id, rows)
        pushes.settle(tx, [row["id"] for row in rows if row["id"] not in wanted], pushes.IGNORED)
        numbers = list(dict.fromkeys(wanted.values()))
        many = len(numbers) > MOST_ORDERS
        if not wanted or not _may_begin(ctx, tx, session_id, listing=many):
            return None
        if many:
            run_id = sync.request_session(ctx, tx, session)
        else:
            call = f'shop.sync("{session["name"]}")  # pushed: {", ".join(numbers)}'
            (run_id,) = sync.request_orders(ctx, tx, CLOCK, {session_id: numbers}, call, pushed=True)
        pushes.settle(tx, list(wanted), pushes.READ, run_id)
        return run_id


def _worth_reading(tx: Connection, session_id: int, rows: Iterable[Row]) -> dict[int, str]:
    """Message -> order, without messages that an order was made which is known already."""
    made = {row["provider_order_id"] for row in rows if row["says"] == ProviderState.UNPAID}
    here = pushes.known(tx, session_id, sorted(made)) if made else set()
    return {
        row["id"]: row["provider_order_id"]
        for row in rows
        if not (row["says"] == ProviderState.UNPAID and row["provider_order_id"] in here)
    }


def _may_begin(ctx: Context, tx: Connection, session_id: int, *, listing: bool) -> bool:
    """Whether no pushed reading of the session is under way, and the last one began long enough ago.

    One that runs may have passed an order before it changed, so what came meanwhile waits for the next; a ``listing``
    also waits for any list of changes under way.
    """
    if listing and any(run["state"] == "running" for run in runs.open_of(tx, "sync", session_id)):
        return False
    last, now = pushes.last_run(tx, session_id), ctx.now()
    if last is None or last["created_at"] <= now - GIVEN_UP:
        return True
    return last["finished_at"] is not None and last["created_at"] <= now - APART


def forget(ctx: Context) -> int:
    """Drop messages of long ago; how many."""
    with ctx.db.write() as tx:
        return pushes.forget(tx, ctx.now() - KEPT)


def arriving(ctx: Context, actor: Actor) -> list[Mapping[str, object]]:
    """Every session with its last push and how many came in 24 hours; a row without a name: those of nobody."""
    actor.require(Role.VIEWER)
    since = ctx.now() - timedelta(days=1)
    with ctx.db.read() as tx:
        rows: list[Mapping[str, object]] = [dict(row) for row in pushes.by_session(tx, since)]
        nobody = pushes.of_nobody(tx, since)
    stray = {"name": "", "provider": "", "last_at": None, "recent": nobody, "ignored": nobody}
    return [*rows, stray] if nobody else rows
