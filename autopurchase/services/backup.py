"""A consistent copy of the database while everybody works on. Secrets in it stay sealed; the key is not part of it.

Restore: stop pages and workers, put the copy in the place of ``autopurchase.db`` (and remove ``autopurchase.db-wal``
and ``-shm``) or load it with ``pg_restore``, keep the workspace's key, then run ``doctor`` and ``verify``.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from autopurchase.domain.errors import BadInput
from autopurchase.storage.database import Database


def backup(db: Database, file: Path) -> int:
    """Copy the database into ``file`` (made now, readable by its owner only); its size in bytes.

    Raises BadInput when the file exists or cannot be written, or when PostgreSQL's ``pg_dump`` is missing or fails.
    """
    if not db.sqlite and shutil.which("pg_dump") is None:
        raise BadInput("pg_dump is not installed here: install PostgreSQL's client programs, or back up on the server.")
    _make(file)
    try:
        _copy_sqlite(db, file) if db.sqlite else _dump_postgresql(db, file)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return file.stat().st_size


def _make(file: Path) -> None:
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise BadInput(f"{file} exists already: name a new file, nothing is overwritten.") from error
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}.") from error


def _copy_sqlite(db: Database, file: Path) -> None:
    source, target = sqlite3.connect(db.engine.url.database or ""), sqlite3.connect(file)
    try:
        source.backup(target, pages=2_000, sleep=0.01)  # in parts, so that writers get their turn
        target.execute("PRAGMA journal_mode=DELETE")  # one file, without companions
        problem = target.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as error:
        raise BadInput(f"The copy failed: {error}.") from error
    finally:
        source.close()
        target.close()
    if problem != "ok":
        raise BadInput(f"The copy is damaged ({problem}): run doctor.")


def _dump_postgresql(db: Database, file: Path) -> None:
    """The password goes by the environment: arguments can be read by everybody on the machine."""
    url = db.engine.url
    command = ["pg_dump", "--format=custom", f"--file={file}", f"--dbname={url.database}"]
    command += [f"--host={url.host}"] if url.host else []
    command += [f"--port={url.port}"] if url.port else []
    command += [f"--username={url.username}"] if url.username else []
    command += [f"--{name}={value}" for name, value in url.query.items() if name in ("host", "port")]
    env = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BadInput(f"pg_dump failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no word'}")
