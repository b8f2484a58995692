"""What the Vendure source makes of a shop that fails, and that nothing is repeated that must not be."""

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

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
from autopurchase.sources.vendure.client import Client, MissingFields, NotThere
from autopurchase.sources.vendure.manifest import settings

SECRET = "3fa9d0c17b"
KEY = f"key1:{SECRET}"
QUERY, MUTATION = "query { orders { totalItems } }", "mutation { setOrderCustomFields(input: {id: 1}) { id } }"
HTML = "<!doctype html><title>Welcome</title>"


def failure(code: str, message: str = "It failed") -> str:
    return json.dumps({"errors": [{"message": message, "extensions": {"code": code}}], "data": None})


@dataclass
class FakeShop:
    """Answers everything in one way, and keeps what it was asked."""

    status: int = 200
    text: str = '{"data": {"ok": true}}'
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def client(self) -> Client:
        return Client(settings({"base_url": self.url, "api_key": KEY, "timeout_seconds": "1"}))


@pytest.fixture
def fake() -> Iterator[FakeShop]:
    fake = FakeShop()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.asked.append({"path": self.path, "key": self.headers["vendure-api-key"], **body})
            if fake.silent:
                fake.over.wait(20)
                return
            self.send_response(fake.status)
            for name, value in fake.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(fake.text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield fake
    fake.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


# status, headers, text, error of a read, error of a write, requests of a read
CASES: list[tuple[int, dict[str, str], str, type[AutopurchaseError], type[AutopurchaseError], int]] = [
    (401, {}, "", SessionRefused, SessionRefused, 1),
    (403, {}, HTML, SessionRefused, SessionRefused, 1),
    (404, {}, HTML, BadInput, BadInput, 1),
    (302, {"Location": "https://elsewhere.example.com/"}, "", BadInput, BadInput, 1),
    (429, {"Retry-After": "120"}, "", RateLimited, RateLimited, 1),
    (429, {}, "", RateLimited, RateLimited, 3),
    (500, {}, HTML, ProviderDown, BrokenAnswer, 3),
    (502, {}, "", ProviderDown, BrokenAnswer, 3),
    (200, {}, HTML, BadInput, BrokenAnswer, 1),
    (200, {}, '{"data": null}', ProviderDown, BrokenAnswer, 3),
    (200, {}, '{"data": {"ok"', ProviderDown, BrokenAnswer, 3),
    (200, {}, failure("FORBIDDEN"), SessionRefused, SessionRefused, 1),
    (200, {}, failure("INTERNAL_SERVER_ERROR"), ProviderDown, BrokenAnswer, 3),
    (200, {}, failure("ENTITY_NOT_FOUND", "No Order with the id 7"), NotThere, NotThere, 1),
    (400, {}, failure("BAD_USER_INPUT"), Refused, Refused, 1),
    (
        400,
        {},
        failure("GRAPHQL_VALIDATION_FAILED", 'Cannot query field "x" on type "OrderCustomFields".'),
        MissingFields,
        MissingFields,
        1,
    ),
]


@pytest.mark.parametrize(("status", "headers", "text", "read", "write", "requests"), CASES)
def test_each_failure_is_typed_by_what_it_proves(
    fake: FakeShop,
    status: int,
    headers: dict[str, str],
    text: str,
    read: type[AutopurchaseError],
    write: type[AutopurchaseError],
    requests: int,
) -> None:
    fake.status, fake.headers, fake.text = status, headers, text
    with pytest.raises(AutopurchaseError) as reading:
        fake.client().read(QUERY)
    assert type(reading.value) is read
    assert isinstance(reading.value, Refused | NotSent)
    assert len(fake.asked) == requests
    fake.asked.clear()
    with pytest.raises(AutopurchaseError) as writing:
        fake.client().write(MUTATION)
    assert type(writing.value) is write
    assert len(fake.asked) == 1
    assert "provider" not in f"{reading.value.sentence} {writing.value.sentence}"


def test_the_time_to_wait_is_handed_on(fake: FakeShop) -> None:
    fake.status, fake.headers = 429, {"Retry-After": "120"}
    with pytest.raises(RateLimited) as caught:
        fake.client().read(QUERY)
    assert caught.value.retry_after == 120


def test_silence_is_not_sent_for_a_read_and_unknown_for_a_write(fake: FakeShop) -> None:
    fake.silent = True
    with pytest.raises(ProviderDown):
        fake.client().read(QUERY)
    reads = len(fake.asked)
    with pytest.raises(NoAnswer, match="read the order") as caught:
        fake.client().write(MUTATION)
    assert isinstance(caught.value, Unknown)
    assert len(fake.asked) == reads + 1


def test_the_key_travels_in_its_header_and_is_in_no_error_or_log(
    fake: FakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.client().read(QUERY, {"a": 1})
    assert (fake.asked[0]["key"], fake.asked[0]["path"]) == (KEY, "/admin-api")
    assert fake.asked[0]["variables"] == {"a": 1}
    fake.status, fake.text = 400, failure("BAD_USER_INPUT", "no") + f'{{"echo": "{KEY} {SECRET}"}}'
    for call in (fake.client().read, fake.client().write):
        with pytest.raises(AutopurchaseError) as caught:
            call(MUTATION)
        assert SECRET not in f"{caught.value!r} {caught.value.raw}"
    assert SECRET not in caplog.text


def test_an_echoed_key_is_removed_from_the_sentence(fake: FakeShop) -> None:
    fake.text = failure("BAD_USER_INPUT", f"{KEY} is not liked")
    with pytest.raises(Refused, match="is not liked") as caught:
        fake.client().read(QUERY)
    assert SECRET not in caught.value.sentence
