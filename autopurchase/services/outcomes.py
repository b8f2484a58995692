"""What became of a booking's call, and the one place where it is written: booking, provider orders, lines, run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.booking import BookingState
from autopurchase.domain.errors import AutopurchaseError, NotSent, RateLimited, Refused, Unknown
from autopurchase.domain.provider_order import ProviderLine, ProviderOrder, ProviderState
from autopurchase.domain.purchase import Placed, PlacedLine, PlacedOrder, RefusedLine
from autopurchase.domain.roles import CLOCK
from autopurchase.domain.session import Grade, SessionConfig
from autopurchase.services import costs, match, readback
from autopurchase.services.context import Context
from autopurchase.services.sync import move_lines
from autopurchase.storage import bookings, cells, lines, provider_orders, runs, write_backs
from autopurchase.storage.database import Connection, Row

#: tries of a call that was certainly not sent, before its lines go back to ready
MAX_NOT_SENT = 12
#: how often a booking proven not placed is sent again before a person decides
MAX_RESENT = 3
#: look-ups that must find nothing, a settle time apart, before "not placed" is believed
LOOKUPS = 2
_FAR = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Said:
    """Why: the cause's code, a sentence for the person, and the provider's redacted answer."""

    cause: str = ""
    sentence: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call said. ``kind``: confirmed, refused, retry, unknown, not_placed, lookup_again, person."""

    kind: str
    booking: Mapping[str, Any]
    at: datetime
    call: str = "create"
    placed: Placed | None = None
    readings: tuple[ProviderOrder, ...] = ()
    said: Said = Said()
    pause: float = 0.0  # seconds the provider asked all calls to wait
    due_at: datetime | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    actor: str = CLOCK.name
    run_id: int | None = None  # the cell its events belong to; None: the booking's own


def unforeseen(error: Exception) -> Unknown:
    """An error nobody typed, in the middle of a call: it may have gone through. Only its class is kept."""
    return Unknown(f"The program met an unforeseen {type(error).__name__}; the outcome will be looked up.")


def placed(booking: Mapping[str, Any], answer: Placed, at: datetime) -> Outcome:
    """The create call made orders."""
    return Outcome("confirmed", booking, at, placed=answer, said=Said(raw=answer.raw))


def failed(
    booking: Mapping[str, Any], error: AutopurchaseError, at: datetime, look_up_at: datetime | None = None
) -> Outcome:
    """The create call raised: refused, certainly not sent, or unknown (then looked up at ``look_up_at``)."""
    said = Said(error.cause, error.sentence, error.raw)
    if isinstance(error, NotSent) and booking["attempts"] < MAX_NOT_SENT:
        wait = error.retry_after or min(60.0, 0.5 * 2 ** booking["attempts"])
        pause = wait if isinstance(error, RateLimited) else 0.0
        return Outcome("retry", booking, at, due_at=at + timedelta(seconds=wait), pause=pause, said=said)
    if isinstance(error, Refused | NotSent):
        return Outcome("refused", booking, at, said=said)
    return Outcome("unknown", booking, at, due_at=look_up_at or booking["due_at"], said=said)


def not_looked_up(booking: Mapping[str, Any], error: AutopurchaseError, at: datetime) -> Outcome:
    """The look-up itself failed: it says nothing, so it is made again later."""
    said = Said("unknown_outcome", f"Could not be looked up yet: {error.sentence}", error.raw)
    wait = error.retry_after or min(300.0, 2.0 * 2 ** min(booking["lookups"], 8))
    pause = wait if isinstance(error, RateLimited) else 0.0
    values = {"lookups": booking["lookups"] + 1}
    due = at + timedelta(seconds=wait)
    return Outcome("lookup_again", booking, at, "lookup", due_at=due, pause=pause, values=values, said=said)


def found(booking: Mapping[str, Any], readings: Sequence[ProviderOrder], at: datetime) -> Outcome:
    """The look-up found orders that carry our reference."""
    return Outcome(
        "confirmed", booking, at, "lookup", readings=tuple(readings), said=Said(sentence="Found by its reference.")
    )


def not_found(booking: Mapping[str, Any], grade: Grade, config: SessionConfig, at: datetime) -> Outcome:
    """The look-up found nothing: ask once more, send again under the same reference, or hand it to a person."""
    needed = int(config.settings.get("unknown_lookups", LOOKUPS))
    count = booking["lookups"] + 1
    if grade is Grade.C:
        sentence = "This provider cannot be asked for our reference: look it up on its site, then say what is there."
        return Outcome("person", booking, at, "lookup", said=Said("person", sentence), due_at=at + _FAR)
    if count < needed:
        due = at + timedelta(seconds=max(0.2, config.settle_seconds / needed))
        return Outcome(
            "lookup_again",
            booking,
            at,
            "lookup",
            due_at=due,
            values={"lookups": count},
            said=Said("unknown_outcome", "Not found yet; asked again after a while."),
        )
    return Outcome(
        "not_placed", booking, at, "lookup", said=Said(sentence="Not found after the settle time: not placed.")
    )


def alike(booking: Mapping[str, Any], numbers: Sequence[str], at: datetime) -> Outcome:
    """Orders of that moment hold just these goods and show nobody's reference: a person must say whose they are."""
    sentence = f"Not found by its reference, but made then and of the same goods: {', '.join(numbers)}. Is it that?"
    return Outcome("person", booking, at, "lookup", said=Said("person", sentence), due_at=at + _FAR)


def store(ctx: Context, tx: Connection, outcome: Outcome) -> None:
    """Write an outcome, in the caller's transaction; one of a claim that another lane has overtaken moves nothing."""
    booking = outcome.booking
    if outcome.kind != "confirmed" or not _confirm(tx, outcome):
        claim = bookings.stands(tx, booking)
        if claim == "open" and outcome.kind == "confirmed":
            _confirm(tx, replace(outcome, booking=dict(bookings.get(tx, booking["id"]))))
        elif claim != "ours":
            _keep_only(tx, outcome)
            return
    if outcome.kind == "not_placed" and bookings.not_placed_count(tx, booking["id"]) + 1 >= MAX_RESENT:
        outcome = _to_person(outcome)
    bookings.add_attempt(
        tx,
        booking["id"],
        kind=outcome.call,
        outcome=outcome.kind,
        at=outcome.at,
        cause=outcome.said.cause,
        sentence=outcome.said.sentence,
        raw=outcome.said.raw,
    )
    _WRITERS[outcome.kind](ctx, tx, outcome)


def _confirm(tx: Connection, outcome: Outcome) -> bool:
    answer = outcome.placed or _as_placed(outcome.readings)
    return bookings.confirm(
        tx,
        outcome.booking,
        sentence=outcome.said.sentence,
        finished_at=outcome.at,
        check_found=readback.at_once(outcome.booking["purchase"], answer) or None,
    )


def _keep_only(tx: Connection, outcome: Outcome) -> None:
    """Overtaken: what the call said is kept; orders it made that nobody knows stay unbound, so that they are seen."""
    booking, said = outcome.booking, outcome.said
    values = {"cause": said.cause, "sentence": f"Too late: settled otherwise meanwhile. {said.sentence}".strip()}
    bookings.add_attempt(
        tx, booking["id"], kind=outcome.call, outcome=f"late_{outcome.kind}", at=outcome.at, raw=said.raw, **values
    )
    if outcome.kind == "confirmed":
        _store_orders(tx, outcome, outcome.placed or _as_placed(outcome.readings), set())


def _to_person(outcome: Outcome) -> Outcome:
    sentence = f"Sent {MAX_RESENT} times and never found: a person must look at the provider's site and decide."
    return Outcome(
        "person", outcome.booking, outcome.at, "lookup", said=Said("person", sentence), due_at=outcome.at + _FAR
    )


def _record(tx: Connection, outcome: Outcome, events: Sequence[lines.Event], tied: Sequence[Row]) -> None:
    run_id = outcome.run_id or outcome.booking["run_id"]
    locked = {row["line_id"]: row for row in tied}
    lines.record(tx, events, at=outcome.at, actor=outcome.actor, run_id=run_id, locked=locked)


def _part_done(tx: Connection, outcome: Outcome) -> None:
    """One booking of the run reached an end; the last one closes the cell. Settled by a person, it is told anew."""
    run_id = outcome.booking["run_id"]
    counted = outcome.booking["cause"] == "person"  # when it was handed over
    ended = runs.get(tx, run_id)["state"] == "done" if counted else runs.count_done(tx, run_id)
    if ended:
        runs.finish(tx, run_id, at=outcome.at, out=summary(tx, run_id))


def parts_ended(tx: Connection, ended: Mapping[int, int], at: datetime) -> None:
    """Queued bookings (booking -> its run) reached an end without a call; a run's last one closes its cell."""
    for run_id, parts in sorted(Counter(ended.values()).items()):
        if runs.count_done(tx, run_id, parts):
            runs.finish(tx, run_id, at=at, out=summary(tx, run_id))


def summary(tx: Connection, run_id: int) -> dict[str, Any]:
    """Out of a booking run: bookings, lines and fen per state, lines per cause, and what its plan had left out.

    A line that the provider left out of a booking it took counts as refused.
    """
    states: dict[str, dict[str, int]] = {}
    causes: dict[str, int] = {}
    for row in bookings.run_counts(tx, run_id):
        state = states.setdefault(row["state"], {"bookings": 0, "lines": 0, "total_fen": 0})
        state["bookings"] += int(row["bookings"])
        state["total_fen"] += int(row["total_minor"])
    for row in cells.outcome_counts(tx, [run_id]):
        state = states.setdefault(row["state"], {"bookings": 0, "lines": 0, "total_fen": 0})
        state["lines"] += int(row["lines"])
        if row["cause"]:
            causes[row["cause"]] = causes.get(row["cause"], 0) + int(row["lines"])
    left_out = runs.get(tx, run_id)["out"].get("left_out")
    return {"states": states, "causes": causes} | ({"left_out": left_out} if left_out else {})


def _write_retry(ctx: Context, tx: Connection, outcome: Outcome) -> None:
    bookings.change(
        tx,
        outcome.booking["id"],
        state=BookingState.QUEUED.value,
        cause=outcome.said.cause,
        sentence=outcome.said.sentence,
        due_at=outcome.due_at,
    )


def _write_unknown(ctx: Context, tx: Connection, outcome: Outcome) -> None:
    booking = outcome.booking
    bookings.change(
        tx,
        booking["id"],
        state=BookingState.UNKNOWN.value,
        cause=outcome.said.cause,
        sentence=outcome.said.sentence,
        due_at=outcome.due_at,
        **outcome.values,
    )
    tied = bookings.lock_lines(tx, booking["id"])
    _record(
        tx, outcome, [lines.Event(row["line_id"], "booking_unknown", {"booking": booking["id"]}) for row in tied], tied
    )


def _write_lookup_again(ctx: Context, tx: Connection, outcome: Outcome) -> None:
    if outcome.booking["state"] == BookingState.SENDING:  # left behind by a process that died: say so on the lines
        _write_unknown(ctx, tx, outcome)
        return
    bookings.change(tx, outcome.booking["id"], sentence=outcome.said.sentence, due_at=outcome.due_at, **outcome.values)


def _write_person(ctx: Context, tx: Connection, outcome: Outcome) -> None:
    _write_unknown(ctx, tx, outcome)
    _part_done(tx, outcome)


def _write_not_placed(ctx: Context, tx: Connection, outcome: Outcome) -> None:
    booking = outcome.booking
    bookings.change(
        tx, booking["id"], state=BookingState.QUEUED.value, cause="", sentence=outcome.said.sentence, due_at=outcome.at
    )
    tied = bookings.lock_lines(tx, booking["id"])
    _record(
        tx, outcome, [lines.Event(row["line_id"], "booking_requeued", {"booking": booking["id"]}) for row in tied], tied
    )


def _write_refused(ctx: Context, tx: Connection, outcome: Outcome) -> None:
    booking = outcome.booking
    bookings.change(
        tx,
        booking["id"],
        state=BookingState.REFUSED.value,
        cause=outcome.said.cause,
        sentence=outcome.said.sentence,
        finished_at=outcome.at,
    )
    tied = bookings.lock_lines(tx, booking["id"])
    bookings.free_lines(tx, [row["id"] for row in tied])
    data = {"booking": booking["id"], "cause": outcome.said.cause, "sentence": outcome.said.sentence}
    _record(tx, outcome, [lines.Event(row["line_id"], "booking_refused", data) for row in tied], tied)
    _part_done(tx, outcome)


def _write_confirmed(ctx: Context, tx: Connection, outcome: Outcome) -> None:
    booking = outcome.booking
    answer = outcome.placed or _as_placed(outcome.readings)
    refused = {line.number: line for line in answer.refused}
    bought = [line for line in booking["purchase"]["lines"] if line["number"] not in refused]
    homes = match.homes(answer.orders, bought)
    stored = _store_orders(tx, outcome, answer, {order for order, _ in homes.values()})
    tied = bookings.lock_lines(tx, booking["id"])  # after the orders, as a sync does it
    kept = [row for row in tied if row["number"] in homes]
    ties = {row["id"]: homes[row["number"]] for row in kept}
    bookings.link(
        tx, {key: (stored[order].id, stored[order].line_ids.get(item)) for key, (order, item) in ties.items()}
    )
    cost = costs.of_lines(answer.orders, bought, homes, booking["purchase"]["freight_fen"])
    events = [
        lines.Event(
            row["line_id"],
            "booking_confirmed",
            {"booking": booking["id"], "provider_order": homes[row["number"]][0], **cost[row["number"]]},
        )
        for row in kept
    ]
    gone = [row for row in tied if row["number"] not in homes]
    bookings.free_lines(tx, [row["id"] for row in gone])
    events += [_refused_event(booking["id"], row["line_id"], refused[row["number"]]) for row in gone]
    _record(tx, outcome, events, tied)
    write_backs.ask(tx, sorted({row["order_id"] for row in kept if row["write_back"]}), outcome.at)
    further = [order.id for order in stored.values() if order.state is not ProviderState.UNPAID and order.booking_id]
    move_lines(tx, further, outcome.at, booking["run_id"])  # found paid or closed already, or a sync saw it first
    _part_done(tx, outcome)


def _refused_event(booking_id: int, line_id: int, refused: RefusedLine) -> lines.Event:
    data = {"booking": booking_id, "cause": refused.cause, "sentence": refused.text}
    return lines.Event(line_id, "booking_refused", data)


def _as_placed(readings: Sequence[ProviderOrder]) -> Placed:
    """Orders found by a look-up in the shape of a create answer."""
    orders = tuple(
        PlacedOrder(
            provider_order_id=reading.provider_order_id,
            total=reading.total,
            freight=reading.freight,
            lines=tuple(
                PlacedLine(
                    number="",
                    provider_line_id=line.provider_line_id,
                    item_id=line.item_id,
                    sku_id=line.sku_id,
                    spec_id=line.spec_id,
                    quantity=line.quantity,
                    amount=line.amount,
                )
                for line in reading.lines
            ),
        )
        for reading in sorted(readings, key=lambda r: (r.created_at is None, r.created_at, r.provider_order_id))
    )
    return Placed(orders)


def _store_orders(
    tx: Connection, outcome: Outcome, answer: Placed, homes: set[str]
) -> dict[str, provider_orders.Stored]:
    """Store the orders; one that is home to no line (a double at the provider) stays unbound, so that it is seen."""
    booking = outcome.booking
    readings = outcome.readings or tuple(_reading(order, booking["out_order_id"], outcome) for order in answer.orders)
    return {
        reading.provider_order_id: provider_orders.store(
            tx,
            booking["session_id"],
            reading,
            outcome.at,
            booking["id"] if reading.provider_order_id in homes else None,
        )
        for reading in readings
    }


def _reading(order: PlacedOrder, reference: str, outcome: Outcome) -> ProviderOrder:
    return ProviderOrder(
        provider_order_id=order.provider_order_id,
        state=ProviderState.UNPAID,
        raw_status="",
        reference=reference,
        total=order.total,
        freight=order.freight,
        created_at=outcome.at,
        complete=False,
        lines=tuple(
            ProviderLine(
                provider_line_id=line.provider_line_id,
                item_id=line.item_id,
                sku_id=line.sku_id,
                spec_id=line.spec_id,
                quantity=line.quantity,
                state=ProviderState.UNPAID,
                amount=line.amount,
            )
            for line in order.lines
            if line.provider_line_id
        ),
    )


_WRITERS = {
    "confirmed": _write_confirmed,
    "refused": _write_refused,
    "retry": _write_retry,
    "unknown": _write_unknown,
    "not_placed": _write_not_placed,
    "lookup_again": _write_lookup_again,
    "person": _write_person,
}
