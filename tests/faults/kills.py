"""The kill harness: workers that are killed at random moments while they buy, at a marketplace that misbehaves."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from autopurchase.domain.booking import OPEN
from autopurchase.services import sessions
from autopurchase.storage import schema
from tests.support.processes import Child, wait_until
from tests.support.world import ME, World

LINES = int(os.environ.get("KILL_LINES", "300"))
KILLS = int(os.environ.get("KILL_KILLS", "5"))
SEED = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
#: the client gives up after 0.6 s; "not found" is believed 2 s after sending at the earliest
HURRIED = {"timeout_seconds": 0.6, "settle_seconds": 2.0, "concurrency": 4}
RATE = 20.0
#: what the marketplace does to the first POST of some references: (kind, more)
MISCHIEF: list[tuple[str, dict[str, Any]]] = [
    ("hang_after", {"seconds": 1.5}),
    ("error_after", {}),
    ("hang_before", {"seconds": 1.5}),
    ("error_before", {}),
    ("late", {"seconds": 1.0, "then": "error"}),
]


@dataclass
class Ordeal:
    """One run of the kill test. ``workers`` live at once; killed ones are restarted while ``restarts`` lasts."""

    world: World
    seed: int
    workers: int = 1
    restarts: int = KILLS
    blind: bool = False
    kills: int = 0
    living: list[Child] = field(default_factory=list)
    _started: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def prepare(self, lines: int) -> None:
        """Commit bookings of ``lines`` lines over both providers, and choose the references that suffer."""
        for provider, name in self.world.sessions.items():
            self.world.book(name, self.world.ready(provider, lines // 2))
            sessions.set_limits(self.world.ctx, ME, name, daily_cap=0, rate_per_second=RATE, concurrency=4)
        references = [row["out_order_id"] for row in self.world.bookings()]
        suffering = self.dice.sample(references, len(MISCHIEF) * max(1, lines // 50))
        rules = [
            {"kind": kind, "references": suffering[at :: len(MISCHIEF)], **more}
            for at, (kind, more) in enumerate(MISCHIEF)
        ]
        self.world.market.control("faults", rules=rules)

    def go(self, kills: int = KILLS, timeout: float = 120) -> None:
        """Start the workers, kill them ``kills`` times while there is work, and wait until nothing is open."""
        self.start()
        try:
            deadline = time.monotonic() + timeout
            while self.kills < kills and self.open_bookings():
                assert time.monotonic() < deadline, self.logs()
                self._kill_one()
            wait_until(lambda: not self.open_bookings(), timeout=timeout, what="open bookings", every=0.2)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.open_rows()}\n{self.logs()}") from None
        finally:
            self.stop()

    def start(self) -> None:
        """Start all workers."""
        self.living = [self._worker() for _ in range(self.workers)]

    def stop(self) -> None:
        """Kill those that live."""
        for worker in self.living:
            worker.kill()

    @property
    def environment(self) -> dict[str, str]:
        """Further variables of the workers."""
        return {}

    def _worker(self) -> Child:
        self._started += 1
        words = ["--blind"] if self.blind else []
        return self.world.worker(*words, log=f"worker-{self._started}.log", env=self.environment)

    def _kill_one(self) -> None:
        """Let a random worker live for a random while, starting included now and then, and kill it."""
        victim = self.dice.choice(self.living)
        if self.dice.random() < 0.8:
            wait_until(lambda: "ready" in victim.read_log() or not victim.alive, timeout=30, what="a worker")
        time.sleep(self.dice.uniform(0.1, 0.9))
        victim.kill()
        self._replace(victim)

    def _replace(self, victim: Child) -> None:
        """One more is dead: another takes its place while ``restarts`` lasts."""
        self.kills += 1
        self.living.remove(victim)
        if self.restarts or not self.living:
            self.restarts -= 1
            self.living.append(self._worker())

    def open_bookings(self) -> int:
        """Bookings that are not at an end."""
        states = [state.value for state in OPEN]
        return int(
            self.world.one(
                sa.select(sa.func.count()).select_from(schema.booking).where(schema.booking.c.state.in_(states))
            )
        )

    def open_rows(self) -> list[dict[str, Any]]:
        """The open bookings, for a failure's message."""
        shown = ("id", "state", "attempts", "lookups", "due_at", "sent_at", "claimed_by", "cause", "sentence")
        ends = ("confirmed", "refused", "ended")
        return [{key: row[key] for key in shown} for row in self.world.bookings() if row["state"] not in ends]

    def doubles(self) -> list[str]:
        """References under which the marketplace holds more than one order."""
        references = [order["reference"] for order in self.world.orders()]
        return sorted({reference for reference in references if references.count(reference) > 1})

    def logs(self) -> str:
        """The ends of the workers' logs."""
        return "\n".join(
            f"{log.name}: {log.read_text()[-1500:]}" for log in sorted(self.world.home.glob("worker-*.log"))
        )
