"""The frame of the pages for people, and small pieces of HTML."""

import html

STYLE = """
:root{--ink:#20242b;--soft:#68707c;--line:#e3e6ea;--paper:#fff;--back:#f5f6f8;--accent:#c8501e}
@media(prefers-color-scheme:dark){:root{--ink:#e7e9ec;--soft:#9aa2ad;--line:#343a42;--paper:#1e2227;--back:#15181c;
--accent:#f08a55}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);
font:14px/1.5 system-ui,"Noto Sans SC","PingFang SC",sans-serif}
header{background:var(--paper);border-bottom:1px solid var(--line);padding:10px 24px;display:flex;gap:22px;
align-items:center}header b{font-size:16px}header a{color:var(--soft);text-decoration:none}
header a:hover{color:var(--accent)}main{max-width:1180px;margin:22px auto;padding:0 24px}
h1{font-size:22px;margin:0 0 14px}h2{font-size:17px;margin:0 0 10px}a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
.card{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:18px;margin:0 0 18px}
.narrow{max-width:520px;margin:40px auto}.soft{color:var(--soft)}.row{display:flex;gap:18px;flex-wrap:wrap}
.figure{min-width:130px}.figure b{display:block;font-size:24px}table{width:100%;border-collapse:collapse}
th,td{text-align:left;padding:7px 10px;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:500}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.grid input{width:100%}
.tag{border-radius:9px;padding:1px 9px;background:var(--back);border:1px solid var(--line);white-space:nowrap}
.tag.unpaid{color:#b26a00}.tag.paid,.tag.shipped{color:#1f6fb2}.tag.delivered,.tag.completed{color:#20804a}

.tag.closed{color:var(--soft)}button,input,select,textarea{font:inherit;color:inherit;background:var(--paper);
border:1px solid var(--line);border-radius:7px;padding:5px 11px}button{cursor:pointer}
button.main{background:var(--accent);border-color:var(--accent);color:#fff}form.inline{display:inline}
img{border-radius:8px;display:block}textarea{width:100%;min-height:170px;font-family:ui-monospace,monospace}
label{display:block;margin:0 0 10px}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(165px,1fr));gap:14px}
"""


def page(title: str, body: str) -> str:
    """A whole page."""
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body>
<header><b>Sandbox market</b><a href="/">Overview</a><a href="/orders">Orders</a><a href="/goods">Goods</a>
<a href="/control">Control</a><span class="soft">Nothing here is real, no money moves.</span></header>
<main>{body}</main></body></html>"""


def yuan(fen: int) -> str:
    """`¥ 1,234.50`"""
    return f"¥ {fen // 100:,}.{fen % 100:02d}"


def table(heads: list[str], rows: list[list[str]], numbers: tuple[int, ...] = ()) -> str:
    """A table of ready HTML cells; columns in `numbers` are aligned right."""

    def cells(tag: str, row: list[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if place in numbers else ''}>{cell}</{tag}>" for place, cell in enumerate(row)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', heads)}</tr></thead><tbody>{lines}</tbody></table>"


def options(values: list[str], chosen: str) -> str:
    """The options of a select, the first value meaning "all" when empty."""
    return "".join(
        f'<option value="{html.escape(value)}"{" selected" if value == chosen else ""}>{html.escape(value or "all")}'
        "</option>"
        for value in values
    )
