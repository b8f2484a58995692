"""A worker that is killed in the middle of anything else: the next one carries on. And who may work at all."""

import os
import signal
import subprocess
import sys

import pytest

from autopurchase.services import plan, sync
from autopurchase.services.verify import verify
from tests.support.processes import Child, wait_until
from tests.support.world import ME, ROOT, World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
BUSY = 75


def started(world: World, log: str, *words: str) -> Child:
    """A worker that works."""
    worker = world.worker(*words, log=log)
    wait_until(lambda: "ready" in worker.read_log() or not worker.alive, timeout=30, what="a worker")
    assert worker.alive, worker.read_log()
    return worker


def test_a_plan_check_is_taken_up_again(world: World) -> None:
    numbers = world.ready("alibaba1688", 40)
    world.market.control("settings", latency_ms=150)
    first = started(world, "first.log")
    token = plan.request(world.ctx, ME, "alibaba1688", lines=numbers, in_worker=True)
    wait_until(lambda: 0 < world.view(token).done < 30, timeout=30, what="the check to begin", every=0.02)
    first.kill()
    assert world.view(token).state == "checking"
    world.market.control("settings", latency_ms=0)
    second = started(world, "second.log")
    view = world.wait_for_plan(token)
    second.kill()
    assert (view.state, view.line_count, view.body["left_out"]) == ("ready", 40, [])
    assert not world.orders()


def test_a_sync_is_taken_up_again(world: World) -> None:
    world.bought("taobao", world.ready("taobao", 30))
    ids = [order["id"] for order in world.orders()]
    world.market.control("pay", ids=ids)
    wait_until(lambda: {order["status"] for order in world.orders()} == {"paid"}, timeout=10, what="payment")
    world.market.control("ship", ids=ids)
    world.market.control("settings", latency_ms=150)
    first = started(world, "first.log")
    (run,) = sync.request(world.ctx, ME, session="taobao")
    wait_until(lambda: world.meters()["taobao"]["apis"].get("/logistics/detail/get"), timeout=30, what="the sync")
    first.kill()
    assert world.run(run)["state"] == "running"
    world.market.control("settings", latency_ms=0)
    second = started(world, "second.log")
    done = world.wait_for_run(run, timeout=60)
    second.kill()
    assert (done["state"], done["error"]) == ("done", "")
    assert world.states() == {("sent", "")}
    assert verify(world.ctx) == []


def test_a_second_worker_on_one_file_steps_back(small_world: World) -> None:
    first = started(small_world, "first.log")
    assert small_world.worker(log="second.log").wait(timeout=30) == BUSY
    assert first.stop(signal.SIGTERM, timeout=40) == 0
    third = started(small_world, "third.log")
    third.kill()


def test_a_worker_ends_with_the_process_that_started_it(small_world: World) -> None:
    """Killed with -9, so that the parent itself can do nothing any more."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        env={**os.environ, **small_world.environment, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
        cwd=ROOT,
    )
    assert parent.stdout
    worker = int(parent.stdout.readline())
    assert parent.stdout.readline().strip() == b"ready"
    assert running(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not running(worker), timeout=10, what="the worker's end")


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "tests.support.worker_process", "--with-parent"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(60)
"""


def running(pid: int) -> bool:
    """Whether a process works; one that waits to be collected does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
