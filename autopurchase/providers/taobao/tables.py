"""What the words and numbers of Taobao Global mean, as data."""

from __future__ import annotations

from autopurchase.domain.provider_order import ProviderState

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
