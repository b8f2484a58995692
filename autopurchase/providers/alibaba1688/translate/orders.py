"""An order as the marketplace tells it (list entry or detail) -> ProviderOrder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autopurchase.domain.money import Money
from autopurchase.domain.provider_order import (
    FINAL_STATES,
    RANK,
    ProviderLine,
    ProviderOrder,
    ProviderState,
    state_from_lines,
)
from autopurchase.providers.alibaba1688 import tables
from autopurchase.providers.alibaba1688.translate import parcels
from autopurchase.providers.alibaba1688.translate.scalars import aop_date, as_quantity, from_yuan, later, local_date
from autopurchase.providers.lenient import as_dict, as_int, as_list, as_text

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Payment:
    """What an order says of its payment. ``at`` may be None though ``taken`` is true."""

    at: datetime | None
    taken: bool
    running: bool
    refunded: bool


def provider_order(
    info: Document, take_in: ProviderState, complete: bool, shipments: Sequence[Document] = (), raw: str = ""
) -> ProviderOrder:
    """One reading of an order.

    ``take_in`` is the state of goods that wait for the carrier, ``complete`` tells a detail from a list entry
    (which lacks our reference and who closed it), ``shipments`` are the answer of the logistics call.
    """
    base = as_dict(info.get("baseInfo"))
    paid = payment(info)
    main = _state(as_text(base.get("status")), take_in)
    found = parcels.parcels(info, shipments)
    lines = tuple(_line(item, info, main, take_in, paid, found) for item in as_list(info.get("productItems")))
    state = state_from_lines(main, [line.state for line in lines])
    deadline, assumed = _deadline(info) if state is ProviderState.UNPAID else (None, False)
    number = order_id(base)
    return ProviderOrder(
        provider_order_id=number,
        state=state,
        raw_status=as_text(base.get("status")),
        number_shown=number,
        reference=as_text(base.get("outOrderId")) if complete else None,
        close_reason=_order_reason(info, main, state, lines, paid),
        payable=as_text(base.get("status")) == "waitbuyerpay" and not paid.running,
        total=_yuan(base, base.get("totalAmount")),
        freight=_yuan(base, base.get("shippingFee")),
        seller_id=as_text(base.get("sellerID")),
        seller_name=_seller_name(base),
        created_at=aop_date(base.get("createTime")),
        modified_at=aop_date(base.get("modifyTime")),
        paid_at=paid.at,
        pay_deadline=deadline,
        deadline_assumed=assumed,
        lines=lines,
        parcels=tuple(one.parcel for one in found),
        complete=complete,
        raw=raw,
    )


def order_id(base: Document) -> str:
    """The order's number from its text twin; the plain ``id`` may have been rounded."""
    return as_text(base.get("idOfStr")) or as_text(base.get("id"))


def shipped_somehow(order: ProviderOrder) -> bool:
    """Whether a logistics call can tell more: something was sent, and it did not end without success."""
    if order.state is ProviderState.CLOSED:
        return False
    ranks = [RANK.get(state, 0) for state in (order.state, *(line.state for line in order.lines))]
    return max(ranks) >= RANK[ProviderState.PARTLY_SHIPPED]


def payment(info: Document) -> Payment:
    """The paid fact. A term's pay time counts only where its status says the money was taken.

    A never-paid, cancelled order may carry a pay time; one whose terms were all cancelled before payment was not paid.
    """
    base, terms = as_dict(info.get("baseInfo")), as_list(info.get("tradeTerms"))
    codes = [as_text(term.get("payStatus")) for term in terms]
    never = bool(codes) and all(code == tables.CANCELLED_BEFORE_PAYMENT for code in codes)
    times = [] if never else [aop_date(base.get("payTime"))]
    times += [_earliest(term.get("payTime") for term in terms if _taken(term))]
    times += [_earliest(step.get("gmtPay") for step in _steps(base) if as_text(step.get("payStatus")) == "2")]
    at = next((moment for moment in times if moment is not None), None)
    return Payment(
        at=at,
        taken=at is not None or any(map(_taken, terms)),
        running=tables.PAY_RUNNING in codes,
        refunded=tables.FULLY_REFUNDED in codes or _refunded(base),
    )


def _taken(term: Document) -> bool:
    return as_text(term.get("payStatus")) in tables.MONEY_TAKEN


def _steps(base: Document) -> list[dict[str, Any]]:
    return as_list(base.get("newStepOrderList"))


def _earliest(values: Any) -> datetime | None:
    return min((moment for moment in map(aop_date, values) if moment is not None), default=None)


def _refunded(part: Document) -> bool:
    return "refunded" in (refund(part.get("refundStatus")), refund(part.get("refundStatusForAs")))


def refund(word: object) -> str:
    """Unified refund state of a refund word; empty is ``none``, a strange one ``unknown``."""
    text = as_text(word).lower()
    return tables.REFUNDS.get(text, "unknown") if text else "none"


def _state(word: str, take_in: ProviderState) -> ProviderState:
    return take_in if word == tables.TAKE_IN else tables.STATES.get(word, ProviderState.UNKNOWN)


def _line(
    item: Document,
    info: Document,
    main: ProviderState,
    take_in: ProviderState,
    paid: Payment,
    found: Sequence[parcels.Found],
) -> ProviderLine:
    base, word = as_dict(info.get("baseInfo")), as_text(item.get("status"))
    number = as_text(item.get("subItemIDString")) or as_text(item.get("subItemID"))
    state = _refined(_state(word, take_in) if word else main, as_text(item.get("logisticsStatus")))
    if state is ProviderState.SHIPPED and parcels.all_signed(found, number):
        state = ProviderState.DELIVERED
    return ProviderLine(
        provider_line_id=number,
        item_id=as_text(item.get("productID")),
        sku_id=as_text(item.get("skuID")),
        spec_id=as_text(item.get("specId")),
        quantity=as_quantity(item.get("quantity")),
        state=state,
        raw_status=word,
        close_reason=_line_reason(item, base, word, paid) if state is ProviderState.CLOSED else "",
        amount=_yuan(base, item.get("itemAmount")),
        title=as_text(item.get("name")),
        refund=_line_refund(item),
    )


def _refined(state: ProviderState, logistics: str) -> ProviderState:
    """The higher of the line's status and its logistics status, which never overrules an end or explains a new word."""
    at_least = tables.LOGISTICS.get(logistics)
    if at_least is None or state in FINAL_STATES or state is ProviderState.UNKNOWN:
        return state
    return max(state, at_least, key=RANK.__getitem__)


def _line_refund(item: Document) -> str:
    said = refund(item.get("refundStatus"))
    returned = as_text(item.get("logisticsStatus")) == tables.RETURNED
    return "return_sent" if said == "none" and returned else said


def _line_reason(item: Document, base: Document, word: str, paid: Payment) -> str:
    """Why a line was closed: its own words first, who closed the order where the line does not say."""
    own = as_text(item.get("closeReason")) or as_text(base.get("closeReason"))
    facts = {"closeReason": own, "closeOperateType": as_text(base.get("closeOperateType"))}
    finished = refund(item.get("refundStatus")) == "refunded" or paid.refunded
    return close_reason(word or as_text(base.get("status")), facts, paid.taken, finished)


def _order_reason(
    info: Document, main: ProviderState, state: ProviderState, lines: Sequence[ProviderLine], paid: Payment
) -> str:
    if state is not ProviderState.CLOSED:
        return ""
    base = as_dict(info.get("baseInfo"))
    if main is ProviderState.CLOSED:
        return close_reason(as_text(base.get("status")), base, paid.taken, paid.refunded)
    reasons = {line.close_reason for line in lines}
    return reasons.pop() if len(reasons) == 1 else "other"


def close_reason(word: str, facts: Document, taken: bool, refunded: bool) -> str:
    """Unified close reason from ``closeReason`` and ``closeOperateType``; the first that fits decides."""
    if word == "terminated":
        return "refunded"  # documented as ended by a full refund
    said = {key: as_text(facts.get(key)) for key in ("closeReason", "closeOperateType")}
    if said["closeReason"] == "BUYER_NO_PAY":
        return "unpaid_timeout"
    if said["closeOperateType"] == "CLOSE_TRADE_BY_SYSTEM":
        return "closed_by_platform" if taken else "unpaid_timeout"
    for key, value, reason in tables.CLOSE_REASONS:
        if said[key] == value:
            return reason
    return "refunded" if taken and refunded else "other"


def _deadline(info: Document) -> tuple[datetime | None, bool]:
    """(until when it must be paid, whether that is only assumed from how long the goods are held)."""
    base = as_dict(info.get("baseInfo"))
    created = aop_date(base.get("createTime"))
    if created is not None and as_text(base.get("payTimeoutType")) == "0" and as_int(base.get("payTimeout")):
        return later(created, base.get("payTimeout")), False
    live = [item for item in as_list(info.get("productItems")) if as_text(item.get("status")) != "cancel"]
    held = [moment for item in live if (moment := local_date(item.get("gmtPayExpireTime"))) is not None]
    return (min(held), True) if held else (None, False)


def _yuan(base: Document, value: object) -> Money | None:
    """CNY; None where the order names another currency, as its numbers are then no yuan."""
    return from_yuan(value) if as_text(base.get("currency")) in {"", "RMB", "CNY"} else None


def _seller_name(base: Document) -> str:
    contact = as_dict(base.get("sellerContact"))
    names = (contact.get("companyName"), contact.get("shopName"), base.get("sellerLoginId"))
    return next((text for text in map(as_text, names) if text), "")
