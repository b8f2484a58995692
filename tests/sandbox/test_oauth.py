"""Authorisation by a person, codes that work once, tokens that end."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from autopurchase.sandbox import Sandbox
from tests.sandbox.wire import Alibaba, Taobao

CALLBACK = "https://shop.example/callback?from=sandbox"


def authorise(market: Sandbox, **params: str) -> dict[str, list[str]]:
    """Press the button; the callback's parameters."""
    address = f"{market.base_url}/oauth/authorize"
    shown = requests.get(address, params=params, timeout=5)
    assert shown.status_code == 200
    assert "Authorise" in shown.text
    pressed = requests.post(address, data={**params, "account": "authorised"}, timeout=5, allow_redirects=False)
    assert pressed.status_code == 302
    assert pressed.headers["Location"].startswith(CALLBACK)
    return parse_qs(urlsplit(pressed.headers["Location"]).query)


def taobao_code(market: Sandbox, taobao: Taobao) -> str:
    answer = authorise(
        market,
        response_type="code",
        client_id=taobao.keys["app_key"],
        redirect_uri=CALLBACK,
        force_auth="true",
        state="s 1",
    )
    assert answer["state"] == ["s 1"]
    assert answer["from"] == ["sandbox"]
    return answer["code"][0]


def ali_token(alibaba: Alibaba, **params: str) -> requests.Response:
    form = {
        "client_id": alibaba.keys["app_key"],
        "client_secret": alibaba.keys["app_secret"],
        "need_refresh_token": "true",
        "redirect_uri": CALLBACK,
        **params,
    }
    path = f"/openapi/http/1/system.oauth2/getToken/{alibaba.keys['app_key']}"
    return requests.post(alibaba.market.base_url + path, data=form, timeout=5)


def test_taobao_code_to_tokens_and_refresh(market: Sandbox, taobao: Taobao) -> None:
    code = taobao_code(market, taobao)
    taobao.keys["access_token"] = ""
    granted = taobao.call("/auth/token/create", code=code)
    assert granted["code"] == "0"
    assert granted["expires_in"] == 2_592_000
    assert granted["refresh_expires_in"] == "5184000"
    assert granted["account"] == "authorised-buyer"
    again = taobao.call("/auth/token/create", code=code)
    assert again["code"] == "InvalidCode"
    fresh = taobao.call("/auth/token/refresh", refresh_token=granted["refresh_token"])
    assert fresh["access_token"] != granted["access_token"]
    taobao.keys["access_token"] = fresh["access_token"]
    assert taobao.query() == []
    assert taobao.call("/auth/token/refresh", refresh_token="x")["code"] == "IllegalRefreshToken"


def test_1688_code_to_tokens_and_refresh(market: Sandbox, alibaba: Alibaba) -> None:
    answer = authorise(market, client_id=alibaba.keys["app_key"], site="1688", redirect_uri=CALLBACK)
    code = answer["code"][0]
    granted = ali_token(alibaba, grant_type="authorization_code", code=code).json()
    assert granted["expires_in"] == "36000"
    assert len(granted["refresh_token_timeout"]) == 22
    assert granted["memberId"].startswith("b2b-")
    used = ali_token(alibaba, grant_type="authorization_code", code=code)
    assert (used.status_code, used.json()["error"]) == (400, "invalid_grant")
    fresh = ali_token(alibaba, grant_type="refresh_token", refresh_token=granted["refresh_token"]).json()
    assert "refresh_token" not in fresh
    alibaba.keys["access_token"] = fresh["access_token"]
    assert alibaba.call("alibaba.account.basic")["result"]["memberId"] == granted["memberId"]


def test_codes_and_tokens_end(market: Sandbox, taobao: Taobao, settings) -> None:
    settings(code_seconds=-1)
    assert taobao.call("/auth/token/create", code=taobao_code(market, taobao))["code"] == "InvalidCode"
    settings(code_seconds=0, access_seconds=-1)
    taobao.keys = market.credentials("taobao", "short")
    assert taobao.call("/purchase/orders/query")["code"] == "IllegalAccessToken"
    settings(access_seconds=0)
    renewed = taobao.call("/auth/token/refresh", refresh_token=taobao.keys["refresh_token"])
    taobao.keys["access_token"] = renewed["access_token"]
    assert taobao.call("/purchase/orders/query")["code"] == "0"
    market.control("expire", market="taobao", account="short", kinds=["access", "refresh"])
    dead = taobao.call("/auth/token/refresh", refresh_token=taobao.keys["refresh_token"])
    assert dead["code"] == "IllegalRefreshToken"


def test_wrong_1688_secret(alibaba: Alibaba) -> None:
    refused = ali_token(alibaba, grant_type="refresh_token", client_secret="guess", refresh_token="x")
    assert refused.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "change", [{"client_id": "1"}, {"redirect_uri": "javascript:alert(1)"}, {"response_type": "x"}]
)
def test_the_page_refuses_wrong_questions(market: Sandbox, taobao: Taobao, change: dict) -> None:
    params = {"response_type": "code", "client_id": taobao.keys["app_key"], "redirect_uri": CALLBACK, **change}
    for send in (requests.get, requests.post):
        assert send(f"{market.base_url}/oauth/authorize", params=params, timeout=5).status_code == 400
