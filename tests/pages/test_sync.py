"""Sync status: what a session uses of what it is allowed is shown beside each bound it has."""

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from autopurchase.storage import call_stats, schema
from autopurchase.wiring import Workspace
from tests.support.pages import open_app

HOUR = timedelta(hours=1)


def charts(app: AppTest) -> list[dict[str, Any]]:
    """Every chart of the page, as Plotly draws it."""
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def title(chart: dict[str, Any]) -> str:
    """What a chart says."""
    return str(chart["layout"]["title"]["text"])


def test_calls_and_bookings_stand_beside_what_is_allowed(full: Workspace) -> None:
    ctx = full.context
    now = ctx.now().replace(minute=0, second=0, microsecond=0)
    with ctx.db.write() as tx:
        key, name = tx.execute(sa.select(schema.session.c.id, schema.session.c.name).limit(1)).one()
        tx.execute(sa.update(schema.session).values(rate_per_second=1, daily_cap=0, hourly_cap=0, daily_amount_fen=0))
        tx.execute(sa.update(schema.session).where(schema.session.c.id == key).values(daily_amount_fen=1_000_000))
        counted = {"session_id": key, "total_ms": 9, "slowest_ms": 9}
        busy, quiet = {"hour": now, "outcome": "ok", "calls": 900}, {"hour": now - HOUR, "outcome": "ok", "calls": 90}
        call_stats.add(tx, [counted | busy, counted | quiet])
    app = open_app("pages/manage/sync.py")
    shown = next(chart for chart in charts(app) if "of a bound" in title(chart))
    assert title(shown) == f"At most 25.0 % of a bound is used: calls in the busiest hour of {name}"
    told = {
        (bar["name"], *pair): text for bar in shown["data"] for *pair, text in zip(bar["y"], bar["text"], strict=True)
    }
    assert told["Calls in the busiest hour", name] == "900 of 3,600"
    assert told["Amount today, CNY", name] == "0.00 of 10,000.00"
    assert ("Bookings today", name) not in told
