"""Workers are killed while they cancel: every order ends closed and its line ready, and none is shown so that lives."""

import random
import time

import pytest
import sqlalchemy as sa

from autopurchase.domain.cancel import OPEN
from autopurchase.services import cancel_apply, cancel_plan
from autopurchase.services.cancel_plan import Choice
from autopurchase.services.lines import versions
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.faults.kills import SEED
from tests.support.processes import wait_until
from tests.support.world import ME, World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def states(world: World) -> list[str]:
    """The state of every cancel, oldest first."""
    return [row["state"] for row in world.rows(sa.select(schema.cancel).order_by(schema.cancel.c.id))]


def asked(world: World, numbers: list[str]) -> int:
    """Commit the cancel of the orders of these lines."""
    token = cancel_plan.request(world.ctx, ME, Choice(versions(world.ctx, numbers), others=True))
    return cancel_apply.apply(world.ctx, ME, token)


def closed_and_ready(world: World, numbers: list[str]) -> None:
    """What must be true at the end."""
    assert {order["status"] for order in world.orders()} == {"closed"}
    assert set(states(world)) == {"confirmed"}
    assert world.states(numbers) == {("ready", "")}
    assert verify(world.ctx) == []


@pytest.mark.parametrize("kind", ["hang_after", "hang_before"])
def test_killed_between_asking_and_the_answer(small_world: World, kind: str) -> None:
    """The question was done (or never was) when the worker died; the next one reads before it asks again."""
    world, name = small_world, "alibaba1688"
    numbers = world.ready(name, 1)
    world.bought(name, numbers)
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(timeout_seconds=2))
    world.market.control("faults", rules=[{"kind": kind, "on": "cancel", "times": 1, "seconds": 5}])
    run = asked(world, numbers)
    first = world.worker(log="first.log")
    wait_until(lambda: world.market.control("faults")["hits"] == [1], timeout=40, what="the question", every=0.05)
    first.kill()
    assert states(world) == ["sending"]
    assert world.states(numbers) == {("booked", "cancel_asked")}
    second = world.worker(log="second.log")
    done = world.wait_for_run(run, timeout=60)
    second.kill()
    assert done["out"] == {"cancelled": 1}, second.read_log()
    closed_and_ready(world, numbers)
    questions = world.meters()[name]["apis"]["alibaba.trade.cancel"]["calls"]
    assert questions == (1 if kind == "hang_after" else 2), "it was asked without need"


def test_killed_at_random_while_many_are_cancelled(world: World) -> None:
    numbers = {name: world.ready(name, 20) for name in world.sessions}
    for name, some in numbers.items():
        world.bought(name, some)
    with world.ctx.db.write() as tx:
        tx.execute(sa.update(schema.session).values(timeout_seconds=1, rate_per_second=15))
    world.market.control(
        "faults",
        rules=[
            {"kind": "error_after", "on": "cancel", "probability": 0.2, "seed": SEED, "times": 6},
            {"kind": "hang_before", "on": "cancel", "probability": 0.1, "seed": SEED, "times": 3, "seconds": 2},
        ],
    )
    print(f"seed {SEED}")  # noqa: T201
    dice = random.Random(SEED)
    every = [number for some in numbers.values() for number in some]
    run = asked(world, every)
    for turn in range(4):
        worker = world.worker(log=f"worker-{turn}.log")
        wait_until(lambda worker=worker: "ready" in worker.read_log(), timeout=40, what="a worker")  # type: ignore[misc]
        if turn < 3:
            time.sleep(dice.uniform(0.1, 1.2))
            worker.kill()
    open_ = {state.value for state in OPEN}
    wait_until(lambda: not open_ & set(states(world)), timeout=120, what="open cancels", every=0.2)
    worker.kill()
    assert world.run(run)["state"] == "done"
    closed_and_ready(world, every)
