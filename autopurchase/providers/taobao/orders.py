"""Whole orders of Taobao Global in our vocabulary (mapping 2.1, 2.3, 2.4, 3, 4). Pure.

Line states come from the sub orders, as the main status may lag behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from autopurchase.domain.money import Money
from autopurchase.domain.provider_order import (
    FINAL_STATES,
    Parcel,
    ProviderLine,
    ProviderOrder,
    ProviderState,
    state_from_lines,
)
from autopurchase.providers.lenient import as_int, as_list, as_text
from autopurchase.providers.taobao.tables import (
    CLOSE_WORDS,
    PARCEL_STATES,
    PAYABLE,
    REFUNDED,
    REFUNDS,
    STATES,
)
from autopurchase.providers.taobao.translate import Reader, line_totals

CHINA = ZoneInfo("Asia/Shanghai")
Facts = Mapping[str, Any]


def order(main: Facts, reader: Reader) -> ProviderOrder:
    """One entry of ``purchase_orders``. Complete unless a line is shipped: only logistics know of its signature."""
    subs = as_list(main.get("sub_purchase_orders"))
    completed = reader.options.completed
    lines = _lines(main, subs, completed)
    raw_status = as_text(main.get("status"))
    state = state_from_lines(state_of(raw_status, completed), [line.state for line in lines])
    return ProviderOrder(
        provider_order_id=as_text(main.get("purchase_id")),
        state=state,
        raw_status=raw_status,
        number_shown=_first(sub.get("purchase_order_outer_id") for sub in subs),
        reference=as_text(main.get("outer_purchase_id")),
        close_reason=_order_reason(main, lines) if state is ProviderState.CLOSED else "",
        payable=state is ProviderState.UNPAID and _payable(raw_status, subs, lines),
        total=_total(main),
        freight=_money(main, "domestic_post_fee"),
        seller_name=as_text(main.get("supplier_nick")),
        created_at=moment(main.get("created_time")),
        modified_at=moment(main.get("modify_time")),
        paid_at=_paid_at(main, subs),
        pay_deadline=_deadline(main, subs, lines) if state is ProviderState.UNPAID else None,
        lines=lines,
        parcels=parcels(subs),
        complete=all(line.state is not ProviderState.SHIPPED for line in lines),
        raw=reader.raw(main),
    )


def state_of(raw: str, completed: frozenset[str]) -> ProviderState:
    """State of a raw status; unlisted words are UNKNOWN."""
    return ProviderState.COMPLETED if raw in completed else STATES.get(raw, ProviderState.UNKNOWN)


def moment(value: object) -> datetime | None:
    """A time given as ms or s since 1970 (told by magnitude), number or text, or as local time of China."""
    number = as_int(value)
    try:
        if number is not None:
            return datetime.fromtimestamp(number / (1000 if number >= 10**12 else 1), UTC) if number > 0 else None
        local = datetime.fromisoformat(as_text(value))
        return (local if local.tzinfo else local.replace(tzinfo=CHINA)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):  # not a time, or one beyond all bounds
        return None


# --- lines ---


def _lines(main: Facts, subs: Sequence[Facts], completed: frozenset[str]) -> tuple[ProviderLine, ...]:
    amounts = line_totals(
        [as_int(sub.get("product_amount")) or None for sub in subs],
        [as_int(sub.get("quantity")) or 0 for sub in subs],
        as_int(main.get("product_amount")),
    )
    paid = moment(main.get("pay_time")) is not None
    return tuple(_line(main, sub, amount, completed, paid) for sub, amount in zip(subs, amounts, strict=True))


def _line(main: Facts, sub: Facts, amount: int | None, completed: frozenset[str], paid: bool) -> ProviderLine:
    raw = as_text(sub.get("status"))
    state = state_of(raw, completed)
    refund = as_int(sub.get("refund_status")) or 0
    return ProviderLine(
        provider_line_id=as_text(sub.get("sub_purchase_order_id")),
        item_id=as_text(sub.get("item_id")),
        sku_id=as_text(sub.get("sku_id")),
        quantity=as_int(sub.get("quantity")) or 0,
        state=state,
        raw_status=_raw_status(raw, sub),
        close_reason=_line_reason(main, sub, paid) if state is ProviderState.CLOSED else "",
        amount=None if amount is None else Money(amount, _currency(sub)),
        title=as_text(sub.get("title")),
        refund=REFUNDS.get(refund, "unknown"),
    )


def _raw_status(raw: str, sub: Facts) -> str:
    """The raw word with what stands beside it: why the line was closed or could not be built."""
    beside = _first([sub.get("close_reason"), sub.get("error_message"), sub.get("error_code")])
    return f"{raw}: {beside}" if beside else raw


def _broken(sub: Facts) -> bool:
    return bool(as_text(sub.get("error_code")) or as_text(sub.get("detail_error_code")))


def _line_reason(main: Facts, sub: Facts, paid: bool) -> str:
    """Close reason of a line, first match wins (mapping 2.1); what we asked to cancel is known to the caller only."""
    if as_int(sub.get("refund_status")) == REFUNDED:
        return "refunded"
    paid = paid or moment(sub.get("pay_time")) is not None
    if not paid and _broken(sub):
        return "build_failed"
    deadline = moment(sub.get("close_time_without_payment")) or moment(main.get("next_close_time_without_payment"))
    closed = moment(main.get("modify_time"))
    if not paid and deadline and closed and deadline <= closed:
        return "unpaid_timeout"
    text = as_text(sub.get("close_reason"))
    return next((reason for words, reason in CLOSE_WORDS if words in text), "other")


def _order_reason(main: Facts, lines: Sequence[ProviderLine]) -> str:
    if not lines:
        return _line_reason(main, main, moment(main.get("pay_time")) is not None)
    reasons = {line.close_reason for line in lines if line.state is ProviderState.CLOSED}
    return reasons.pop() if len(reasons) == 1 else "other"


# --- facts of the order ---


def _payable(raw_status: str, subs: Sequence[Facts], lines: Sequence[ProviderLine]) -> bool:
    """Only while it waits for payment, and never a line that could not be built."""
    words = [as_text(sub.get("status")) for sub in subs] or [raw_status]
    broken = any(_broken(sub) for sub, line in zip(subs, lines, strict=True) if line.state not in FINAL_STATES)
    return not broken and any(word in PAYABLE for word in words)


def _total(main: Facts) -> Money | None:
    """What was paid, once paid; what is to be paid before."""
    paid = as_int(main.get("pay_amount"))
    return Money(paid, _currency(main)) if paid else _money(main, "purchase_amount")


def _money(facts: Facts, name: str) -> Money | None:
    fen = as_int(facts.get(name))
    return None if fen is None else Money(fen, _currency(facts))


def _currency(facts: Facts) -> str:
    return as_text(facts.get("purchase_currency")).upper() or "CNY"


def _paid_at(main: Facts, subs: Iterable[Facts]) -> datetime | None:
    return moment(main.get("pay_time")) or _earliest(sub.get("pay_time") for sub in subs)


def _deadline(main: Facts, subs: Sequence[Facts], lines: Sequence[ProviderLine]) -> datetime | None:
    live = [sub for sub, line in zip(subs, lines, strict=True) if line.state not in FINAL_STATES]
    return moment(main.get("next_close_time_without_payment")) or _earliest(
        sub.get("close_time_without_payment") for sub in live
    )


def _earliest(values: Iterable[object]) -> datetime | None:
    return min((when for when in map(moment, values) if when), default=None)


def _first(values: Iterable[object]) -> str:
    return next((text for text in map(as_text, values) if text), "")


# --- parcels ---


def parcels(subs: Sequence[Facts]) -> tuple[Parcel, ...]:
    """Parcels named in the sub orders, one per carrier and number; the obsolete fields only where lists are empty."""
    found: dict[tuple[str, str], Parcel] = {}
    for sub in subs:
        listed = [*as_list(sub.get("logistic_orders")), *as_list(sub.get("international_logistic_orders"))]
        for entry in listed or [dict(sub)]:
            _add(found, entry, as_text(sub.get("sub_purchase_order_id")))
    return tuple(found.values())


def _add(found: dict[tuple[str, str], Parcel], entry: Facts, line_id: str) -> None:
    carrier, number = as_text(entry.get("logistic_company_name")), as_text(entry.get("logistic_number"))
    if not number:
        return
    known = found.get((carrier, number)) or Parcel(carrier, number, shipped_at=moment(entry.get("rts_time")))
    found[(carrier, number)] = replace(known, provider_line_ids=_with(known, line_id))


def _with(parcel: Parcel, line_id: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*parcel.provider_line_ids, line_id)))


def with_logistics(known: ProviderOrder, details: Mapping[str, Facts]) -> ProviderOrder:
    """The order with the `/logistics/detail/get` answers of its shipped lines (line id -> ``data``).

    A line whose parcels are all signed is delivered.
    """
    found = {parcel.number: parcel for parcel in known.parcels}
    signed: set[str] = set()
    for line_id, data in details.items():
        traced = [_traced(entry, line_id) for entry in as_list(data.get("pnm_logistics_details"))]
        for parcel in traced:
            found[parcel.number] = _merged(found.get(parcel.number), parcel, line_id)
        if traced and all(parcel.state == "signed" for parcel in traced):
            signed.add(line_id)
    lines = tuple(_delivered(line) if line.provider_line_id in signed else line for line in known.lines)
    state = state_from_lines(known.state, [line.state for line in lines])
    return replace(known, lines=lines, state=state, parcels=tuple(found.values()), complete=True)


def _delivered(line: ProviderLine) -> ProviderLine:
    return replace(line, state=ProviderState.DELIVERED) if line.state is ProviderState.SHIPPED else line


def _merged(known: Parcel | None, traced: Parcel, line_id: str) -> Parcel:
    if known is None:
        return traced
    return replace(
        traced,
        carrier=known.carrier or traced.carrier,
        shipped_at=known.shipped_at or traced.shipped_at,
        provider_line_ids=_with(known, line_id),
    )


def _traced(entry: Facts, line_id: str) -> Parcel:
    status = as_text(entry.get("logistics_status"))
    traces = as_list(entry.get("logistics_traces"))
    signs = [trace for trace in traces if as_text(trace.get("status")) == "SIGNED"]
    return Parcel(
        carrier=_first(partner.get("company") for partner in as_list(entry.get("logistics_partner"))),
        number=as_text(entry.get("mail_no")),
        state=PARCEL_STATES.get(status, "unknown"),
        raw_status=status,
        shipped_at=_earliest(trace.get("time") for trace in traces),
        signed_at=_earliest(trace.get("time") for trace in signs),
        provider_line_ids=(line_id,),
    )
