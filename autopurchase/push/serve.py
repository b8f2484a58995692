"""The server of the endpoint, until it is stopped."""

from __future__ import annotations

import logging
import signal

import uvicorn

from autopurchase.domain.errors import BadInput
from autopurchase.push.app import Endpoint
from autopurchase.services.context import Context

_AT_ONCE = 100  # connections; the marketplace sends again what is turned away


def serve(ctx: Context, host: str, port: int) -> None:
    """Take messages until the process is told to stop. Raises BadInput when the address cannot be listened on."""
    config = uvicorn.Config(
        Endpoint(ctx).app(),
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
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn stops by it and then raises it again
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    try:
        uvicorn.Server(config).run()
    except SystemExit as ended:  # uvicorn's way to say that it cannot listen; it has said why
        if ended.code:
            raise BadInput(f"{host}:{port} cannot be listened on: choose another --port.") from None
