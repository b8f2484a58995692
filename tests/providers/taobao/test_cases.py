"""Recorded cases of Taobao Global: ``tests/providers/cases/taobao/*.json``, one runner for all.

A case is ``{description, method, settings?, input, answer?, output}``. For requests ``output`` is what would be sent;
for answers it is what we make of them, and only what the case names is compared. An ``output`` with ``error`` names
the error's class and cause, and with ``sentence`` a part of its sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autopurchase.domain.errors import AutopurchaseError
from autopurchase.domain.money import Money
from autopurchase.domain.purchase import PreviewLine, Purchase, PurchaseLine
from autopurchase.domain.session import Address, SessionConfig
from autopurchase.providers.taobao import orders, previews
from autopurchase.providers.taobao import translate as tr
from tests.providers.case_words import named, plain

FOLDER = Path(__file__).parents[1] / "cases" / "taobao"
CASES = [(path.stem, case) for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text("utf-8"))]
Given = Mapping[str, Any]


def line(given: Given) -> PurchaseLine:
    return PurchaseLine(**{**given, "price": Money(given["price"], "CNY")})


def purchase(given: Given) -> Purchase:
    total = Money(given["total"], "CNY") if "total" in given else None
    lines = tuple(map(line, given["lines"]))
    return Purchase(given["seller_id"], Address(**given["ship_to"]), lines, given["remark"], total)


def prepared(asked: Purchase) -> list[PreviewLine]:
    return [PreviewLine(line.number, prepared=line.prepared) for line in asked.lines]


METHODS: dict[str, Callable[[Given, Any, tr.Reader], object]] = {
    "create_params": lambda given, _, reader: tr.create_params(
        purchase(given["purchase"]), given["reference"], reader.options
    ),
    "render_params": lambda given, _, reader: tr.render_params(
        asked := purchase(given["purchase"]), asked.lines, reader.options
    ),
    "placed": lambda given, answer, reader: reader.placed(purchase(given["purchase"]), answer),
    "gateway": lambda _, answer, reader: reader.gateway(answer),
    "order": lambda _, answer, reader: orders.order(answer, reader),
    "with_logistics": lambda given, answer, reader: orders.with_logistics(orders.order(given["order"], reader), answer),
    "prepare": lambda given, answer, reader: previews.prepare(
        line(given["line"]), previews.item(answer, reader.options.list_price_field), given["wanted"]
    ),
    "preview": lambda given, answer, reader: previews.preview(
        asked := purchase(given["purchase"]), prepared(asked), answer, reader, "{}"
    ),
    "tokens": lambda given, answer, _: tr.tokens(
        answer, datetime.fromisoformat(given["now"]), given.get("old_refresh", "")
    ),
}


def outcome(case: Given) -> Any:
    """What the case's method gives: its result, or its error."""
    answer = json.loads(json.dumps(case.get("answer")), parse_float=Decimal)
    config = SessionConfig(1, "main", "taobao", "500100", "secret", settings=case.get("settings", {}))
    try:
        result = METHODS[case["method"]](case["input"], answer, tr.Reader(tr.Options.of(config)))
    except AutopurchaseError as error:
        wanted = case["output"].get("sentence", "") if isinstance(case["output"], dict) else ""
        return {
            "error": type(error).__name__,
            "cause": error.cause,
            "retry_after": error.retry_after,
            "sentence": wanted if wanted in error.sentence else error.sentence,
        }
    return plain(result)


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{file}: {case['description']}") for file, case in CASES])
def test_case(case: Given) -> None:
    result = outcome(case)
    whole = case["method"].endswith("_params") and "error" not in case["output"]
    assert (result if whole else named(result, case["output"])) == case["output"]


def test_every_method_has_cases_and_every_description_is_its_own() -> None:
    assert {case["method"] for _, case in CASES} == set(METHODS)
    descriptions = [f"{file}: {case['description']}" for file, case in CASES]
    assert len(set(descriptions)) == len(descriptions) > 80
