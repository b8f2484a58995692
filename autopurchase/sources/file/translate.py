"""From the rows of one order to the order; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.order import FINAL, LineStatus
from autopurchase.domain.shop import ShopLine, ShopOrder
from autopurchase.sources.file import cells
from autopurchase.sources.file.columns import ITEM, REQUIRED, Row, extras

_SHIPPED = FINAL | {LineStatus.SHIPPED}


@dataclass(frozen=True, slots=True)
class Header:
    """What a row says of its order; ``None`` and ``""`` mean not stated."""

    number: str
    currency: str
    created_at: datetime
    paid_at: datetime | None
    paid_amount: Money | None
    order_total: Money | None
    delivery_cost: Money | None
    delivery_service: str
    customer: str


#: what rows of one order must agree on, where they state it
_AGREED = ("currency", "created_at", "paid_at", "paid_amount", "order_total", "delivery_cost")
_FIELDS = (*_AGREED, "delivery_service", "customer")


def header_cells(row: Row) -> tuple[str | None, ...]:
    """The cells that `header` reads: rows in which they are alike say the same of the order."""
    return tuple(map(row.get, ("order_number", *_FIELDS)))


def header(row: Row, decimal_comma: bool) -> Header:
    """The order's part of a row. Raises BadInput."""
    check_required(row)
    code = cells.currency(row["currency"])

    def money(name: str) -> Money | None:
        text = row.get(name)
        return cells.amount(name, text, code, decimal_comma) if text else None

    paid_at = row.get("paid_at")
    return Header(
        number=cells.exact("order_number", row["order_number"]),
        currency=code,
        created_at=cells.moment("created_at", row["created_at"]),
        paid_at=cells.moment("paid_at", paid_at) if paid_at else None,
        paid_amount=money("paid_amount"),
        order_total=money("order_total"),
        delivery_cost=money("delivery_cost"),
        delivery_service=row.get("delivery_service", ""),
        customer=row.get("customer", ""),
    )


def line(row: Row, currency: str, decimal_comma: bool, providers: frozenset[str]) -> ShopLine:
    """The line's part of a row. Raises BadInput."""
    number, line_no = row["order_number"], cells.count("line_no", row["line_no"])
    quantity = cells.count("quantity", row["quantity"])
    stated = cells.status(row["status"]) if row.get("status") else None
    return ShopLine(
        external_id=f"{number}-{line_no}",
        line_no=line_no,
        **_item(row, providers),
        quantity=quantity,
        open_quantity=0 if stated in _SHIPPED else quantity,
        unit_price=cells.amount("unit_price", row["unit_price"], currency, decimal_comma),
        reference_price=_reference_price(row, decimal_comma),
        status=stated.value if stated else "",
        weight_grams=cells.grams(row["weight"]) if row.get("weight") else None,
        extras=extras(row),
        **_texts(row),
    )


def merge(known: Header, new: Header) -> Header:
    """Both rows' word on the order, the first to state something wins. Raises BadInput when they contradict."""
    for name in _AGREED:
        old, now = getattr(known, name), getattr(new, name)
        if old is not None and now is not None and old != now:
            raise BadInput(
                f"{name} is {_text(now)} here but {_text(old)} in an earlier row of order {known.number}: "
                "rows of one order must agree."
            )
    missing = [name for name in _FIELDS if not getattr(known, name)]
    return replace(known, **{name: getattr(new, name) for name in missing}) if missing else known


def order(head: Header, lines: Sequence[ShopLine], goods: Money) -> ShopOrder:
    """The order; ``goods`` is the sum of its lines, those of earlier places in the file included."""
    total = head.order_total or (goods + head.delivery_cost if head.delivery_cost else goods)
    statuses = [LineStatus(each.status) for each in lines if each.status]
    return ShopOrder(
        external_id=head.number,
        number=head.number,
        state=_state(statuses) if len(statuses) == len(lines) else "open",
        currency=head.currency,
        total=total,
        paid=_paid(head, statuses, total),
        refunded=Money(0, head.currency),
        created_at=head.created_at,
        paid_at=head.paid_at,
        customer=head.customer,
        goods_total=goods,
        delivery_cost=head.delivery_cost,
        delivery_service=head.delivery_service,
        lines=tuple(lines),
    )


def goods_total(lines: Sequence[ShopLine], currency: str) -> Money:
    """Sum of the lines that are not cancelled."""
    live = (each for each in lines if each.status != LineStatus.CANCELLED)
    return sum((each.unit_price * each.quantity for each in live), Money(0, currency))


def check_required(row: Row) -> None:
    """Raise BadInput naming the needed cells that are empty."""
    empty = [name for name in (REQUIRED if row.get("product_key") else ITEM + REQUIRED) if not row.get(name)]
    if empty:
        raise BadInput(f"{', '.join(empty)} must be filled in.")


def _item(row: Row, providers: frozenset[str]) -> dict[str, str]:
    """What to buy, and the product that was sold: its own id, else the item and its configuration."""
    given = cells.exact("product_key", row.get("product_key", ""))
    if given and not (row.get("provider") and row.get("item_id")):
        return {"provider": "", "item_id": "", "product_key": given, "unclear": _UNCLEAR}
    provider, item_id = _provider(row["provider"], providers), cells.identifier("item_id", row["item_id"])
    parts = (provider, item_id, row.get("sku_id") or row.get("spec_id") or "")
    return {"provider": provider, "item_id": item_id, "product_key": given or ":".join(filter(None, parts))}


_UNCLEAR = "The row names no item to buy, only the shop's product."


def _provider(text: str, providers: frozenset[str]) -> str:
    slug = text.lower()
    if slug not in providers:
        raise BadInput(f"provider “{text[:80]}” is not known; it is one of: {', '.join(sorted(providers))}.")
    return slug


def _reference_price(row: Row, decimal_comma: bool) -> Money | None:
    text = row.get("reference_price")
    return cells.amount("reference_price", text, "CNY", decimal_comma) if text else None


def _texts(row: Row) -> dict[str, Any]:
    """The cells that stay text."""
    plain = ("title", "configuration", "configuration_original", "seller_name", "customer_comment")
    return {
        **{name: cells.identifier(name, row[name]) if row.get(name) else "" for name in ("sku_id", "spec_id")},
        **{name: cells.link(name, row[name]) if row.get(name) else "" for name in ("item_url", "photo_url")},
        "seller_id": cells.exact("seller_id", row.get("seller_id", "")),
        **{name: row.get(name, "") for name in plain},
    }


def _state(statuses: Sequence[LineStatus]) -> str:
    if all(status is LineStatus.CANCELLED for status in statuses):
        return "cancelled"
    return "closed" if all(status in FINAL for status in statuses) else "open"


def _paid(head: Header, statuses: Sequence[LineStatus], total: Money) -> Money:
    """The amount stated; else everything when a time of payment or every live status says paid; else nothing."""
    if head.paid_amount is not None:
        return head.paid_amount
    live = [status for status in statuses if status is not LineStatus.CANCELLED]
    beyond = bool(live) and LineStatus.AWAITING_PAYMENT not in live
    return total if head.paid_at or beyond else Money(0, head.currency)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
