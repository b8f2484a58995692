"""The goods on offer: the same list on every start, computed from the tables of `catalogue_data`."""

import hashlib
import itertools
from dataclasses import dataclass, field
from functools import lru_cache

from autopurchase.sandbox.catalogue_data import ADJECTIVES, AXES, KINDS, MORE_KINDS, SHOPS

MARKETS = ("taobao", "alibaba1688", "aliexpress")
FIRST_ITEM = {"taobao": 650_000_000_000, "alibaba1688": 780_000_000_000, "aliexpress": 1_005_000_000_000_000}
ALL_KINDS = KINDS + MORE_KINDS


@dataclass(frozen=True)
class Seller:
    """A shop. `id` is a number, and the memberId (`b2b-…`) at 1688."""

    market: str
    id: str
    open_id: str
    name: str
    name_en: str
    freight: int  # fen per order
    free_from: int  # fen of goods from which delivery is free


@dataclass(frozen=True)
class Sku:
    """One choice of options. Prices in fen, weight in grams; `mp_id` is the distribution id (Taobao Global)."""

    sku_id: str
    spec_id: str
    mp_id: str
    options: tuple[tuple[str, str], ...]
    options_en: tuple[tuple[str, str], ...]
    list_price: int
    price: int
    stock: int
    weight: int
    photo_url: str


@dataclass(frozen=True)
class Item:
    """An item with its SKUs. `item_id` is public; `mp_id` the distribution id to order with at Taobao Global."""

    market: str
    item_id: str
    mp_id: str
    title: str
    title_en: str
    category: str
    seller: Seller
    minimum: int
    lot: int
    item_url: str
    photo_url: str
    skus: tuple[Sku, ...] = field(repr=False)


def dice(key: str, low: int, high: int) -> int:
    """A number in low..high (both included) that depends on the key alone."""
    return low + int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) % (high - low + 1)


@lru_cache(maxsize=8)
def catalogue(base_url: str = "") -> tuple[Item, ...]:
    """All items of all markets; addresses start with `base_url` (the origin of a running sandbox)."""
    return tuple(item for market in MARKETS for item in _market(market, base_url))


def _market(market: str, base_url: str) -> list[Item]:
    shops = _sellers(market)
    styles = range(len(ADJECTIVES[market]))
    places = [(kind, style) for style in styles for kind in range(len(KINDS))]
    if market == "alibaba1688":
        places += [(len(KINDS) + more, 0) for more in range(len(MORE_KINDS))]
    return [
        _item(market, base_url, kind, number, ADJECTIVES[market][style], shops[ALL_KINDS[kind][2]][style])
        for number, (kind, style) in enumerate(places, 1)
    ]


def _sellers(market: str) -> dict[str, list[Seller]]:
    numbers = itertools.count(1)
    return {
        category: [_seller(market, next(numbers), zh, en) for zh, en in shops]
        for category, shops in SHOPS[market].items()
    }


def _seller(market: str, number: int, name: str, name_en: str) -> Seller:
    digits = 2_200_600_000_000 + number * 7919
    member = f"b2b-{digits}" if market == "alibaba1688" else str(digits)
    open_id = "BBB" + hashlib.sha256(member.encode()).hexdigest()[:29]
    freight = dice(member, 5, 12) * 100
    return Seller(market, member, open_id, name, name_en, freight, 30000 if market == "alibaba1688" else 9900)


def _item(market: str, base_url: str, kind: int, number: int, adjective: tuple[str, str], seller: Seller) -> Item:
    zh, en, category, _axes, _price, _weight = ALL_KINDS[kind]
    item_id = str(FIRST_ITEM[market] + number * 104_729)
    wholesale = market == "alibaba1688"
    return Item(
        market=market,
        item_id=item_id,
        mp_id=str(600_000_000_000_000_000 + number * 1_000_003),
        title=f"{adjective[0]}{zh}",
        title_en=f"{adjective[1]} {en}",
        category=category,
        seller=seller,
        minimum=(1, 1, 2, 3)[number % 4] if wholesale else 1,
        lot=1,
        item_url=f"{base_url}/item/{item_id}",
        photo_url=f"{base_url}/img/{item_id}.svg",
        skus=_skus(item_id, kind, base_url, 60 if wholesale else 100),
    )


def _skus(item_id: str, kind: int, base_url: str, percent: int) -> tuple[Sku, ...]:
    axes = ALL_KINDS[kind][3]
    chosen = [_values(item_id, axis, 4 if len(axes) == 1 else 3) for axis in axes]
    combos = list(itertools.product(*chosen))[:8]
    return tuple(_sku(item_id, kind, place, combo, base_url, percent) for place, combo in enumerate(combos))


def _values(item_id: str, axis: str, most: int) -> list[tuple[str, str]]:
    values = AXES[axis][2]
    start = dice(item_id + axis, 0, len(values) - 1) if axis == "colour" else 0
    return [values[(start + step) % len(values)] for step in range(min(most, len(values)))]


def _sku(item_id: str, kind: int, place: int, combo: tuple[tuple[str, str], ...], base_url: str, percent: int) -> Sku:
    _zh, _en, _category, axes, price, weight = ALL_KINDS[kind]
    key = f"{item_id}:{place}"
    cost = price * percent // 100 + dice(key, 0, 9) * 50
    reduced = dice(item_id + "sale", 0, 2) == 0
    number = int(item_id) * 10 + place
    return Sku(
        sku_id=str((4_000_000_000_000 if number < 10**16 else 12_000_000_000_000_000) + number % 1_000_000_000_000),
        spec_id=hashlib.sha256(key.encode()).hexdigest()[:32],
        mp_id=str(610_000_000_000_000_000 + number),
        options=tuple((AXES[axis][0], value[0]) for axis, value in zip(axes, combo, strict=True)),
        options_en=tuple((AXES[axis][1], value[1]) for axis, value in zip(axes, combo, strict=True)),
        list_price=cost * 100 // 85 if reduced else cost,
        price=cost,
        stock=dice(key + "stock", 400, 9000),
        weight=weight + dice(key + "weight", 0, 9) * 5,
        photo_url=f"{base_url}/img/{item_id}-{place}.svg",
    )
