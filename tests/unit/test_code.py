"""In: calls as they are written down."""

import ast
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopurchase.domain.code import call, literal, shortened, unsigned
from autopurchase.domain.journal import Cell
from autopurchase.reports.journal import notebook
from tests.support import calls

MANY = [f"{n}-1" for n in range(40)]
texts = st.text(max_size=30).filter(lambda text: unsigned(text) == text)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_a_literal_is_the_value(value: object) -> None:
    assert eval(literal(value)) == value  # noqa: S307


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (call("shop.sync", "main", full=True), 'shop.sync("main", full=True)'),
        (call("shop.rates.set", "USD", Decimal("7.12")), 'shop.rates.set("USD", "7.12")'),
        (call("shop.sources.change_settings", "shop", {"api_key": ...}),
         'shop.sources.change_settings("shop", {"api_key": ...})'),
        (call("shop.change_status", ["1-1"], to="paid", reason='he said "now"\n'),
         'shop.change_status(["1-1"], to="paid", reason="he said \\"now\\"\\n")'),
    ],
)  # fmt: skip
def test_calls_read_as_people_write_them(text: str, expected: str) -> None:
    assert text == expected
    calls.check(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://pay.example/p?id=1&sign=ab12&x=2", "https://pay.example/p?id=1&sign=[removed]&x=2"),
        ("see https://e.example/?access_token=t0k, and", "see https://e.example/?access_token=[removed], and"),
        ("https://me:pass@shop.example/a", "https://shop.example/a"),
        ("https://item.taobao.com/item.htm?id=65432&skuId=1", "https://item.taobao.com/item.htm?id=65432&skuId=1"),
        ("design = blue; designer=anna", "design = blue; designer=anna"),
    ],
)
def test_addresses_lose_what_is_secret_in_them(text: str, shown: str) -> None:
    assert unsigned(text) == shown
    assert unsigned(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "shop.plan(lines=[1, …]).book()", "shop.nowhere()", "shop.sync(colour='red')", "print(1)", "shop.rates",
        "import os", "shop.journal(colour='red')", "shop.run(1).note", 'shop._opened.close()', "shop.run()",
        'shop.import_file("https://shop.example/orders.csv?token=abc")',
    ],
)  # fmt: skip
def test_what_is_no_call_of_the_api_is_found(text: str) -> None:
    with pytest.raises((AssertionError, SyntaxError)):
        calls.check(text)


def test_a_long_list_of_lines_is_named_by_its_run() -> None:
    numbers = [f"{n}-1" for n in range(30)]
    said = call("shop.plan", lines=numbers, session="main") + ".book()"
    short = shortened(said, numbers, 12)
    assert short == 'shop.plan(lines=shop.run(12).numbers, session="main").book()  # 30 lines'
    calls.check(short)
    assert shortened(said, numbers[:5], 12) == said


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ('shop.sync("main")  # pushed: 1, 2', []),
        ('shop.plan(lines=["1-1", …], session="main").book()', ["1-1"]),
        ("# restored", []),
        (
            call("shop.plan", lines=[f"{n}-1" for n in range(40)], session="main") + ".book()",
            [f"{n}-1" for n in range(40)],
        ),
        (call("shop.change_status", ["1-1"], to="paid", reason="a\nb # c"), ["1-1"]),
    ],
)
def test_an_exported_cell_is_code_whatever_was_written_down(said: str, numbers: list[str]) -> None:
    run = {
        "id": 7, "kind": "book", "session": "main", "source": None, "actor": "anna", "call": said,
        "created_at": datetime(2026, 11, 23, tzinfo=UTC), "params": {"lines": numbers},
    }  # fmt: skip
    source = notebook.code(Cell(run))
    tree = ast.parse(source)
    assert ast.unparse(tree.body[-1]) == "shop.run(7)"
    acts = [node for node in tree.body[:-1] if not isinstance(node, ast.If)]
    assert acts == [], "nothing is done unless it is asked for"
    if said.endswith(".book()") and "…" not in said:
        assert ".book(confirm=again[7], wait=True)" in source
        assert all(f'"{number}"' in source for number in numbers)
