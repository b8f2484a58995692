"""Mappings: what is bought at a provider for a product of a shop. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from autopurchase.domain.errors import BadInput

#: the cause of lines of which it is not known what to buy
NEEDS_MAPPING = "needs_mapping"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_MOST = 10_000
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """What to buy: item, configuration (``sku_id`` at Taobao, ``spec_id`` at 1688) and seller at ``provider``.

    ``ratio``: pieces bought for one sold. An empty seller means: the source's own, where it names the same item.
    """

    provider: str = ""
    item_id: str = ""
    sku_id: str = ""
    spec_id: str = ""
    ratio: int = 1
    seller_id: str = ""
    seller_name: str = ""
    item_url: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values, for storing."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Target:
        """The reverse of `as_json`; what is missing is empty."""
        return cls(**{field.name: data[field.name] for field in fields(cls) if field.name in data})


def checked(target: Target, providers: Collection[str]) -> Target:
    """The target without stray spaces. Raises BadInput that says what is wrong with it."""
    words = {name: str(value).strip() for name, value in target.as_json().items() if name != "ratio"}
    if words["provider"] not in providers:
        raise BadInput(f"The provider “{words['provider']}” is not one of: {', '.join(sorted(providers))}.")
    if not words["item_id"]:
        raise BadInput("A mapping names the item to buy: give its id, or its link.")
    for name in ("item_id", "sku_id", "spec_id"):
        if words[name] and not _ID.fullmatch(words[name]):
            raise BadInput(f"{name} “{words[name][:80]}” is no id: letters, digits, “-” and “_”.")
    if words["item_url"] and not words["item_url"].lower().startswith(("https://", "http://")):
        raise BadInput(f"The link “{words['item_url'][:80]}” is no web address: it begins with https://.")
    if not 1 <= target.ratio <= _MOST:
        raise BadInput(f"The ratio is {target.ratio}: it is a whole number from 1 to {_MOST:,}.")
    return Target(ratio=target.ratio, **{name: word[:_LONGEST] for name, word in words.items()})


def bought_as(own: Mapping[str, Any], mapped: Target | None) -> dict[str, Any]:
    """The columns of a line that say what is bought for it: the source's ``own`` word, or a mapping in its place.

    ``own`` has the fields of `Target` (no ratio) and ``unclear``. ``own_target`` keeps it beside a mapping.
    """
    if mapped is None:
        return {**own, "ratio": 1, "own_target": None}
    same = (own["provider"], own["item_id"]) == (mapped.provider, mapped.item_id)
    seller = mapped if mapped.seller_id or not same else None
    return {
        **mapped.as_json(),
        "seller_id": seller.seller_id if seller else own["seller_id"],
        "seller_name": seller.seller_name if seller else own["seller_name"],
        "item_url": mapped.item_url or (own["item_url"] if same else ""),
        "unclear": "",
        "own_target": dict(own),
    }


#: fields of the source's own word, and the columns that `bought_as` gives
OWN = ("provider", "item_id", "sku_id", "spec_id", "seller_id", "seller_name", "item_url", "unclear")
COLUMNS = frozenset({*OWN, "ratio", "own_target"})


def own_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The source's own word on a stored line, whatever a mapping or a person put in its place."""
    kept: dict[str, Any] | None = row["own_target"]
    shop = (row["amended"] or {}).get("shop", {})  # what a person changed is not the source's word
    return dict(kept) if kept is not None else {name: shop.get(name, row[name]) for name in OWN}
