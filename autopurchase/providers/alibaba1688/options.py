"""The session's settings, read once: every point the marketplace's documentation leaves open is one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from autopurchase.domain.errors import BadInput
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.session import SessionConfig
from autopurchase.providers.alibaba1688.translate.envelope import Rules
from autopurchase.providers.lenient import setting, whole_setting
from autopurchase.providers.refusals import more_codes, rules_off

CREATE_APIS = ("createCrossOrder", "fastCreateOrder")
LOOKUPS = ("auto", "always", "off")
TAKE_IN = {"shipped": ProviderState.SHIPPED, "paid": ProviderState.PAID}
DEFAULT_TRADE_TYPES = "assureTrade, alipay"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one session, checked; meanings are in the manifest."""

    create_api: str
    isv_biz_type: str
    flow: str
    trade_types: tuple[str, ...]
    item_lookup: str
    send_timestamp: bool
    page_size: int
    pay_batch: int
    take_in: ProviderState
    address_id: str
    district_code: str
    member_id: str
    rules: Rules


def options(config: SessionConfig) -> Options:
    """The settings of a session; raises BadInput naming the one that cannot be used."""
    return Options(
        create_api=setting(config, "create_api", CREATE_APIS[0], CREATE_APIS),
        isv_biz_type=setting(config, "isv_biz_type", "cross"),
        flow=setting(config, "flow", ""),
        trade_types=_words(setting(config, "trade_type", DEFAULT_TRADE_TYPES)),
        item_lookup=setting(config, "item_lookup", "auto", LOOKUPS),
        send_timestamp=setting(config, "send_timestamp", "true", ("true", "false")) == "true",
        page_size=whole_setting(config, "page_size", 20, 1, 50),
        pay_batch=whole_setting(config, "pay_batch", 30, 1, 100),
        take_in=TAKE_IN[setting(config, "takein_state", "shipped", tuple(TAKE_IN))],
        address_id=_digits(config, "address_id"),
        district_code=_digits(config, "district_code"),
        member_id=setting(config, "member_id", ""),
        rules=_rules(config.settings),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[\s,]+", text) if word)


def _digits(config: SessionConfig, name: str) -> str:
    text = setting(config, name, "")
    if text and not text.isdigit():
        raise BadInput(f"Setting “{name}” must be digits only.")
    return text


def _rules(settings: Mapping[str, str]) -> Rules:
    return Rules(more_codes(settings), rules_off(settings))
