"""A throwaway PostgreSQL server for one test run, and a fresh database for one test."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.support import migrated
from tests.support.processes import Child, as_user, free_port, start, wait_until

NOBODY = 65534  # the server refuses to run as root
FAST_SHUTDOWN = signal.SIGINT  # rolls back and disconnects clients at once
OPTIONS = {"fsync": "off", "synchronous_commit": "off", "max_connections": "200"}


def find_binaries() -> Path | None:
    """The folder holding `initdb`: the newest under Debian's version folders, else the one in PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    found = versions[-1] if versions else shutil.which("initdb")
    return Path(found).parent if found else None


@dataclass(frozen=True)
class Cluster:
    """A running server on 127.0.0.1, trusting everybody there."""

    server: Child
    folder: Path
    port: int
    numbers: Iterator[int]

    def url(self, database: str) -> str:
        """SQLAlchemy address of `database`."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str = "template1") -> str:
        """Make an empty database, or a copy of ``template``, and return its name."""
        name = f"test_{next(self.numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        """Remove it, ending connections that a test left open."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """One statement in the maintenance database, outside a transaction."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    def accepts(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self._dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _dsn(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def stop(self) -> None:
        """Shut it down and remove its folder."""
        self.server.stop(FAST_SHUTDOWN)
        shutil.rmtree(self.folder)


def start_cluster(binaries: Path) -> Cluster:
    """Make and start a server in a new folder of its own. About one second."""
    folder = Path(tempfile.mkdtemp(prefix="autopurchase-pg-"))  # not below pytest's: it lets only us in
    user = NOBODY if os.geteuid() == 0 else None
    if user:
        os.chown(folder, user, user)
    _init(binaries, folder, user)
    port = free_port()
    server = start(
        [binaries / "postgres", "-D", folder / "data", *_settings(folder, port)],
        log=folder / "log",
        env={"HOME": str(folder)},
        cwd=folder,
        user=user,
        on_parent_end="QUIT",  # the server's own word for "stop immediately"
    )
    cluster = Cluster(server, folder, port, count(1))
    wait_until(lambda: cluster.accepts() or not server.alive, timeout=30, what="PostgreSQL")
    if not server.alive:
        raise RuntimeError(server.read_log())
    return cluster


def _init(binaries: Path, folder: Path, user: int | None) -> None:
    words = ["initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
    subprocess.run(
        [*as_user(user), binaries / words[0], *words[1:], "--no-sync"],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        check=True,
        capture_output=True,
    )


def _settings(folder: Path, port: int) -> list[str]:
    own = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder)}
    return [word for name, value in (own | OPTIONS).items() for word in ("-c", f"{name}={value}")]


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for this test process."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server (initdb) on this machine: apt-get install postgresql")
    cluster = start_cluster(binaries)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: Cluster) -> str:
    """Name of a migrated database to copy."""
    name = postgres_cluster.create_database()
    migrated.make(postgres_cluster.url(name))
    return name


@pytest.fixture
def postgres_url(postgres_cluster: Cluster, postgres_template: str) -> Iterator[str]:
    """Address of a fresh, migrated PostgreSQL database, dropped after the test."""
    name = postgres_cluster.create_database(postgres_template)
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


@pytest.fixture
def bare_postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """The same without any table."""
    name = postgres_cluster.create_database()
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a fresh, migrated database: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return migrated.sqlite_url(f"sqlite:///{tmp_path / 'autopurchase.db'}")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=BOTH)
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same without any table, as a first start finds it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'autopurchase.db'}"
    return str(request.getfixturevalue("bare_postgres_url"))
