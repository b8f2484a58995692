"""Reports at the command line and in Python: the same figures, read by whoever may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autopurchase as ap
from autopurchase.cli.main import main
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import reports
from tests.reports.conftest import open_archive
from tests.reports.test_histories import TROUBLED

WEEK = "2026-W46"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a past."""
    folder = tmp_path_factory.mktemp("outside")
    archive = open_archive(folder, "")
    archive.keep(seed=21, weeks=5, orders_per_week=20, chances=TROUBLED)
    archive.workspace.close()
    return folder


@pytest.fixture
def shop(home: Path) -> Iterator[ap.Workspace]:
    """The workspace in Python."""
    with ap.connect(home) as found:
        yield found


def run(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, str]:
    """A command and what it prints."""
    monkeypatch.setenv("AUTOPURCHASE_HOME", str(home))
    capsys.readouterr()
    code = main(["report", *words])
    return code, capsys.readouterr().out


def test_command_and_python_say_the_same(
    home: Path, shop: ap.Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out = run(home, capsys, monkeypatch, "weekly", "--week", WEEK, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    week = shop.weekly(WEEK)
    assert [row["pieces"] for row in found["tables"]["flow"]] == list(week.to_pandas()["pieces"])
    assert found["figures"]["booked"]["value"] == week.value("booked") > 0
    assert week.lines("booked")["pieces"].sum() == week.value("booked")
    assert set(found["tables"]) == set(week.tables)
    by_session = week["by_session"].to_pandas()
    assert by_session["booked"].sum() == week.value("booked")
    backlog = shop.backlog(provider="taobao")
    code, out = run(home, capsys, monkeypatch, "backlog", "--provider", "taobao", "--json")
    assert json.loads(out)["figures"]["backlog_pieces"]["value"] == backlog.value("backlog_pieces")
    assert list(shop.trend(weeks=4).to_pandas()["week"])[-1] >= WEEK
    assert "Booked" in week._repr_html_()


def test_words_for_people(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out = run(home, capsys, monkeypatch, "weekly", "--week", WEEK)
    assert code == 0
    assert "What happened in the week" in out
    assert "holds" in out
    code, out = run(home, capsys, monkeypatch, "backlog", "--csv")
    assert out.lstrip("\ufeff").startswith("table,row,key,column,label,value,unit,currency")
    code, out = run(home, capsys, monkeypatch, "weekly", "--week", WEEK, "--table", "times")
    assert "How long it took" in out
    assert "What happened in the week" not in out
    for wrong in (("weekly", "--week", "2026-W60"), ("weekly", "--table", "x"), ("backlog", "--source", "nobody")):
        assert run(home, capsys, monkeypatch, *wrong)[0] == 2


def test_freezing(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out = run(home, capsys, monkeypatch, "freeze", "--week", WEEK, "--json")
    assert (code, json.loads(out)["version"]) == (0, 1)
    code, out = run(home, capsys, monkeypatch, "list", "--json")
    assert [each["period"] for each in json.loads(out)["reports"]] == [WEEK]
    frozen = run(home, capsys, monkeypatch, "weekly", "--week", WEEK, "--frozen", "--table", "flow")[1]
    assert frozen == run(home, capsys, monkeypatch, "weekly", "--week", WEEK, "--table", "flow")[1]
    assert run(home, capsys, monkeypatch, "weekly", "--week", WEEK, "--frozen", "--source", "shop")[0] == 2


def test_what_figures_are_based_on(
    home: Path, shop: ap.Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.weekly(WEEK).value("booked")
    words = ("settings", "--currency", "eur", "--zone", "Europe/Berlin", "--sla-hours", "12", "--margin", "0.2")
    code, out = run(home, capsys, monkeypatch, *words, "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["currency"], found["zone"], found["sla_hours"], found["margin"]) == (
        "EUR",
        "Europe/Berlin",
        12,
        "0.2",
    )
    assert shop.weekly(WEEK).report.basis.zone == "Europe/Berlin"
    for wrong in (("--zone", "Mars/Base"), ("--currency", "euros"), ("--margin", "x"), ("--sla-hours", "0")):
        assert run(home, capsys, monkeypatch, "settings", *wrong)[0] == 2
    run(home, capsys, monkeypatch, "settings", "--zone", "Asia/Shanghai")
    assert shop.weekly(WEEK).value("booked") == before
    with pytest.raises(ap.BadInput, match="not restricted by"):
        shop.weekly(WEEK, colour="red")
    with pytest.raises(ap.BadInput, match="no table"):
        shop.weekly(WEEK)["nothing"]


def test_who_may(shop: ap.Workspace) -> None:
    ctx, viewer = shop._opened.context, Actor("vera", Role.VIEWER)
    assert reports.weekly(ctx, viewer, WEEK).period == WEEK
    for act in (lambda: reports.freeze(ctx, viewer, WEEK), lambda: reports.configure(ctx, viewer, currency="EUR")):
        with pytest.raises(ap.NotAllowed):
            act()
