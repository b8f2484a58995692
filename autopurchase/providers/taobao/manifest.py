"""What Taobao Global can do and needs."""

from __future__ import annotations

from autopurchase.domain.session import Grade
from autopurchase.ports import Field, Manifest
from autopurchase.providers.refusals import REFUSAL_SETTINGS
from autopurchase.providers.taobao.tables import COMPLETED_STATUSES

YES_NO = ("false", "true")
ORDER_TYPES = ("PANAMA", "PANAMA_DG", "NORMAL")
BODY_STYLES = ("form", "json", "query")
KEY_STYLES = ("camel", "snake")
NUMBER_STYLES = ("number", "text")
PRICE_FIELDS = ("promotion_price", "coupon_price", "price")

CREDENTIALS = (
    Field("app_key", "App key", "From the developer console open.taobao.global.", required=True),
    Field("app_secret", "App secret", "From the developer console; kept encrypted.", required=True, secret=True),
    Field("access_token", "Access token", "Comes by authorising; or paste it.", secret=True),
    Field("refresh_token", "Refresh token", "Comes by authorising; or paste it.", secret=True),
    Field("expires_at", "Access token ends", "Date and time with zone; empty if not known."),
    Field("refresh_expires_at", "Refresh token ends", "Date and time with zone; empty if not known."),
)

SETTINGS = (
    Field("body_style", "How parameters travel", default="form", choices=BODY_STYLES),
    Field("render_key_style", "Key style of preview lines", default="camel", choices=KEY_STYLES),
    Field("create_key_style", "Key style of order lines", default="camel", choices=KEY_STYLES),
    Field("line_number_style", "Ids and quantities in lines", default="number", choices=NUMBER_STYLES),
    Field("tax_key", "Key of the tax number in an address", default="taxId", choices=("taxId", "tax_id")),
    Field("tax_id", "Tax number", "Only where the receiver's country asks for one."),
    Field("channel_order_type", "Order type", default="PANAMA", choices=ORDER_TYPES),
    Field("order_source", "Order source", "The shop's platform, for example web; may be empty."),
    Field("item_source_market", "Goods of another market", "CBU_MARKET orders 1688 goods through this account."),
    Field(
        "need_sys_retry",
        "Marketplace repeats by itself",
        "With true a refused order may still appear later, so that every refusal becomes an unknown outcome.",
        default="false",
        choices=YES_NO,
    ),
    Field(
        "support_partial_success",
        "Partial orders",
        "true: lines that cannot be bought are left out; false: all lines or none.",
        default="false",
        choices=YES_NO,
    ),
    Field("completed_statuses", "Status words of a finished trade", default=COMPLETED_STATUSES),
    Field("list_price_field", "Price before a preview", default="promotion_price", choices=PRICE_FIELDS),
    Field("page_size", "Orders per page", "1 to 50.", default="20"),
    Field("refresh_margin_minutes", "Renew the token before its end", "Minutes.", default="30"),
    Field("pay_page", "Page where a person pays", "An address with {ids}; empty: the marketplace's own."),
    *REFUSAL_SETTINGS,
)

MANIFEST = Manifest(
    id="taobao",
    label="Taobao Global",
    currency="CNY",
    grade=Grade.A,
    grade_reason="Our reference (outer_purchase_id) is accepted at create and can be searched for.",
    default_base_url="https://api.taobao.global",
    abilities=frozenset(
        "oauth preview create find_by_reference list_orders parcels cancel pay_links close_reasons paid_time "
        "identity line_ids".split()
    ),
    credentials=CREDENTIALS,
    settings=SETTINGS,
    pay_batch=10,
    default_rate=2.0,
    default_settle_seconds=60.0,
    item_url="https://item.taobao.com/item.htm?id={item_id}",
    order_url="https://distributor.taobao.global/",  # no address of a single order is known
)
