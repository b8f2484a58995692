"""The matrix: kills at named steps × every fault × what the marketplace does with duplicates, while people act.

People book, cancel, undo, bind orders they made by hand, settle unknown outcomes, pay and compare; all of it by seed.
The seed fixes what is chosen; how processes interleave is the machine's.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autopurchase.domain.cancel import OPEN as CANCEL_OPEN
from autopurchase.domain.errors import AutopurchaseError
from autopurchase.sandbox import Sandbox
from autopurchase.services import apply, bind, bind_apply, cancel_apply, cancel_plan, desk, sessions, settle
from autopurchase.services.cancel_plan import Choice
from autopurchase.services.lines import versions
from autopurchase.storage import schema
from tests.faults import fault_rules
from tests.faults.kills import Ordeal
from tests.support import by_hand, kill_points
from tests.support.kill_points import PERSON, WORKER
from tests.support.processes import wait_until
from tests.support.world import AT_ONCE, ME, open_world

MODES = ("no", "yes", "refuse")
#: a client without patience; "not found" is believed only after the settle time and half of it
HURRIED = {"timeout_seconds": 0.6, "settle_seconds": 2.0, "cancel_give_up_seconds": "4"}
LIMITS = {"rate_per_second": 60.0, "concurrency": 4, "daily_cap": 0, "rest_seconds": 1.0, "strikes": 1000}
#: how long (seconds) an armed step is waited for; then the worker is killed wherever it is
PATIENCE = 9.0
_AT_END = ("done", "failed")
#: steps that a person's own process passes, and what it is asked to do
_ACTS = {"apply": "book", "bind": "bind", "cancel": "cancel", "settle": "free"}


@contextmanager
def ordeals(folder: Path, url: str, seed: int, **more: Any) -> Iterator[Matrix]:
    """A marketplace of its own, a workspace, and the ordeal that they will go through."""
    market = Sandbox.start(folder / "market", quirks=False, latency_ms=40, **AT_ONCE)
    with market, open_world(folder, url, market, **HURRIED) as world:
        for name in world.sessions.values():
            sessions.set_limits(world.ctx, ME, name, **LIMITS)
        yield Matrix(world, seed, restarts=sys.maxsize, **more)


@dataclass
class Mine:
    """What people have under way."""

    runs: list[int] = field(default_factory=list)  # of bookings
    binds: dict[str, str] = field(default_factory=dict)  # token -> session
    by_hand: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # what people were told instead, by class


@dataclass
class Matrix(Ordeal):
    """Rounds of bookings with all faults at once, each round with kills at the steps it is given."""

    mine: Mine = field(default_factory=Mine)
    fired: Counter[str] = field(default_factory=Counter)  # steps at which a process died
    struck: Counter[str] = field(default_factory=Counter)  # faults that struck
    cells: set[tuple[str, str, str]] = field(default_factory=set)  # mode, step, fault that met in one round
    made: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """Workers and people look at the file that arms a step."""
        return {kill_points.VARIABLE: str(self.armed)}

    @property
    def armed(self) -> Path:
        """The file that arms a step."""
        return self.world.home / "kill-at"

    # --- a round ---

    def round(self, mode: str, lines: int, steps: list[str], timeout: float = 120) -> None:
        """``lines`` more lines, and a kill at each of ``steps``; then all comes to rest. The workers live on."""
        self.world.market.control("settings", deduplicate=mode)
        rules = fault_rules.rules(self.dice)
        goods = max(2, lines // max(1, len(steps)))
        fired: list[str] = []
        if not self.living:
            self.start()
        for step in steps:
            self._order_by_hand(step)  # by another program, which meets no faults
            now = [*fault_rules.leading_to(step.removeprefix("person.").split(".")[0]), *rules]
            self.world.market.control("faults", rules=now)
            if self._kill_at(step, goods):
                fired.append(step)
            self._note(now, mode, fired)
        self.world.market.control("faults", rules=[rule for rule in rules if "posts" in rule])  # never placed
        self.calm(timeout)

    def _note(self, rules: list[dict[str, Any]], mode: str, fired: list[str]) -> None:
        """What struck since the rules were set, and which steps it met."""
        hits = self.world.market.control("faults")["hits"]
        names = [fault_rules.name(rule) for rule, times in zip(rules, hits, strict=False) if times]
        self.struck.update(names)
        self.cells |= {(mode, step, name) for step in fired for name in names}
        self.world.market.control("faults", rules=[])

    def _kill_at(self, step: str, lines: int) -> bool:
        """Arm the step, do what leads there, and wait for somebody's end; whether it came at the step."""
        if step.startswith("person."):
            return self._kill_person(step.removeprefix("person."), lines)
        wait_until(self._working, timeout=60, what="a worker")
        if not self._dead():  # of a step to bind, armed already
            self.armed.write_text(step, encoding="utf-8")
        self._book(lines)
        self._provoke(step.split(".")[0])
        deadline = time.monotonic() + PATIENCE
        while self.armed.exists() and time.monotonic() < deadline:
            self._meanwhile(step.split(".")[0])
            time.sleep(0.05)
        try:
            self.armed.unlink()
        except FileNotFoundError:
            victim = wait_until(self._dead, timeout=15, what=f"the end of a worker at {step}")
            self._replace(victim)
            self.fired[step] += 1
            return True
        self._kill_one()
        self.fired["anywhere"] += 1
        return False

    def _working(self) -> bool:
        return any("ready" in worker.read_log() or not worker.alive for worker in self.living)

    def _dead(self) -> Any:
        return next((worker for worker in self.living if not worker.alive), None)

    # --- people ---

    def _kill_person(self, step: str, lines: int) -> bool:
        """A person's process dies while it commits; then the person does the same once more."""
        act = _ACTS[step.split(".")[0]]
        if act != "book":
            self._book(lines)
        word = self._asked(act, lines)
        if not word:  # nothing of the kind is there now
            self._kill_one()
            self.fired["anywhere"] += 1
            return False
        self.armed.write_text(f"person.{step}", encoding="utf-8")
        command = [sys.executable, "-m", "tests.support.person_process", act, word]
        child = self.world.process(command, log="person.log", env=self.environment)
        child.wait(timeout=60)
        killed = not self.armed.exists()
        self.armed.unlink(missing_ok=True)
        self.kills += killed
        self.fired[f"person.{step}"] += killed
        self._again(act, word)
        return killed

    def _asked(self, act: str, lines: int) -> str:
        """The word for a person's act: the plan's token, or a booking's reference; empty when there is nothing."""
        if act == "book":
            provider, name = self.dice.choice(sorted(self.world.sessions.items()))
            return self._planned(provider, name, lines)
        if act == "cancel":
            return self._cancel_planned() or ""
        if act == "bind":
            token = next(iter(self.mine.binds), "")
            return token if token and self.world.wait_for_plan(token).state == "ready" else ""
        return next((row["out_order_id"] for row in self._unknown() if self._freeable(row)), "")

    def _again(self, act: str, word: str) -> None:
        acts: dict[str, Callable[[], Any]] = {
            "book": lambda: self.mine.runs.append(apply.apply(self.world.ctx, ME, word)),
            "cancel": lambda: cancel_apply.apply(self.world.ctx, ME, word),
            "bind": lambda: self._bind(word),
            "free": lambda: settle.not_placed(self.world.ctx, ME, word),
        }
        self._try(acts[act])

    def _try(self, act: Callable[[], Any]) -> Any:
        """A person is told what does not go, and does something else."""
        try:
            return act()
        except AutopurchaseError as error:
            self.mine.refused[type(error).__name__] += 1
            return None

    def _planned(self, provider: str, name: str, lines: int) -> str:
        self.made += lines
        return self.world.plan(name, self.world.ready(provider, lines))

    def _book(self, lines: int) -> None:
        """So many lines over both providers, and now and then what came back ready."""
        for (provider, name), some in zip(self.world.sessions.items(), (lines - lines // 2, lines // 2), strict=True):
            token = self._planned(provider, name, some)
            self._again("book", token)

    def _provoke(self, group: str) -> None:
        """People's acts that lead the workers to a step of this group; others now and then."""
        if group == "cancel" or self.dice.random() < 0.3:
            self._cancel()
        if group == "desk":
            self._try(lambda: desk.request(self.world.ctx, ME))
        if self.dice.random() < 0.1 and (booked := self._booked()):
            number = self.dice.choice(booked)["provider_order_id"]
            self.world.market.control("pay", ids=[number])

    def _meanwhile(self, group: str) -> None:
        """What people do while they wait."""
        if group == "settle" or self.dice.random() < 0.02:
            self._settle()
        if group == "cancel" and self.dice.random() < 0.1:
            self._cancel()

    def _booked(self) -> list[dict[str, Any]]:
        """Unpaid orders of ours, as they are known here."""
        query = sa.select(schema.provider_order)
        return self.world.rows(
            query.where(schema.provider_order.c.state == "unpaid", schema.provider_order.c.booking_id.is_not(None))
        )

    def _cancel(self) -> None:
        token = self._cancel_planned()
        if token:
            self._try(lambda: cancel_apply.apply(self.world.ctx, ME, token))

    def _cancel_planned(self) -> str | None:
        """A plan of cancels of some random lines; now and then of all that a run booked."""
        ctx = self.world.ctx
        if self.mine.runs and self.dice.random() < 0.2:
            run = self.mine.runs.pop(self.dice.randrange(len(self.mine.runs)))
            return self._try(lambda: cancel_plan.request(ctx, ME, Choice(run=run)))  # type: ignore[no-any-return]
        booked = [number for number, row in self.world.lines().items() if row["purchase"] == "booked"]
        if not booked:
            return None
        some = self.dice.sample(booked, min(len(booked), self.dice.randrange(1, 4)))
        choice = Choice(versions(ctx, some), others=True)
        return self._try(lambda: cancel_plan.request(ctx, ME, choice))  # type: ignore[no-any-return]

    def _order_by_hand(self, step: str) -> None:
        """For a step of binding: an order made by hand, a line that waits for it, and the question whether it fits."""
        if step.removeprefix("person.").split(".")[0] != "bind":
            return
        provider, name = self.dice.choice(sorted(self.world.sessions.items()))
        number, line = self._bought_by_hand(provider)
        ask = {"orders": [number], "lines": [line], "in_worker": True}
        self.armed.write_text(step, encoding="utf-8")  # the worker begins at once
        token = self._try(lambda: bind.request(self.world.ctx, ME, name, **ask))
        if token:
            self.mine.binds[token] = name

    def _bought_by_hand(self, provider: str) -> tuple[str, str]:
        """The number of an order that another program made, and of a line that it would be right for."""
        item, sku = self.dice.choice(self.world.goods(provider))
        (line,) = self.world.order([(item, sku)])
        self.made += 1
        self.mine.by_hand += 1
        return by_hand.bought(self.world, provider, [(item, sku, max(item.minimum, item.lot, 1))]), line

    def _bind(self, token: str) -> None:
        self.mine.binds.pop(token, None)
        bind_apply.apply(self.world.ctx, ME, token, reason="made by hand")

    def _unknown(self) -> list[dict[str, Any]]:
        return [row for row in self.world.bookings() if row["state"] == "unknown"]

    def _there(self, row: dict[str, Any]) -> list[str]:
        """What a person finds on the marketplace's site."""
        return [
            order["id"] for order in self.world.orders(reference=row["out_order_id"]) if order["status"] != "closed"
        ]

    def _freeable(self, row: dict[str, Any]) -> bool:
        return row["cause"] == "person" and not self._there(row)

    def _settle(self) -> None:
        """A person settles one unknown outcome: what is there is named; what a person was asked about, freed."""
        for row in self._unknown():
            numbers, reference = self._there(row), row["out_order_id"]
            if numbers:
                self._try(lambda numbers=numbers, reference=reference: self._named(reference, numbers))  # type: ignore[misc]
                return
            if row["cause"] == "person" and self.dice.random() < 0.5:
                self._try(lambda reference=reference: settle.not_placed(self.world.ctx, ME, reference))  # type: ignore[misc]
                return

    def _named(self, reference: str, numbers: list[str]) -> None:
        waiting = self.world.rows(
            sa.select(schema.run.c.params).where(schema.run.c.kind == "settle", schema.run.c.state.not_in(_AT_END))
        )
        if reference not in {row["params"].get("booking") for row in waiting}:
            settle.request(self.world.ctx, ME, reference, numbers)

    # --- rest ---

    def calm(self, timeout: float = 120) -> None:
        """No more faults, every plan to bind is applied, and nothing is under way."""
        self.armed.unlink(missing_ok=True)
        self.world.market.control("settings", latency_ms=0)
        try:
            wait_until(lambda: not self._under_way(), timeout=timeout, what="rest", every=0.2)
        except TimeoutError as error:
            raise AssertionError(f"seed {self.seed}: {error}\n{self._under_way()}\n{self.logs()}") from None
        for token in list(self.mine.binds):
            self._again("bind", token)
        self.world.market.control("settings", latency_ms=40)

    def _under_way(self) -> list[str]:
        """What the workers still have to do. A booking that waits for a person is at rest."""
        world, states = self.world, {state.value for state in CANCEL_OPEN}
        found = [f"booking {row['id']}: {row}" for row in self.open_rows() if row["cause"] != "person"]
        found += [f"cancel {row}" for row in world.rows(sa.select(schema.cancel)) if row["state"] in states]
        found += [f"plan {row['token']}" for row in self._plans_checked()]
        kinds = ("settle", "desk", "cancel", "release")
        query = sa.select(schema.run.c.id, schema.run.c.kind, schema.run.c.state)
        busy = world.rows(query.where(schema.run.c.kind.in_(kinds), schema.run.c.state.not_in(_AT_END)))
        return found + [f"run {row}" for row in busy]

    def _plans_checked(self) -> list[dict[str, Any]]:
        query = sa.select(schema.plan.c.token)
        return self.world.rows(query.where(schema.plan.c.state.in_(("queued", "checking"))))

    def compare(self, timeout: float = 120) -> None:
        """Everything at the marketplace is listed and compared, without faults; then the workers are killed."""
        self.world.market.control("faults", rules=[])
        for provider in self.world.sessions:  # what nobody binds must show on the desk
            self._bought_by_hand(provider)
        with suppress(AutopurchaseError):
            desk.request(self.world.ctx, ME)
        self.calm(timeout)
        runs = self.world.rows(sa.select(schema.run).where(schema.run.c.kind == "desk").order_by(schema.run.c.id))
        assert runs, self.logs()
        assert not runs[-1]["error"], (runs[-1], self.logs())
        self.stop()
        self.living = []


def all_steps() -> list[str]:
    """Every step there is, workers' and people's."""
    return [*WORKER, *PERSON]
