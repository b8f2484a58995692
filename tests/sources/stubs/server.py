"""The server below every stub: real HTTP on 127.0.0.1, each request kept, the answers made by the stub."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What came in. ``query`` and ``form`` decoded; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Reply:
    """What goes out: a document as JSON, or text as it is."""

    document: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    @property
    def body(self) -> bytes:
        return (json.dumps(self.document, ensure_ascii=False) if self.text is None else self.text).encode()


class Stub(Protocol):
    """A system that answers requests, one at a time."""

    def answer(self, request: Request) -> Reply: ...


@dataclass
class Running:
    """A stub that serves."""

    url: str
    requests: list[Request]


@contextmanager
def serving(stub: Stub, tls: ssl.SSLContext | None = None) -> Iterator[Running]:
    """Serve ``stub`` until the block ends; over HTTPS with ``tls``."""
    running = Running("", [])
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes; the second would wait for an acknowledgement

        def _do(self) -> None:
            request = read_request(self)
            with turn:
                running.requests.append(request)
                reply = stub.answer(request)
            send_reply(self, reply)

        do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = _do

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    running.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def read_request(handler: BaseHTTPRequestHandler) -> Request:
    """The request that a handler holds, with its body."""
    parts = urlsplit(handler.path)
    length = int(handler.headers.get("content-length") or 0)
    return Request(
        handler.command,
        parts.path,
        dict(parse_qsl(parts.query, keep_blank_values=True)),
        {name.lower(): value for name, value in handler.headers.items()},
        handler.rfile.read(length),
    )


def send_reply(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Answer a handler's request."""
    handler.send_response(reply.status)
    kind = "application/json; charset=UTF-8" if reply.text is None else "text/html; charset=UTF-8"
    for name, value in {"Content-Type": kind, **reply.headers, "Content-Length": str(len(reply.body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(reply.body)
