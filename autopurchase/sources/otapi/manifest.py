"""What an OTAPI source can do, and its settings.

Statuses differ from shop to shop and the published lists of fields are not complete: both are settings, and the lists
of statuses are read from the shop whenever they are needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.ports import Field, SourceManifest
from autopurchase.sources import fields

_WORD = re.compile(r"[A-Za-z]{2,10}", re.ASCII)
_CURRENCY = re.compile(r"([A-Z]{3})?", re.ASCII)
_OFFSET = re.compile(r"[+-]?\d{1,2}", re.ASCII)

#: where a line keeps what: names that the answers may use, the first that is there counts
LINE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "id": ("Id",),
    "item": ("ItemId",),
    "link": ("ItemExternalUrl", "ItemUrl"),
    "sku": ("ConfigurationId",),
    "title": ("ItemTitle", "Name"),
    "configuration": ("Configuration",),
    "original": ("ConfigurationOriginal",),
    "quantity": ("Quantity",),
    "price": ("Price",),
    "status": ("StatusId", "StatusCode"),
    "seller_id": ("VendorId",),
    "seller_name": ("VendorName",),
    "photo": ("ItemImageUrl",),
    "comment": ("Comment",),
    "operator_comment": ("OperatorComment",),
}
_STATUSES = "Ids or names, as the shop's own list says."

MANIFEST = SourceManifest(
    kind="otapi",
    label="OT Box (OTAPI)",
    abilities=frozenset({"paid_filter", "own_mark", "notes", "partial_fulfilment", "tracking", "line_status"}),
    fields=(
        Field("instance_key", "Instance key", "The application key of the shop.", required=True, secret=True),
        Field("user_login", "Operator", "Login of an operator with rights on orders.", required=True),
        Field("user_password", "Operator's password", "Of that operator.", required=True, secret=True),
        Field("secret", "Secret of the key", "Only when the key was given one: requests are signed.", secret=True),
        Field("base_url", "Address", default="https://otapi.net"),
        Field("api_path", "Path of the API", default="/service-json"),
        Field("language", "Language", "Of names and messages.", default="en"),
        Field("currency", "Currency", "Of the shop's amounts, like USD. Empty: as each order says."),
        Field("utc_offset", "Hours from UTC", "Of the times that the shop states without a zone.", default="0"),
        Field("open_order_statuses", "Open orders", _STATUSES, default="20, 30, 31, 32, 36, 37, 38, 39"),
        Field("cancelled_order_statuses", "Cancelled orders", _STATUSES, default="Cancelled"),
        Field("ready_line_statuses", "Lines ready to buy", _STATUSES, default="2, 3"),
        Field("bought_line_statuses", "Lines bought", _STATUSES, default="6, 7, 8, 9, 10"),
        Field("cancelled_line_statuses", "Lines cancelled", _STATUSES, default="Cancelled"),
        Field("ordered_line_status", "Status of what we ordered", "Written to the lines. Empty: none is written."),
        Field("sent_line_status", "Status of what was sent", "Written to lines sent in full. Empty: none."),
        Field("alibaba_prefix", "Beginning of 1688 item ids", default="abb-"),
        Field("line_fields", "Names of line fields", f"Like item=ItemId, of: {', '.join(LINE_FIELDS)}."),
        Field("timeout_seconds", "Time-out", "Seconds for one answer.", default="60"),
    ),
)
#: settings that hold a set of statuses, of orders and of lines
ORDER_SETS = ("open_order_statuses", "cancelled_order_statuses")
LINE_SETS = ("ready_line_statuses", "bought_line_statuses", "cancelled_line_statuses")
LINE_TARGETS = ("ordered_line_status", "sent_line_status")


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked configuration. ``statuses``: ids or names by setting."""

    base_url: str
    api_path: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    login: str
    password: str = field(repr=False)
    language: str
    currency: str
    utc_offset: int
    statuses: Mapping[str, tuple[str, ...]]
    alibaba_prefix: str
    line_fields: Mapping[str, tuple[str, ...]]
    timeout: float


def settings(config: Mapping[str, Any]) -> Settings:
    """Check a configuration. Raises BadInput naming the field that is missing or wrong."""
    given = fields.values(config, MANIFEST.fields)
    if given["secret"]:
        fields.matching(fields.TOKEN, given["secret"], "secret", "the secret as the vendor gave it", secret=True)
    return Settings(
        base_url=fields.origin(given["base_url"]),
        api_path=fields.matching(fields.PATH, given["api_path"], "api_path", "a path like /service-json").rstrip("/"),
        key=fields.matching(fields.TOKEN, given["instance_key"], "instance_key", "the key as given", secret=True),
        secret=given["secret"],
        login=given["user_login"],
        password=given["user_password"],
        language=fields.matching(_WORD, given["language"], "language", "a language like en"),
        currency=fields.matching(_CURRENCY, given["currency"], "currency", "a currency like USD"),
        utc_offset=_offset(given["utc_offset"]),
        statuses={name: fields.words(given[name]) for name in (*ORDER_SETS, *LINE_SETS, *LINE_TARGETS)},
        alibaba_prefix=given["alibaba_prefix"],
        line_fields={**LINE_FIELDS, **_names(given["line_fields"])},
        timeout=fields.number(given["timeout_seconds"], "timeout_seconds", 1, 600),
    )


def _offset(text: str) -> int:
    hours = int(fields.matching(_OFFSET, text, "utc_offset", "a number of hours like 3 or -5"))
    if not -12 <= hours <= 14:
        raise BadInput(f"The setting “utc_offset” is “{text}”: it is a number of hours from -12 to 14.")
    return hours


def _names(text: str) -> dict[str, tuple[str, ...]]:
    pairs = [word.partition("=") for word in fields.words(text)]
    for name, _, value in pairs:
        if name.strip() not in LINE_FIELDS or not value.strip():
            raise BadInput(f"The setting “line_fields” has “{name}”: write item=ItemId, of {', '.join(LINE_FIELDS)}.")
    return {name.strip(): (value.strip(),) for name, _, value in pairs}
