"""On a new server the first deep link meets Streamlit's "Page not found", unless somebody has opened ``/`` before."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from autopurchase import wiring
from autopurchase.cli import first_visit
from tests.support import seed
from tests.support.browser import App, start_app


@pytest.fixture
def served(tmp_path: Path) -> Iterator[App]:
    """The pages of an empty, configured workspace, which nobody has opened."""
    home = tmp_path / "home"
    opened = wiring.open_workspace({"AUTOPURCHASE_HOME": str(home)})
    seed.empty(opened.context.db, opened.context.vault)
    opened.close()
    app = start_app(home)
    yield app
    app.stop()


def port(app: App) -> int:
    """Where the app listens."""
    return int(app.url.rpartition(":")[2])


def missed(app: App) -> bool:
    """Whether a tab that opens the ready page by its own address is told that there is no such page."""
    asked, said = BackMsg(), ForwardMsg()
    asked.rerun_script.page_name = "ready"
    found = False
    address = f"ws://127.0.0.1:{port(app)}/_stcore/stream"
    with connect(address, subprotocols=[first_visit.SPOKEN], max_size=None) as socket:
        socket.send(asked.SerializeToString())
        while said.WhichOneof("type") != "script_finished":
            said.ParseFromString(socket.recv(30, decode=False))
            found = found or said.WhichOneof("type") == "page_not_found"
    return found


def test_the_first_deep_link_would_be_told_that_there_is_no_page(served: App) -> None:
    assert missed(served)


def test_after_our_visit_it_is_not(served: App) -> None:
    began = time.monotonic()
    first_visit.visit(port(served))
    assert time.monotonic() - began < first_visit.MOST, "it did not notice that the run had ended"
    assert not missed(served)


def test_a_server_that_is_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_visit, "UP", 0.3)
    began = time.monotonic()
    first_visit.visit(9)
    assert time.monotonic() - began < 10
