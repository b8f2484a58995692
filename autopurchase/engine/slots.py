"""Several workers on PostgreSQL: who is who, and who takes over the work of the dead.

An executor id names who owns work under way, so exactly one live process may bear it: ids are slots, and a slot is a
session-level advisory lock on a connection of its own.
"""

from __future__ import annotations

import logging
import os
import threading
import time

import psycopg
from dbos import DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy.engine import make_url

from autopurchase.domain.errors import LimitReached
from autopurchase.engine.queue import APP

log = logging.getLogger(__name__)

#: class of the advisory locks that are the slots
LOCK_CLASS = 0x617075
_SLOTS = 64
_PREFIX = "slot-"
#: one that lost its lock notices within CHECK seconds and exits; its work is taken over only GRACE later
_CHECK, _GRACE = 1.0, 3.0
_held: dict[str, psycopg.Connection] = {}


def _connect(url: str) -> psycopg.Connection:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(
        plain, autocommit=True, keepalives=1, keepalives_idle=5, keepalives_interval=2, keepalives_count=3
    )


def _lock(connection: psycopg.Connection, slot: int) -> bool:
    row = connection.execute("select pg_try_advisory_lock(%s, %s)", (LOCK_CLASS, slot)).fetchone()
    return bool(row and row[0])


def take(url: str) -> str:
    """Hold the first free slot for the life of the process; returns its executor id. Raises LimitReached."""
    connection = _connect(url)
    for slot in range(_SLOTS):
        if _lock(connection, slot):
            executor = f"{_PREFIX}{slot}"
            _held[executor] = connection
            time.sleep(_GRACE)  # whoever had this slot may need a moment to notice that it lost it
            return executor
    raise LimitReached(f"{_SLOTS} workers run on this database already.")


def watch(url: str, executor: str) -> None:
    """Start the two guards: leave when our lock is lost, and hand over the work of dead slots."""
    threading.Thread(target=_exit_when_lock_is_lost, args=(_held[executor],), daemon=True).start()
    threading.Thread(target=_reap_for_ever, args=(url, executor), daemon=True).start()


def _exit_when_lock_is_lost(connection: psycopg.Connection) -> None:
    while True:
        time.sleep(_CHECK)
        try:
            connection.execute("select 1")
        except psycopg.Error:
            log.error("the database connection that holds this worker's slot is lost: leaving")
            os._exit(70)


def _reap_for_ever(url: str, own: str) -> None:
    client = DBOSClient(system_database_url=url, application_name=APP, serializer=DBOSPortableJSONSerializer())
    connection = _connect(url)
    while True:
        time.sleep(2.0)
        try:
            _reap(client, connection, own)
        except Exception:
            log.exception("taking over the work of dead workers failed")
            connection = _reconnected(url, connection)


def _reconnected(url: str, old: psycopg.Connection) -> psycopg.Connection:
    try:
        old.close()
        return _connect(url)
    except psycopg.Error:
        return old


def _pending(client: DBOSClient, executor: str | None = None) -> list[tuple[str, str, str]]:
    found = client.list_workflows(status="PENDING", executor_id=executor, load_input=False, load_output=False)
    return [(item.workflow_id, item.executor_id or "", item.queue_name or "") for item in found]


def _reap(client: DBOSClient, connection: psycopg.Connection, own: str) -> None:
    owners = {owner for _, owner, _ in _pending(client) if owner.startswith(_PREFIX) and owner != own}
    for owner in owners:
        slot = int(owner.removeprefix(_PREFIX))
        if not _lock(connection, slot):
            continue  # its worker lives
        try:
            time.sleep(_GRACE)
            left = _pending(client, owner)
            for queue in {name for _, _, name in left}:
                ids = [key for key, _, name in left if name == queue]
                client.resume_workflows(ids, queue_name=queue or None)
        finally:
            connection.execute("select pg_advisory_unlock(%s, %s)", (LOCK_CLASS, slot))
