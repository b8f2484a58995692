"""HTTP as every adapter does it, and what may be repeated.

A *read* changes nothing there, so it is repeated a few times and never ends in `Unknown`. A *write* is sent
once. An adapter builds a `Call` and hands it with a parse function to `Transport.read` or
`Transport.write`; the parse function raises by what the answer proves, `BrokenAnswer` where it proves
nothing (5xx, not JSON, back-end error). Beside this: `tokens.Authorised` (renewal), `redaction` (what is
kept), `lenient` (reading), `refusals` (causes).
"""

from __future__ import annotations

import json
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from autopurchase.domain.errors import (
    BadInput,
    BrokenAnswer,
    ConnectFailed,
    NoAnswer,
    NotSent,
    ProviderDown,
    RateLimited,
    Unknown,
)
from autopurchase.ports import Pace
from autopurchase.providers.leaving import Hook, LeavingAdapter
from autopurchase.providers.redaction import redacted

T = TypeVar("T")

# urllib3 prints addresses with their query at DEBUG, and a query may carry a token
logging.getLogger("urllib3.connectionpool").setLevel(logging.WARNING)

READ_ATTEMPTS = 3
LONGEST_PAUSE = 10.0  # seconds a read waits between attempts; a longer ban is handed to the caller
LONGEST_ANSWER = 20_000_000  # bytes
#: a write uses the last one's connection when it has been idle for so long (seconds): after a few milliseconds the news
#: that the other side closed it is here, and no server closes one within a second that it means to keep
KEPT_IDLE = 0.005, 1.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request: ``path`` below the origin and one carrier of the parameters; they and ``headers`` hold tokens: never
    printed.
    """

    path: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    query: Mapping[str, str] | None = field(default=None, repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, headers and body text. Not redacted: never printed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)

    def document(self, redact: Callable[[object], str] | None = None) -> dict[str, Any]:
        """The JSON object of the answer, whatever its 2xx–4xx status; floats as Decimal, integers exact.

        Raises RateLimited for HTTP 429, and BrokenAnswer for 5xx and for anything that is not a JSON
        object. ``redact`` makes the ``raw`` of those errors (default: `redacted` without known secrets).
        """
        if self.status != 429 and self.status < 500:
            try:
                return parse_object(self.text)
            except ValueError:
                pass
        raw = (redact or redacted)(self.text)
        if self.status == 429:
            raise throttled(retry_after(self.headers, self.text), raw)
        if self.status >= 500:
            raise BrokenAnswer(f"Error {self.status} at the provider: it will be looked up.", raw=raw)
        raise BrokenAnswer(f"The answer ({self.status}) cannot be read: it will be looked up.", raw=raw)


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object in ``text`` with Decimal for fractions; raises ValueError for anything else."""
    found = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_BAN = re.compile(r"ban will last (\d+)", re.IGNORECASE)


def retry_after(headers: Mapping[str, str], text: str) -> float | None:
    """Seconds to wait, from ``Retry-After`` (seconds or date) or “this ban will last N seconds”."""
    said = {name.lower(): value for name, value in headers.items()}.get("retry-after", "").strip()
    if said.isdigit():
        return float(said)
    if said:
        return _seconds_until(said)
    ban = _BAN.search(text)
    return float(ban.group(1)) if ban else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def throttled(seconds: float | None, raw: str) -> RateLimited:
    """The error for “too many calls”, with the wait the provider asked for."""
    wait = f" {seconds:g} seconds" if seconds is not None else ""
    return RateLimited(f"Too many calls: the provider asks to wait{wait}.", retry_after=seconds, raw=raw)


class Transport:
    """HTTP to one origin. ``pace`` is passed right before every request leaves (None: calls outside a session).

    Reads share a pool of connections. A write opens its own, or uses the one of the write just before: an idle
    connection that the other side has just dropped would make an outcome unknown without need.
    """

    def __init__(
        self,
        base_url: str,
        timeout: float,
        pace: Pace | None = None,
        sleep: Callable[[float], None] = time.sleep,
        pool: int = 10,
    ) -> None:
        """``base_url`` is the origin (scheme, host, port); ``timeout`` is in seconds for a whole answer."""
        self._origin = origin(base_url)
        self._timeout = timeout
        self._pace = pace
        self._sleep = sleep
        self._own = threading.local()  # of a request under way: when it left
        self._session = _http_session(self._origin, pool, self._leave, self._left)
        self._writer = _http_session(self._origin, 1, self._leave, self._left)
        self._written = 0.0  # time.monotonic() of the last answer to a write

    def read(self, build: Callable[[], Call], parse: Callable[[Answer], T], attempts: int = READ_ATTEMPTS) -> T:
        """Send what changes nothing, and again after a failure; ``build`` makes (and signs) each attempt.

        Raises what ``parse`` raises; NotSent when the attempts are used up, never Unknown.
        """
        for attempt in range(attempts):
            failure = self._attempt(self._session, build, parse)
            if not isinstance(failure, _Failed):
                return failure
            error = as_read_failure(failure.error)
            pause = error.retry_after if error.retry_after is not None else 0.25 * 2**attempt
            if attempt == attempts - 1 or pause > LONGEST_PAUSE:
                break
            self._sleep(pause)
        raise error

    def write(self, build: Callable[[], Call], parse: Callable[[Answer], T]) -> T:
        """Send once. Raises what ``parse`` raises, ConnectFailed when nothing left us, else NoAnswer."""
        done = self._attempt(self._writer, build, parse)
        if isinstance(done, _Failed):
            raise done.error
        return done

    def _attempt(
        self, session: requests.Session, build: Callable[[], Call], parse: Callable[[Answer], T]
    ) -> T | _Failed:
        if self._pace is not None:
            self._pace.soon()
        if session is self._writer:
            self._drop_doubtful()
        answer = self._send(session, build())
        if session is self._writer:
            self._written = time.monotonic()
        if isinstance(answer, _Failed):
            return answer
        try:
            return parse(answer)
        except (NotSent, Unknown) as error:
            return _Failed(error)

    def _drop_doubtful(self) -> None:
        """Close the last write's connection unless it certainly lives; the next write opens a new one then."""
        shortest, longest = KEPT_IDLE
        if not shortest <= time.monotonic() - self._written <= longest:
            self._writer.close()

    def _leave(self) -> None:
        """The connection is open, and nothing has been sent."""
        if self._pace is not None:
            self._pace.wait()
        self._own.left = time.monotonic()

    def _left(self) -> None:
        """Everything has been sent."""
        if self._pace is not None:
            self._pace.sent()

    def _send(self, session: requests.Session, call: Call) -> Answer | _Failed:
        try:
            with session.request(
                call.method,
                self._origin + call.path,
                data=call.form,
                params=call.query,
                json=call.json,
                headers=call.headers,
                timeout=(min(10.0, self._timeout), self._timeout),
                allow_redirects=False,  # a redirect would carry tokens to another host
                stream=True,
            ) as response:
                body = _body(response, self._own.left + self._timeout)
                return Answer(response.status_code, dict(response.headers), body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as problem:
            # the exception's text holds the address, perhaps with a token: it is not kept
            never_left = _never_left(problem)
        return _Failed(ConnectFailed() if never_left else NoAnswer())


@dataclass(frozen=True, slots=True)
class _Failed:
    error: NotSent | Unknown


def as_read_failure(error: NotSent | Unknown) -> NotSent:
    """A failed read as NotSent: nothing can have happened there by reading."""
    if isinstance(error, NotSent):
        return error
    words = "did not answer in time" if isinstance(error, NoAnswer) else "cannot answer right now"
    sentence = f"The provider {words}: try again later."
    return ProviderDown(sentence, raw=error.raw, retry_after=error.retry_after)


def origin(base_url: str) -> str:
    """``https://host[:port]`` of ``base_url``; raises BadInput for what is no http(s) address."""
    parts = urlsplit(base_url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadInput(f"“{base_url}” is not an address: write it like https://host or http://127.0.0.1:8080.")
    return f"{parts.scheme}://{parts.netloc}"


def _http_session(base: str, pool: int, leave: Hook, left: Hook) -> requests.Session:
    session = requests.Session()
    # no proxy on the way to this machine
    session.trust_env = urlsplit(base).hostname not in {"127.0.0.1", "localhost", "::1"}
    session.mount(base, LeavingAdapter(leave, left, pool_connections=1, pool_maxsize=pool, max_retries=0))
    return session


def _body(response: requests.Response, deadline: float) -> str:
    """The body as UTF-8 text, given up at ``deadline``: the library's time-out bounds a single read."""
    chunks: list[bytes] = []
    size = 0
    # read1 gives what has come; read would wait for a full buffer, and a slow answer never fills it
    while chunk := response.raw.read1(65_536, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if time.monotonic() > deadline or size > LONGEST_ANSWER:
            raise requests.ReadTimeout("answer too long or too slow")
    return b"".join(chunks).decode("utf-8", "replace")


def _never_left(problem: BaseException) -> bool:
    """Whether the failure proves that no byte of the request reached the other side."""
    if isinstance(problem, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    kinds = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return any(isinstance(part, (*kinds, ssl.SSLCertVerificationError)) for part in _chain(problem))


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """``problem`` and what it wraps (library errors hide the cause in ``args`` or ``reason``); bounded."""
    waiting: list[BaseException] = [problem]
    for _ in range(20):
        if not waiting:
            return
        part = waiting.pop()
        yield part
        inner = [*part.args, getattr(part, "reason", None), part.__cause__]
        waiting.extend(item for item in inner if isinstance(item, BaseException))
