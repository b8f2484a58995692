"""The only module that knows everybody: it puts a workspace together."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from autopurchase import settings
from autopurchase.domain.errors import BadInput
from autopurchase.engine.queue import DurableQueue, prepare
from autopurchase.providers import PROVIDERS
from autopurchase.services import call_stats
from autopurchase.services.context import Context
from autopurchase.sources import SOURCES
from autopurchase.sources.web import read_text
from autopurchase.storage import workspace
from autopurchase.storage.database import Database
from autopurchase.storage.migrate import migrate
from autopurchase.storage.vault import KeyVault, key_file


class SystemClock:
    """This machine's time."""

    def now(self) -> datetime:
        """The moment, aware UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Workspace:
    """An open workspace: its folder and what services need."""

    home: Path
    context: Context
    queue: DurableQueue

    def close(self) -> None:
        """Give connections back; what was counted of calls is written first."""
        with suppress(Exception):  # figures are not worth an error at the end
            call_stats.flush(self.context)
        self.queue.close()
        self.context.db.close()


def open_workspace(environment: Mapping[str, str] | None = None) -> Workspace:
    """Open the workspace the environment names, making and migrating it on first use.

    Raises BadInput, saying what to do, when folder, database or key cannot be used.
    """
    found = settings.load(environment)
    _make_home(found.home)
    db = Database(found.database_url)
    problem = db.reachable()
    if problem:
        raise BadInput(f"{problem} Check AUTOPURCHASE_DATABASE_URL.")
    if migrate(db):
        prepare(db)
    vault = KeyVault(found.key or key_file(found.home))
    with db.write() as tx:
        tag = workspace.ensure(tx, "tag", secrets.token_hex(2))
        vault.open(workspace.ensure(tx, "key_check", vault.seal({"ok": True})))
    queue = DurableQueue(db)
    context = Context(db, SystemClock(), vault, queue, PROVIDERS, SOURCES, tag, read_text)
    return Workspace(found.home, context, queue)


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The workspace folder {home} cannot be made: {error.strerror}.") from error
    if not os.access(home, os.W_OK):
        raise BadInput(f"The workspace folder {home} cannot be written: check its owner.")


def worker_command() -> list[str]:
    """How to start a worker that ends with the process that started it."""
    return [sys.executable, "-m", "autopurchase", "worker", "--with-parent"]
