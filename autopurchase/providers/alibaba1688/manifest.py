"""What 1688 can do and needs."""

from __future__ import annotations

from autopurchase.domain.session import Grade
from autopurchase.ports import Field, Manifest
from autopurchase.providers.alibaba1688.options import CREATE_APIS, DEFAULT_TRADE_TYPES, LOOKUPS, TAKE_IN
from autopurchase.providers.refusals import REFUSAL_SETTINGS

AUTHORIZE_URL = "https://auth.1688.com/oauth/authorize"

CREDENTIALS = (
    Field("app_key", "App key", "From the console of open.1688.com.", required=True),
    Field("app_secret", "App secret", "From the same console; kept encrypted.", required=True, secret=True),
    Field("access_token", "Access token", "Comes by authorising; or paste it.", secret=True),
    Field("refresh_token", "Refresh token", "Comes by authorising; or paste it.", secret=True),
    Field("expires_at", "Access token ends", "Date and time with zone; empty if not known."),
    Field("refresh_expires_at", "Refresh token ends", "Date and time with zone; empty if not known."),
    Field("member_id", "Member id", "b2b-…; when given, a token of any other account is refused."),
)

SETTINGS = (
    Field(
        "create_api",
        "Call that places orders",
        "createCrossOrder for cross-border apps, fastCreateOrder for domestic and dropship apps.",
        default=CREATE_APIS[0],
        choices=CREATE_APIS,
    ),
    Field("isv_biz_type", "Business code", "cross, cross_daigou or cross_distribution.", default="cross"),
    Field("flow", "Flow", "general, fenxiao, saleproxy, …; empty: the platform chooses the best."),
    Field(
        "trade_type",
        "Preferred trade types",
        "In this order, as far as the preview allows them. Left to the platform it may choose credit.",
        default=DEFAULT_TRADE_TYPES,
    ),
    Field(
        "item_lookup",
        "Item lookup",
        "auto: for an item's own words once a day, and to explain what was refused; always: every item, for its stock.",
        default="auto",
        choices=LOOKUPS,
    ),
    Field("send_timestamp", "Send a timestamp", "It is optional.", default="true", choices=("true", "false")),
    Field("page_size", "Orders per page", "1 to 50.", default="20"),
    Field("pay_batch", "Orders per payment link", "1 to 100; paying by Kuajingbao allows 30.", default="30"),
    Field(
        "takein_state",
        "Waiting for the carrier counts as",
        "State of goods handed over and not yet picked up.",
        default="shipped",
        choices=tuple(TAKE_IN),
    ),
    Field("address_id", "Saved address", "Number of an address saved at 1688, used in place of the ship-to address."),
    Field("district_code", "District code", "For example 440111; used in place of province, city and district."),
    *REFUSAL_SETTINGS,
)

MANIFEST = Manifest(
    id="alibaba1688",
    label="1688",
    currency="CNY",
    grade=Grade.B,
    grade_reason=(
        "Our reference (outOrderId) is accepted, but it is not proven that the order list can be searched by it, and "
        "only an order's detail shows it: orders are listed by creation time and each is verified by its detail."
    ),
    default_base_url="https://gw.open.1688.com",
    abilities=frozenset(
        "oauth preview create find_by_reference list_orders parcels cancel pay_links close_reasons paid_time "
        "identity line_ids item_lookup".split()
    ),
    credentials=CREDENTIALS,
    settings=SETTINGS,
    max_skus=50,
    pay_batch=30,
    default_rate=2.0,
    default_settle_seconds=60.0,
    item_url="https://detail.1688.com/offer/{item_id}.html",
    order_url="https://trade.1688.com/order/new_step_order_detail.htm?orderId={order_id}",
)
