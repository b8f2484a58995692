"""What a person does at the desk: cancel what is too much, leave what is right, accept what differs."""

from __future__ import annotations

from collections.abc import Callable

from autopurchase.domain.code import call
from autopurchase.domain.desk import Found
from autopurchase.domain.errors import BadInput
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import cancel_apply, cancel_plan, findings, ghosts, readback
from autopurchase.services.cancel_plan import Choice
from autopurchase.services.context import Context
from autopurchase.storage import findings as book
from autopurchase.storage import runs, sessions
from autopurchase.storage.database import Connection


def find(ctx: Context, key: str) -> Found:
    """The row of this key as it is now. Raises BadInput when it is no longer so."""
    with ctx.db.read() as tx:
        return _find(ctx, tx, key)


def _find(ctx: Context, tx: Connection, key: str) -> Found:
    for each in findings.current(tx, ctx.now()):
        if each.key == key:
            return each
    raise BadInput("This row is no longer on the desk: look again.")


def _may(each: Found, act: str) -> None:
    if act not in each.actions:
        raise BadInput(f"That cannot be done about “{each.kind.replace('_', ' ')}” now: look again.")


def leave(ctx: Context, actor: Actor, key: str, note: str) -> int:
    """It is right as it is: the row is settled and does not come back. Returns the run. BadInput without a note."""
    actor.require(Role.OPERATOR)
    if not note.strip():
        raise BadInput("Say why it is right as it is: the row does not come back.")
    with ctx.db.write() as tx:
        each = _find(ctx, tx, key)
        _may(each, "leave")
        now = ctx.now()
        run_id = runs.create(
            tx,
            kind="leave",
            actor=actor.name,
            at=now,
            call=call("shop.leave", key, note.strip()),
            params={"kind": each.kind, "order": each.number, "lines": list(each.lines), "reason": note.strip()},
            session_id=each.session_id,
        )
        row = book.open_rows(tx, each.session_id).get(key)
        if row is None:
            book.add(tx, [findings.values(each, now)])
            row = book.open_rows(tx, each.session_id)[key]
        book.close(tx, [row["id"]], now, state="settled", actor=actor.name, note=note.strip(), run_id=run_id)
        runs.finish(tx, run_id, at=now, out={"rows": 1})
    return run_id


def accept(ctx: Context, actor: Actor, key: str, note: str = "") -> int:
    """What differs is accepted: the booking stays as it is. Returns the run."""
    each = find(ctx, key)
    _may(each, "accept")
    return readback.accept(ctx, actor, each.reference, note)


def cancel(ctx: Context, actor: Actor, key: str, reason: str = "") -> int:
    """Cancel the row's order at its provider; the worker does it. Returns the run."""
    each = find(ctx, key)
    _may(each, "cancel")
    token = cancel_plan.request(ctx, actor, Choice(orders=_orders(ctx, each), reason=reason))
    return cancel_apply.apply(ctx, actor, token)


def _orders(ctx: Context, each: Found) -> list[str]:
    """The row's order; of a booking that differs all its orders."""
    if each.kind not in ("differs", "price_raised"):
        return [each.number]
    with ctx.db.read() as tx:
        return findings.order_numbers(tx, each.booking_id or 0)


def free(ctx: Context, actor: Actor, key: str, note: str = "") -> int:
    """Free the lines of a ghost, once its provider says so again; the worker asks it. Returns the run."""
    each = find(ctx, key)
    _may(each, "free")
    with ctx.db.read() as tx:
        session = sessions.get(tx, each.session_id)["name"]
    return ghosts.request(ctx, actor, each.number, session)


#: by name: what the command line and notebooks may do about a row
ACTS: dict[str, Callable[[Context, Actor, str, str], int]] = {
    "leave": leave,
    "accept": accept,
    "cancel": cancel,
    "free": free,
}
