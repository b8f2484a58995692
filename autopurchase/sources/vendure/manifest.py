"""What a Vendure source can do, and its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.ports import Field, SourceManifest

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ORIGIN = re.compile(r"https?://[^/@?#\s]+/?")
_KEY = re.compile(r"[!-9;-~]+:[!-~]+")
_PATH = re.compile(r"/[A-Za-z0-9_./-]*", re.ASCII)


def _custom(name: str, label: str, entity: str, help: str, default: str = "") -> Field:
    return Field(
        name, label, f"Name of the custom field of {entity}: {help} Empty: the shop has none.", default=default
    )


CUSTOM_FIELDS = (
    _custom("line_url_field", "Line: link", "OrderLine", "link to the item at its marketplace.", "sourceUrl"),
    _custom("line_options_field", "Line: configuration", "OrderLine", "the choice in Chinese.", "sourceOptions"),
    _custom("line_note_field", "Line: note", "OrderLine", "what the customer wrote.", "buyerNote"),
    _custom("line_price_field", "Line: price", "OrderLine", "the price there when it was bought, in yuan."),
    _custom("variant_url_field", "Variant: link", "ProductVariant", "the link, when a line has none.", "sourceUrl"),
    _custom("variant_sku_field", "Variant: sku", "ProductVariant", "sku id (1688: spec id).", "sourceSkuId"),
    _custom("variant_price_field", "Variant: price", "ProductVariant", "the price there in yuan."),
    _custom("variant_seller_id_field", "Variant: seller id", "ProductVariant", "the seller's id there."),
    _custom("variant_seller_name_field", "Variant: seller", "ProductVariant", "the seller's name there."),
    _custom("order_status_field", "Order: our status", "Order", "we write the status into it.", "purchaseStatus"),
    _custom("order_reference_field", "Order: our reference", "Order", "we write the reference into it.", "purchaseRef"),
)

MANIFEST = SourceManifest(
    kind="vendure",
    label="Vendure",
    abilities=frozenset({"paid_filter", "own_mark", "partial_fulfilment", "tracking"}),
    fields=(
        Field("base_url", "Address", "Scheme, host and port, like https://shop.example.com.", required=True),
        Field(
            "api_key", "API key", "id:secret, for a role with ReadOrder and UpdateOrder.", required=True, secret=True
        ),
        Field("api_path", "Path of the admin API", default="/admin-api"),
        Field("timeout_seconds", "Time-out", "Seconds for one answer.", default="30"),
        Field(
            "price_digits",
            "Digits of prices",
            "Digits after the point in the shop's amounts, for every currency alike, as its money strategy says.",
            default="2",
        ),
        Field("fulfillment_handler", "Fulfilment handler", default="manual-fulfillment"),
        *CUSTOM_FIELDS,
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked configuration. ``names``: custom field name by setting, without those the shop does not have."""

    base_url: str
    api_key: str = field(repr=False)
    api_path: str
    timeout: float
    digits: int
    handler: str
    names: Mapping[str, str]

    @property
    def key_id(self) -> str:
        """The part of the key before the colon, which is no secret."""
        return self.api_key.partition(":")[0]


def settings(config: Mapping[str, Any]) -> Settings:
    """Check a configuration. Raises BadInput naming the field that is missing or wrong."""
    given = {each.name: _value(config, each) for each in MANIFEST.fields}
    return Settings(
        base_url=_matching(
            _ORIGIN, given["base_url"], "base_url", "scheme, host and port like http://127.0.0.1:3000"
        ).rstrip("/"),
        api_key=_matching(_KEY, given["api_key"], "api_key", "id:secret as the shop gave it", secret=True),
        api_path=_matching(_PATH, given["api_path"], "api_path", "a path like /admin-api"),
        timeout=_number(given["timeout_seconds"], "timeout_seconds", 1, 600),
        digits=_number(given["price_digits"], "price_digits", 0, 6),
        handler=given["fulfillment_handler"],
        names={
            each.name: _matching(_NAME, given[each.name], each.name, "the name of a custom field")
            for each in CUSTOM_FIELDS
            if given[each.name]
        },
    )


def _value(config: Mapping[str, Any], field: Field) -> str:
    text = str(config.get(field.name, field.default) or "").strip()
    if field.required and not text:
        raise BadInput(f"The setting “{field.name}” is missing: {field.help}")
    return text


def _matching(pattern: re.Pattern[str], text: str, name: str, what: str, secret: bool = False) -> str:
    if not pattern.fullmatch(text):
        shown = "" if secret else f" “{text[:80]}”"
        raise BadInput(f"The setting “{name}”{shown} is not {what}.")
    return text


def _number(text: str, name: str, lowest: int, highest: int) -> int:
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise BadInput(f"The setting “{name}” is “{text[:80]}”: it is a whole number from {lowest} to {highest}.")
    return int(text)
