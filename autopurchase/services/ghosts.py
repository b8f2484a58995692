"""Orders we rely on that their provider does not know: its lines are freed once it has said so again."""

from __future__ import annotations

from autopurchase.domain.code import call
from autopurchase.domain.errors import BadInput, NoSuchOrder
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import sync
from autopurchase.services.calls import call_lease, config_of, open_provider
from autopurchase.services.context import Context
from autopurchase.storage import bookings, checks, findings, lines, provider_orders, runs, sessions, write_backs
from autopurchase.storage.database import Connection, Row


def request(ctx: Context, actor: Actor, number: str, session: str) -> int:
    """Ask the worker to free the lines of this order, if its provider says again that there is none; the run."""
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        row = sessions.by_name(tx, session)
        if provider_orders.by_number(tx, row["id"], number) is None:
            raise BadInput(f"Session {session} has no order {number} here.")
        run_id = runs.create(
            tx,
            kind="settle",
            actor=actor.name,
            at=ctx.now(),
            call=call("shop.free_ghost", number, session=session),
            params={"act": "free", "order": number},
            session_id=row["id"],
        )
        ctx.queue.carry_out(tx, "settle", run_id)
    return run_id


def free(ctx: Context, run: Row) -> None:
    """Ask the provider once more; free the lines, or take in what it says. Raises what the provider raises."""
    number = run["params"]["order"]
    with ctx.db.read() as tx:
        config = config_of(ctx, sessions.get(tx, run["session_id"]))
    with call_lease(ctx, config) as pace:
        provider = open_provider(ctx, config, pace)
        there = True
        try:
            sync.take(ctx, provider, config, [provider.get(number)], run["id"])
        except NoSuchOrder:
            there = False
    with ctx.db.write() as tx:
        freed = 0 if there else _free(ctx, tx, run, number)
        runs.finish(tx, run["id"], at=ctx.now(), out={"lines": freed, "it_is_there": int(there)})


def _free(ctx: Context, tx: Connection, run: Row, number: str) -> int:
    """It is not there: its lines are ready again, and the order counts as closed."""
    now = ctx.now()
    order = provider_orders.by_number(tx, run["session_id"], number)
    if order is None:
        return 0
    tied = checks.tied_to(tx, order["id"])
    data = {"provider_order": number, "cause": "", "reason": "The marketplace has no such order."}
    events = [lines.Event(row["line_id"], "unbound", data | {"booking": row["booking_id"]}) for row in tied]
    lines.record(tx, events, at=now, actor=run["actor"], run_id=run["id"])
    bookings.free_lines(tx, [row["tie"] for row in tied])
    bookings.end_without_lines(tx, sorted({row["booking_id"] for row in tied}), now)
    provider_orders.vanish(tx, order["id"])
    write_backs.ask(tx, sorted({row["order_id"] for row in tied}), now)
    row = findings.open_rows(tx, run["session_id"]).get(f"ghost:{order['id']}")
    if row is not None:
        findings.close(tx, [row["id"]], now, state="settled", actor=run["actor"], run_id=run["id"])
    return len(tied)
