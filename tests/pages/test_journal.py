"""The journal: cells newest first, their bodies only when open, refused lines planned again, files to take away."""

import csv
import io
import json

import pytest
from streamlit.testing.v1 import AppTest

from autopurchase.domain.roles import Actor, Role
from autopurchase.services import lines, plan
from autopurchase.storage import cells, runs, views
from autopurchase.ui import downloads, drawer
from autopurchase.wiring import Workspace
from tests.support.pages import open_app, sound

PAGE = "pages/operate/journal.py"


def open_journal(**query: str) -> AppTest:
    """The journal, with these filters in the address."""
    app = open_app().switch_page(PAGE)
    for key, value in query.items():
        app.query_params[key] = value
    return sound(app.run())


def run_of(workspace: Workspace, kind: str) -> int:
    """The newest run of this kind."""
    with workspace.context.db.read() as connection:
        return int(cells.page(connection, limit=1, kind=kind)[0]["id"])


def test_cells_are_listed_newest_first_and_filtered_by_the_address(full: Workspace) -> None:
    labels = [item.label for item in open_journal().expander]
    assert [label.split("]")[0] for label in labels] == ["**[3", "**[2", "**[1"]
    assert len(open_journal(journal_kind="import").expander) == 1


def test_a_cell_alone_shows_its_call_and_what_came_of_each_line(full: Workspace) -> None:
    run = run_of(full, "book")
    app = open_journal(run=str(run))
    assert "shop.plan" in app.code[0].value
    table = app.dataframe[0].value
    with full.context.db.read() as connection:
        assert list(table["line"]) == [row["number"] for row in cells.outcomes(connection, run)]
    assert {"Booked", "Refused", "Outcome unknown", "Waiting"} == {words[0] for words in table["state"]}


def test_there_is_no_such_run(full: Workspace) -> None:
    assert any("no run 999" in info.value for info in open_journal(run="999").info)


def test_refused_lines_that_are_ready_again_are_planned_again(full: Workspace) -> None:
    run = run_of(full, "book")
    with full.context.db.read() as connection:
        held = [row["number"] for row in cells.again(connection, run)]
        states = {row["number"]: row["version"] for row in views.line_states(connection, held)}
    assert held
    lines.make_ready(full.context, Actor("anna", Role.OPERATOR), states, "the seller has it again")
    app = open_journal(run=str(run))
    app.button(key=f"again-{run}").click().run()
    assert plan.read(full.context, app.session_state[drawer.OPEN]).params["lines"] == held


def test_a_note_is_kept(full: Workspace) -> None:
    run = run_of(full, "book")
    app = open_journal(run=str(run))
    sound(app.text_input(key=f"note-{run}").set_value("called the seller").run())
    with full.context.db.read() as connection:
        assert runs.get(connection, run)["note"] == "called the seller"


def test_rejects_are_no_formulas(full: Workspace) -> None:
    open_journal()
    rows = list(csv.reader(io.StringIO(downloads.rejects_csv(run_of(full, "import")).decode("utf-8-sig"))))
    assert rows[0][:2] == ["position", "reason"]
    assert "'=1+1" in rows[1]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_made_text(text: str) -> None:
    assert downloads.harmless(text) == f"'{text}"


def test_an_exported_cell_is_whole(full: Workspace) -> None:
    open_journal()
    found = json.loads(downloads.cell_json(run_of(full, "book")))
    assert {"run", "lines", "calls", "changes"} == set(found)
    assert found["calls"][0]["sentence"]
