"""Our signature against published vectors and against an independent library."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autopurchase.domain.session import SessionConfig
from autopurchase.providers.taobao.translate import sign, signed

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "vectors.json").read_text("utf-8"))["vectors"]
OURS = [vector for vector in VECTORS if vector["scheme"] == "iop-sha256"]

text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40)
names = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1, max_size=12)


@pytest.mark.parametrize("vector", OURS, ids=[vector["id"] for vector in OURS])
def test_vector(vector: dict[str, Any]) -> None:
    made = sign(vector["secret"], vector["path"], vector["params"])
    assert made == vector["expected"]
    assert made not in vector["wrong"].values()


def test_there_are_vectors() -> None:
    assert {"tgo-V0", "tgo-V1", "tgo-V3", "tgo-V8", "tgo-X1", "tgo-X2"} <= {vector["id"] for vector in OURS}


@pytest.fixture(scope="module")
def library() -> Any:
    """The independent signer. Importing it makes a log below the home folder, which is the test run's own."""
    return importlib.import_module("lazop_sdk.base")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(secret=text, path=names, params=st.dictionaries(names.filter(lambda name: name != "sign"), text))
def test_same_as_the_library(library: Any, secret: str, path: str, params: dict[str, str]) -> None:
    assert sign(secret, f"/{path}", params) == library.sign(secret, f"/{path}", params)


@settings(deadline=None)
@given(params=st.dictionaries(names, st.text(max_size=5)))
def test_empty_values_are_neither_signed_nor_sent(params: dict[str, str]) -> None:
    config = SessionConfig(1, "main", "taobao", "500100", "top-secret")
    sent = signed(config, "/product/get", params, 1_700_000_000_000)
    assert all(sent.values())
    assert sent["sign"] == sign("top-secret", "/product/get", {**params, **sent})
    assert "access_token" not in sent or "access_token" in params
    assert "top-secret" not in sent.values()
