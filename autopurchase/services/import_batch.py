"""Storing a batch of orders as a shop shows them, in one transaction and in sets, for imports and fresh reads.

Orders that are as stored cost one query for all. Only those that differ are locked, compared again and written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from autopurchase.domain import amend
from autopurchase.domain.errors import BadInput
from autopurchase.domain.mapping import COLUMNS, NEEDS_MAPPING, Target
from autopurchase.domain.order import LineStatus, order_status, short_number
from autopurchase.domain.roles import CLOCK
from autopurchase.domain.shop import ShopLine, ShopOrder, paid_in_full
from autopurchase.services import import_rules as rules
from autopurchase.storage import lines as line_store
from autopurchase.storage import mappings, write_backs
from autopurchase.storage import orders as store
from autopurchase.storage.database import Connection
from autopurchase.storage.lines import Event, line_state
from autopurchase.storage.rates import Book


@dataclass(frozen=True, slots=True)
class Into:
    """Where a batch goes, and on whose account. ``whole``: an order comes with all its lines, so a missing one is gone.

    ``providers``: those that lines may name. ``rates``: exchange rates as found so far.
    """

    source_id: int
    whole: bool
    providers: Collection[str]
    at: datetime
    actor: str
    run_id: int | None
    rates: Book = field(default_factory=Book)


@dataclass(slots=True)
class Tally:
    """What became of orders and lines: counts of new, changed, unchanged, rejected; and the refused rows.

    ``unmapped``: lines that began to wait for a mapping.
    """

    orders: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # external ids of rejected orders
    unmapped: int = 0


@dataclass(slots=True)
class _Writes:
    """Everything one batch writes, collected before the first statement."""

    new_orders: list[dict[str, Any]] = field(default_factory=list)
    new_lines: list[tuple[str, store.NewLine]] = field(default_factory=list)  # by external id of their order
    orders: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    lines: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    grown: dict[str, int] = field(default_factory=dict)  # known orders that got lines: external id -> id
    ids: dict[str, int] = field(default_factory=dict)  # known orders that change: external id -> id
    of_note: set[str] = field(default_factory=set)  # external ids of orders with lines that wait, or wait no more
    tally: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class _Change:
    """What differs between a stored order and the shop's word."""

    order: ShopOrder
    values: dict[str, Any]
    lines: list[tuple[int, dict[str, Any], rules.Events]] = field(default_factory=list)
    new: list[ShopLine] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether anything must be written."""
        return bool(self.values or self.new or any(values or events for _, values, events in self.lines))

    @property
    def of_note(self) -> bool:
        """Whether a person would call the order changed."""
        return bool(self.new or any(events for _, _, events in self.lines))


@dataclass(frozen=True, slots=True)
class _Look:
    """What a line becomes here: ``targets`` by product key say what is bought, the rate what its price is in CNY."""

    connection: Connection
    into: Into
    targets: Mapping[str, Target]

    @classmethod
    def at(cls, connection: Connection, into: Into, batch: Iterable[ShopOrder]) -> _Look:
        """With the mappings of the batch's products as they are now."""
        if not mappings.any_at_all(connection):
            return cls(connection, into, {})
        keys = {line.product_key for order in batch for line in order.lines}
        return cls(connection, into, mappings.targets(connection, into.source_id, keys))

    def values(self, order: ShopOrder, line: ShopLine) -> dict[str, Any]:
        """Columns of a line, its rate included."""
        values = rules.line_values(line, self.targets.get(line.product_key))
        moment = order.paid_at or order.created_at
        values["rate"], values["rate_day"] = self.into.rates.on(self.connection, values["currency"], moment)
        return values


def store_batch(connection: Connection, batch: Iterable[ShopOrder], into: Into) -> Tally:
    """Upsert orders by source and external id, and say what became of them."""
    writes = _Writes()
    given = _merged(batch)
    look = _Look.at(connection, into, given.values())
    asked = _accepted(given, look, writes.tally)
    known = store.known(connection, into.source_id, list(asked))
    same = {key for key, found in known.items() if not _compare(found, asked[key], look).anything}
    writes.tally.orders["unchanged"] += len(same)
    writes.tally.lines["unchanged"] += sum(len(asked[key].lines) for key in same)
    rest = {key: order for key, order in asked.items() if key not in same}
    if rest:
        store.take_turn(connection)
        _collect(connection, rest, into, writes)
        _write(connection, into, writes)
    taken = [found.row["id"] for key, found in known.items() if key not in writes.tally.refused]
    store.touch(connection, taken, into.at)  # a refused order stays as old as it was: nothing is bought on it
    return writes.tally


def _accepted(given: Mapping[str, ShopOrder], look: _Look, tally: Tally) -> dict[str, ShopOrder]:
    """Orders by external id without those that cannot be taken."""
    found: dict[str, ShopOrder] = {}
    for key, order in given.items():
        try:
            check(order, look.into.providers, look.targets)
            found[key] = order
        except BadInput as error:
            _reject(order, error.sentence, tally)
    return found


def _merged(batch: Iterable[ShopOrder]) -> dict[str, ShopOrder]:
    """Orders by external id; parts of one order (see the file source) are put together."""
    found: dict[str, ShopOrder] = {}
    for order in batch:
        earlier = found.get(order.external_id)
        if earlier:
            lines = {line.external_id: line for line in (*earlier.lines, *order.lines)}
            order = replace(order, lines=tuple(lines.values()))
        found[order.external_id] = order
    return found


# --- comparing ---


def _compare(known: store.KnownOrder, order: ShopOrder, look: _Look) -> _Change:
    """Pair the lines and find what differs. Raises nothing for orders that `check` accepts."""
    into = look.into
    seen = {line.external_id: line for line in order.lines}
    missing = [row for row in known.lines if row["external_id"] not in seen]
    if missing and not into.whole:
        order = rules.completed(order, known.row, missing)
    change = _Change(order, rules.differences(known.row, rules.order_values(order)))
    order_told = rules.told(known.row, change.values)
    for row, said, surplus in rules.paired(known.lines, seen):
        values = _line_changes(known.row, row, order, said, look)
        line = said or rules.stored_line(row, gone=into.whole)
        events = _line_events(known.row, row, values, order_told, order, line, surplus)
        change.lines.append((row["id"], values, events))
        seen.pop(row["external_id"], None)
    change.new = [line for line in seen.values() if line.quantity > 0]
    return change


def _line_changes(
    stored_order: Mapping[Any, Any], row: Mapping[Any, Any], order: ShopOrder, line: ShopLine | None, look: _Look
) -> dict[str, Any]:
    if line is None or line.quantity == 0:
        gone = line is not None or look.into.whole
        return rules.differences(row, {"open_quantity": 0, "gone": True}) if gone else {}
    values = rules.differences(row, amend.over(row, look.values(order, line)))
    for name in _kept(stored_order, row, order):
        values.pop(name, None)
    return values


def _kept(stored_order: Mapping[Any, Any], row: Mapping[Any, Any], order: ShopOrder) -> Iterable[str]:
    """Columns that stay: what is bought for a line under way, and the rate of the day of its payment."""
    if row["purchase"] not in rules.FREE:
        yield from COLUMNS
    paid, was = (order.paid_at or order.created_at), (stored_order["paid_at"] or stored_order["created_at"])
    if row["rate"] and paid.date() == was.date():
        yield from ("rate", "rate_day")


def _line_events(
    stored_order: Any,
    row: Any,
    values: dict[str, Any],
    order_told: dict[str, Any],
    order: ShopOrder,
    line: ShopLine,
    surplus: bool,
) -> rules.Events:
    fields = rules.told(row, values)
    data = ({"fields": fields} if fields else {}) | ({"order": order_told} if order_told else {})
    told: rules.Events = [("changed", data)] if data else []
    word = rules.word_on(order, line, surplus=surplus)
    before = rules.status_before(stored_order, row)
    known_item = values.get("item_id", row["item_id"]) != ""
    return told + rules.next_events(line_state(row), before, word, line.open_quantity, known_item)


# --- collecting ---


def _collect(connection: Connection, asked: Mapping[str, ShopOrder], into: Into, writes: _Writes) -> None:
    known = store.known(connection, into.source_id, list(asked), lock=True)
    numbers = _Numbers.load(connection, asked.values(), known)
    look = _Look.at(connection, into, asked.values())  # again: a mapping may have been made meanwhile
    for key, order in asked.items():
        try:
            if key in known:
                _add_changes(known[key], _compare(known[key], order, look), look, numbers, writes)
            else:
                _add_new(order, look, numbers, writes)
        except BadInput as error:
            _reject(order, error.sentence, writes.tally)


def check(order: ShopOrder, providers: Collection[str], mapped: Collection[str]) -> None:
    """Raise BadInput when a line of the order cannot be taken. ``mapped``: product keys that a mapping is known for."""
    for line in order.lines:
        name = short_number(order.number, line.line_no)
        if not line.item_id and not line.product_key:
            raise BadInput(f"{name} says neither what to buy nor which product of the shop it is.")
        if line.item_id and line.provider not in providers and line.product_key not in mapped:
            raise BadInput(f"The provider “{line.provider}” of {name} is not one of: {', '.join(sorted(providers))}.")
        if line.status and line.status not in set(LineStatus):
            raise BadInput(f"The status “{line.status}” of {name} is not one of: {', '.join(LineStatus)}.")
        if line.quantity < 0 or line.line_no < 1:
            raise BadInput(f"{name} must have a quantity and a line number of 1 or more.")


@dataclass(slots=True)
class _Numbers:
    """Order and line numbers in use; a number belongs to one order, and one line, for good."""

    orders: set[str]
    lines: set[str]

    @classmethod
    def load(
        cls, connection: Connection, asked: Iterable[ShopOrder], known: Mapping[str, store.KnownOrder]
    ) -> _Numbers:
        new = [order for order in asked if order.external_id not in known]
        every = [short_number(order.number, line.line_no) for order in asked for line in order.lines]
        return cls(*store.taken(connection, [order.number for order in new], every))

    def take_order(self, number: str) -> None:
        """Raise BadInput when the order number is in use."""
        if number in self.orders:
            raise BadInput(
                f"There is an order {number} already, from another source or with another id there: "
                "give the order another number."
            )
        self.orders.add(number)

    def take_lines(self, order_number: str, line_nos: Sequence[int]) -> list[str]:
        """The lines' numbers as shown. Raises BadInput when one is in use."""
        numbers = [short_number(order_number, line_no) for line_no in line_nos]
        if clash := sorted(self.lines.intersection(numbers)):
            raise BadInput(f"There is a line {clash[0]} already, of another order: give the order another number.")
        self.lines.update(numbers)
        return numbers


def _add_new(order: ShopOrder, look: _Look, numbers: _Numbers, writes: _Writes) -> None:
    lines = [line for line in order.lines if line.quantity > 0]
    if not lines:
        raise BadInput(f"Order {order.number} has no line with anything to buy.")
    numbers.take_order(order.number)
    _add_lines(order, lines, (), look, numbers, writes)
    into = look.into
    status = order_status(rules.word_on(order, line).status for line in lines).value
    own = {"source_id": into.source_id, "external_id": order.external_id, "status": status}
    writes.new_orders.append({**rules.order_values(order), **own, "imported_at": into.at, "read_at": into.at})
    writes.tally.orders["new"] += 1


def _add_lines(
    order: ShopOrder, lines: Sequence[ShopLine], used: Iterable[int], look: _Look, numbers: _Numbers, writes: _Writes
) -> None:
    """Lines that are new in their order; ``used`` are the order's line numbers so far."""
    line_nos = _line_nos(lines, used)
    payable = paid_in_full(order)
    for line, line_no, name in zip(lines, line_nos, numbers.take_lines(order.number, line_nos), strict=True):
        values = look.values(order, line)
        values["line_no"], values["number"] = line_no, name
        events = rules.first_events(line, rules.word_on(order, line), values["item_id"] != "")
        _note(order.external_id, events, writes)
        writes.new_lines.append((order.external_id, store.NewLine(values, events, payable, order.paid_at)))
    writes.tally.lines["new"] += len(lines)


def _line_nos(lines: Sequence[ShopLine], used: Iterable[int]) -> list[int]:
    """Line numbers as the shop counts; where one is in use (a line was removed before it), the next free one."""
    taken = set(used)
    found: list[int] = []
    for line in lines:
        number = line.line_no if line.line_no not in taken else max(taken) + 1
        taken.add(number)
        found.append(number)
    return found


def _note(external_id: str, events: rules.Events, writes: _Writes) -> None:
    """Count the lines that wait for a mapping from now on, and remember orders that a shop may be told about."""
    for kind, data in events:
        writes.tally.unmapped += kind == "held" and data["cause"] == NEEDS_MAPPING
        if kind in ("held", "mapped", "made_ready"):
            writes.of_note.add(external_id)


def _add_changes(known: store.KnownOrder, change: _Change, look: _Look, numbers: _Numbers, writes: _Writes) -> None:
    order, tally = change.order, writes.tally
    if "number" in change.values:
        raise BadInput(f"Order {known.row['number']} is now called {order.number}: an order keeps its number.")
    if change.new:
        _add_lines(order, change.new, [row["line_no"] for row in known.lines], look, numbers, writes)
        writes.grown[order.external_id] = known.row["id"]
    writes.ids[order.external_id] = known.row["id"]
    writes.orders.append((known.row["id"], change.values))
    for line_id, values, events in change.lines:
        writes.lines.append((line_id, values))
        writes.events += [Event(line_id, kind, data) for kind, data in events]
        _note(order.external_id, events, writes)
        tally.lines["changed" if events else "unchanged"] += 1
    tally.orders["changed" if change.of_note else "unchanged"] += 1


def _reject(order: ShopOrder, reason: str, tally: Tally) -> None:
    tally.refused.add(order.external_id)
    tally.orders["rejected"] += 1
    tally.lines["rejected"] += len(order.lines)
    head = {"order_number": order.number, "external_id": order.external_id, "customer": order.customer}
    for line in order.lines:
        row = {**head, "line_no": line.line_no, **rules.line_values(line)}
        kept = {name: str(value) for name, value in row.items() if value not in (None, "", {})}
        tally.rejects.append(store.reject_row(f"order {order.number}, line {line.line_no}", reason, kept))


# --- writing ---


def _write(connection: Connection, into: Into, writes: _Writes) -> None:
    """Orders first: whether a line is ready depends on its order."""
    ids = store.insert_orders(connection, writes.new_orders)
    keys = {row["external_id"]: key for row, key in zip(writes.new_orders, ids, strict=True)} | writes.grown
    store.update_orders(connection, writes.orders)
    store.update_lines(connection, writes.lines)
    new = [(keys[external_id], item) for external_id, item in writes.new_lines]
    store.insert_lines(connection, new, source_id=into.source_id, at=into.at, actor=into.actor, run_id=into.run_id)
    _record(connection, into, writes.events)
    line_store.refresh_order_statuses(connection, sorted(writes.grown.values()))
    if writes.of_note:
        keys |= writes.ids
        write_backs.ask(connection, [keys[external_id] for external_id in writes.of_note], into.at)


def _record(connection: Connection, into: Into, events: Sequence[Event]) -> None:
    """What the shop said is on the account of whoever imports; freeing a held line is the clock's own act."""
    freed = [event for event in events if event.kind == "made_ready"]
    said = [event for event in events if event.kind != "made_ready"]
    line_store.record(connection, said, at=into.at, actor=into.actor, run_id=into.run_id)
    line_store.record(connection, freed, at=into.at, actor=CLOCK.name, run_id=into.run_id)
