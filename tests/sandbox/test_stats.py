"""What the market counts at its own door is what really arrived."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from autopurchase.sandbox import Sandbox
from autopurchase.sandbox.stats import Meter
from tests.sandbox.wire import Alibaba, Taobao
from tests.support.processes import wait_until


def test_a_meter_knows_the_densest_second_and_the_most_at_once() -> None:
    meter = Meter()
    for at, moment in enumerate((10.0, 10.2, 10.9, 11.0, 11.1, 13.0)):
        meter.enter(moment, ("127.0.0.1", 5000 + at % 2))
    assert meter.to_doc() == {"calls": 6, "max_per_second": 4, "max_in_flight": 6, "connections": 2}


def test_calls_are_counted_per_account_and_api(taobao: Taobao, alibaba: Alibaba, market: Sandbox) -> None:
    market.control("stats", reset=True)
    taobao.create("C-1", taobao.goods(0))
    taobao.query()
    taobao.query()
    alibaba.create("C-1", alibaba.goods(0))
    figures = market.control("stats")
    mine = figures["accounts"][f"taobao:{taobao.account}"]
    assert mine["calls"] == 3
    assert mine["apis"]["/purchase/orders/query"]["calls"] == 2
    assert figures["accounts"][f"alibaba1688:{alibaba.account}"]["calls"] == 1
    assert (figures["creates"], figures["queries"]) == (2, 2)


def test_duplicates_are_named_and_several_sellers_are_none(taobao: Taobao, market: Sandbox) -> None:
    taobao.create(f"{taobao.account}-one", taobao.goods(0, 12))
    for _ in range(2):
        taobao.create(f"{taobao.account}-two", taobao.goods(0))
    figures = market.control("stats")
    assert f"{taobao.account}-two" in figures["duplicates"]
    assert f"{taobao.account}-one" not in figures["duplicates"]
    assert f"{taobao.account}-two" in figures["references_posted_again"]


def test_a_market_that_got_no_processor_says_so(tmp_path: Path) -> None:
    """Its figures of calls a second are then too high: what came meanwhile is counted at once."""
    with Sandbox.start(tmp_path) as market:
        market.control("stats", reset=True)
        os.kill(market.pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(market.pid, signal.SIGCONT)
        wait_until(lambda: market.control("stats")["stood_still_ms"] >= 400, timeout=10, what="the market to notice")


def test_in_flight_and_latency(market: Sandbox, settings) -> None:
    settings(latency_ms=1000)
    callers = [Taobao(market, "crowd") for _ in range(6)]
    market.control("stats", reset=True)
    start = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda caller: caller.query(), callers))
    spent = time.monotonic() - start
    crowd = market.control("stats")["accounts"]["taobao:crowd"]
    assert (crowd["max_in_flight"], crowd["max_per_second"]) == (6, 6)
    assert 1.0 <= spent < 6.0, "none waited for another: six in a row take six seconds"
    for caller in callers:
        caller.http.close()
