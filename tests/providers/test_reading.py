"""What is kept and what is made of answers: redaction, lenient reading, causes of refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autopurchase.domain.causes import CAUSES
from autopurchase.domain.errors import (
    BadInput,
    BrokenAnswer,
    LimitReached,
    RateLimited,
    Refused,
    SessionRefused,
)
from autopurchase.domain.session import SessionConfig
from autopurchase.providers.alibaba1688.tables import CODES as ALIBABA
from autopurchase.providers.lenient import as_flag, as_int, as_list, as_text, setting, whole_setting
from autopurchase.providers.redaction import REMOVED, redacted
from autopurchase.providers.refusal_table import KEYWORDS, WEAK_KEYWORDS
from autopurchase.providers.refusals import business_cause, gateway_cause, more_codes, refusal, rules_off
from autopurchase.providers.taobao.tables import CODES as TAOBAO
from autopurchase.providers.tokens import TokenRejected

# --- redaction ---


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.recursive(st.text() | st.integers(), lambda inner: st.dictionaries(st.text(max_size=5), inner)))
def test_no_secret_survives_wherever_it_stands(answer: Any) -> None:
    secret = 'Tök"en-1234'
    text = redacted({"outer": answer, "said": f"bad {secret}!", secret: [secret], "n": {"m": secret}}, [secret])
    json.loads(text)
    assert secret not in text
    assert json.dumps(secret)[1:-1] not in text
    assert "n-1234" not in text


def test_secret_and_personal_keys_are_removed_and_the_rest_stays() -> None:
    answer = {
        "access_token": "a",
        "code": "0",
        "data": {"receiver": {"name": "张三", "city": "广州"}, "mobile_phone": 138, "title": "衬衫", "id": 2**60},
        "list": [{"refreshToken": "b", "phone": ""}],
    }
    assert json.loads(redacted(answer)) == {
        "access_token": REMOVED,
        "code": "0",
        "data": {"receiver": REMOVED, "mobile_phone": REMOVED, "title": "衬衫", "id": 2**60},
        "list": [{"refreshToken": REMOVED, "phone": ""}],
    }


def test_text_that_is_no_json_is_kept_short_and_clean() -> None:
    kept = json.loads(redacted("<a href='https://x/?access_token=abcdef&b=1'>" + "x" * 9000))
    assert "abcdef" not in kept["text"]
    assert "b=1" in kept["text"]
    assert len(kept["text"]) < 2100


def test_long_answers_are_cut_and_stay_json() -> None:
    kept = redacted({"items": ["x" * 100] * 1000}, limit=500)
    assert len(kept) < 1200
    assert "truncated" in json.loads(kept)


# --- lenient reading and settings ---


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), (" 7 ", 7), ("7.0", 7), ("7.5", None), ("", None), (None, None), (True, None), ("x", None)],
)
def test_as_int(value: object, number: int | None) -> None:
    assert as_int(value) == number


def test_as_flag_text_and_list() -> None:
    assert [as_flag(value) for value in (True, "true", "TRUE", False, "false", "", None, 1)] == [
        *(True, True, True, False, False),
        *(None, None, None),
    ]
    assert [as_text(value) for value in (None, {}, 12, " a ", True)] == ["", "", "12", "a", "true"]
    assert as_list([{"a": 1}, None, 3]) == [{"a": 1}]
    assert as_list("x") == []


def test_settings_are_checked_by_name() -> None:
    config = SessionConfig(1, "main", "taobao", "k", "s", settings={"style": "odd", "size": "9", "word": "seven"})
    assert setting(config, "absent", "form") == "form"
    assert whole_setting(config, "size", 5, 1, 10) == 9
    for wrong in (lambda: setting(config, "style", "form", ("form",)), lambda: whole_setting(config, "word", 5, 1, 9)):
        with pytest.raises(BadInput, match=r"style|word"):
            wrong()


# --- refusals ---


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("操作太频繁了", "throttled"),
        ("用户登录失效", "session_expired"),
        ("您没有权限下单", "permission_missing"),
        ("收货地址不完整", "bad_address"),
        ("Item is SOLD OUT", "out_of_stock"),
        ("未达到起批量", "below_minimum"),
        ("商品已下架", "item_unavailable"),
        ("规格有误", "sku_mismatch"),
        ("商品不属于同一卖家", "mixed_sellers"),
        ("价格发生变化", "price_changed"),
        ("超过限购数量", "limit_reached"),
        ("系统繁忙", "provider_down"),
        ("请联系客服", "unknown_refusal"),
        ("", "unknown_refusal"),
    ],
)
def test_keyword_rules(text: str, cause: str) -> None:
    assert business_cause(TAOBAO, "create", "X-1", text) == cause


def test_first_keyword_rule_wins_and_weak_ones_can_be_switched_off() -> None:
    assert business_cause(TAOBAO, "create", "X", "收货地址的价格") == "bad_address"
    assert business_cause(TAOBAO, "create", "X", "收货地址的价格", off={"address"}) == "price_changed"
    assert rules_off({"keyword_rules_off": "price, sku"}) == {"price", "sku"}
    with pytest.raises(BadInput):
        rules_off({"keyword_rules_off": "stock"})


def test_exact_codes_are_scoped_by_api_and_can_be_added() -> None:
    assert business_cause(ALIBABA, "preview", "500_004", "") == "out_of_stock"
    assert business_cause(ALIBABA, "logistics", "500_004", "") == "unknown_refusal"
    more = more_codes({"refusal_table": "create E42 = limit_reached\ncancel E7=throttled,"})
    assert business_cause(TAOBAO, "create", "E42", "库存", more) == "limit_reached"
    assert business_cause(TAOBAO, "cancel", "E42", "库存", more) == "out_of_stock"


def test_gateway_codes() -> None:
    assert gateway_cause(ALIBABA, "gw.QosAppFrequencyLimit") == "throttled"
    assert gateway_cause(TAOBAO, "isp.anything") == "provider_down"
    assert gateway_cause(TAOBAO, "New", kind="system") == "provider_down"
    assert gateway_cause(TAOBAO, "New", kind="ISV") == "unknown_refusal"


def test_refusals_are_typed_by_what_may_be_repeated() -> None:
    made = {cause: type(refusal(cause, "words", "CODE")) for cause in ("throttled", "provider_down", "limit_reached")}
    assert made == {"throttled": RateLimited, "provider_down": BrokenAnswer, "limit_reached": LimitReached}
    assert type(refusal("session_expired", "", gateway=True)) is TokenRejected
    assert type(refusal("session_expired", "")) is SessionRefused
    assert type(refusal("out_of_stock", "")) is Refused
    assert "CODE words" in str(refusal("bad_address", "words", "CODE"))


def test_tables_use_known_causes_only() -> None:
    codes = (TAOBAO, ALIBABA)
    used = {cause for each in codes for table in (each.gateway, each.exact) for cause in table.values()}
    used |= {rule.cause for rule in KEYWORDS}
    assert used <= set(CAUSES)
    assert set(WEAK_KEYWORDS) <= {rule.name for rule in KEYWORDS}
