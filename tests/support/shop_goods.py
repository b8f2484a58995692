"""What the test shop sells: goods that exist in the sandbox marketplace, so that they can be bought there.

`python -m tests.support.shop_goods` writes tests/shop/products.csv anew after the catalogue changed.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from autopurchase.sandbox.catalogue import Item, catalogue

DEFAULT_FILE = Path(__file__).parents[1] / "shop" / "products.csv"
LINKS = {
    "taobao": "https://item.taobao.com/item.htm?id={}",
    "alibaba1688": "https://detail.1688.com/offer/{}.html",
}
PREFIXES = {"taobao": "T", "alibaba1688": "A"}
ITEMS, CHOICES = 3, 2  # items of each market, choices of each item
COLUMNS = (
    "name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,"
    "trackInventory,variantAssets,variantFacets,variant:sourceUrl,variant:sourceSkuId"
).split(",")


@dataclass(frozen=True)
class Product:
    """One choice of a product for the products file; neighbours with one name are choices of one product.

    `price` is in dollars, as text. `source_options` is the choice in Chinese, for a line's `sourceOptions`.
    """

    name: str
    sku: str
    price: str
    source_url: str
    source_sku_id: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    source_options: str = ""


def goods() -> list[Product]:
    """T1-1, T1-2, T2-1 … from Taobao and A1-1 … from 1688, two choices an item."""
    return [
        product
        for market in LINKS
        for number, item in enumerate(islice(_of_market(market), ITEMS), start=1)
        for product in _choices(item, f"{PREFIXES[market]}{number}")
    ]


def write_products(path: Path, products: Iterable[Product]) -> Path:
    """Write a products file for the shop and return its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        rows.writeheader()
        previous = ""
        for product in products:
            rows.writerow(_row(product, first=product.name != previous))
            previous = product.name
    return path


def _of_market(market: str) -> Iterable[Item]:
    return (item for item in catalogue() if item.market == market)


def _choices(item: Item, prefix: str) -> list[Product]:
    link = LINKS[item.market].format(item.item_id)
    return [
        Product(
            name=item.title_en,
            sku=f"{prefix}-{number}",
            price=_dollars(sku.price),
            source_url=link,
            source_sku_id=sku.spec_id if item.market == "alibaba1688" else sku.sku_id,  # 1688 orders by spec id
            options=dict(sku.options_en),
            source_options=";".join(f"{name}:{value}" for name, value in sku.options),
        )
        for number, sku in enumerate(item.skus[:CHOICES], start=1)
    ]


def _dollars(fen: int) -> str:
    """What the customer pays: a quarter of the figure in yuan."""
    return "{}.{:02}".format(*divmod(fen // 4, 100))


def _row(product: Product, *, first: bool) -> dict[str, str]:
    head = {
        "name": product.name,
        "slug": product.sku.lower(),
        "description": product.name,
        "optionGroups": "|".join(product.options),
    }
    return (head if first else {}) | {
        "optionValues": "|".join(product.options.values()),
        "sku": product.sku,
        "price": product.price,
        "taxCategory": "standard",
        "stockOnHand": "100000",
        "trackInventory": "false",
        "variant:sourceUrl": product.source_url,
        "variant:sourceSkuId": product.source_sku_id,
    }


if __name__ == "__main__":
    write_products(DEFAULT_FILE, goods())
