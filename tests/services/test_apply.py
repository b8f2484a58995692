"""Applying commits everything or nothing, once, and of two people who want the same line one gets it."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import AutopurchaseError, BadInput, Drifted, NotAllowed
from autopurchase.domain.roles import Actor, Role
from autopurchase.sandbox import Sandbox
from autopurchase.services import apply, lines, plan
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from autopurchase.wiring import open_workspace
from tests.support.world import ME, World, open_world

PEOPLE = [Actor(name, Role.OPERATOR) for name in ("anna", "ben", "chen", "dina")]


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """One session; once on each database."""
    with open_world(tmp_path, database_url, market, "taobao") as opened:
        yield opened


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """Results (or the product's errors) of all, begun in the same moment."""
    gate, results = threading.Barrier(len(tasks)), [None] * len(tasks)

    def run(place: int, task: Callable[[], Any]) -> None:
        gate.wait(10)
        try:
            results[place] = task()
        except AutopurchaseError as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a deadlock"
    return results


def counts(world: World) -> dict[str, int]:
    """Rows that an apply writes, the queue's included."""
    tables = (schema.run, schema.booking, schema.booking_line)
    found = {table.name: world.one(sa.select(sa.func.count()).select_from(table)) for table in tables}
    events = sa.select(sa.func.count()).select_from(schema.event).where(schema.event.c.kind == "booking_queued")
    queue = "workflow_status" if world.ctx.db.sqlite else "dbos.workflow_status"
    return {**found, "events": world.one(events), "queued": world.one(sa.text(f"select count(*) from {queue}"))}


def test_one_run_its_bookings_and_their_queue_entries_come_together(world: World) -> None:
    numbers = world.ready("taobao", 6, per_order=2)
    token = world.plan("taobao", numbers)
    assert counts(world) == dict.fromkeys(counts(world), 0)
    run = apply.apply(world.ctx, ME, token)
    bookings = len(world.view(token).body["purchases"])
    expected = {"run": 1, "booking": bookings, "booking_line": 6, "events": 6, "queued": min(4, bookings)}
    assert counts(world) == expected
    assert world.states() == {("booking", "")}
    assert world.view(token).run_id == run
    assert world.run(run)["total"] == bookings
    assert ".book()" in world.run(run)["call"]
    assert not world.orders(), "nothing is sent by applying"
    assert verify(world.ctx) == []


def test_nothing_is_left_half_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very last statement fails."""
    token = world.plan("taobao", world.ready("taobao", 3))
    before = counts(world)

    class Broken(RuntimeError):
        pass

    def broken(*words: object, **named: object) -> None:
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(type(world.ctx.queue), "buy", broken)
        with pytest.raises(Broken):
            apply.apply(world.ctx, ME, token)
    assert counts(world) == before
    assert world.states() == {("ready", "")}
    assert world.view(token).state == "ready"
    apply.apply(world.ctx, ME, token)


def test_the_same_plan_again_is_the_same_run(world: World) -> None:
    token = world.plan("taobao", world.ready("taobao", 3))
    run = apply.apply(world.ctx, ME, token)
    before = counts(world)
    assert apply.apply(world.ctx, PEOPLE[1], token) == run
    assert counts(world) == before
    world.work("taobao")
    assert apply.apply(world.ctx, ME, token) == run
    assert world.work("taobao") == {}
    assert len(world.orders()) == 3


def test_the_same_plan_by_four_at_once_is_one_run(world: World) -> None:
    token = world.plan("taobao", world.ready("taobao", 20))
    runs = together(*(lambda actor=actor: apply.apply(world.ctx, actor, token) for actor in PEOPLE))
    assert len(set(runs)) == 1
    assert counts(world)["run"] == 1
    assert counts(world)["booking"] == 20


def test_of_four_overlapping_plans_each_line_goes_to_one(world: World) -> None:
    """Lines in opposite orders, so that a careless lock would be a deadlock."""
    numbers = world.ready("taobao", 40, per_order=2)
    picks = [numbers, numbers[::-1], numbers[10:], numbers[25::-1]]
    tokens = [world.plan("taobao", picked) for picked in picks]
    results = together(
        *(lambda a=actor, t=token: apply.apply(world.ctx, a, t) for actor, token in zip(PEOPLE, tokens, strict=True))
    )
    won = [place for place, result in enumerate(results) if isinstance(result, int)]
    assert len(won) == 1
    winner = PEOPLE[won[0]].name
    for result in results:
        if not isinstance(result, int):
            assert isinstance(result, Drifted)
            assert f"went to {winner} in run {results[won[0]]}" in result.sentence
            assert "Plan again" in result.sentence
    taken = picks[won[0]]
    assert {number for number, row in world.lines().items() if row["purchase"] == "booking"} == set(taken)
    assert verify(world.ctx) == []


def test_the_loser_is_told_each_line_and_its_rest_can_be_planned_again(world: World) -> None:
    numbers = world.ready("taobao", 4)
    first, second = world.plan("taobao", numbers[:2]), world.plan("taobao", numbers[1:])
    run = apply.apply(world.ctx, PEOPLE[0], first)
    with pytest.raises(Drifted) as told:
        apply.apply(world.ctx, PEOPLE[1], second)
    assert told.value.sentence.startswith("1 line(s) changed")
    assert f"{numbers[1]} went to anna in run {run} (now booking)" in told.value.sentence
    assert world.view(second).state == "ready"
    rest = world.plan("taobao", numbers[1:])
    assert world.view(rest).line_count == 2
    apply.apply(world.ctx, PEOPLE[1], rest)


def test_a_line_that_somebody_touched_makes_the_plan_stale(world: World) -> None:
    numbers = world.ready("taobao", 2)
    token = world.plan("taobao", numbers)
    lines.comment(world.ctx, PEOPLE[2], numbers[0], "ask about the colour")
    with pytest.raises(Drifted, match=f"{numbers[0]} went to chen"):
        apply.apply(world.ctx, ME, token)


def test_a_plan_that_is_still_checked_cannot_be_applied_and_not_by_everybody(world: World) -> None:
    numbers = world.ready("taobao", 1)
    token = plan.request(world.ctx, ME, "taobao", lines=numbers)
    with pytest.raises(BadInput, match="still being checked"):
        apply.apply(world.ctx, ME, token)
    plan.check(world.ctx, token)
    with pytest.raises(NotAllowed):
        apply.apply(world.ctx, Actor("vera", Role.VIEWER), token)


def apply_elsewhere(environment: dict[str, str], name: str, token: str, gate: Any, answers: Any) -> None:
    """Another process applies a plan when the gate opens."""
    workspace = open_workspace(environment)
    gate.wait(30)
    try:
        answers.put((name, apply.apply(workspace.context, Actor(name, Role.OPERATOR), token)))
    except AutopurchaseError as error:
        answers.put((name, f"{type(error).__name__}: {error.sentence}"))
    workspace.close()


def test_two_processes_in_the_same_second(world: World) -> None:
    numbers = world.ready("taobao", 30)
    tokens = [world.plan("taobao", numbers[:20]), world.plan("taobao", numbers[29:9:-1])]
    spawn = multiprocessing.get_context("spawn")
    gate, answers = spawn.Barrier(2), spawn.Queue()
    children = [
        spawn.Process(target=apply_elsewhere, args=(world.environment, actor.name, token, gate, answers))
        for actor, token in zip(PEOPLE, tokens, strict=False)
    ]
    for child in children:
        child.start()
    found = dict(answers.get(timeout=60) for _ in children)
    for child in children:
        child.join(30)
        child.close()
    runs = {name: run for name, run in found.items() if isinstance(run, int)}
    ((winner, run),) = runs.items()
    (lost,) = [text for text in found.values() if not isinstance(text, int)]
    assert lost.startswith("Drifted: 10 line(s) changed")
    assert f"went to {winner} in run {run}" in lost
    assert counts(world)["booking"] == 20
    assert verify(world.ctx) == []
