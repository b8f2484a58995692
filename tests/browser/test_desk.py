"""The desk in the browser: what differs shows after a comparison, and an unknown outcome is settled there."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import autopurchase as ap
from autopurchase.sandbox import SandboxAt
from tests.browser.test_walk import ask, market, one
from tests.support.browser import App, Opener, open_page, screenshot, settle
from tests.support.by_hand import buy
from tests.support.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
HOURS = 3 * 3600


def change(demo: App, statement: str) -> None:
    """Write to the app's database beside it."""
    with sqlite3.connect(demo.server.log.parent / "home" / "autopurchase.db", timeout=30) as connection:
        connection.execute(statement)


def unsettled(demo: App) -> tuple[str, str]:
    """A booking of the demo whose answer is lost, and which nobody looks up before a person; its line and reference."""
    at = SandboxAt(market(demo))
    change(demo, "update session set settle_seconds = 900 where name = 'main'")
    at.control("faults", rules=[{"kind": "error_after", "account": "main", "market": "taobao", "times": 1}])
    with ap.connect(demo.server.log.parent / "home") as shop:
        number = shop.ready_numbers("main")[0]
        shop.plan(lines=[number], session="main").book()
    query = f"select purchase, cause from line where number = '{number}'"
    wait_until(lambda: ask(demo, query) == [("booking", "unknown_outcome")], timeout=60, what="an unknown outcome")
    at.control("faults", rules=[])
    change(demo, "update session set settle_seconds = 1 where name = 'main'")
    ((reference,),) = ask(demo, "select out_order_id from booking where state = 'unknown'")
    return number, str(reference)


def by_hand(demo: App) -> str:
    """An order that somebody made at the marketplace some hours ago."""
    at = SandboxAt(market(demo))
    item, sku = next((i, s) for i in at.catalogue() if i.market == "taobao" for s in i.skus if s.stock > 500)
    number = buy(at, "taobao", "main", [(item, sku, max(2, item.minimum))])
    at.control("age", ids=[number], seconds=HOURS)
    return number


def compare(page: Page, demo: App) -> None:
    """Press “Compare now” and wait until every session is through."""
    before = one(demo, "select count(*) from run where kind = 'desk' and state = 'done'")
    sessions = one(demo, "select count(*) from session where state = 'active'")
    page.locator(".st-key-compare button").first.click()
    done = "select count(*) from run where kind = 'desk' and state = 'done'"
    wait_until(lambda: one(demo, done) >= before + sessions, timeout=90, what="the comparisons")
    settle(page, timeout=45)


def test_an_unknown_outcome_is_settled_from_its_evidence(demo: App, page: Page, tmp_path: Path) -> None:
    open_page(page, demo.url)  # the first visit makes the demo
    open_page(page, f"{demo.url}/desk")
    expect(page.get_by_text("No session was compared")).to_be_visible()
    number, reference = unsettled(demo)
    made = by_hand(demo)
    compare(page, demo)
    expect(page.locator(".st-key-desk_kind")).to_contain_text("Outcome unknown · 1")
    expect(page.get_by_role("link", name=made)).to_be_visible()
    screenshot(page, tmp_path / "desk.png")
    page.locator(f".st-key-settle-{reference} button").first.click()
    drawer = page.locator('[data-testid="stDialog"]')
    expect(drawer.get_by_text("It is there", exact=True).first).to_be_visible()
    settle(page)
    expect(page.locator(".st-key-settle-not-there button")).to_be_disabled()
    drawer.locator(".st-key-settle-orders input").click()
    page.get_by_role("option").first.click()
    page.keyboard.press("Escape")
    settle(page)
    screenshot(page, tmp_path / "settle.png")
    page.locator(".st-key-settle-there button").first.click()
    expect(drawer.get_by_text("its lines are booked")).to_be_visible(timeout=60_000)
    assert ask(demo, f"select purchase, cause from line where number = '{number}'") == [("booked", "")]
    page.keyboard.press("Escape")
    settle(page)
    expect(page.locator(".st-key-desk_kind")).not_to_contain_text("Outcome unknown")


def test_an_orphan_is_left_with_a_reason_and_nothing_differs(demo: App, page: Page, tmp_path: Path) -> None:
    open_page(page, f"{demo.url}/desk?desk_kind=orphan")
    leave = page.locator("[class*=st-key-leave-orphan] button")
    expect(leave).to_have_count(1)
    leave.first.click()
    settle(page)
    page.locator(".st-key-desk-note input").fill("bought for the office")
    page.keyboard.press("Enter")
    settle(page)
    page.locator(".st-key-desk-confirm button").first.click()
    page.locator('[data-testid="stDialog"]').wait_for(state="detached", timeout=15_000)
    settle(page)
    expect(page.get_by_text("Nothing differs.", exact=False)).to_be_visible()
    expect(page.get_by_text(re.compile(r"Compared: .*(just now|min ago)"))).to_be_visible()
    screenshot(page, tmp_path / "desk-nothing.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_runs_over_the_edge(demo: App, new_page: Opener, width: int, scheme: str, tmp_path: Path) -> None:
    by_hand(demo)
    page = new_page(width=width, scheme=scheme)
    open_page(page, f"{demo.url}/desk")
    compare(page, demo)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, tmp_path / f"desk-{width}-{scheme}.png")
