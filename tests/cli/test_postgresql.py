"""The same commands on PostgreSQL: several workers, and a backup by its own program."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autopurchase.engine.alive import workers
from autopurchase.storage.database import Database
from tests.cli.conftest import Shell
from tests.cli.shell import environment
from tests.support.processes import Child, start, wait_until

pytestmark = pytest.mark.postgres


@pytest.fixture
def there(shell: Shell, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Commands on an empty PostgreSQL database."""
    monkeypatch.setenv("AUTOPURCHASE_DATABASE_URL", postgres_url)
    return shell


def test_lines_are_booked_by_two_workers(
    there: Shell, postgres_url: str, tmp_path: Path, children: list[Child]
) -> None:
    there.connect()
    there.import_orders()
    command = [sys.executable, "-m", "autopurchase", "worker", "--slots", "2"]
    both = start(command, log=tmp_path / "workers.log", env=environment(there.home))
    children.append(both)
    db = Database(postgres_url)
    wait_until(lambda: workers(db, there.home) == 2, timeout=60, what="two workers")
    said = there("book", "--session", "main", "--lines", ",".join(there.numbers()[:5]), "--yes", "--wait", "--json")
    assert (said.code, said.json["counts"]["booked"]) == (0, 5)
    assert there("doctor").code == 0
    assert there("verify").code == 0
    assert both.stop(signal.SIGTERM, timeout=60) == 0, both.read_log()
    wait_until(lambda: workers(db, there.home) == 0, timeout=20, what="no worker")
    db.close()


def test_a_command_that_waits_brings_its_own_worker(there: Shell) -> None:
    there.connect()
    there.import_orders()
    said = there("book", "--session", "main", "--lines", there.numbers()[0], "--yes", "--wait", "--json")
    assert (said.code, said.json["counts"]["booked"]) == (0, 1)


@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="needs PostgreSQL's pg_dump: install postgresql-client")
def test_a_backup_is_a_dump_that_pg_restore_reads(there: Shell, postgres_url: str, tmp_path: Path) -> None:
    there.connect()
    file = tmp_path / "copy.dump"
    said = there("backup", str(file))
    assert said.code == 0, said
    assert file.stat().st_mode & 0o777 == 0o600
    listed = subprocess.run(["pg_restore", "--list", str(file)], capture_output=True, text=True, check=True).stdout
    assert "TABLE DATA public session" in listed


def test_without_pg_dump_a_backup_says_what_to_do(
    there: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = there("backup", str(tmp_path / "copy.dump"), "--json")
    assert (said.code, "pg_dump is not installed" in said.json["error"]["sentence"]) == (2, True)
    assert not (tmp_path / "copy.dump").exists()
