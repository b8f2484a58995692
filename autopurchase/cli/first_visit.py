"""The first visit to the pages, made by us.

Until somebody has opened ``/`` on a new server, Streamlit says "Page not found" over every page that is opened by its
own address. A visit also opens the workspace, so that the first person does not wait for it.
"""

from __future__ import annotations

import logging
import threading
import time
from urllib.error import URLError
from urllib.request import urlopen

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

SPOKEN = Subprotocol("streamlit")
#: "run the script from the start", as a page's socket says it: field 11 of Streamlit's BackMsg, empty
RUN = b"\x5a\x00"
#: "the run has ended", the last field of a short ForwardMsg
ENDED = b"\x30\x00"
#: seconds to wait for the server, and for the run
UP, MOST = 60.0, 60.0
_log = logging.getLogger(__name__)


def visit_soon(port: int) -> None:
    """Open ``/`` once as soon as the server answers, in the background. It gives up quietly: people can still come."""
    threading.Thread(target=visit, args=(port,), name="first-visit", daemon=True).start()


def visit(port: int) -> None:
    """Open ``/`` once and wait until its run has ended; bounded in time, and silent when it does not work."""
    if not _is_up(port):
        return
    try:
        with connect(f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=[SPOKEN], open_timeout=5) as socket:
            socket.send(RUN)
            ends = time.monotonic() + MOST
            said = b""
            while len(said) > 60 or not said.endswith(ENDED):
                said = socket.recv(max(0.0, ends - time.monotonic()), decode=False)
    except (OSError, WebSocketException) as error:  # a time out is an OSError
        _log.debug("first visit: %s", error)


def _is_up(port: int) -> bool:
    ends = time.monotonic() + UP
    while time.monotonic() < ends:
        try:
            with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return True
        except (URLError, OSError):
            time.sleep(0.2)
    return False
