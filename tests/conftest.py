"""What every test may use. The parts themselves live in tests/support."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.support", "autopurchase.conformance.checks")

pytest_plugins = [
    "pytester",
    "tests.support.no_skips",
    "tests.support.postgres",
    "tests.support.shop",
    "tests.support.medusa",
    "tests.support.browser",
]

# Tests that share a costly server, or disturb each other, run one after the other in one process.
ONE_AFTER_ANOTHER = ("node", "browser", "faults", "bench")
HOME = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a home folder of its own and none of the person's settings.

    Streamlit, Jupyter and a signature library read or write below the home folder.
    """
    if hasattr(config, "workerinput"):
        return  # a worker inherits the environment made here
    config.stash[HOME] = tempfile.mkdtemp(prefix="autopurchase-home-")
    os.environ["HOME"] = config.stash[HOME]
    for name in [name for name in os.environ if name.startswith(("AUTOPURCHASE_", "STREAMLIT_"))]:
        del os.environ[name]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's home folder."""
    if HOME in config.stash:
        shutil.rmtree(Path(config.stash[HOME]), ignore_errors=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Put a test into its group for `--dist loadgroup`; later, xdist has already read the groups."""
    group = next((name for name in ONE_AFTER_ANOTHER if item.get_closest_marker(name)), None)
    if group and not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group("alone" if group in ("faults", "bench") else group))
