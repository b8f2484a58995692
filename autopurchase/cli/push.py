"""``push``: the endpoint that marketplaces push messages to."""

from __future__ import annotations

import logging
import signal

import click
import uvicorn

from autopurchase.cli.output import DONE, note
from autopurchase.cli.shop import open_raw
from autopurchase.domain.errors import BadInput
from autopurchase.engine.alive import workers
from autopurchase.push.app import Endpoint

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_AT_ONCE = 100  # connections; the marketplace sends again what is turned away


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8601, show_default=True, help="Port to listen on.")
def push(host: str, port: int) -> int:
    """Receive push messages of marketplaces until stopped. Put a proxy with TLS before it: docs/push-messages.md."""
    with open_raw() as found:
        pushing = [name for name, kind in found.context.providers.items() if kind.push is not None]
        config = uvicorn.Config(
            Endpoint(found.context).app(),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            lifespan="off",
            limit_concurrency=_AT_ONCE,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
        )
        for name in pushing:
            note(f"Push messages of {name}: http://{host}:{port}/push/{name}")
        if host not in _LOOPBACK:
            note("Anybody who reaches this address can send to it, without TLS: put a proxy before it.")
        if not workers(found.context.db, found.home):
            note("No worker works now: messages wait until one does.")
        _serve(uvicorn.Server(config), host, port)
    return DONE


def _serve(server: uvicorn.Server, host: str, port: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn stops by it and then raises it again
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    try:
        server.run()
    except SystemExit as ended:  # uvicorn's way to say that it cannot listen; it has said why
        if ended.code:
            raise BadInput(f"{host}:{port} cannot be listened on: choose another --port.") from None
