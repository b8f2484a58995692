"""The marketplace's words as data. A word that is in no table is `unknown`: kept raw, moving nothing."""

from __future__ import annotations

from autopurchase.domain.provider_order import ProviderState
from autopurchase.providers.refusal_table import Codes

#: main and line status -> unified state; the pick-up word is a setting (`takein_state`)
STATES: dict[str, ProviderState] = {
    "waitbuyerpay": ProviderState.UNPAID,
    "waitsellersend": ProviderState.PAID,
    "waitlogisticstakein": ProviderState.SHIPPED,
    "waitbuyerreceive": ProviderState.SHIPPED,
    "waitbuyersign": ProviderState.SHIPPED,
    "signinsuccess": ProviderState.DELIVERED,
    "confirm_goods": ProviderState.DELIVERED,
    "confirm_goods_and_has_subsidy": ProviderState.DELIVERED,
    "success": ProviderState.COMPLETED,
    "cancel": ProviderState.CLOSED,
    "terminated": ProviderState.CLOSED,
}
TAKE_IN = "waitlogisticstakein"

#: a line's `logisticsStatus` -> at least this state (1 not shipped, 8 no logistics order yet, 4 returned: nothing)
LOGISTICS: dict[str, ProviderState] = {
    "5": ProviderState.PARTLY_SHIPPED,
    "2": ProviderState.SHIPPED,
    "3": ProviderState.DELIVERED,
}
RETURNED = "4"

#: refund words of orders (lower case) and of lines (upper case, own spelling of "closed"), compared in lower case
REFUNDS: dict[str, str] = {
    "waitselleragree": "requested",
    "wait_seller_agree": "requested",
    "waitbuyermodify": "change_requested",
    "wait_buyer_modify": "change_requested",
    "waitbuyersend": "return_awaited",
    "wait_buyer_send": "return_awaited",
    "waitsellerreceive": "return_sent",
    "wait_seller_receive": "return_sent",
    "refundsuccess": "refunded",
    "refund_success": "refunded",
    "refundclose": "closed",
    "refund_closed": "closed",
}

#: parcel `status` -> unified parcel state
PARCELS: dict[str, str] = {
    "WAITACCEPT": "waiting",
    "ACCEPT": "picked_up",
    "TRANSPORT": "moving",
    "SIGN": "signed",
    "CANCEL": "cancelled",
    "NOGET": "problem",
    "UNSIGN": "problem",
}

#: `noLogisticsCondition` of a parcel without carrier
NO_LOGISTICS: dict[str, str] = {
    "1": "third party or own fleet",
    "2": "freight or price supplement",
    "3": "delivered by the seller",
    "4": "collected by the buyer",
    "5": "other",
}
NO_WAYBILL = "不需要物流"

#: `tradeTerms[].payStatus` with which a pay time is to be believed: paid, fully refunded, seller has the money
MONEY_TAKEN = frozenset({"2", "4", "6"})
PAY_RUNNING = "9"
CANCELLED_BEFORE_PAYMENT = "8"
FULLY_REFUNDED = "4"

#: `closeOperateType` / `closeReason` that decide by themselves, asked in this order: (field, value) -> reason
CLOSE_REASONS: tuple[tuple[str, str, str], ...] = (
    ("closeReason", "sellerGoodsLack", "cancelled_by_seller"),
    ("closeOperateType", "CLOSE_TRADE_BY_SELLER", "cancelled_by_seller"),
    ("closeReason", "buyerCancel", "cancelled_by_buyer"),
    ("closeOperateType", "CLOSE_TRADE_BY_BUYER", "cancelled_by_buyer"),
    ("closeOperateType", "CLOSE_TRADE_BY_BOPS", "closed_by_platform"),
    ("closeOperateType", "CLOSE_TRADE_BY_CREADIT", "closed_by_platform"),
)

#: words of a create refusal that speak of our reference or of a repetition: an earlier call may have made the order
REPEATED = ("outorderid", "外部订单", "重复", "duplicate", "repeat", "already exist")

#: preview codes that the documentation gives two meanings; our own lines decide
SELLERS_OR_SPEC = "500_002"
OTHER_FLOW = "500_007"

#: causes that concern the session or the moment, not the lines: the preview as a whole fails
NOT_OF_LINES = frozenset({"session_expired", "throttled", "provider_down", "bad_address", "limit_reached"})

ON_SALE = "published"

NO_SUCH_ORDER = "The account has no such order: check the number and the session."
NOT_OURS = "The order belongs to another account: check the session."

#: (API, code) about one order, not about goods or the session -> the sentence for the person
ABOUT_THE_ORDER: dict[tuple[str, str], str] = {
    ("detail", "ORDER_NOT_EXIST"): NO_SUCH_ORDER,
    ("detail", "400_3"): NOT_OURS,
    ("cancel", "ORDER_NOT_EXIST"): NO_SUCH_ORDER,
    ("cancel", "400_3"): NOT_OURS,
    ("cancel", "ORDER_STATUS_ERROR"): "The order is not unpaid any more: synchronise it, then use a refund.",
}

CODES = Codes(
    gateway={
        "401": "session_expired",
        "gw.APIACLDecline": "permission_missing",
        "gw.SignatureInvalid": "permission_missing",
        "gw.SignatureMissing": "permission_missing",
        "gw.AppKeyMissing": "permission_missing",
        "gw.APIUnsupported": "permission_missing",
        "403": "permission_missing",
        "gw.QosAppFrequencyLimit": "throttled",
        "gw.QosApiFrequencyLimit": "throttled",
        "429": "throttled",
        "gw.ISPInvokeTimeout": "provider_down",
        "gw.ISPInvokeError": "provider_down",
        "ISPInvokeTimeout": "provider_down",
        "ISPInvokeError": "provider_down",
    },
    exact={
        ("preview", "500_001"): "item_unavailable",
        ("preview", "500_002"): "mixed_sellers",  # or sku_mismatch: the adapter decides with our own lines
        ("preview", "500_003"): "sku_mismatch",  # or mixed_sellers: likewise
        ("preview", "500_004"): "out_of_stock",
        ("preview", "500_005"): "below_minimum",
        ("preview", "500_006"): "below_minimum",
        ("preview", "500_007"): "permission_missing",
        ("preview", "500_008"): "item_unavailable",
        ("preview", "500_009"): "below_minimum",
        ("pay_way", "500_2"): "permission_missing",
        ("cancel", "400_3"): "permission_missing",
        ("cancel", "CLOSE_ORDER_TOO_FAST"): "throttled",
        ("trace", "order.nopermission.buyer"): "permission_missing",
        ("pay", "PRODUCT_TRADE_STAT_ERROR"): "out_of_stock",
        ("pay", "ACCOUNT_NOT_EXIST"): "permission_missing",
        ("pay", "ACCOUNT_FROZEN"): "permission_missing",
        ("pay", "ACCOUNT_BALANCE_NOT_ENOUGH"): "limit_reached",
    },
)
