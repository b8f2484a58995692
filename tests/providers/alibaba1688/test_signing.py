"""The signature against the published example, computed vectors and another implementation."""

import json
from pathlib import Path
from typing import Any

import aop
import pytest
from aop.api.base import BaseApi
from hypothesis import given
from hypothesis import strategies as st

from autopurchase.providers.alibaba1688.signing import sign

DATA = json.loads((Path(__file__).parents[2] / "data" / "vectors.json").read_text())
VECTORS = [vector for vector in DATA["vectors"] if vector["market"] == "alibaba-1688"]


class Oracle(BaseApi):
    """The other implementation."""

    def get_api_uri(self) -> str:
        """Not used for signing."""
        return "1/test/api"


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_vector(vector: dict[str, Any]) -> None:
    found = sign(vector["secret"], vector["path"], vector["params"])
    assert found == vector["expected"]
    assert found not in vector["wrong"].values()
    assert sign(vector["secret"], vector["path"], {**vector["params"], "_aop_signature": "x"}) == found


def test_all_vectors_are_there() -> None:
    assert len(VECTORS) == 8


@given(
    secret=st.text(min_size=1, max_size=40),
    path=st.text(min_size=1, max_size=40),
    params=st.dictionaries(st.text("ab_AZ09测", max_size=5), st.text(max_size=20), max_size=8),
)
def test_agrees_with_the_other_implementation(secret: str, path: str, params: dict[str, str]) -> None:
    oracle = Oracle(aop.structure.AppInfo("1000000", secret))
    assert sign(secret, path, params) == oracle.sign(path, params, secret)
