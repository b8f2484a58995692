"""Orders of AliExpress in our vocabulary (mapping 2.5). Pure.

An order tells its lines without numbers of their own and without what happened to each: they share the order's state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from autopurchase.domain.money import Money
from autopurchase.domain.provider_order import Parcel, ProviderLine, ProviderOrder, ProviderState
from autopurchase.providers.aliexpress.tables import FINISHED, NO_TRACKING, RECEIVED, STATES
from autopurchase.providers.aliexpress.translate import Facts, Reader, money, several
from autopurchase.providers.lenient import as_dict, as_int, as_text


def order(number: str, result: Facts, reader: Reader) -> ProviderOrder:
    """The answer of order.get. Its amount is what is to be paid; times come without a zone."""
    children = several(result.get("child_order_list"))
    state = state_of(result, children)
    created = moment(result.get("gmt_create"), reader.options.zone)
    unpaid = state is ProviderState.UNPAID
    return ProviderOrder(
        provider_order_id=number,
        state=state,
        raw_status=as_text(result.get("order_status")),
        number_shown=number,
        reference=None,
        close_reason="other" if state is ProviderState.CLOSED else "",
        payable=unpaid,
        total=money(result.get("order_amount")) or money(result.get("user_order_amount")),
        freight=_freight(children),
        seller_name=as_text(as_dict(result.get("store_info")).get("store_name")),
        created_at=created,
        modified_at=None,
        paid_at=moment(result.get("order_paidtime_string"), reader.options.zone),
        pay_deadline=_deadline(created, result) if unpaid else None,
        lines=_lines(children, state),
        complete=True,
        raw=reader.raw(result),
    )


def state_of(result: Facts, children: Sequence[Facts]) -> ProviderState:
    """State of an order. FINISH is success only when the goods were received: it ends cancelled orders too."""
    word = as_text(result.get("order_status"))
    if word != FINISHED:
        return STATES.get(word, ProviderState.UNKNOWN)
    ended = [as_text(child.get("end_reason")) for child in children]
    received = as_text(result.get("logistics_status")) == RECEIVED
    return ProviderState.COMPLETED if received and not all(ended or [""]) else ProviderState.CLOSED


def _lines(children: Sequence[Facts], state: ProviderState) -> tuple[ProviderLine, ...]:
    seen: Counter[str] = Counter()
    found = []
    for child in children:
        sku = as_text(child.get("sku_id")) or as_text(child.get("product_id"))
        seen[sku] += 1
        found.append(_line(child, sku if seen[sku] == 1 else f"{sku}#{seen[sku]}", state))
    return tuple(found)


def _line(child: Facts, line_id: str, state: ProviderState) -> ProviderLine:
    ended = as_text(child.get("end_reason"))
    own = ProviderState.CLOSED if ended else state
    return ProviderLine(
        provider_line_id=line_id,
        item_id=as_text(child.get("product_id")),
        sku_id=as_text(child.get("sku_id")),
        quantity=as_int(child.get("product_count")) or 0,
        state=ProviderState.UNKNOWN if own is ProviderState.PARTLY_SHIPPED else own,
        raw_status=ended,
        close_reason="other" if own is ProviderState.CLOSED else "",
        amount=_amount(child),
        title=as_text(child.get("product_name")),
    )


def _amount(child: Facts) -> Money | None:
    """What the goods of a line cost, without delivery."""
    sale, discount = money(child.get("sale_fee")), money(child.get("sale_discount_fee"))
    if sale is not None:
        return sale - discount if discount and discount.currency == sale.currency else sale
    price, count = money(child.get("product_price")), as_int(child.get("product_count"))
    return price * count if price is not None and count else None


def _freight(children: Sequence[Facts]) -> Money | None:
    fees = [money(child.get("actual_shipping_fee")) or money(child.get("shipping_fee")) for child in children]
    known = [fee for fee in fees if fee is not None]
    if not known or len(known) < len(fees) or len({fee.currency for fee in known}) > 1:
        return None
    return Money(sum(fee.minor for fee in known), known[0].currency)


def _deadline(created: datetime | None, result: Facts) -> datetime | None:
    seconds = as_int(result.get("pay_timeout_second"))
    return created + timedelta(seconds=seconds) if created and seconds and seconds < 10**8 else None


def moment(value: object, zone: ZoneInfo) -> datetime | None:
    """A wall clock of ``zone``, or milliseconds since 1970; None for what is no time."""
    number, text = as_int(value), as_text(value)
    try:
        if number is not None:
            return datetime.fromtimestamp(number / 1000, UTC) if number > 0 else None
        local = datetime.fromisoformat(text)
        return (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


# --- parcels ---


def with_tracking(known: ProviderOrder, result: Facts, zone: ZoneInfo) -> ProviderOrder:
    """The order with its parcels. What the words of their nodes mean is not documented, so nothing counts as signed."""
    if as_text(result.get("code")) == NO_TRACKING:
        return known
    details = several(as_dict(result.get("data")).get("tracking_detail_line_list"))
    parcels = [parcel for parcel in (_parcel(each, known, zone) for each in details) if parcel.number]
    return replace(known, parcels=tuple({parcel.number: parcel for parcel in parcels}.values()))


def _parcel(detail: Facts, known: ProviderOrder, zone: ZoneInfo) -> Parcel:
    nodes = several(detail.get("detail_node_list"))
    times = [time for node in nodes if (time := moment(node.get("time_stamp"), zone))]
    inside = {as_text(item.get("item_id")) for item in several(detail.get("package_item_list"))}
    return Parcel(
        carrier=as_text(detail.get("carrier_name")),
        number=as_text(detail.get("mail_no")),
        raw_status=as_text(nodes[0].get("tracking_name")) if nodes else "",
        shipped_at=min(times, default=None),
        provider_line_ids=tuple(line.provider_line_id for line in known.lines if line.item_id in inside),
    )
