"""The pages in a real Chromium: start the app, open it, wait for it, click its tables."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from tests.support.processes import Child, free_port, start

ROOT = Path(__file__).parents[2]
ARGS = [
    "--no-sandbox",  # the sandbox needs rights that root in a container has not
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
IDLE = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app && app.getAttribute('data-test-script-state') !== 'running'
             && app.getAttribute('data-test-connection-state') === 'CONNECTED' }"""
PAINTED = """() => !document.querySelector('[data-testid="stSkeleton"]') &&
  [...document.querySelectorAll('[data-testid="stDataFrame"]')].filter(e => e.checkVisibility()).every(e => {
    const grid = e.querySelector('[role=grid]');
    return grid && (Number(grid.getAttribute('aria-rowcount')) <= 1 || grid.querySelector('td')) })"""
TABLE = '[data-testid="stDataFrame"]'
HEADER_HEIGHT, ROW_HEIGHT = 33, 31  # pixels, with baseFontSize 14


@dataclass(frozen=True)
class App:
    """A running Streamlit server at `url` (no slash at the end)."""

    server: Child
    url: str

    def traceback(self) -> str:
        """Its log if there is a traceback in it, else nothing."""
        log = self.server.read_log()
        return log if "Traceback" in log else ""

    def stop(self) -> None:
        """End it."""
        self.server.stop()


def start_app(home: Path, *, script: Path = ROOT / "app.py", **env: str) -> App:
    """Serve `script` on a free port with the workspace `home` and wait until it is healthy.

    `env` is added to its environment. Raises RuntimeError with its log when it does not come up.
    """
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    words = [
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.port",
        str(port),
        "--server.fileWatcherType",
        "none",
    ]
    server = start(
        [sys.executable, *words],
        log=home.parent / f"{home.name}-app.log",
        env={"AUTOPURCHASE_HOME": str(home), "PYTHONPATH": str(ROOT), **env},
        cwd=ROOT,
    )
    app = App(server, f"http://127.0.0.1:{port}")
    try:
        server.wait_for_health(f"{app.url}/_stcore/health", timeout=60)
    except RuntimeError:
        server.kill()
        raise
    return app


def settle(page: Page, *, timeout: float = 40) -> None:
    """Wait until the script has ended and every visible table is painted."""
    page.wait_for_function(IDLE, timeout=timeout * 1000)
    page.wait_for_timeout(400)  # a click reaches the script, and a new table the page, a moment later
    page.wait_for_function(IDLE, timeout=timeout * 1000)
    page.wait_for_function(PAINTED, timeout=timeout * 1000)


def open_page(page: Page, url: str) -> Page:
    """Go there and wait until it stands still."""
    page.goto(url)
    settle(page)
    return page


def table(page: Page, key: str | None = None) -> Locator:
    """The table with the widget key `key` (a part is enough), or the first one.

    Only tables that are widgets carry their key: an editor, or one with `on_select`.
    """
    found = page.locator(f'[class*="st-key-{key}"] {TABLE}' if key else TABLE).first
    found.wait_for(timeout=5000)
    return found


def click_row(page: Page, row: int, *, shift: bool = False, key: str | None = None) -> None:
    """Tick or untick the box before row number `row` (0 is the first); with Shift, the range up to it."""
    _click_table(page, key, HEADER_HEIGHT + ROW_HEIGHT * row + ROW_HEIGHT / 2, shift)
    settle(page)


def click_all_rows(page: Page, *, key: str | None = None) -> None:
    """Tick or untick the box in the table's header."""
    _click_table(page, key, HEADER_HEIGHT / 2, shift=False)
    settle(page)


def cells(page: Page, key: str | None = None) -> list[str]:
    """The texts of the table's visible cells, row by row."""
    return table(page, key).locator("td[role=gridcell]").all_text_contents()


def screenshot(page: Page, path: Path) -> Path:
    """The whole page as a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True)
    return path


def _click_table(page: Page, key: str | None, y: float, shift: bool) -> None:
    box = table(page, key).bounding_box()
    assert box is not None, "the table is not visible"
    if shift:
        page.keyboard.down("Shift")
    page.mouse.click(box["x"] + 16, box["y"] + y)
    if shift:
        page.keyboard.up("Shift")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, one for a test module: while it is open no event loop can run in this thread."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        yield running
        running.close()


Opener = Callable[..., Page]


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Opener]:
    """`new_page(width=1280, height=900, locale="en-GB", scheme="light", timezone="UTC")`: an empty tab of a
    browser of its own (no shared cookies). An uncaught error in the page's own script fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def make(
        *,
        width: int = 1280,
        height: int = 900,
        locale: str = "en-GB",
        scheme: str = "light",
        timezone: str = "UTC",
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            color_scheme="dark" if scheme == "dark" else "light",
            timezone_id=timezone,
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not errors, f"errors in the page: {errors}"


@pytest.fixture
def page(new_page: Opener) -> Page:
    """One tab, 1280 × 900, English, light."""
    return new_page()
