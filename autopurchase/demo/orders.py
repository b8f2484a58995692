"""Believable orders for the demo: the same ones every time, made from what the practice marketplace sells."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from autopurchase.sandbox import Item, Sku, catalogue

COUNT = 300
#: orders up to this number have nothing wrong with them, so that the oldest can simply be booked
CALM = 60
#: an order that examples name: two lines, bought at Taobao
EXAMPLE = 53
_SEED = 20_260_101
#: what a yuan costs the customer, delivery and commission included, and how often the currency comes
_CURRENCIES = (("USD", Decimal("0.175"), 5), ("EUR", Decimal("0.162"), 4), ("GBP", Decimal("0.138"), 1))
_CUSTOMERS = (
    "Anna Meyer", "Lukas Schneider", "Sofia Rossi", "Marco Bianchi", "María García", "Javier Ortega", "Chloé Martin",
    "Hugo Lefèvre", "Zofia Kowalska", "Piotr Nowak", "Aigerim Sadykova", "Dias Akhmetov", "Nino Beridze", "Ion Popescu",
    "Elena Ionescu", "Emma Johansson", "Oskar Lindqvist", "Olu Adeyemi", "Amara Okafor", "James Whitfield",
    "Grace O'Connor", "Noah Thompson", "Mia Fernández", "Yara Haddad", "Omar El-Sayed", "Jakub Dvořák", "Tereza Malá",
    "Anders Nielsen", "Ayşe Yılmaz", "Mehmet Demir", "Katarina Horvat", "João Pereira",
)  # fmt: skip
_COMMENTS = (
    "Please check the seams before packing.", "A gift: no price tags, please.", "If it is gone, black is fine.",
    "Please measure the length, I need at least 68 cm.", "Remove the shoe box to save weight.",
    "Take a photo of the zipper when it arrives.", "Same batch as my last order, please.",
)  # fmt: skip
_SERVICES = ("Economy air", "Express courier", "Sea parcel", "Rail parcel")
_COLUMNS = (
    "order_number", "line_no", "provider", "item_id", "sku_id", "spec_id", "title", "configuration",
    "configuration_original", "quantity", "unit_price", "currency", "reference_price", "seller_id", "seller_name",
    "weight", "item_url", "photo_url", "customer", "customer_comment", "created_at", "paid_at", "paid_amount",
    "order_total", "delivery_cost", "delivery_service", "status",
)  # fmt: skip

Row = dict[str, str]


def write(path: Path, origin: str, now: datetime) -> Path:
    """Write the order file of a demo whose market is at ``origin``; times end shortly before ``now``."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, _COLUMNS, restval="")
        rows.writeheader()
        rows.writerows(order_rows(origin, now))
    return path


def order_rows(origin: str, now: datetime, count: int = COUNT) -> list[Row]:
    """Rows of ``count`` orders, oldest first."""
    dice = random.Random(_SEED)  # noqa: S311 - believable goods, not secrets
    goods = {market: [item for item in catalogue(origin) if item.market == market] for market in _MARKETS}
    return [row for number in range(1, count + 1) for row in _order(dice, goods, number, count, now)]


_MARKETS = ("taobao", "alibaba1688")


def _order(dice: random.Random, goods: dict[str, list[Item]], number: int, count: int, now: datetime) -> list[Row]:
    """One order's rows. The oldest is five days old, most are of the last two; goods and troubles are drawn."""
    age = timedelta(days=5) * ((count - number) / count) ** 2
    created = now - age - timedelta(minutes=dice.randint(20, 90))
    currency, rate, _ = dice.choices(_CURRENCIES, [weight for *_, weight in _CURRENCIES])[0]
    market = "taobao" if number == EXAMPLE else dice.choices(_MARKETS, (6, 4))[0]
    lines = 2 if number == EXAMPLE else dice.choices((1, 2, 3, 5), (50, 30, 14, 6))[0]
    seller = dice.choice(goods[market]).seller.id
    rows = [_line(dice, _pick(dice, goods, market, seller), rate) for _ in range(lines)]
    trouble = dice.random() if number > CALM else 1.0
    if trouble < 0.03:  # the price has risen since the customer paid
        rows[0]["reference_price"] = str((Decimal(rows[0]["reference_price"]) * Decimal("0.8")).quantize(_CENT))
    head = _head(dice, number, created, currency, rows, trouble)
    return [{"line_no": str(place), **row, **head} for place, row in enumerate(rows, start=1)]


_CENT = Decimal("0.01")


def _pick(dice: random.Random, goods: dict[str, list[Item]], market: str, seller: str) -> tuple[Item, Sku]:
    """Mostly goods of one seller; now and then of another one, or of the other marketplace."""
    mood = dice.random()
    if mood < 0.1:
        market = _MARKETS[1 - _MARKETS.index(market)]
    same = [item for item in goods[market] if item.seller.id == seller] if mood < 0.75 else []
    item = dice.choice(same or goods[market])
    return item, dice.choice(item.skus)


def _line(dice: random.Random, picked: tuple[Item, Sku], rate: Decimal) -> Row:
    item, sku = picked
    cost = Decimal(sku.price).scaleb(-2)
    quantity = item.minimum + dice.choices((0, 1, 2, 4), (60, 25, 10, 5))[0]
    return {
        "provider": item.market,
        "item_id": item.item_id,
        "sku_id": sku.sku_id,
        "spec_id": sku.spec_id if item.market == "alibaba1688" else "",
        "title": item.title_en,
        "configuration": "; ".join(f"{name}: {value}" for name, value in sku.options_en),
        "configuration_original": "; ".join(f"{name}: {value}" for name, value in sku.options),
        "quantity": str(quantity),
        "unit_price": str((cost * rate).quantize(_CENT)),
        "reference_price": str(cost),
        "seller_id": item.seller.id,
        "seller_name": item.seller.name,
        "weight": f"{sku.weight} g",
        "item_url": item.item_url,
        "photo_url": sku.photo_url,
        "customer_comment": dice.choice(_COMMENTS) if dice.random() < 0.12 else "",
    }


def _head(
    dice: random.Random, number: int, created: datetime, currency: str, rows: Sequence[Row], trouble: float
) -> Row:
    delivery = Decimal(dice.randint(8, 60))
    total = sum((Decimal(row["unit_price"]) * int(row["quantity"]) for row in rows), delivery)
    paid, status = total, ""
    if 0.03 <= trouble < 0.09:
        paid = Decimal(0)  # not paid yet
    elif 0.09 <= trouble < 0.11:
        paid, status = (total / 2).quantize(_CENT), "Paid"  # half of it was paid: held until the rest comes
    elif 0.11 <= trouble < 0.13:
        status = "Price confirmation"
    paid_at = created + timedelta(minutes=dice.randint(1, 15))
    return {
        "order_number": f"ORD-{number:09d}",
        "currency": currency,
        "customer": dice.choice(_CUSTOMERS),
        "created_at": created.isoformat(timespec="seconds"),
        "paid_at": paid_at.isoformat(timespec="seconds") if paid else "",
        "paid_amount": str(paid),
        "order_total": str(total),
        "delivery_cost": str(delivery),
        "delivery_service": dice.choice(_SERVICES),
        "status": status,
    }
