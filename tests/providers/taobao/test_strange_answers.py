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
from autopurchase.domain.money import Money
from autopurchase.domain.purchase import PreviewLine, Purchase, PurchaseLine
from autopurchase.domain.session import Address
from autopurchase.providers.taobao import orders, previews
from autopurchase.providers.taobao import translate as tr

CASES = Path(__file__).parents[1] / "cases" / "taobao"
ANSWERS = {
    name: [case["answer"] for case in json.loads((CASES / f"{name}.json").read_text("utf-8"))]
    for name in ("orders", "create", "previews", "items", "logistics", "gateway")
}
READER = tr.Reader(tr.Options())
IDS = {"mp_id": "2048153758314474", "mp_sku_id": "3357413213162"}
LINE = PurchaseLine("53-1", "1", 3, price=Money(100, "CNY"), prepared=IDS)
ASKED = Purchase("s", Address(), (LINE,))
CHECKED = [PreviewLine("53-1", prepared=IDS)]

odd = st.sampled_from(
    [
        None,
        "",
        "x",
        [],
        {},
        [None],
        [[]],
        True,
        -1,
        0,
        10**30,
        10**40,
        "1e999999999",
        "NaN",
        "-Infinity",
        1.5,
        "2026-13-45",
        "0001-01-01 00:00:00",
    ]
)


def spoilt(value: Any, draw: Callable[..., Any]) -> Any:
    """The same document with some of its parts replaced by odd ones."""
    if draw(st.integers(0, 5)) == 0:
        return draw(odd)
    if isinstance(value, dict):
        return {key: spoilt(item, draw) for key, item in value.items()}
    return [spoilt(item, draw) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("orders", lambda answer: orders.order(answer, READER)),
        ("create", lambda answer: READER.placed(ASKED, answer)),
        ("gateway", lambda answer: READER.gateway(answer)),
        ("previews", lambda answer: previews.preview(ASKED, CHECKED, answer, READER, "{}")),
        ("items", lambda answer: previews.prepare(LINE, previews.item(answer, "price"), 3)),
        ("logistics", lambda answer: orders.with_logistics(orders.order({}, READER), {"1": answer})),
    ],
    ids=list(ANSWERS),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_strange_answer(name: str, read: Callable[[dict[str, Any]], object], data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(ANSWERS[name]))
    if name == "logistics":
        whole = next(iter(whole.values()))
    answer = {key: spoilt(item, data.draw) for key, item in whole.items()}
    with suppress(AutopurchaseError):
        read(answer)
