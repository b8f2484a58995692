"""The browser's part of the page bench: two servers, one Chromium, both sides in turn."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, sync_playwright

from tests.support.browser import ARGS, HEADER_HEIGHT, ROW_HEIGHT, App, settle, start_app, table

Sides = tuple[list[float], list[float]]

FIRST_CELL = "() => document.querySelector('[data-testid=\"stDataFrame\"] td[role=gridcell]')"
#: milliseconds from the mouse button going down until the run that follows has ended and is painted: ``window.spent``.
#: The end of a run is a short message whose last field says so; the page's own mark may never change in a fast run.
WATCH = """
const FRAGMENT = 3;  // a run of a fragment has ended
window.began = window.spent = 0;
document.addEventListener('pointerdown', () => { window.began = performance.now() }, {capture: true});
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...words) {
    super(...words);
    this.addEventListener('message', ({data}) => {
      if (!window.began || window.spent || !(data instanceof ArrayBuffer) || data.byteLength > 100) return;
      const [field, value] = new Uint8Array(data).slice(-2);
      if (field !== 0x30 || (value !== 0 && value !== FRAGMENT)) return;
      requestAnimationFrame(() => requestAnimationFrame(() => { window.spent = performance.now() - window.began }));
    });
  }
};
"""


def measure(home: Path, floor_script: Path, rounds: int) -> dict[str, Sides]:
    """Milliseconds (cold, warm, click) and kilobytes (wire, click_wire): ours and the floor's, ``rounds`` each."""
    found: dict[str, Sides] = {name: ([], []) for name in ("cold", "warm", "click", "wire", "click_wire")}
    with _servers(home, floor_script) as urls, _chromium() as browser:
        for url in urls:  # a server's first visitor waits for its imports
            _visit(browser, url)
        for _ in range(rounds):
            for side, url in enumerate(urls):
                for name, value in _visit(browser, url).items():
                    found[name][side].append(value)
    return found


@contextmanager
def _servers(home: Path, floor_script: Path) -> Iterator[tuple[str, str]]:
    started: list[App] = []
    try:
        started.append(start_app(home))
        started.append(start_app(home.parent / "floor", script=floor_script, PAGE_FLOOR_DB=os.environ["PAGE_FLOOR_DB"]))
        yield f"{started[0].url}/ready", started[1].url
    finally:
        for app in started:
            app.stop()


@contextmanager
def _chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise RuntimeError("no Chromium on this machine: apt-get install chromium, or say --no-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


def _visit(browser: Browser, url: str) -> dict[str, float]:
    """One new profile: the page twice, and a click in the second."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="UTC")
    context.add_init_script(WATCH)
    try:
        first, cold, _ = _open(context, url)
        first.close()
        page, warm, received = _open(context, url)
        settle(page)
        wire = sum(received)
        click = _click(page)
        more = sum(received) - wire
        return {"cold": cold, "warm": warm, "click": click, "wire": wire / 1000, "click_wire": more / 1000}
    finally:
        context.close()


def _open(context: BrowserContext, url: str) -> tuple[Page, float, list[int]]:
    """The page, milliseconds until its first cell, and the sizes of what its websocket brought (it grows)."""
    received: list[int] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append(len(frame)))

    page = context.new_page()
    page.on("websocket", listen)
    page.goto(url, wait_until="commit")
    page.wait_for_function(FIRST_CELL, polling="raf", timeout=60_000)
    return page, float(page.evaluate("performance.now()")), received


def _click(page: Page) -> float:
    """Tick the third row."""
    box = table(page).bounding_box()
    if box is None:
        raise RuntimeError("the table is not visible")
    page.evaluate("window.began = window.spent = 0")
    page.mouse.click(box["x"] + 16, box["y"] + HEADER_HEIGHT + ROW_HEIGHT * 2.5)
    page.wait_for_function("() => window.spent > 0", timeout=15_000)
    settle(page)
    return float(page.evaluate("window.spent"))
