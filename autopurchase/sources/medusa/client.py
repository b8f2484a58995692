"""Calls of the admin API, and what a failure proves."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from autopurchase.domain.errors import AutopurchaseError, BrokenAnswer, Refused
from autopurchase.providers.common import Answer, Call
from autopurchase.sources.medusa.manifest import Settings
from autopurchase.sources.shop_http import NotThere, ShopHttp, is_page, refused_key

_ADMIN = "/admin"
_ADDRESS = "base_url, and that it is the address of the shop's server, not of its pages"
#: given up by the shop or something before it; a write may have gone through
_UNCERTAIN = {408, 409, 425}
#: what the shop calls a thing that it does not have; other servers say 404 in other words
_NOT_THERE = '"not_found"'


class Client:
    """REST with a secret key. The key is in no error: answers are redacted, addresses do not hold it."""

    def __init__(self, settings: Settings) -> None:
        token = base64.b64encode(f"{settings.secret_key}:".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self._http = ShopHttp(settings.base_url, settings.timeout, (settings.secret_key, token))

    def read(self, path: str, part: str, query: Mapping[str, str] | None = None) -> Any:
        """``part`` of the answer to a GET, tried a few times. Raises Refused (NotThere for 404) or NotSent."""
        call = Call(_ADMIN + path, query=query, headers=self._headers, method="GET")
        return self._http.read(lambda: call, lambda answer: self._readable(path, part, answer))

    def probe(self, path: str, part: str, body: Mapping[str, Any]) -> None:
        """A POST that changes nothing, so it is tried a few times like a read."""
        call = Call(_ADMIN + path, json=body, headers=self._headers)
        self._http.read(lambda: call, lambda answer: self._readable(path, part, answer))

    def write(self, path: str, body: Mapping[str, Any]) -> None:
        """A POST that changes an order, sent once. Raises Refused, NotSent, or Unknown when it may have happened."""
        call = Call(_ADMIN + path, json=body, query={"fields": "id"}, headers=self._headers)
        self._http.write(lambda: call, lambda answer: self._part(path, "order", answer))

    def _readable(self, path: str, part: str, answer: Answer) -> Any:
        """A page instead of data proves a wrong address; for a write it proves nothing."""
        if is_page(answer):
            raise self._http.wrong_address(_ADMIN + path, answer, _ADDRESS)
        return self._part(path, part, answer)

    def _part(self, path: str, part: str, answer: Answer) -> Any:
        """What a good answer holds under ``part``; otherwise raises what the answer proves."""
        if answer.status in (401, 403):
            raise self._refused_key(answer)
        if 300 <= answer.status < 400 or answer.status == 405:
            raise self._http.wrong_address(_ADMIN + path, answer, _ADDRESS)
        if answer.status == 404 and _NOT_THERE not in answer.text:
            raise self._http.wrong_address(_ADMIN + path, answer, _ADDRESS)
        document = self._http.document(answer)
        if not isinstance(document, dict) or answer.status in _UNCERTAIN:
            raise BrokenAnswer(raw=self._http.raw(answer.text))
        if answer.status >= 400:
            raise self._refusal(answer.status, document)
        if part not in document:
            raise BrokenAnswer(raw=self._http.raw(answer.text))
        return document[part]

    def _refusal(self, status: int, document: Mapping[str, Any]) -> AutopurchaseError:
        words = self._http.shown(document.get("message") or f"answer {status}")
        raw = self._http.raw(document)
        if status == 404:
            return NotThere(f"The shop says: {words}.", raw=raw)
        return Refused(f"The shop refused: {words}.", raw=raw)

    def _refused_key(self, answer: Answer) -> AutopurchaseError:
        raw = self._http.raw(answer.text)
        if answer.status == 403:
            return refused_key(
                "The secret key may not do this in the shop: let it read and change orders, or enter one that may "
                "under Sources.",
                raw,
            )
        return refused_key(
            "The shop does not accept the secret key: make a new one in the shop under Settings, Secret API Keys, "
            "and enter it under Sources.",
            raw,
        )
