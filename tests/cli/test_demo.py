"""The demo's marketplace outlives whoever started it, and moves when its port is taken."""

from __future__ import annotations

import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from autopurchase.demo.orders import CALM, EXAMPLE, order_rows
from tests.cli.shell import environment, run
from tests.support.processes import Child, answers, start, wait_until

_OPEN = "import sys, time, autopurchase; autopurchase.connect(demo=True); print('open', flush=True); time.sleep(120)"


def opener(children: list[Child], home: Path, name: str) -> Child:
    """A process that has opened the demo, like a notebook or the pages."""
    child = start([sys.executable, "-c", _OPEN], log=home.parent / f"{name}.log", env=environment(home))
    children.append(child)
    wait_until(lambda: "open" in child.read_log() or not child.alive, timeout=60, what="the demo")
    assert child.alive, child.read_log()
    return child


def sessions(home: Path) -> list[dict[str, str]]:
    """The sessions as the command line lists them."""
    found: list[dict[str, str]] = run(home, "session", "list", "--json").json["sessions"]
    return found


def test_another_process_takes_the_market_over(tmp_path: Path, children: list[Child]) -> None:
    home = tmp_path / "home"
    first, second = opener(children, home, "first"), opener(children, home, "second")
    known = sessions(home)
    health = f"{known[0]['base_url']}/_control/health"
    assert (len(known), answers(health)) == (4, True)
    first.kill()
    wait_until(lambda: answers(health), timeout=20, what="the market under its new keeper")
    assert sessions(home) == known
    assert run(home, "session", "check", "main").code == 0
    second.stop(signal.SIGTERM)
    wait_until(lambda: not answers(health), timeout=10, what="the market to end with its last keeper")


def test_the_market_moves_when_its_port_is_taken(tmp_path: Path, children: list[Child]) -> None:
    home = tmp_path / "home"
    opener(children, home, "first").kill()
    before = sessions(home)[0]["base_url"]
    port = urlsplit(before).port or 0
    wait_until(lambda: not answers(f"{before}/_control/health"), timeout=10, what="the market to end")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        said = run(home, "session", "check", "1688-main")
    assert said.code == 0, said
    assert {session["base_url"] for session in sessions(home)} != {before}


def test_the_orders_are_believable_and_the_first_ones_have_nothing_wrong() -> None:
    rows = order_rows("http://127.0.0.1:9", datetime(2026, 1, 1, tzinfo=UTC))
    assert rows == order_rows("http://127.0.0.1:9", datetime(2026, 1, 1, tzinfo=UTC))
    numbers = list(dict.fromkeys(row["order_number"] for row in rows))
    assert (len(numbers), numbers[0]) == (300, "ORD-000000001")
    calm = [row for row in rows if int(row["order_number"][4:]) <= CALM]
    assert all(row["paid_amount"] == row["order_total"] and row["paid_at"] and not row["status"] for row in calm)
    example = [row for row in rows if row["order_number"] == f"ORD-{EXAMPLE:09d}"]
    assert [row["line_no"] for row in example] == ["1", "2"]
    assert {row["currency"] for row in rows} == {"USD", "EUR", "GBP"}
    assert any(row["paid_amount"] == "0" for row in rows)
    assert any(row["status"] == "Paid" for row in rows)
