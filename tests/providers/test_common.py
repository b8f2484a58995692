"""What the adapters share, against small real servers: what may be repeated, waiting, size and time bounds."""

from __future__ import annotations

import gzip
import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from autopurchase.conformance.bench import CountingPace, MemoryTokens
from autopurchase.domain.errors import (
    BadInput,
    BrokenAnswer,
    ConnectFailed,
    NoAnswer,
    NotSent,
    ProviderDown,
    RateLimited,
    Refused,
    SessionRefused,
)
from autopurchase.domain.session import Tokens
from autopurchase.providers import common
from autopurchase.providers.common import Answer, Call, Transport, origin, retry_after
from autopurchase.providers.tokens import Authorised, TokenRejected
from tests.providers.servers import Respond, drop, reply, server
from tests.support.processes import free_port

CALL = Call("/x", form={"a": "1"})


def drip(handler: BaseHTTPRequestHandler) -> None:
    """An answer that comes so slowly that every single read is in time."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(200):
        try:
            handler.wfile.write(b" " * 10)
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)


class Sleeps(list[float]):
    """Waits asked for, not waited."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def document(answer: Answer) -> dict[str, Any]:
    return answer.document()


def read(address: str, sleeps: Sleeps | None = None, pace: CountingPace | None = None) -> dict[str, Any]:
    return Transport(address, 5, pace, sleeps if sleeps is not None else Sleeps()).read(lambda: CALL, document)


def write(address: str, timeout: float = 5) -> dict[str, Any]:
    return Transport(address, timeout).write(lambda: CALL, document)


# --- the wire ---


def test_read_repeats_what_failed_and_builds_each_attempt_anew() -> None:
    stamps = iter("123")
    with server(reply(500), drop, reply()) as (address, bodies):
        pace, sleeps = CountingPace(), Sleeps()
        found = Transport(address, 5, pace, sleeps).read(lambda: Call("/x", form={"n": next(stamps)}), document)
    assert str(found["ok"]) == "1.10"
    assert bodies == ["n=1", "n=2", "n=3"]
    assert pace.waits == 3
    assert sleeps == sorted(sleeps)
    assert len(sleeps) == 2


def test_read_gives_up_after_its_attempts_and_is_never_unknown() -> None:
    with server(reply(502)) as (address, bodies), pytest.raises(ProviderDown):
        read(address)
    assert len(bodies) == 3


def test_read_does_not_repeat_a_refusal() -> None:
    def refuse(_: Answer) -> None:
        raise Refused("no")

    with server(reply()) as (address, bodies), pytest.raises(Refused):
        Transport(address, 5).read(lambda: CALL, refuse)
    assert len(bodies) == 1


def test_read_waits_as_long_as_it_is_asked_to() -> None:
    sleeps = Sleeps()
    with server(reply(429, "{}", Retry_After="4"), reply()) as (address, _):
        read(address, sleeps)
    assert sleeps == [4.0]


def test_read_hands_a_long_ban_to_the_caller() -> None:
    banned = reply(429, "this ban will last 300 seconds")
    with server(banned) as (address, bodies), pytest.raises(RateLimited) as caught:
        read(address)
    assert caught.value.retry_after == 300
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(500), BrokenAnswer),
        (reply(200, "<html>"), BrokenAnswer),
        (reply(200, "[1]"), BrokenAnswer),
        (reply(200, '{"a": NaN}'), BrokenAnswer),
        (reply(302, "", Location="http://127.0.0.1:1/"), BrokenAnswer),
        (reply(429), RateLimited),
        (drop, NoAnswer),
    ],
)
def test_write_is_sent_once_whatever_comes_back(answer: Respond, error: type[Exception]) -> None:
    with server(answer, reply()) as (address, bodies), pytest.raises(error):
        write(address)
    assert len(bodies) == 1


def test_write_that_drips_is_given_up_at_its_time() -> None:
    started = time.monotonic()
    with server(drip) as (address, _), pytest.raises(NoAnswer):
        write(address, timeout=0.5)
    assert time.monotonic() - started < 5


def test_nothing_left_us_when_nobody_listens_or_the_name_is_not_known() -> None:
    for address in (f"http://127.0.0.1:{free_port()}", "http://no-such-host.invalid"):
        with pytest.raises(ConnectFailed) as caught:
            write(address)
        assert caught.value.__context__ is None


def test_write_never_uses_a_connection_that_may_be_dead() -> None:
    """A pooled connection that the server has closed would make the outcome unknown without need."""

    def close_after(handler: BaseHTTPRequestHandler) -> None:
        reply()(handler)
        handler.close_connection = True  # without having said so

    with server(close_after) as (address, bodies):
        transport = Transport(address, 5)
        for _ in range(5):
            transport.write(lambda: CALL, document)
    assert len(bodies) == 5


def test_writes_in_a_row_share_a_connection_that_certainly_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    ports: list[int] = []

    def noting(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        reply()(handler)

    with server(noting) as (address, bodies):
        transport = Transport(address, 5)
        for kept in ((0.0, 60.0), (0.0, 60.0), (0.0, 60.0), (50.0, 60.0), (0.0, 0.0)):
            monkeypatch.setattr(common, "KEPT_IDLE", kept)
            transport.write(lambda: CALL, document)
    assert len(bodies) == 5
    assert ports[0] == ports[1] == ports[2], "idle for a moment, and still open"
    assert ports[3] != ports[2], "the other side may be about to close it, and the news not here yet"
    assert ports[4] != ports[3], "idle for too long"


def test_connections_of_a_transport_end_with_it() -> None:
    ended = threading.Semaphore(0)

    def watched(handler: BaseHTTPRequestHandler) -> None:
        finish = handler.finish

        def told() -> None:
            finish()
            ended.release()

        handler.finish = told  # type: ignore[method-assign]
        reply()(handler)

    with server(watched) as (address, _):
        transport = Transport(address, 5, CountingPace())
        transport.read(lambda: CALL, document)
        transport.write(lambda: CALL, document)
        assert not ended.acquire(blocking=False)
        del transport
        assert all(ended.acquire(timeout=5) for _ in range(2))


def test_origin() -> None:
    assert origin(" https://api.example:8443/rest/ ") == "https://api.example:8443"
    for wrong in ("", "api.example", "ftp://x", "https://"):
        with pytest.raises(BadInput):
            origin(wrong)


def test_retry_after() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after({"Retry-After": "7"}, "") == 7
    assert 50 < (retry_after({"retry-after": later}, "") or 0) <= 60
    assert retry_after({"Retry-After": "soon"}, "") is None
    assert retry_after({}, "Frequency exceeds the limit. This ban will last 12 seconds") == 12
    assert retry_after({}, "") is None


def test_numbers_are_exact() -> None:
    found = Answer(200, {}, '{"id": 1200000000000000777, "price": 0.1}').document()
    assert (found["id"], str(found["price"])) == (1200000000000000777, "0.1")


def test_answer_that_ends_early_is_no_answer() -> None:
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b'{"ok": true}')
        handler.close_connection = True

    with server(half) as (address, _), pytest.raises(NoAnswer):
        write(address)


def test_compressed_answers_are_read() -> None:
    def packed(handler: BaseHTTPRequestHandler) -> None:
        body = gzip.compress(json.dumps({"ok": "库存" * 50_000}).encode())
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with server(packed) as (address, _):
        assert write(address)["ok"] == "库存" * 50_000


def test_answers_in_chunks_are_read_to_their_end() -> None:
    body = gzip.compress(json.dumps({"ok": "x" * 300_000}).encode())

    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for at in range(0, len(body), 7):
            part = body[at : at + 7]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    with server(chunked) as (address, _):
        assert len(write(address)["ok"]) == 300_000


# --- tokens ---


class At:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment


NOW = datetime(2026, 11, 23, tzinfo=UTC)


def authorised(life: timedelta, fresh_life: timedelta = timedelta(days=30)) -> tuple[Authorised, MemoryTokens, At]:
    clock = At(NOW)
    store = MemoryTokens(Tokens("old", "refresh", NOW + life))

    def refresh(_: Tokens) -> Tokens:
        return Tokens(f"new-{store.refreshed}", "refresh", clock.now() + fresh_life)

    return Authorised(store, refresh, clock), store, clock


def test_token_is_renewed_in_its_last_half_hour() -> None:
    assert authorised(timedelta(minutes=31))[0].run(str) == "old"
    assert authorised(timedelta(minutes=29))[0].run(str) == "new-0"


def test_token_is_renewed_in_the_last_fifth_of_a_known_life() -> None:
    runner, _, clock = authorised(timedelta(minutes=1))
    assert runner.run(str) == "new-0"
    clock.moment = NOW + timedelta(days=23)
    assert runner.run(str) == "new-0"
    clock.moment = NOW + timedelta(days=25)
    assert runner.run(str) == "new-1"


def test_short_lived_token_is_not_renewed_on_every_call() -> None:
    runner, store, _ = authorised(timedelta(minutes=1), fresh_life=timedelta(minutes=10))
    assert [runner.run(str) for _ in range(5)] == ["new-0"] * 5
    assert store.refreshed == 1


def test_token_that_is_still_good_is_used_when_renewing_fails() -> None:
    store = MemoryTokens(Tokens("old", "refresh", NOW + timedelta(minutes=5)))

    def fail(_: Tokens) -> Tokens:
        raise NotSent()

    assert Authorised(store, fail, At(NOW)).run(str) == "old"


def test_rejected_token_is_renewed_and_the_call_repeated_once() -> None:
    runner, store, _ = authorised(timedelta(days=10))
    used: list[str] = []

    def call(token: str) -> str:
        used.append(token)
        if token == "old":
            raise TokenRejected()
        return token

    assert runner.run(call) == "new-0"
    assert used == ["old", "new-0"]

    def never(token: str) -> str:
        used.append(token)
        raise TokenRejected()

    with pytest.raises(SessionRefused):
        runner.run(never)
    assert len(used) == 4
    assert store.refreshed == 2


def test_refusal_that_proves_nothing_about_execution_is_not_repeated() -> None:
    runner, store, _ = authorised(timedelta(days=10))

    def call(_: str) -> str:
        raise SessionRefused()

    with pytest.raises(SessionRefused):
        runner.run(call)
    assert store.refreshed == 0


def test_secrets_of_calls_are_not_printed() -> None:
    call = replace(CALL, form={"access_token": "abc"}, query={"sign": "def"})
    assert "abc" not in repr(call)
    assert "def" not in repr(call)
    assert "abc" not in repr(Answer(200, {}, "abc"))
