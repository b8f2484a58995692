"""A named person settles a booking of unknown outcome: it is there, or it is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain.booking import BookingState
from autopurchase.domain.code import call
from autopurchase.domain.errors import BadInput, Refused
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import outcomes
from autopurchase.services.calls import call_lease, config_of, open_provider
from autopurchase.services.context import Context
from autopurchase.services.outcomes import Outcome, Said
from autopurchase.storage import bookings, provider_orders, runs, sessions
from autopurchase.storage.database import Connection


def placed(ctx: Context, actor: Actor, reference: str, provider_orders_: Sequence[str]) -> int:
    """The person says which provider orders the booking became; they are read at the provider first. Returns the run.

    Raises BadInput for a booking that is not of unknown outcome, Refused for an order that does not exist, is closed,
    carries another reference or belongs to another booking, and whatever the provider raises.
    """
    actor.require(Role.OPERATOR)
    numbers = list(dict.fromkeys(provider_orders_))
    if not numbers:
        raise BadInput("Say which provider order it is.")
    booking = _unknown(ctx, reference)
    with ctx.db.read() as tx:
        config = config_of(ctx, sessions.get(tx, booking["session_id"]))
    with call_lease(ctx, config):
        provider = open_provider(ctx, config)
        readings = tuple(provider.get(number) for number in numbers)
    with ctx.db.write() as tx:
        for reading in readings:
            _fits(tx, booking, reading)
        return _settle(ctx, tx, actor, booking, call("shop.settle", reference, numbers), "confirmed", readings)


def not_placed(ctx: Context, actor: Actor, reference: str) -> int:
    """The person looked and it is not there: the lines go back to ready. Returns the run. Raises BadInput."""
    actor.require(Role.OPERATOR)
    booking = _unknown(ctx, reference)
    with ctx.db.write() as tx:
        said = call("shop.settle", reference, not_placed=True)
        return _settle(ctx, tx, actor, booking, said, "refused", ())


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


def _settle(
    ctx: Context,
    tx: Connection,
    actor: Actor,
    booking: Mapping[Any, Any],
    said_as: str,
    kind: str,
    readings: tuple[ProviderOrder, ...],
) -> int:
    now = ctx.now()
    run_id = runs.create(tx, kind="settle", actor=actor.name, at=now, call=said_as, session_id=booking["session_id"])
    said = Said("" if readings else "not_placed", f"Settled by {actor.name}.")
    outcomes.store(
        ctx, tx, Outcome(kind, booking, now, "person", readings=readings, said=said, actor=actor.name, run_id=run_id)
    )
    runs.finish(tx, run_id, at=now, out={"booking": booking["out_order_id"], "outcome": kind})
    return run_id
