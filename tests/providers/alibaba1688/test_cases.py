"""Recorded answers in, our objects out: one runner for every file in `tests/providers/cases/alibaba1688`.

A case: ``description``; ``method`` of the adapter; ``settings``; ``input`` (its arguments); ``answer`` (by API name);
``output`` (what must be in the result: objects in part, lists in full) or ``raises``; ``sent`` (by API name, in part).
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from autopurchase.conformance.practice import WAREHOUSE
from autopurchase.domain import errors
from autopurchase.domain.money import Money
from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.ports import Provider
from tests.providers.alibaba1688.replay import replaying, session

FILES = sorted((Path(__file__).parents[1] / "cases" / "alibaba1688").glob("*.json"))
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['description']}")
    for file in FILES
    for case in json.loads(file.read_text())
]


def purchase(given: dict[str, Any]) -> Purchase:
    """The purchase of a case."""
    lines = tuple(PurchaseLine(**line) for line in given["lines"])
    rest = {key: given[key] for key in ("remark", "prepared") if key in given}
    return Purchase(given.get("seller_id", "b2b-1"), WAREHOUSE, lines, **rest)


def call(provider: Provider, method: str, given: dict[str, Any]) -> object:
    """The result of the method with the case's input."""
    if method == "preview":
        return provider.preview(purchase(given))
    if method == "create":
        return provider.create(purchase(given), given["reference"])
    if method == "find_by_reference":
        return provider.find_by_reference(given["reference"], datetime.fromisoformat(given["sent_at"]), purchase(given))
    if method == "changed_since":
        window = (datetime.fromisoformat(given[key]) for key in ("since", "until"))
        return [order for page in provider.changed_since(*window) for order in page]
    if method == "pay_links":
        return provider.pay_links(given["ids"])
    return getattr(provider, method)(*given.values())


def plain(value: object) -> Any:
    """A result as JSON would show it: money as text, times in ISO format."""
    if isinstance(value, Money):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Where ``found`` lacks what is expected."""
    if isinstance(expected, dict) and isinstance(found, dict):
        missing = [f"{where}.{key} is missing" for key in expected if key not in found]
        kept = [key for key in expected if key in found]
        return missing + [text for key in kept for text in differences(expected[key], found[key], f"{where}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [text for place, pair in pairs for text in differences(*pair, where=f"{where}[{place}]")]
    return [] if expected == found else [f"{where}: expected {expected!r}, found {found!r}"]


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    with replaying(case["answer"]) as gateway:
        provider = session(gateway, **case.get("settings", {}))
        if "raises" in case:
            wanted = case["raises"]
            with pytest.raises(errors.AutopurchaseError) as caught:
                call(provider, case["method"], case["input"])
            found = {"class": type(caught.value).__name__, "cause": caught.value.cause}
            assert differences({key: wanted[key] for key in wanted if key != "says"}, found) == []
            assert wanted.get("says", "") in caught.value.sentence
        else:
            assert differences(case["output"], plain(call(provider, case["method"], case["input"]))) == []
    for api, expected in case.get("sent", {}).items():
        sent = [{key: form.get(key) for key in want} for want, form in zip(expected, gateway.params(api), strict=True)]
        assert sent == expected


def test_there_are_cases_of_every_method() -> None:
    methods = {case["method"] for file in FILES for case in json.loads(file.read_text())}
    assert methods >= {"check", "preview", "create", "find_by_reference", "get", "changed_since", "cancel", "pay_links"}
