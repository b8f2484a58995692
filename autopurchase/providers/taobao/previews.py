"""Items and previews of Taobao Global: from public ids to distribution ids, prices and causes per line. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from autopurchase.domain.money import Money, from_fen
from autopurchase.domain.purchase import OrderIds, Preview, PreviewLine, Purchase, PurchaseLine
from autopurchase.providers.lenient import as_dict, as_int, as_list, as_text
from autopurchase.providers.taobao.translate import Reader, fen, line_totals


@dataclass(frozen=True, slots=True)
class Sku:
    """One configuration: distribution id, stock in pieces, unit price before the preview, its options in words."""

    mp_sku_id: str
    stock: int | None
    price: Money | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An item as `/product/get` shows it; an empty ``mp_id`` cannot be ordered, ``text`` says why where it was said."""

    mp_id: str
    minimum: int = 1
    skus: Mapping[str, Sku] | None = None
    text: str = ""
    title: str = ""


def item(data: Mapping[str, Any], price_field: str) -> Item:
    """The item of a `/product/get` answer; SKUs by public id."""
    skus = {
        as_text(sku.get("sku_id")): Sku(
            mp_sku_id=as_text(sku.get("mp_skuId")),
            stock=as_int(sku.get("quantity")),
            price=fen(as_int(sku.get(price_field)) or as_int(sku.get("price"))),
            words=_options(as_list(sku.get("properties"))),
        )
        for sku in as_list(data.get("sku_list"))
    }
    minimum = as_int(data.get("begin_amount")) or 1
    return Item(as_text(data.get("mp_id")), minimum, skus, title=as_text(data.get("title")))


def _options(properties: Sequence[Mapping[str, Any]]) -> str:
    named = ((as_text(each.get("prop_name")), as_text(each.get("value_name"))) for each in properties)
    return "; ".join(f"{name}: {value}" if name else value for name, value in named if value)


def order_ids(line: PurchaseLine, found: Item) -> OrderIds | None:
    """The distribution ids of a line; without that of its SKU where the item has no such one, None without an item."""
    sku = (found.skus or {}).get(line.sku_id)
    return OrderIds(found.mp_id, sku.mp_sku_id if sku else "") if found.mp_id else None


def prepare(line: PurchaseLine, found: Item, wanted: int) -> PreviewLine:
    """The line against its item: distribution ids, or the cause why it cannot be ordered.

    ``wanted`` is how many pieces of the same SKU the whole purchase takes; stock is compared with it.
    """
    skus = found.skus or {}
    sku = skus.get(line.sku_id) if line.sku_id or len(skus) != 1 else next(iter(skus.values()))
    if not found.mp_id:
        return _held(line, "item_unavailable", found.text or "The marketplace does not offer this item.")
    if sku is None or not sku.mp_sku_id:
        return _held(line, "sku_mismatch", f"The item has no configuration {line.sku_id or '(none was chosen)'}.")
    if line.quantity < found.minimum:
        return _held(line, "below_minimum", f"At least {found.minimum} pieces must be ordered.", sku)
    if sku.stock is not None and sku.stock < wanted:
        return _held(line, "out_of_stock", f"{sku.stock} in stock, {wanted} wanted.", sku)
    ids = {"mp_id": found.mp_id, "mp_sku_id": sku.mp_sku_id}
    words = " · ".join(filter(None, (found.title, sku.words)))
    return PreviewLine(line.number, price=sku.price, stock=sku.stock, words=words, prepared=ids)


def _held(line: PurchaseLine, cause: str, text: str, sku: Sku | None = None) -> PreviewLine:
    stock, price = (sku.stock, sku.price) if sku else (None, None)
    return PreviewLine(line.number, price=price, stock=stock, cause=cause, text=text)


def wanted(purchase: Purchase, line: PurchaseLine) -> int:
    """Pieces of the line's SKU in the whole purchase."""
    same = (other for other in purchase.lines if (other.item_id, other.sku_id) == (line.item_id, line.sku_id))
    return sum(other.quantity for other in same)


def ready(line: PurchaseLine, checked: PreviewLine) -> PurchaseLine:
    """The line with what the check resolved; a price it already has stays."""
    return replace(line, prepared=checked.prepared, price=line.price or checked.price)


def preview(
    purchase: Purchase, checked: Sequence[PreviewLine], data: Mapping[str, Any], reader: Reader, raw: str
) -> Preview:
    """The preview from the render answer ``data``; ``checked`` are the lines after `prepare`, in purchase order."""
    groups = as_list(data.get("render_item_list"))
    infos = [info for group in groups for info in as_list(group.get("item_price_infos"))]
    freight = sum(_amount(group.get("mainland_shipping_fee")) or 0 for group in groups)
    total = _amount(data.get("total_real_pay_price"))
    amounts = _subtotals(infos, freight, total)
    refused = {_key(entry): entry for entry in as_list(data.get("unavailable_sku_list"))}
    quantities = {line.number: line.quantity for line in purchase.lines}
    lines = tuple(_line(line, quantities[line.number], infos, amounts, refused, reader) for line in checked)
    return Preview(
        lines=lines,
        goods=from_fen(sum(amounts)) if infos else None,
        freight=from_fen(freight) if groups else None,
        total=fen(total) if infos else None,
        warnings=_warnings(sum(amounts), freight, total) if infos else (),
        raw=raw,
    )


def _subtotals(infos: Sequence[Mapping[str, Any]], freight: int, total: int | None) -> list[int]:
    """``discount_price`` as line subtotals; as unit prices when only so the sum fits the total (mapping 4.3)."""
    given = [_amount(info.get("discount_price")) for info in infos]
    quantities = [as_int(info.get("quantity")) or 0 for info in infos]
    return [amount or 0 for amount in line_totals(given, quantities, None if total is None else total - freight)]


def _line(
    line: PreviewLine,
    quantity: int,
    infos: Sequence[Mapping[str, Any]],
    amounts: Sequence[int],
    refused: Mapping[tuple[str, str], Mapping[str, Any]],
    reader: Reader,
) -> PreviewLine:
    if line.cause:
        return line
    key = (line.prepared["mp_id"], line.prepared["mp_sku_id"])
    if key in refused:
        return _refused(line, refused[key], reader)
    same = [place for place, info in enumerate(infos) if _key(info) == key]
    pieces = sum(as_int(infos[place].get("quantity")) or 0 for place in same)
    if not pieces:
        return replace(line, cause="unknown_refusal", text="The preview left this line out.")
    unit = Decimal(sum(amounts[place] for place in same)) / pieces
    return replace(line, price=_rounded(unit), amount=_rounded(unit * quantity))


def _refused(line: PreviewLine, entry: Mapping[str, Any], reader: Reader) -> PreviewLine:
    code = as_text(entry.get("error_code"))
    words = dict.fromkeys(as_text(entry.get(key)) for key in ("reason", "error_msg"))
    text = " ".join(word for word in words if word)
    cause = reader.cause("/purchase/order/render", code, text)
    return replace(line, cause=cause, text=text or code or "The marketplace gave no reason.")


def _key(entry: Mapping[str, Any]) -> tuple[str, str]:
    return as_text(entry.get("item_id")), as_text(entry.get("sku_id"))


def _rounded(value: Decimal) -> Money:
    return from_fen(int(value.to_integral_value(ROUND_HALF_UP)))


def _amount(value: object) -> int | None:
    """Fen of ``{amount, currency}``; of a bare number too."""
    return as_int(as_dict(value).get("amount")) if isinstance(value, dict) else as_int(value)


def _warnings(goods: int, freight: int, total: int | None) -> tuple[str, ...]:
    if total is None:
        return ("The preview names no total.",)
    if goods + freight == total:
        return ()
    parts = f"goods {from_fen(goods)} + freight {from_fen(freight)}"
    return (f"The preview does not add up: {parts} is not its total {from_fen(total)}.",)
