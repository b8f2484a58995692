"""What the words and numbers of Taobao Global mean, as data."""

from __future__ import annotations

from autopurchase.domain.provider_order import ProviderState
from autopurchase.providers.refusal_table import Codes

#: raw status of main and sub orders -> state. Final success is in no list: see the setting ``completed_statuses``
STATES: dict[str, ProviderState] = {
    "BULIDING": ProviderState.UNPAID,  # the marketplace's own spelling
    "BUILDING": ProviderState.UNPAID,
    "WAIT_BUYER_P": ProviderState.UNPAID,
    "WAIT_BUYER_PAY": ProviderState.UNPAID,
    "WAIT_SELLER_SEND_GOODS": ProviderState.PAID,
    "WAIT_BUYER_CONFIRM_GOODS": ProviderState.SHIPPED,
    "TRADE_CLOSED": ProviderState.CLOSED,
}
COMPLETED_STATUSES = "TRADE_FINISHED, TRADE_SUCCESS"
PAYABLE = frozenset({"WAIT_BUYER_P", "WAIT_BUYER_PAY"})

REFUNDS: dict[int, str] = {
    0: "none",
    10: "requested",
    20: "return_awaited",
    30: "return_sent",
    100: "refunded",
    -10: "refused",
    -20: "closed",
}
REFUNDED = 100

PARCEL_STATES: dict[str, str] = {
    "WAITING_COLLECT": "waiting",
    "COLLECTED": "picked_up",
    "DELIVERING": "moving",
    "WAITING_CUSTOMS": "moving",
    "CUSTOMS_CLEARANCE": "moving",
    "SIGNED": "signed",
    "REJECTED": "returned",
    "RETURNED": "returned",
    "EXCEPTION": "problem",
    "CUSTOMS_FAILED": "problem",
}

#: words inside ``close_reason`` -> close reason, first match wins. The marketplace's values are not documented; these
#: words mean what they say, and anything else stays ``other`` with the raw text kept
CLOSE_WORDS: tuple[tuple[str, str], ...] = (
    ("超时", "unpaid_timeout"),
    ("退款", "refunded"),
    ("缺货", "cancelled_by_seller"),
    ("卖家", "cancelled_by_seller"),
    ("买家", "cancelled_by_buyer"),
    ("平台", "closed_by_platform"),
)

#: no business code of this marketplace is known; administrators add them as they are met
CODES = Codes(
    gateway={
        "IllegalAccessToken": "session_expired",
        "InvalidAccessToken": "session_expired",
        "IllegalRefreshToken": "session_expired",
        "isv.insufficient-permission": "permission_missing",
        "InsufficientPermission": "permission_missing",
        "InvalidApi": "permission_missing",
        "InvalidApiPath": "permission_missing",
        "AppWhiteIpLimit": "permission_missing",
        "IncompleteSignature": "permission_missing",
        "InvalidAppKey": "permission_missing",
        "MissingPartner": "permission_missing",
        "InvalidTimestamp": "permission_missing",
        "MissingTimestamp": "permission_missing",
        "ApiCallLimit": "throttled",
        "AppCallLimit": "throttled",
        "SellerCallLimit": "throttled",
        "901": "throttled",
        "E0901": "throttled",
        "ServiceTimeout": "provider_down",
        "ServiceUnavailable": "provider_down",
        "isp.*": "provider_down",
    },
    pauses={
        "ApiCallLimit": 1,
        "AppCallLimit": 60,
        "SellerCallLimit": 2,
        "901": 2,
        "E0901": 2,
    },
)
