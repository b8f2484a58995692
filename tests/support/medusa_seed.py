"""What the Medusa test shop is filled with: a warehouse, three regions with a currency each, the goods of the sandbox.

Everything goes through its admin API, as a person would do it by hand.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from tests.support.shop_goods import Product, goods

#: currency → a country of its region, its price for one dollar, what delivery costs
REGIONS: dict[str, tuple[str, Decimal, Decimal]] = {
    "usd": ("de", Decimal(1), Decimal(15)),
    "eur": ("fr", Decimal("0.93"), Decimal("13.95")),
    "jpy": ("jp", Decimal(150), Decimal(2200)),
    "gbp": ("gb", Decimal("0.79"), Decimal("11.85")),
}
#: per cent on top, in the region of this currency: taxes leave fractions of a cent
TAXED, TAX = "gbp", Decimal("19.6")
WITHOUT_CENTS = "jpy"

Admin = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Seeded:
    """Ids that an order needs: variant by sku, region by currency, the shipping option, the store's key.

    `channel` and `profile` are what new goods need.
    """

    channel: str
    profile: str
    variants: dict[str, str]
    regions: dict[str, str]
    shipping_option: str
    publishable_key: str


def seed(admin: Admin, products: Iterable[Product] | None = None) -> Seeded:
    """Fill an empty shop; `admin(method, path, body)` calls its admin API."""
    channel = admin("POST", "/sales-channels", {"name": "Web"})["sales_channel"]["id"]
    _currencies(admin, channel)
    regions = {currency: _region(admin, currency) for currency in REGIONS}
    profile = admin("GET", "/shipping-profiles")["shipping_profiles"]
    profile_id = profile[0]["id"] if profile else _profile(admin)
    seeded = Seeded(
        channel, profile_id, {}, regions, _shipping(admin, channel, profile_id), _publishable_key(admin, channel)
    )
    for _, choices in groupby(products or goods(), key=lambda product: product.name):
        sell(admin, seeded, list(choices))
    return seeded


def sell(admin: Admin, seeded: Seeded, choices: list[Product], prices: Mapping[str, str] | None = None) -> None:
    """Add a product with its choices; `prices` by currency count instead of the price in dollars."""
    made = admin("POST", "/products", _product(choices, seeded, prices or {}))["product"]
    seeded.variants.update({variant["sku"]: variant["id"] for variant in made["variants"]})


def price(dollars: str, currency: str) -> Decimal:
    """What a thing for `dollars` costs in the region of `currency`."""
    smallest = Decimal(1) if currency == WITHOUT_CENTS else Decimal("0.01")
    return (Decimal(dollars) * REGIONS[currency][1]).quantize(smallest)


def _currencies(admin: Admin, channel: str) -> None:
    store = admin("GET", "/stores")["stores"][0]["id"]
    supported = [{"currency_code": code, "is_default": code == "usd"} for code in REGIONS]
    admin("POST", f"/stores/{store}", {"supported_currencies": supported, "default_sales_channel_id": channel})


def _region(admin: Admin, currency: str) -> str:
    country = REGIONS[currency][0]
    wanted = {"name": f"Region {currency}", "currency_code": currency, "countries": [country]}
    region = admin("POST", "/regions", {**wanted, "payment_providers": ["pp_system_default"]})["region"]["id"]
    rate = {"default_tax_rate": {"rate": float(TAX), "code": "vat", "name": "VAT"}} if currency == TAXED else {}
    admin("POST", "/tax-regions", {"country_code": country, "provider_id": "tp_system", **rate})
    return str(region)


def _profile(admin: Admin) -> str:
    made = admin("POST", "/shipping-profiles", {"name": "Goods", "type": "default"})
    return str(made["shipping_profile"]["id"])


def _shipping(admin: Admin, channel: str, profile: str) -> str:
    """A warehouse that sends to every region by air."""
    address = {"address_1": "Dock 1", "city": "Hamburg", "country_code": "de"}
    location = admin("POST", "/stock-locations", {"name": "Warehouse", "address": address})["stock_location"]["id"]
    admin("POST", f"/stock-locations/{location}/sales-channels", {"add": [channel]})
    admin("POST", f"/stock-locations/{location}/fulfillment-providers", {"add": ["manual_manual"]})
    made = admin(
        "POST",
        f"/stock-locations/{location}/fulfillment-sets",
        {"name": "Delivery", "type": "shipping"},
        fields="*fulfillment_sets",
    )
    zones = [{"type": "country", "country_code": country} for country, _, _ in REGIONS.values()]
    fulfilment_set = made["stock_location"]["fulfillment_sets"][0]["id"]
    path = f"/fulfillment-sets/{fulfilment_set}/service-zones"
    zone = admin("POST", path, {"name": "World", "geo_zones": zones})["fulfillment_set"]["service_zones"][0]["id"]
    prices = [{"currency_code": code, "amount": float(cost)} for code, (_, _, cost) in REGIONS.items()]
    option = {
        "name": "Air",
        "service_zone_id": zone,
        "shipping_profile_id": profile,
        "provider_id": "manual_manual",
        "price_type": "flat",
        "type": {"label": "Air", "description": "By air", "code": "air"},
        "prices": prices,
    }
    return str(admin("POST", "/shipping-options", option)["shipping_option"]["id"])


def _product(choices: list[Product], seeded: Seeded, prices: Mapping[str, str]) -> dict[str, Any]:
    groups = list(choices[0].options) or ["Kind"]
    values = {group: sorted({choice.options.get(group, "One") for choice in choices}) for group in groups}
    return {
        "title": choices[0].name,
        "status": "published",
        "shipping_profile_id": seeded.profile,
        "sales_channels": [{"id": seeded.channel}],
        "options": [{"title": group, "values": found} for group, found in values.items()],
        "variants": [_variant(choice, groups, prices) for choice in choices],
    }


def _variant(choice: Product, groups: list[str], own: Mapping[str, str]) -> dict[str, Any]:
    amounts = {code: own.get(code) or price(choice.price, code) for code in REGIONS}
    metadata = {"source_url": choice.source_url, "source_sku_id": choice.source_sku_id}
    options = {group: choice.options.get(group, "One") for group in groups}
    return {
        "title": " / ".join(options.values()),
        "sku": choice.sku,
        "manage_inventory": False,
        "options": options,
        "prices": [{"currency_code": code, "amount": float(amount)} for code, amount in amounts.items()],
        "metadata": metadata,
    }


def _publishable_key(admin: Admin, channel: str) -> str:
    key = admin("POST", "/api-keys", {"title": "Store", "type": "publishable"})["api_key"]
    admin("POST", f"/api-keys/{key['id']}/sales-channels", {"add": [channel]})
    return str(key["token"])
