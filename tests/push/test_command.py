"""The commands as a server runs them: endpoint and worker are processes of their own, and nobody polls."""

from __future__ import annotations

import sys
from pathlib import Path

import requests

from tests.support.processes import Child, free_port, start, wait_until
from tests.support.world import World


def endpoint(world: World, port: int) -> Child:
    """`python -m autopurchase push` on the world's workspace."""
    words = [sys.executable, "-m", "autopurchase", "push", "--port", str(port)]
    root = str(Path(__file__).resolve().parents[2])
    return start(words, log=world.home / "push.log", env={**world.environment, "PYTHONPATH": root}, cwd=world.home)


def test_from_payment_to_bought_by_processes(world: World) -> None:
    port = free_port()
    numbers = world.ready("taobao", 2)
    world.bought("taobao", numbers)
    children = [endpoint(world, port), world.worker()]
    try:
        children[0].wait_for_health(f"http://127.0.0.1:{port}/push/health")
        world.market.control("settings", push_url=f"http://127.0.0.1:{port}/push")
        world.market.control("pay", ids=[order["id"] for order in world.orders()])
        wait_until(lambda: world.states(numbers) == {("bought", "")}, timeout=30, what="the lines to be bought")
        assert requests.post(f"http://127.0.0.1:{port}/push/taobao", data=b"{}", timeout=5).status_code == 401
        secret = world.market.credentials("taobao", account=world.account)["app_secret"]
        said = children[0].read_log()
        assert "push refused, taobao: wrong signature (2 bytes)" in said
        assert secret not in said
        assert "purchase_id" not in said
    finally:
        codes = [child.stop() for child in children]
    assert codes[0] == 0, children[0].read_log()


def test_a_port_that_is_taken_is_told(world: World) -> None:
    port = int(world.market.base_url.rsplit(":", 1)[1])
    child = endpoint(world, port)
    assert child.wait(timeout=30) == 2
    assert "choose another --port" in child.read_log()
