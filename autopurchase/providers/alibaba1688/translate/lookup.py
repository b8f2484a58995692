"""The item lookup: what is known of an offer, to explain what the preview refused. The preview stays the judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from autopurchase.domain.purchase import Preview, PreviewLine, Purchase
from autopurchase.providers.alibaba1688 import tables
from autopurchase.providers.alibaba1688.translate.asking import Group, groups
from autopurchase.providers.alibaba1688.translate.envelope import Rules, require
from autopurchase.providers.lenient import as_dict, as_int, as_list, as_text

Document = Mapping[str, Any]

#: causes that the offer's own facts may replace: the preview's codes for them mean two things, or nothing
VAGUE = frozenset({"unknown_refusal", "sku_mismatch", "mixed_sellers"})


@dataclass(frozen=True, slots=True)
class Offer:
    """Facts of an offer: ``stock`` and ``words`` by spec (``""`` for an offer without specs), pieces in a lot.

    ``words``: title and configuration as the marketplace writes them.
    """

    status: str
    minimum: int
    lot: int
    stock: Mapping[str, int | None]
    words: Mapping[str, str] = field(default_factory=dict)


def read(document: Document, raw: str, rules: Rules) -> Offer:
    """The offer of a lookup answer."""
    found = as_dict(as_dict(document.get("result")).get("result"))
    require(document, bool(found.get("offerId")), rules, "item", raw)
    infos = as_list(found.get("productSkuInfos"))
    specs = {as_text(one.get("specId")): as_int(one.get("amountOnSale")) for one in infos}
    title = as_text(found.get("subject"))
    whole = as_int(as_dict(found.get("productSaleInfo")).get("amountOnSale"))
    return Offer(
        status=as_text(found.get("status")),
        minimum=as_int(found.get("minOrderQuantity")) or 1,
        lot=as_int(found.get("batchNumber")) or 1,
        stock=specs or {"": whole},
        words={as_text(one.get("specId")): _words(title, one) for one in infos} or {"": title},
    )


def _words(title: str, info: Mapping[str, Any]) -> str:
    values = (as_text(one.get("value")) for one in as_list(info.get("skuAttributes")))
    return " · ".join(filter(None, (title, *values)))


def explained(preview: Preview, purchase: Purchase, offers: Mapping[str, Offer]) -> Preview:
    """The preview with stock, and with clearer causes on refused lines, from the ``offers`` by item id."""
    known = {line.number: (group, offers[group.item_id]) for group in groups(purchase) for line in group.lines
             if group.item_id in offers}  # fmt: skip
    lines = tuple(_explained(line, *known[line.number]) if line.number in known else line for line in preview.lines)
    lots = [words for group in groups(purchase) if (words := _lot_warning(group, offers.get(group.item_id)))]
    return replace(preview, lines=lines, warnings=(*preview.warnings, *lots))


def _explained(line: PreviewLine, group: Group, offer: Offer) -> PreviewLine:
    line = replace(line, stock=offer.stock.get(group.spec_id), words=offer.words.get(group.spec_id, ""))
    clearer = _cause(group, offer) if line.cause in VAGUE else None
    if clearer is None:
        return line
    return replace(line, cause=clearer[0], text=f"{clearer[1]} {line.text}".strip())


def _cause(group: Group, offer: Offer) -> tuple[str, str] | None:
    """(cause, words) that the offer's facts give, if any."""
    if offer.status and offer.status != tables.ON_SALE:
        return "item_unavailable", f"The offer is “{offer.status}”."
    if group.spec_id not in offer.stock:
        return "sku_mismatch", "The offer has no such spec."
    stock = offer.stock[group.spec_id]
    if stock is not None and stock < group.quantity:
        return "out_of_stock", f"Only {stock} in stock."
    if group.quantity < offer.minimum:
        return "below_minimum", f"The minimum is {offer.minimum}."
    return None


def _lot_warning(group: Group, offer: Offer | None) -> str:
    if offer is None or offer.lot <= 1 or group.quantity % offer.lot == 0:
        return ""
    return f"Offer {group.item_id} is sold in lots of {offer.lot}; {group.quantity} were asked for."
