"""The journal: cells newest first, their bodies only when open, refused lines planned again, files to take away."""

import csv
import io
import json

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from autopurchase.domain.journal import Note
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import lines, notes, plan
from autopurchase.storage import cells, journal, schema, views
from autopurchase.storage.journal import RunFilter
from autopurchase.ui import downloads, drawer, guard
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
        return int(journal.page(connection, RunFilter(kind=kind), limit=1)[0]["id"])


def test_cells_are_listed_newest_first_and_filtered_by_the_address(full: Workspace) -> None:
    labels = [item.label for item in open_journal().expander]
    assert [label.split("]")[0] for label in labels[-3:]] == ["**[3", "**[2", "**[1"]
    assert len(open_journal(journal_kind="import").expander) == 1
    assert len(open_journal(journal_text="shop.plan", journal_session="1688-1").expander) == 1
    assert len(open_journal(journal_from="2001-01-01").expander) == 3
    nothing = open_journal(journal_kind="import", journal_actor="anna")
    assert any("No cell fits" in item.value for item in nothing.markdown)


def test_an_empty_journal_says_what_will_be_here(workspace: Workspace) -> None:
    assert any("Nothing has been done yet" in item.value for item in open_journal().markdown)


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
    assert any("lines are not booked" in item.value for item in app.markdown)
    app.button(key=f"retry-{run}-out_of_stock-").click().run()
    assert plan.read(full.context, app.session_state[drawer.OPEN]).params["lines"] == held


def recause(workspace: Workspace, run: int, cause: str) -> str:
    """Let one line of the run have been refused for another cause; its number."""
    with workspace.context.db.write() as tx:
        number = str(cells.again(tx, run)[0]["number"])
        line = tx.execute(sa.select(schema.line.c.id).where(schema.line.c.number == number)).scalar_one()
        data = {"booking": 1, "cause": cause, "sentence": "No."}
        events = sa.update(schema.event).where(schema.event.c.line_id == line, schema.event.c.run_id == run)
        tx.execute(events.where(schema.event.c.kind == "booking_refused").values(data=data))
        tx.execute(sa.update(schema.line).where(schema.line.c.id == line).values(cause=cause))
    return number


def test_the_way_to_where_a_configuration_is_chosen_takes_the_lines_along(full: Workspace) -> None:
    run = run_of(full, "book")
    number = recause(full, run, "sku_mismatch")
    app = open_journal(run=str(run))
    sound(app.button(key=f"go-{run}-sku_mismatch").click().run())
    assert set(app.session_state["ready.picks"]) == {number}
    assert app.query_params["ready_lines"] == "held"


def test_a_new_price_is_accepted_for_just_these_lines(full: Workspace) -> None:
    run = run_of(full, "book")
    number = recause(full, run, "price_changed")
    app = open_journal(run=str(run))
    app.button(key=f"retry-{run}-price_changed-").click().run()
    made = plan.read(full.context, app.session_state[drawer.OPEN]).params
    assert (made["lines"], made["options"]["accept_prices"]) == ([number], True)
    with full.context.db.read() as tx:
        (state,) = views.line_states(tx, [number])
        accepted = journal.page(tx, RunFilter(kind="make_ready"), limit=1)
    assert (state["purchase"], len(accepted)) == ("ready", 1), "who accepted it is a cell of its own"


def test_the_list_says_why_lines_are_not_booked(full: Workspace) -> None:
    labels = [item.label for item in open_journal(journal_kind="book").expander]
    assert all("4 out of stock" in label and "4 unknown" in label for label in labels)
    app = open_journal()
    why = next(item for item in app.expander if "Why lines wait now" in item.label)
    assert "100.0 % explained" in why.label


def test_two_cells_side_by_side_what_differs_first(full: Workspace) -> None:
    run = run_of(full, "book")
    app = open_journal(run=str(run), **{"with": str(run - 1)})
    assert len(app.code) == 2
    table = app.dataframe[0].value
    differs = [len(mark) > 0 for mark in table["differs"]]
    assert differs == sorted(differs, reverse=True)
    assert differs[0]
    assert list(table["what"][:1]) == ["Through"]
    assert any(error.value for error in open_journal(run="1", **{"with": "999"}).error)


def test_a_note_is_written_changed_and_taken_back(full: Workspace) -> None:
    run = run_of(full, "book")
    app = open_journal(run=str(run))
    app.text_area(key=f"note-new-{run}").set_value("**called** <b>the seller</b> ![](http://spy.example/1.png)")
    sound(app.button(key=f"note-add-{run}").click().run())
    (note,) = notes_of(full, run)
    shown = [item.value for item in app.markdown if "called" in item.value]
    assert shown == ["**called** &lt;b>the seller&lt;/b> &#33;[](http://spy.example/1.png)"], "no HTML, no picture"
    app.text_area(key=f"note-text-{note.id}").set_value("called twice")
    sound(app.button(key=f"note-save-{note.id}").click().run())
    (note,) = notes_of(full, run)
    assert (note.text, note.changed, note.actor) == ("called twice", True, guard.local_person().name)
    sound(app.button(key=f"note-back-{note.id}").click().run())
    assert [wording.text for wording in notes_of(full, run)[0].wordings][1:] == ["called twice", ""]
    assert any("taken back" in item.value for item in app.markdown)


def notes_of(workspace: Workspace, run: int) -> list[Note]:
    """Notes on a cell."""
    return notes.of_runs(workspace.context, Actor("eve", Role.VIEWER), [run])[run]


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
