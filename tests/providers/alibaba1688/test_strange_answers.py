"""Answers nobody has seen yet: whatever the wire holds, translation ends in a result or in an error of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autopurchase.conformance.practice import WAREHOUSE
from autopurchase.domain.errors import AutopurchaseError
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.domain.session import SessionConfig, Tokens
from autopurchase.providers.alibaba1688.options import options
from autopurchase.providers.alibaba1688.translate import answers, lookup, orders, placing, previewing

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
OPTIONS = options(SessionConfig(1, "main", "alibaba1688", "1", "s"))
PURCHASE = Purchase("b2b-1", WAREHOUSE, (PurchaseLine("53-1", "554456348334", 2, spec_id="b266"),))
CASES = Path(__file__).parents[1] / "cases" / "alibaba1688"


def recorded() -> list[dict[str, Any]]:
    """Every recorded answer that is an object."""
    cases = [
        case for file in sorted(CASES.glob("*.json")) for case in json.loads(file.read_text(), parse_float=Decimal)
    ]
    given_ = [answer for case in cases for answer in case["answer"].values()]
    flat = [one for answer in given_ for one in (answer if isinstance(answer, list) else [answer])]
    return [one for one in flat if isinstance(one, dict)]


RECORDED = recorded()
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "false", "true", "99991231235959999-0900", "00010101000000000+0900", "1e400", "不需要物流", "1,2"]
    ),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([None, "x", 1, {}]),
    st.just({"id": []}),
)


def paths(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, item in inner for path in [(*at, key), *paths(item, (*at, key))]]


def planted(document: Any, path: tuple[Any, ...], value: object) -> Any:
    """The document with ``value`` at ``path``."""
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = planted(document[path[0]], path[1:], value)
    return copy


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A recorded answer in which a few places hold something strange."""
    document = draw(st.sampled_from(RECORDED))
    for _ in range(draw(st.integers(1, 4))):
        places = paths(document)
        if places:
            document = planted(document, draw(st.sampled_from(places)), draw(STRANGE))
    return document


def read_all(document: dict[str, Any]) -> None:
    """Every reader on one document; errors of ours are results."""
    rules = OPTIONS.rules
    for read in (
        lambda: previewing.read(document, "", PURCHASE, OPTIONS),
        lambda: placing.read(document, "", PURCHASE, OPTIONS),
        lambda: answers.order_page(document, "", rules),
        lambda: answers.order_detail(document, "", rules),
        lambda: answers.shipments(document, "", rules),
        lambda: answers.cancelled(document, "", rules, "1"),
        lambda: answers.pay_link(document, "", rules, ["1"]),
        lambda: answers.account(document, "", rules, "", NOW, NOW),
        lambda: answers.tokens(document, "", NOW, Tokens("a", "r")),
        lambda: lookup.read(document, "", rules),
        lambda: order_of(document),
    ):
        try:
            read()
        except AutopurchaseError:
            pass


def order_of(document: dict[str, Any]) -> None:
    """The document as an order and as its parcels."""
    info = document.get("result") if isinstance(document.get("result"), dict) else document
    assert isinstance(info, dict)
    sent = document["result"] if isinstance(document.get("result"), list) else []
    shipments = [one for one in sent if isinstance(one, dict)]
    found = orders.provider_order(info, ProviderState.SHIPPED, complete=True, shipments=shipments)
    assert found.state in set(ProviderState)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
@example({"access_token": "a", "expires_in": "9" * 30})
@example({"result": {"baseInfo": {"createTime": "20261120100000000+0800", "payTimeout": 10**15, "payTimeoutType": 0}}})
@example({"result": {"baseInfo": {"createTime": "99991231235959999-0900", "totalAmount": "1e400"}}})
@example({"result": {"orderId": "1", "totalSuccessAmount": Decimal("1E+400000")}})
def test_no_answer_breaks_the_translation(document: dict[str, Any]) -> None:
    read_all(document)
