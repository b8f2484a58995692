"""Applying a plan of cancels: one transaction commits the run, what is asked, and what is withdrawn unsent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain.booking import BookingState
from autopurchase.domain.code import call
from autopurchase.domain.errors import BadInput, Drifted
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import cancel, store_outcomes
from autopurchase.services.apply import who_has
from autopurchase.services.cancel_plan import KIND, numbers_of, unchanged
from autopurchase.services.context import Context
from autopurchase.storage import bookings, cancels, lines, plans, provider_orders, runs
from autopurchase.storage.database import Connection, Row

_WITHDRAWN = "Withdrawn by {name} before it was sent."


def apply(ctx: Context, actor: Actor, token: str, *, reason: str = "") -> int:
    """Commit the plan's run and return its number; the worker does the asking. ``reason``: in place of the plan's own.

    Applying the same plan again returns the same run and changes nothing. Raises Drifted, naming the lines and who has
    them, when any line changed since the plan was made; BadInput when the plan cannot be applied. A booking that the
    worker has begun to send meanwhile is left, and counted so.
    """
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        plan = plans.get(tx, token, lock=True)
        if plan["run_id"] is not None:
            return int(plan["run_id"])
        _applicable(plan)
        rows = plan["body"]["rows"]
        going = [row for row in rows if row["act"] == "cancel"]
        unsent = bookings.lock_all(tx, [row["booking"] for row in rows if row["act"] == "withdraw"])
        _as_planned(tx, going)
        still = [key for key, row in unsent.items() if row["state"] == BookingState.QUEUED]
        held = cancels.held_by(tx, still)
        params = plan["params"] | ({"reason": reason.strip()} if reason.strip() else {})
        run_id = _open_run(ctx, tx, actor, plan, params, len(held), _left(rows, set(still)))
        _withdraw(ctx, tx, actor, run_id, still, held)
        cancel.ask(
            ctx,
            tx,
            run_id=run_id,
            orders=[row["order_key"] for row in going],
            why=plan["body"]["why"],
            actor=actor,
            reason=params["reason"],
        )
        plans.change(tx, plan["id"], state="applied", run_id=run_id)
    return run_id


def _applicable(plan: Row) -> None:
    if plan["kind"] != KIND:
        raise BadInput(f"Plan {plan['token']} is not one to cancel.")
    if plan["state"] != "ready":
        raise BadInput(f"This plan cannot be applied: {plan['error'] or plan['state']}")
    if plan["body"]["blocked"]:
        raise BadInput(plan["body"]["blocked"])


def _as_planned(tx: Connection, going: Sequence[Mapping[str, Any]]) -> None:
    """Raise Drifted unless the orders and their lines are as the plan has them; the lines stay locked."""
    moved = unchanged(tx, going)
    if moved:
        raise Drifted(who_has(tx, moved))
    bare = {row["order_key"]: row for row in going if not row["lines"]}  # an order without lines has no version
    for order in provider_orders.by_keys(tx, sorted(bare)):
        if order["state"] != bare[order["id"]]["state"]:
            raise Drifted(f"Provider order {order['provider_order_id']} is {order['state']} now. Plan again.")


def _left(rows: Sequence[Mapping[str, Any]], still: set[int]) -> list[dict[str, Any]]:
    """What is not touched, by order or reference, with its lines and why."""
    begun = "The worker began to send it meanwhile: cancel it when it is booked."
    return [
        {
            "number": row["order"] or row["reference"],
            "lines": numbers_of([row]),
            "cause": row["cause"] or "unknown_outcome",
            "sentence": row["sentence"] if row["act"] == "refuse" else begun,
        }
        for row in rows
        if row["act"] == "refuse" or (row["act"] == "withdraw" and row["booking"] not in still)
    ]


def _open_run(
    ctx: Context,
    tx: Connection,
    actor: Actor,
    plan: Row,
    given: Mapping[str, Any],
    withdrawn: int,
    left: Sequence[Mapping[str, Any]],
) -> int:
    rows = [row for row in plan["body"]["rows"] if row["act"] != "refuse"]
    sessions = {row["session_id"] for row in rows}
    params = {"plan": plan["token"], "hash": plan["hash"], "lines": numbers_of(rows)}
    params |= {"withdrawn": withdrawn, "left": list(left), "reason": given["reason"]}
    return runs.create(
        tx,
        kind=KIND,
        actor=actor.name,
        at=ctx.now(),
        call=_call(given),
        params=params | ({"undo": given["run"]} if given["run"] else {}),
        session_id=sessions.pop() if len(sessions) == 1 else None,
        total=sum(row["act"] == "cancel" for row in rows),
    )


def _call(params: Mapping[str, Any]) -> str:
    reason = {"reason": params["reason"]} if params["reason"] else {}
    if params["run"]:
        return call(f"shop.run({params['run']}).undo", **reason) + ".apply()"
    what = "lines" if params["lines"] else "orders"
    others = {"others": True} if params["others"] else {}
    return call("shop.cancel", **{what: list(params[what])}, **others, **reason) + ".apply()"


def _withdraw(
    ctx: Context, tx: Connection, actor: Actor, run_id: int, booking_ids: Sequence[int], held: Sequence[Row]
) -> None:
    """End these queued bookings (locked) unsent: their lines are ready again."""
    if not booking_ids:
        return
    now, sentence = ctx.now(), _WITHDRAWN.format(name=actor.name)
    bookings.withdraw(tx, booking_ids, now, "withdrawn", sentence)
    bookings.free_lines(tx, [row["tie"] for row in held])
    events = [
        lines.Event(
            row["line_id"],
            "booking_refused",
            {"booking": row["booking_id"], "cause": "withdrawn", "sentence": sentence},
        )
        for row in held
    ]
    lines.record(tx, events, at=now, actor=actor.name, run_id=run_id)
    store_outcomes.parts_ended(tx, {row["booking_id"]: row["run_id"] for row in held}, now)
