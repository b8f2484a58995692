"""HTTP to a shop: the shared transport with sentences that speak of the shop, failures typed by what they prove."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
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
from autopurchase.providers.common import Answer, Call, Transport, retry_after
from autopurchase.providers.redaction import redacted, scrub

T = TypeVar("T")

_KEPT = 4000  # characters of an answer
_WORDS: dict[type[AutopurchaseError], str] = {
    NoAnswer: "The shop did not answer in time: read the order before anything is repeated.",
    BrokenAnswer: "The shop's answer cannot be read: read the order before anything is repeated.",
    ProviderDown: "The shop cannot answer right now: try again later.",
    RateLimited: "The shop asks to wait before further calls.",
}


class NotThere(Refused):
    """The shop has no such order: it may have been deleted there."""

    default_cause = "not_payable"


class ShopHttp:
    """Calls of one shop. ``secrets`` are removed from everything that is kept of its answers."""

    def __init__(self, base_url: str, timeout: float, secrets: Iterable[str]) -> None:
        self.base_url = base_url
        self.secrets = tuple(secrets)
        self._transport = Transport(base_url, timeout)

    def read(self, build: Callable[[], Call], parse: Callable[[Answer], T]) -> T:
        """Tried a few times. Raises Refused or NotSent."""
        return self._in_shop_words(self._transport.read, build, parse)

    def write(self, build: Callable[[], Call], parse: Callable[[Answer], T]) -> T:
        """Sent once. Raises Refused, NotSent, or Unknown when it may have happened."""
        return self._in_shop_words(self._transport.write, build, parse)

    def raw(self, answer: object) -> str:
        """What is kept of an answer: no secrets, no personal data, no more than a page."""
        return redacted(answer, self.secrets, _KEPT)

    def shown(self, text: object) -> str:
        """The shop's own words for a sentence, without secrets, and not many."""
        return scrub(str(text)[:500], self.secrets).rstrip(". ")

    def document(self, answer: Answer) -> Any:
        """The JSON of an answer, with Decimal for fractions.

        Raises RateLimited for 429 and BrokenAnswer for 5xx and for what is no JSON: for a write they prove nothing.
        """
        if answer.status == 429:
            raise RateLimited(retry_after=retry_after(answer.headers, answer.text), raw=self.raw(answer.text))
        if answer.status >= 500:
            raise BrokenAnswer(raw=self.raw(answer.text), retry_after=retry_after(answer.headers, answer.text))
        try:
            return json.loads(answer.text, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise BrokenAnswer(raw=self.raw(answer.text[:300])) from error

    def wrong_address(self, path: str, answer: Answer, settings: str) -> BadInput:
        """The error for a page, a redirect or nothing where the API should be; ``settings``: what to check."""
        where = f"{self.base_url}{path}"
        return BadInput(
            f"There is no such API at {where} (answer {answer.status}): check {settings}.", raw=self.raw(answer.text)
        )

    def _in_shop_words(
        self,
        how: Callable[[Callable[[], Call], Callable[[Answer], T]], T],
        build: Callable[[], Call],
        parse: Callable[[Answer], T],
    ) -> T:
        try:
            return how(build, parse)
        except (NotSent, Unknown) as error:
            sentence = _WORDS.get(type(error))
            if sentence is None:
                raise
            raise type(error)(sentence, raw=error.raw, retry_after=error.retry_after) from None


def refused_key(sentence: str, raw: str) -> SessionRefused:
    """The error for a key that the shop does not accept or that lacks a right."""
    return SessionRefused(sentence, cause="permission_missing", raw=raw)


def is_page(answer: Answer) -> bool:
    """Whether a successful answer is a page for people: proof of a wrong address for a read, of nothing for a write."""
    return 200 <= answer.status < 300 and answer.text.lstrip()[:1] not in {"{", "["}
