"""Authorisation: the page where a person says yes, and the token endpoint of 1688."""

import html
from urllib.parse import urlencode, urlsplit

from autopurchase.sandbox.accounts import APP_KEYS, Accounts, Grant
from autopurchase.sandbox.calls import Answer, GatewayRefusal
from autopurchase.sandbox.pages import page
from autopurchase.sandbox.when import aop_date, now_ms

NAMES = {"taobao": "Taobao Global", "alibaba1688": "1688", "aliexpress": "AliExpress"}


def market_of(params: dict[str, str]) -> str:
    """1688 sends `site=1688`; the application tells AliExpress from Taobao Global."""
    if params.get("site") == "1688":
        return "alibaba1688"
    return "aliexpress" if params.get("client_id") == APP_KEYS["aliexpress"] else "taobao"


def problem(accounts: Accounts, params: dict[str, str]) -> str:
    """Why this authorisation cannot be asked for; empty when it can."""
    market, target = market_of(params), urlsplit(params.get("redirect_uri", ""))
    if accounts.secret(market, params.get("client_id", "")) is None:
        return f"client_id is not the application of {NAMES[market]} here"
    if market != "alibaba1688" and params.get("response_type") != "code":
        return "response_type must be code"
    if target.scheme not in ("http", "https") or not target.netloc:
        return "redirect_uri must be a full http or https address"
    return ""


def authorise_page(accounts: Accounts, params: dict[str, str]) -> str:
    """The page with the one button."""
    market = market_of(params)
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(key)}" value="{html.escape(value)}">'
        for key, value in params.items()
        if key != "account"
    )
    names = accounts.names(market) or ["main"]
    options = "".join(f"<option>{html.escape(name)}</option>" for name in names)
    host = html.escape(urlsplit(params["redirect_uri"]).netloc)
    body = f"""<div class="card narrow"><h2>Authorise purchasing on {NAMES[market]}</h2>
<p>The application <b>{html.escape(params["client_id"])}</b> at <b>{host}</b> asks to preview, place, read and cancel
orders with one of your accounts. It cannot see your password.</p>
<form method="post" action="/oauth/authorize">{hidden}
<label>Account <select name="account">{options}</select></label>
<button class="main">Authorise</button></form></div>"""
    return page(f"{NAMES[market]} · authorise", body)


def grant_address(accounts: Accounts, params: dict[str, str]) -> str:
    """Where the browser goes after the button: the callback with a fresh code."""
    market, target = market_of(params), params["redirect_uri"]
    answer = {"code": accounts.code(market, params.get("account") or "main", target)}
    if params.get("state"):
        answer["state"] = params["state"]
    return f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(answer)}"


def get_token(accounts: Accounts, app_key: str, params: dict[str, str]) -> Answer:
    """1688 system.oauth2/getToken (not signed). Raises GatewayRefusal in family H."""
    secret = accounts.secret("alibaba1688", app_key)
    if secret is None or params.get("client_id") != app_key or params.get("client_secret") != secret:
        raise _refusal("invalid_client", "client_id or client_secret is wrong")
    kind = params.get("grant_type")
    if kind == "authorization_code":
        grant = accounts.redeem("alibaba1688", params.get("code", ""))
    elif kind == "refresh_token":
        grant = accounts.refresh("alibaba1688", params.get("refresh_token", ""))
    else:
        raise _refusal("unsupported_grant_type", "grant_type is authorization_code or refresh_token")
    if grant is None:
        raise _refusal("invalid_grant", "the code or refresh token is invalid, used or expired")
    return _token_answer(accounts, grant, with_refresh=kind == "authorization_code")


def _token_answer(accounts: Accounts, grant: Grant, with_refresh: bool) -> Answer:
    owner = accounts.open("alibaba1688", grant.account)
    answer = {
        "access_token": grant.access_token,
        "expires_in": str((grant.expires - now_ms() + 500) // 1000),
        "aliId": owner["user_id"],
        "resource_owner": owner["login_id"],
        "memberId": owner["member_id"],
    }
    if with_refresh:
        answer |= {"refresh_token": grant.refresh_token, "refresh_token_timeout": aop_date(grant.refresh_expires)}
    return answer


def _refusal(error: str, description: str) -> GatewayRefusal:
    return GatewayRefusal({"error": error, "error_description": description}, 400)
