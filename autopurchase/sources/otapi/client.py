"""Calls of OTAPI: HTTP, the operator's session, signatures, and what a failure proves.

Parameters travel in the body of a POST, never in the address: keys, passwords and sessions are among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from autopurchase.domain.errors import AutopurchaseError, BrokenAnswer, Refused
from autopurchase.providers.common import Answer, Call
from autopurchase.sources.otapi.manifest import Settings
from autopurchase.sources.shop_http import NotThere, ShopHttp, is_page, refused_key

_CHECK = "base_url and api_path"
_FINE = frozenset({"Ok", "BatchError"})
_SIGNING = frozenset({"MissingTimestamp", "MissingSignature", "InvalidTimestamp", "InvalidSignature"})


class _Expired(Refused):
    """The operator's session is over: nothing was done."""

    default_cause = "session_expired"


class Client:
    """One shop, by its key and an operator. None of key, secret, password and session is in any error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        known = (settings.key, settings.secret, settings.password)
        self._http = ShopHttp(settings.base_url, settings.timeout, known)
        self._session = ""

    def read(self, method: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The answer of a method that changes nothing, tried a few times. Raises Refused or NotSent."""
        return self._signed_in(self._http.read, method, params or {}, self._readable)

    def write(self, method: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The answer of a method, sent once. Raises Refused, NotSent, or Unknown when it may have happened."""
        return self._signed_in(self._http.write, method, params, self._document)

    def sign_in(self) -> None:
        """A new session of the operator. Raises SessionRefused when the shop refuses it, or NotSent."""
        self._session = ""
        params = {"userLogin": self._settings.login, "userPassword": self._settings.password}
        try:
            answer = self._http.read(lambda: self._call("AuthenticateInstanceOperator", params), self._readable)
        except (_Expired, NotThere) as error:
            raise self._refused_operator(error.raw) from None
        except Refused as error:
            if type(error) is not Refused:
                raise
            raise self._refused_operator(error.raw) from None
        self._session = _session_id(answer)
        if not self._session:
            raise self._refused_operator(self._http.raw(answer))
        self._http.secrets = (*self._http.secrets[:3], self._session)

    def _refused_operator(self, raw: str) -> AutopurchaseError:
        return refused_key("The shop refused the operator's sign-in: check login and password under Sources.", raw)

    def _signed_in(
        self,
        how: Callable[[Callable[[], Call], Callable[[Answer], dict[str, Any]]], dict[str, Any]],
        method: str,
        params: Mapping[str, str],
        parse: Callable[[Answer], dict[str, Any]],
    ) -> dict[str, Any]:
        """Call with a session; one that has expired did nothing, so it is renewed and the call made again, once."""
        if not self._session:
            self.sign_in()
        try:
            return how(lambda: self._call(method, {"sessionId": self._session, **params}), parse)
        except _Expired:
            self.sign_in()
        return how(lambda: self._call(method, {"sessionId": self._session, **params}), parse)

    def _call(self, method: str, params: Mapping[str, str]) -> Call:
        form = {"instanceKey": self._settings.key, "language": self._settings.language, **params}
        if self._settings.secret:
            form["timestamp"] = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
            form["signature"] = signature(method, form, self._settings.secret)
        return Call(f"{self._settings.api_path}/{method}", form=form, headers={"Accept": "application/json"})

    def _readable(self, answer: Answer) -> dict[str, Any]:
        """A page instead of data proves a wrong address; for a write it proves nothing."""
        if is_page(answer):
            raise self._http.wrong_address(self._settings.api_path, answer, _CHECK)
        return self._document(answer)

    def _document(self, answer: Answer) -> dict[str, Any]:
        if answer.status in (401, 403):
            raise refused_key(
                f"The shop turned us away (answer {answer.status}): ask the vendor whether this machine may call it.",
                self._http.raw(answer.text),
            )
        if answer.status in (404, 405) or 300 <= answer.status < 400:
            raise self._http.wrong_address(self._settings.api_path, answer, _CHECK)
        document = self._http.document(answer)
        if not isinstance(document, dict) or not isinstance(document.get("ErrorCode"), str):
            raise BrokenAnswer(raw=self._http.raw(answer.text[:300]))
        if document["ErrorCode"] not in _FINE:
            raise self._error(document)
        return document

    def _error(self, document: Mapping[str, Any]) -> AutopurchaseError:
        """The error that an ``ErrorCode`` amounts to; HTTP says 200 to all of them."""
        raw = self._http.raw(
            {name: document.get(name) for name in ("ErrorCode", "SubErrorCode", "ErrorDescription", "RequestId")}
        )
        code, part = document["ErrorCode"], _sub_code(document)
        said = self._http.shown(document.get("ErrorDescription") or part or code)
        if code == "SessionExpired":
            return _Expired("The operator's session is over.", raw=raw)
        if code == "AccessDenied" and part in _SIGNING:
            return refused_key(f"The shop refused the signature ({part}): check the secret and this clock.", raw)
        if code in ("AccessDenied", "InstanceKeyBan"):
            return refused_key(
                f"The shop refused: {said}. Give the operator the rights on orders, or ask the vendor about the key.",
                raw,
            )
        if code == "NotFound":
            return NotThere(f"The shop says: {said}.", raw=raw)
        if code.startswith(("Internal", "Timeout", "Unavailable", "Unknown")):
            return BrokenAnswer(raw=raw)
        return Refused(f"The shop refused: {said} ({code}).", raw=raw)


def signature(method: str, params: Mapping[str, str], secret: str) -> str:
    """SHA-256 over the method, the values in order of their names, and the secret (“Signing OT API requests”)."""
    values = "".join(value for name, value in sorted(params.items()) if name != "signature")
    return hashlib.sha256(f"{method}{values}{secret}".encode()).hexdigest()


def _session_id(answer: Mapping[str, Any]) -> str:
    """The session of a sign-in, which stands alone or within ``Result`` or ``Value``."""
    found: Any = answer.get("SessionId") or answer.get("Result")
    for name in ("SessionId", "Value"):
        found = found.get(name) or found if isinstance(found, dict) else found
    return found if isinstance(found, str) else ""


def _sub_code(document: Mapping[str, Any]) -> str:
    part = document.get("SubErrorCode")
    return str((part.get("Value") or part.get("Code") or "") if isinstance(part, dict) else part or "")
