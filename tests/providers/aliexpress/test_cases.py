"""Recorded cases of AliExpress: ``tests/providers/cases/aliexpress/*.json``; many are samples of its documents.

A case is ``{description, method, settings?, input, answer?, output}``; only what ``output`` names is compared. An
``output`` with ``error`` names the error's class and cause, and with ``sentence`` a part of its sentence.
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
from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.domain.session import Address, SessionConfig
from autopurchase.providers.aliexpress import orders, previews
from autopurchase.providers.aliexpress import translate as tr
from tests.providers.case_words import named, plain

FOLDER = Path(__file__).parents[1] / "cases" / "aliexpress"
CASES = [(path.stem, case) for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text("utf-8"))]
Given = Mapping[str, Any]
LINE: dict[str, Any] = {
    "number": "53-1",
    "item_id": "1005004638293060",
    "sku_id": "12000029000000001",
    "quantity": 2,
    "prepared": {"sku_attr": "14:1#Black", "delivery": "CAINIAO_STANDARD"},
}


def line(given: Given) -> PurchaseLine:
    return PurchaseLine(**{**LINE, **given})


def purchase(given: Given) -> Purchase:
    return Purchase("s", Address(**given.get("ship_to", {})), (line({}),))


METHODS: dict[str, Callable[[Given, Any, tr.Reader], object]] = {
    "create_params": lambda given, _, reader: tr.create_params(purchase(given), given["reference"], reader.options),
    "placed": lambda given, answer, reader: reader.placed(purchase(given), answer),
    "body": lambda _, answer, reader: reader.body(tr.ORDER, answer),
    "system": lambda _, answer, reader: reader.system(answer),
    "order": lambda given, answer, reader: orders.order(given["number"], answer, reader),
    "with_tracking": lambda given, answer, reader: orders.with_tracking(
        orders.order("1", given["order"], reader), answer, reader.options.zone
    ),
    "prepare": lambda given, answer, reader: previews.prepare(line(given["line"]), previews.item(answer, reader), 2),
    "delivery": lambda _, answer, reader: previews.delivery(answer, reader.options, reader),
    "tokens": lambda given, answer, _: tr.tokens(
        answer, datetime.fromisoformat(given["now"]), given.get("old_refresh", "")
    ),
}


def outcome(case: Given) -> Any:
    """What the case's method gives: its result, or its error."""
    answer = json.loads(json.dumps(case.get("answer")), parse_float=Decimal)
    config = SessionConfig(1, "main", "aliexpress", "510200", "secret", settings=case.get("settings", {}))
    try:
        result = METHODS[case["method"]](case["input"], answer, tr.Reader(tr.Options.of(config)))
    except AutopurchaseError as error:
        wanted = case["output"].get("sentence", "")
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
    whole = case["method"] == "create_params" and "error" not in case["output"]
    assert (result if whole else named(result, case["output"])) == case["output"]


def test_every_method_has_cases_and_every_description_is_its_own() -> None:
    assert {case["method"] for _, case in CASES} == set(METHODS)
    descriptions = [f"{file}: {case['description']}" for file, case in CASES]
    assert len(set(descriptions)) == len(descriptions) > 60
