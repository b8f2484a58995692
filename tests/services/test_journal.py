"""The journal: found by what people know of a run, and notes whose wordings stay."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from autopurchase.domain.errors import BadInput, Drifted, NotAllowed
from autopurchase.domain.order import LineStatus
from autopurchase.domain.roles import Actor, Role
from autopurchase.sandbox import Sandbox
from autopurchase.services import journal, lines, notes
from autopurchase.services.journal import RunFilter
from autopurchase.storage import journal as stored
from autopurchase.storage import schema
from tests.support.world import ME, World, open_world

ANNA, BEN = Actor("anna", Role.OPERATOR), Actor("ben", Role.OPERATOR)
VIEWER = Actor("eve", Role.VIEWER)


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """A workspace on each database."""
    with open_world(tmp_path, database_url, market) as opened:
        yield opened


def found(world: World, **wanted: object) -> list[int]:
    """Numbers of the runs that fit, newest first."""
    return [row["id"] for row in journal.listing(world.ctx, VIEWER, RunFilter(**wanted))]  # type: ignore[arg-type]


def change(world: World, actor: Actor, numbers: list[str], to: str) -> int:
    """Give lines another status; the run."""
    return lines.change_status(world.ctx, actor, lines.versions(world.ctx, numbers), LineStatus(to), "because")


def test_runs_are_found_by_what_people_know_of_them(world: World) -> None:
    booked = world.ready("taobao", 3)
    others = world.ready("alibaba1688", 2)
    first = world.bought("taobao", booked)
    second = world.bought("alibaba1688", others)
    third = change(world, BEN, booked[:1], "received")
    notes.add(world.ctx, ANNA, second, "The seller promised 100 % **cotton**")
    order = world.orders(market="taobao")[0]
    assert found(world) == [third, second, first]
    assert found(world, kind="book", session="taobao") == [first]
    assert found(world, actor="ben") == [third]
    assert found(world, actor="ben", kind="book") == []
    assert found(world, text=booked[0]) == [third, first], "the line's number finds every run that touched it"
    assert found(world, text=f"ORD-{int(booked[1].split('-')[0]):09d}-1", kind="book") == [first]
    assert found(world, text=order["id"])[-1] == first, "the marketplace's number"
    assert found(world, text=world.bookings()[-1]["out_order_id"]) == [second], "our reference"
    assert found(world, text=f"[{second}]") == [second]
    assert found(world, text="PROMISED 100 %") == [second], "words of a note, whatever their case"
    assert found(world, text="change_status") == [third], "words of the call"
    assert found(world, text="nowhere") == []
    now = datetime.now(UTC)
    assert found(world, since=now - timedelta(minutes=5), until=now + timedelta(minutes=1)) == [third, second, first]
    assert found(world, until=now - timedelta(minutes=5), text="shop") == []
    assert [row["id"] for row in journal.listing(world.ctx, VIEWER, RunFilter(), limit=1, before=third)] == [second]


def test_a_search_beyond_the_newest_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = world.ready("taobao", 1)
    for _ in range(3):
        change(world, ANNA, numbers, "price_confirmation")
        change(world, BEN, numbers, "paid")
    monkeypatch.setattr(stored, "NEAR", 2)
    assert len(found(world, text="price_confirmation")) == 1
    assert len(found(world, actor="anna")) == 3, "one filter is answered by its index, however old"
    assert len(found(world, text=numbers[0])) == 6, "a number, too"
    with world.ctx.db.read() as tx:
        assert not stored.reaches_all(tx, RunFilter(text="price_confirmation"))
        assert stored.reaches_all(tx, RunFilter(actor="anna"))


def test_a_note_is_signed_and_its_wordings_stay(world: World) -> None:
    run = world.book("taobao", world.ready("taobao", 1))
    key = notes.add(world.ctx, ANNA, run, "  called the seller ")
    with pytest.raises(NotAllowed, match="anna"):
        notes.edit(world.ctx, BEN, key, "I know better")
    newer = notes.edit(world.ctx, ANNA, key, "called the seller, *twice*")
    with pytest.raises(Drifted):
        notes.edit(world.ctx, ANNA, key, "typed in another tab")
    notes.add(world.ctx, BEN, run, "they answered")
    notes.take_back(world.ctx, ME, newer)
    first, second = notes.of_runs(world.ctx, VIEWER, [run])[run]
    assert [wording.text for wording in first.wordings] == ["called the seller", "called the seller, *twice*", ""]
    assert [wording.actor for wording in first.wordings] == ["anna", "anna", ME.name]
    assert (first.actor, first.text, second.actor, second.text) == ("anna", "", "ben", "they answered")
    assert found(world, text="twice") == [], "what was taken back is not found"
    assert found(world, text="they answered") == [run]


@pytest.mark.parametrize("text", ["", "  \n", "x" * 10_001])
def test_a_note_says_something_and_ends(world: World, text: str) -> None:
    run = world.book("taobao", world.ready("taobao", 1))
    with pytest.raises(BadInput):
        notes.add(world.ctx, ANNA, run, text)
    with pytest.raises(BadInput):
        notes.add(world.ctx, ANNA, 999, "no such run")
    with pytest.raises(NotAllowed):
        notes.add(world.ctx, VIEWER, run, "a viewer looks")


def test_cells_are_read_whole(world: World) -> None:
    run = world.bought("taobao", world.ready("taobao", 2))
    (cell,) = journal.read(world.ctx, VIEWER, [run])
    assert [row["state"] for row in cell.lines] == ["confirmed", "confirmed"]
    assert cell.run["session"] == "taobao"
    with pytest.raises(BadInput, match="no run 999"):
        journal.read(world.ctx, VIEWER, [run, 999])
    assert world.rows(sa.select(schema.run_note)) == []
