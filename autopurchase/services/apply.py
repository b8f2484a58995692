"""Applying a plan: one transaction commits the run, its bookings and their place in the queue. Nothing is sent here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain.booking import BookingState, reference
from autopurchase.domain.code import call
from autopurchase.domain.errors import BadInput, Drifted
from autopurchase.domain.plan import PlanOptions
from autopurchase.domain.roles import Actor, Role
from autopurchase.services.context import Context
from autopurchase.services.plan import usable
from autopurchase.storage import bookings, lines, plans, runs, sessions
from autopurchase.storage.database import Connection, Row


def apply(ctx: Context, actor: Actor, token: str, *, confirm: str | None = None) -> int:
    """Commit the plan's run and return its number; the worker does the buying.

    Applying the same plan again returns the same run and changes nothing. ``confirm``: book only if this is the plan's
    confirmation; one that was used already gives the run it made. Raises Drifted, naming the lines and who has them,
    when any line changed since the plan was made; BadInput when the plan cannot be applied, or is not confirmed.
    """
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        plan = plans.get(tx, token, lock=True)
        if confirm is not None and (made := _confirmed(tx, plan, confirm)):
            return made
        if plan["run_id"] is not None:
            return int(plan["run_id"])
        _applicable(plan)
        session = sessions.get(tx, plan["session_id"])
        usable(session)
        purchases = plan["body"]["purchases"]
        rows = _unchanged(tx, purchases)
        run_id = _open_run(ctx, tx, actor, plan, session, len(purchases))
        _commit_bookings(ctx, tx, actor, run_id, session, purchases, rows)
        plans.change(tx, plan["id"], state="applied", run_id=run_id)
        ctx.queue.buy(tx, session["id"], f"run-{run_id}", min(session["concurrency"], len(purchases)))
    return run_id


def _confirmed(tx: Connection, plan: Row, confirm: str) -> int:
    """The run that this confirmation made before; 0 when it is this plan's own. Raises BadInput for any other."""
    if confirm and confirm == plan["hash"]:
        return 0
    made = plans.run_of_hash(tx, confirm) if confirm else None
    if made is None:
        lines = sum(len(purchase["lines"]) for purchase in plan["body"].get("purchases", []))
        what = f"to book these {lines} line(s), give confirm={plan['hash']!r}" if lines else "there is nothing to book"
        raise BadInput(f"Nothing was booked: this is not the confirmation of the plan as it is now; {what}.")
    return made


def _applicable(plan: Row) -> None:
    if plan["kind"]:
        raise BadInput(f"Plan {plan['token']} is one to {plan['kind']}, not to book.")
    if plan["state"] in ("queued", "checking"):
        raise BadInput("The plan is still being checked: wait until it is ready.")
    if plan["state"] != "ready":
        raise BadInput(f"This plan cannot be applied: {plan['error'] or plan['state']}")
    if plan["body"]["blocked"]:
        raise BadInput(plan["body"]["blocked"])


def _unchanged(tx: Connection, purchases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows of the plan's lines, locked and as planned; otherwise Drifted says which lines went to whom."""
    planned = {line["number"]: line["version"] for purchase in purchases for line in purchase["lines"]}
    rows = lines.lock_numbers(tx, list(planned))
    moved = [row for number, row in rows.items() if row["version"] != planned[number] or not row["ready"]]
    if moved:
        raise Drifted(who_has(tx, moved))
    return rows


def who_has(tx: Connection, moved: Sequence[Any]) -> str:
    """The sentence that names lines which are no longer as planned, and who has them."""
    touches = lines.last_touch(tx, [row["id"] for row in moved])
    parts = [_one(row, touches.get(row["id"])) for row in moved[:20]]
    more = f" and {len(moved) - 20} more" if len(moved) > 20 else ""
    return f"{len(moved)} line(s) changed since the plan was made: {'; '.join(parts)}{more}. Plan again without them."


def _one(row: Any, touch: Any) -> str:
    if touch is None:
        return f"{row['number']} is now {row['purchase']}"
    run = f" in run {touch['run_id']}" if touch["run_id"] else ""
    return f"{row['number']} went to {touch['actor']}{run} (now {row['purchase']})"


def _open_run(ctx: Context, tx: Connection, actor: Actor, plan: Any, session: Any, total: int) -> int:
    numbers = [line["number"] for purchase in plan["body"]["purchases"] for line in purchase["lines"]]
    return runs.create(
        tx,
        kind="book",
        actor=actor.name,
        at=ctx.now(),
        call=call("shop.plan", lines=numbers, session=session["name"], **_options(plan)) + ".book()",
        params={"plan": plan["token"], "hash": plan["hash"], "lines": numbers, **plan["params"]["options"]},
        session_id=session["id"],
        total=total,
        out=_left_out(plan),
    )


def _left_out(plan: Any) -> dict[str, Any]:
    """Lines that the plan left out, by cause: what the run says of them from its first moment."""
    counts = Counter(line["cause"] for line in plan["body"]["left_out"])
    return {"left_out": dict(counts)} if counts else {}


def _options(plan: Any) -> dict[str, Any]:
    """Those of the plan's options that are not as they are by themselves."""
    usual = PlanOptions().as_json()
    return {name: value for name, value in plan["params"]["options"].items() if value != usual[name]}


def _commit_bookings(
    ctx: Context,
    tx: Connection,
    actor: Actor,
    run_id: int,
    session: Any,
    purchases: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Any],
) -> None:
    now = ctx.now()
    ids = bookings.create_all(
        tx,
        [
            {
                "run_id": run_id,
                "session_id": session["id"],
                "out_order_id": reference(ctx.tag, run_id, position),
                "state": BookingState.QUEUED.value,
                "purchase": purchase,
                "currency": "CNY",
                "total_minor": purchase["total_fen"],
                "due_at": now,
                "created_at": now,
            }
            for position, purchase in enumerate(purchases, start=1)
        ],
    )
    placed = [
        (booking_id, rows[line["number"]], line)
        for booking_id, purchase in zip(ids, purchases, strict=True)
        for line in purchase["lines"]
    ]
    bookings.add_lines(
        tx,
        [
            {
                "booking_id": booking_id,
                "line_id": row["id"],
                "generation": row["generation"] + 1,
                "live": True,
                "quantity": line["quantity"],
                "price_fen": line["price_fen"],
            }
            for booking_id, row, line in placed
        ],
    )
    events = [
        lines.Event(
            row["id"],
            "booking_queued",
            {
                "booking": booking_id,
                "generation": row["generation"] + 1,
                "session": session["id"],
                "pieces": line["quantity"],
                "goods_fen": line["quantity"] * line["price_fen"],
            },
        )
        for booking_id, row, line in placed
    ]
    lines.record(tx, events, at=now, actor=actor.name, run_id=run_id)
