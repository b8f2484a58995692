"""The journal leaves as files: a notebook that does nothing again by itself, and a page that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import autopurchase as ap
from autopurchase.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
# The kernel is another process: what its libraries warn of at start is not ours.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def worked(shop: ap.Workspace, market: Sandbox, account: str, monkeypatch: pytest.MonkeyPatch) -> ap.Workspace:
    """A journal with two lines booked, one refused and ready again, a change of status, notes."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    numbers = [str(number) for number in shop.ready(provider="taobao").column("number")[:3]]
    gone = shop.lines(numbers[2:])[0]
    plan = shop.plan(lines=numbers, session="main")
    stock = next(sku.stock for item in market.catalogue() for sku in item.skus if item.item_id == gone["item_id"])
    for item in market.catalogue():
        if item.item_id == gone["item_id"]:
            for sku in item.skus:
                market.control("stock", sku_id=sku.sku_id, stock=0)
    run = plan.book(wait=True)
    assert run.counts == {"booked": 2, "refused": 1}
    for item in market.catalogue():
        if item.item_id == gone["item_id"]:
            for sku in item.skus:
                market.control("stock", sku_id=sku.sku_id, stock=stock)
    shop.make_ready(numbers[2:], "the seller has it again").note("**called** the seller")
    return shop


def executed(file: Path, again: str = "{}") -> Any:
    """The notebook after running it in a kernel of its own, with ``again`` said in it."""
    notebook = nbformat.read(file, as_version=4)
    begin = next(cell for cell in notebook.cells if cell.id == "begin")
    begin.source = begin.source.replace("again = {}", f"again = {again}")
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    client.execute()
    return notebook


def test_a_notebook_executed_twice_buys_nothing_without_a_confirmation(
    worked: ap.Workspace, market: Sandbox, account: str, tmp_path: Path
) -> None:
    file = worked.journal().export(tmp_path / "journal.ipynb")
    stored = nbformat.read(file, as_version=4)
    nbformat.validate(stored)
    runs = [cell for cell in stored.cells if cell.id.startswith("run-")]
    booked = next(cell for cell in runs if cell.metadata["autopurchase"]["kind"] == "book")
    number = booked.execution_count
    assert f"if {number} in again:\n    print(shop.plan(lines=[" in booked.source
    assert "2 booked, 1 refused" in booked.outputs[0]["data"]["text/html"]
    placed = {order["id"] for order in market.orders(account=account)}
    cells = len(worked.journal(100))
    assert len(placed) == 2

    for _ in range(2):
        again = executed(file)
        outputs = [cell.outputs for cell in again.cells if cell.id.startswith("run-")]
        assert all(len(each) == 1 and "text/html" in each[0]["data"] for each in outputs)
    assert {order["id"] for order in market.orders(account=account)} == placed
    assert len(worked.journal(100)) == cells, "reading leaves no trace in the journal"

    confirmation = worked.plan(worked.run(number).numbers, "main").confirmation
    for _ in range(2):
        executed(file, f"{{{number}: {confirmation!r}}}")
    now = {order["id"] for order in market.orders(account=account)}
    assert len(now - placed) == 1, "the line that was refused, once"
    assert placed <= now
    status = worked.status()
    assert (status["over_booked"], status["unknown"], status["orphans"]) == (0, 0, 0)


def test_a_page_needs_nothing_else_and_runs_nothing(shop: ap.Workspace, tmp_path: Path) -> None:
    shop.run(1).note("**called** <script>alert(1)</script> 5 $")
    text = shop.journal().export(tmp_path / "journal.html", title="A <b>day</b>").read_text(encoding="utf-8")
    assert "<strong>called</strong> &lt;script&gt;" in text
    assert "A &lt;b&gt;day&lt;/b&gt;" in text
    assert "<script" not in text
    assert "src=" not in text
    assert "default-src 'none'" in text
    for run in shop.journal():
        assert f"id='run-{run.number}'" in text


def test_what_cannot_be_exported_or_opened_is_said(shop: ap.Workspace, tmp_path: Path) -> None:
    with pytest.raises(ap.BadInput, match=r"\.ipynb or \.html"):
        shop.run(1).export(tmp_path / "journal.pdf")
    with pytest.raises(ap.BadInput, match="no cell"):
        shop.journal(kind="rates").export(tmp_path / "none.html")
    with pytest.raises(ap.BadInput, match="cannot be written"):
        shop.run(1).export(tmp_path / "nowhere" / "journal.html")
    with ap.connect(tag=shop.tag) as same:
        assert same.tag == shop.tag
    with pytest.raises(ap.BadInput, match="of the workspace elsewhere"):
        ap.connect(tag="elsewhere")
