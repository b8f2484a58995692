"""The pay list in a real browser: approve, get the pages, open one, pay at the marketplace, synchronize."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import App, Opener, cells, open_page, screenshot, settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
LIST = "pay-table"


@pytest.fixture(scope="module")
def booked(demo: App) -> App:
    """The demo with twenty lines booked and synchronised."""
    home = demo.server.log.parent / "home"
    words = [sys.executable, "-m", "autopurchase", "demo", "--headless"]
    subprocess.run(words, check=True, env={**os.environ, "AUTOPURCHASE_HOME": str(home)}, timeout=180)
    return demo


def test_a_manager_approves_opens_a_page_and_pays_there(booked: App, page: Page, tmp_path: Path) -> None:
    page.goto(booked.url)
    warning = page.get_by_role("link", name=re.compile(r"\d+ orders expire within 24 h"))
    expect(warning).to_be_visible(timeout=60_000)  # the first visit opens the app
    screenshot(page, tmp_path / "overview.png")
    count = re.findall(r"\d+", warning.inner_text())[0]
    warning.click()
    expect(page.get_by_text(f"{count} of {count} orders")).to_be_visible()
    open_page(page, f"{booked.url}/pay?pay_session=main")
    numbers = [text for text in cells(page, LIST) if re.fullmatch(r"\d{15,}", text)]
    page.get_by_role("button", name=f"Pick all {len(numbers)} of this filter").click()
    page.get_by_role("button", name=re.compile(rf"Approve {len(numbers)} orders · CNY [\d,.]+")).click()
    expect(page.get_by_text(re.compile(r"Done, see run \d+"))).to_be_visible()
    settle(page)
    assert cells(page, LIST).count("Approved") == len(numbers)
    page.locator(".st-key-pay-links button").first.click()
    link = page.get_by_role("link", name=re.compile(rf"Pay {len(numbers)} orders · CNY"))
    expect(link).to_be_visible(timeout=60_000)
    screenshot(page, tmp_path / "pay.png")
    with page.expect_popup() as opened:
        link.click()
    cashier = opened.value
    assert all(number in cashier.content() for number in numbers)
    cashier.get_by_role("button", name=re.compile("Pay")).first.click()
    expect(cashier.get_by_text("Nothing to pay")).to_be_visible()
    page.bring_to_front()
    page.locator(".st-key-paid-0 button").first.click()
    expect(link).to_have_count(0, timeout=60_000)
    expect(page.get_by_text("No unpaid order here.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_runs_over_the_edge(booked: App, new_page: Opener, width: int, scheme: str, tmp_path: Path) -> None:
    page = open_page(new_page(width=width, scheme=scheme), f"{booked.url}/pay")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, tmp_path / f"pay-{width}-{scheme}.png")
