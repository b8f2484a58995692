"""An order made by hand is bound in the browser: what is not the same is shown, and bound only for a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from autopurchase.sandbox import Item, SandboxAt, Sku
from tests.browser.test_walk import READY, ask, market, one
from tests.support.browser import App, Opener, click_row, open_page, screenshot, settle
from tests.support.by_hand import buy

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def made_by_hand(demo: App) -> tuple[str, list[str]]:
    """An order at the practice marketplace for two waiting lines: one of them in another configuration."""
    at = SandboxAt(market(demo))
    account = "main"
    items = {item.item_id: item for item in at.catalogue()}
    waiting = ask(
        demo,
        "select number, item_id, sku_id, open_quantity, seller_id from line "
        "where ready and provider = 'taobao' order by ready_at, id",
    )
    sellers: dict[str, list[tuple[object, ...]]] = {}
    for row in waiting:
        if len(items[str(row[1])].skus) > 1:
            sellers.setdefault(str(row[4]), []).append(row)
    first, second = next(rows for rows in sellers.values() if len({row[1] for row in rows}) > 1)[:2]
    picks = [_wanted(items, first, other=False), _wanted(items, second, other=True)]
    return buy(at, "taobao", account, picks), [str(first[0]), str(second[0])]


def _wanted(items: dict[str, Item], row: tuple[object, ...], *, other: bool) -> tuple[Item, Sku, int]:
    item = items[str(row[1])]
    return item, next(sku for sku in item.skus if (sku.sku_id != row[2]) is other), int(str(row[3]))


def open_drawer(page: Page, demo: App, order: str, numbers: list[str]) -> None:
    """Paste the order with its lines, and wait until the worker has read it."""
    open_page(page, f"{demo.url}/ready")
    page.locator(".st-key-bind-picked button").first.click()
    page.locator(".st-key-bind-orders textarea").wait_for(timeout=30_000)
    settle(page)
    page.get_by_label("Session whose orders they are").click()
    page.get_by_role("option", name=re.compile("^main")).click()
    settle(page)
    page.locator(".st-key-bind-orders textarea").fill("\n".join(f"{order}  {number}" for number in numbers))
    page.locator(".st-key-bind-match button").first.click()
    page.locator(".st-key-bind-confirm button").first.wait_for(timeout=60_000)
    settle(page)


def test_a_mismatch_is_shown_and_bound_for_a_reason(demo: App, page: Page, tmp_path: Path) -> None:
    page.goto(f"{demo.url}/ready")
    expect(page.get_by_role("heading", name="Ready for purchase")).to_be_visible(timeout=60_000)  # the demo is made
    settle(page, timeout=60)
    order, numbers = made_by_hand(demo)
    open_drawer(page, demo, order, numbers)
    expect(page.get_by_text("1 order · ")).to_be_visible()
    expect(page.locator(".st-key-bind-confirm button")).to_contain_text("Bind 1 line")
    screenshot(page, tmp_path / "bind-fits.png")
    click_row(page, 1, key="bind-table")
    expect(page.get_by_text("Not the same as in the order")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="another configuration")).to_be_visible()
    page.locator(".st-key-bind-confirm button").first.click()
    settle(page)
    expect(page.get_by_text("say the reason")).to_be_visible()
    page.locator(".st-key-bind-reason input").fill("the customer took the other colour")
    page.keyboard.press("Enter")
    settle(page)
    screenshot(page, tmp_path / "bind.png")
    page.locator(".st-key-bind-confirm button").first.click()
    page.locator('[data-testid="stDialog"]').wait_for(state="detached", timeout=15_000)
    settle(page)
    bound = f"select count(*) from line where number in ('{numbers[0]}','{numbers[1]}') and purchase = 'booked'"
    assert one(demo, bound) == 2
    assert one(demo, "select count(*) from booking where origin = 'bound' and check_state = 'accepted'") == 1
    expect(page.get_by_text("2 lines bound")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1920, "dark")])
def test_nothing_of_the_drawer_runs_over_its_edge(
    demo: App, new_page: Opener, width: int, scheme: str, tmp_path: Path
) -> None:
    page = new_page(width=width, scheme=scheme)
    open_page(page, f"{demo.url}/ready?ready_provider=taobao")
    click_row(page, 0, key=READY)
    page.locator(".st-key-bind-picked button").first.click()
    page.locator(".st-key-bind-orders textarea").wait_for(timeout=30_000)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, tmp_path / f"bind-form-{width}-{scheme}.png")
