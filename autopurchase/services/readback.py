"""Reading back what was placed: as planned, or released. The provider's word is compared with what the plan froze.

A list reading or a synchronisation that came by is enough; only what neither has seen is read singly. What is not as
planned is cancelled, with the evidence kept, as long as the session's release budget of the day lasts and nothing is
paid; otherwise a person decides.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from autopurchase.domain import code
from autopurchase.domain.budget import day_start
from autopurchase.domain.errors import AutopurchaseError, BadInput, NotSent, Refused, SessionRefused
from autopurchase.domain.money import Money
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.purchase import Placed
from autopurchase.domain.readback import Difference, Goods, Sums, Tolerance, compare, sentence
from autopurchase.domain.roles import CLOCK, Actor, Role
from autopurchase.ports import Provider
from autopurchase.services import cancel, match, sync
from autopurchase.services.calls import call_lease, config_of, open_provider
from autopurchase.services.context import Context
from autopurchase.storage import bookings, checks, desk_views, lines, runs, sessions
from autopurchase.storage.database import Connection, Row

log = logging.getLogger(__name__)

#: how long after placing an order is read back at the earliest: lists need a moment to show it
SOON = timedelta(seconds=3)
#: the same while the session books others: they come first, and one list shows many
LATER = timedelta(seconds=60)
#: one that could not be read is tried again after this at the earliest
AGAIN = timedelta(seconds=60)
#: up to so many orders are read singly; more by list calls
FEW = 3
#: bookings compared in one go
BATCH = 100
#: goods of an order that is still being built may change; after this they are compared as they are
BUILT_WITHIN = timedelta(minutes=10)
#: windows begin this much before the oldest order that waits: clocks differ
_CLOCKS_DIFFER = timedelta(minutes=10)
#: causes of lines that a person may accept as they are
FLAGS = ("differs", "price_raised", "cancel_refused")
#: CNY by which freight may exceed the plan, unless the session says otherwise: a seller may part an order in two
FREIGHT_TOLERANCE = "30"
_USUAL = Tolerance(Decimal("0.05"), 3000)


def tolerance_of(settings: Mapping[str, Any], options: Mapping[str, Any]) -> Tolerance:
    """What is still as planned: the plan's own tolerance, and the session's for freight (CNY)."""
    fraction = options.get("tolerance", "0.05")
    freight = Money.of(str(settings.get("freight_tolerance") or FREIGHT_TOLERANCE), "CNY")
    return Tolerance(None if fraction is None else Decimal(str(fraction)), freight.minor)


def due_sessions(tx: Connection, now: datetime) -> list[int]:
    """Sessions with bookings to read back now."""
    return checks.due_sessions(tx, _before(now))


def _before(now: datetime) -> checks.Before:
    return checks.Before(placed=now - SOON, busy=now - LATER, tried=now - AGAIN)


def work(ctx: Context, session_id: int, stopping: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Read back and compare what waits in this session; bookings by what was found. Safe to run again."""
    counts: Counter[str] = Counter()
    while not stopping():
        now = ctx.now()
        with ctx.db.write() as tx:
            session = sessions.get(tx, session_id)
            rows = checks.claim(tx, session_id, now, _before(now), BATCH)
        if not rows:
            break
        try:
            _read(ctx, session, [row["id"] for row in rows])
        except AutopurchaseError as error:  # what was read is compared; the rest is tried again later
            log.info("reading back of session %s: %s", session["name"], error.sentence)
        for row in rows:
            with ctx.db.write() as tx:
                counts[_judge(ctx, tx, session_id, row["id"])] += 1
    return dict(counts)


# --- reading ---


def _read(ctx: Context, session: Row, booking_ids: Sequence[int]) -> None:
    """Read the orders of these bookings that no reading has shown yet."""
    with ctx.db.read() as tx:
        unread = [order for order in checks.orders_of(tx, booking_ids) if not _shown(order, ctx.now())]
    if not unread:
        return
    config = config_of(ctx, session)
    with call_lease(ctx, config) as pace:
        provider = open_provider(ctx, config, pace)
        if len(unread) > FEW and "list_orders" in provider.manifest.abilities:
            since = min(order["created_at"] or order["first_seen_at"] for order in unread) - _CLOCKS_DIFFER
            for page in provider.changed_since(since, ctx.now()):
                sync.take(ctx, provider, config, page)
            with ctx.db.read() as tx:
                unread = [order for order in checks.orders_of(tx, booking_ids) if not _shown(order, ctx.now())]
        for order in unread:
            _read_one(ctx, provider, config, order["provider_order_id"])


def _read_one(ctx: Context, provider: Provider, config: Any, number: str) -> None:
    try:
        reading = provider.get(number)
    except SessionRefused:
        raise
    except (Refused, NotSent) as error:  # not shown yet, or no answer: the next may do better
        log.info("order %s could not be read back: %s", number, error.sentence)
    else:
        sync.take(ctx, provider, config, [reading])


def _shown(order: Row, now: datetime) -> bool:
    """Whether a reading tells what was made: a create answer alone does not, nor an order that is being built."""
    if not order["raw_status"]:
        return False
    building = order["state"] == ProviderState.UNPAID and not order["payable"]
    return not building or now - order["first_seen_at"] > BUILT_WITHIN


# --- judging ---


@dataclass(frozen=True, slots=True)
class _Case:
    """One booking with what the provider says of it. ``live``: its lines that are still tied to it."""

    session: Row
    booking: Row
    orders: Sequence[Row]
    live: Sequence[Row]

    @property
    def keys(self) -> list[int]:
        return [int(order["id"]) for order in self.orders]


def _judge(ctx: Context, tx: Connection, session_id: int, booking_id: int) -> str:
    """Compare one booking and write what was found: fits, released, differs; ``waiting`` when it cannot be told yet."""
    booking = checks.lock(tx, booking_id)
    if booking is None:
        return "gone"
    now = ctx.now()
    orders = [row for row in checks.orders_of(tx, [booking_id]) if row["state"] != ProviderState.CLOSED]
    if any(not _shown(row, now) for row in orders):
        return "waiting"
    case = _Case(sessions.get(tx, session_id), booking, orders, checks.live_lines(tx, [booking_id]))
    if not orders or not case.live:  # closed meanwhile: nothing is left to compare
        return _closed(tx, booking_id, now)
    found = _differences(tx, case)
    if not found:
        return _fits(tx, case, now)
    if _may_release(ctx, tx, case, now):
        return _release(ctx, tx, case, found)
    return _flag(tx, case, found, now)


def _differences(tx: Connection, case: _Case) -> list[Difference]:
    said = [there(row) for row in checks.said(tx, case.keys)]
    asked, planned = asked_of(case.booking["purchase"], {row["number"] for row in case.live})
    now = Sums(_sum(case.orders, "freight_fen"), _sum(case.orders, "total_fen"))
    tolerance = tolerance_of(case.session["settings"], case.booking["params"])
    return compare(asked, said, (planned, now), tolerance)


def asked_of(purchase: Mapping[str, Any], live: set[str]) -> tuple[list[Goods], Sums]:
    """What the plan froze, of these lines; freight and total only as long as all of them are there."""
    kept = [line for line in purchase["lines"] if line["number"] in live]
    goods = [_frozen(line) for line in kept]
    whole = len(kept) == len(purchase["lines"]) and purchase.get("total_known", False)
    return goods, Sums(purchase["freight_fen"], purchase["total_fen"]) if whole else Sums()


def there(row: Row) -> Goods:
    """A provider order's line, to be compared."""
    name, item = row["provider_line_id"], row["item_id"]
    return Goods(name, item, row["sku_id"], row["spec_id"], row["quantity"], row["amount_fen"])


def _frozen(line: Mapping[str, Any]) -> Goods:
    fen = line["price_fen"] * line["quantity"]
    item, aliases = line["item_id"], match.aliases(line)
    return Goods(line["number"], item, line["sku_id"], line["spec_id"], line["quantity"], fen, aliases)


def _sum(rows: Sequence[Row], name: str) -> int | None:
    amounts = [row[name] for row in rows]
    return None if None in amounts else sum(amounts)


def _closed(tx: Connection, booking_id: int, now: datetime) -> str:
    bookings.change(tx, booking_id, check_state="", checked_at=now)
    return "closed"


def _fits(tx: Connection, case: _Case, now: datetime) -> str:
    bookings.change(tx, case.booking["id"], check_state="fits", check_found=None, checked_at=now)
    checks.agree(tx, case.keys)
    return "fits"


def _flag(tx: Connection, case: _Case, found: Sequence[Difference], now: datetime) -> str:
    """A person has to decide: nothing more is released today, or it is paid."""
    evidence = [each.as_json() for each in found]
    bookings.change(tx, case.booking["id"], check_state="differs", check_found=evidence, checked_at=now)
    data = {"cause": "differs", "booking": case.booking["id"], "found": evidence, "text": sentence(found)}
    events = [lines.Event(row["line_id"], "flagged", data) for row in case.live]
    lines.record(tx, events, at=now, actor=CLOCK.name, run_id=case.booking["run_id"])
    return "differs"


def _may_release(ctx: Context, tx: Connection, case: _Case, now: datetime) -> bool:
    """Nothing of it is paid, its provider cancels at all, and the day's budget is not used up."""
    if "cancel" not in ctx.providers[case.session["provider"]].manifest.abilities:
        return False
    if any(order["state"] != ProviderState.UNPAID or order["paid_at"] for order in case.orders):
        return False
    bookings.lock_lines(tx, [case.booking["id"]])  # before the session, as outcomes are stored
    session = sessions.get(tx, case.session["id"], lock=True)  # releases are counted one after the other
    used = checks.released_since(tx, session["id"], day_start(now))
    return used < int(session["release_budget"])


def _release(ctx: Context, tx: Connection, case: _Case, found: Sequence[Difference]) -> str:
    """Cancel the booking's orders at the provider; its lines are held with the evidence once that is done."""
    now, why, reference = ctx.now(), sentence(found), case.booking["out_order_id"]
    evidence = [each.as_json() for each in found]
    bookings.change(tx, case.booking["id"], check_state="released", check_found=evidence, checked_at=now)
    numbers = [order["provider_order_id"] for order in case.orders]
    run_id = runs.create(
        tx,
        kind="release",
        actor=CLOCK.name,
        at=now,
        call=code.call("shop.cancel", orders=numbers) + ".apply()",
        params={"booking": reference, "orders": numbers, "found": evidence, "text": why},
        session_id=case.session["id"],
        total=len(numbers),
    )
    cancel.ask(ctx, tx, run_id=run_id, orders=case.keys, why="release", actor=CLOCK, reason=why, hold="released")
    return "released"


def at_once(purchase: Mapping[str, Any], answer: Placed) -> list[dict[str, Any]]:
    """What the create call's own answer says otherwise, where it has sums and lines; the read-back judges."""
    lines_said = [line for order in answer.orders for line in order.lines]
    left_out = {line.number for line in answer.refused}
    asked, planned = asked_of(purchase, {line["number"] for line in purchase["lines"]} - left_out)
    now = Sums(_total(order.freight for order in answer.orders), _total(order.total for order in answer.orders))
    if not lines_said or any(not line.quantity for line in lines_said):
        return [each.as_json() for each in compare([], [], (planned, now), _USUAL)]
    said = [
        Goods(line.provider_line_id, line.item_id, line.sku_id, line.spec_id, line.quantity, _fen(line.amount))
        for line in lines_said
    ]
    return [each.as_json() for each in compare(asked, said, (planned, now), _USUAL)]


def _total(amounts: Iterable[Money | None]) -> int | None:
    known = [_fen(amount) for amount in amounts]
    return None if None in known else sum(fen for fen in known if fen is not None)


def _fen(amount: Money | None) -> int | None:
    return None if amount is None else amount.minor


# --- a person is content ---


def accept(ctx: Context, actor: Actor, reference: str, note: str = "") -> int:
    """The person takes the booking as it is: what differs, or has become dearer, is cleared. Returns the run.

    Raises BadInput for a booking that nothing waits for.
    """
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        booking = bookings.by_reference(tx, reference)
        if booking is None:
            raise BadInput(f"There is no booking {reference}.")
        booking = bookings.get(tx, booking["id"], lock=True)
        live = checks.live_lines(tx, [booking["id"]])
        if not live or not _awaits(tx, booking, live):
            raise BadInput(f"Nothing of booking {reference} waits to be accepted.")
        return _accept(ctx, tx, actor, booking, live, note.strip())


def _awaits(tx: Connection, booking: Row, live: Sequence[Row]) -> bool:
    """Whether a person has something to accept: it was flagged, or the marketplace changed its lines since."""
    if booking["check_state"] == "differs" or any(row["cause"] in FLAGS for row in live):
        return True
    return any(row["booking_id"] == booking["id"] for row in desk_views.mismatches(tx, booking["session_id"]))


def _accept(ctx: Context, tx: Connection, actor: Actor, booking: Row, live: Sequence[Row], note: str) -> int:
    now, reference = ctx.now(), booking["out_order_id"]
    params = {"booking": reference, "found": booking["check_found"], "reason": note}
    call = code.call("shop.accept", reference, **({"note": note} if note else {}))
    run_id = runs.create(
        tx, kind="accept", actor=actor.name, at=now, call=call, params=params, session_id=booking["session_id"]
    )
    events = [
        lines.Event(row["line_id"], "accepted", {"cause": _flag_of(row), "booking": booking["id"], "reason": note})
        for row in live
    ]
    lines.record(tx, events, at=now, actor=actor.name, run_id=run_id)
    bookings.change(tx, booking["id"], check_state="accepted", checked_at=now)
    checks.agree(tx, [order["id"] for order in checks.orders_of(tx, [booking["id"]])])
    runs.finish(tx, run_id, at=now, out={"lines": len(live)})
    return run_id


def _flag_of(row: Row) -> str:
    return row["cause"] if row["cause"] in FLAGS else FLAGS[0]
