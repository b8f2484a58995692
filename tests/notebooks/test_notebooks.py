"""The notebooks run from top to bottom, twice, and hold no outputs in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from openpyxl import load_workbook

import autopurchase as ap
from autopurchase.demo import address, attend, control
from autopurchase.wiring import open_workspace

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

# The kernel is another process: what its libraries warn of at start is not ours.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_no_outputs_are_kept(file: Path) -> None:
    cells = [cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count] == []


def test_book_and_follow_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOPURCHASE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    first = executed("book_and_follow", tmp_path)
    placed = provider_orders()
    assert len(placed) == 1
    assert shown(first, "shop.lines(picks)", as_text=True).count("bought") == 2

    second = executed("book_and_follow", tmp_path)
    assert provider_orders() == placed
    assert "already in state" in shown(second, "plan = shop.plan")
    with ap.connect() as shop:
        status = shop.status()
    lines = status["lines"]
    assert lines.get("bought", 0) + lines.get("sent", 0) == 2
    assert (status["over_booked"], status["unknown"], status["orphans"]) == (0, 0, 0)


def executed(name: str, folder: Path) -> Any:
    """The notebook after running it in a kernel of its own."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def shown(notebook: Any, part: str, *, as_text: bool = False) -> str:
    """What the cell with ``part`` in it showed."""
    cell = next(cell for cell in notebook.cells if part in cell.source)
    data = [output["data"] for output in cell.outputs if "data" in output]
    return "\n".join(str(each["text/plain"] if as_text else each["text/html"]) for each in data)


def provider_orders() -> list[str]:
    """Every order at the demo's market."""
    opened = open_workspace()
    try:
        attend(opened)
        return sorted(str(order["id"]) for order in control(address(opened.context), "orders")["orders"])
    finally:
        opened.close()


def test_the_weekly_report_is_what_the_api_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOPURCHASE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    notebook = executed("weekly_report", tmp_path)
    with ap.connect() as shop:
        report = shop.weekly()
        book = load_workbook(shop.home / "weekly.xlsx")
    booked = report.value("booked")
    assert booked > 0
    assert str(booked) in shown(notebook, "report.figures", as_text=True)
    sheet = [[cell.value for cell in row] for row in book["flow"].iter_rows(min_row=2)]
    assert next(row[2] for row in sheet if row[0] == "booked") == booked
