"""``push``: the endpoint that marketplaces push messages to."""

from __future__ import annotations

import click

from autopurchase.cli.output import DONE, note
from autopurchase.cli.shop import open_raw
from autopurchase.engine.alive import workers

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8601, show_default=True, help="Port to listen on.")
def push(host: str, port: int) -> int:
    """Receive push messages of marketplaces until stopped. Put a proxy with TLS before it: docs/push-messages.md."""
    from autopurchase.push.serve import serve  # a server takes long to load, and no other command needs it

    with open_raw() as found:
        for name, kind in found.context.providers.items():
            if kind.push is not None:
                note(f"Push messages of {name}: http://{host}:{port}/push/{name}")
        if host not in _LOOPBACK:
            note("Anybody who reaches this address can send to it, without TLS: put a proxy before it.")
        if not workers(found.context.db, found.home):
            note("No worker works now: messages wait until one does.")
        serve(found.context, host, port)
    return DONE
