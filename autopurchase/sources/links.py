"""Which item of which provider a link shows."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit


class Item(NamedTuple):
    """An item, and its sku where the link names one."""

    provider: str
    item_id: str
    sku_id: str = ""


_TAOBAO = ("taobao.com", "tmall.com", "tmall.hk")
_OFFER = re.compile(r"/offer/(\d{5,20})\.html", re.ASCII)
_ID = re.compile(r"\d{5,20}", re.ASCII)


def item_of(link: str) -> Item | None:
    """The item of a Taobao, Tmall or 1688 link; None for any other text.

    ``https://item.taobao.com/item.htm?id=610000000001``, ``https://detail.tmall.com/item.htm?id=…&skuId=…`` and
    ``https://detail.1688.com/offer/620000000002.html`` are understood, as are the mobile pages of the same form.
    """
    try:
        parts = urlsplit(link.strip())
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"}:
        return None
    if _belongs(host, "1688.com"):
        offer = _OFFER.fullmatch(parts.path)
        return Item("alibaba1688", offer[1]) if offer else None
    if any(_belongs(host, domain) for domain in _TAOBAO):
        return _taobao(parse_qs(parts.query))
    return None


def _belongs(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _taobao(query: dict[str, list[str]]) -> Item | None:
    item_id, sku_id = (query.get(name, [""])[0] for name in ("id", "skuId"))
    if not _ID.fullmatch(item_id):
        return None
    return Item("taobao", item_id, sku_id if _ID.fullmatch(sku_id) else "")
