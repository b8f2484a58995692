"""What the words and codes of AliExpress mean, as data."""

from __future__ import annotations

from autopurchase.domain.provider_order import ProviderState
from autopurchase.providers.refusal_table import Codes

#: `order_status` -> state. FINISH is not here: it ends both what arrived and what was closed (`orders.state_of`).
#: IN_CANCEL, IN_ISSUE, IN_FROZEN and words that are not here say nothing: the last state is kept
STATES: dict[str, ProviderState] = {
    "PLACE_ORDER_SUCCESS": ProviderState.UNPAID,
    "WAIT_BUYER_PAY": ProviderState.UNPAID,
    "PAYMENT_PROCESSING": ProviderState.PAID,
    "FUND_PROCESSING": ProviderState.PAID,
    "RISK_CONTROL": ProviderState.PAID,
    "RISK_CONTROL_HOLD": ProviderState.PAID,
    "WAIT_SELLER_EXAMINE_MONEY": ProviderState.PAID,
    "WAIT_SELLER_SEND_GOODS": ProviderState.PAID,
    "SELLER_PART_SEND_GOODS": ProviderState.PARTLY_SHIPPED,
    "WAIT_BUYER_ACCEPT_GOODS": ProviderState.SHIPPED,
    "CANCEL": ProviderState.CLOSED,
    "CLOSED": ProviderState.CLOSED,
}
FINISHED = "FINISH"
RECEIVED = "BUYER_ACCEPT_GOODS"  # of `logistics_status`
ON_SALE = "onSelling"
NO_TRACKING = "1001"

#: countries of an address in words, and their two letters
COUNTRIES = {"中国": "CN", "china": "CN", "香港": "HK", "hong kong": "HK", "türkiye": "TR", "россия": "RU"}

#: a repetition of our reference within 24 hours: an earlier call made the order, and the answer does not say which
REPEATED = "REPEATED_ORDER_ERROR"
#: the account may not see the order: another's, or one made seconds ago
UNSEEN = "isv.insufficient-permission"

CODES = Codes(
    gateway={
        "IllegalAccessToken": "session_expired",
        "InvalidAccessToken": "session_expired",
        "IllegalRefreshToken": "session_expired",
        UNSEEN: "permission_missing",
        "InsufficientPermission": "permission_missing",
        "InvalidApi": "permission_missing",
        "InvalidApiPath": "permission_missing",
        "AppWhiteIpLimit": "permission_missing",
        "IncompleteSignature": "permission_missing",
        "InvalidAppKey": "permission_missing",
        "InvalidTimestamp": "permission_missing",
        "MissingTimestamp": "permission_missing",
        "ApiCallLimit": "throttled",
        "AppCallLimit": "throttled",
        "SellerCallLimit": "throttled",
        "ServiceTimeout": "provider_down",
        "ServiceUnavailable": "provider_down",
        "isp.*": "provider_down",
    },
    exact={
        ("item", "602"): "item_unavailable",
        ("item", "605"): "item_unavailable",
        ("item", "404"): "provider_down",
        ("freight", "505"): "item_unavailable",
        ("freight", "501"): "sku_mismatch",
        ("create", "INVENTORY_HOLD_ERROR"): "out_of_stock",  # or a failure of theirs; a new plan tells
        ("create", "ITEM_ID_NOT_FOUND"): "item_unavailable",
        ("create", "A001_ORDER_CANNOT_BE_PLACED"): "item_unavailable",
        ("create", "DELIVERY_METHOD_NOT_EXIST"): "item_unavailable",
        ("create", "SKU_NOT_EXIST"): "sku_mismatch",
        ("create", "B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL"): "bad_address",
        ("create", "B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_CN_INVALID"): "bad_address",
        ("create", "B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_NOT_MATCH"): "bad_address",
        ("create", "A002_INVALID_ZONE"): "bad_address",
        ("create", "A005_INVALID_COUNTRIES"): "bad_address",
        ("create", "USER_ACCOUNT_DISABLED"): "permission_missing",
        ("create", "BLACKLIST_BUYER_IN_LIST"): "permission_missing",
        ("create", "A006_INVALID_ACCOUNT_INFO"): "permission_missing",
        ("create", "ERROR_WHEN_BUILD_FOR_PLACE_ORDER"): "provider_down",
    },
    pauses={"ApiCallLimit": 1, "AppCallLimit": 60, "SellerCallLimit": 2},
)
