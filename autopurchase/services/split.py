"""Splitting a line into parts that are bought apart, and joining them again while nobody touched them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain import code
from autopurchase.domain.errors import BadInput, Drifted
from autopurchase.domain.order import DEAD, FINAL, LineStatus, PurchaseState
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.split import checked, divide
from autopurchase.services.context import Context
from autopurchase.services.import_rules import FREE
from autopurchase.storage import lines, orders, runs, splits
from autopurchase.storage.database import Connection, Row
from autopurchase.storage.lines import Event

#: what must be the same on parts that are joined
_SAME = ("provider", "item_id", "sku_id", "spec_id", "ratio", "unit_price_minor", "amended")


def split(
    ctx: Context, actor: Actor, wanted: Mapping[str, Sequence[int]], picks: Mapping[str, int] | None = None
) -> tuple[int, dict[str, list[str]]]:
    """Split lines into parts (pieces sold) that add up to what is still to be bought; all or none.

    The first part keeps the line's number, the others get the next free ones of the order. Returns the run, and the
    numbers of the parts by line. ``picks``: versions seen. Raises BadInput, Drifted.
    """
    actor.require(Role.OPERATOR)
    if not wanted:
        raise BadInput("Say which line is split, and how.")
    with ctx.db.write() as tx:
        found = lines.as_written(tx, wanted)
        asked = {found[text.strip()]["number"]: sizes for text, sizes in wanted.items()}
        rows = _locked(tx, list(asked), picks or {})
        parts = {number: checked(number, asked[number], row["open_quantity"]) for number, row in rows.items()}
        run_id = _open_run(ctx, tx, actor, "split", code.call("shop.split", parts), list(rows))
        made = {number: _split_one(ctx, tx, actor, run_id, row, parts[number]) for number, row in rows.items()}
        out = {"lines": len(made), "parts": sum(map(len, made.values()))}
        runs.finish(tx, run_id, at=ctx.now(), out=out)
    return run_id, made


def _locked(tx: Connection, numbers: Sequence[str], picks: Mapping[str, int]) -> dict[str, Row]:
    """The lines, locked; raises where one is no longer as it was seen, or cannot be split or joined now."""
    lines.lock_numbers(tx, numbers)
    rows = lines.find(tx, numbers)
    moved = [number for number, row in rows.items() if row["version"] != picks.get(number, row["version"])]
    if moved:
        raise Drifted(f"Changed since you looked: {', '.join(moved[:10])}. Look again and repeat.")
    for number, row in rows.items():
        if row["purchase"] not in FREE:
            raise BadInput(f"{number} is {row['purchase']} already: cancel or unbind it first.")
        if row["status"] in FINAL or row["open_quantity"] < 1:
            raise BadInput(f"Nothing is to be bought for {number}: {LineStatus(row['status']).label}.")
    return rows


def _open_run(ctx: Context, tx: Connection, actor: Actor, kind: str, call: str, numbers: Sequence[str]) -> int:
    params = {"lines": list(numbers)}
    return runs.create(tx, kind=kind, actor=actor.name, at=ctx.now(), call=call, params=params, total=len(numbers))


def _split_one(ctx: Context, tx: Connection, actor: Actor, run_id: int, row: Row, parts: Sequence[int]) -> list[str]:
    now = ctx.now()
    kept = row["quantity"] - sum(parts[1:])  # pieces that are no longer open stay with the first part
    sums = divide(row["sum_minor"], [kept, *parts[1:]])
    places = splits.next_numbers(tx, row, len(parts) - 1)
    numbers = [row["number"], *(number for _, number in places)]
    new = []
    for (line_no, shown), quantity, minor in zip(places, parts[1:], sums[1:], strict=True):
        values, events = splits.part(row, line_no, shown, quantity, minor), _first_events(row, quantity)
        new.append((row["order_id"], orders.NewLine(values, events, row["payable"], row["paid_at"])))
    lines.set_fields(tx, row["id"], quantity=kept, open_quantity=parts[0], sum_minor=sums[0])
    orders.insert_lines(tx, new, source_id=row["source_id"], at=now, actor=actor.name, run_id=run_id)
    before = {name: row[name] for name in ("quantity", "open_quantity", "sum_minor")}
    data = {"parts": [list(pair) for pair in zip(numbers, parts, strict=True)], "before": before}
    lines.record(tx, [Event(row["id"], "split", data)], at=now, actor=actor.name, run_id=run_id)
    lines.refresh_order_statuses(tx, [row["order_id"]])
    return numbers


def _first_events(row: Row, quantity: int) -> list[tuple[str, dict[str, Any]]]:
    """A part stands where its line stood."""
    data = {"status": row["status"], "split_from": row["number"], "quantity": quantity}
    clock = {"clock": row["clock_at"].isoformat()} if row["clock_at"] else {}
    events: list[tuple[str, dict[str, Any]]] = [("imported", data | clock)]
    held = row["purchase"] == PurchaseState.PROBLEM
    return events + ([("held", {"cause": row["cause"]})] if held else [])


# --- joining ---


def join(ctx: Context, actor: Actor, number: str, picks: Mapping[str, int] | None = None) -> int:
    """Join the parts of a split line (named by any of them) again; returns the run.

    All or none: every part must still be as the split left it. Raises BadInput naming what is not, Drifted.
    """
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        named = next(iter(lines.find(tx, [number]).values()))
        root, *parts = _living(splits.family(tx, named))
        rows = _locked(tx, [root["number"], *(part["number"] for part in parts)], picks or {})
        root, *parts = rows.values()
        _refuse_touched(root, parts)
        run_id = _open_run(ctx, tx, actor, "join", code.call("shop.join", number), list(rows))
        _join(ctx, tx, actor, run_id, root, parts)
        runs.finish(tx, run_id, at=ctx.now(), out={"lines": 1, "joined": len(parts)})
    return run_id


def _living(rows: Sequence[Row]) -> list[Row]:
    found = [row for row in rows if row["status"] not in DEAD or row["open_quantity"] > 0]
    if len(found) < 2 or found[0]["split_from"] is not None:
        raise BadInput(f"{rows[0]['number']} has no parts that could be joined.")
    return found


def _refuse_touched(root: Row, parts: Sequence[Row]) -> None:
    booked = [part["number"] for part in parts if part["generation"]]
    if booked:
        raise BadInput(f"Only parts that were never booked are joined; {', '.join(booked[:10])} was.")
    other = [part["number"] for part in parts if any(part[name] != root[name] for name in _SAME)]
    if other:
        raise BadInput(f"Not the same as {root['number']} any more: {', '.join(other[:10])}.")


def _join(ctx: Context, tx: Connection, actor: Actor, run_id: int, root: Row, parts: Sequence[Row]) -> None:
    now = ctx.now()
    total = {name: sum(row[name] for row in (root, *parts)) for name in ("quantity", "open_quantity", "sum_minor")}
    before = {name: root[name] for name in total}
    numbers = [part["number"] for part in parts]
    lines.set_fields(tx, root["id"], **total)
    for part in parts:  # its own quantity stays: no line has none
        lines.set_fields(tx, part["id"], open_quantity=0, sum_minor=0, gone=True)
    reason = f"joined with {root['number']}"
    events = [Event(root["id"], "split", {"joined": numbers, "before": before})]
    for part in parts:
        events.append(Event(part["id"], "split", {"joined": [root["number"]]}))
        events.append(Event(part["id"], "status_changed", {"status": LineStatus.CANCELLED.value, "reason": reason}))
    lines.record(tx, events, at=now, actor=actor.name, run_id=run_id)
