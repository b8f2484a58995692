"""The sandbox's recipes agree with every published or computed vector, and the server enforces them."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from aop.api.base import BaseApi

from autopurchase.sandbox import Sandbox, signing
from tests.sandbox.wire import Alibaba, Taobao

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors.json").read_text("utf-8"))["vectors"]


def computed(vector: dict) -> str:
    """The vector's signature by the sandbox's own code."""
    secret, path, params = vector["secret"], vector["path"], vector["params"]
    if vector["scheme"] == "iop-push-sha256":
        return signing.iop_push_sha256(secret, vector["app_key"], vector["body"])
    if vector["scheme"] == "iop-md5-wrap":
        return signing.iop_md5(secret, params)
    recipe = signing.iop_sha256 if vector["scheme"] == "iop-sha256" else signing.aop_sha1
    return recipe(secret, path, params)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector: dict) -> None:
    """Right value, and none of the values typical mistakes give."""
    assert computed(vector) == vector["expected"]
    assert computed(vector) not in vector["wrong"].values()


def test_same_ignores_case_only() -> None:
    assert signing.same("AbC1", "aBc1")
    assert not signing.same("AbC1", "AbC2")


def test_the_other_library_signs_1688_calls_the_same_way() -> None:
    class Any1688(BaseApi):
        def get_api_uri(self) -> str:
            return "1/com.alibaba.trade/alibaba.trade.cancel"

    params = {"page": "1", "pageSize": "20", "ab": "1", "a": "z", "text": "中文 %+&"}
    path = "param2/1/com.alibaba.trade/alibaba.trade.cancel/77"
    other = Any1688(SimpleNamespace(app_key="77", secret="key"))
    assert other.sign(path, dict(params), "key") == signing.aop_sha1("key", path, params)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sign": "0" * 64}, "IncompleteSignature"),
        ({"app_key": "999"}, "InvalidAppKey"),
        ({"timestamp": ""}, "MissingTimestamp"),
        ({"timestamp": "1700000000000"}, "InvalidTimestamp"),
        ({"page_no": "2"}, "IncompleteSignature"),
    ],
)
def test_taobao_refuses_what_is_signed_wrongly(taobao: Taobao, change: dict, code: str) -> None:
    params = {**taobao.params("/purchase/orders/query", page_no="1"), **change}
    answer = requests.post(f"{taobao.market.base_url}/rest/purchase/orders/query", data=params, timeout=5)
    assert answer.status_code == 200
    assert answer.json()["code"] == code
    assert answer.json()["type"] == "ISV"


def test_taobao_takes_query_form_and_json(taobao: Taobao) -> None:
    address = f"{taobao.market.base_url}/rest/purchase/orders/query"
    params = taobao.params("/purchase/orders/query", page_size="5")
    for sent in ({"params": params}, {"data": params}, {"json": params}):
        assert requests.post(address, timeout=5, **sent).json()["code"] == "0"
    assert requests.get(address, params=params, timeout=5).json()["code"] == "0"


def test_1688_refuses_what_is_signed_wrongly(alibaba: Alibaba, market: Sandbox) -> None:
    path = f"param2/1/system/currentTime/{alibaba.keys['app_key']}"
    good = signing.aop_sha1(alibaba.keys["app_secret"], path, {"a": "中"})
    stale = {"_aop_timestamp": "1700000000000"}
    late = {**stale, "_aop_signature": signing.aop_sha1(alibaba.keys["app_secret"], path, stale)}
    cases = [
        ({"a": "中", "_aop_signature": good}, None),
        ({"a": "b", "_aop_signature": good}, "gw.SignatureInvalid"),
        ({"a": "中"}, "gw.SignatureMissing"),
        (late, "gw.SignatureInvalid"),
    ]
    for params, code in cases:
        answer = requests.post(f"{market.base_url}/openapi/{path}", data=params, timeout=5)
        assert answer.status_code == (400 if code else 200)
        body = answer.json()
        assert (body["error_code"] if code else body[-5:]) == (code or "+0800")


def test_1688_knows_its_apis_and_keys(alibaba: Alibaba, market: Sandbox) -> None:
    assert alibaba.call("no.such.api")["error_code"] == "gw.APIUnsupported"
    assert alibaba.call("alibaba.trade.cancelx")["error_code"] == "gw.APIUnsupported"
    wrong = requests.post(f"{market.base_url}/openapi/param2/1/system/currentTime/1", timeout=5)
    assert wrong.json()["error_code"] == "gw.AppKeyMissing"
