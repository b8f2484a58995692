"""A proxy before any shop that breaks chosen requests, so that real servers fail as stubs do."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.sources.stubs.server import Reply, Request, read_request, send_reply

Which = Callable[[Request], bool]
HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "date", "server", "keep-alive"}


@dataclass
class Fault:
    """What becomes of the requests that ``which`` chooses: ``reply`` in place of the shop's answer, or none at all.

    ``applied``: the request reaches the shop all the same.
    """

    which: Which
    reply: Reply | None = None
    applied: bool = False


@dataclass
class Proxy:
    """A running proxy. ``before`` is called with each request before it goes on; ``requests`` are those that came."""

    upstream: str
    url: str = ""
    fault: Fault | None = None
    before: Callable[[Request], None] = lambda request: None
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def seen(self, which: Which) -> int:
        """How many requests of a sort came."""
        return sum(which(request) for request in self.requests)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Pass a request on, or break it."""
        path = handler.path
        request = read_request(handler)
        self.requests.append(request)
        self.before(request)
        fault = self.fault if self.fault and self.fault.which(request) else None
        if fault is None:
            return send_raw(handler, self._forward(path, handler, request))
        if fault.applied:
            self._forward(path, handler, request)
        if fault.reply is not None:
            return send_reply(handler, fault.reply)
        if fault.applied:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.over.wait(20)
        return None

    def _forward(self, path: str, handler: BaseHTTPRequestHandler, request: Request) -> Any:
        parts = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            # the host stays as the client named it: it is part of what signatures cover
            connection.putrequest(request.method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in handler.headers.items():
                if name.lower() != "accept-encoding":
                    connection.putheader(name, value)
            connection.endheaders(request.body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


def send_raw(handler: BaseHTTPRequestHandler, answer: tuple[int, list[tuple[str, str]], bytes]) -> None:
    """Hand an answer on as it came."""
    status, headers, body = answer
    handler.send_response(status)
    for name, value in headers:
        if name.lower() not in HOP:
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def proxy_before(upstream: str) -> Iterator[Proxy]:
    """A proxy before the server at ``upstream``, until the block ends."""
    proxy = Proxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            proxy.handle(self)

        do_GET = do_POST = do_PUT = do_DELETE = _do

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
