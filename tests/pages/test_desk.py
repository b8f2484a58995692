"""The desk on the pages: every kind of row is drawn, for everybody; only operators get buttons."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from autopurchase.domain.roles import Role
from autopurchase.storage import schema
from autopurchase.ui import guard
from autopurchase.ui.guard import Person
from autopurchase.wiring import Workspace
from tests.support.pages import open_app

PAGE = "pages/operate/desk.py"


def told(app: AppTest) -> str:
    """Everything the page says."""
    return "\n".join(str(item.value) for item in (*app.markdown, *app.caption, *app.info, *app.success))


def confirmed(workspace: Workspace) -> list[Any]:
    """Bookings with an unpaid order."""
    query = (
        sa.select(schema.booking.c.id, schema.provider_order.c.id.label("order"))
        .join_from(schema.booking, schema.provider_order, schema.provider_order.c.booking_id == schema.booking.c.id)
        .where(schema.booking.c.state == "confirmed", schema.provider_order.c.state == "unpaid")
        .order_by(schema.booking.c.id)
    )
    with workspace.context.db.read() as tx:
        return list(tx.execute(query))


def test_an_empty_workspace_asks_for_a_session(workspace: Workspace) -> None:
    assert "Nothing differs" in told(open_app(PAGE))


def test_every_row_says_what_differs(full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = confirmed(full)[:3]
    evidence = [{"what": "quantity", "lines": ["53-1"], "asked": 2, "said": 3}]
    raised = [{"what": "price_raised", "lines": ["53-1"], "asked": 1000, "said": 1500, "order": "1"}]
    with full.context.db.write() as tx:
        for key, found in ((first.id, evidence), (second.id, raised)):
            change = sa.update(schema.booking).where(schema.booking.c.id == key)
            now = full.context.now()
            tx.execute(change.values(check_state="differs", check_found=found, checked_at=now))
        tx.execute(
            sa.update(schema.provider_order)
            .where(schema.provider_order.c.id == third.order)
            .values(booking_id=None, created_at=full.context.now().replace(year=2025))
        )
    app = open_app(PAGE)
    said = told(app)
    assert "2 pieces asked, 3 there" in said
    assert "10\\.00 CNY before, 15\\.00 CNY now" in said
    assert "No line of ours" in said
    assert "nobody knows what became of it" in said
    labels = {button.label for button in app.button}
    assert {"Accept it", ":red[Cancel at provider]", "Leave: bought outside", "Bind to lines", "Settle"} <= labels
    assert "desk_kind" not in app.query_params
    monkeypatch.setattr(guard, "sign_in", lambda: Person("vera", Role.VIEWER, "en"))
    labels = {button.label for button in open_app(PAGE).button}
    assert not labels & {"Accept it", "Settle", "Bind to lines"}
