"""The test infrastructure itself: what it promises to the other tests."""

import os
import signal
import sys
from pathlib import Path

import pytest
import sqlalchemy

from tests.support.postgres import Cluster
from tests.support.processes import free_port, start, wait_until

ROOT = Path(__file__).parents[1]
SKIPPING = """
import pytest

@pytest.fixture
def server():
    pytest.skip("no server here")

def test_needs_a_server(server):
    pass

@pytest.mark.xfail(strict=True)
def test_known_limit():
    assert False
"""


def test_database_starts_empty_and_keeps_what_is_written(bare_database_url: str) -> None:
    engine = sqlalchemy.create_engine(bare_database_url)
    with engine.begin() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
        connection.execute(sqlalchemy.text("CREATE TABLE seen (n INTEGER)"))
    assert sqlalchemy.inspect(engine).get_table_names() == ["seen"]
    engine.dispose()


@pytest.mark.postgres
def test_dropping_a_database_ends_connections_left_open(postgres_cluster: Cluster) -> None:
    name = postgres_cluster.create_database()
    engine = sqlalchemy.create_engine(postgres_cluster.url(name))
    connection = engine.connect()
    postgres_cluster.drop_database(name)
    with pytest.raises(sqlalchemy.exc.OperationalError):
        connection.execute(sqlalchemy.text("SELECT 1"))
    connection.invalidate()
    engine.dispose()


def test_skip_is_a_failure_on_ci_only(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(SKIPPING)
    arguments = ("-p", "tests.support.no_skips", "-p", "no:cacheprovider")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("CI", raising=False)
    pytester.runpytest_subprocess(*arguments).assert_outcomes(skipped=1, xfailed=1)
    monkeypatch.setenv("CI", "true")
    result = pytester.runpytest_subprocess(*arguments)
    # a fixture that skips fails in set-up, which counts as an error
    result.assert_outcomes(errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*may not be skipped on CI*", "*no server here*"])
    assert result.ret == 1


def test_module_that_skips_itself_is_an_error_on_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile("import pytest\npytest.importorskip('no_such_module')")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CI", "true")
    result = pytester.runpytest_subprocess("-p", "tests.support.no_skips")
    result.assert_outcomes(errors=1)


def test_child_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    child = start([sys.executable, "-c", "raise SystemExit('out of paper')"], log=tmp_path / "log")
    with pytest.raises(RuntimeError, match="out of paper"):
        child.wait_for_health(f"http://127.0.0.1:{free_port()}/")
    assert child.wait(timeout=5) == 1


def test_child_that_ignores_a_polite_end_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True)"
    child = start([sys.executable, "-c", f"{code}\nwhile True: time.sleep(1)"], log=tmp_path / "log")
    wait_until(lambda: "on" in child.read_log(), timeout=10, what="the child")
    assert child.stop(timeout=0.2) == -signal.SIGKILL
    assert not child.alive


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_child_ends_with_a_killed_test_run(tmp_path: Path) -> None:
    grandchild = tmp_path / "grandchild"
    code = (
        "import pathlib, sys, time; from tests.support.processes import start\n"
        f"log = pathlib.Path({str(tmp_path / 'inner')!r})\n"
        "child = start([sys.executable, '-c', 'import time; time.sleep(60)'], log=log)\n"
        f"pathlib.Path({str(grandchild)!r}).write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    child = start([sys.executable, "-c", code], log=tmp_path / "log", env={"PYTHONPATH": str(ROOT)})
    pid = int(wait_until(lambda: grandchild.exists() and grandchild.read_text(), timeout=20, what="its child"))
    assert _runs(pid)
    child.kill()
    wait_until(lambda: not _runs(pid), timeout=10, what="the grandchild to end")


def test_waiting_says_what_it_waited_for() -> None:
    with pytest.raises(TimeoutError, match=r"0\.1 s for the parcel; last answer: 0"):
        wait_until(lambda: 0, timeout=0.1, what="the parcel")


@pytest.mark.faults
def test_tests_that_disturb_each_other_stay_in_one_process(request: pytest.FixtureRequest) -> None:
    assert [mark.args for mark in request.node.iter_markers("xdist_group")] == [("alone",)]
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@alone")


def test_tests_have_a_home_of_their_own() -> None:
    assert "autopurchase-home-" in os.environ["HOME"]


@pytest.mark.parametrize(("folder", "package"), [("shop", "@vendure/core"), ("medusa", "@medusajs/medusa")])
def test_lock_file_of_a_shop_names_no_download_address(folder: str, package: str) -> None:
    text = (ROOT / "tests" / folder / "package-lock.json").read_text(encoding="utf-8")
    assert f'"{package}"' in text
    assert '"resolved"' not in text


def _runs(pid: int) -> bool:
    """Whether the process exists and is not merely waiting to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"
