"""Calls of the Admin API: GraphQL, its budget of query cost, and what a failure proves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from autopurchase.domain.errors import AutopurchaseError, BrokenAnswer, RateLimited, Refused
from autopurchase.providers.common import Answer, Call
from autopurchase.sources.shop_http import ShopHttp, is_page, refused_key
from autopurchase.sources.shopify.manifest import Settings

#: seconds that are waited for the budget before a call; for longer, the caller is told to come back
_LONGEST_WAIT = 10.0
_CHECK = "base_url (it is https://your-name.myshopify.com) and api_version"
_CLOSED = {
    402: "The shop is frozen for want of payment: its owner must settle the bill at Shopify.",
    423: "The shop is locked by Shopify: its owner must clear that with Shopify.",
}


class TooCostly(Refused):
    """The query asks for more at once than the shop allows at any time."""


class Client:
    """GraphQL with an access token. The token is in no error: answers are redacted, addresses do not hold it.

    ``served``: the version that the shop answered in, which differs from the one asked for when that has expired.
    """

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._http = ShopHttp(settings.base_url, settings.timeout, (settings.token,))
        self._sleep = sleep
        self._ready_at = 0.0
        self.served = ""

    def read(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """``data`` of a query, tried a few times. Raises Refused or NotSent."""
        self._wait()
        return self._http.read(lambda: self._call(query, variables), self._readable)

    def write(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """``data`` of a mutation, sent once. Raises Refused, NotSent, or Unknown when it may have happened."""
        self._wait()
        return self._http.write(lambda: self._call(query, variables), self._data)

    def _call(self, query: str, variables: Mapping[str, Any] | None) -> Call:
        headers = {"X-Shopify-Access-Token": self._settings.token, "Accept": "application/json"}
        body = {"query": query, "variables": dict(variables or {})}
        return Call(self._settings.path, json=body, headers=headers)

    def _wait(self) -> None:
        """Wait until the budget holds what the last call would have cost."""
        pause = min(_LONGEST_WAIT, self._ready_at - time.monotonic())
        if pause > 0:
            self._sleep(pause)

    def _readable(self, answer: Answer) -> dict[str, Any]:
        """A page instead of data proves a wrong address; for a write it proves nothing."""
        if is_page(answer):
            raise self._http.wrong_address(self._settings.path, answer, _CHECK)
        return self._data(answer)

    def _data(self, answer: Answer) -> dict[str, Any]:
        if answer.status in (401, 403):
            raise self._refused_token(answer.text)
        if answer.status in _CLOSED:
            raise Refused(_CLOSED[answer.status], cause="permission_missing", raw=self._http.raw(answer.text))
        if answer.status in (404, 405) or 300 <= answer.status < 400:
            raise self._http.wrong_address(self._settings.path, answer, _CHECK)
        document = self._http.document(answer)
        if not isinstance(document, dict):
            raise BrokenAnswer(raw=self._http.raw(answer.text[:300]))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self.served = headers.get("x-shopify-api-version", self.served)
        cost = _cost(document)
        self._ready_at = time.monotonic() + _shortage(cost)
        if errors := document.get("errors"):
            raise self._error(errors, cost)
        data = document.get("data")
        if not isinstance(data, dict):
            raise BrokenAnswer(raw=self._http.raw(answer.text[:300]))
        return data

    def _error(self, errors: Any, cost: Mapping[str, Any]) -> AutopurchaseError:
        """The error that the GraphQL ``errors`` amount to; HTTP says 200 to most of them."""
        raw = self._http.raw({"errors": errors})
        found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
        codes = {str((error.get("extensions") or {}).get("code")) for error in found}
        said = self._http.shown("; ".join(str(error.get("message")) for error in found) or errors)
        if "THROTTLED" in codes:
            return RateLimited(retry_after=max(0.5, _shortage(cost)), raw=raw)
        if "ACCESS_DENIED" in codes:
            return self._refused_token(raw, f" The shop says: {said}.")
        if "MAX_COST_EXCEEDED" in codes:
            return TooCostly(f"The shop refused: {said}.", raw=raw)
        if "INTERNAL_SERVER_ERROR" in codes:
            return BrokenAnswer(raw=raw)
        return Refused(f"The shop refused: {said}.", raw=raw)

    def _refused_token(self, text: str, said: str = "") -> AutopurchaseError:
        return refused_key(
            "The shop does not accept the access token, or it lacks a right: grant the rights named under Sources to "
            f"the app in the shop's settings, and enter its token again.{said}",
            self._http.raw(text),
        )


def _cost(document: Mapping[str, Any]) -> Mapping[str, Any]:
    extensions = document.get("extensions")
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    return cost if isinstance(cost, dict) else {}


def _shortage(cost: Mapping[str, Any]) -> float:
    """Seconds until the budget holds what this call cost; 0 when the shop does not say."""
    status = cost.get("throttleStatus")
    if not isinstance(status, dict):
        return 0.0
    try:
        missing = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        return max(0.0, missing / float(status["restoreRate"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 0.0
