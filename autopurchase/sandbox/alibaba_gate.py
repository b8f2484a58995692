"""1688: what the gateway checks before a call, and the shapes of its refusals."""

from autopurchase.sandbox.accounts import Accounts
from autopurchase.sandbox.calls import Answer, GatewayRefusal
from autopurchase.sandbox.signing import aop_sha1, same
from autopurchase.sandbox.when import now_ms

SKEW_MS = 7_200_000


def check(accounts: Accounts, url_path: str, app_key: str, params: dict[str, str]) -> None:
    """Application, signature and, when one is sent, the clock. Raises GatewayRefusal."""
    secret = accounts.secret("alibaba1688", app_key)
    if secret is None:
        raise refusal("gw.AppKeyMissing", "AppKey is missing or unknown")
    if not params.get("_aop_signature"):
        raise refusal("gw.SignatureMissing", "Signature is missing")
    stamp = params.get("_aop_timestamp", str(now_ms()))
    skewed = not stamp.isdecimal() or abs(int(stamp) - now_ms()) > SKEW_MS
    if skewed or not same(aop_sha1(secret, url_path, params), params["_aop_signature"]):
        raise refusal("gw.SignatureInvalid", "Invalid signature")


def refusal(code: str, message: str, status: int = 400) -> GatewayRefusal:
    """A gateway error: family A."""
    return GatewayRefusal({"error_code": code, "error_message": message, "exception": message}, status)


def expired() -> GatewayRefusal:
    """The token is dead."""
    return refusal("401", "Request need user authorized", 401)


def throttled(_seconds: int, style: str) -> GatewayRefusal:
    """Too many calls."""
    return refusal("gw.QosAppFrequencyLimit", "App request is too frequent", 429 if style == "429" else 400)


# refusals of the APIs, by family


def family_b(code: str, message: str) -> Answer:
    """Flat, `errorMsg`."""
    return {"success": False, "errorCode": code, "errorMsg": message}


def family_c(code: str, message: str) -> Answer:
    """Flat, `erroMsg` (sic)."""
    return {"success": False, "errorCode": code, "erroMsg": message}


def family_d(code: str, message: str) -> Answer:
    """`code` and `message`, outside and inside `result`."""
    return {
        "result": {"success": False, "code": code, "message": message},
        "success": False,
        "code": code,
        "message": message,
    }


def family_e(code: str, message: str) -> Answer:
    """`errorCode` and `errorMessage`."""
    return {"success": False, "errorCode": code, "errorMessage": message}


def family_e_text(code: str, message: str) -> Answer:
    """The same with `success` as text."""
    return {"success": "false", "errorCode": code, "errorMessage": message}


def family_e_silent(code: str, message: str) -> Answer:
    """The same without `success`."""
    return {"errorCode": code, "errorMessage": message}


def family_f(code: str, message: str) -> Answer:
    """Nested under `result`."""
    return {"result": {"success": False, "code": code, "message": message}}
