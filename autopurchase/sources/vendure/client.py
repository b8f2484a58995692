"""Calls of the admin API: HTTP and GraphQL, and what a failure proves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from autopurchase.domain.errors import (
    AutopurchaseError,
    BadInput,
    BrokenAnswer,
    NoAnswer,
    NotSent,
    ProviderDown,
    RateLimited,
    Refused,
    SessionRefused,
    Unknown,
)
from autopurchase.providers.common import Answer, Call, Transport
from autopurchase.providers.redaction import redacted, scrub
from autopurchase.sources.vendure.manifest import Settings

T = TypeVar("T")

_FORBIDDEN = {"FORBIDDEN", "UNAUTHORIZED", "UNAUTHENTICATED"}
_BROKEN = "INTERNAL_SERVER_ERROR"
_UNKNOWN_FIELD = re.compile(r'Cannot query field "(\w+)" on type "(\w+)"')
_NO_FIELDS = re.compile(r'Field "customFields" must not have a selection')
_KEPT = 4000  # characters of an answer
_WORDS: dict[type[AutopurchaseError], str] = {
    NoAnswer: "The shop did not answer in time: read the order before anything is repeated.",
    BrokenAnswer: "The shop's answer cannot be read: read the order before anything is repeated.",
    ProviderDown: "The shop cannot answer right now: try again later.",
    RateLimited: "The shop asks to wait before further calls.",
}


class NotThere(Refused):
    """The shop has no such order."""


class MissingFields(BadInput):
    """The shop lacks custom fields that the settings name; ``fields`` are (type, name) pairs."""

    def __init__(self, fields: list[tuple[str, str]], raw: str) -> None:
        self.fields = fields
        super().__init__(" ".join(missing_field(*each) for each in fields), raw=raw)


def missing_field(type_name: str, name: str) -> str:
    """The sentence on a custom field that the shop does not have."""
    entity = type_name.removesuffix("CustomFields")
    which = f"The custom field “{name}” of {entity}" if name else "A custom field"
    return f"{which} is missing in the shop: add it to the shop's customFields, or correct the name in the settings."


class Client:
    """GraphQL with an API key. The key is in no error: answers are redacted, addresses do not hold it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secrets = (settings.api_key, settings.api_key.partition(":")[2])
        self._transport = Transport(settings.base_url, settings.timeout)

    def read(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """``data`` of a query, tried a few times. Raises Refused or NotSent."""
        return self._send(self._transport.read, query, variables, self._readable)

    def write(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """``data`` of a mutation, sent once. Raises Refused, NotSent, or Unknown when it may have happened."""
        return self._send(self._transport.write, query, variables, self._data)

    def _send(
        self,
        how: Callable[[Callable[[], Call], Callable[[Answer], dict[str, Any]]], dict[str, Any]],
        query: str,
        variables: Mapping[str, Any] | None,
        parse: Callable[[Answer], dict[str, Any]],
    ) -> dict[str, Any]:
        body = {"query": query, "variables": dict(variables or {})}
        headers = {"vendure-api-key": self._settings.api_key}
        try:
            return how(lambda: Call(self._settings.api_path, json=body, headers=headers), parse)
        except (NotSent, Unknown) as error:
            words = _WORDS.get(type(error))
            if words is None:
                raise
            raise type(error)(words, raw=error.raw, retry_after=error.retry_after) from None

    def _readable(self, answer: Answer) -> dict[str, Any]:
        """A page instead of data proves a wrong address; for a write it proves nothing."""
        if 200 <= answer.status < 300 and not answer.text.lstrip().startswith("{"):
            raise self._wrong_address(answer)
        return self._data(answer)

    def _data(self, answer: Answer) -> dict[str, Any]:
        if answer.status in (401, 403):
            raise _refused_key(self._raw(answer.text))
        if answer.status in (404, 405) or 300 <= answer.status < 400:
            raise self._wrong_address(answer)
        document = answer.document(self._raw)
        if errors := document.get("errors"):
            raise self._error(errors)
        data = document.get("data")
        if not isinstance(data, dict):
            raise BrokenAnswer(raw=self._raw(answer.text))
        return data

    def _error(self, errors: Any) -> AutopurchaseError:
        """The error that the GraphQL ``errors`` amount to; HTTP says 200 to most of them.

        What came beside them is not kept: it may describe customers.
        """
        raw = self._raw({"errors": errors})
        found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
        codes = {str((error.get("extensions") or {}).get("code")) for error in found}
        text = scrub("; ".join(str(error.get("message")) for error in found)[:500], self._secrets)
        if codes & _FORBIDDEN:
            return _refused_key(raw)
        if missing := _missing(text):
            return MissingFields(missing, raw)
        if "ENTITY_NOT_FOUND" in codes:
            return NotThere(f"The shop says: {text}.", cause="not_payable", raw=raw)
        if not found or _BROKEN in codes:
            return BrokenAnswer(raw=raw)
        return Refused(f"The shop refused: {text}.", raw=raw)

    def _wrong_address(self, answer: Answer) -> BadInput:
        where = f"{self._settings.base_url}{self._settings.api_path}"
        return BadInput(
            f"There is no admin API at {where} (answer {answer.status}): check base_url and api_path.",
            raw=self._raw(answer.text),
        )

    def _raw(self, text: object) -> str:
        return redacted(text, self._secrets, _KEPT)


def _refused_key(raw: str) -> SessionRefused:
    return SessionRefused(
        "The shop does not accept the API key, or its role lacks the rights ReadOrder and UpdateOrder: "
        "make a new key for such a role and enter it under Sources.",
        cause="permission_missing",
        raw=raw,
    )


def _missing(text: str) -> list[tuple[str, str]]:
    named = [(kind, name) for name, kind in _UNKNOWN_FIELD.findall(text) if kind.endswith("CustomFields")]
    return named or ([("", "")] if _NO_FIELDS.search(text) else [])
