"""What a person does to lines besides buying: change of status, return to ready, comments."""

from __future__ import annotations

from collections.abc import Mapping

from autopurchase.domain import code
from autopurchase.domain.errors import BadInput, Drifted
from autopurchase.domain.order import LineStatus, PurchaseState, check_move
from autopurchase.domain.roles import Actor, Role
from autopurchase.services.context import Context
from autopurchase.storage import lines, runs
from autopurchase.storage.database import Connection, Row


def change_status(ctx: Context, actor: Actor, picks: Mapping[str, int], to: LineStatus, reason: str = "") -> int:
    """Give the picked lines (number -> version seen) the status ``to``; returns the run.

    All or none. Raises Refused for a move that is not allowed, BadInput for a missing reason, Drifted for lines that
    changed since they were seen.
    """
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        rows = seen(tx, picks)
        for row in rows.values():
            check_move(LineStatus(row["status"]), PurchaseState(row["purchase"]), to, reason)
        call = code.call("shop.change_status", list(rows), to=to.value, reason=reason)
        data = {"status": to.value, "reason": reason}
        return _record(ctx, tx, actor, "status", call, rows, "status_changed", data)


def make_ready(ctx: Context, actor: Actor, picks: Mapping[str, int], reason: str) -> int:
    """Free held lines so that they can be booked (again); returns the run. Raises BadInput, Drifted."""
    actor.require(Role.OPERATOR)
    if not reason.strip():
        raise BadInput("Returning lines to ready needs a reason.")
    with ctx.db.write() as tx:
        rows = seen(tx, picks)
        wrong = [number for number, row in rows.items() if row["purchase"] != PurchaseState.PROBLEM]
        if wrong:
            raise BadInput(f"Only held lines return to ready; these are not held: {', '.join(wrong[:10])}.")
        unknown = [number for number, row in rows.items() if not row["item_id"]]
        if unknown:
            raise BadInput(f"It is not known what to buy for {', '.join(unknown[:10])}: map the shop's product first.")
        call = code.call("shop.make_ready", list(rows), reason=reason)
        return _record(ctx, tx, actor, "make_ready", call, rows, "made_ready", {"reason": reason})


def comment(ctx: Context, actor: Actor, number: str, text: str) -> None:
    """Set the operator's comment of a line; the old one stays in its history."""
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        row = next(iter(lines.find(tx, [number]).values()))
        if text == row["operator_comment"]:
            return
        event = lines.Event(row["id"], "commented", {"text": text, "before": row["operator_comment"]})
        lines.record(tx, [event], at=ctx.now(), actor=actor.name, run_id=None)
        lines.set_fields(tx, row["id"], operator_comment=text)


def versions(ctx: Context, numbers: list[str]) -> dict[str, int]:
    """Number (as shown) -> version now, for callers that act on what they see at this moment."""
    with ctx.db.read() as tx:
        return {number: row["version"] for number, row in lines.find(tx, numbers).items()}


def seen(tx: Connection, picks: Mapping[str, int]) -> dict[str, Row]:
    """The picked lines (number -> version seen). Raises BadInput for none, Drifted for those that changed since."""
    if not picks:
        raise BadInput("Pick at least one line.")
    rows = lines.find(tx, picks)
    moved = [number for number, row in rows.items() if row["version"] != picks[number]]
    if moved:
        raise Drifted(f"Changed since you looked: {', '.join(moved[:10])}. Look again and repeat.")
    return rows


def _record(
    ctx: Context,
    tx: Connection,
    actor: Actor,
    kind: str,
    call: str,
    rows: Mapping[str, Row],
    event: str,
    data: Mapping[str, str],
) -> int:
    now = ctx.now()
    params = {"lines": list(rows), **data}
    run_id = runs.create(tx, kind=kind, actor=actor.name, at=now, call=call, params=params, total=len(rows))
    events = [lines.Event(row["id"], event, data) for row in rows.values()]
    lines.record(tx, events, at=now, actor=actor.name, run_id=run_id)
    runs.progress(tx, run_id, len(rows))
    runs.finish(tx, run_id, at=now, out={"lines": len(rows)})
    return run_id
