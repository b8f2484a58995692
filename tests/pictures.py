"""The pictures of the documents, taken anew: `python -m tests.pictures docs/images`. Browser tests take the others.

A demo is worked with as people do: lines are booked, some orders are paid and sent; then every page is
photographed in a real browser. Takes some three minutes.
"""

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path

import requests
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.browser import ARGS, click_all_rows, open_page, settle, start_app
from tests.support.processes import wait_until

READY = "ready-table"
#: file -> address; taken at 1280 px in light
PAGES = {
    "purchased": "purchased",
    "order": "order?order=3",
    "sessions": "sessions",
    "sources": "sources",
}
#: those a manager hangs on a wall; taken at both widths, light and dark
WALL = {"overview": "", "weekly": "weekly", "sync": "sync", "journal": "journal"}
WIDTHS, SCHEMES = (1280, 1920), ("light", "dark")
COLOURS = 96


def main(folder: Path) -> None:
    """Take every picture into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="autopurchase-pictures-") as place:
        home = Path(place) / "home"
        app = start_app(home)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(args=ARGS, executable_path=shutil.which("chromium"))
                take(browser, app.url, home, folder)
                browser.close()
        finally:
            app.stop()


def take(browser: Browser, url: str, home: Path, folder: Path) -> None:
    """Work and photograph."""
    with tab(browser) as page:
        page.goto(f"{url}/ready")
        page.get_by_role("heading", name="Ready for purchase").wait_for(timeout=120_000)
        work(page, url, home, folder)
        for name, address in PAGES.items():
            shoot(page, f"{url}/{address}", folder / f"{name}.png")
    for width in WIDTHS:
        for scheme in SCHEMES:
            with tab(browser, width, scheme) as page:
                for name, address in WALL.items():
                    shoot(page, f"{url}/{address}", folder / f"{name}-{width}-{scheme}.png")
    with tab(browser, scheme="dark") as page:
        shoot(page, f"{url}/ready", folder / "ready-dark.png")


def work(page: Page, url: str, home: Path, folder: Path) -> None:
    """Book twice, pay some orders, let some of them be sent, synchronise."""
    for number, provider in enumerate(("taobao", "alibaba1688")):
        open_page(page, f"{url}/ready?ready_provider={provider}")
        click_all_rows(page, key=READY)
        if not number:
            snap(page, folder / "ready.png")
        page.locator(".st-key-book button").first.click()
        page.locator(".st-key-confirm button").first.wait_for(timeout=120_000)
        settle(page)
        if not number:
            snap(page, folder / "plan.png")
        page.locator(".st-key-confirm button").first.click()
        wait_until(partial(booked, home, number + 1), timeout=180, what="the bookings", every=0.5)
    pay_and_ship(home)
    synchronise(page, url)


def booked(home: Path, runs: int) -> bool:
    """Whether so many booking runs of today have ended."""
    states = told(home, "select state from run where kind = 'book' and actor not in ('li', 'wang', 'zhao')")
    return [state for (state,) in states] == ["done"] * runs


def told(home: Path, query: str) -> list[tuple[object, ...]]:
    """What the workspace's database says."""
    with sqlite3.connect(f"file:{home / 'autopurchase.db'}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def pay_and_ship(home: Path) -> None:
    """A person pays half of what was booked, sellers send half of that."""
    origin = str(told(home, "select value from workspace where key = 'demo'")[0][0])
    query = "select provider_order_id from provider_order where state = 'unpaid' order by id"
    numbers = [str(number) for (number,) in told(home, query)]
    paid = numbers[::2]
    requests.post(f"{origin}/pay", data={"ids": ",".join(paid)}, timeout=30).raise_for_status()
    for number in paid[::2]:
        requests.post(f"{origin}/order/{number}", data={"do": "ship"}, timeout=30).raise_for_status()


def synchronise(page: Page, url: str) -> None:
    """Press the button and wait."""
    open_page(page, f"{url}/purchased")
    page.locator(".st-key-sync button").first.click()
    page.locator('[class*="st-key-cell-1"]').get_by_text("Done").first.wait_for(timeout=120_000)


@contextmanager
def tab(browser: Browser, width: int = 1280, scheme: str = "light") -> Iterator[Page]:
    """An empty tab of a browser of its own."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        timezone_id="Asia/Shanghai",
    )
    yield context.new_page()
    context.close()


def shoot(page: Page, url: str, path: Path) -> None:
    """The whole page at an address."""
    open_page(page, url)
    height = int(page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollHeight"))
    size = page.viewport_size or {"width": 1280, "height": 900}
    page.set_viewport_size({"width": size["width"], "height": min(6000, max(900, height + 60))})
    settle(page)
    snap(page, path)
    page.set_viewport_size(size)


def snap(page: Page, path: Path) -> None:
    """What is shown, in few colours: a quarter of the bytes."""
    page.wait_for_timeout(1_500)  # charts and notices move in
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
