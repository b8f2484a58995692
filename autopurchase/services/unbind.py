"""Unbind only: lines are no longer tied to their provider order. Nothing is sent, and the order lives on there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autopurchase.domain import code
from autopurchase.domain.booking import BookingState
from autopurchase.domain.errors import BadInput, Refused
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.roles import Actor, Role
from autopurchase.services.context import Context
from autopurchase.services.lines import seen
from autopurchase.storage import bookings, cancels, lines, provider_orders, runs, write_backs
from autopurchase.storage.database import Connection, Row


def unbind(ctx: Context, actor: Actor, picks: Mapping[str, int], reason: str) -> int:
    """Take the picked lines (number -> version seen) off their provider orders; returns the run. All or none.

    Lines whose order lives on are held, cause ``unbound``, so that nobody buys them twice by accident. An order with no
    line left belongs to nobody and shows on the desk. Raises BadInput without a reason or for lines that are on no
    provider order, Refused while an outcome or a cancel is open, Drifted for lines that changed.
    """
    actor.require(Role.OPERATOR)
    if not reason.strip():
        raise BadInput("Unbinding needs a reason: the order stays at the marketplace.")
    with ctx.db.write() as tx:
        _lock(tx, picks)
        rows = seen(tx, picks)
        tied = _tied(tx, rows)
        orders = {row["id"]: row for row in provider_orders.by_keys(tx, sorted({row["order_key"] for row in tied}))}
        return _write(ctx, tx, actor, tied, orders, reason.strip())


def _lock(tx: Connection, picks: Mapping[str, int]) -> None:
    """Orders before lines, as synchronising and binding lock them: whoever comes second waits, and nobody for ever."""
    ties = cancels.held_of(tx, [row["id"] for row in lines.find(tx, picks).values()])
    for key in sorted({row["order_key"] for row in ties if row["order_key"] is not None}):
        provider_orders.lock(tx, key)
    lines.lock_numbers(tx, list(picks))


def _tied(tx: Connection, rows: Mapping[str, Row]) -> Sequence[Row]:
    """The ties of these lines; raises where there is none that may be cut."""
    tied = {row["number"]: row for row in cancels.held_of(tx, [row["id"] for row in rows.values()])}
    flying = [number for number, row in tied.items() if row["booking_state"] != BookingState.CONFIRMED]
    if flying:
        raise Refused(f"Not booked yet: {', '.join(flying[:10])}. Wait, or settle the outcome; then unbind.")
    loose = [number for number in rows if number not in tied]
    if loose:
        raise BadInput(f"Tied to no provider order: {', '.join(loose[:10])}.")
    asked = cancels.open_of(tx, sorted({row["order_key"] for row in tied.values()}))
    waiting = [number for number, row in tied.items() if row["order_key"] in asked]
    if waiting:
        raise Refused(f"A cancel is under way for {', '.join(waiting[:10])}: wait for what becomes of it.")
    return list(tied.values())


def _write(
    ctx: Context, tx: Connection, actor: Actor, tied: Sequence[Row], orders: Mapping[int, Row], reason: str
) -> int:
    now, numbers = ctx.now(), [row["number"] for row in tied]
    call = code.call("shop.unbind", lines=numbers, reason=reason)
    params = {"lines": numbers, "reason": reason}
    run_id = runs.create(tx, kind="unbind", actor=actor.name, at=now, call=call, params=params, total=len(numbers))
    events = [_event(row, orders[row["order_key"]], reason) for row in tied]
    lines.record(tx, events, at=now, actor=actor.name, run_id=run_id)
    bookings.free_lines(tx, [row["tie"] for row in tied])
    bookings.end_without_lines(tx, sorted({row["booking_id"] for row in tied}), now)
    write_backs.ask(tx, sorted({row["order_id"] for row in tied}), now)
    orphans = provider_orders.release_empty(tx, list(orders))
    held = sum(event.data["cause"] != "" for event in events)
    runs.progress(tx, run_id, len(numbers))
    runs.finish(tx, run_id, at=now, out={"lines": len(numbers), "held": held, "orders_left_alone": orphans})
    return run_id


def _event(row: Row, order: Row, reason: str) -> lines.Event:
    lives = order["state"] != ProviderState.CLOSED
    data = {"booking": row["booking_id"], "provider_order": order["provider_order_id"], "reason": reason}
    return lines.Event(row["line_id"], "unbound", data | {"cause": "unbound" if lives else ""})
