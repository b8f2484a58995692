"""A report as one HTML file that needs nothing else: readable offline, by mail, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from plotly.offline import get_plotlyjs

from autopurchase.reports import charts
from autopurchase.reports.files import heads
from autopurchase.reports.model import Column, Figure, Report, Sheet
from autopurchase.reports.values import FIGURES, text

_STYLE = """
:root{color-scheme:light dark;--ink:#1c1917;--soft:#57534e;--line:#d6d3d1;--paper:#fff;--shade:#f5f5f4;--red:#b91c1c}
@media (prefers-color-scheme:dark){:root{--ink:#f5f5f4;--soft:#a8a29e;--line:#44403c;--paper:#171412;--shade:#26211d;
--red:#f87171}}
@media print{:root{color-scheme:light;--ink:#1c1917;--soft:#57534e;--line:#d6d3d1;--paper:#fff;--shade:#f5f5f4;
--red:#b91c1c}@page{size:A4 landscape;margin:12mm}}
body{font:14px/1.45 'Noto Sans','Noto Sans CJK SC','DejaVu Sans',sans-serif;color:var(--ink);background:var(--paper);
max-width:1180px;margin:24px auto;padding:0 16px}
h1{font-size:26px;margin:0}h2{font-size:17px;margin:32px 0 6px}p.note,dl{color:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:8px 0 20px}dt,dd{margin:0}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:10px}
.figure{border:1px solid var(--line);border-radius:4px;padding:8px 12px}.figure b{display:block;font-size:20px}
.figure span{color:var(--soft)}.alarm b,td.alarm{color:var(--red)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th{text-align:left;vertical-align:bottom;border-bottom:1px solid var(--ink);padding:4px 10px 4px 0;font-weight:600}
td{border-bottom:1px solid var(--line);padding:3px 10px 3px 0}
td{word-break:keep-all}.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}
figure{margin:12px 0}
@media print{body{max-width:none;margin:0;padding:0;font-size:11px}h1{font-size:20px}
h2{font-size:14px;margin:18px 0 4px}
.figures{gap:6px}.figure{padding:5px 9px}.figure b{font-size:15px}.wide{overflow:visible}table{font-size:9.5px}
th,td{padding:2px 7px 2px 0}h2,p.note,thead{break-after:avoid}tr,.figure,figure{break-inside:avoid}}
"""


def as_html(report: Report) -> bytes:
    """The report as .html (UTF-8), its charts included."""
    return "".join(_parts(report)).encode()


def _parts(report: Report) -> Iterator[str]:
    title = escape(heads.title(report))
    drawn = charts.of(report)
    yield f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
    yield f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style>"
    yield f"<script>{get_plotlyjs()}</script>" if drawn else ""
    yield f"</head><body><h1>{title}</h1><dl>"
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in heads.facts(report))
    yield "</dl><div class='figures'>"
    yield from (_figure(figure, report.basis.zone) for figure in report.figures.values())
    yield "</div>"
    for sheet in report.sheets.values():
        yield from _section(report, sheet, drawn.get(sheet.name))
    yield "</body></html>"


def _figure(figure: Figure, zone: str) -> str:
    told = text(figure.value, figure.unit, figure.currency, zone)
    unit = figure.currency or (figure.unit if figure.unit in ("pieces", "lines") else "")
    shown = f"{told} {unit}" if unit and figure.value is not None else told
    below = " · ".join(filter(None, (f"of {figure.of}" if figure.of else "", figure.note)))
    kind = "figure alarm" if figure.alarm else "figure"
    inner = f"<span>{escape(figure.label)}</span><b>{escape(shown)}</b><span>{escape(below)}</span>"
    return f"<div class='{kind}'>{inner}</div>"


def _section(report: Report, sheet: Sheet, chart: charts.Chart | None) -> Iterator[str]:
    yield f"<section><h2>{escape(sheet.title)}</h2>"
    if sheet.note:
        yield f"<p class='note'>{escape(sheet.note)}</p>"
    if chart is not None:
        chart.update_layout(paper_bgcolor="#ffffff", plot_bgcolor="#ffffff")
        drawing = chart.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False})
        yield f"<figure>{drawing}</figure>"
    yield _table(sheet, report.basis.zone) if sheet.rows else "<p class='note'>Nothing to show.</p>"
    yield "</section>"


def _table(sheet: Sheet, zone: str) -> str:
    shown = _shown(sheet)
    head = "".join(f"<th{_side(column)}>{escape(_label(column))}</th>" for _, column in shown)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_side(column)}>{escape(text(row[place], column.unit, column.currency, zone))}</td>"
            for place, column in shown
        )
        + "</tr>"
        for row in sheet.rows
    )
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _shown(sheet: Sheet) -> list[tuple[int, Column]]:
    """Columns for people, with their places: not the code that stands before its words under the same title."""
    words = [_label(column) for column in sheet.columns[1:]] + [""]
    places = enumerate(zip(sheet.columns, words, strict=True))
    return [(place, column) for place, (column, following) in places if _label(column) != following]


def _label(column: Column) -> str:
    named = not column.currency or column.currency in column.label
    return column.label if named else f"{column.label}, {column.currency}"


def _side(column: Column) -> str:
    return " class='n'" if column.unit in FIGURES else ""
