"""Binding lines to provider orders that a person made by hand: a plan says what fits what, and applying ties them.

The check reads every order at its provider (the worker does; pages never call one) and keeps what it read. Applying is
one transaction; the provider's word on the order counts for the lines at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autopurchase.domain.binding import Offered, Wanted, assign, candidates
from autopurchase.domain.causes import cause
from autopurchase.domain.errors import AutopurchaseError, BadInput, LimitReached, Refused, SessionRefused
from autopurchase.domain.order import LineStatus
from autopurchase.domain.plan import plan_hash
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.purchase import OrderIds, PurchaseLine
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.session import SessionConfig
from autopurchase.ports import Provider
from autopurchase.services import bind_rows, match
from autopurchase.services.calls import call_lease, open_provider
from autopurchase.services.context import Context
from autopurchase.services.plan import carry_out_check, progress, usable
from autopurchase.services.sync import move_lines
from autopurchase.storage import bindings, cancels, lines, plans, provider_orders, sessions
from autopurchase.storage.database import Connection, Row

#: of one plan: orders, lines that are named, and lines that are looked at when none is named
MAX_ORDERS, MAX_NAMED, MAX_LINES = 200, 500, 1_000
#: items that are asked about when no line is named
MAX_LOOKUPS = 40
_NOT_AGREED = frozenset({LineStatus.AWAITING_PAYMENT, LineStatus.PRICE_CONFIRMATION})


def request(
    ctx: Context,
    actor: Actor,
    session: str,
    *,
    orders: Sequence[str] = (),
    lines: Sequence[str] = (),
    pairs: Mapping[str, Sequence[str]] | None = None,
    in_worker: bool = False,
) -> str:
    """Ask what binding lines to these provider orders of ``session`` would be; returns the plan's token.

    Without ``lines``, those that wait to be bought and fit; without ``orders``, those known and bound to nothing that
    fit the lines. ``pairs``: line -> the orders it must be one of. ``in_worker`` leaves the check to the worker (pages
    always do); otherwise the caller runs `check`.
    """
    actor.require(Role.OPERATOR)
    wanted = list(dict.fromkeys(number.strip() for number in orders if number.strip()))
    if not wanted and not lines:
        raise BadInput("Give numbers of orders at the marketplace, or lines to find orders for.")
    for count, most, what in ((len(wanted), MAX_ORDERS, "orders"), (len(lines), MAX_NAMED, "lines")):
        if count > most:
            raise BadInput(f"A plan takes at most {most} {what}; there are {count}. Bind them in parts.")
    with ctx.db.write() as tx:
        row = sessions.by_name(tx, session)
        usable(row)
        params = {"orders": wanted, **_named(tx, lines, pairs or {})}
        token = secrets.token_hex(6)
        plan_id = plans.create(
            tx, token=token, session_id=row["id"], actor=actor.name, params=params, at=ctx.now(), kind="bind"
        )
        if in_worker:
            ctx.queue.check_plan(tx, plan_id)
    return token


def _named(tx: Connection, numbers: Sequence[str], pairs: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The named lines by their shown numbers, however they were written. Raises BadInput for those there are not."""
    found = lines.as_written(tx, [*numbers, *pairs])
    shown = {text: row["number"] for text, row in found.items()}
    return {
        "lines": list(dict.fromkeys(shown.values())),
        "pairs": {shown[text.strip()]: list(orders) for text, orders in pairs.items()},
    }


def check(ctx: Context, token: str) -> None:
    """Read the orders at their provider, match lines to them and freeze what was found."""
    carry_out_check(ctx, token, _look)


def _look(ctx: Context, plan: Row, config: SessionConfig) -> tuple[dict[str, Any], str]:
    with call_lease(ctx, config) as pace:
        look = _Look(ctx, config, open_provider(ctx, config, pace), plan["params"])
        if look.params["lines"]:
            look.take(_rows_named(look), named=True)
        if not look.params["orders"]:
            look.propose()
        look.read_orders(plan["id"])
        if not look.params["lines"]:
            look.take(_rows_waiting(look), named=False)
    body = look.body()
    return body, plan_hash(config.name, body["rows"])


@dataclass(slots=True)
class _Look:
    """What a check knows so far. ``places``: lines of provider orders; ``asked``: lines of ours as orders show them."""

    ctx: Context
    config: SessionConfig
    provider: Provider
    params: Mapping[str, Any]
    rows: dict[str, Row] = field(default_factory=dict)
    asked: list[Wanted] = field(default_factory=list)
    places: list[tuple[Row, Offered]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    candidates: list[dict[str, Any]] = field(default_factory=list)

    @property
    def orders(self) -> list[str]:
        """Numbers to read: those asked for, else the proposed."""
        return self.params["orders"] or list(dict.fromkeys(one["provider_order"] for one in self.candidates))

    def take(self, rows: Mapping[str, Row], *, named: bool) -> None:
        """These lines are to be matched; the provider tells how its orders show them."""
        self.left_out += [entry for row in rows.values() if (entry := bind_rows.not_free(row))]
        out = {entry["number"] for entry in self.left_out}
        self.rows |= {number: row for number, row in rows.items() if number not in out}
        ids = self.provider.order_ids([_asked_of(row) for row in self.rows.values() if self._ours(row)])
        pairs = self.params["pairs"]
        self.asked = [
            wanted(row, ids.get(number), pairs.get(number, ()), named=named) for number, row in self.rows.items()
        ]

    def _ours(self, row: Row) -> bool:
        return bool(row["provider"] == self.config.provider and row["item_id"])

    def propose(self) -> None:
        """Orders known and bound to nothing that fit the lines, the best first."""
        items = sorted({one.item_id for one in self.asked if one.item_id})
        with self.ctx.db.read() as tx:
            found = bindings.orphan_lines(tx, [self.config.id], items, MAX_LINES)
            places = [offered(row, row["quantity"] - row["bound"]) for row in found]
        self.candidates = candidates(self.asked, places)

    def read_orders(self, plan_id: int) -> None:
        """Read, keep and judge the orders."""
        with self.ctx.db.write() as tx:
            plans.change(tx, plan_id, total=len(self.orders))
        readings, self.refused = _read(self.ctx, self.config, self.provider, plan_id, self.orders)
        with self.ctx.db.write() as tx:
            keys = _keep(self.ctx, tx, self.config, readings)
            self.refused += _refusals(tx, self.config, readings)
            out = {entry["provider_order"] for entry in self.refused}
            self.places = _places(tx, self.config, [key for number, key in keys.items() if number not in out])

    def body(self) -> dict[str, Any]:
        """The plan as it is frozen."""
        found = assign(self.asked, [place for _, place in self.places if place.free])
        matched = {one.wanted.number for one in found}
        if self.params["lines"]:
            self.left_out += [bind_rows.placeless(one) for one in self.asked if one.number not in matched]
        theirs = {row["id"]: row for row, _ in self.places}
        orders = bind_rows.orders(self.places)
        return {
            "orders": orders,
            "rows": [bind_rows.row(self.rows[one.wanted.number], theirs[one.offered.key], one) for one in found],
            "left_out": self.left_out,
            "refused": self.refused + bind_rows.full(orders),
            "candidates": self.candidates,
            "blocked": "" if any(not one.split for one in found) else "No line can be bound as it is.",
        }


def _rows_named(look: _Look) -> dict[str, Row]:
    with look.ctx.db.read() as tx:
        return lines.find(tx, look.params["lines"])


def _rows_waiting(look: _Look) -> dict[str, Row]:
    """Lines that may be in the orders: of their items and, where orders show other ids, of their sellers.

    What is left of `MAX_LOOKUPS` goes to the lines that wait longest: each of their items may cost a call.
    """
    free = [place for _, place in look.places if place.free]
    items, sellers = {place.item_id for place in free}, {place.seller_name.casefold() for place in free} - {""}
    with look.ctx.db.read() as tx:
        rows = bindings.bindable(tx, look.config.provider, MAX_LINES)
    of_item = [row for row in rows if row["item_id"] in items]
    of_seller = [row for row in rows if row["seller_name"].casefold() in sellers]
    chosen: dict[str, Row] = {row["number"]: row for row in of_item}
    known: set[str] = set()
    for row in (*of_seller, *rows):
        known |= {row["item_id"]} if len(known) < MAX_LOOKUPS else set()
        if row["item_id"] in known:
            chosen.setdefault(row["number"], row)
    return {row["number"]: row for row in rows if row["number"] in chosen}


def _asked_of(row: Row) -> PurchaseLine:
    return PurchaseLine(row["number"], row["item_id"], row["open_quantity"], row["sku_id"], row["spec_id"])


def _read(
    ctx: Context, config: SessionConfig, provider: Provider, plan_id: int, numbers: Sequence[str]
) -> tuple[list[ProviderOrder], list[dict[str, str]]]:
    """Each order as its provider tells it now, and why others could not be read."""
    readings, refused, tell = [], [], progress(ctx, plan_id)
    for done, number in enumerate(numbers, 1):
        try:
            readings.append(provider.get(number))
        except (SessionRefused, LimitReached):
            raise
        except AutopurchaseError as error:
            refused.append(_unread(ctx, config, number, error))
        tell(done)
    return readings, refused


def _unread(ctx: Context, config: SessionConfig, number: str, error: AutopurchaseError) -> dict[str, str]:
    """Why this order was not read: it is not the account's, or the provider did not tell."""
    if not isinstance(error, Refused):
        return bind_rows.no(number, error.cause, f"It could not be read now: {error.sentence}")
    with ctx.db.read() as tx:
        elsewhere = [row["session"] for row in bindings.of_number(tx, config.provider, [number])]
    others = [name for name in elsewhere if name != config.name]
    if others:
        return bind_rows.no(number, "other_account", f"It is session {others[0]}'s: bind it through that one.")
    code = "no_such_order" if cause(error.cause).holds else error.cause
    return bind_rows.no(number, code, f"Session {config.name}: {error.sentence}")


def _keep(ctx: Context, tx: Connection, config: SessionConfig, readings: Sequence[ProviderOrder]) -> dict[str, int]:
    """Store what was read, as a synchronisation would; number -> our key of the order."""
    now = ctx.now()
    keys = {
        reading.provider_order_id: provider_orders.store(tx, config.id, reading, now).id
        for reading in sorted(readings, key=lambda reading: reading.provider_order_id)
    }
    move_lines(tx, list(keys.values()), now, None)
    return keys


def _refusals(tx: Connection, config: SessionConfig, readings: Sequence[ProviderOrder]) -> list[dict[str, str]]:
    """Orders to which nothing may be bound at all, with why."""
    numbers = [reading.provider_order_id for reading in readings]
    stored: dict[str, list[Row]] = {number: [] for number in numbers}
    for row in bindings.of_number(tx, config.provider, numbers):
        stored[row["provider_order_id"]].append(row)
    unsettled = bindings.unsettled(tx, [reading.reference for reading in readings if reading.reference])
    keys = [row["order_key"] for rows in stored.values() for row in rows if row["session"] == config.name]
    cancelling = cancels.open_of(tx, keys)
    found = []
    for reading in readings:
        rows = stored[reading.provider_order_id]
        mine = next(row for row in rows if row["session"] == config.name)
        others = [row["session"] for row in rows if row["session"] != config.name and row["bound"]]
        run = unsettled.get(reading.reference or "")
        if why := _why_not(mine, others, run, cancelled=mine["order_key"] in cancelling, empty=not reading.lines):
            found.append(bind_rows.no(reading.provider_order_id, *why))
    return found


def _why_not(
    mine: Row, others: Sequence[str], run: int | None, *, cancelled: bool, empty: bool
) -> tuple[str, str] | None:
    """(cause, sentence) for which nothing may be bound to an order; None when something may."""
    if mine["order_state"] == ProviderState.CLOSED:
        return "order_closed", "It is closed at the marketplace: nothing comes of it any more."
    if others:
        return "bound_already", f"It is bound through session {others[0]} already."
    if run is not None:
        return (
            "order_unsettled",
            f"We placed it ourselves in run {run}, and its outcome is open: settle it first.",
        )
    if cancelled:
        return "cancel_asked", "A cancel of it is under way: wait for what becomes of it."
    if empty:
        return "no_such_order", "The marketplace tells nothing of what is in it: try again later."
    return None


def _places(tx: Connection, config: SessionConfig, keys: Sequence[int]) -> list[tuple[Row, Offered]]:
    """The lines of these orders with what of them is free."""
    match.tie(tx, keys)
    return [(row, offered(row, spare)) for row, spare in spare_pieces(tx, keys)]


def spare_pieces(tx: Connection, keys: Sequence[int]) -> list[tuple[Row, int]]:
    """Open lines of these orders, each with the pieces that no booking holds.

    Pieces of bookings that know their order but not its line are taken from the lines that have room.
    """
    rows = bindings.lines_of(tx, keys)
    loose = bindings.loose_pieces(tx, keys)
    found = []
    for row in rows:
        spare = max(0, row["quantity"] - row["bound"])
        taken = min(spare, loose.get(row["order_key"], 0))
        loose[row["order_key"]] = loose.get(row["order_key"], 0) - taken
        found.append((row, spare - taken))
    return found


def offered(row: Row, free: int) -> Offered:
    """A provider order's line as it is matched."""
    return Offered(
        key=row["id"],
        order=row["provider_order_id"],
        item_id=row["item_id"],
        sku_id=row["sku_id"],
        spec_id=row["spec_id"],
        pieces=row["quantity"],
        free=free,
        amount_fen=row["amount_fen"],
        seller_id=row["seller_id"],
        seller_name=row["seller_name"],
        created_at=row["created_at"],
    )


def wanted(row: Row, ids: OrderIds | None, orders: Sequence[str] = (), *, named: bool = True) -> Wanted:
    """A line of ours as it is matched, under the ids that orders show."""
    shown = ids or OrderIds("")
    return Wanted(
        number=row["number"],
        item_id=shown.item_id,
        sku_id=shown.sku_id,
        spec_id=shown.spec_id,
        pieces=row["open_quantity"] * row["ratio"],
        ratio=row["ratio"],
        seller_id=row["seller_id"],
        seller_name=row["seller_name"],
        seen_fen=row["reference_fen"],
        payable=row["payable"] and row["status"] not in _NOT_AGREED,
        paid_at=row["paid_at"],
        orders=tuple(orders),
        named=named,
    )
