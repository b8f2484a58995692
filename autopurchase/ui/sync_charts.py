"""Sync status: how fresh every session is, what its synchronisations brought, and how its calls go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from autopurchase.domain.causes import cause
from autopurchase.reports import charts
from autopurchase.services.call_stats import OK
from autopurchase.storage import call_stats
from autopurchase.ui import address, cells, report_view, tables
from autopurchase.ui.links import to
from autopurchase.ui.words import _, span, when, zone
from autopurchase.ui.workspace import context, reading

Rows = Sequence[Mapping[Any, Any]]
SPANS = {"24": "24 hours", "168": "7 days", "720": "30 days"}
_PALETTE = (charts.BLUE, charts.ORANGE, charts.GREEN, charts.PURPLE, charts.SKY, charts.GREY)


def choose() -> datetime:
    """From when on; kept in the address."""
    hours = address.switch(_("Period"), "sync_hours", list(SPANS), lambda code: _(SPANS[code]))
    return context().now() - timedelta(hours=int(hours))


@st.cache_data(ttl=15, max_entries=6, show_spinner=False)
def _read(hours: int) -> tuple[list[dict[Any, Any]], list[dict[Any, Any]]]:
    since = context().now() - timedelta(hours=hours)
    with reading() as connection:
        runs = [dict(row) for row in call_stats.sync_runs(connection, since)]
        return runs, [dict(row) for row in call_stats.since(connection, since)]


def draw(since: datetime) -> None:
    """Every cell of the page."""
    runs, calls = _read(round((context().now() - since).total_seconds() / 3600))
    with cells.cell(1, _("Synchronizations"), note=_("When each session was read, and how it ended.")):
        _runs(runs)
    left, right = st.columns(2, gap="small")
    with left, cells.cell(2, _("How calls end"), tall=True):
        _errors(calls)
    with right, cells.cell(3, _("How long calls take"), tall=True):
        _latency(calls)
    with cells.cell(4, _("Newest synchronizations")):
        _table(runs)


def _runs(runs: Rows) -> None:
    done = [row for row in runs if row["finished_at"]]
    if not done:
        cells.empty(_("Nothing was synchronised in this time."), icon="sync")
        return
    failed = sum(bool(row["error"]) for row in done)
    changed = sum(int(row["out"].get("changed", 0)) for row in done)
    message = _("{n} synchronizations found {changed} changes, {failed} failed").format(
        n=f"{len(done):,}", changed=f"{changed:,}", failed=failed
    )
    names = sorted({row["session"] for row in done})
    chart = go.Figure()
    for label, symbol, colour, wanted in (
        (_("done"), "circle", charts.BLUE, False),
        (_("failed"), "x", charts.RED, True),
    ):
        rows = [row for row in done if bool(row["error"]) is wanted]
        chart.add_scatter(
            x=[row["finished_at"].astimezone(zone()).replace(tzinfo=None) for row in rows],
            y=[row["session"] for row in rows],
            mode="markers",
            name=label,
            marker={
                "symbol": symbol,
                "color": colour,
                "size": [6 + min(14.0, 2 * float(row["out"].get("changed", 0)) ** 0.5) for row in rows],
                "opacity": 0.75,
            },
            text=[row["error"] or _("{n} changed").format(n=row["out"].get("changed", 0)) for row in rows],
            hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
        )
    finished = charts.finish(chart, message, report_view.theme(), axis="date")
    finished.update_layout(height=130 + 34 * len(names))
    report_view.chart(finished, "sync-runs", _("Synchronizations by session and time; bigger where more changed"))
    _ages(done, names)


def _ages(done: Rows, names: Sequence[str]) -> None:
    """How old the last good reading of each session is."""
    now = context().now()
    with st.container(horizontal=True, gap="medium"):
        for name in names:
            good = [row["finished_at"] for row in done if row["session"] == name and not row["error"]]
            age = span(now - max(good)) if good else _("not in this time")
            st.caption(_("**{session}** last read well {age} ago").format(session=name, age=age), width="content")


def _errors(calls: Rows) -> None:
    total = sum(row["calls"] for row in calls)
    if not total:
        cells.empty(_("No call was counted in this time."), icon="call")
        return
    bad = total - sum(row["calls"] for row in calls if row["outcome"] == OK)
    message = _("{bad} of {total} calls did not end well").format(bad=f"{bad:,}", total=f"{total:,}")
    sums: dict[str, int] = {}
    for row in calls:
        sums[row["outcome"]] = sums.get(row["outcome"], 0) + row["calls"]
    found = sorted(sums.items(), key=lambda pair: -pair[1])
    chart = go.Figure(
        go.Bar(
            y=[_("Well") if code == OK else _(cause(code).label) for code, _count in found],
            x=[count for _code, count in found],
            orientation="h",
            text=[f"{count:,}" for _code, count in found],
            textposition="outside",
            cliponaxis=False,
            marker_color=[charts.GREEN if code == OK else charts.RED for code, _count in found],
            hovertemplate="%{y}: %{x:,}<extra></extra>",
        )
    )
    finished = charts.finish(chart, message, report_view.theme(), axis="linear")
    finished.update_yaxes(autorange="reversed")
    finished.update_xaxes(visible=False)
    report_view.chart(finished, "sync-errors", _("Calls by how they ended"))


def _latency(calls: Rows) -> None:
    if not calls:
        cells.empty(_("No call was counted in this time."), icon="timer")
        return
    mean = sum(row["total_ms"] for row in calls) / max(1, sum(row["calls"] for row in calls))
    message = _("A call takes {ms} ms; the slowest took {slow} s").format(
        ms=f"{mean:,.0f}", slow=f"{max(row['slowest_ms'] for row in calls) / 1000:.1f}"
    )
    chart = go.Figure()
    for place, name in enumerate(sorted({row["session"] for row in calls})):
        hours: dict[datetime, list[int]] = {}
        for row in calls:
            if row["session"] == name:
                sums = hours.setdefault(row["hour"], [0, 0])
                sums[0] += row["calls"]
                sums[1] += row["total_ms"]
        chart.add_scatter(
            x=[hour.astimezone(zone()).replace(tzinfo=None) for hour in hours],
            y=[sums[1] / sums[0] for sums in hours.values()],
            mode="lines+markers",
            name=name,
            line={"color": _PALETTE[place % len(_PALETTE)], "width": 2},
            hovertemplate=name + ", %{x}: %{y:.0f} ms<extra></extra>",
        )
    finished = charts.finish(chart, message, report_view.theme(), axis="date")
    finished.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.2, "x": 0})
    finished.update_yaxes(rangemode="tozero", ticksuffix=" ms")
    report_view.chart(finished, "sync-latency", _("Mean time of a call by hour and session"))


def _table(runs: Rows) -> None:
    if not runs:
        cells.empty(_("Nothing was synchronised in this time."), icon="sync")
        return
    rows = [
        {
            "run": to("journal", f"[{row['id']}]", run=row["id"]),
            "session": row["session"],
            "state": [tables.word(row["state"])],
            "when": when(row["created_at"]),
            "took": span(row["finished_at"] - row["started_at"]) if row["finished_at"] and row["started_at"] else "",
            "orders": row["out"].get("orders", 0),
            "changed": row["out"].get("changed", 0),
            "error": row["error"],
        }
        for row in reversed(runs[-200:])
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows)),
        alt=_("Newest synchronizations"),
        column_config={
            "run": tables.link(_("Run"), 64),
            "session": tables.text(_("Session"), 110),
            "state": tables.state_column(_("State"), ("queued", "running", "done", "failed"), width=90),
            "when": tables.text(_("When"), 110),
            "took": tables.text(_("Took"), 90),
            "orders": st.column_config.NumberColumn(_("Orders read"), width=100),
            "changed": st.column_config.NumberColumn(_("Changed"), width=90),
            "error": tables.text(_("Trouble"), "large"),
        },
    )
