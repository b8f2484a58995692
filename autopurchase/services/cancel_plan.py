"""Plans of cancels: what would be cancelled, what would be withdrawn unsent, and what may not be and why.

A provider order is cancelled whole, so a plan is grouped by provider orders. Making one asks no marketplace anything:
everything it needs was read before, and the marketplace decides anyway.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autopurchase.domain.booking import BookingState
from autopurchase.domain.errors import BadInput, Drifted
from autopurchase.domain.plan import plan_hash
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.session import SessionState
from autopurchase.services.context import Context
from autopurchase.storage import cancels, lines, plans, provider_orders, runs, sessions
from autopurchase.storage.database import Connection, Row

KIND = "cancel"
#: lines or provider orders of one plan; more are cancelled in parts
MOST = 5_000


@dataclass(frozen=True, slots=True)
class Choice:
    """What to cancel: lines (number -> version seen), provider orders by their numbers, or all that a run booked.

    ``others``: lines that were not picked go too where they are on the same provider order.
    """

    lines: Mapping[str, int] = field(default_factory=dict)
    orders: Sequence[str] = ()
    run: int = 0
    others: bool = False
    reason: str = ""


@dataclass(slots=True)
class _Draft:
    """What was found: the lines each provider order (by row id) and each unsent booking holds, and what is left."""

    orders: dict[int, list[Row]] = field(default_factory=dict)
    unsent: dict[int, list[Row]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


def request(ctx: Context, actor: Actor, choice: Choice) -> str:
    """Make a plan; returns its token. Raises BadInput, and Drifted for lines that changed since they were seen."""
    actor.require(Role.OPERATOR)
    _one_way(choice)
    token = secrets.token_hex(6)
    with ctx.db.write() as tx:
        draft, picked = _found(tx, choice)
        _judge(ctx, tx, draft, None if choice.others else picked)
        body = _body(draft, picked, "undo" if choice.run else "person")
        first = next((row["session_id"] for row in draft.rows if row["session_id"]), None)
        if first is None:
            raise BadInput("Nothing of this is at a marketplace: there is nothing to cancel.")
        params = {"lines": dict(choice.lines), "orders": list(choice.orders), "run": choice.run}
        params |= {"others": choice.others, "reason": choice.reason.strip()}
        key = plans.create(tx, token=token, session_id=first, actor=actor.name, params=params, at=ctx.now(), kind=KIND)
        frozen = plan_hash(KIND, body["rows"])
        plans.change(tx, key, state="ready", body=body, hash=frozen, ready_at=ctx.now())
    return token


def _one_way(choice: Choice) -> None:
    if sum(map(bool, (choice.lines, choice.orders, choice.run))) != 1:
        raise BadInput("Say what to cancel: lines, provider orders, or a run.")
    if max(len(choice.lines), len(choice.orders)) > MOST:
        raise BadInput(f"At most {MOST:,} at once: cancel in parts.")


def _found(tx: Connection, choice: Choice) -> tuple[_Draft, set[str] | None]:
    """Everything the choice is about, and the lines that were picked one by one."""
    draft = _Draft()
    if choice.lines:
        rows = lines.find(tx, choice.lines)
        moved = [number for number, row in rows.items() if row["version"] != choice.lines.get(number, row["version"])]
        if moved:
            raise Drifted(f"Changed since you looked: {', '.join(moved[:10])}. Look again and repeat.")
        held = cancels.held_of(tx, [row["id"] for row in rows.values()])
        _sort(tx, draft, held)
        for number in rows.keys() - {row["number"] for row in held}:
            draft.rows.append(_nothing(rows[number]))
        return draft, set(rows)
    if choice.run:
        run = runs.get(tx, choice.run)
        if run["kind"] != "book":
            raise BadInput(f"Run {choice.run} booked nothing: only a booking run is undone.")
        _sort(tx, draft, cancels.held_in_run(tx, choice.run))
        return draft, None
    for key in _keys(tx, choice.orders):
        draft.orders[key] = []
    for row in cancels.live_lines(tx, list(draft.orders)):
        draft.orders[row["order_key"]].append(row)
    return draft, None


def _keys(tx: Connection, numbers: Sequence[str]) -> list[int]:
    """Row ids of provider orders; one that two sessions show is meant where it is bound."""
    found: dict[str, int] = {}
    for row in provider_orders.numbered(tx, numbers):
        found.setdefault(row["provider_order_id"], row["id"])
    missing = [number for number in numbers if number not in found]
    if missing:
        raise BadInput(f"Not known here: {', '.join(missing[:10])}. Synchronise the session, or check the number.")
    return [found[number] for number in numbers]


def _sort(tx: Connection, draft: _Draft, held: Sequence[Row]) -> None:
    """By provider order or unsent booking, each with every line it holds: they go together."""
    orders = {row["order_key"] for row in held if row["order_key"]}
    unsent = {row["booking_id"] for row in held if not row["order_key"]}
    for row in cancels.live_lines(tx, sorted(orders)):
        draft.orders.setdefault(row["order_key"], []).append(row)
    for row in cancels.held_by(tx, sorted(unsent)):
        if not row["order_key"]:
            draft.unsent.setdefault(row["booking_id"], []).append(row)


def _nothing(row: Row) -> dict[str, Any]:
    sentence = f"It is at no marketplace: its purchase state is “{row['purchase']}”."
    return _row("refuse", [], cause="bad_input", sentence=sentence) | {"lines": [_line(row, row["quantity"])]}


def _line(row: Mapping[Any, Any], quantity: int) -> dict[str, Any]:
    return {"number": row["number"], "version": row["version"], "title": row["title"], "quantity": quantity}


def _row(act: str, members: Sequence[Row], *, cause: str = "", sentence: str = "", **more: Any) -> dict[str, Any]:
    """One row of the plan. ``act``: cancel, withdraw or refuse."""
    empty = {"order": "", "order_key": None, "booking": None, "reference": "", "session": "", "session_id": None}
    return {
        **empty,
        "provider": "",
        "state": "",
        "amount_fen": None,
        **more,
        "act": act,
        "cause": cause,
        "sentence": sentence,
        "lines": [_line(member, member["quantity"]) for member in members],
    }


def _judge(ctx: Context, tx: Connection, draft: _Draft, picked: set[str] | None) -> None:
    """Say of each what will happen, or why it may not. ``picked``: the only lines that may go; None: all may."""
    known = {row["id"]: row for row in sessions.listing(tx)}
    asked = cancels.open_of(tx, list(draft.orders))
    for order in provider_orders.by_keys(tx, list(draft.orders)):
        members, session = draft.orders[order["id"]], known[order["session_id"]]
        more = {
            "order": order["provider_order_id"],
            "order_key": order["id"],
            "state": order["state"],
            "amount_fen": order["total_fen"],
            "reference": members[0]["out_order_id"] if members else order["reference"],
        }
        why = _why_not(ctx, order, session, asked.get(order["id"])) or _left_behind(order, members, picked)
        draft.rows.append(_about(ctx, session, members, more, why))
    for booking_id, members in draft.unsent.items():
        first = members[0]
        more = {
            "booking": booking_id,
            "state": first["booking_state"],
            "amount_fen": first["total_minor"],
            "reference": first["out_order_id"],
        }
        why = _not_withdrawn(first["booking_state"]) or _left_unsent(members, picked)
        draft.rows.append(_about(ctx, known[first["session_id"]], members, more, why))


def _about(
    ctx: Context, session: Row, members: Sequence[Row], more: dict[str, Any], why: tuple[str, str] | None
) -> dict[str, Any]:
    more |= {"session": session["name"], "session_id": session["id"], "provider": session["provider"]}
    if why:
        return _row("refuse", members, cause=why[0], sentence=why[1], **more)
    if more.get("booking"):
        return _row("withdraw", members, sentence="Not sent yet: it is withdrawn, nothing is sent.", **more)
    label = ctx.providers[session["provider"]].manifest.label
    free = "; closed, its lines are ready again" if members else ""
    unread = " What its status means is not known: the marketplace decides." if more["state"] == "unknown" else ""
    return _row("cancel", members, sentence=f"{label} is asked and read back{free}.{unread}", **more)


def _why_not(ctx: Context, order: Row, session: Row, asked: Row | None) -> tuple[str, str] | None:
    """Cause and sentence of what stands in the way of cancelling an order; None: nothing does."""
    manifest = ctx.providers[session["provider"]].manifest
    if asked is not None:
        return "cancel_asked", f"Its cancel was asked already, in run {asked['run_id']}."
    if order["state"] == ProviderState.CLOSED:
        return "closed_other", "It is closed already."
    if order["state"] not in (ProviderState.UNPAID, ProviderState.UNKNOWN):
        return "paid_meanwhile", "It is paid: ask for a refund on the marketplace's site instead."
    if "cancel" not in manifest.abilities:
        return "not_supported", f"{manifest.label} cancels on its own site only; synchronization brings it here."
    if session["state"] != SessionState.ACTIVE:
        return "session_expired", f"Session {session['name']} is not active: authorise or enable it first."
    return None


def _left_behind(order: Row, members: Sequence[Row], picked: set[str] | None) -> tuple[str, str] | None:
    others = _others(members, picked)
    if not others:
        return None
    return "not_whole", f"Also holds {others} and is cancelled whole: take all along, or leave it."


def _left_unsent(members: Sequence[Row], picked: set[str] | None) -> tuple[str, str] | None:
    others = _others(members, picked)
    if not others:
        return None
    return "not_whole", f"Also holds {others} and is withdrawn whole: take all along, or leave it."


def _others(members: Sequence[Row], picked: set[str] | None) -> str:
    found = [row["number"] for row in members if picked is not None and row["number"] not in picked]
    return ", ".join(found[:5]) + (" …" if len(found) > 5 else "")


def _not_withdrawn(state: str) -> tuple[str, str] | None:
    if state == BookingState.QUEUED:
        return None
    if state == BookingState.SENDING:
        return "unknown_outcome", "It is being sent at this moment: look again when it is through."
    return "unknown_outcome", "Its outcome is not known, so it may exist there: settle it first."


def _body(draft: _Draft, picked: set[str] | None, why: str) -> dict[str, Any]:
    rows = sorted(draft.rows, key=lambda row: ("cancel", "withdraw", "refuse").index(row["act"]))
    cancelled = [row for row in rows if row["act"] == "cancel"]
    acts = [row for row in rows if row["act"] != "refuse"]
    extra = [] if picked is None else [number for number in numbers_of(acts) if number not in picked]
    more = f" and {len(extra) - 10} more" if len(extra) > 10 else ""
    warnings = [f"Not picked, but on the same order: {', '.join(extra[:10])}{more}."] if extra else []
    return {
        "rows": rows,
        "why": why,
        "totals": {"CNY": sum(row["amount_fen"] or 0 for row in cancelled)} if cancelled else {},
        "warnings": warnings,
        "blocked": "" if acts else "Nothing of this can be cancelled: the table says why.",
    }


def numbers_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines of these rows of a plan."""
    return list(dict.fromkeys(line["number"] for row in rows for line in row["lines"]))


def unchanged(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Lines (locked) that are not as these rows of a plan have them: changed, gone from their order, or new on it."""
    planned = {line["number"]: line["version"] for row in rows for line in row["lines"]}
    now = {row["number"] for row in cancels.live_lines(tx, [row["order_key"] for row in rows])}
    found = lines.lock_numbers(tx, sorted(planned.keys() | now))
    return [
        row
        for number, row in found.items()
        if number not in now or number not in planned or row["version"] != planned[number]
    ]
