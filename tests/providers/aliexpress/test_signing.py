"""The signature against computed vectors and against an independent library."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autopurchase.domain.session import SessionConfig
from autopurchase.providers.aliexpress.translate import business, sign, signed

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "vectors.json").read_text("utf-8"))["vectors"]
OURS = [each for each in VECTORS if each["market"] == "aliexpress" and each["scheme"] == "iop-sha256"]

text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40)
names = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1, max_size=12)


@pytest.mark.parametrize("vector", OURS, ids=[vector["id"] for vector in OURS])
def test_vector(vector: dict[str, Any]) -> None:
    assert sign(vector["secret"], vector["path"], vector["params"]) == vector["expected"]


def test_there_is_a_vector_for_each_kind_of_call() -> None:
    assert {vector["path"] for vector in OURS} == {"", "/auth/token/create"}


@pytest.fixture(scope="module")
def library() -> Any:
    """The independent signer. Importing it makes a log below the home folder, which is the test run's own."""
    return importlib.import_module("lazop_sdk.base")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(secret=text, params=st.dictionaries(names.filter(lambda name: name != "sign"), text))
def test_same_as_the_library_where_the_method_is_a_parameter(library: Any, secret: str, params: dict[str, str]) -> None:
    assert sign(secret, "", params) == library.sign(secret, "", params)


def test_empty_values_are_neither_signed_nor_sent() -> None:
    config = SessionConfig(1, "main", "aliexpress", "510200", "secret")
    sent = signed(config, "", business("m", {"a": "", "b": "1"}, "token"), 1_700_000_000_000)
    assert set(sent) == {"b", "method", "session", "format", "v", "app_key", "timestamp", "sign_method", "sign"}
    assert sent["sign"] == sign("secret", "", {key: value for key, value in sent.items() if key != "sign"})
