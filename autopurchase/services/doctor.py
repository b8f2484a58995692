"""The doctor: what is wrong with a workspace, in words, with what to do. It changes nothing and survives what it finds.

Checks go from the ground up; where one that others stand on fails, those are left out.
"""

from __future__ import annotations

import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from autopurchase.domain.errors import AutopurchaseError, BadInput
from autopurchase.domain.roles import CLOCK
from autopurchase.domain.session import SessionState
from autopurchase.services import import_orders, sessions, sources
from autopurchase.services.context import Context
from autopurchase.services.upkeep import KEY_CHECK
from autopurchase.settings import Settings
from autopurchase.storage import migrate, upkeep, workspace
from autopurchase.storage import sessions as session_store
from autopurchase.storage import sources as source_store
from autopurchase.storage.database import Database
from autopurchase.storage.vault import KeyVault

_MB = 1024 * 1024
#: free disk space below which it is a warning, and below which it is wrong
_LOW, _TOO_LOW = 1024 * _MB, 100 * _MB
#: work this late is stuck when nobody works, and worth a word when somebody does
_LATE = timedelta(minutes=5)
#: seconds between our clock and a provider's from which signatures begin to be refused
_SKEW = 60.0


class Level(StrEnum):
    """How bad a finding is."""

    WELL = "well"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found, and what to do about it."""

    what: str
    level: Level
    found: str
    todo: str = ""


Findings = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Hands:
    """What the doctor is given: how to open the workspace in full, and how to count its workers."""

    open_context: Callable[[], Context]
    count_workers: Callable[[Database, Path], int]


def examine(found: Settings, hands: Hands) -> Findings:
    """Every finding, from the ground up."""
    home = list(_guarded("home folder", lambda: _home(found.home)))
    yield from home
    if _wrong(home) or not found.home.is_dir():
        return
    yield from _guarded("disk space", lambda: _disk(found.home))
    database = list(_guarded("database", lambda: _database(found)))
    key = list(_guarded("key", lambda: _key(found)))
    yield from (*database, *key)
    if _wrong(database) or not _made(found):
        return
    secrets = list(_guarded("key", lambda: _opens(found)))
    yield from (finding for finding in secrets if finding not in key)
    if not _wrong(secrets):
        yield from _guarded("workspace", lambda: _inside(found.home, hands))


def _wrong(findings: list[Finding]) -> bool:
    return any(finding.level is Level.WRONG for finding in findings)


def _guarded(what: str, check: Callable[[], Findings]) -> Findings:
    """A check that fails is a finding, never an end of the examination."""
    try:
        yield from check()
    except AutopurchaseError as error:
        yield Finding(what, Level.WRONG, error.sentence)
    except Exception as error:
        yield Finding(what, Level.WRONG, f"The check failed: {_words(error)}")


def _words(error: Exception) -> str:
    """The first line of an error; database drivers add statements and values below it."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _home(home: Path) -> Findings:
    if not home.exists():
        ground = next(folder for folder in home.parents if folder.exists())
        if problem := _unwritable(ground):
            yield Finding("home folder", Level.WRONG, f"{home} cannot be made: {problem}.", "Set AUTOPURCHASE_HOME.")
            return
        yield Finding("home folder", Level.WARNING, f"{home} does not exist yet.", "It is made on first use: try demo.")
        return
    if not home.is_dir():
        yield Finding("home folder", Level.WRONG, f"{home} is not a folder.", "Set AUTOPURCHASE_HOME to a folder.")
        return
    if problem := _unwritable(home):
        todo = "Make the folder writable for this user, or set AUTOPURCHASE_HOME."
        yield Finding("home folder", Level.WRONG, f"{home} cannot be written: {problem}.", todo)
    else:
        yield Finding("home folder", Level.WELL, f"{home} can be written.")


def _unwritable(folder: Path) -> str:
    """Why nothing can be written there; empty when it can."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _disk(home: Path) -> Findings:
    free = shutil.disk_usage(home).free
    level = Level.WRONG if free < _TOO_LOW else Level.WARNING if free < _LOW else Level.WELL
    yield Finding("disk space", level, f"{free // _MB:,} MB free.", "" if level is Level.WELL else "Make room.")


def _made(found: Settings) -> bool:
    """Whether there is a database yet; looking must not make one."""
    return not found.database_url.startswith("sqlite") or _file(found.database_url).exists()


def _file(url: str) -> Path:
    return Path(url.partition("///")[2])


def _database(found: Settings) -> Findings:
    if not _made(found):
        yield Finding("database", Level.WARNING, "There is no database yet.", "It is made on first use: try demo.")
        return
    if found.database_url.startswith("sqlite"):
        _check_file(_file(found.database_url))
    db = Database(found.database_url)
    try:
        if problem := db.reachable():
            yield Finding("database", Level.WRONG, problem, "Check AUTOPURCHASE_DATABASE_URL and the server.")
            return
        yield Finding("database", Level.WELL, "It answers.")
        yield from _revision(db)
    finally:
        db.close()


def _check_file(path: Path) -> None:
    """Raise BadInput when the file is not sound; it is not changed."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            word = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        word = str(error)
    if word != "ok":
        raise BadInput(f"{path} is damaged or no database ({word}): stop everything and restore a backup.")


def _revision(db: Database) -> Findings:
    now, newest = migrate.current(db), migrate.newest()
    if now == newest:
        yield Finding("migration", Level.WELL, f"The tables are at {now}, as this program wants them.")
    else:
        found = f"The tables are at {now or 'nothing'}; this program wants {newest}."
        yield Finding("migration", Level.WRONG, found, "Back up, then run: python -m autopurchase migrate")


def _key(found: Settings) -> Findings:
    path = found.home / "key"
    if not found.key and not path.exists():
        todo = "Restore the key file, or set AUTOPURCHASE_KEY; without it authorise every session again."
        level = Level.WRONG if _made(found) else Level.WARNING
        yield Finding("key", level, f"There is no key: {path} is missing.", todo if _made(found) else "")
        return
    if not found.key and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Finding("key file", Level.WRONG, f"Others can read {path}.", f"chmod 600 {path}")
    KeyVault(found.key or path.read_text().strip())


def _opens(found: Settings) -> Findings:
    """Whether the key opens every secret there is."""
    path = found.home / "key"
    if not found.key and not path.exists():
        return
    vault = KeyVault(found.key or path.read_text().strip())
    db = Database(found.database_url)
    try:
        with db.read() as tx:
            sealed = [workspace.read(tx, KEY_CHECK)]
            sealed += [row[name] for row in session_store.listing(tx) for name in ("secret_sealed", "tokens_sealed")]
            sealed += [row["config_sealed"] for row in source_store.listing(tx)]
    finally:
        db.close()
    for text in sealed:
        if text:
            vault.open(text)
    yield Finding("key", Level.WELL, f"It opens all {len(sealed)} secrets.")


def _inside(home: Path, hands: Hands) -> Findings:
    ctx = hands.open_context()
    alive = hands.count_workers(ctx.db, home)
    yield from _guarded("worker", lambda: _work(ctx, alive))
    yield from _guarded("sessions", lambda: _sessions(ctx))
    yield from _guarded("sources", lambda: _sources(ctx))


def _work(ctx: Context, alive: int) -> Findings:
    before = ctx.now() - _LATE
    with ctx.db.read() as tx:
        overdue = upkeep.overdue_bookings(tx, before)
        plans, runs = upkeep.waiting_plans(tx, before), upkeep.waiting_runs(tx, before)
    dead = import_orders.dead_runs(ctx)
    late = bool(overdue or plans or runs)
    if alive:
        yield Finding("worker", Level.WELL, f"{alive} at work.")
    elif late:
        yield Finding("worker", Level.WRONG, "Work waits and nobody works.", "Start one: python -m autopurchase worker")
    else:
        yield Finding("worker", Level.WARNING, "Nobody works.", "The pages start one, or run: autopurchase worker")
    for row in overdue:
        told = f"{row['bookings']} bookings of {row['name']} are overdue since {row['since']:%Y-%m-%d %H:%M} UTC."
        yield Finding("stuck bookings", Level.WRONG, told, "Look at worker.log in the home folder.")
    if dead:
        told = f"The imports of files {', '.join(map(str, dead[:5]))} ended half-way with their process."
        yield Finding("dead imports", Level.WARNING, told, "Import those files again; a worker closes these runs.")
    if plans:
        told = f"{len(plans)} plans are unchecked: {', '.join(plans[:5])}."
        yield Finding("stuck plans", Level.WARNING, told, "Plan again.")
    if runs:
        told = f"{len(runs)} runs wait: {', '.join(map(str, runs[:5]))}."
        level = Level.WARNING if alive else Level.WRONG
        yield Finding("stuck runs", level, told, "Look at worker.log in the home folder.")


def _sessions(ctx: Context) -> Findings:
    views = sessions.listing(ctx, CLOCK)
    if not views:
        yield Finding("sessions", Level.WARNING, "There is none.", "Connect an account: session add, or try demo.")
    for view in views:
        what = f"session {view.name}"
        if view.state == SessionState.DISABLED:
            yield Finding(what, Level.WARNING, view.health, f"session enable {view.name}, when it is wanted.")
        elif view.state == SessionState.NEEDS_AUTHORISATION:
            yield Finding(what, Level.WRONG, view.health, f"session authorize {view.name}")
        else:
            yield from _guarded(what, lambda name=view.name: _session(ctx, name))  # type: ignore[misc]


def _session(ctx: Context, name: str) -> Findings:
    account = sessions.check(ctx, CLOCK, name)
    view = next(each for each in sessions.listing(ctx, CLOCK) if each.name == name)
    well = view.health == "Well."
    found = f"{view.label} answers as {account.login or account.account_id or 'an account without a name'}."
    yield Finding(f"session {name}", Level.WELL if well else Level.WARNING, found if well else view.health)
    skew = float(account.details.get("clock_skew_seconds", "0"))
    if abs(skew) > _SKEW:
        told = f"{view.label}'s clock is {skew:+.0f} s from this computer's."
        yield Finding("clock", Level.WRONG, told, "Set this computer's clock by the network (NTP).")
    if view.sync_error:
        told = f"The last sync failed: {view.sync_error}"
        yield Finding(f"session {name}", Level.WARNING, told, f"sync --session {name}")


def _sources(ctx: Context) -> Findings:
    for view in sources.listing(ctx, CLOCK):
        if view.enabled and view.kind != sources.FILE:
            yield from _guarded(f"source {view.name}", lambda name=view.name: _source(ctx, name))  # type: ignore[misc]


def _source(ctx: Context, name: str) -> Findings:
    result = sources.check(ctx, CLOCK, name)
    level = Level.WELL if result.ok else Level.WRONG
    found = f"It answers as {result.identity}." if result.ok else " ".join(result.problems)
    yield Finding(f"source {name}", level, found)
