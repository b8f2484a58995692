"""The tables of refusals, as data: what each marketplace's codes and words mean in causes
(`domain.causes`).

``GATEWAY``: provider -> code (exact), or ``isp.*`` = every code that begins so. The gateway refused before
the call was executed, except for ``provider_down``, which proves nothing about a write. ``EXACT``: provider
-> (API, code), as codes mean different things per API. ``KEYWORDS``: rules on the text, in this order, when
no code matched; the first wins.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keyword:
    """Any of ``words`` (lower case) in the text gives ``cause``. Weak rules can be switched off by ``name``."""

    name: str
    cause: str
    words: tuple[str, ...]


GATEWAY: dict[str, dict[str, str]] = {
    "taobao": {
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
    "alibaba1688": {
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
}

#: gateway code -> the least seconds to wait where the answer names none
PAUSES: dict[str, float] = {
    "ApiCallLimit": 1,
    "AppCallLimit": 60,
    "SellerCallLimit": 2,
    "901": 2,
    "E0901": 2,
}

#: gateway codes where the app's own set-up is wrong: repeating cannot help, an administrator must act
CONFIGURATION = frozenset(
    "IncompleteSignature InvalidAppKey MissingPartner InvalidTimestamp MissingTimestamp InvalidApi InvalidApiPath "
    "gw.SignatureInvalid gw.SignatureMissing gw.AppKeyMissing gw.APIUnsupported".split()
)

#: texts of the gateway that stand for a code it did not give
GATEWAY_WORDS: tuple[tuple[str, str], ...] = (
    ("service is currently unavailable", "provider_down"),
    ("api need authorized", "session_expired"),
)

EXACT: dict[str, dict[tuple[str, str], str]] = {
    "taobao": {},  # no business code of this marketplace is known; administrators add them as they are met
    "alibaba1688": {
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
}

KEYWORDS: tuple[Keyword, ...] = (
    Keyword("too_often", "throttled", ("频繁", "too frequent", "frequency")),
    Keyword("risk", "risk_control", ("风控", "风险", "risk control")),
    Keyword("token", "session_expired", ("登录失效", "授权", "token", "authoriz")),
    Keyword("permission", "permission_missing", ("无权限", "没有权限", "permission")),
    Keyword("address", "bad_address", ("地址", "address", "收货", "邮编")),
    Keyword("stock", "out_of_stock", ("库存", "缺货", "售罄", "out of stock", "inventory", "sold out")),
    Keyword("minimum", "below_minimum", ("混批", "起批", "起订", "minimum")),
    Keyword(
        "off_shelf",
        "item_unavailable",
        ("已下架", "下架", "不存在", "不支持在线交易", "off shelf", "not exist", "unavailable"),
    ),
    Keyword("sku", "sku_mismatch", ("规格", "sku", "spec")),
    Keyword("sellers", "mixed_sellers", ("不属于同一卖家", "同一卖家", "same seller")),
    Keyword("price", "price_changed", ("价格", "金额", "price", "amount changed")),
    Keyword(
        "limit",
        "limit_reached",
        ("限购", "上限", "超过", "过多", "限制", "额度", "余额不足", "limit", "exceed", "balance"),
    ),
    Keyword("busy", "provider_down", ("系统繁忙", "系统异常", "稍后再试", "busy", "timeout", "system error")),
)

#: rules whose words also occur in other messages; each has a switch in the provider's settings
WEAK_KEYWORDS = ("address", "sku", "price")
