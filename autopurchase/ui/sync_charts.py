"""Sync status: how fresh every session is, what its synchronisations brought, and how its calls go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from autopurchase.domain.causes import cause
from autopurchase.domain.money import amount_text
from autopurchase.reports import charts
from autopurchase.reports.values import span as exactly
from autopurchase.services import sessions
from autopurchase.services.call_stats import OK
from autopurchase.services.sessions import SessionView
from autopurchase.storage import call_stats
from autopurchase.ui import address, cells, report_view, tables
from autopurchase.ui.guard import Person
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


def draw(person: Person, since: datetime) -> None:
    """Every cell of the page."""
    runs, calls = _read(round((context().now() - since).total_seconds() / 3600))
    with cells.cell(1, _("Synchronizations"), note=_("When each session was read, and how it ended.")):
        _runs(runs, since)
    left, right = st.columns(2, gap="small")
    with left, cells.cell(2, _("How calls end"), tall=True):
        _errors(calls)
    with right, cells.cell(3, _("How long calls take"), tall=True):
        _latency(calls)
    with cells.cell(4, _("What is used of what is allowed")):
        _allowed(sessions.listing(context(), person.actor), calls)
    with cells.cell(5, _("Newest synchronizations")):
        _table(runs)


def _runs(runs: Rows, since: datetime) -> None:
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
            x=[_local(row["finished_at"]) for row in rows],
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
    now = context().now()
    finished.update_xaxes(range=[_local(since), _local(now + (now - since) / 50)])  # room for the newest
    report_view.chart(finished, "sync-runs", _("Synchronizations by session and time; bigger where more changed"))
    _ages(done, names)


def _local(moment: datetime) -> datetime:
    """By the person's clock, as charts take it."""
    return moment.astimezone(zone()).replace(tzinfo=None)


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
    finished.update_xaxes(visible=False, range=[0, 1.18 * max(sums.values())])  # room for the figure behind the bar
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
            x=[_local(hour) for hour in hours],
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


def _allowed(views: Sequence[SessionView], calls: Rows) -> None:
    """Shares of every bound a session has; calls in the busiest hour of the time shown."""
    found = [share for view in views for share in _shares(view, calls)]
    if not found:
        cells.empty(_("No purchasing account yet."), icon="speed")
        return
    name, what, share, _told = max(found, key=lambda each: each[2])
    message = _("At most {percent} % of a bound is used: {what} of {session}").format(
        percent=f"{share * 100:.1f}", what=what.lower(), session=name
    )
    chart = go.Figure()
    for kind, colour in zip(dict.fromkeys(each[1] for each in found), _PALETTE, strict=False):
        rows = [each for each in found if each[1] == kind]
        chart.add_bar(
            y=[row[0] for row in rows],
            x=[row[2] for row in rows],
            orientation="h",
            name=kind,
            text=[row[3] for row in rows],
            textposition="outside",
            cliponaxis=False,
            marker_color=colour,
            hovertemplate="%{y}, " + kind + ": %{text}<extra></extra>",
        )
    chart.add_vline(x=1, line={"color": charts.RED, "dash": "dot"})
    finished = charts.finish(chart, message, report_view.theme(), axis="linear")
    finished.update_layout(
        height=150 + 24 * len(found), barmode="group", showlegend=True, legend={"orientation": "h", "y": -0.15, "x": 0}
    )
    finished.update_xaxes(tickformat=".0%", range=[0, max(1.15, share * 1.15)])
    finished.update_yaxes(autorange="reversed")
    report_view.chart(finished, "sync-allowed", _("Share of each bound used, by session"))


def _shares(view: SessionView, calls: Rows) -> list[tuple[str, str, float, str]]:
    """(session, which bound, share used, in words) of each bound there is."""
    hours: dict[datetime, int] = {}
    for row in calls:
        if row["session"] == view.name:
            hours[row["hour"]] = hours.get(row["hour"], 0) + row["calls"]
    bounds, use = view.budget, view.use
    every: tuple[tuple[str, int, int, Callable[[int], str]], ...] = (
        (_("Calls in the busiest hour"), max(hours.values(), default=0), round(view.rate_per_second * 3600), _count),
        (_("Bookings today"), use.day, bounds.daily_cap, _count),
        (_("Bookings this hour"), use.hour, bounds.hourly_cap, _count),
        (_("Amount today, CNY"), use.amount_fen, bounds.daily_amount_fen, _yuan),
    )
    return [
        (view.name, what, used / bound, _("{used} of {bound}").format(used=words(used), bound=words(bound)))
        for what, used, bound, words in every
        if bound
    ]


def _count(number: int) -> str:
    return f"{number:,}"


def _yuan(fen: int) -> str:
    return amount_text(fen, "CNY")


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
            "took": _took(row),
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


def _took(row: Mapping[Any, Any]) -> str:
    begun, ended = row["started_at"], row["finished_at"]
    return exactly(round((ended - begun).total_seconds())) if begun and ended else ""
