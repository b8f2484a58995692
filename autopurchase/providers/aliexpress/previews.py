"""Items and previews of AliExpress: a line against its item and its deliveries, prices and causes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autopurchase.domain.money import Money
from autopurchase.domain.purchase import Preview, PreviewLine, Purchase, PurchaseLine
from autopurchase.providers.aliexpress.tables import ON_SALE
from autopurchase.providers.aliexpress.translate import Facts, Options, Reader, money, several
from autopurchase.providers.lenient import as_dict, as_flag, as_int, as_text

SUCCESS = "200"


@dataclass(frozen=True, slots=True)
class Sku:
    """One configuration: the key to order it with, stock, unit price, its options in words."""

    sku_id: str
    attr: str
    stock: int | None
    price: Money | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it is sold now; ``cause`` and ``text`` say why it is not."""

    skus: Mapping[str, Sku] = field(default_factory=dict)
    title: str = ""
    cause: str = ""
    text: str = ""


def item(body: Facts, reader: Reader) -> Item:
    """The item of a product.get answer."""
    result, code, text = as_dict(body.get("result")), as_text(body.get("rsp_code")), as_text(body.get("rsp_msg"))
    base = as_dict(result.get("ae_item_base_info_dto"))
    if code not in ("", SUCCESS) or not result:
        return Item(cause=reader.cause("item", code, text), text=text or "The marketplace does not show this item.")
    if as_text(base.get("product_status_type")) != ON_SALE:
        return Item(cause="item_unavailable", text="The item is not on sale.")
    currency = as_text(base.get("currency_code"))
    skus = [_sku(each, currency) for each in several(result.get("ae_item_sku_info_dtos"))]
    return Item({sku.sku_id: sku for sku in skus if sku.sku_id}, as_text(base.get("subject")))


def _sku(facts: Facts, currency: str) -> Sku:
    properties = several(facts.get("ae_sku_property_dtos"))
    named = [(as_text(each.get("sku_property_name")), _value(each)) for each in properties]
    price = as_text(facts.get("offer_sale_price")) or as_text(facts.get("sku_price"))
    return Sku(
        sku_id=as_text(facts.get("sku_id")),
        attr=as_text(facts.get("sku_attr")) or as_text(facts.get("id")),
        stock=as_int(facts.get("sku_available_stock")),
        price=money(price, as_text(facts.get("currency_code")) or currency),
        words="; ".join(f"{name}: {value}" for name, value in named if value),
    )


def _value(facts: Facts) -> str:
    return as_text(facts.get("property_value_definition_name")) or as_text(facts.get("sku_property_value"))


def prepare(line: PurchaseLine, found: Item, wanted: int) -> PreviewLine:
    """The line against its item: the key to order with, or the cause why it cannot be ordered.

    ``wanted`` is how many pieces of the same SKU the whole purchase takes; stock is compared with it.
    """
    if found.cause:
        return PreviewLine(line.number, cause=found.cause, text=found.text)
    sku = chosen(line, found)
    if sku is None:
        text = f"The item has no configuration {line.sku_id or '(none was chosen)'}."
        return PreviewLine(line.number, cause="sku_mismatch", text=text)
    known = PreviewLine(line.number, price=sku.price, stock=sku.stock)
    if line.quantity < 1:
        return replace(known, cause="below_minimum", text="At least 1 piece must be ordered.")
    if sku.stock is not None and sku.stock < wanted:
        return replace(known, cause="out_of_stock", text=f"{sku.stock} in stock, {wanted} wanted.")
    if sku.price is None:
        return replace(known, cause="unknown_refusal", text="The marketplace names no price.")
    words = " · ".join(filter(None, (found.title, sku.words)))
    prepared = {"sku_id": sku.sku_id, "sku_attr": sku.attr}
    return replace(known, amount=sku.price * line.quantity, words=words, prepared=prepared)


def chosen(line: PurchaseLine, found: Item) -> Sku | None:
    """The SKU of a line; the only one there is where none was named."""
    if not line.sku_id and len(found.skus) == 1:
        return next(iter(found.skus.values()))
    return found.skus.get(line.sku_id)


def wanted(purchase: Purchase, line: PurchaseLine) -> int:
    """Pieces of the line's SKU in the whole purchase."""
    same = (other for other in purchase.lines if (other.item_id, other.sku_id) == (line.item_id, line.sku_id))
    return sum(other.quantity for other in same)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A way to send a line, and what it costs; an empty ``code``: none, ``cause`` and ``text`` say why."""

    code: str = ""
    fee: Money | None = None
    cause: str = ""
    text: str = ""


def delivery(body: Facts, options: Options, reader: Reader) -> Delivery:
    """The delivery that the session wants among those of a freight.query answer."""
    result = as_dict(body.get("result"))
    ways = [_way(each) for each in several(result.get("delivery_options")) if as_text(each.get("code"))]
    if as_flag(result.get("success")) is False or not ways:
        code, text = as_text(result.get("code")), as_text(result.get("msg"))
        cause = reader.cause("freight", code, text) if code not in ("", SUCCESS) else "item_unavailable"
        return Delivery(cause=cause, text=text or "Nobody delivers it to the session's address.")
    if options.delivery:
        wanted_one = next((way for way, _ in ways if way.code == options.delivery), None)
        return wanted_one or Delivery(
            cause="item_unavailable", text=f"{options.delivery} does not deliver it; there are {_names(ways)}."
        )
    tracked = [way for way, is_tracked in ways if is_tracked] or [way for way, _ in ways]
    return min(tracked, key=lambda way: (way.fee is None, way.fee.minor if way.fee else 0))


def _way(facts: Facts) -> tuple[Delivery, bool]:
    """``shipping_fee_cent`` is in major units all the same, as in the official sample."""
    currency = as_text(facts.get("shipping_fee_currency"))
    free = as_flag(facts.get("free_shipping")) is True
    fee = Money(0, currency) if free and currency else money(facts.get("shipping_fee_cent"), currency)
    return Delivery(as_text(facts.get("code")), fee), as_flag(facts.get("tracking")) is not False


def _names(ways: Sequence[tuple[Delivery, bool]]) -> str:
    return ", ".join(way.code for way, _ in ways)


def preview(
    lines: Sequence[PreviewLine],
    deliveries: Mapping[str, Delivery],
    answers: Sequence[Mapping[str, Any]],
    reader: Reader,
) -> Preview:
    """The preview of checked ``lines``; ``deliveries``: of those that can be bought, by our number."""
    checked = tuple(_with_delivery(line, deliveries.get(line.number)) for line in lines)
    fees = [deliveries[line.number].fee for line in checked if not line.cause]
    amounts = [line.amount for line in checked if not line.cause]
    goods, freight = _sum(amounts), _sum(fees)
    one = goods is not None and freight is not None and goods.currency == freight.currency
    total = goods + freight if goods is not None and freight is not None and one else None
    return Preview(
        lines=checked,
        goods=goods,
        freight=freight,
        total=total,
        warnings=() if total or not amounts else ("The preview names no total.",),
        raw=reader.raw(list(answers)),
    )


def _with_delivery(line: PreviewLine, way: Delivery | None) -> PreviewLine:
    if line.cause or way is None:
        return line
    if not way.code:
        return replace(line, cause=way.cause, text=way.text)
    return replace(line, prepared={**line.prepared, "delivery": way.code})


def _sum(amounts: Sequence[Money | None]) -> Money | None:
    known = [amount for amount in amounts if amount is not None]
    if not known or len(known) < len(amounts) or len({amount.currency for amount in known}) > 1:
        return None
    return Money(sum(amount.minor for amount in known), known[0].currency)


def prepared(purchase: Purchase, found: Mapping[str, PreviewLine]) -> Purchase:
    """The purchase with what its preview found; a price it already has stays."""
    lines = tuple(
        replace(line, prepared=found[line.number].prepared, price=line.price or found[line.number].price)
        for line in purchase.lines
    )
    return replace(purchase, lines=lines)
