"""Looking after the workspace: doctor on broken ones, backup and restore, key rotation, verify."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autopurchase import wiring
from autopurchase.cli.main import main
from tests.cli.conftest import Shell
from tests.cli.shell import environment, run
from tests.support.processes import as_user


def findings(shell: Shell) -> dict[str, str]:
    """What the doctor finds wrong: what -> words with what to do. The exit code agrees with it."""
    said = shell("doctor", "--json")
    wrong = {
        each["what"]: f"{each['found']} {each['todo']}" for each in said.json["findings"] if each["level"] == "wrong"
    }
    assert (said.code, said.json["ok"]) == (1 if wrong else 0, not wrong)
    return wrong


def sql(shell: Shell, statement: str, *values: object) -> None:
    """Change the database behind everybody's back."""
    connection = sqlite3.connect(shell.home / "autopurchase.db")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


# ---------------------------------------------------------------- doctor


def test_the_doctor_finds_nothing_wrong_with_a_good_workspace(shell: Shell) -> None:
    shell.connect()
    shell.connect("alibaba1688", "1688")
    shell.import_orders()
    assert findings(shell) == {}
    said = shell("doctor")
    assert "session 1688: 1688 answers as" in said.out
    assert said.out.endswith("Nothing is wrong.\n")


def test_the_doctor_makes_nothing_where_nothing_is(untouched: Shell) -> None:
    assert findings(untouched) == {}
    assert not untouched.home.exists()
    untouched.home.mkdir()
    assert findings(untouched) == {}
    assert list(untouched.home.iterdir()) == []


def test_a_damaged_database(shell: Shell) -> None:
    shell.import_orders()
    with (shell.home / "autopurchase.db").open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(200_000))
    assert "restore a backup" in findings(shell)["database"]
    assert "Traceback" not in shell("status").err


def test_something_that_is_no_database(untouched: Shell) -> None:
    untouched.home.mkdir()
    (untouched.home / "autopurchase.db").write_text("hello " * 1000, encoding="utf-8")
    assert "damaged or no database" in findings(untouched)["database"]
    assert untouched("status").code == 2


def test_the_key_of_another_workspace(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.connect()
    other = shell("key").out.strip()
    monkeypatch.setenv("AUTOPURCHASE_KEY", other)
    assert "do not open with this key" in findings(shell)["key"]
    assert other not in shell("doctor").out
    monkeypatch.setenv("AUTOPURCHASE_KEY", "short")
    assert "is not a key" in findings(shell)["key"]


def test_a_key_that_others_can_read_or_that_is_gone(shell: Shell) -> None:
    shell.connect()
    (shell.home / "key").chmod(0o644)
    assert "chmod 600" in findings(shell)["key file"]
    (shell.home / "key").unlink()
    assert "Restore the key file" in findings(shell)["key"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_a_folder_that_cannot_be_written(shell: Shell) -> None:
    """Looked at by nobody, in a folder below /tmp that everybody can see."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o755)
        Path(folder).chmod(0o755)
        command = [*as_user(65534), sys.executable, "-m", "autopurchase", "doctor"]
        env = environment(home, HOME=folder)
        said = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stderr) == (1, "")
    assert "cannot be written" in said.stdout


def test_an_older_schema_asks_for_migration(shell: Shell) -> None:
    assert shell("migrate").code == 0
    sql(shell, "update alembic_version set version_num = '0000'")
    assert "python -m autopurchase migrate" in findings(shell)["migration"]


def test_a_dead_session_and_an_address_without_anybody(shell: Shell) -> None:
    shell.connect()
    shell.connect("alibaba1688", "1688", base_url="http://127.0.0.1:9")
    shell.market.control("expire", market="taobao", account=shell.account, kinds=["access", "refresh"])
    wrong = findings(shell)
    assert "Authorise" in wrong["session main"]
    assert wrong["session 1688"]


def test_work_that_waits_while_nobody_works(shell: Shell) -> None:
    shell.connect()
    shell.import_orders()
    assert shell("book", "--session", "main", "--lines", shell.numbers()[0], "--yes").code == 0
    assert findings(shell) == {}
    sql(shell, "update booking set due_at = datetime('now', '-1 hour')")
    sql(shell, "update plan set state = 'queued', created_at = datetime('now', '-1 hour')")
    wrong = findings(shell)
    assert "nobody works" in wrong["worker"]
    assert "overdue since" in wrong["stuck bookings"]


@pytest.mark.parametrize("url", ["nonsense", "mysql://127.0.0.1/x", "postgresql://u:s3cret-word@127.0.0.1:1/x"])
def test_a_database_address_that_leads_nowhere(untouched: Shell, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    untouched.home.mkdir()
    monkeypatch.setenv("AUTOPURCHASE_DATABASE_URL", url)
    said = untouched("doctor")
    assert (said.code, "database" in said.out) == (1, True)
    status = untouched("status")
    assert status.code == 2
    assert "s3cret-word" not in said.out + said.err + status.err


# ---------------------------------------------------------------- backup


def test_a_backup_holds_everything_but_the_key_and_can_be_restored(shell: Shell, tmp_path: Path) -> None:
    shell.connect()
    shell.import_orders()
    copy = tmp_path / "copy.db"
    assert shell("backup", str(copy), "--json").json["bytes"] == copy.stat().st_size
    assert copy.stat().st_mode & 0o777 == 0o600
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("copy.db-")]
    key = (shell.home / "key").read_text().strip()
    assert key.encode() not in copy.read_bytes()
    before = shell.numbers()
    for path in shell.home.glob("autopurchase.db*"):
        path.unlink()
    shutil.copy(copy, shell.home / "autopurchase.db")
    assert shell.numbers() == before
    assert shell("session", "check", "main").code == 0


def test_a_restored_copy_uses_no_reference_a_second_time(shell: Shell) -> None:
    shell.connect()
    shell.import_orders()
    first = shell("restored", "--json").json["mark"]
    second = shell("restored", "--json").json["mark"]
    assert first != second
    opened = wiring.open_workspace({"AUTOPURCHASE_HOME": str(shell.home)})
    assert opened.context.tag == second
    opened.close()


def test_a_backup_overwrites_nothing(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("precious", encoding="utf-8")
    assert shell("backup", str(file), "--json").code == 2
    assert file.read_text(encoding="utf-8") == "precious"
    assert "cannot be written" in shell("backup", str(tmp_path / "no" / "where")).err


# ---------------------------------------------------------------- keys


def test_a_new_key_is_a_new_one_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    keys = set()
    for _ in range(2):
        assert main(["key"]) == 0
        keys.add(capsys.readouterr().out.strip())
    assert len(keys) == 2


def test_rotation_leaves_the_old_key_useless(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.connect()
    old = (shell.home / "key").read_text().strip()
    assert shell("key", "rotate", "--json").json["resealed"] == 1
    new = (shell.home / "key").read_text().strip()
    assert new != old
    assert "," not in new
    assert (shell.home / "key").stat().st_mode & 0o777 == 0o600
    assert shell("session", "check", "main").code == 0
    monkeypatch.setenv("AUTOPURCHASE_KEY", old)
    assert "do not open with this key" in shell("status").err


def test_rotation_of_a_key_in_the_environment(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (shell("key").out.strip() for _ in range(2))
    monkeypatch.setenv("AUTOPURCHASE_KEY", old)
    shell.connect()
    assert shell("key", "rotate", "--json").code == 2
    monkeypatch.setenv("AUTOPURCHASE_KEY", f"{new},{old}")
    assert shell("key", "rotate").code == 0
    monkeypatch.setenv("AUTOPURCHASE_KEY", new)
    assert shell("session", "check", "main").code == 0


# ---------------------------------------------------------------- verify


def test_verify_sees_a_state_that_no_history_explains(shell: Shell) -> None:
    shell.import_orders()
    assert shell("verify").out == "History and tables agree.\n"
    number = shell.numbers()[0]
    sql(shell, "update line set purchase = 'bought' where number = ?", number)
    said = shell("verify", "--json")
    assert (said.code, said.json["ok"]) == (1, False)
    assert said.json["differences"][0]["what"] == f"line {number}: purchase"


def test_typed_credentials_come_by_standard_input(shell: Shell, tmp_path: Path) -> None:
    shell.connect()
    typed = (tmp_path / f"taobao-{shell.account}.json").read_text(encoding="utf-8")
    words = ("session", "add", "--provider", "taobao", "--name", "typed", "--credentials", "-", "--base-url")
    said = run(shell.home, *words, shell.market.base_url, "--json", typed=typed)
    assert (said.code, said.json["session"]["name"]) == (0, "typed")
