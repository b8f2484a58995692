"""Notes as HTML: the Markdown that people write in them. Every letter of theirs is escaped; only our tags remain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

_INLINE = re.compile(
    r"`(?P<code>[^`\n]+)`|\*\*(?P<bold>[^\n]+?)\*\*|\*(?P<slant>[^\s*][^*\n]*)\*"
    r"|\[(?P<words>[^\]\n]+)\]\((?P<to>https?://[^\s)]+|mailto:[^\s)]+)\)|(?P<bare>https?://[^\s<>()\"']+)"
)
_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)(?:^\1[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_ITEM = re.compile(r"\s*(?:([-*+])|\d{1,4}[.)])\s+(.*)")


def html(text: str) -> str:
    """``text`` as HTML: headings, lists, quotes, code, bold, italic, links to the web. No HTML, no pictures."""
    parts: list[str] = []
    at = 0
    for fence in _FENCE.finditer(text):
        parts += _blocks(text[at : fence.start()])
        parts.append(f"<pre><code>{escape(fence[2].rstrip())}</code></pre>")
        at = fence.end()
    return "".join([*parts, *_blocks(text[at:])])


def _blocks(text: str) -> Iterator[str]:
    """Runs of lines of one kind: a list's, a quote's, a paragraph's."""
    for kind, group in groupby(text.splitlines(), _kind):
        lines = list(group)
        if kind == "heading":
            yield from (_heading(line) for line in lines)
        elif kind in ("ul", "ol"):
            items = (_ITEM.fullmatch(line) for line in lines)
            yield f"<{kind}>{''.join(f'<li>{inline(item[2])}</li>' for item in items if item)}</{kind}>"
        elif kind == "quote":
            yield f"<blockquote>{html(chr(10).join(line.lstrip()[1:].lstrip() for line in lines))}</blockquote>"
        elif kind == "text":
            yield f"<p>{'<br>'.join(inline(line.strip()) for line in lines)}</p>"


def _kind(line: str) -> str:
    if not line.strip():
        return ""
    if _HEADING.fullmatch(line):
        return "heading"
    if item := _ITEM.fullmatch(line):
        return "ul" if item[1] else "ol"
    return "quote" if line.lstrip().startswith(">") else "text"


def _heading(line: str) -> str:
    found = _HEADING.fullmatch(line)
    level = min(6, len(found[1]) + 3) if found else 6  # below the headings of the page itself
    return f"<h{level}>{inline(found[2] if found else line)}</h{level}>"


def inline(text: str) -> str:
    """One line's words: code, bold, italic, links."""
    parts: list[str] = []
    at = 0
    for found in _INLINE.finditer(text):
        parts += [escape(text[at : found.start()]), _marked(found)]
        at = found.end()
    return "".join([*parts, escape(text[at:])])


def _marked(found: re.Match[str]) -> str:
    if found["code"]:
        return f"<code>{escape(found['code'])}</code>"
    if found["bold"]:
        return f"<strong>{inline(found['bold'])}</strong>"
    if found["slant"]:
        return f"<em>{inline(found['slant'])}</em>"
    words, to = found["words"] or found["bare"], found["to"] or found["bare"]
    return f'<a href="{escape(to)}" rel="noreferrer">{escape(words)}</a>'
