"""The create call's answer -> Placed, or the error that tells what may be repeated.

Any order id, at any level and beside any ``success``, means that an order exists. Without one it is a refusal only when
the marketplace gives a reason; else the outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from autopurchase.domain.errors import AutopurchaseError, BrokenAnswer
from autopurchase.domain.provider_order import ProviderOrder
from autopurchase.domain.purchase import Placed, PlacedLine, PlacedOrder, Purchase, PurchaseLine, RefusedLine
from autopurchase.providers.alibaba1688 import tables
from autopurchase.providers.alibaba1688.options import Options
from autopurchase.providers.alibaba1688.translate.asking import Group, groups
from autopurchase.providers.alibaba1688.translate.envelope import Fault, fault_of
from autopurchase.providers.alibaba1688.translate.scalars import from_fen
from autopurchase.providers.lenient import as_dict, as_list, as_text

Document = Mapping[str, Any]


def read(document: Document, raw: str, purchase: Purchase, options: Options) -> Placed:
    """What a create call made. Raises Refused for a reasoned no, BrokenAnswer when it may have happened."""
    orders = _orders(document)
    failed = _failed(document)
    refused, matched = _refused(failed, purchase, options)
    if not orders:
        raise _no_order(document, failed, refused, raw, options)
    known = len(orders) == 1 and matched
    lines = _lines(purchase, {line.number for line in refused}) if known else ()
    return Placed(orders=tuple(replace(order, lines=lines) for order in orders), refused=refused, raw=raw)


def _orders(document: Document) -> list[PlacedOrder]:
    """Every order id of the answer once, whatever level it stands at."""
    levels = [document, as_dict(document.get("result"))]
    single = [_single(level) for level in levels if as_text(level.get("orderId"))]
    listed = [_listed(one) for level in levels for one in as_list(level.get("orderList"))]
    found: dict[str, PlacedOrder] = {}
    for order in [*listed, *single]:
        if order.provider_order_id:
            found.setdefault(order.provider_order_id, order)
    return list(found.values())


def _single(level: Document) -> PlacedOrder:
    amounts = from_fen(level.get("totalSuccessAmount")), from_fen(level.get("postFee"))
    return PlacedOrder(as_text(level.get("orderId")), *amounts)


def _listed(one: Document) -> PlacedOrder:
    amounts = from_fen(one.get("orderAmmount")), from_fen(one.get("postFee"))  # sic
    return PlacedOrder(as_text(one.get("orderId")), *amounts)


def _failed(document: Document) -> list[dict[str, Any]]:
    levels = (document, as_dict(document.get("result")))
    return [entry for level in levels for entry in as_list(level.get("failedOfferList"))]


def _no_order(
    document: Document, failed: Sequence[Document], refused: Sequence[RefusedLine], raw: str, options: Options
) -> AutopurchaseError:
    fault = _reason(document, failed)
    if fault is None:
        return BrokenAnswer("The answer names neither an order nor a reason: it will be looked up.", raw=raw)
    words = f"{fault.code} {fault.text}".lower()
    if any(word in words for word in tables.REPEATED):
        return BrokenAnswer(f"The marketplace knows our reference already: {fault.text} It will be looked up.", raw=raw)
    numbers = ", ".join(line.number for line in refused)
    named = Fault(fault.code, f"{fault.text} ({numbers})") if numbers else fault
    return options.rules.error("create", named, raw)


def _reason(document: Document, failed: Sequence[Document]) -> Fault | None:
    """Why nothing was made; None when the answer gives no reason."""
    entries = [Fault(as_text(one.get("errorCode")), as_text(one.get("errorMessage"))) for one in failed]
    said = next((fault for fault in entries if fault.code or fault.text), None)
    whole = fault_of(document, found=False)
    if said is not None:
        return said
    return whole if whole is not None and (whole.code or whole.text) else None


def _refused(failed: Sequence[Document], purchase: Purchase, options: Options) -> tuple[tuple[RefusedLine, ...], bool]:
    """(our lines that were left out, whether every failure could be traced to lines of ours)."""
    found: dict[str, RefusedLine] = {}
    matched = True
    for entry in failed:
        fault = Fault(as_text(entry.get("errorCode")), as_text(entry.get("errorMessage")))
        cause, lines = options.rules.cause("create", fault), _lines_of(entry, purchase)
        matched = matched and bool(lines)
        words = " ".join(part for part in (fault.code, fault.text) if part)
        found.update({line.number: RefusedLine(line.number, cause, words) for line in lines})
    return tuple(found.values()), matched


def _lines_of(entry: Document, purchase: Purchase) -> list[PurchaseLine]:
    """Our lines of a failed offer; all lines of the offer where it names no spec."""
    offer, spec = as_text(entry.get("offerId")), as_text(entry.get("specId"))
    same = [group for group in groups(purchase) if group.item_id == offer]
    chosen = [group for group in same if group.spec_id == spec] if spec else same
    return [line for group in chosen for line in group.lines]


def _lines(purchase: Purchase, refused: set[str]) -> tuple[PlacedLine, ...]:
    return tuple(_placed(line) for line in purchase.lines if line.number not in refused)


def _placed(line: PurchaseLine, provider_line_id: str = "") -> PlacedLine:
    return PlacedLine(
        number=line.number,
        provider_line_id=provider_line_id,
        item_id=line.item_id,
        sku_id=line.sku_id,
        spec_id=line.spec_id,
        quantity=line.quantity,
    )


def with_lines(order: PlacedOrder, seen: ProviderOrder, purchase: Purchase) -> PlacedOrder:
    """The order with our lines found in its detail by (offer, spec), and amounts it lacked."""
    lines = tuple(placed for group in groups(purchase) for placed in _group_lines(group, seen))
    return replace(order, total=order.total or seen.total, freight=order.freight or seen.freight, lines=lines)


def _group_lines(group: Group, seen: ProviderOrder) -> list[PlacedLine]:
    for line in seen.lines:
        if line.item_id == group.item_id and line.spec_id == group.spec_id:
            return [_placed(ours, line.provider_line_id) for ours in group.lines]
    return []
