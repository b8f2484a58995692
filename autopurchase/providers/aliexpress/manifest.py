"""What AliExpress Dropshipping can do and needs."""

from __future__ import annotations

from autopurchase.domain.session import Grade
from autopurchase.ports import Field, Manifest
from autopurchase.providers.refusals import REFUSAL_SETTINGS

CREDENTIALS = (
    Field("app_key", "App key", "From the console of openservice.aliexpress.com.", required=True),
    Field("app_secret", "App secret", "From the same console; kept encrypted.", required=True, secret=True),
    Field("access_token", "Access token", "Comes by authorising; or paste it.", secret=True),
    Field("refresh_token", "Refresh token", "Comes by authorising; or paste it.", secret=True),
    Field("expires_at", "Access token ends", "Date and time with zone; empty if not known."),
    Field("refresh_expires_at", "Refresh token ends", "Date and time with zone; empty if not known."),
)

SETTINGS = (
    Field("currency", "Currency of prices", "Three letters. Only lines priced in CNY can be planned.", default="CNY"),
    Field("language", "Language of titles", default="en"),
    Field(
        "delivery",
        "Delivery",
        "Code of a delivery service, for example CAINIAO_STANDARD; empty: the cheapest one that can be tracked.",
    ),
    Field("phone_country", "Country code of the phone", "Digits, for example 86."),
    Field("time_zone", "Time zone of its times", "They come without one.", default="America/Los_Angeles"),
    Field("pay_page", "Page where a person pays", "An address with {ids}; empty: the order's page."),
    *REFUSAL_SETTINGS,
)

MANIFEST = Manifest(
    id="aliexpress",
    label="AliExpress",
    currency="CNY",
    grade=Grade.C,
    grade_reason=(
        "Our reference (out_order_id) stops a repetition for 24 hours, but orders can be neither searched by it nor "
        "listed: after an unknown outcome a person looks among the account's orders on the site."
    ),
    default_base_url="https://api-sg.aliexpress.com",
    abilities=frozenset("oauth preview create pay_links paid_time item_lookup".split()),
    credentials=CREDENTIALS,
    settings=SETTINGS,
    pay_batch=1,
    default_rate=1.0,
    default_settle_seconds=60.0,
    item_url="https://www.aliexpress.com/item/{item_id}.html",
    item_links=(
        r"(?:^|\.)aliexpress\.[a-z.]{2,6}/i(?:tem)?/(?P<item>\d{8,20})\.html(?:\?(?:.*&)?sku_?id=(?P<sku>\d{5,20}))?",
    ),
    order_url="https://www.aliexpress.com/p/order/detail.html?orderId={order_id}",
)
