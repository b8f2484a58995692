"""What a Medusa source can do, and its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autopurchase.ports import Field, SourceManifest
from autopurchase.sources import fields

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}|", re.ASCII)
_SHORT = re.compile(r"[A-Za-z0-9#_-]{0,20}", re.ASCII)


def _metadata(name: str, label: str, entity: str, help: str, default: str = "") -> Field:
    return Field(
        name, label, f"Name in the metadata of the {entity}: {help} Empty: the shop has none.", default=default
    )


_PRODUCT = "variant, or else of its product"
METADATA = (
    _metadata("line_url_field", "Line: link", "order's item", "link to it at its marketplace.", "source_url"),
    _metadata("line_sku_field", "Line: sku", "order's item", "sku id (1688: spec id).", "source_sku_id"),
    _metadata("line_options_field", "Line: configuration", "order's item", "choice in Chinese.", "source_options"),
    _metadata("line_note_field", "Line: note", "order's item", "what the customer wrote.", "buyer_note"),
    _metadata("line_price_field", "Line: price", "order's item", "the price there when it was bought, in yuan."),
    _metadata("variant_url_field", "Variant: link", _PRODUCT, "the link, when a line has none.", "source_url"),
    _metadata("variant_sku_field", "Variant: sku", _PRODUCT, "sku id (1688: spec id).", "source_sku_id"),
    _metadata("variant_price_field", "Variant: price", _PRODUCT, "the price there in yuan."),
    _metadata("variant_seller_id_field", "Variant: seller id", _PRODUCT, "the seller's id there."),
    _metadata("variant_seller_name_field", "Variant: seller", _PRODUCT, "the seller's name there."),
    _metadata("order_status_field", "Order: our status", "order", "we write the status into it.", "purchase_status"),
    _metadata("order_reference_field", "Order: our reference", "order", "we write the reference.", "purchase_ref"),
)

MANIFEST = SourceManifest(
    kind="medusa",
    label="Medusa",
    abilities=frozenset({"own_mark", "partial_fulfilment", "tracking"}),
    fields=(
        Field("base_url", "Address", "Scheme, host and port, like https://shop.example.com.", required=True),
        Field(
            "secret_key",
            "Secret key",
            "A secret API key, made in the shop under Settings, Secret API Keys.",
            required=True,
            secret=True,
        ),
        Field("timeout_seconds", "Time-out", "Seconds for one answer.", default="30"),
        Field(
            "number_prefix",
            "Before order numbers",
            "Put before the shop's own numbers 1, 2, 3, so that they stay apart from those of another shop.",
        ),
        Field(
            "placed_within_days",
            "Days to look back",
            "Orders placed longer ago are not searched for new ones; 0: all. A shop that never completes its orders "
            "lists every order since its first day.",
            default="0",
        ),
        Field("location_id", "Stock location", "Where goods are sent from; empty: as the shipping option says."),
        Field(
            "notify_customer",
            "Tell the customer",
            "Whether the shop tells the customer when we report a shipment.",
            default="no",
            choices=("no", "yes"),
        ),
        *METADATA,
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked configuration. ``names``: metadata name by setting, without those the shop does not have."""

    base_url: str
    secret_key: str = field(repr=False)
    timeout: float
    prefix: str
    days: int
    location_id: str
    notify: bool
    names: Mapping[str, str]


def settings(config: Mapping[str, Any]) -> Settings:
    """Check a configuration. Raises BadInput naming the field that is missing or wrong."""
    given = fields.values(config, MANIFEST.fields)
    return Settings(
        base_url=fields.origin(given["base_url"]),
        secret_key=fields.matching(fields.TOKEN, given["secret_key"], "secret_key", "a key as the shop gave it", True),
        timeout=fields.number(given["timeout_seconds"], "timeout_seconds", 1, 600),
        prefix=fields.matching(_SHORT, given["number_prefix"], "number_prefix", "a few letters, digits, #, - or _"),
        days=fields.number(given["placed_within_days"], "placed_within_days", 0, 36_500),
        location_id=fields.matching(_ID, given["location_id"], "location_id", "an id like sloc_01J8…"),
        notify=given["notify_customer"] == "yes",
        names={
            each.name: fields.matching(fields.KEY, given[each.name], each.name, "the name of an entry in metadata")
            for each in METADATA
            if given[each.name]
        },
    )
