"""Calls of the REST API: HTTP, authentication, and what a failure proves."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from autopurchase.domain.errors import AutopurchaseError, BrokenAnswer, Refused
from autopurchase.providers.common import Answer, Call
from autopurchase.sources.shop_http import NotThere, ShopHttp, is_page, refused_key
from autopurchase.sources.woocommerce.manifest import Settings
from autopurchase.sources.woocommerce.signing import signed

#: what a wrong address may be due to
_CHECK = "base_url and api_path, and that the shop prints no PHP warnings into its answers"


class Page(NamedTuple):
    """A list from the shop, and how many rows all its pages have."""

    rows: list[dict[str, Any]]
    total: int


class Client:
    """REST with a consumer key: Basic over HTTPS, signed over plain HTTP. Neither key nor secret is in any error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._basic = base64.b64encode(f"{settings.key}:{settings.secret}".encode()).decode()
        self._http = ShopHttp(settings.base_url, settings.timeout, (settings.key, settings.secret, self._basic))

    def rows(self, path: str, params: Mapping[str, str]) -> Page:
        """One page of a list. Raises Refused or NotSent."""
        return self._http.read(lambda: self._call("GET", path, params), self._page)

    def one(self, path: str) -> dict[str, Any]:
        """One object. Raises Refused (NotThere when it is gone) or NotSent."""
        return self._http.read(lambda: self._call("GET", path, {}), self._readable)

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write, once. Raises Refused, NotSent, or Unknown when it may have happened."""
        return self._http.write(lambda: self._call(method, path, {}, body), self._object)

    def may_write(self, path: str) -> None:
        """Ask for a change of nothing: raises what `send` raises, but repeats, for it changes nothing."""
        self._http.read(lambda: self._call("PUT", path, {}, {}), self._object)

    def _call(self, method: str, path: str, params: Mapping[str, str], body: Mapping[str, Any] | None = None) -> Call:
        path = f"{self._settings.api_path}{path}"
        headers = {"Accept": "application/json"}
        if self._settings.base_url.startswith("https://"):
            headers["Authorization"] = f"Basic {self._basic}"
            return Call(path, query=params, json=body, headers=headers, method=method)
        query = signed(
            method,
            f"{self._settings.base_url}{path}",
            params,
            self._settings.key,
            self._settings.secret,
            timestamp=int(time.time()),
            nonce=secrets.token_hex(16),
        )
        return Call(path, query=query, json=body, headers=headers, method=method)

    def _page(self, answer: Answer) -> Page:
        document = self._checked(answer, reading=True)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        total = headers.get("x-wp-total", "")
        if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
            raise BrokenAnswer(raw=self._http.raw(answer.text[:300]))
        return Page(document, int(total) if total.isascii() and total.isdigit() else len(document))

    def _readable(self, answer: Answer) -> dict[str, Any]:
        return self._as_object(answer, self._checked(answer, reading=True))

    def _object(self, answer: Answer) -> dict[str, Any]:
        return self._as_object(answer, self._checked(answer, reading=False))

    def _as_object(self, answer: Answer, document: Any) -> dict[str, Any]:
        if not isinstance(document, dict) or "id" not in document:
            raise BrokenAnswer(raw=self._http.raw(answer.text[:300]))
        return document

    def _checked(self, answer: Answer, reading: bool) -> Any:
        """The document of a success. A page instead of data proves a wrong address for a read only."""
        if answer.status in (401, 403):
            raise self._no_entry(answer)
        if 300 <= answer.status < 400 or answer.status == 405 or (reading and is_page(answer)):
            raise self._http.wrong_address(self._settings.api_path, answer, _CHECK)
        if answer.status == 404 and not answer.text.lstrip().startswith("{"):
            raise self._http.wrong_address(self._settings.api_path, answer, _CHECK)
        document = self._http.document(answer)
        if answer.status >= 400:
            raise self._error(answer, document)
        return document

    def _no_entry(self, answer: Answer) -> AutopurchaseError:
        raw = self._http.raw(answer.text)
        if not answer.text.lstrip().startswith("{"):
            return refused_key(
                f"Something before the shop turned us away (answer {answer.status}): allow this machine in the shop's "
                "firewall or security plug-in, and let it pass the Authorization header.",
                raw,
            )
        return refused_key(
            "The shop does not accept the consumer key, or the key lacks rights: under WooCommerce, Settings, "
            "Advanced, REST API make one with Read/Write for a person who may manage orders, and enter it in Sources.",
            raw,
        )

    def _error(self, answer: Answer, document: Any) -> AutopurchaseError:
        raw = self._http.raw(document)
        code, message = (
            (str(document.get(name, "")) for name in ("code", "message")) if isinstance(document, dict) else ("", "")
        )
        if code.endswith("invalid_id"):
            return NotThere("The shop has no such order: it may have been deleted there.", raw=raw)
        if code == "rest_no_route":
            return self._http.wrong_address(self._settings.api_path, answer, _CHECK)
        said = self._http.shown(message) or f"answer {answer.status}"
        return Refused(f"The shop refused: {said}.", raw=raw)
