"""Reading a text from an address: the daily table of exchange rates."""

from __future__ import annotations

from urllib.parse import urlsplit

from autopurchase.domain.errors import ProviderDown, Refused
from autopurchase.providers.common import Answer, Call, Transport, origin

_TIMEOUT = 30.0


def read_text(url: str) -> str:
    """The text at an http(s) address; its query may hold a key, so it is in no error. Raises Refused or NotSent."""
    parts = urlsplit(url)
    call = Call(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", method="GET")
    return Transport(origin(url), _TIMEOUT).read(lambda: call, _text)


def _text(answer: Answer) -> str:
    if answer.status >= 500 or answer.status == 429:
        raise ProviderDown(f"The address answers with error {answer.status}: try again later.")
    if answer.status != 200:
        raise Refused(f"The address answers with {answer.status} instead of a table: check it, and its key.")
    return answer.text
