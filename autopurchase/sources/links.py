"""Which item of which provider a link, a shared text or a bare id shows, or why none.

Nothing is fetched: a short link says nothing about its item, so the person is asked to open it.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from autopurchase.domain.errors import BadInput
from autopurchase.providers import PROVIDERS


class Item(NamedTuple):
    """An item, and its sku where the link names one."""

    provider: str
    item_id: str
    sku_id: str = ""


#: item pages of the providers that say in their manifest how those look
_PATTERNS = [
    (re.compile(pattern, re.IGNORECASE | re.ASCII), kind.manifest.id)
    for kind in PROVIDERS.values()
    for pattern in kind.manifest.item_links
]
_TAOBAO = ("taobao.com", "tmall.com", "tmall.hk", "fliggy.com")
_ALIBABA = ("1688.com",)
_SHORT = ("m.tb.cn", "tb.cn", "e.tb.cn", "s.click.taobao.com", "uland.taobao.com", "s.tb.cn", "c.tb.cn", "qr.1688.com")
#: pages of a list of goods, and pages of a shop, by the beginning of the host or of the path
_SEARCH = re.compile(r"(s|search|list|so)\.", re.ASCII)
_SEARCH_PATH = re.compile(r"/(search|offer_search|list|selloffer)", re.IGNORECASE | re.ASCII)
_SHOP_PATH = re.compile(r"/(shop|page/[a-z]|winport|view_shop|category-)", re.IGNORECASE | re.ASCII)
_NO_SHOPS = frozenset({"item", "detail", "world", "www", "m", "h5", "a", "cart", "login"})

_OFFER = re.compile(r"/offer/(\d{5,20})(?:\.html?)?/?", re.ASCII)
_WORLD = re.compile(r"/(?:item|i)/(\d{5,20})\.html?", re.ASCII)
_OLD_MOBILE = re.compile(r"/i(\d{5,20})\.html?", re.ASCII)
_ID = re.compile(r"\d{5,20}", re.ASCII)
_HOSTS = "|".join(re.escape(domain) for domain in ("taobao.com", "tmall.com", "tmall.hk", "1688.com", "tb.cn"))
#: an address ends where no address character follows: shared texts glue Chinese words and marks to it
_ADDRESS = re.compile(
    rf"(?<![\w:/])(?:https?:)?//[!-~]+|(?<![\w.@:/-])(?:[a-z0-9-]+\.)*(?:{_HOSTS})(?![\w.-])[!-~]*",
    re.IGNORECASE | re.ASCII,
)
_GLUED = ")]}>'\",;.!\\`*"
_ITEM_NAMES = ("id", "itemId", "item_id", "itemid", "itemNumId", "item_num_id", "num_iid")
_OFFER_NAMES = ("offerId", "offerid", "offer_id")
_SKU_NAMES = ("skuId", "skuid", "sku_id", "sku")
_EXAMPLES = "https://item.taobao.com/item.htm?id=610000000001 or https://detail.1688.com/offer/620000000002.html"
_LONGEST = 20_000  # characters


def item_of(text: str, provider: str = "") -> Item | None:
    """The item that ``text`` shows; None where `resolve` explains why not."""
    try:
        return resolve(text, provider)
    except BadInput:
        return None


def resolve(text: str, provider: str = "") -> Item:
    """The item of a Taobao, Tmall or 1688 link, of a text shared from their apps, or of a bare id.

    ``provider`` (``taobao``, ``alibaba1688``) is needed for a bare id only; a link to another one's item is refused.
    Desktop and mobile pages are understood, with or without a scheme, whatever tracking hangs on them. Raises BadInput
    that says what is wrong with the text and what to paste instead.
    """
    text = text.strip()[:_LONGEST]
    if not text:
        raise BadInput(f"There is no link to an item: fill in one like {_EXAMPLES}, or buy it by hand.")
    if _ID.fullmatch(text):
        return _bare(text, provider)
    found = [_split(address) for address in _addresses(text)]
    if not found:
        raise BadInput(f"“{_shown(text)}” holds no link to an item: paste one like {_EXAMPLES}.")
    item = _best(found)
    if provider and item.provider != provider:
        raise BadInput(f"The link “{_shown(text)}” shows an item of {item.provider}, not of {provider}.")
    return item


def _bare(text: str, provider: str) -> Item:
    if not provider:
        raise BadInput(f"“{text}” may be an item of Taobao or of 1688: say which provider, or paste the item's link.")
    return Item(provider, text)


def _addresses(text: str) -> list[str]:
    """Addresses in a text, with a scheme, without what was glued to their end."""
    found = (match[0].rstrip(_GLUED) for match in _ADDRESS.finditer(_plain(text)))
    return [address if "//" in address[:8] else f"https://{address}" for address in found]


def _plain(text: str) -> str:
    """Full-width marks of an address as plain ones: some keyboards type ``：／？＝＆`` for them."""
    return text.translate(_WIDTHS) if _WIDE.search(text) else text


_WIDE = re.compile(r"https?：|：／／|．(?:taobao|tmall|1688)", re.IGNORECASE)
_WIDTHS = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        parts.hostname  # noqa: B018 — a broken host is noticed here
    except ValueError as error:
        raise BadInput(f"“{_shown(address)}” is no valid address: copy the link again.") from error
    return parts


def _best(found: list[SplitResult]) -> Item:
    """The first address that shows an item; else the reason of the first."""
    reasons: list[BadInput] = []
    for parts in found:
        try:
            return _item(parts)
        except BadInput as reason:
            reasons.append(reason)
    raise reasons[0]


def _item(parts: SplitResult) -> Item:
    host = (parts.hostname or "").lower()
    if host in _SHORT:
        raise BadInput(
            f"“{_shown(parts.geturl())}” is a short link, which does not name its item: "
            "open it in a browser and paste the long address of the page."
        )
    if _belongs(host, _ALIBABA):
        return _alibaba(host, parts)
    if _belongs(host, _TAOBAO):
        return _taobao(host, parts)
    for pattern, provider in _PATTERNS:
        if match := pattern.search(f"{host}{parts.path}?{parts.query}"):
            named = match.groupdict()
            return Item(provider, named["item"], named.get("sku") or "")
    raise BadInput(f"“{_shown(parts.geturl())}” is no page of Taobao, Tmall or 1688: paste a link like {_EXAMPLES}.")


def _belongs(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _alibaba(host: str, parts: SplitResult) -> Item:
    query = parse_qs(parts.query)
    offer = _OFFER.fullmatch(parts.path)
    item_id = offer[1] if offer else _first(query, _OFFER_NAMES)
    if not item_id:
        raise BadInput(_no_item(host, parts, "1688"))
    return Item("alibaba1688", item_id, _first(query, _SKU_NAMES))


def _taobao(host: str, parts: SplitResult) -> Item:
    query = parse_qs(f"{parts.query}&{_routed(parts.fragment)}")
    path = _WORLD.fullmatch(parts.path) or _OLD_MOBILE.fullmatch(parts.path)
    item_id = path[1] if path else "" if _is_list(host, parts) else _first(query, _ITEM_NAMES)
    if not item_id:
        raise BadInput(_no_item(host, parts, "Taobao"))
    return Item("taobao", item_id, _first(query, _SKU_NAMES))


def _routed(fragment: str) -> str:
    """Parameters behind ``#!/page?``: mobile pages keep them there."""
    return unquote(fragment.partition("?")[2])


def _first(query: dict[str, list[str]], names: tuple[str, ...]) -> str:
    values = (value for name in names for value in query.get(name, []))
    return next((value for value in values if _ID.fullmatch(value)), "")


def _is_list(host: str, parts: SplitResult) -> bool:
    """Whether the page shows many goods, so that an id in its address is not an item's."""
    return bool(_SEARCH.match(f"{host}/") or _SEARCH_PATH.match(parts.path) or _is_shop(host, parts))


def _is_shop(host: str, parts: SplitResult) -> bool:
    first, _, rest = host.partition(".")
    own = host.startswith("shop") or (rest in (*_TAOBAO, *_ALIBABA) and first not in _NO_SHOPS and not _itself(parts))
    return own or bool(_SHOP_PATH.match(parts.path))


def _itself(parts: SplitResult) -> bool:
    """An item's page, wherever it lies."""
    return bool(re.search(r"/(item|detail|offer)", parts.path))


def _no_item(host: str, parts: SplitResult, name: str) -> str:
    shown = _shown(parts.geturl())
    if _SEARCH.match(f"{host}/") or _SEARCH_PATH.match(parts.path):
        return f"“{shown}” is a page of search results of {name}: open the item there and paste its link."
    if _is_shop(host, parts):
        return f"“{shown}” is the page of a shop at {name}: open the item there and paste its link."
    return f"“{shown}” is a page of {name} without an item's id: open the item and paste the full link."


def _shown(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}…"
