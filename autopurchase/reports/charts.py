"""Charts that say one thing each: titled by their message, labelled where they are read, told apart without colours.

The colours are those of Okabe and Ito, which people with colour blindness tell apart; series differ by dash or pattern
too, so that a print in grey can be read. Charts are made of a report's sheets and hold no figure of their own: every
point names the cell (row, column) that it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

import plotly.graph_objects as go

from autopurchase.reports.model import Report, Sheet
from autopurchase.reports.values import rounded, text

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
GREY = "#8C8681"
_INK = {"light": "#1C1917", "dark": "#F5F5F4"}
_FAINT = {"light": "#E7E5E4", "dark": "#3A332E"}
_FONT = "'Noto Sans', 'Noto Sans CJK SC', 'DejaVu Sans', sans-serif"
#: lines and words in a colour that is too dark for a dark page
_ON_DARK = {BLUE: SKY}
_DASHES = ("solid", "dash", "dot", "dashdot")
_PATTERNS = ("", "/", ".", "x")

Chart: TypeAlias = go.Figure


def of(report: Report, trend: Sheet | None = None, theme: str = "light") -> dict[str, Chart]:
    """The charts that this report has something to say in, by name."""
    sheets = {**report.sheets, **({"trend": trend} if trend else {})}
    made: dict[str, Callable[[Sheet, str], Chart | None]] = dict(CHARTS)
    made["variance"] = partial(variance, code=report.basis.currency)
    found = {name: make(sheets[name], theme) for name, make in made.items() if sheets.get(name) and sheets[name].rows}
    return {name: chart for name, chart in found.items() if chart is not None}


def ages(sheet: Sheet, theme: str = "light") -> Chart | None:
    """How long the backlog has waited."""
    pieces = [row["pieces"] for row in _rows(sheet)]
    total = sum(pieces)
    if not total:
        return None
    late = sum(pieces[2:])
    message = f"{text(Decimal(late) / total, 'share')} of {total:,} pieces wait longer than 24 h"
    labels = [str(row["age"]) for row in _rows(sheet)]
    colours = [BLUE, BLUE, *[RED] * (len(labels) - 2)]
    bars = go.Bar(
        x=labels, y=pieces, text=[f"{count:,}" for count in pieces], textposition="outside", marker_color=colours,
        cliponaxis=False, hovertemplate="%{x}: %{y:,} pieces<extra></extra>",
        customdata=[(place, "pieces") for place in range(len(pieces))],
    )  # fmt: skip
    return finish(go.Figure(bars), message, theme)


def causes(sheet: Sheet, theme: str = "light") -> Chart | None:
    """What is held, and why; the most first."""
    shown = [(place, row) for place, row in enumerate(_rows(sheet)) if row["pieces"]][:8]
    if not shown:
        return None
    rows = [row for _place, row in shown]
    total = sum(row["pieces"] for row in _rows(sheet))
    first = rows[0]
    message = f"{first['label']} holds {first['pieces']:,} of {total:,} pieces"
    bars = go.Bar(
        y=[row["label"] for row in rows], x=[row["pieces"] for row in rows], orientation="h",
        text=[f"{row['pieces']:,}" for row in rows], textposition="outside", marker_color=ORANGE, cliponaxis=False,
        hovertemplate="%{y}: %{x:,} pieces<extra></extra>", customdata=[(place, "pieces") for place, _row in shown],
    )  # fmt: skip
    chart = finish(go.Figure(bars), message, theme, axis="linear")
    chart.update_yaxes(autorange="reversed", automargin=True)
    chart.update_xaxes(visible=False)
    return chart


def trend(sheet: Sheet, theme: str = "light") -> Chart | None:
    """What came in, was booked and was bought, week by week."""
    rows = _rows(sheet)
    if len(rows) < 2:
        return None
    whole = [row for row in rows if row["complete"]] or rows
    last = whole[-1]
    short = int(last["ready"]) - int(last["booked"])
    message = f"{last['week']}: {last['booked']:,} pieces booked, {last['ready']:,} came in"
    message += f", {short:,} more than were booked" if short > 0 else ""
    series = (("New ready", "ready", BLUE), ("Booked", "booked", ORANGE), ("Bought", "bought", GREEN))
    return _lines(rows, series, message, theme)


def backlog(sheet: Sheet, theme: str = "light") -> Chart | None:
    """The backlog and what is booked but unpaid, at the end of every week; of an account, only the latter."""
    rows = _rows(sheet)
    if len(rows) < 2:
        return None
    both = (("Backlog", "backlog", BLUE), ("Unpaid", "unpaid", RED))
    series = [part for part in both if rows[-1][part[1]] is not None]
    first, last = rows[0][series[0][1]], rows[-1][series[0][1]]
    went = "as many as" if first == last else f"{'up' if last > first else 'down'} from {first:,}"
    what = "wait to be booked" if series[0][1] == "backlog" else "are booked and not paid"
    message = f"{last:,} pieces {what}, {went} at the end of {rows[0]['week']}"
    return _lines(rows, series, message, theme)


def cohort(sheet: Sheet, theme: str = "light") -> Chart | None:
    """What became of the pieces booked in each week; weeks too young to be judged are pale."""
    shown = [(place, row) for place, row in enumerate(_rows(sheet)) if row["booked"]]
    if not shown:
        return None
    rows = [row for _place, row in shown]
    mature = [row for row in rows if row["mature"]]
    judged = mature[-1] if mature else rows[-1]
    message = f"{text(judged['conversion'], 'share')} of what was booked in {judged['week']} was bought"
    message += "" if mature else " so far"
    chart = go.Figure()
    parts = (("Bought", "bought", GREEN), ("Still open", "open", SKY), ("Cancelled", "cancelled", ORANGE),
             ("Expired", "expired", RED))  # fmt: skip
    for place, (label, name, colour) in enumerate(parts):
        shares = [Decimal(row[name]) / row["booked"] * 100 for row in rows]
        chart.add_bar(
            x=[f"{row['week']}{'' if row['mature'] else ' *'}" for row in rows],
            y=[float(round(share, 1)) for share in shares],
            name=label,
            text=[f"{share:.0f}" if share >= 9 else "" for share in shares],
            textposition="inside",
            textangle=0,
            insidetextanchor="middle",
            marker={
                "color": colour,
                "opacity": [1.0 if row["mature"] else 0.45 for row in rows],
                "pattern": {
                    "shape": _PATTERNS[place],
                    "fgcolor": _INK["light"],
                    "size": 5,
                    "solidity": 0.15,
                    "fillmode": "overlay",
                },
            },
            hovertemplate="%{x}, " + label.lower() + ": %{y} %<extra></extra>",
            customdata=[(number, _SHARES[name]) for number, _row in shown],
        )
    chart.update_layout(barmode="stack", legend={"orientation": "h", "y": -0.16, "x": 0})
    finished = finish(chart, message, theme)
    finished.update_layout(showlegend=True)
    finished.update_yaxes(ticksuffix=" %")
    return finished


_SHARES = {"bought": "conversion", "open": "open_share", "cancelled": "cancelled_share", "expired": "expired_share"}


def variance(sheet: Sheet, theme: str = "light", code: str = "CNY") -> Chart | None:
    """From the price when the customer paid to the price booked, part by part."""
    rows = {row["what"]: row for row in _rows(sheet)}
    if not {"reference", "price", "currency", "booked"} <= set(rows) or not rows["reference"]["value"]:
        return None
    more = rows["variance"]["value"] or Decimal(0)
    share = text(abs(Decimal(more) / rows["reference"]["value"]), "share")
    said = f"{share} more" if more > 0 else f"{share} less" if more < 0 else "as much"
    message = f"What was booked cost {said} than when the customers paid, in {code}" if more else (
        f"What was booked cost as much as when the customers paid, in {code}")  # fmt: skip
    names = ("reference", "price", "currency", "booked")
    values = [float(rounded(rows[name]["value"] or 0, "money", code)) for name in names]
    bars = go.Waterfall(
        x=["At payment", "Price moved", "Rate moved", "As booked"],
        y=values,
        measure=["absolute", "relative", "relative", "total"],
        text=[text(rows[name]["value"], "money", code) for name in names],
        textposition="outside",
        connector={"line": {"color": GREY, "width": 1}},
        increasing={"marker": {"color": RED}},
        decreasing={"marker": {"color": GREEN}},
        totals={"marker": {"color": BLUE}},
        cliponaxis=False,
        customdata=[(sheet.find(name), "value") for name in names],
    )
    chart = finish(go.Figure(bars), message, theme)
    high, low = max(values[0], values[3]), min(values[0], values[3])
    spread = max(high - low, *(abs(value) for value in values[1:3]), high * 0.02)
    chart.update_yaxes(range=[max(0.0, low - 2 * spread), high + spread], visible=False)  # the change is the message
    return chart


def _lines(
    rows: Sequence[Mapping[str, Any]], series: Sequence[tuple[str, str, str]], message: str, theme: str
) -> Chart:
    """Lines named at their ends; a week that is not over is joined by a dot only."""
    chart = go.Figure()
    weeks = [row["week"] for row in rows]
    if theme == "dark":
        series = [(label, name, _ON_DARK.get(colour, colour)) for label, name, colour in series]
    for place, (label, name, colour) in enumerate(series):
        chart.add_scatter(
            x=weeks, y=[row[name] for row in rows], mode="lines+markers", name=label, marker={"size": 5},
            line={"color": colour, "width": 2.5, "dash": _DASHES[place]},
            hovertemplate="%{x}, " + label.lower() + ": %{y:,}<extra></extra>",
            customdata=[(number, name) for number in range(len(rows))],
        )  # fmt: skip
    for shift, (label, name, colour) in _apart(rows[-1], series):
        chart.add_annotation(
            x=weeks[-1], y=rows[-1][name], text=f"{label} {rows[-1][name]:,}", showarrow=False, xanchor="left",
            xshift=8, yshift=shift, font={"color": colour, "size": 12},
        )  # fmt: skip
    finished = finish(chart, message, theme)
    finished.update_xaxes(tickvals=weeks, ticktext=_ticks(weeks), tickangle=0)
    finished.update_yaxes(rangemode="tozero")
    return finished


def _ticks(weeks: Sequence[str]) -> list[str]:
    """``W47`` for each week, with the year where one begins."""
    years = ["", *(week[:4] for week in weeks)]
    return [
        week[5:] + (f"<br>{week[:4]}" if week[:4] != before else "") for before, week in zip(years, weeks, strict=False)
    ]


def _apart(row: Mapping[str, Any], series: Sequence[tuple[str, str, str]]) -> list[tuple[int, tuple[str, str, str]]]:
    """The labels at the lines' ends with the shift (pixels) that keeps each clear of the one below it."""
    ranked = sorted(series, key=lambda part: row[part[1]])
    top = max([*(abs(row[part[1]]) for part in series), 1])
    found, below = [], -7.0  # clear of the weeks under the axis
    for part in ranked:
        at = row[part[1]] / top * 150  # a plot is some 150 pixels high
        place = max(at, below + 16)
        found.append((round(place - at), part))
        below = place
    return found


def finish(chart: Chart, message: str, theme: str, *, axis: str = "category") -> Chart:
    """The look that all charts share. ``axis``: what the first axis is: category, linear or date."""
    ink, faint = _INK[theme], _FAINT[theme]
    chart.update_layout(
        title={"text": message, "font": {"size": 15, "color": ink}, "x": 0, "xanchor": "left", "y": 0.97},
        font={"family": _FONT, "size": 12, "color": ink},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 8, "r": 8, "t": 48, "b": 8},
        height=300,
        showlegend=False,
        hoverlabel={"font": {"family": _FONT}},
        modebar={"remove": ["zoom", "pan", "select", "lasso", "autoscale"]},
    )
    chart.update_xaxes(showgrid=False, linecolor=faint, fixedrange=True, automargin=True, type=axis)
    chart.update_yaxes(gridcolor=faint, zeroline=False, fixedrange=True, automargin=True)
    return chart


def _rows(sheet: Sheet) -> list[dict[str, Any]]:
    names = [column.name for column in sheet.columns]
    return [dict(zip(names, row, strict=True)) for row in sheet.rows]


#: sheet -> its chart; the one of prices needs the reporting currency too
CHARTS: Mapping[str, Callable[[Sheet, str], Chart | None]] = {
    "ages": ages,
    "causes": causes,
    "trend": trend,
    "cohort": cohort,
}
