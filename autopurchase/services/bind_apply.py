"""Applying a plan to bind: one transaction ties the chosen lines to their provider orders. Nothing is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from autopurchase.domain.booking import BookingState, reference
from autopurchase.domain.code import call
from autopurchase.domain.errors import BadInput, Drifted
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.roles import Actor, Role
from autopurchase.services.apply import who_has
from autopurchase.services.bind import spare_pieces
from autopurchase.services.context import Context
from autopurchase.services.import_rules import FREE
from autopurchase.services.sync import move_lines
from autopurchase.storage import bindings, bookings, cancels, checks, lines, plans, runs, sessions, write_backs
from autopurchase.storage.database import Connection, Row

PlannedRow = Mapping[str, Any]


def apply(ctx: Context, actor: Actor, token: str, *, lines: Collection[str] | None = None, reason: str = "") -> int:
    """Bind these lines of the plan (None: all that can be) and return the run; again, it returns the same run.

    Raises BadInput when a line is to be split first, or is another item than the order's and no ``reason`` says why it
    is bound all the same; Drifted when a line or an order is no longer as planned.
    """
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        plan = plans.get(tx, token, lock=True)
        if plan["run_id"] is not None:
            return int(plan["run_id"])
        chosen = _chosen(plan, lines, reason.strip())
        session = sessions.get(tx, plan["session_id"])
        orders = _still_free(tx, session["provider"], chosen)
        rows = _unchanged(tx, chosen)
        run_id = _open_run(ctx, tx, actor, plan, session["name"], chosen, reason.strip())
        _tie(ctx, tx, actor, run_id, chosen, rows, orders, reason.strip())
        plans.change(tx, plan["id"], state="applied", run_id=run_id)
    return run_id


# --- what may be bound ---


def _chosen(plan: Row, wanted: Collection[str] | None, reason: str) -> list[PlannedRow]:
    if plan["kind"] != "bind":
        raise BadInput(f"Plan {plan['token']} is not one to bind.")
    if plan["state"] in ("queued", "checking"):
        raise BadInput("The orders are still being read: wait until they are.")
    if plan["state"] != "ready":
        raise BadInput(f"This plan cannot be applied: {plan['error'] or plan['state']}")
    rows: list[PlannedRow] = plan["body"]["rows"]
    if wanted is not None and (unknown := sorted(set(wanted) - {row["number"] for row in rows})):
        raise BadInput(f"Not in this plan: {', '.join(unknown[:10])}.")
    chosen = [row for row in rows if (row["fit"] != "short" if wanted is None else row["number"] in wanted)]
    if not chosen:
        raise BadInput("Choose at least one line that can be bound.")
    _refuse_unfit(chosen, reason)
    return chosen


def _refuse_unfit(chosen: Sequence[PlannedRow], reason: str) -> None:
    short = [row for row in chosen if row["fit"] == "short"]
    if short:
        first = short[0]
        parts = " + ".join(map(str, first["split"]))
        raise BadInput(
            f"{first['number']} needs {first['pieces']} pieces, and order {first['provider_order']} has "
            f"{first['free']} free: split the line into {parts} first."
        )
    wrong = [row["number"] for row in chosen if row["fit"] == "mismatch"]
    if wrong and not reason:
        raise BadInput(
            f"{', '.join(wrong[:10])}: not the same as in the order. "
            "Leave out what is wrong, or say the reason for which it is bound all the same."
        )


def _still_free(tx: Connection, provider: str, chosen: Sequence[PlannedRow]) -> dict[int, Row]:
    """The orders, locked and with room for these lines; over-binding is refused here."""
    numbers = sorted({row["provider_order"] for row in chosen})
    stored = bindings.of_number(tx, provider, numbers, lock=True)
    keys = {row["order_key"] for row in chosen}
    orders = {row["order_key"]: row for row in stored if row["order_key"] in keys}
    for row in stored:
        number = row["provider_order_id"]
        if row["order_key"] in keys and row["order_state"] == ProviderState.CLOSED:
            raise Drifted(f"Order {number} was closed since it was read: match again.")
        if row["order_key"] not in keys and row["bound"]:
            raise Drifted(f"Order {number} was bound through session {row['session']} meanwhile: match again.")
    if run := next(iter(bindings.unsettled(tx, [row["reference"] for row in orders.values()]).values()), None):
        raise Drifted(f"An order belongs to run {run}, whose outcome is not settled yet: settle that first.")
    if open_cancels := cancels.open_of(tx, sorted(keys)):
        number = orders[next(iter(open_cancels))]["provider_order_id"]
        raise Drifted(f"A cancel of order {number} is under way: wait for what becomes of it.")
    _enough(tx, chosen)
    return orders


def _enough(tx: Connection, chosen: Sequence[PlannedRow]) -> None:
    """No more pieces are bound to an order's line than it has."""
    spare = {row["id"]: pieces for row, pieces in spare_pieces(tx, sorted({row["order_key"] for row in chosen}))}
    needed: Counter[int] = Counter()
    for row in chosen:
        needed[row["line_key"]] += row["pieces"]
    for row in chosen:
        left, pieces = spare.get(row["line_key"], 0), needed[row["line_key"]]
        if pieces > left:
            order = row["provider_order"]
            raise Drifted(
                f"Order {order} has {left} free pieces of {row['their_title']} now, not {pieces}: match again."
            )


def _unchanged(tx: Connection, chosen: Sequence[PlannedRow]) -> dict[str, Row]:
    planned = {row["number"]: row["version"] for row in chosen}
    rows = lines.lock_numbers(tx, list(planned))
    moved = [row for number, row in rows.items() if row["version"] != planned[number] or row["purchase"] not in FREE]
    if moved:
        raise Drifted(who_has(tx, moved))
    return rows


# --- tying ---


def _open_run(
    ctx: Context, tx: Connection, actor: Actor, plan: Row, session: str, chosen: Sequence[PlannedRow], reason: str
) -> int:
    numbers = [row["number"] for row in chosen]
    orders = list(dict.fromkeys(row["provider_order"] for row in chosen))
    accepted = {"accept": reason} if reason else {}
    return runs.create(
        tx,
        kind="bind",
        actor=actor.name,
        at=ctx.now(),
        call=f"{call('shop.bind', orders, lines=numbers, session=session)}.{call('bind', **accepted)}",
        params={"plan": plan["token"], "hash": plan["hash"], "lines": numbers, "orders": orders, "reason": reason},
        session_id=plan["session_id"],
        state="running",
        total=len(chosen),
    )


def _tie(
    ctx: Context,
    tx: Connection,
    actor: Actor,
    run_id: int,
    chosen: Sequence[PlannedRow],
    rows: Mapping[str, Row],
    orders: Mapping[int, Row],
    reason: str,
) -> None:
    now = ctx.now()
    groups = {key: [row for row in chosen if row["order_key"] == key] for key in sorted(orders)}
    made = [
        _booking(ctx, run_id, place, orders[key], members, reason)
        for place, (key, members) in enumerate(groups.items(), 1)
    ]
    ids = dict(zip(groups, bookings.create_all(tx, made), strict=True))
    bookings.add_lines(tx, [_booking_line(ids[row["order_key"]], row, rows[row["number"]]) for row in chosen])
    for key, booking_id in ids.items():
        bindings.adopt(tx, key, booking_id)
    events = [_bound(ids[row["order_key"]], row, rows[row["number"]]) for row in chosen]
    lines.record(tx, events, at=now, actor=actor.name, run_id=run_id)
    checks.agree(tx, list(groups))
    counts = move_lines(tx, list(groups), now, run_id, actor)
    write_backs.ask(tx, lines.orders_of(tx, [row["id"] for row in rows.values()]), now)
    runs.progress(tx, run_id, len(chosen))
    differing = sum(row["fit"] != "fits" for row in chosen)
    out = {"bound": len(chosen), "orders": len(groups), "differing": differing, **counts}
    runs.finish(tx, run_id, at=now, out=out)


def _booking(
    ctx: Context, run_id: int, place: int, order: Row, members: Sequence[PlannedRow], reason: str
) -> dict[str, Any]:
    """A booking as if we had placed it: confirmed from the start, its reference never sent."""
    now = ctx.now()
    goods = sum(_price(row) * row["pieces"] for row in members)
    found = [_evidence(row, one, reason) for row in members for one in row["differences"]]
    return {
        "run_id": run_id,
        "session_id": order["session_id"],
        "out_order_id": reference(ctx.tag, run_id, place),
        "state": BookingState.CONFIRMED.value,
        "origin": "bound",
        "purchase": {
            "seller_id": order["seller_id"],
            "seller_name": order["seller_name"],
            "provider_order": order["provider_order_id"],
            "goods_fen": goods,
            "lines": [_purchased(row) for row in members],
        },
        "currency": "CNY",
        "total_minor": goods,
        "check_state": "accepted" if found else "fits",
        "check_found": found or None,
        "checked_at": now,
        "due_at": now,
        "finished_at": now,
        "created_at": now,
    }


def _evidence(row: PlannedRow, one: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """What differed when it was bound, in the shape of what reading back keeps."""
    kept = {"what": f"bound_{one['what']}", "lines": [row["number"]], "asked": one["ours"], "said": one["theirs"]}
    return {**kept, "order": row["provider_order"], "reason": reason if one["serious"] else ""}


def _purchased(row: PlannedRow) -> dict[str, Any]:
    return {
        "number": row["number"],
        "item_id": row["their_item_id"],
        "sku_id": row["their_sku_id"],
        "spec_id": row["their_spec_id"],
        "title": row["their_title"],
        "quantity": row["pieces"],
        "price_fen": _price(row),
    }


def _price(row: PlannedRow) -> int:
    """Fen a piece: what the order says, else what it was sold from."""
    return int(row["price_fen"] if row["price_fen"] is not None else row["seen_fen"] or 0)


def _booking_line(booking_id: int, row: PlannedRow, line: Row) -> dict[str, Any]:
    return {
        "booking_id": booking_id,
        "line_id": line["id"],
        "generation": line["generation"] + 1,
        "live": True,
        "quantity": row["pieces"],
        "price_fen": _price(row),
        "provider_order_id": row["order_key"],
        "provider_line_id": row["line_key"],
    }


def _bound(booking_id: int, row: PlannedRow, line: Row) -> lines.Event:
    data = {
        "booking": booking_id,
        "generation": line["generation"] + 1,
        "provider_order": row["provider_order"],
        "difference": row["differences"],
    }
    return lines.Event(line["id"], "bound", data)
