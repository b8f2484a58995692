"""The API side of the server: check, measure, delay, spoil, answer."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from autopurchase.sandbox import alibaba, alibaba_gate, aliexpress, oauth, taobao
from autopurchase.sandbox.accounts import Accounts
from autopurchase.sandbox.calls import Call, GatewayRefusal
from autopurchase.sandbox.faults import AFTER, Faults, Occasion
from autopurchase.sandbox.market import Market
from autopurchase.sandbox.stats import Meter, Stats

LOGIN_PAGE = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>"
#: how often the gateway looks at the clock
_LOOK_SECONDS = 0.01
Abort = Callable[[Scope], None]


class Dropped(Response):
    """No answer at all: the connection is cut."""

    def __init__(self, abort: Abort) -> None:
        super().__init__()
        self.abort = abort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut the connection and let the server notice before the call ends."""
        self.abort(scope)
        await asyncio.sleep(0.01)


class Gateway:
    """All protocols over one market."""

    def __init__(self, market: Market, accounts: Accounts, abort: Abort, origin: str) -> None:
        self.market, self.accounts, self.abort, self.origin = market, accounts, abort, origin
        self.stats = Stats()
        self.faults = Faults(market.store.get("setup", "faults"))
        self._late: set[asyncio.Task[Any]] = set()

    async def watch(self) -> None:
        """Notice when this process got no processor: the calls of that while are counted as if all came right after."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)
            self.stats.stood_still = max(self.stats.stood_still, time.monotonic() - began - _LOOK_SECONDS)

    async def taobao(self, request: Request) -> Response:
        """Everything under /rest: Taobao Global, and the tokens of AliExpress."""
        path = "/" + request.path_params["path"]
        try:
            params = taobao.flat_params(
                await request.body(), request.headers.get("content-type", ""), await pairs(request)
            )
        except GatewayRefusal as refused:
            return _json(refused.body, refused.status)
        if self.accounts.market_of(params.get("app_key", "")) == "aliexpress":
            return await self._aliexpress(request, path, path, params)
        call = self._call("taobao", path, params)
        return await self._serve(request, taobao, call, lambda: taobao.check(self.accounts, path, params))

    async def aliexpress(self, request: Request) -> Response:
        """/sync: the method is a parameter."""
        params = dict(await pairs(request))
        return await self._aliexpress(request, "", params.get("method", ""), params)

    async def _aliexpress(self, request: Request, path: str, api: str, params: dict[str, str]) -> Response:
        token = params.get("session") or params.get("access_token", "")
        call = self._call("aliexpress", api, {**params, "access_token": token})
        return await self._serve(request, aliexpress, call, lambda: aliexpress.check(self.accounts, path, params))

    async def alibaba(self, request: Request) -> Response:
        """Everything under /openapi."""
        shape = alibaba.SHAPE.match(request.path_params["path"])
        if not shape:
            return _json(alibaba_gate.refusal("gw.APIUnsupported", "The address is not an API").body, 400)
        params = dict(await pairs(request))
        if shape["namespace"] == "system.oauth2" and shape["api"] == "getToken":
            return await self._token(request, params, shape["app"])
        call = self._call("alibaba1688", shape["api"], params, shape["namespace"])
        return await self._serve(
            request, alibaba, call, lambda: alibaba_gate.check(self.accounts, shape["path"], shape["app"], params)
        )

    def _call(self, provider: str, api: str, params: dict[str, str], namespace: str = "") -> Call:
        return Call(
            self.market,
            self.accounts,
            self.origin,
            provider,
            api,
            params,
            namespace=namespace,
            request_id=secrets.token_hex(8),
        )

    async def _token(self, request: Request, params: dict[str, str], app_key: str) -> Response:
        with self.stats.call("alibaba1688:", "getToken", request.client):
            await asyncio.sleep(self.market.settings.latency_ms / 1000)
            try:
                body = oauth.get_token(self.accounts, app_key, params)
            except GatewayRefusal as refused:
                return _json(refused.body, refused.status)
            await self.market.store.durable()
            return _json(body)

    async def _serve(self, request: Request, protocol: ModuleType, call: Call, check: Callable[[], None]) -> Response:
        owner = self.accounts.owner(call.provider, call.text("access_token")) or ""
        with self.stats.call(f"{call.provider}:{owner}", call.api, request.client) as meter:
            await asyncio.sleep(self.market.settings.latency_ms / 1000)
            try:
                check()
                self._admit(protocol, call, meter)
                return await self._spoil(request, protocol, call)
            except GatewayRefusal as refused:
                await self.market.store.durable()
                return _json(_with_id(refused.body, call), refused.status)

    def _admit(self, protocol: ModuleType, call: Call, meter: Meter) -> None:
        """Token and rate; then see whether a fault strikes."""
        limit = self.market.settings.limit_per_second
        if limit and meter.recent() > limit:
            raise _gate(protocol).throttled(1, "")
        if call.api not in protocol.PUBLIC:
            account = self.accounts.who(call.provider, call.text("access_token"))
            if account is None:
                raise _gate(protocol).expired()
            call.account = account
        call.fault = self._choose(protocol, call) or {}

    def _choose(self, protocol: ModuleType, call: Call) -> dict[str, Any] | None:
        kind, reference, post = protocol.kind_of(call.api), "", 1
        if kind == "create":
            reference = protocol.reference_of(call.params)
            post = self.stats.post(f"{call.provider}:{call.account}", reference)
        fault = self.faults.choose(Occasion(call.provider, call.account, call.api, kind, reference, post))
        if fault:
            self.stats.outcomes[fault["kind"]] += 1
        return fault

    async def _spoil(self, request: Request, protocol: ModuleType, call: Call) -> Response:
        kind, seconds = call.fault.get("kind", ""), float(call.fault.get("seconds", 5))
        if kind == "hang_before":
            await _wait_or_gone(request, seconds)
            return Dropped(self.abort)
        early = self._instead(kind.removesuffix("_before"), protocol, call) if kind else None
        if early is not None:
            return early
        if kind == "late":
            return await self._answer_late(protocol, call, seconds)
        body = await self._do(protocol, call)
        if kind == "hang_after":
            await _wait_or_gone(request, seconds)
        elif kind in AFTER:
            return self._instead(kind.removesuffix("_after"), protocol, call) or _json(body)
        return _json(body)

    def _instead(self, kind: str, protocol: ModuleType, call: Call) -> Response | None:
        """The answer a fault gives in place of the right one."""
        if kind == "throttle":
            raise _gate(protocol).throttled(int(call.fault.get("seconds", 1)), str(call.fault.get("style", "")))
        if kind == "expired_token":
            raise _gate(protocol).expired()
        if kind == "error":
            return Response("Internal Server Error", int(call.fault.get("status", 500)))
        if kind == "drop":
            return Dropped(self.abort)
        return HTMLResponse(LOGIN_PAGE) if kind == "html" else None

    async def _answer_late(self, protocol: ModuleType, call: Call, seconds: float) -> Response:
        """Accept after `seconds` whatever happens to the client; meanwhile wait, fail or cut (`then`)."""
        task = asyncio.create_task(self._do_after(protocol, call, seconds))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        then = str(call.fault.get("then", "answer"))
        if then == "answer":
            return _json(await asyncio.shield(task))
        return self._instead("drop" if then == "drop" else "error", protocol, call) or Response(status_code=500)

    async def _do_after(self, protocol: ModuleType, call: Call, seconds: float) -> Any:
        await asyncio.sleep(seconds)
        with suppress(GatewayRefusal):
            return await self._do(protocol, call)

    async def _do(self, protocol: ModuleType, call: Call) -> Any:
        """The right answer, once everything it tells is on disk."""
        body = protocol.answer(call)
        await self.market.store.durable()
        return _with_id(body, call)


def _gate(protocol: ModuleType) -> ModuleType:
    return alibaba_gate if protocol is alibaba else protocol


def _with_id(body: Any, call: Call) -> Any:
    if not isinstance(body, dict):
        return body
    extra = {"request_id": call.request_id}
    if call.provider == "aliexpress" and len(body) == 1:
        return {name: {**inner, **extra} for name, inner in body.items()}
    if call.provider == "taobao":
        extra["_trace_id_"] = call.request_id
    elif "error_code" not in body:
        return body
    return {**body, **extra}


async def pairs(request: Request) -> list[tuple[str, str]]:
    """Query and form parameters, values as they were before URL-encoding."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    if "json" not in request.headers.get("content-type", ""):
        pairs += parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True)
    return pairs


async def _wait_or_gone(request: Request, seconds: float) -> None:
    """Wait, but not longer than the client does."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass


def _json(body: Any, status: int = 200) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, media_type="application/json;charset=UTF-8")
