"""The mapping page: what waits, saying what to buy, changing and removing it, tables and exchange rates."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from autopurchase.domain.mapping import Target
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import import_orders, mapping, rates
from autopurchase.storage import notes, views
from autopurchase.ui.mapping import Product
from autopurchase.wiring import Workspace
from tests.support.pages import open_app, sound

PAGE = "pages/operate/mapping.py"
ROOT = Actor("root", Role.ADMINISTRATOR)
PRODUCT = Product("file", "MUG-S")
ITEM, SKU = "650000104729", "4000001047290"
HEAD = (
    "order_number,line_no,product_key,title,configuration,quantity,unit_price,currency,created_at,paid_at,"
    "paid_amount,order_total\n"
)
ROW = "ORD-{order:09d},1,{product},Mug,Size: S,2,12.50,USD,2026-11-20T09:00:00Z,2026-11-20T09:05:00Z,25.00,25.00\n"


@pytest.fixture
def waiting(workspace: Workspace, tmp_path: Path) -> Workspace:
    """Three imported lines of which it is not known what to buy: two of one product."""
    file = tmp_path / "orders.csv"
    products = ("MUG-S", "MUG-S", "MUG-L")
    file.write_text(HEAD + "".join(ROW.format(order=900 + n, product=name) for n, name in enumerate(products)))
    import_orders.import_file(workspace.context, ROOT, file)
    return workspace


def opened(line: str = "900-1") -> AppTest:
    """The page with the drawer open for a line's product, as the link on Ready opens it."""
    app = open_app()
    app.query_params["line"] = line
    return sound(app.switch_page(PAGE).run())


def fill_in(app: AppTest, product: Product = PRODUCT, **values: Any) -> AppTest:
    """Type into the drawer."""
    for name, value in values.items():
        key = f"mapping.{product.mark}.{name}"
        found = app.number_input(key=key) if name == "ratio" else app.text_input(key=key)
        found.set_value(value)
    return sound(app.run())


def press(app: AppTest, key: str) -> AppTest:
    return sound(app.button(key=key).click().run())


def words(app: AppTest) -> str:
    """What the page says."""
    said = [*app.markdown, *app.caption, *app.error, *app.success, *app.warning, *app.info, *app.toast]
    return " ".join(str(item.value) for item in said)


def lines(opened: Workspace) -> dict[str, Mapping[Any, Any]]:
    with opened.context.db.read() as connection:
        rows = views.line_states(connection, ["900-1", "901-1", "902-1"])
    return {row["number"]: row for row in rows}


def target(**values: Any) -> Target:
    return Target(**{"provider": "taobao", "item_id": ITEM, "sku_id": SKU, **values})


def test_products_that_wait_are_shown_with_their_lines(waiting: Workspace) -> None:
    app = open_app(PAGE)
    (table,) = [frame.value for frame in app.dataframe if "why" in frame.value]
    assert list(zip(table["product"], table["lines"], strict=True)) == [("MUG-S", 2), ("MUG-L", 1)]
    assert table["why"][0] == "The row names no item to buy, only the shop's product."
    assert "3 lines wait for 2 products" in words(app)


def test_nothing_imported_says_what_to_do(workspace: Workspace) -> None:
    assert "Nothing was imported yet" in words(open_app(PAGE))


def test_a_pasted_link_says_what_to_buy_and_the_lines_become_ready(waiting: Workspace) -> None:
    app = fill_in(opened(), link=f"https://item.taobao.com/item.htm?spm=a1&id={ITEM}&skuId={SKU}", ratio=3)
    assert f"item {ITEM}, sku id {SKU} × 3" in words(app)
    app = press(app, "mapping-save")
    assert "Saved: 2 lines are ready to buy." in words(app)
    (view,) = mapping.listing(waiting.context, ROOT)
    assert (view.source, view.product_key, view.target.ratio, view.target.sku_id) == ("file", "MUG-S", 3, SKU)
    assert {number: row["purchase"] for number, row in lines(waiting).items()} == {
        "900-1": "ready",
        "901-1": "ready",
        "902-1": "problem",
    }


def test_a_bare_id_needs_its_marketplace(waiting: Workspace) -> None:
    app = fill_in(opened(), link=ITEM)
    assert "say which provider" in words(app)
    assert app.button(key="mapping-save").disabled
    app.button_group(key=f"mapping.{PRODUCT.mark}.provider").set_value("alibaba1688").run()
    app = press(fill_in(app, choice="abc123"), "mapping-save")
    (view,) = mapping.listing(waiting.context, ROOT)
    assert (view.target.provider, view.target.spec_id, view.target.sku_id) == ("alibaba1688", "abc123", "")


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("https://m.tb.cn/h.5abc", "short link"),
        ("https://s.taobao.com/search?q=mug", "page of search results"),
        ("a red mug", "holds no link"),
    ],
)
def test_a_link_without_an_item_is_explained(waiting: Workspace, link: str, says: str) -> None:
    app = fill_in(opened(), link=link)
    assert says in words(app)
    assert app.button(key="mapping-save").disabled


def test_for_every_source(waiting: Workspace) -> None:
    app = fill_in(opened(), link=f"https://detail.tmall.com/item.htm?id={ITEM}")
    app.button_group(key=f"mapping.{PRODUCT.mark}.scope").set_value("all").run()
    press(app, "mapping-save")
    (view,) = mapping.listing(waiting.context, ROOT)
    assert view.source == ""
    assert lines(waiting)["900-1"]["purchase"] == "ready"


def test_a_mapping_is_changed_and_its_past_is_shown(waiting: Workspace) -> None:
    mapping.set(waiting.context, ROOT, "file", "MUG-S", target())
    app = opened()
    assert app.text_input(key=f"mapping.{PRODUCT.mark}.choice").value == SKU
    press(fill_in(app, choice="77"), "mapping-save")
    (view,) = mapping.listing(waiting.context, ROOT)
    assert view.target.sku_id == "77"
    past = [frame.value for frame in opened().dataframe if "before" in frame.value]
    assert list(past[0]["after"]) == [f"taobao {ITEM} · 77", f"taobao {ITEM} · {SKU}"]


def test_a_mapping_is_removed_with_a_reason(waiting: Workspace) -> None:
    mapping.set(waiting.context, ROOT, "file", "MUG-S", target())
    app = press(opened(), "mapping-remove")
    assert "Say why" in words(app)
    app.text_input(key="mapping-reason").set_value("wrong item")
    app = press(app, "mapping-remove")
    assert mapping.listing(waiting.context, ROOT) == []
    assert lines(waiting)["900-1"]["purchase"] == "problem"
    run = mapping.history(waiting.context, ROOT, "MUG-S")[0].run_id
    with waiting.context.db.read() as connection:
        assert [note["text"] for note in notes.of_runs(connection, [run])] == ["wrong item"]


def test_the_search_finds_mappings(waiting: Workspace) -> None:
    for key in ("MUG-S", "PEN-1"):
        mapping.set(waiting.context, ROOT, "", key, target())
    app = open_app(PAGE)
    sound(app.text_input(key="mapping_text").set_value("pen").run())
    (table,) = [frame.value for frame in app.dataframe if "choice" in frame.value]
    assert list(table["product"]) == ["PEN-1"]


def test_a_rate_is_set_and_what_lacks_one_is_named(waiting: Workspace) -> None:
    mapping.set(waiting.context, ROOT, "", "MUG-S", target())
    app = open_app(PAGE)
    assert "No rate for USD: the margin of 2 ready lines is not known." in words(app)
    app.text_input(key="rate-currency").set_value("usd")
    app.text_input(key="rate-value").set_value("7.12")
    app.date_input(key="rate-day").set_value(date(2026, 11, 1))
    app = sound(next(button for button in app.button if button.label == "Set").click().run())
    (view,) = rates.listing(waiting.context, ROOT)
    assert (view.currency, str(view.rate), view.day) == ("USD", "7.12", "2026-11-01")
    assert "Rates saved; 3 lines got one." in words(app)
    assert "margin of" not in words(app)


def test_a_rate_that_is_none_is_refused_in_words(workspace: Workspace) -> None:
    app = open_app(PAGE)
    app.text_input(key="rate-currency").set_value("USD")
    app.text_input(key="rate-value").set_value("seven")
    app = sound(next(button for button in app.button if button.label == "Set").click().run())
    assert "“seven” is not a rate" in words(app)
    assert rates.listing(workspace.context, ROOT) == []
