"""What a line of a shop's order is to be bought as: link, item and sku; pure."""

from __future__ import annotations

from dataclasses import dataclass

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money, from_yuan
from autopurchase.sources.links import Item, item_of, resolve


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item with the sku as each provider names it: ``sku_id`` at Taobao, ``spec_id`` at 1688.

    ``unclear``: the sentence that says why it is not known; a mapping of the product may say it instead.
    """

    link: str
    provider: str = ""
    item_id: str = ""
    sku_id: str = ""
    spec_id: str = ""
    unclear: str = ""


def wanted(own: str, general: str, own_sku: str = "", general_sku: str = "", product_key: str = "") -> Wanted:
    """What to buy for a line. ``own``: link and sku of the line itself; ``general``: those of its product.

    The line's own link comes first. The product's sku belongs to the product's link, so it counts only when both show
    the same item. Raises BadInput when neither link shows an item and the line has no product that could be mapped.
    """
    link = own or general
    try:
        item = resolve(link)
    except BadInput as reason:
        if not product_key:
            raise
        return Wanted(link, unclear=reason.sentence)
    product_sku = general_sku if _same_item(own, general) else ""
    in_link = (item.sku_id, product_sku) if own else (product_sku, item.sku_id)
    return _wanted(link, item, own_sku or next(filter(None, in_link), ""))


def _wanted(link: str, item: Item, sku: str) -> Wanted:
    if item.provider == "alibaba1688":
        return Wanted(link, item.provider, item.item_id, spec_id=sku)
    return Wanted(link, item.provider, item.item_id, sku_id=sku)


def _same_item(own: str, general: str) -> bool:
    """Whether two links, where both are there, show one item."""
    if not own or not general:
        return True
    one, other = item_of(own), item_of(general)
    return one is not None and other is not None and one[:2] == other[:2]


def yuan(text: str) -> Money | None:
    """A price at the marketplace as the shop noted it; None for no text. Raises BadInput for text that is none."""
    try:
        return from_yuan(text) if text else None
    except (ArithmeticError, ValueError) as error:
        raise BadInput(f"The price “{text[:80]}” at the marketplace is no amount in yuan like 12.50.") from error
