"""A gateway on this machine that answers each API with recorded answers and remembers what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from autopurchase.conformance.bench import CountingPace, MemoryTokens
from autopurchase.conformance.practice import WAREHOUSE
from autopurchase.domain.session import SessionConfig, Tokens
from autopurchase.ports import Provider
from autopurchase.providers.alibaba1688.kind import Alibaba1688Kind

APP_KEY, APP_SECRET, TOKEN, REFRESH = "7700100", "secret-of-the-app", "token-of-access", "token-of-refresh"


class FixedClock:
    """A clock that stands still."""

    def __init__(self, now: datetime) -> None:
        self.moment = now

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.moment


class Replay:
    """Answers by API name. An answer is a document, ``{"status": …, "body": …}``, or a list of them used up in turn.

    The last answer of a list is given again and again; an API without answers is ``gw.APIUnsupported``.
    """

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = {api: list(given) if isinstance(given, list) else [given] for api, given in answers.items()}
        self.sent: list[tuple[str, dict[str, str]]] = []
        self.base_url = ""

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, str]:
        """Status and body for one request."""
        api = path.rstrip("/").split("/")[-2]
        self.sent.append((api, form))
        waiting = self.answers.get(api)
        if not waiting:
            return 400, json.dumps({"error_code": "gw.APIUnsupported", "error_message": api})
        given = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(given, dict) and "body" in given:
            status, given = int(given.get("status", 200)), given["body"]
        else:
            status = 200
        return status, given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)

    def params(self, api: str) -> list[dict[str, str]]:
        """What one API was sent, call by call."""
        return [form for name, form in self.sent if name == api]


@contextmanager
def replaying(answers: dict[str, Any]) -> Iterator[Replay]:
    """A running gateway."""
    replay = Replay(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            status, text = replay.answer(urlsplit(self.path).path, dict(parse_qsl(body, keep_blank_values=True)))
            payload = text.encode()
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        replay.base_url = f"http://127.0.0.1:{server.server_port}"
        yield replay
        server.shutdown()
        thread.join(10)


def config(replay: Replay, **settings: str) -> SessionConfig:
    """A session at the gateway."""
    return SessionConfig(
        id=1,
        name="main",
        provider="alibaba1688",
        app_key=APP_KEY,
        app_secret=APP_SECRET,
        base_url=replay.base_url,
        ship_to=WAREHOUSE,
        timeout_seconds=5.0,
        settings=settings,
    )


def session(
    replay: Replay, now: datetime | None = None, tokens: MemoryTokens | None = None, **settings: str
) -> Provider:
    """The adapter as a session at the gateway sees it."""
    kind = Alibaba1688Kind(FixedClock(now or datetime(2026, 11, 20, 4, 0, tzinfo=UTC)))
    return kind.open(config(replay, **settings), tokens or MemoryTokens(Tokens(TOKEN, REFRESH)), CountingPace())
