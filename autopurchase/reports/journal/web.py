"""Cells of the journal as one HTML file that needs nothing else: for reading, sending, printing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from autopurchase.domain.code import unsigned
from autopurchase.domain.journal import Cell, Note
from autopurchase.reports.journal import cell as told
from autopurchase.reports.journal import markdown
from autopurchase.reports.journal.tables import text_of

#: nothing is loaded from anywhere, and no script runs, whatever a word in here looks like
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root{color-scheme:light dark;--ink:#1c1917;--soft:#57534e;--line:#d6d3d1;--back:#fff;--pane:#f5f5f4;--accent:#b45309}
@media (prefers-color-scheme:dark){:root{--ink:#f5f5f4;--soft:#a8a29e;--line:#44403c;--back:#171412;--pane:#26211d;
--accent:#f59e0b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem;background:var(--back);color:var(--ink);
font:14px/1.5 'Noto Sans','Noto Sans CJK SC','DejaVu Sans',sans-serif}
h1{font-size:1.6rem;margin:0}
header p,.out>p:first-child,.sign{color:var(--soft);margin:.2rem 0}
section{display:grid;grid-template-columns:4rem 1fr;gap:0 .75rem;border-top:1px solid var(--line);padding:.9rem 0}
section>a{color:var(--accent);font-variant-numeric:tabular-nums;text-decoration:none}
section>div{min-width:0}
pre{background:var(--pane);border-radius:4px;padding:.6rem .75rem;margin:.3rem 0;white-space:pre-wrap;
overflow-wrap:anywhere;font:13px/1.45 'Noto Sans Mono','DejaVu Sans Mono',monospace}
h2{font-size:1rem;margin:0 0 .2rem}
.state{color:var(--accent);font-weight:normal}
.out{overflow-x:auto}
table{border-collapse:collapse;margin:.3rem 0 .6rem}
th,td{padding:.2rem .7rem .2rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{font-weight:600;color:var(--soft);white-space:nowrap}
.note{border-left:3px solid var(--accent);padding:.1rem .8rem;margin:.5rem 0;overflow-wrap:anywhere}
.note p{margin:.25rem 0}
@media print{body{max-width:none;padding:0;font-size:11px}section{break-inside:auto}pre,.note,tr{break-inside:avoid}
.out{overflow:visible}a{color:inherit}}
"""


def write(cells: Sequence[Cell], *, title: str, tag: str, as_of: datetime) -> bytes:
    """The cells as an HTML document, in the given order."""
    count = f"{len(cells)} cell{'s' if len(cells) != 1 else ''}"
    body = "".join(map(_section, cells)) or "<p>No cell fits.</p>"
    document = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta name='referrer' content='no-referrer'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1>"
        f"<p>{count} of the workspace {escape(tag)}, as of {text_of(as_of)}</p></header>"
        f"<main>{body}</main></body></html>"
    )
    return document.encode()


def _section(cell: Cell) -> str:
    run = cell.run
    through = " · ".join(filter(None, (run["kind"].replace("_", " "), run["session"] or run["source"])))
    return (
        f"<section id='run-{cell.number}'><a href='#run-{cell.number}'>[{cell.number}]</a><div>"
        f"<h2>{escape(through)} <span class='state'>{escape(run['state'])}</span></h2>"
        f"<pre><code>{escape(unsigned(run['call']))}</code></pre>"
        f"<div class='out'>{unsigned(told.html(cell, most=told.MOST_SHOWN))}</div>"
        f"{''.join(_note(note) for note in cell.notes if note.text)}</div></section>"
    )


def _note(note: Note) -> str:
    words = markdown.html(unsigned(note.text))
    return f"<div class='note'>{words}<p class='sign'>{escape(told.signature(note))}</p></div>"
