"""Every In can be done again as it is written, and nothing secret leaves with the journal, whatever the operation."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest

import autopurchase as ap
from autopurchase.domain.code import call
from autopurchase.storage import runs
from autopurchase.ui import tables
from tests.support import calls

ROOT = Path(__file__).resolve().parents[2]
SIGNED = "https://pay.example/cashier?order=1&sign=5Igned5ecret&access_token=t0kens3cret"
SECRETS = ("5Igned5ecret", "t0kens3cret", "hunter2pass")


def test_harmless_calls_are_done_again_as_they_are_written(
    shop: ap.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a file's call names the file, not its folder
    number = str(shop.ready(provider="taobao")[0]["number"])
    target = {"provider": "taobao", "item_id": "600000000001", "sku_id": "1"}
    acts = [
        lambda: shop.sync("main")[0],
        lambda: shop.rates.set("USD", "7.12", "2026-11-02"),
        lambda: shop.mapping.set("", "sku-9", **target),
        lambda: shop.mapping.remove("", "sku-9"),
        lambda: shop.mapping.set("", "sku-9", **target),
        lambda: shop.change_status([number], "price_confirmation"),
        lambda: shop.change_status([number], "paid", "agreed"),
    ]
    for act in acts:
        run = act()
        calls.check(run.call)
        kind = run.kind
        if kind in ("rates", "sync", "import"):
            again = eval(run.call, {"shop": shop})  # noqa: S307 - the point of the test
            assert (again[0] if kind == "sync" else again).kind == kind
    first = shop.run(1)
    assert first.call == 'shop.import_file("orders.csv")'
    assert eval(first.call, {"shop": shop}).out["lines"]["new"] == 0  # noqa: S307
    plan = eval(call("shop.plan", lines=[number], session="main"), {"shop": shop})  # noqa: S307
    assert plan.bookable


def test_nothing_secret_leaves_with_a_cell_of_any_kind(shop: ap.Workspace, tmp_path: Path) -> None:
    """Were a signed address given to any operation, said in a note, or part of what came of it."""
    now = datetime.now(UTC)
    with shop._opened.context.db.write() as tx:
        for kind in tables.KINDS:
            said = call(f"shop.do_{kind}", SIGNED, to="https://me:hunter2pass@shop.example/")
            params = {"url": SIGNED}
            number = runs.create(tx, kind=kind, actor="anna", at=now, call=said, params=params, state="running")
            runs.finish(tx, number, at=now, out={"pages": {"url": SIGNED}}, error=f"{SIGNED} did not answer")
    for run in shop.journal(100):
        run.note(f"see {SIGNED}")
    files = [shop.journal(100).export(tmp_path / f"all.{kind}") for kind in ("ipynb", "html")]
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "pay.example" in text
        assert [secret for secret in SECRETS if secret in text] == []
        assert all(f"{kind}" in text for kind in tables.KINDS)
    for cell in nbformat.read(files[0], as_version=4).cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)
    table = repr(shop.run(len(tables.KINDS)).compare(2).rows)
    assert [secret for secret in SECRETS if secret in table] == []


def test_every_kind_of_run_that_is_made_has_its_words() -> None:
    made = set()
    for file in (ROOT / "autopurchase" / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "runs.create":
                kinds = [each.value for each in node.keywords if each.arg == "kind"]
                made |= {kind.value for kind in kinds if isinstance(kind, ast.Constant)}
    assert len(made) > 12
    assert made <= set(tables.KINDS)
