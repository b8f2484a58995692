"""Notes: what of them may be shown, in a page, a notebook and an HTML file."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopurchase.domain.markdown import harmless
from autopurchase.reports.journal import markdown

PIECES = (
    *("<", ">", "&", "![", "[", "](", ")", "http://a.example/x", "javascript:alert(1)", "*", "**", "`", "```"),
    *("\n", "> ", "# ", "- ", "1. ", "\\", '"', "'", " onerror=", "img", "script", "a"),
)
OURS = re.compile(
    r"</?(p|strong|em|code|pre|ul|ol|li|blockquote|h[456]|a)>|<br>"
    r"|<a href=\"(https?://|mailto:)[^\"<>]*\" rel=\"noreferrer\">"
)


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_only_our_own_tags_come_out(text: str) -> None:
    found = markdown.html(text)
    tags = re.findall(r"<[^>]*>", found)
    assert all(OURS.fullmatch(tag) for tag in tags), tags
    assert re.sub(r"<[^>]*>", "", found).count("<") == 0
    safe = harmless(text)
    assert "<" not in safe
    assert "![" not in safe


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**now** and *then* `a<b`", "<p><strong>now</strong> and <em>then</em> <code>a&lt;b</code></p>"),
        ("- one\n- two\n\n1. first", "<ul><li>one</li><li>two</li></ul><ol><li>first</li></ol>"),
        ("# Seller\nsaid no", "<h4>Seller</h4><p>said no</p>"),
        ("[shop](https://shop.example/?a=1&b=2)",
         '<p><a href="https://shop.example/?a=1&amp;b=2" rel="noreferrer">shop</a></p>'),
        ("![x](https://spy.example/1.png)", '<p>!<a href="https://spy.example/1.png" rel="noreferrer">x</a></p>'),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("> so he said\n> twice", "<blockquote><p>so he said<br>twice</p></blockquote>"),
        ("```\n<b>\n```\nafter", "<pre><code>&lt;b&gt;</code></pre><p>after</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_note_as_html(text: str, expected: str) -> None:
    assert markdown.html(text) == expected
