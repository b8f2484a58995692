"""One app with the demo workspace for the browser tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.support.browser import App, start_app


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A fresh server on a fresh workspace: its first visit makes the demo, market and worker included."""
    served = start_app(tmp_path_factory.mktemp("demo") / "home")
    yield served
    log = served.traceback()
    served.stop()
    assert not log, log
