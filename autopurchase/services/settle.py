"""A named person settles a booking of unknown outcome: it is there, or it is not there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain.booking import BookingState
from autopurchase.domain.code import call
from autopurchase.domain.errors import AutopurchaseError, BadInput, Misuse, Refused
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import ghosts, store_outcomes
from autopurchase.services.calls import call_lease, config_of, open_provider
from autopurchase.services.context import Context
from autopurchase.services.outcomes import Outcome, Said
from autopurchase.storage import bookings, provider_orders, runs, sessions
from autopurchase.storage.database import Connection, Row

log = logging.getLogger(__name__)


def placed(ctx: Context, actor: Actor, reference: str, provider_orders_: Sequence[str]) -> int:
    """The person says which provider orders the booking became; they are read at the provider first. Returns the run.

    Raises BadInput for a booking that is not of unknown outcome, Refused for an order that does not exist, is closed,
    carries another reference or belongs to another booking, and whatever the provider raises.
    """
    actor.require(Role.OPERATOR)
    numbers = _numbers(provider_orders_)
    booking = _unknown(ctx, reference)
    readings = _read(ctx, booking["session_id"], numbers)
    with ctx.db.write() as tx:
        run_id = _open_run(ctx, tx, actor, booking, call("shop.settle", reference, numbers))
        _store_placed(ctx, tx, actor.name, booking, readings, run_id)
    return run_id


def request(ctx: Context, actor: Actor, reference: str, provider_orders_: Sequence[str]) -> int:
    """`placed`, left to the worker, as pages call no provider; the run, which fails with the sentence if it must."""
    actor.require(Role.OPERATOR)
    numbers = _numbers(provider_orders_)
    booking = _unknown(ctx, reference)
    with ctx.db.write() as tx:
        params = {"act": "placed", "booking": reference, "orders": numbers}
        run_id = _open_run(ctx, tx, actor, booking, call("shop.settle", reference, numbers), params)
        ctx.queue.carry_out(tx, "settle", run_id)
    return run_id


def carry_out(ctx: Context, run_id: int) -> None:
    """Carry out what a page asked for. Safe to run again; errors end in the run, as a sentence."""
    with ctx.db.write() as tx:
        run = runs.get(tx, run_id)
        if run["state"] in ("done", "failed"):
            return
        runs.start(tx, run_id, ctx.now())
    try:
        _ACTS[run["params"]["act"]](ctx, run)
    except AutopurchaseError as error:
        sentence = error.sentence
    except Exception:
        log.exception("run %s met an unforeseen error", run_id)
        sentence = Misuse().sentence
    else:
        return
    with ctx.db.write() as tx:
        runs.finish(tx, run_id, at=ctx.now(), out={}, error=sentence)


def _carry_out_placed(ctx: Context, run: Row) -> None:
    booking = _unknown(ctx, run["params"]["booking"])
    readings = _read(ctx, booking["session_id"], run["params"]["orders"])
    with ctx.db.write() as tx:
        _store_placed(ctx, tx, run["actor"], booking, readings, run["id"])


def _numbers(given: Sequence[str]) -> list[str]:
    numbers = list(dict.fromkeys(number.strip() for number in given if number.strip()))
    if not numbers:
        raise BadInput("Say which provider order it is.")
    return numbers


def _read(ctx: Context, session_id: int, numbers: Sequence[str]) -> tuple[ProviderOrder, ...]:
    with ctx.db.read() as tx:
        config = config_of(ctx, sessions.get(tx, session_id))
    with call_lease(ctx, config) as pace:
        provider = open_provider(ctx, config, pace)
        return tuple(provider.get(number) for number in numbers)


def not_placed(ctx: Context, actor: Actor, reference: str) -> int:
    """The person looked and it is not there: the lines go back to ready. Returns the run. Raises BadInput."""
    actor.require(Role.OPERATOR)
    booking = _unknown(ctx, reference)
    with ctx.db.write() as tx:
        run_id = _open_run(ctx, tx, actor, booking, call("shop.settle", reference, not_placed=True))
        _settle(ctx, tx, actor.name, booking, "refused", (), run_id)
    return run_id


def _unknown(ctx: Context, reference: str) -> Mapping[Any, Any]:
    with ctx.db.read() as tx:
        booking = bookings.by_reference(tx, reference)
    if booking is None:
        raise BadInput(f"There is no booking {reference}.")
    if booking["state"] != BookingState.UNKNOWN:
        raise BadInput(f"Booking {reference} is not of unknown outcome: it is {booking['state']}.")
    return booking


def _fits(tx: Connection, booking: Mapping[Any, Any], reading: ProviderOrder) -> None:
    number = reading.provider_order_id
    if reading.state is ProviderState.CLOSED:
        raise Refused(f"Provider order {number} is closed: say that it is not there, then book again.")
    if reading.reference and reading.reference != booking["out_order_id"]:
        raise Refused(f"Provider order {number} carries another reference, {reading.reference}.")
    known = provider_orders.by_number(tx, booking["session_id"], number)
    if known is not None and known["booking_id"] not in (None, booking["id"]):
        raise Refused(f"Provider order {number} belongs to another booking already.")


def _store_placed(
    ctx: Context,
    tx: Connection,
    actor: str,
    booking: Mapping[Any, Any],
    readings: tuple[ProviderOrder, ...],
    run_id: int,
) -> None:
    for reading in readings:
        _fits(tx, booking, reading)
    _settle(ctx, tx, actor, booking, "confirmed", readings, run_id)


def _open_run(
    ctx: Context,
    tx: Connection,
    actor: Actor,
    booking: Mapping[Any, Any],
    said_as: str,
    params: Mapping[str, Any] | None = None,
) -> int:
    known = {"booking": booking["out_order_id"], **(params or {})}
    return runs.create(
        tx, kind="settle", actor=actor.name, at=ctx.now(), call=said_as, params=known, session_id=booking["session_id"]
    )


def _settle(
    ctx: Context,
    tx: Connection,
    actor: str,
    booking: Mapping[Any, Any],
    kind: str,
    readings: tuple[ProviderOrder, ...],
    run_id: int,
) -> None:
    now = ctx.now()
    said = Said("" if readings else "not_placed", f"Settled by {actor}.")
    outcome = Outcome(kind, booking, now, "person", readings=readings, said=said, run_id=run_id)
    store_outcomes.store(tx, [outcome], actor)
    runs.finish(tx, run_id, at=now, out={"booking": booking["out_order_id"], "outcome": kind})


#: what a page may leave to the worker
_ACTS = {"placed": _carry_out_placed, "free": ghosts.free}
