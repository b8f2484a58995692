"""An answered order survives a power cut; the sandbox dies with its parent; the command works."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from autopurchase.sandbox import Sandbox, SandboxError
from tests.sandbox.wire import Alibaba, Taobao, dumps, until


def test_answered_orders_survive_a_kill(folder: Path) -> None:
    market = Sandbox.start(folder, quirks=False, build_seconds=0)
    taobao, answered = Taobao(market), []

    def buy() -> None:
        for number in range(10_000):
            try:
                made = taobao.create(f"K-{number}", taobao.goods(number % 70))
            except requests.RequestException:
                return
            answered.append(made["data"]["order_list"][0]["purchase_id"])

    buyer = threading.Thread(target=buy)
    buyer.start()
    until(lambda: len(answered) > 40)
    market.kill()
    buyer.join()
    taobao.http.close()
    with Sandbox.start(folder) as again:
        kept = {int(order["id"]) for order in again.orders()}
    assert set(answered) <= kept
    assert len(kept) - len(answered) in (0, 1)  # the one that was made and not yet answered


def test_tokens_settings_faults_and_timers_survive(folder: Path) -> None:
    with Sandbox.start(folder, cancel_seconds=0.6, build_seconds=0, quirks=False) as market:
        taobao, alibaba = Taobao(market), Alibaba(market)
        number = taobao.create("S-1", taobao.goods(0))["data"]["order_list"][0]["purchase_id"]
        market.control("faults", rules=[{"kind": "html", "references": ["never"]}])
        market.control("price", sku_id=alibaba.goods(0)[0][1].sku_id, price=1)
        assert taobao.call("/purchase/order/asyn/cancel", purchase_id=str(number), cancel_reason="x")["success"]
        market.kill()
    with Sandbox.start(folder) as again:
        taobao.market = alibaba.market = again
        assert again.control("settings")["cancel_seconds"] == 0.6
        assert again.control("faults")["rules"][0]["references"] == ["never"]
        model = alibaba.call("alibaba.createOrder.preview", **alibaba.create_params("", alibaba.goods(0)))
        assert model["orderPreviewResuslt"][0]["cargoList"][0]["finalUnitPrice"] == 0.01
        until(lambda: taobao.query(purchase_ids=dumps([number]))[0]["status"] == "TRADE_CLOSED")
        newer = taobao.create("S-2", taobao.goods(0))["data"]["order_list"][0]["purchase_id"]
        assert newer > number
        again.control("reset")
        assert again.orders() == []
        assert taobao.query() == []
    taobao.http.close()
    alibaba.http.close()


def test_it_dies_with_its_parent(folder: Path) -> None:
    script = (
        "import sys, time; from autopurchase.sandbox import Sandbox\n"
        f"m = Sandbox.start({str(folder)!r}); print(m.pid, flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root)
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: not _alive(child))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_wrong_settings_and_taken_ports_are_told(folder: Path, market: Sandbox) -> None:
    with pytest.raises(SandboxError, match="no such setting: colour"):
        Sandbox.start(folder, colour="red")
    with pytest.raises(SandboxError, match="cannot start"):
        Sandbox.start(folder, port=market.port)


def test_the_same_port_again(folder: Path) -> None:
    first = Sandbox.start(folder)
    first.kill()
    with Sandbox.start(folder, port=first.port) as second:
        assert second.base_url == first.base_url
