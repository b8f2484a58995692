"""The endpoint: size, signature, reading, keeping; and an answer in the form the marketplace wants.

Nothing of a request is ever logged but its size. A refused one leaves nothing behind but a line that counts it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from autopurchase.domain.errors import BadInput, NotAllowed, NotSupported
from autopurchase.ports import Delivery
from autopurchase.services import pushes
from autopurchase.services.context import Context
from autopurchase.storage.database import DatabaseFailure

log = logging.getLogger(__name__)

LARGEST = 256_000  # bytes of a body
SLOWEST = 10.0  # seconds until it must be here
#: refusals of one kind are told at once, and then at most so often (seconds)
TOLD_EVERY = 30.0
#: how long the sessions' apps are remembered; a signature that fits none asks again, but not more often than the second
REMEMBERED, ASKED_AGAIN = 60.0, 2.0


class Apps:
    """The workspace's apps, remembered for a while: to open their secrets for every push would take the longest."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._found: tuple[pushes.App, ...] = ()
        self._read = float("-inf")
        self._lock = threading.Lock()

    def get(self, *, older: float = REMEMBERED) -> Sequence[pushes.App]:
        """The apps, read again when what is known is older than so many seconds."""
        with self._lock:
            if time.monotonic() - self._read > older:
                self._found = pushes.apps(self._ctx)
                self._read = time.monotonic()
            return self._found


@dataclass
class Refusals:
    """Says what was refused, without letting a flood fill the log."""

    told: dict[str, float] = field(default_factory=dict)
    untold: Counter[str] = field(default_factory=Counter)

    def note(self, provider: str, why: str, size: int) -> None:
        """Count one, and say it when it is time."""
        kind, now = f"{provider}: {why}", time.monotonic()
        if now - self.told.get(kind, float("-inf")) < TOLD_EVERY:
            self.untold[kind] += 1
            return
        more = self.untold.pop(kind, 0)
        log.warning("push refused, %s (%s bytes%s)", kind, size, f", {more} more before it" if more else "")
        self.told[kind] = now


class Endpoint:
    """One workspace's endpoint."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._apps = Apps(ctx)
        self._refusals = Refusals()

    def app(self) -> Starlette:
        """``POST /push/<provider>`` and ``GET /push/health``; anything else is not here."""
        return Starlette(
            routes=[
                Route("/push/health", self.health, methods=["GET"]),
                Route("/push/{provider}", self.receive, methods=["POST"]),
            ]
        )

    async def health(self, request: Request) -> Response:
        """Whether the endpoint answers; tells nothing of the workspace."""
        return PlainTextResponse("ok")

    async def receive(self, request: Request) -> Response:
        """Take one delivery. 401: not signed by us; 400: no message; 413: too large; 503: the database is away."""
        name = request.path_params["provider"]
        provider = name if name in self._ctx.providers else "?"
        try:
            async with asyncio.timeout(SLOWEST):
                body = await _body(request)
        except (TimeoutError, ClientDisconnect):
            return self._refused(provider, "too slow", 0, 408)
        if body is None:
            return self._refused(provider, "too large", LARGEST, 413)
        headers = {key.lower(): value for key, value in request.headers.items()}
        delivery = Delivery(headers, request.url.query, body)
        try:
            taken = await run_in_threadpool(self._keep, provider, delivery)
        except NotSupported:
            return self._refused(provider, "no such provider", len(body), 404)
        except NotAllowed:
            return self._refused(provider, "wrong signature", len(body), 401)
        except BadInput:
            return self._refused(provider, "no message in it", len(body), 400)
        except DatabaseFailure:
            return self._refused(provider, "the database did not take it", len(body), 503)
        return Response(status_code=taken.thanks)

    def _keep(self, provider: str, delivery: Delivery) -> pushes.Taken:
        try:
            return pushes.receive(self._ctx, provider, delivery, self._apps.get())
        except NotAllowed:  # perhaps a session was added or given another secret just now
            return pushes.receive(self._ctx, provider, delivery, self._apps.get(older=ASKED_AGAIN))

    def _refused(self, provider: str, why: str, size: int, status: int) -> Response:
        self._refusals.note(provider, why, size)
        return Response(status_code=status)


async def _body(request: Request) -> bytes | None:
    """The body; None when it is larger than allowed, of which no more is read."""
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > LARGEST:
        return None
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > LARGEST:
            return None
    return bytes(found)
