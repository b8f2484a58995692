"""`verify` rebuilds everything from history, and sees each way in which the tables may be wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.sandbox import Sandbox
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.support.world import World, open_world

LINE, LINK, BOOKING, EVENT = schema.line, schema.booking_line, schema.booking, schema.event


@pytest.fixture
def world(tmp_path: Path, database_url: str, market: Sandbox) -> Iterator[World]:
    """One line ready, two booked; once on each database."""
    with open_world(tmp_path, database_url, market, "taobao") as opened:
        numbers = opened.ready("taobao", 3)
        opened.bought("taobao", numbers[1:])
        yield opened


def test_what_was_only_written_by_the_product_is_right(world: World) -> None:
    assert verify(world.ctx) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (sa.update(LINE).where(LINE.c.number == "1-1").values(status="shipped"), "line 1-1: status"),
        (sa.update(LINE).where(LINE.c.number == "2-1").values(purchase="bought"), "line 2-1: purchase"),
        (sa.update(LINE).where(LINE.c.number == "2-1").values(cause="refunded"), "line 2-1: cause"),
        (sa.update(LINE).where(LINE.c.number == "2-1").values(version=99), "line 2-1: version"),
        (sa.update(LINE).where(LINE.c.number == "2-1").values(generation=7), "line 2-1: generation"),
        (sa.update(LINE).where(LINE.c.number == "1-1").values(ready=False), "line 1-1: ready"),
        (sa.update(LINE).where(LINE.c.number == "2-1").values(booking_id=None), "line 2-1: booking"),
        (sa.delete(EVENT).where(EVENT.c.kind == "booking_confirmed"), "line 2-1: purchase"),
        (sa.update(LINK).where(LINK.c.id == 1).values(live=False), "line 2-1: live booking"),
        (sa.update(BOOKING).where(BOOKING.c.id == 1).values(state="refused"), "line 2-1: live booking"),
        (sa.update(LINK).where(LINK.c.id == 1).values(quantity=500), "line 2-1"),
    ],
)
def test_each_disagreement_is_named(world: World, change: Any, said: str) -> None:
    with world.ctx.db.write() as tx:
        tx.execute(change)
    assert said in {found.what for found in verify(world.ctx)}
