"""What a WooCommerce source can do, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.ports import Field, SourceManifest
from autopurchase.sources import fields

#: our settings for names of meta data on a line, its variation or its product
ITEM_META = ("url_meta", "sku_meta", "options_meta", "price_meta", "seller_id_meta", "seller_name_meta", "note_meta")
#: our settings for names of meta data on an order
ORDER_META = ("status_meta", "reference_meta", "shipments_meta")


def _meta(name: str, label: str, help: str, default: str) -> Field:
    return Field(name, label, f"Name of the meta data: {help} Empty: the shop has none.", default=default)


MANIFEST = SourceManifest(
    kind="woocommerce",
    label="WooCommerce",
    abilities=frozenset({"own_mark", "notes", "partial_fulfilment", "tracking"}),
    fields=(
        Field("base_url", "Address", "Scheme, host and port, like https://shop.example.com.", required=True),
        Field("consumer_key", "Consumer key", "ck_…, with the rights Read/Write.", required=True, secret=True),
        Field("consumer_secret", "Consumer secret", "cs_…, shown once beside the key.", required=True, secret=True),
        Field(
            "paid_methods",
            "Payment methods that are money",
            "Ids of the payment methods whose orders are paid when the shop processes them, like stripe, paypal. "
            "Never cod: such orders are processed unpaid.",
            required=True,
        ),
        Field("api_path", "Path of the API", "In a subfolder: /shop/wp-json/wc/v3.", default="/wp-json/wc/v3"),
        Field("paid_statuses", "Statuses of paid orders", default="processing"),
        Field("waiting_statuses", "Statuses of orders awaiting payment", default="on-hold"),
        Field("timeout_seconds", "Time-out", "Seconds for one answer.", default="30"),
        _meta("url_meta", "Link", "link to the item at its marketplace, on line, variation or product.", "_source_url"),
        _meta("sku_meta", "Sku", "sku id there (1688: spec id).", "_source_sku"),
        _meta("options_meta", "Configuration", "the choice in Chinese.", "_source_options"),
        _meta("price_meta", "Price", "the price there when it was bought, in yuan.", "_source_price"),
        _meta("seller_id_meta", "Seller id", "the seller's id there.", "_source_seller_id"),
        _meta("seller_name_meta", "Seller", "the seller's name there.", "_source_seller"),
        _meta("note_meta", "Note", "what the customer wrote to the line.", "_buyer_note"),
        _meta("status_meta", "Our status", "we write the status into it, on the order.", "_purchase_status"),
        _meta("reference_meta", "Our reference", "we write the reference into it, on the order.", "_purchase_ref"),
        _meta("shipments_meta", "Our parcels", "we keep reported parcels in it, on the order.", "_purchase_shipments"),
        Field(
            "note_to_customer",
            "Send parcels to the customer",
            "Whether the note about a parcel is mailed to the customer.",
            default="no",
            choices=("no", "yes"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked configuration. ``names``: meta data by setting, without those the shop does not have."""

    base_url: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    api_path: str
    paid_methods: frozenset[str]
    paid_statuses: tuple[str, ...]
    waiting_statuses: tuple[str, ...]
    timeout: float
    names: Mapping[str, str]
    note_to_customer: bool


def settings(config: Mapping[str, Any]) -> Settings:
    """Check a configuration. Raises BadInput naming the field that is missing or wrong."""
    given = fields.values(config, MANIFEST.fields)
    paid = fields.words(given["paid_statuses"])
    if not paid:
        raise BadInput("The setting “paid_statuses” is empty: name the statuses of paid orders, like processing.")
    return Settings(
        base_url=fields.origin(given["base_url"]),
        key=fields.matching(fields.TOKEN, given["consumer_key"], "consumer_key", "the key as shown", secret=True),
        secret=fields.matching(
            fields.TOKEN, given["consumer_secret"], "consumer_secret", "the secret as shown", secret=True
        ),
        api_path=fields.matching(fields.PATH, given["api_path"], "api_path", "a path like /wp-json/wc/v3").rstrip("/"),
        paid_methods=frozenset(fields.words(given["paid_methods"])),
        paid_statuses=paid,
        waiting_statuses=fields.words(given["waiting_statuses"]),
        timeout=fields.number(given["timeout_seconds"], "timeout_seconds", 1, 600),
        names={
            name: fields.matching(fields.KEY, given[name], name, "the name of meta data")
            for name in (*ITEM_META, *ORDER_META)
            if given[name]
        },
        note_to_customer=given["note_to_customer"] == "yes",
    )
