"""The worker process: DBOS with our workflows, queues and schedules, a sweep for due work, and slots per process.

On SQLite one worker holds the workspace's file lock. On PostgreSQL several may run: each holds a slot by an advisory
lock, and a reaper hands the work of dead slots to the living.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer
from filelock import FileLock, Timeout

from autopurchase.engine import slots
from autopurchase.engine.queue import (
    APP,
    APP_VERSION,
    BACKGROUND,
    BUY,
    BUYING,
    CANCEL,
    CHECK_PLAN,
    READ_BACK,
    WRITE_BACK,
)
from autopurchase.services import (
    bind,
    call_stats,
    cancel,
    desk,
    import_orders,
    pay_links,
    plan,
    purchase,
    pushes,
    rates,
    readback,
    report_delivery,
    reports,
    settle,
    sync,
    write_back,
)
from autopurchase.services.context import Context
from autopurchase.storage import bookings, cancels, plans, sessions, write_backs

log = logging.getLogger(__name__)

#: exit code: another worker holds the workspace
BUSY = 75
#: lanes of one session that may run at once in the engine; the session's own concurrency is held by its leases
MAX_LANES = 16
SWEEP_SECONDS = 1.0
#: how often what was counted of calls is written
COUNTS_SECONDS = 15.0
#: who carries out a run of the journal, by the stored name of the work: never renamed, safe to run again
RUNS: dict[str, Callable[[Context, int], object]] = {
    "sync": sync.carry_out,
    "import_orders": import_orders.carry_out,
    "pay_links": pay_links.carry_out,
    "desk": desk.carry_out,
    "settle": settle.carry_out,
}
RETENTION = timedelta(days=7)
#: who checks a plan, by its kind (empty: a plan to book)
CHECKS: dict[str, Callable[[Context, str], None]] = {
    "": plan.check,
    "bind": bind.check,
}


class Worker:
    """One worker process on one workspace."""

    def __init__(self, ctx: Context, home: Path) -> None:
        self.ctx, self.home = ctx, home
        self.stopping = threading.Event()
        self._lock: FileLock | None = None

    def run(self, *, with_parent: bool = False, ready: Callable[[], None] = lambda: None) -> int:
        """Work until told to stop; the exit code (0, or BUSY when another worker holds the workspace)."""
        executor = self._take_place()
        if executor is None:
            return BUSY
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        if with_parent:
            threading.Thread(target=_end_with_parent, daemon=True).start()
        self._launch(executor)
        gc.collect()
        gc.freeze()  # what is loaded by now stays: to look for rubbish in it would hold all calls up for 0.1 s
        ready()
        self._sweep_until_stopped()
        DBOS.destroy(workflow_completion_timeout_sec=20)
        return 0

    def _take_place(self) -> str | None:
        if not self.ctx.db.sqlite:
            return slots.take(self.ctx.db.url)
        self._lock = FileLock(self.home / "worker.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return None
        return "local-0"

    def _launch(self, executor: str) -> None:
        url = self.ctx.db.url
        config: DBOSConfig = {
            "name": APP,
            "system_database_url": url,
            "executor_id": executor,
            "application_version": APP_VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "sys_db_pool_size": 8,
            "log_level": "WARNING",
            "scheduler_polling_interval_sec": 5.0,
        }
        DBOS(config=config)
        self._register()
        DBOS.launch()
        DBOS.register_queue(
            BUYING, partition_concurrency=MAX_LANES, polling_interval_sec=0.25, on_conflict="always_update"
        )
        DBOS.register_queue(BACKGROUND, worker_concurrency=8, polling_interval_sec=0.25, on_conflict="always_update")
        DBOS.apply_schedules(
            [
                {"schedule_name": "sync", "workflow_fn": self._sync_all, "schedule": "*/5 * * * *", "context": None},
                {"schedule_name": "import", "workflow_fn": self._import_all, "schedule": "* * * * *", "context": None},
                {"schedule_name": "nightly", "workflow_fn": self._nightly, "schedule": "17 19 * * *", "context": None},
                {"schedule_name": "desk", "workflow_fn": self._desk, "schedule": "47 19 * * *", "context": None},
            ]
        )
        if not self.ctx.db.sqlite:
            slots.watch(url, executor)

    def _register(self) -> None:
        """Tie the stored names of work to what does it. Each piece is one step: run again after a crash, it is safe."""
        ctx = self.ctx

        def durable(name: str, do: Callable[..., object]) -> None:
            step = DBOS.step(name=f"{name}_step")(do)

            def workflow(*args: object) -> object:
                return step(*args)

            workflow.__qualname__ = workflow.__name__ = name
            DBOS.workflow(name=name, max_recovery_attempts=100)(workflow)

        durable(BUY, lambda session_id, holder: purchase.work(ctx, session_id, holder, self.stopping.is_set))
        durable(CANCEL, lambda session_id: cancel.work(ctx, session_id, self.stopping.is_set))
        durable(READ_BACK, lambda session_id: readback.work(ctx, session_id, self.stopping.is_set))
        durable(CHECK_PLAN, lambda plan_id: check_plan(ctx, plan_id))
        for name, carry_out in RUNS.items():
            durable(name, _of(ctx, carry_out))
        durable(WRITE_BACK, lambda source_id: write_back.carry_out(ctx, source_id))

        @DBOS.workflow(name="sync_all")
        def sync_all(scheduled_at: object, context: object) -> None:
            _quietly("sync", lambda: sync.request_due(ctx))

        @DBOS.workflow(name="import_all")
        def import_all(scheduled_at: object, context: object) -> None:
            _quietly("import", lambda: import_orders.request_due(ctx))
            _quietly("dead imports", lambda: import_orders.fail_dead(ctx))
            _quietly("exchange rates", lambda: rates.fetch_due(ctx))
            _quietly("sums of figures", lambda: reports.merge(ctx))
            _quietly("weekly report", lambda: report_delivery.deliver_due(ctx))

        @DBOS.workflow(name="nightly")
        def nightly(scheduled_at: object, context: object) -> None:
            _quietly("nightly sync", lambda: sync.request_due(ctx, full=True))
            _quietly("retention", self._forget_finished)
            _quietly("old pushes", lambda: pushes.forget(ctx))

        @DBOS.workflow(name="desk_all")
        def desk_all(scheduled_at: object, context: object) -> None:
            _quietly("comparison", lambda: desk.request_due(ctx))

        self._sync_all, self._import_all, self._nightly, self._desk = sync_all, import_all, nightly, desk_all

    def _forget_finished(self) -> None:
        """Finished work older than the retention leaves the engine's tables; the ledger keeps everything."""
        client = DBOSClient(
            system_database_engine=self.ctx.db.engine, application_name=APP, serializer=DBOSPortableJSONSerializer()
        )
        before = (datetime.now(UTC) - RETENTION).isoformat()
        while True:
            old = client.list_workflows(
                status=["SUCCESS", "ERROR", "CANCELLED"],
                end_time=before,
                limit=500,
                load_input=False,
                load_output=False,
            )
            if not old:
                return
            client.delete_workflows([item.workflow_id for item in old])

    def _sweep_until_stopped(self) -> None:
        """Start lanes for bookings that came due with no lane alive, and what else waits; every second."""
        written = time.monotonic()
        while not self.stopping.wait(SWEEP_SECONDS):
            _quietly("sweep", lambda: sweep(self.ctx))
            _quietly("pushes", lambda: pushes.hand_over(self.ctx))
            if time.monotonic() - written > COUNTS_SECONDS:
                written = time.monotonic()
                _quietly("counts of calls", lambda: call_stats.flush(self.ctx))


def _of(ctx: Context, carry_out: Callable[[Context, int], object]) -> Callable[[int], object]:
    return lambda run_id: carry_out(ctx, run_id)


def check_plan(ctx: Context, plan_id: int) -> None:
    """Check a plan at its provider, whatever is planned."""
    with ctx.db.read() as tx:
        row = plans.by_id(tx, plan_id)
    CHECKS[row["kind"]](ctx, row["token"])


def sweep(ctx: Context) -> None:
    """Enqueue work for each session: overdue bookings, due cancels, new orders to read back; and waiting write-backs.

    Work already covered by a living lane is claimed by whoever comes first; a lane that finds nothing ends at once. A
    session all of whose call leases are taken needs no more lanes.
    """
    now = ctx.now()
    label = f"sweep-{int(now.timestamp()) // 5}"
    with ctx.db.read() as tx:
        overdue = sessions.not_busy(tx, bookings.due_sessions(tx, now - timedelta(seconds=3)))
        cancelling = cancels.due_sessions(tx, now)
        placed = readback.due_sessions(tx, now)
        shops = write_backs.due_sources(tx, now)
    if not overdue and not cancelling and not placed and not shops:
        return
    with ctx.db.write() as tx:
        for session_id in overdue:
            ctx.queue.buy(tx, session_id, label, 1)
        for session_id in cancelling:
            ctx.queue.cancel(tx, session_id, label)
        for session_id in placed:
            ctx.queue.read_back(tx, session_id, label)
        for source_id in shops:
            ctx.queue.write_back(tx, source_id, label)


def _quietly(what: str, do: Callable[[], object]) -> None:
    """A failing tick is logged; the next one tries again."""
    try:
        do()
    except Exception:
        log.exception("%s failed", what)


def _end_with_parent() -> None:
    """The pipe closes when whoever started us is gone, however it went."""
    while os.read(0, 1024):  # not sys.stdin: its buffer's lock would be held when the interpreter ends
        pass
    os._exit(0)
