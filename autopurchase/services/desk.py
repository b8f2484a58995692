"""The desk: everything at the provider is listed and compared with what we believe; what differs asks for one act."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from autopurchase.domain import code
from autopurchase.domain.desk import KINDS, ORPHAN_AGE, Found
from autopurchase.domain.errors import AutopurchaseError, BadInput, Misuse, NoSuchOrder, SessionRefused
from autopurchase.domain.roles import CLOCK, Actor, Role
from autopurchase.domain.session import SessionConfig, SessionState
from autopurchase.ports import Provider
from autopurchase.services import findings, sync
from autopurchase.services.calls import call_lease, config_of, open_provider
from autopurchase.services.context import Context
from autopurchase.services.lookalikes import Candidate, candidates
from autopurchase.storage import bookings, cancels, desk_views, provider_orders, runs, sessions
from autopurchase.storage.database import Connection, Row

log = logging.getLogger(__name__)

#: how far a comparison looks back at least; further where an older order is open
WINDOW = timedelta(days=30)
#: orders asked about singly in one comparison; what is left is asked about in the next
MOST_GETS = 500


@dataclass(frozen=True, slots=True)
class View:
    """One row as people see it. ``session`` and ``provider`` by name; ``cancelling``: its cancel is under way.

    ``actions``: what may be done about it there, the proposed one first.
    """

    found: Found
    session: str
    provider: str
    base_url: str
    cancelling: bool
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """When a session was last compared with its provider; ``run``: the comparison under way, if any."""

    session: str
    provider: str
    at: datetime | None
    error: str
    run: int | None


def rows(ctx: Context, actor: Actor, *, session: str = "", kind: str = "") -> list[View]:
    """What differs now, the most urgent first. Reads only what is stored."""
    actor.require(Role.VIEWER)
    if kind and kind not in KINDS:
        raise BadInput(f"There is no kind “{kind}”. There are: {', '.join(KINDS)}.")
    with ctx.db.read() as tx:
        names = {row["id"]: row for row in sessions.listing(tx)}
        key = sessions.by_name(tx, session)["id"] if session else None
        found = [each for each in findings.current(tx, ctx.now(), key) if kind in ("", each.kind)]
        asked = cancels.open_of(tx, [each.order_key for each in found if each.order_key])
    return [_view(ctx, each, names[each.session_id], each.order_key in asked) for each in found]


def young(ctx: Context, actor: Actor, session: str = "") -> list[str]:
    """Numbers of orders bound to nothing that are not judged yet: made a moment ago, or being looked up."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        key = sessions.by_name(tx, session)["id"] if session else None
        return findings.young(tx, ctx.now(), key)


def _view(ctx: Context, each: Found, session: Row, cancelling: bool) -> View:
    kind = ctx.providers.get(session["provider"])
    may_cancel = kind is not None and "cancel" in kind.manifest.abilities
    actions = tuple(act for act in each.actions if act != "cancel" or may_cancel)
    return View(each, session["name"], session["provider"], session["base_url"], cancelling, actions)


def compared(ctx: Context, actor: Actor) -> list[Compared]:
    """When each session that may be used was last compared."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        known = [row for row in sessions.listing(tx) if row["state"] != SessionState.DISABLED]
        under_way = {row["id"]: runs.open_of(tx, "desk", row["id"]) for row in known}
    return [
        Compared(
            row["name"],
            row["provider"],
            row["reconciled_at"],
            row["reconcile_error"],
            under_way[row["id"]][0]["id"] if under_way[row["id"]] else None,
        )
        for row in known
    ]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a booking of unknown outcome: what was asked, every call and its answer, and what may be it."""

    booking: Row
    attempts: Sequence[Row]
    candidates: Sequence[Candidate]


def evidence(ctx: Context, actor: Actor, reference: str) -> Evidence:
    """What a person needs to settle the booking. Raises BadInput for a reference there is not."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        booking = bookings.by_reference(tx, reference)
        if booking is None:
            raise BadInput(f"There is no booking {reference}.")
        return Evidence(booking, bookings.attempts_of(tx, [booking["id"]]), candidates(tx, booking))


# --- comparing with the provider ---


def request(ctx: Context, actor: Actor, session: str | None = None) -> list[int]:
    """Ask the worker to compare one session, or all active ones, with their providers; run numbers.

    A session whose comparison is waiting or running gets no second one.
    """
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        rows = [sessions.by_name(tx, session)] if session else sync.active(tx)
        rows = [sessions.get(tx, row["id"], lock=True) for row in rows]  # two requests at once find one run
        return [_request_one(ctx, tx, actor, row) for row in rows]


def request_due(ctx: Context) -> list[int]:
    """The clock's nightly comparison of every active session."""
    return request(ctx, CLOCK)


def _request_one(ctx: Context, tx: Connection, actor: Actor, session: Row) -> int:
    for waiting in runs.open_of(tx, "desk", session["id"]):
        return int(waiting["id"])
    said = code.call("shop.desk", session["name"], refresh=True)
    run_id = runs.create(tx, kind="desk", actor=actor.name, at=ctx.now(), call=said, session_id=session["id"])
    ctx.queue.carry_out(tx, "desk", run_id)
    return run_id


def carry_out(ctx: Context, run_id: int) -> dict[str, int]:
    """Carry out a comparison: list, ask about what was not listed, compare. Safe to run again; errors end the run."""
    with ctx.db.write() as tx:
        run = runs.get(tx, run_id)
        if run["state"] in ("done", "failed"):
            return {}
        runs.start(tx, run_id, ctx.now())
        session = sessions.get(tx, run["session_id"])
    counts: Counter[str] = Counter()
    began = ctx.now()
    try:
        missing = _read_all(ctx, session, run_id, began, counts)
    except AutopurchaseError as error:
        return _failed(ctx, session, run_id, error, counts)
    except Exception:
        log.exception("comparison %s met an unforeseen error", run_id)
        return _failed(ctx, session, run_id, Misuse(), counts)
    with ctx.db.write() as tx:
        now = ctx.now()
        counts["revived"] = provider_orders.revive(tx, session["id"])
        kinds = findings.write_down(tx, session["id"], now, missing)
        sessions.change(
            tx, session["id"], reconciled_at=now, reconcile_error="", synced_at=now, watermark=began, sync_error=""
        )
        runs.finish(tx, run_id, at=now, out={**{name: n for name, n in counts.items() if n}, "desk": kinds})
    return kinds


def _failed(ctx: Context, session: Row, run_id: int, error: AutopurchaseError, counts: Counter[str]) -> dict[str, int]:
    with ctx.db.write() as tx:
        sessions.change(tx, session["id"], reconcile_error=error.sentence)
        runs.finish(tx, run_id, at=ctx.now(), out=dict(counts), error=error.sentence)
    return {}


def _read_all(ctx: Context, session: Row, run_id: int, began: datetime, counts: Counter[str]) -> list[int]:
    """List the window page by page; then ask about what lines of ours rely on and no page has shown. Those missing."""
    config = config_of(ctx, session)
    with call_lease(ctx, config) as pace:
        provider = open_provider(ctx, config, pace)
        for page in sync.changed(ctx, provider, session["id"], _since(ctx, session, began), began):
            counts += sync.take(ctx, provider, config, page, run_id)
        _tell_references(ctx, provider, config, counts)
        return _missing(ctx, provider, config, began, counts)


def _since(ctx: Context, session: Row, began: datetime) -> datetime:
    start: datetime = min(began - WINDOW, sync.oldest_open(ctx, session["id"], began))
    return min(start, session["watermark"] - sync.OVERLAP) if session["watermark"] else start


def _tell_references(ctx: Context, provider: Provider, config: SessionConfig, counts: Counter[str]) -> None:
    """Whose reference unbound orders carry, where lists do not tell: each is read in full once."""
    with ctx.db.read() as tx:
        numbers = desk_views.without_reference(tx, config.id, MOST_GETS)
    for number in numbers:
        counts["asked"] += 1
        try:
            reading = provider.get(number)
        except SessionRefused:
            raise
        except AutopurchaseError as error:
            log.info("order %s could not be read: %s", number, error.sentence)
        else:
            sync.take(ctx, provider, config, [reading])


def _missing(
    ctx: Context, provider: Provider, config: SessionConfig, began: datetime, counts: Counter[str]
) -> list[int]:
    """Row ids of orders that we rely on and that, asked about singly, do not exist."""
    with ctx.db.read() as tx:
        unseen: Sequence[Row] = desk_views.unseen(tx, config.id, began, began - ORPHAN_AGE)
    missing = []
    for row in unseen[:MOST_GETS]:
        counts["asked"] += 1
        try:
            reading = provider.get(row["number"])
        except NoSuchOrder:
            missing.append(int(row["order_key"]))
        except SessionRefused:
            raise
        except AutopurchaseError as error:  # that says nothing: asked again in the next comparison
            log.info("order %s could not be read: %s", row["number"], error.sentence)
        else:
            sync.take(ctx, provider, config, [reading])
    return missing
