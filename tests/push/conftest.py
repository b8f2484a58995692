"""A marketplace that pushes, and the endpoint it pushes to, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
import uvicorn

from autopurchase.push.app import Endpoint
from autopurchase.sandbox import Sandbox
from autopurchase.services import pushes, sync
from autopurchase.storage import schema
from tests.support.processes import free_port, wait_until
from tests.support.world import AT_ONCE, World, open_world


@pytest.fixture(scope="session")
def running_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running marketplace."""
    with Sandbox.start(tmp_path_factory.mktemp("market"), **AT_ONCE) as running:
        yield running


@pytest.fixture
def market(running_market: Sandbox) -> Iterator[Sandbox]:
    """The marketplace with nothing in it, pushing nowhere."""
    running_market.control("reset")
    running_market.control("pushes", reset=True)
    running_market.control("settings", push_url="", quirks=False, **AT_ONCE)
    yield running_market
    running_market.control("settings", push_url="")


@dataclass
class Listening:
    """An endpoint of a world, and what its marketplace does."""

    world: World
    url: str

    def post(self, provider: str, body: bytes | str, **headers: str) -> requests.Response:
        """Send something to the endpoint."""
        data = body.encode() if isinstance(body, str) else body
        return requests.post(f"{self.url}/push/{provider}", data=data, headers=headers, timeout=10)

    def messages(self) -> list[dict[str, object]]:
        """What was kept, oldest first."""
        return self.world.rows(sa.select(schema.push_message).order_by(schema.push_message.c.id))

    def age(self, by: timedelta) -> None:
        """Let every message have come so much earlier."""
        with self.world.ctx.db.write() as tx:
            tx.execute(sa.update(schema.push_message).values(received_at=self.world.ctx.now() - by))

    def heard(self, count: int) -> None:
        """Wait until so many messages have come."""
        wait_until(lambda: len(self.messages()) >= count, timeout=10, what=f"{count} messages")

    def settled(self) -> list[int]:
        """Hand waiting messages over as the worker does until none waits, and carry the readings out; their runs."""
        found: list[int] = []

        def done() -> bool:
            for run_id in pushes.hand_over(self.world.ctx):
                sync.carry_out(self.world.ctx, run_id)
                found.append(run_id)
            return not [row for row in self.messages() if row["state"] == "waiting"]

        wait_until(done, timeout=20, what="no message to wait", every=0.2)
        return found


@pytest.fixture
def world(tmp_path: Path, market: Sandbox) -> Iterator[World]:
    """A session a provider."""
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'workspace.db'}", market) as opened:
        yield opened


@pytest.fixture
def listening(world: World) -> Iterator[Listening]:
    """The world's endpoint, listening."""
    with serving(world) as found:
        yield found


class serving:
    """An endpoint in a thread of its own, until the block ends."""

    def __init__(self, world: World) -> None:
        port = free_port()
        config = uvicorn.Config(Endpoint(world.ctx).app(), host="127.0.0.1", port=port, lifespan="off", log_config=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._found = Listening(world, f"http://127.0.0.1:{port}")

    def __enter__(self) -> Listening:
        self._thread.start()
        wait_until(lambda: self._server.started, timeout=10, what="the endpoint to listen")
        return self._found

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
