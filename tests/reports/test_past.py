"""The generated past is believable, the same every time, and a settled one leaves nothing half-way."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import sqlalchemy as sa

from autopurchase.demo import history
from autopurchase.demo.history import Shape
from autopurchase.services.verify import verify
from autopurchase.storage import schema
from tests.reports.conftest import END, Archive


def test_the_same_seed_tells_the_same_past(shelf: Archive) -> None:
    shape = Shape(seed=4, end=END, weeks=3, orders_per_week=10)
    assert history.tell(shape, shelf.accounts) == history.tell(shape, shelf.accounts)
    assert history.tell(shape, shelf.accounts) != history.tell(Shape(seed=5, end=END, weeks=3), shelf.accounts)


def test_history_and_tables_of_a_past_agree(archive: Archive) -> None:
    archive.keep(seed=6, weeks=8, orders_per_week=20)
    assert verify(archive.ctx) == []
    with archive.ctx.db.read() as tx:
        kinds = Counter(tx.execute(sa.select(schema.movement.c.kind)).scalars())
        currencies = set(tx.execute(sa.select(schema.line.c.currency)).scalars())
        reasons = set(
            tx.execute(sa.select(schema.movement.c.reason).where(schema.movement.c.kind == "cancelled")).scalars()
        )
        assert not tx.execute(sa.select(schema.tally_delta.c.id).limit(1)).first()
    assert {"ready", "withdrawn", "booked", "bought", "cancelled", "refunded", "refused", "unknown", "tracked"} <= set(
        kinds
    )
    assert currencies == {"USD", "EUR", "GBP"}
    assert {"expired", "operator"} <= reasons


def test_a_settled_past_leaves_nothing_at_the_marketplace(shelf: Archive) -> None:
    """The demo's own marketplace knows nothing of it: whatever lived there would be missed."""
    values = {"weeks": 9, "orders_per_week": 90, "until": END - timedelta(days=9), "settled": True}
    with shelf.past(seed=20_260_102, **values) as tx:
        left = tx.execute(
            sa.select(schema.provider_order.c.id).where(schema.provider_order.c.state.not_in(("completed", "closed")))
        )
        assert left.first() is None
        under_way = sa.select(schema.line.c.number).where(
            sa.or_(schema.line.c.backlog > 0, schema.line.c.unpaid > 0, schema.line.c.ready)
        )
        assert tx.execute(under_way).all() == []
