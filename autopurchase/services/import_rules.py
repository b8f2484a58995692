"""What a shop's word does to an order and its lines: columns, differences, events. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from autopurchase.domain.history import LineState, step
from autopurchase.domain.mapping import NEEDS_MAPPING, OWN, Target, bought_as
from autopurchase.domain.money import Money
from autopurchase.domain.order import DEAD, FINAL, LineStatus, PurchaseState
from autopurchase.domain.shop import ShopLine, ShopOrder, hold_reason, paid_in_full
from autopurchase.domain.split import Part, shares

#: the cause of a part under way of which the shop wants fewer pieces now
SURPLUS = "quantity_reduced"
#: causes that come from the shop, and leave when the shop says so
SHOP_CAUSES = frozenset({"not_payable", "partial_refund", SURPLUS})
#: causes that an import itself gives and takes away
_OURS = SHOP_CAUSES | {NEEDS_MAPPING}
#: purchase states in which nothing is at a provider
FREE = frozenset({PurchaseState.READY, PurchaseState.PROBLEM})
#: where the file's own status word is kept among a line's extras
STATED = "status"
#: columns that change without a word in history
_SILENT = frozenset({"change_token", "rate", "rate_day", "product_key"})

Events = list[tuple[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class LineWord:
    """What the shop says of a line: its status, whether that is the shop's own word, and why it may not be bought."""

    status: LineStatus
    stated: bool
    hold: str
    under_way_hold: str


def order_values(order: ShopOrder) -> dict[str, Any]:
    """Columns of an order; ``read_at``, ``imported_at``, ``status`` and the source are not the shop's."""
    return {
        "number": order.number,
        "customer": order.customer,
        "state": order.state,
        "currency": order.currency,
        "goods_minor": _goods(order),
        "total_minor": order.total.minor,
        "paid_minor": order.paid.minor,
        "refunded_minor": order.refunded.minor,
        "delivery_minor": order.delivery_cost.minor if order.delivery_cost else 0,
        "delivery_service": order.delivery_service,
        "payable": paid_in_full(order),
        "ship_to": dict(order.ship_to),
        "change_token": order.change_token,
        "created_at": order.created_at,
        "paid_at": order.paid_at,
    }


def _goods(order: ShopOrder) -> int:
    if order.goods_total is not None:
        return order.goods_total.minor
    return sum(line.unit_price.minor * line.quantity for line in order.lines)


def line_values(line: ShopLine, mapped: Target | None = None) -> dict[str, Any]:
    """Descriptive columns of a line, with a mapping in place of what the source says to buy, where there is one.

    Its number belongs to the order's place for it, its rate to the day of the payment.
    """
    return {
        "external_id": line.external_id,
        "product_key": line.product_key,
        **bought_as({name: getattr(line, name) for name in OWN}, mapped),
        "title": line.title,
        "configuration": line.configuration,
        "configuration_original": line.configuration_original,
        "quantity": line.quantity,
        "open_quantity": line.open_quantity,
        "gone": False,
        "currency": line.unit_price.currency,
        "unit_price_minor": line.unit_price.minor,
        "sum_minor": line.unit_price.minor * line.quantity,
        "reference_fen": line.reference_price.minor if line.reference_price else None,
        "weight_grams": line.weight_grams,
        "photo_url": line.photo_url,
        "customer_comment": line.customer_comment,
        "extras": {**line.extras, STATED: line.status} if line.status else dict(line.extras),
    }


def differences(stored: Mapping[Any, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of ``seen`` that are not so in ``stored``."""
    return {name: value for name, value in seen.items() if stored[name] != value}


def told(stored: Mapping[Any, Any], changed: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Differences as history keeps them: name -> [old, new]."""
    return {name: [_plain(stored[name]), _plain(value)] for name, value in changed.items() if name not in _SILENT}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def paired(
    stored: Sequence[Mapping[Any, Any]], seen: Mapping[str, ShopLine]
) -> list[tuple[Mapping[Any, Any], ShopLine | None, bool]]:
    """Each stored line with what the shop says of it (None: nothing), and whether more is bought than it still wants.

    Of a line that was split here, each part gets its share.
    """
    families: dict[str, list[Mapping[Any, Any]]] = {}
    for row in stored:
        families.setdefault(row["external_id"], []).append(row)
    found: list[tuple[Mapping[Any, Any], ShopLine | None, bool]] = []
    for key, rows in families.items():
        line = seen.get(key)
        if line is None or len(rows) == 1:
            found += [(row, line, False) for row in rows]
            continue
        parts = shares([_part(row) for row in rows], line.quantity, line.open_quantity)
        found += [
            (row, replace(line, quantity=share.quantity, open_quantity=share.open_quantity), share.surplus)
            for row, share in zip(rows, parts, strict=True)
        ]
    return found


def _part(row: Mapping[Any, Any]) -> Part:
    return Part(
        quantity=row["quantity"],
        open_quantity=row["open_quantity"],
        free=row["purchase"] in FREE,
        sent=row["purchase"] in (PurchaseState.SENT, PurchaseState.ARRIVED),
        dead=row["status"] in DEAD,
    )


def word_on(order: ShopOrder, line: ShopLine, *, surplus: bool = False) -> LineWord:
    """What the shop says of a line of this order. Raises ValueError when it states a status there is not.

    ``surplus``: more of it is bought than the shop still wants.
    """
    cause = hold_reason(order)
    closed_and_paid = order.state == "closed" and order.paid - order.refunded >= order.total
    gone = order.state == "cancelled" or line.quantity == 0
    return LineWord(
        status=LineStatus(line.status) if line.status else _status(order, line),
        stated=bool(line.status),
        hold=cause,
        under_way_hold=("not_payable" if gone else "" if closed_and_paid else cause) or (SURPLUS if surplus else ""),
    )


def _status(order: ShopOrder, line: ShopLine) -> LineStatus:
    """Money that was paid and partly given back still was paid: the hold shows the rest."""
    if order.state == "cancelled" or line.quantity == 0:
        return LineStatus.CANCELLED
    if line.open_quantity == 0:
        return LineStatus.SHIPPED
    return LineStatus.PAID if order.paid >= order.total and order.total.minor > 0 else LineStatus.AWAITING_PAYMENT


def first_events(line: ShopLine, word: LineWord, known_item: bool = True) -> Events:
    """Events of a line seen for the first time; ``known_item``: it is known what to buy for it."""
    status: Events = [("imported", {"status": word.status.value})]
    state = replace(LineState(), status=word.status)
    return status + _holds(state, word, line.open_quantity, known_item)


def next_events(
    state: LineState, before: LineStatus, word: LineWord, open_quantity: int, known_item: bool = True
) -> Events:
    """Events that bring a known line to what the shop says now; ``before`` is the status the shop gave it last time.

    A line under way at a provider is never moved: only the cause is shown on it.
    """
    if state.purchase not in FREE:
        return [] if state.status in FINAL else _shown(state, word)
    moved = _moved(state.status, before, word)
    events: Events = [] if moved is None else [("imported", {"status": moved.value})]
    for kind, data in events:
        state = step(state, kind, data)
    return events + _holds(state, word, open_quantity, known_item)


def _moved(now: LineStatus, before: LineStatus, word: LineWord) -> LineStatus | None:
    """A status that a person gave stays, unless the shop states another one or cancels."""
    if word.status is now:
        return None
    if word.status is LineStatus.CANCELLED:
        return None if now in FINAL else word.status
    if word.status is before or (word.status is LineStatus.AWAITING_PAYMENT and not word.stated):
        return None
    return word.status if word.stated or now in (before, LineStatus.CANCELLED) else None


def _holds(state: LineState, word: LineWord, open_quantity: int, known_item: bool) -> Events:
    """Hold a free line that may not be bought or of which it is not known what to buy; free it when that is over."""
    paid = state.status is LineStatus.PAID
    if open_quantity == 0 or state.status in FINAL:
        return []
    wanted = (word.hold if paid else "") or ("" if known_item else NEEDS_MAPPING)
    if state.purchase is PurchaseState.READY or state.cause in _OURS:
        return _held_or_freed(state, wanted, paid)
    return []


def _held_or_freed(state: LineState, wanted: str, paid: bool) -> Events:
    """From the cause of an import, or none, to the ``wanted`` one."""
    if wanted == state.cause or (not wanted and state.purchase is PurchaseState.READY):
        return []
    if wanted:
        return [("held", {"cause": wanted})]
    if state.cause == NEEDS_MAPPING:
        return [("mapped", {"by": "the shop"})]
    return [("made_ready", {"reason": "paid and open in the shop"})] if paid else []


def _shown(state: LineState, word: LineWord) -> Events:
    """A line under way shows the shop's cause as long as it lasts, and never in place of another cause."""
    if state.cause == word.under_way_hold or (state.cause and state.cause not in SHOP_CAUSES):
        return []
    return [("held", {"cause": word.under_way_hold})]


def stored_order(row: Mapping[Any, Any], *, state: str = "") -> ShopOrder:
    """A stored order as the shop's word, without its lines; ``state`` in place of the stored one."""
    currency = row["currency"]
    return ShopOrder(
        external_id=row["external_id"],
        number=row["number"],
        state=state or row["state"],
        currency=currency,
        total=Money(row["total_minor"], currency),
        paid=Money(row["paid_minor"], currency),
        refunded=Money(row["refunded_minor"], currency),
        created_at=row["created_at"],
        paid_at=row["paid_at"],
        customer=row["customer"],
        goods_total=Money(row["goods_minor"], currency),
        delivery_cost=Money(row["delivery_minor"], currency),
        delivery_service=row["delivery_service"],
        ship_to=row["ship_to"],
        change_token=row["change_token"],
    )


def stored_line(line: Mapping[Any, Any], *, gone: bool) -> ShopLine:
    """A stored line that a reading lacks, as the shop's word on it: ``gone`` from the order, or as it was."""
    return ShopLine(
        external_id=line["external_id"],
        line_no=line["line_no"],
        provider=line["provider"],
        item_id=line["item_id"],
        quantity=0 if gone else line["quantity"],
        open_quantity=0 if gone else line["open_quantity"],
        unit_price=Money(line["unit_price_minor"], line["currency"]),
        status="" if gone else line["extras"].get(STATED, ""),
    )


def status_before(row: Mapping[Any, Any], line: Mapping[Any, Any]) -> LineStatus:
    """The status that the shop gave a line when it was stored, from the order's and the line's columns."""
    stated = line["extras"].get(STATED)
    if stated:
        return LineStatus(stated)
    if line["open_quantity"] == 0:
        return LineStatus.CANCELLED if row["state"] == "cancelled" else LineStatus.SHIPPED
    paid = row["paid_minor"] >= row["total_minor"] > 0
    return LineStatus.PAID if paid else LineStatus.AWAITING_PAYMENT


def completed(order: ShopOrder, row: Mapping[Any, Any], missing: Sequence[Mapping[Any, Any]]) -> ShopOrder:
    """A part of an order from a file, with its totals as if the stored lines that it lacks were in it.

    Rows of one order may lie far apart in a file. A total that the file states stays as it is; one that was added up
    from the rows seen so far is added up again with all of them.
    """
    delivery = order.delivery_cost.minor if order.delivery_cost else 0
    counted = sum(_live(line.status) * line.unit_price.minor * line.quantity for line in order.lines)
    rest = sum(_live(line["extras"].get(STATED, "")) * line["sum_minor"] for line in missing)
    goods = Money(counted + rest, order.currency)
    if any(line["extras"].get(STATED, "") not in FINAL for line in missing):
        order = replace(order, state="open")
    if order.goods_total is None or order.total.minor != order.goods_total.minor + delivery:
        return replace(order, goods_total=goods)
    total = Money(goods.minor + delivery, order.currency)
    in_full = order.paid == order.total and (order.paid_at is not None or row["payable"])
    return replace(order, goods_total=goods, total=total, paid=total if in_full else order.paid)


def _live(status: str) -> bool:
    return status != LineStatus.CANCELLED
