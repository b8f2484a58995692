"""Changing what is bought of a line: item, configuration, price; with the customer's consent where it is asked for.

What is changed here wins over what the shop says of the same, until it is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autopurchase.domain import amend as rules
from autopurchase.domain import code
from autopurchase.domain.errors import BadInput, Drifted
from autopurchase.domain.mapping import NEEDS_MAPPING, Target, checked
from autopurchase.domain.money import Money
from autopurchase.domain.order import FINAL, LineStatus, PurchaseState, check_move
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import lines as line_service
from autopurchase.services.context import Context
from autopurchase.services.import_rules import FREE, SHOP_CAUSES
from autopurchase.storage import lines, runs
from autopurchase.storage.database import Connection, Row
from autopurchase.storage.lines import Event


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be another; None stays. ``price``: unit price to the customer, in the line's currency."""

    target: Target | None = None
    configuration: str | None = None
    configuration_original: str | None = None
    price: Money | None = None


def amend(
    ctx: Context,
    actor: Actor,
    number: str,
    change: Change,
    reason: str,
    *,
    version: int | None = None,
    ask_customer: bool = False,
) -> int:
    """Change what is bought of a line; returns the run. A held line that the shop lets be bought is ready again.

    ``ask_customer``: it waits in status Price confirmation until `answered`. Raises BadInput, Refused, Drifted.
    """
    actor.require(Role.OPERATOR)
    if not reason.strip():
        raise BadInput("Changing what is bought needs a reason.")
    with ctx.db.write() as tx:
        row = _locked(tx, number, version)
        changes = _changes(ctx, row, change)
        if not changes:
            raise BadInput(f"Nothing of {row['number']} would change.")
        note = {"reason": reason.strip(), "by": actor.name, "at": ctx.now().isoformat()}
        values = rules.changed(row, changes, note)
        events = [_told(row, values, reason.strip()), *_freed(row, values, reason.strip())]
        if ask_customer and row["status"] != LineStatus.PRICE_CONFIRMATION:
            events.append(_ask(row, reason.strip()))
        call = code.call("shop.amend", row["number"], reason.strip(), **_said(change, ask_customer))
        return _write(ctx, tx, actor, row, values, events, call)


def take_back(ctx: Context, actor: Actor, number: str, reason: str = "", *, version: int | None = None) -> int:
    """The shop's word counts again for everything that was changed of a line; returns the run. Raises BadInput."""
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        row = _locked(tx, number, version)
        if row["amended"] is None:
            raise BadInput(f"Nothing of {row['number']} was changed here.")
        values = rules.taken_back(row, rules.COLUMNS)
        events = [_told(row, values, reason.strip() or "taken back")]
        if not values.get("item_id", row["item_id"]) and row["purchase"] == PurchaseState.READY:
            events.append(Event(row["id"], "held", {"cause": NEEDS_MAPPING}))
        return _write(ctx, tx, actor, row, values, events, code.call("shop.take_back", row["number"]))


def answered(ctx: Context, actor: Actor, picks: Mapping[str, int], *, agreed: bool, reason: str = "") -> int:
    """What customers said of lines in status Price confirmation: back to Paid, or cancelled; returns the run."""
    actor.require(Role.OPERATOR)
    with ctx.db.read() as tx:
        rows = lines.find(tx, picks)
    wrong = [number for number, row in rows.items() if row["status"] != LineStatus.PRICE_CONFIRMATION]
    if wrong:
        raise BadInput(f"No customer was asked about {', '.join(wrong[:10])}.")
    said = "the customer agreed" if agreed else "the customer declined"
    words = f"{said}: {reason.strip()}" if reason.strip() else said
    return line_service.change_status(ctx, actor, picks, LineStatus.PAID if agreed else LineStatus.CANCELLED, words)


def _locked(tx: Connection, number: str, version: int | None) -> Row:
    shown = next(iter(lines.find(tx, [number])))
    lines.lock_numbers(tx, [shown])
    row = lines.find(tx, [shown])[shown]
    if version is not None and row["version"] != version:
        raise Drifted(f"{shown} changed since you looked: look again and repeat.")
    if row["purchase"] not in FREE:
        raise BadInput(f"{shown} is {row['purchase']} already: cancel or unbind it first, then change it.")
    if row["status"] in FINAL:
        raise BadInput(f"{shown} is over ({LineStatus(row['status']).label}): there is nothing to change.")
    return row


def _changes(ctx: Context, row: Row, change: Change) -> dict[str, Any]:
    """Columns that become others. Raises BadInput for what they cannot be."""
    wanted: dict[str, Any] = {}
    if change.target is not None:
        wanted |= _item(ctx, row, change.target)
    for name in ("configuration", "configuration_original"):
        text = getattr(change, name)
        wanted |= {} if text is None else {name: text.strip()}
    if change.price is not None:
        if change.price.currency != row["currency"] or change.price.minor <= 0:
            raise BadInput(f"The price of {row['number']} is an amount of {row['currency']} above zero.")
        wanted["unit_price_minor"] = change.price.minor
    differs = {name for name, value in wanted.items() if row[name] != value}
    if differs & set(rules.ITEM) - {"reference_fen"}:
        differs |= set(rules.ITEM)
    else:
        differs -= {"reference_fen"}
    return {name: value for name, value in wanted.items() if name in differs}


def _item(ctx: Context, row: Row, target: Target) -> dict[str, Any]:
    """Columns of another item or configuration; what that cost when the customer paid is not known."""
    words = checked(target, ctx.providers).as_json()
    words.pop("ratio")
    same = (target.provider, target.item_id) == (row["provider"], row["item_id"])
    for name in ("seller_id", "seller_name", "item_url"):
        words[name] = words[name] or (row[name] if same else "")
    return {**words, "unclear": "", "reference_fen": None}


def _said(change: Change, ask_customer: bool) -> dict[str, Any]:
    """The change as `shop.amend` takes it."""
    said = dict(change.target.as_json()) if change.target else {}
    said |= {"configuration": change.configuration, "configuration_original": change.configuration_original}
    said |= {"price": str(change.price.decimal()) if change.price else "", "ask_customer": ask_customer}
    said.pop("ratio", None)
    return {name: value for name, value in said.items() if value}


def _told(row: Row, values: Mapping[str, Any], reason: str) -> Event:
    names = [name for name in values if name != "amended" and row[name] != values[name]]
    before, after = {name: row[name] for name in names}, {name: values[name] for name in names}
    return Event(row["id"], "amended", {"before": before, "after": after, "reason": reason})


def _freed(row: Row, values: Mapping[str, Any], reason: str) -> Sequence[Event]:
    """A held line needs nobody any more once another thing is bought; what the shop holds stays held."""
    if row["purchase"] != PurchaseState.PROBLEM or row["cause"] in SHOP_CAUSES:
        return []
    if row["cause"] == NEEDS_MAPPING:
        return [Event(row["id"], "mapped", {"by": "a person"})] if values.get("item_id", row["item_id"]) else []
    payable = row["payable"] and row["status"] == LineStatus.PAID
    return [Event(row["id"], "made_ready", {"reason": reason})] if payable else []


def _ask(row: Row, reason: str) -> Event:
    to = LineStatus.PRICE_CONFIRMATION
    check_move(LineStatus(row["status"]), PurchaseState(row["purchase"]), to, reason)
    return Event(row["id"], "status_changed", {"status": to.value, "reason": reason})


def _write(
    ctx: Context,
    tx: Connection,
    actor: Actor,
    row: Row,
    values: Mapping[str, Any],
    events: Sequence[Event],
    call: str,
) -> int:
    now = ctx.now()
    params = {"lines": [row["number"]]}
    run_id = runs.create(tx, kind="amend", actor=actor.name, at=now, call=call, params=params, total=1)
    lines.set_fields(tx, row["id"], **values)
    lines.record(tx, events, at=now, actor=actor.name, run_id=run_id)
    runs.progress(tx, run_id, 1)
    runs.finish(tx, run_id, at=now, out={"lines": 1})
    return run_id
