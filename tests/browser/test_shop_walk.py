"""A shop's order the whole way in a real browser: connected, looked at, imported, mapped, booked, told back."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from autopurchase import wiring
from autopurchase.sandbox import Item, Sandbox, Sku
from autopurchase.sandbox.catalogue import catalogue
from autopurchase.services import sessions
from tests.support import shop as vendure
from tests.support.browser import App, click_all_rows, click_row, open_page, screenshot, settle, start_app
from tests.support.processes import wait_until
from tests.support.shop import READ_AND_WRITE, PlacedOrder, Shop, start_shop
from tests.support.shop_goods import Product, goods, write_products
from tests.support.world import AT_ONCE, ME, QUICK, WAREHOUSE

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.timeout(300)]
SINGLE, SET = "BAG-RED", "BAG-SET"
RATIO = 3


@dataclass
class Walk:
    """Everything that runs: the app with its worker, the shop, the marketplace, and a paid order of the shop."""

    app: App
    shop: Shop
    market: Sandbox
    home: Path
    order: PlacedOrder

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Rows of the app's database, read beside it."""
        with sqlite3.connect(f"file:{self.home / 'autopurchase.db'}?mode=ro", uri=True) as connection:
            return connection.execute(query).fetchall()

    def states(self) -> dict[str, str]:
        """Product -> purchase state of the order's lines."""
        return {str(key): str(state) for key, state in self.ask("select product_key, purchase from line")}


def goods_of(market: str) -> tuple[Item, Sku]:
    """An item of a marketplace with the choice that is bought."""
    item = next(item for item in catalogue() if item.market == market)
    return item, item.skus[1]


def unlinked() -> list[Product]:
    """One product with two choices that name no item to buy."""
    return [
        Product("Travel bag", SINGLE, "21.00", "", options={"Kind": "red, single"}),
        Product("Travel bag", SET, "58.00", "", options={"Kind": "set"}),
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that also sells goods without a link, for these tests alone."""
    if reason := vendure.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("shop")
    running = start_shop(folder / "log", write_products(folder / "products.csv", [*goods(), *unlinked()]))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def walk(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A workspace with a session at each marketplace and no shop yet; an order of three lines is paid in the shop."""
    folder = tmp_path_factory.mktemp("walk")
    home = folder / "home"
    order = shop.place_order([vendure.Item("T1-1", 1), vendure.Item(SINGLE, 2), vendure.Item(SET, 1)])
    with Sandbox.start(folder / "market", quirks=False, **AT_ONCE) as market:
        connect_accounts(home, market)
        app = start_app(home)
        try:
            yield Walk(app, shop, market, home, order)
        finally:
            log = app.traceback()
            app.stop()
    assert not log, log


def connect_accounts(home: Path, market: Sandbox) -> None:
    """One session at each marketplace."""
    opened = wiring.open_workspace({"AUTOPURCHASE_HOME": str(home)})
    try:
        for provider in ("taobao", "alibaba1688"):
            credentials = {**market.credentials(provider), "ship_to": WAREHOUSE, **QUICK}
            sessions.add(
                opened.context, ME, provider=provider, name=provider, credentials=credentials, base_url=market.base_url
            )
    finally:
        opened.close()


def press(page: Page, key: str) -> None:
    """Click the button with this widget key and wait until the page stands still."""
    page.locator(f".st-key-{key} button").first.click()
    settle(page, timeout=60)


def type_into(page: Page, label: str, text: str) -> None:
    """Type into a field, leave it, and wait until the page has understood."""
    field = page.get_by_label(label, exact=True).first
    field.fill(text)
    field.press("Tab")
    settle(page)


def test_connect_look_import_map_book_and_the_shop_knows(walk: Walk, page: Page, tmp_path: Path) -> None:
    connect(walk, page, tmp_path)
    bring_in(walk, page, tmp_path)
    say_what_to_buy(walk, page, tmp_path)
    book(walk, page, tmp_path)
    pay_and_send(walk, page, tmp_path)


def connect(walk: Walk, page: Page, shots: Path) -> None:
    """The form's preview shows what would come before the shop is added."""
    open_page(page, walk.app.url)  # a page first opened after a start has a notice on top, unless it is this one
    open_page(page, f"{walk.app.url}/sources")
    type_into(page, "Name of the source *", "web")
    type_into(page, "Address *", walk.shop.url)
    type_into(page, "API key *", walk.shop.api_key(*READ_AND_WRITE))
    page.get_by_role("button", name="Test and preview").click()
    expect(page.get_by_text("1 line ready · 2 need mapping")).to_be_visible(timeout=30_000)
    settle(page)
    assert walk.ask("select count(*) from source") == [(0,)]
    page.get_by_role("button", name="Add source").click()
    expect(page.get_by_text("Source web was added")).to_be_visible()


def bring_in(walk: Walk, page: Page, shots: Path) -> None:
    """Test in words, preview, import by the worker."""
    press(page, "check-web")
    expect(page.get_by_text("1 open paid order · nothing is missing")).to_be_visible()
    press(page, "preview-web")
    expect(page.get_by_text("The first 3 of 3 lines")).to_be_visible()
    screenshot(page, shots / "preview.png")
    press(page, "import-web")
    wait_until(lambda: len(walk.states()) == 3, timeout=60, what="the import")
    expect(page.get_by_role("link", name="2 lines need mapping")).to_be_visible(timeout=30_000)
    screenshot(page, shots / "sources.png")


def say_what_to_buy(walk: Walk, page: Page, shots: Path) -> None:
    """One product by a pasted link, the other by a bare id with its configuration and a ratio."""
    page.get_by_role("link", name="2 lines need mapping").click()
    expect(page.get_by_role("heading", name="Not known what to buy")).to_be_visible()
    settle(page)
    item, sku = goods_of("taobao")
    tick(page, SINGLE)
    link = f"https://item.taobao.com/item.htm?id={item.item_id}&skuId={sku.sku_id}"
    type_into(page, "Item: its link, or its id", f"【淘宝】{link} 点击打开")
    expect(page.get_by_text(f"Taobao Global, item {item.item_id}, sku id {sku.sku_id}")).to_be_visible()
    settle(page)
    screenshot(page, shots / "mapping-drawer.png")
    press(page, "mapping-save")
    expect(page.get_by_text("Saved: 1 line is ready to buy.")).to_be_visible()
    expect(page.get_by_test_id("stDialog")).to_have_count(0)  # it swallows clicks while it closes
    settle(page)
    item, sku = goods_of("alibaba1688")
    tick(page, SET)
    type_into(page, "Item: its link, or its id", item.item_id)
    page.get_by_test_id("stDialog").get_by_text("1688", exact=True).click()
    settle(page)
    type_into(page, "Configuration: sku id (1688: spec id)", sku.spec_id)
    type_into(page, "Pieces for one sold", str(RATIO * item.minimum))
    screenshot(page, shots / "mapping-bare.png")
    expect(page.get_by_text(f"item {item.item_id}, spec id {sku.spec_id} × {RATIO * item.minimum}")).to_be_visible()
    settle(page)
    press(page, "mapping-save")
    expect(page.get_by_text("Every imported line says what is to be bought for it.")).to_be_visible()
    assert set(walk.states().values()) == {"ready"}
    type_into(page, "Currency", "USD")
    type_into(page, "CNY for one", "7.12")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_text("Rates saved")).to_be_visible()
    settle(page)
    screenshot(page, shots / "mapping.png")


def tick(page: Page, product: str) -> None:
    """Tick the row of a product that waits; its drawer opens."""
    cells = page.locator('[class*="st-key-mapping-waiting"] td[role=gridcell]').all_text_contents()
    names = [text for text in cells if text in (SINGLE, SET)]
    click_row(page, names.index(product), key="mapping-waiting")
    expect(page.get_by_test_id("stDialog").get_by_text("What is bought for it")).to_be_visible()


def book(walk: Walk, page: Page, shots: Path) -> None:
    """Both marketplaces; the plan shows their own words and the margin. The shop is told of the bookings."""
    for provider in ("taobao", "alibaba1688"):
        open_page(page, f"{walk.app.url}/ready?ready_provider={provider}")
        click_all_rows(page, key="ready-table")
        page.locator(".st-key-book button").first.click()
        button = page.locator(".st-key-confirm button").first
        button.wait_for(timeout=60_000)
        settle(page)
        screenshot(page, shots / f"plan-{provider}.png")
        button.click()
        page.get_by_test_id("stDialog").wait_for(state="detached", timeout=15_000)
        settle(page)
    wait_until(lambda: set(walk.states().values()) == {"booked"}, timeout=60, what="the bookings")
    told = wait_until(lambda: told_of(walk, "ordered"), timeout=90, what="the shop to know")
    placed = {str(row[0]) for row in walk.ask("select out_order_id from booking")}
    assert set(told.split(", ")) == placed


def told_of(walk: Walk, status: str) -> str:
    """Our references in the shop's order, once it has this status."""
    fields = walk.shop.read_order(walk.order)["customFields"]
    return str(fields["purchaseRef"]) if fields["purchaseStatus"] == status else ""


def pay_and_send(walk: Walk, page: Page, shots: Path) -> None:
    """Paid and sent at the marketplaces, synchronized here: the shop has the parcels' numbers."""
    numbers = [str(row[0]) for row in walk.ask("select provider_order_id from provider_order")]
    walk.market.control("pay", ids=numbers)
    walk.market.control("ship", ids=numbers)
    open_page(page, f"{walk.app.url}/purchased")
    press(page, "sync")
    wait_until(lambda: set(walk.states().values()) == {"sent"}, timeout=60, what="the synchronization")
    parcels = {str(row[0]) for row in walk.ask("select number from parcel")}
    reported: Callable[[], bool] = lambda: tracking(walk) == parcels  # noqa: E731
    wait_until(reported, timeout=90, what="the parcels in the shop")
    wait_until(lambda: told_of(walk, "sent"), timeout=90, what="the last status in the shop")
    open_page(page, f"{walk.app.url}/order?order={walk.order.code}")
    page.get_by_role("tab", name="Shop").click()
    settle(page)
    for number in parcels:
        expect(page.locator("td[role=gridcell]").filter(has_text=number).first).to_be_attached()
    screenshot(page, shots / "order-shop.png")


def tracking(walk: Walk) -> set[str]:
    """Tracking numbers of what the shop has as shipped."""
    parcels = walk.shop.read_order(walk.order)["fulfillments"]
    return {parcel["trackingCode"] for parcel in parcels if parcel["state"] == "Shipped"}
