"""The one place where outcomes of bookings' calls are written: bookings, provider orders, lines, shops' news, runs.

Outcomes that come together are written together: what follows from each is gathered, then every table is written once.
Rows are locked kind by kind (bookings, provider orders, orders, lines, runs), each kind in the order of its ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from autopurchase.domain.booking import BookingState
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.purchase import RefusedLine
from autopurchase.domain.roles import CLOCK
from autopurchase.services import costs, match, outcomes, readback
from autopurchase.services.outcomes import Outcome
from autopurchase.services.sync import move_lines
from autopurchase.storage import bookings, cells, lines, provider_orders, runs, write_backs
from autopurchase.storage.database import Connection, Row


def store(tx: Connection, said: Sequence[Outcome], actor: str = CLOCK.name) -> None:
    """Write outcomes, in the caller's transaction; one of a claim that another lane has overtaken moves nothing.

    All are of one session, and ``actor`` brings them.
    """
    by_booking: dict[int, Outcome] = {}
    again = [outcome for outcome in said if by_booking.setdefault(outcome.booking["id"], outcome) is not outcome]
    if by_booking:
        _store(tx, list(by_booking.values()), actor)
    if again:  # a lane and another that has overtaken it come at once: the second is judged by what the first has left
        store(tx, again, actor)


def _store(tx: Connection, said: Sequence[Outcome], actor: str) -> None:
    live, late = _standing(tx, said)
    called = [_attempt(outcome) for outcome in live if outcome.kind != "put_back"]
    bookings.add_attempts(tx, called + [_too_late(outcome) for outcome in late if outcome.kind != "put_back"])
    booked = {outcome.booking["id"]: _booked(outcome) for outcome in live if outcome.kind == "confirmed"}
    unknown = [_Booked(outcome) for outcome in late if outcome.kind == "confirmed"]
    orders = _store_orders(tx, said[0].booking["session_id"], [*booked.values(), *unknown])
    tied = _lock_lines(tx, live)
    found = _Found({row["line_id"]: row for rows in tied.values() for row in rows})
    for outcome in live:
        key = outcome.booking["id"]
        if outcome.kind == "confirmed":
            _confirm(found, booked[key], tied.get(key, ()), orders[key])
        else:
            _FOLLOWS[outcome.kind](found, outcome, tied.get(key, ()))
    found.write(tx, actor, max(outcome.at for outcome in said))


@dataclass(slots=True)
class _Found:
    """What follows from outcomes, to be written. ``locked``: the lines it may be about."""

    locked: Mapping[int, Row]
    changes: dict[int, Mapping[str, Any]] = field(default_factory=dict)  # columns of bookings
    links: dict[int, tuple[int, int | None]] = field(default_factory=dict)
    freed: list[int] = field(default_factory=list)
    events: list[lines.Event] = field(default_factory=list)
    told: set[int] = field(default_factory=set)  # orders whose shops have something to be told
    further: list[tuple[int, Sequence[int]]] = field(default_factory=list)  # by run: provider orders that are further
    ended: dict[int, int] = field(default_factory=dict)  # booking -> its run
    counted: set[int] = field(default_factory=set)  # runs whose booking had been counted as ended before

    def event(self, outcome: Outcome, line_id: int, kind: str, data: Mapping[str, Any]) -> None:
        """Something happened to a line."""
        run_id = outcome.run_id or outcome.booking["run_id"]
        data = {"booking": outcome.booking["id"], **data}
        self.events.append(lines.Event(line_id, kind, data, run_id, outcome.at))

    def end(self, outcome: Outcome) -> None:
        """A booking of its run reached an end; a person who settles it later brings it to another."""
        booking = outcome.booking
        if booking["cause"] == "person":
            self.counted.add(booking["run_id"])
        else:
            self.ended[booking["id"]] = booking["run_id"]

    def write(self, tx: Connection, actor: str, at: datetime) -> None:
        """Each table once."""
        bookings.change_all(tx, self.changes)
        bookings.link(tx, self.links)
        bookings.free_lines(tx, self.freed)
        lines.record(tx, self.events, at=at, actor=actor, run_id=None, locked=self.locked)
        write_backs.ask(tx, sorted(self.told), at)
        for run_id, keys in self.further:
            move_lines(tx, keys, at, run_id)
        parts_ended(tx, self.ended, at)
        for run_id in sorted(self.counted):
            if runs.get(tx, run_id)["state"] == "done":
                runs.finish(tx, run_id, at=at, out=summary(tx, run_id))


def _standing(tx: Connection, said: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """Outcomes that count, as they count now; and those whose booking was settled otherwise meanwhile."""
    claims = bookings.stand(tx, [outcome.booking for outcome in said])
    live, late = [], []
    for outcome in said:
        key = outcome.booking["id"]
        if claims[key] == "open" and outcome.kind == "confirmed":  # an order is an order, whoever looks for it now
            live.append(replace(outcome, booking=dict(bookings.get(tx, key))))
        elif claims[key] != "ours":
            late.append(outcome)
        elif outcome.kind == "not_placed" and bookings.not_placed_count(tx, key) + 1 >= outcomes.MAX_RESENT:
            live.append(outcomes.sent_too_often(outcome))
        else:
            live.append(outcome)
    return live, late


def _attempt(outcome: Outcome) -> dict[str, Any]:
    said = outcome.said
    values = {"booking_id": outcome.booking["id"], "kind": outcome.call, "outcome": outcome.kind, "at": outcome.at}
    return {**values, "cause": said.cause, "sentence": said.sentence, "raw": said.raw}


def _too_late(outcome: Outcome) -> dict[str, Any]:
    """Overtaken: what the call said is kept; orders it made that nobody knows stay unbound, so that they are seen."""
    sentence = f"Too late: settled otherwise meanwhile. {outcome.said.sentence}".strip()
    return {**_attempt(outcome), "outcome": f"late_{outcome.kind}", "sentence": sentence}


@dataclass(frozen=True, slots=True)
class _Booked:
    """Orders that were made, the lines of the booking that are in them, and where each is at home."""

    outcome: Outcome
    bought: Sequence[Mapping[str, Any]] = ()
    homes: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # by line number, as `match.homes` tells them


def _booked(outcome: Outcome) -> _Booked:
    refused = {line.number for line in outcome.answer.refused}
    bought = [line for line in outcome.booking["purchase"]["lines"] if line["number"] not in refused]
    return _Booked(outcome, bought, match.homes(outcome.answer.orders, bought))


def _store_orders(
    tx: Connection, session_id: int, booked: Sequence[_Booked]
) -> dict[int, dict[str, provider_orders.Stored]]:
    """The provider orders of each booking, by their numbers.

    One that is home to no line (a double at the provider) stays unbound, so that it is seen.
    """
    if not booked:
        return {}
    placed = []
    for one in booked:
        bound = {order for order, _ in one.homes.values()}
        for reading in one.outcome.orders:
            owner = one.outcome.booking["id"] if reading.provider_order_id in bound else None
            placed.append((one, provider_orders.Placed(reading, one.outcome.at, owner)))
    stored = provider_orders.store_placed(tx, session_id, [order for _, order in placed])
    found: dict[int, dict[str, provider_orders.Stored]] = {}
    for (one, order), row in zip(placed, stored, strict=True):
        found.setdefault(one.outcome.booking["id"], {})[order.reading.provider_order_id] = row
    return found


def _lock_lines(tx: Connection, said: Sequence[Outcome]) -> dict[int, list[Row]]:
    """The lines of these bookings, as `bookings.lock_lines` tells them, of those that it may matter to."""
    keys = [outcome.booking["id"] for outcome in said if outcome.kind not in ("retry", "put_back")]
    found: dict[int, list[Row]] = {}
    for row in bookings.lock_lines(tx, keys) if keys else ():
        found.setdefault(row["tied_to"], []).append(row)
    return found


def _confirm(found: _Found, booked: _Booked, tied: Sequence[Row], orders: Mapping[str, provider_orders.Stored]) -> None:
    outcome, homes = booked.outcome, booked.homes
    answer, booking = outcome.answer, outcome.booking
    found.changes[booking["id"]] = {
        "state": BookingState.CONFIRMED.value,
        "cause": "",
        "sentence": outcome.said.sentence,
        "finished_at": outcome.at,
        "check_state": "waiting",
        "check_found": readback.at_once(booking["purchase"], answer) or None,
    }
    cost = costs.of_lines(answer.orders, booked.bought, homes, booking["purchase"]["freight_fen"])
    refused = {line.number: line for line in answer.refused}
    for row in tied:
        number = row["number"]
        if number not in homes:
            found.freed.append(row["id"])
            found.event(outcome, row["line_id"], "booking_refused", _why(refused[number]))
            continue
        order, item = homes[number]
        found.links[row["id"]] = orders[order].id, orders[order].line_ids.get(item)
        found.event(outcome, row["line_id"], "booking_confirmed", {"provider_order": order, **cost[number]})
        if row["write_back"]:
            found.told.add(row["order_id"])
    # found paid or closed already, or a sync saw it first
    further = [order.id for order in orders.values() if order.state is not ProviderState.UNPAID and order.booking_id]
    found.further.append((booking["run_id"], further))
    found.end(outcome)


def _why(refused: RefusedLine) -> dict[str, str]:
    return {"cause": refused.cause, "sentence": refused.text}


def _retry(found: _Found, outcome: Outcome, tied: Sequence[Row]) -> None:
    found.changes[outcome.booking["id"]] = _state(BookingState.QUEUED, outcome) | {"due_at": outcome.due_at}


def _put_back(found: _Found, outcome: Outcome, tied: Sequence[Row]) -> None:
    found.changes[outcome.booking["id"]] = outcome.values


def _state(state: BookingState, outcome: Outcome) -> dict[str, Any]:
    return {"state": state.value, "cause": outcome.said.cause, "sentence": outcome.said.sentence}


def _unknown(found: _Found, outcome: Outcome, tied: Sequence[Row]) -> None:
    changes = _state(BookingState.UNKNOWN, outcome) | {"due_at": outcome.due_at}
    found.changes[outcome.booking["id"]] = {**changes, **outcome.values}
    for row in tied:
        found.event(outcome, row["line_id"], "booking_unknown", {})


def _lookup_again(found: _Found, outcome: Outcome, tied: Sequence[Row]) -> None:
    if outcome.booking["state"] == BookingState.SENDING:  # left behind by a process that died: say so on the lines
        _unknown(found, outcome, tied)
        return
    changes = {"sentence": outcome.said.sentence, "due_at": outcome.due_at}
    found.changes[outcome.booking["id"]] = {**changes, **outcome.values}


def _person(found: _Found, outcome: Outcome, tied: Sequence[Row]) -> None:
    _unknown(found, outcome, tied)
    found.end(outcome)


def _not_placed(found: _Found, outcome: Outcome, tied: Sequence[Row]) -> None:
    changes = _state(BookingState.QUEUED, outcome) | {"cause": "", "due_at": outcome.at}
    found.changes[outcome.booking["id"]] = changes
    for row in tied:
        found.event(outcome, row["line_id"], "booking_requeued", {})


def _refused(found: _Found, outcome: Outcome, tied: Sequence[Row]) -> None:
    found.changes[outcome.booking["id"]] = _state(BookingState.REFUSED, outcome) | {"finished_at": outcome.at}
    for row in tied:
        found.freed.append(row["id"])
        data = {"cause": outcome.said.cause, "sentence": outcome.said.sentence}
        found.event(outcome, row["line_id"], "booking_refused", data)
    found.end(outcome)


_FOLLOWS: Mapping[str, Callable[[_Found, Outcome, Sequence[Row]], None]] = {
    "refused": _refused,
    "retry": _retry,
    "put_back": _put_back,
    "unknown": _unknown,
    "not_placed": _not_placed,
    "lookup_again": _lookup_again,
    "person": _person,
}


def parts_ended(tx: Connection, ended: Mapping[int, int], at: datetime) -> None:
    """Bookings (booking -> its run) reached an end; a run's last one closes its cell."""
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
