"""What a Shopify source can do, and its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autopurchase.ports import Field, SourceManifest
from autopurchase.sources import fields

_VERSION = re.compile(r"\d{4}-\d{2}|unstable", re.ASCII)
_METAFIELD = re.compile(r"[A-Za-z0-9_$:-]{2,255}\.[A-Za-z0-9_-]{2,64}", re.ASCII)

#: rights of the access token; one to write includes the one to read
RIGHTS = (
    "read_orders",
    "write_orders",
    "read_products",
    "read_merchant_managed_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders",
)
#: the right without which the shop keeps back orders older than sixty days, and says nothing
ALL_ORDERS = "read_all_orders"

_ATTRIBUTE = "Name of the line item property: {} Empty: the shop has none."
_VARIANT = "namespace.key of the metafield of variant or product: {} Empty: the shop has none."

MANIFEST = SourceManifest(
    kind="shopify",
    label="Shopify",
    abilities=frozenset({"paid_filter", "own_mark", "partial_fulfilment", "tracking"}),
    fields=(
        Field("base_url", "Address", "Like https://your-name.myshopify.com, not the shop's own domain.", required=True),
        Field("access_token", "Access token", f"With the rights {', '.join(RIGHTS)}.", required=True, secret=True),
        Field("api_version", "API version", "Year and month; each lives twelve months.", default="2026-10"),
        Field("timeout_seconds", "Time-out", "Seconds for one answer.", default="30"),
        Field("url_attribute", "Line: link", _ATTRIBUTE.format("link to the item."), default="_source_url"),
        Field("sku_attribute", "Line: sku", _ATTRIBUTE.format("sku id (1688: spec id)."), default="_source_sku"),
        Field("options_attribute", "Line: configuration", _ATTRIBUTE.format("in Chinese."), default="_source_options"),
        Field("price_attribute", "Line: price", _ATTRIBUTE.format("price there, in yuan."), default="_source_price"),
        Field("note_attribute", "Line: note", _ATTRIBUTE.format("what the customer wrote."), default="Note"),
        Field("url_metafield", "Variant: link", _VARIANT.format("link to the item."), default="source.url"),
        Field("sku_metafield", "Variant: sku", _VARIANT.format("sku id (1688: spec id)."), default="source.sku"),
        Field("price_metafield", "Variant: price", _VARIANT.format("price there, in yuan.")),
        Field("seller_id_metafield", "Variant: seller id", _VARIANT.format("the seller's id there.")),
        Field("seller_name_metafield", "Variant: seller", _VARIANT.format("the seller's name there.")),
        Field("status_metafield", "Order: our status", "We write the status into it.", default="autopurchase.status"),
        Field("reference_metafield", "Order: our reference", "We write it there.", default="autopurchase.reference"),
        Field("notify_customer", "Mail parcels to the customer", default="no", choices=("no", "yes")),
    ),
)
_NAMES = tuple(each.name for each in MANIFEST.fields)
ATTRIBUTES = tuple(name for name in _NAMES if name.endswith("_attribute"))
METAFIELDS = tuple(name for name in _NAMES if name.endswith("_metafield"))


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked configuration. ``names``: attributes and metafields by setting, without those there are none of."""

    base_url: str
    token: str = field(repr=False)
    version: str
    timeout: float
    names: Mapping[str, str]
    notify_customer: bool

    @property
    def path(self) -> str:
        """Where the API is."""
        return f"/admin/api/{self.version}/graphql.json"


def settings(config: Mapping[str, Any]) -> Settings:
    """Check a configuration. Raises BadInput naming the field that is missing or wrong."""
    given = fields.values(config, MANIFEST.fields)
    for name in METAFIELDS:
        if given[name]:
            fields.matching(_METAFIELD, given[name], name, "namespace.key of a metafield")
    token = given["access_token"]
    return Settings(
        base_url=fields.origin(given["base_url"]),
        token=fields.matching(fields.TOKEN, token, "access_token", "the token as the shop showed it", secret=True),
        version=fields.matching(_VERSION, given["api_version"], "api_version", "a version like 2026-10"),
        timeout=fields.number(given["timeout_seconds"], "timeout_seconds", 1, 600),
        names={name: given[name] for name in (*ATTRIBUTES, *METAFIELDS) if given[name]},
        notify_customer=given["notify_customer"] == "yes",
    )
