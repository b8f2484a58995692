"""Putting the sandbox together and serving it on the loopback address."""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from autopurchase.sandbox import oauth
from autopurchase.sandbox.accounts import Accounts
from autopurchase.sandbox.control import Control
from autopurchase.sandbox.gateway import Gateway, pairs
from autopurchase.sandbox.market import Market
from autopurchase.sandbox.pages import page
from autopurchase.sandbox.people import People
from autopurchase.sandbox.pushes import Pushes
from autopurchase.sandbox.settings import Settings
from autopurchase.sandbox.store import Store


class Server:
    """One sandbox: its store, its market and the HTTP server over them."""

    def __init__(self, folder: Path, port: int, values: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store = Store(folder / "sandbox.sqlite3")
        settings = Settings().changed({**(self.store.get("setup", "settings") or {}), **values})
        self.store.save("setup", "settings", vars(settings))
        self.socket = _listen(port)
        self.origin = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.market = Market(self.store, settings, self.origin)
        self.accounts = Accounts(self.store, settings)
        self.pushes = Pushes(self.market, self.accounts)
        self.gateway = Gateway(self.market, self.accounts, self.abort, self.origin)
        config = uvicorn.Config(
            self.app(),
            log_level="warning",
            access_log=False,
            lifespan="on",
            backlog=512,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self.uvicorn = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until told to stop."""
        try:
            self.uvicorn.run(sockets=[self.socket])
        finally:
            self.store.close()

    def abort(self, scope: Scope) -> None:
        """Cut the connection a call came by."""
        for connection in list(self.uvicorn.server_state.connections):
            if getattr(connection, "client", None) == tuple(scope["client"]):
                connection.transport.abort()

    def app(self) -> Starlette:
        """All addresses."""
        people = People(self.market, self.accounts, self.gateway, Control(self.gateway, self.pushes))
        return Starlette(
            routes=[
                Route("/rest/{path:path}", self.gateway.taobao, methods=["GET", "POST"]),
                Route("/sync", self.gateway.aliexpress, methods=["GET", "POST"]),
                Route("/openapi/{path:path}", self.gateway.alibaba, methods=["GET", "POST"]),
                Route("/_control/{verb}", people.control.answer, methods=["GET", "POST"]),
                Route("/oauth/authorize", self.authorise, methods=["GET", "POST"]),
                *people.routes(),
            ],
            lifespan=self.lifespan,
        )

    async def authorise(self, request: Request) -> Response:
        """The authorisation page, and what its button does."""
        params = dict(await pairs(request))
        problem = oauth.problem(self.accounts, params)
        if problem:
            return HTMLResponse(page("Cannot authorise", f'<div class="card narrow">{problem}</div>'), 400)
        if request.method == "GET":
            return HTMLResponse(oauth.authorise_page(self.accounts, params))
        target = oauth.grant_address(self.accounts, params)
        await self.store.durable()
        return RedirectResponse(target, 302)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Run the market's clock while the server lives."""
        await self.store.durable()
        tasks = [asyncio.create_task(self.market.run_timers()), asyncio.create_task(self.gateway.watch())]
        for task in tasks:
            task.add_done_callback(_clock_stopped)
        yield
        for task in tasks:
            task.cancel()


def _clock_stopped(clock: asyncio.Task[None]) -> None:
    if not clock.cancelled():
        logging.getLogger("uvicorn.error").error("The market's clock stopped", exc_info=clock.exception())


def leave_with_parent() -> None:
    """End this process when the other end of its standard input goes away."""

    def watch() -> None:
        with open(0, "rb", closefd=False) as pipe:
            pipe.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="sandbox-parent").start()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", port))
    return listener
