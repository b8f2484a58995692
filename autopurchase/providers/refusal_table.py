"""What marketplaces' codes and words mean in causes (`domain.causes`): the shape of a provider's own tables, which are
in its folder (`tables`), and what they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Codes:
    """A provider's codes. ``gateway``: code, or ``isp.*`` for every code that begins so, of what was refused before the
    call was executed (but ``provider_down``, which proves nothing about a write). ``exact``: (API, code), as codes mean
    different things per API. ``pauses``: gateway code -> the least seconds to wait where the answer names none.
    """

    gateway: Mapping[str, str]
    exact: Mapping[tuple[str, str], str] = field(default_factory=dict)
    pauses: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keyword:
    """Any of ``words`` (lower case) in the text gives ``cause``. Weak rules can be switched off by ``name``."""

    name: str
    cause: str
    words: tuple[str, ...]


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

#: rules on the text, in this order, when no code matched; the first wins
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
