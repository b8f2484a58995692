"""Putting work into the durable queue: one typed function per kind of work, each inside the caller's transaction."""

from __future__ import annotations

import logging
from typing import Any, cast

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy import Connection

from autopurchase.storage.database import Database

APP = "autopurchase"
#: raised by hand when the shape of a workflow changes; then old work must be drained first
APP_VERSION = "1"
#: one partition per session; what holds a session's concurrency exactly are its call leases
BUYING, BACKGROUND = "buying", "background"
#: names are part of stored work: never renamed
BUY, CANCEL, READ_BACK, CHECK_PLAN, WRITE_BACK = "buy", "cancel", "read_back", "check_plan", "write_back"


def prepare(db: Database) -> None:
    """Make the engine's own tables, in the same database as ours."""
    logging.getLogger("dbos").setLevel(logging.WARNING)
    DBOS.migrate(db.url)


class DurableQueue:
    """The queue as services see it (`ports.Queue`)."""

    def __init__(self, db: Database) -> None:
        """Uses the workspace's own engine, so that work and ledger commit together."""
        self._client = DBOSClient(
            system_database_engine=db.engine,
            application_name=APP,
            serializer=DBOSPortableJSONSerializer(),
            lazy=True,
        )

    def _put(self, tx: Any, name: str, queue: str, workflow_id: str, *args: Any, partition: str = "") -> None:
        options: dict[str, Any] = {
            "workflow_name": name,
            "queue_name": queue,
            "workflow_id": workflow_id,
            "app_version": APP_VERSION,
        }
        if partition:
            options["queue_partition_key"] = partition
        self._client.enqueue_in_transaction(cast(Connection, tx), cast(EnqueueOptions, options), *args)

    def buy(self, tx: Any, session_id: int, label: str, lanes: int) -> None:
        """Start ``lanes`` lanes for the session; the same label twice starts them once."""
        for lane in range(lanes):
            workflow_id = f"buy-{session_id}-{label}-{lane}"
            self._put(tx, BUY, BUYING, workflow_id, session_id, workflow_id, partition=f"session-{session_id}")

    def cancel(self, tx: Any, session_id: int, label: str) -> None:
        """Carry out the session's due cancels; beside its bookings, so that neither waits for the other's lanes."""
        key = f"cancel-{session_id}"
        self._put(tx, CANCEL, BUYING, f"{key}-{label}", session_id, partition=key)

    def read_back(self, tx: Any, session_id: int, label: str) -> None:
        """Read back what was placed; beside the session's bookings."""
        self._put(tx, READ_BACK, BACKGROUND, f"read-back-{session_id}-{label}", session_id)

    def check_plan(self, tx: Any, plan_id: int) -> None:
        """Check a plan."""
        self._put(tx, CHECK_PLAN, BACKGROUND, f"plan-{plan_id}", plan_id)

    def carry_out(self, tx: Any, kind: str, run_id: int) -> None:
        """Carry out a run of the journal."""
        self._put(tx, kind, BACKGROUND, f"{kind}-{run_id}", run_id)

    def write_back(self, tx: Any, source_id: int, label: str) -> None:
        """Write back to a shop."""
        self._put(tx, WRITE_BACK, BACKGROUND, f"write-back-{source_id}-{label}", source_id)

    def close(self) -> None:
        """Give the client's resources back."""
        self._client.destroy()
