"""No answer, however strange, breaks the translation: it gives a result or one of our errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autopurchase.domain.errors import AutopurchaseError
from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.domain.session import Address
from autopurchase.providers.aliexpress import orders, previews
from autopurchase.providers.aliexpress import translate as tr
from tests.providers.taobao.test_strange_answers import spoilt

CASES = Path(__file__).parents[1] / "cases" / "aliexpress"
ANSWERS = {
    name: [case["answer"] for case in json.loads((CASES / f"{name}.json").read_text("utf-8"))]
    for name in ("orders", "create", "items", "freight", "tracking", "gateway")
}
READER = tr.Reader(tr.Options())
LINE = PurchaseLine("53-1", "1005004638293060", 2, sku_id="12000029000000001")
KNOWN = orders.order("1", {}, READER)


def previewed(answer: dict[str, Any]) -> object:
    checked = previews.prepare(LINE, previews.item(answer, READER), 2)
    return previews.preview([checked], {"53-1": previews.Delivery("A")}, [answer], READER)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("orders", lambda answer: orders.order("1", answer, READER)),
        ("create", lambda answer: READER.placed(Purchase("s", Address(), (LINE,)), answer)),
        ("items", previewed),
        ("freight", lambda answer: previews.delivery(answer, READER.options, READER)),
        ("tracking", lambda answer: orders.with_tracking(KNOWN, answer, READER.options.zone)),
        ("gateway", lambda answer: READER.system(answer)),
    ],
    ids=list(ANSWERS),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_strange_answer(name: str, read: Callable[[dict[str, Any]], object], data: st.DataObject) -> None:
    answer = spoilt(data.draw(st.sampled_from(ANSWERS[name])), data.draw)
    with suppress(AutopurchaseError):
        read(answer if isinstance(answer, dict) else {})
