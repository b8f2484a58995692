"""The whole way of a line in a real browser: pick, Book, confirm, pay at the marketplace, synchronize, sent."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.support.browser import (
    App,
    Opener,
    cells,
    click_all_rows,
    click_row,
    open_page,
    screenshot,
    settle,
)
from tests.support.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
PAGES = ("", "ready", "purchased", "order?order=1", "journal", "mapping", "sessions", "sources")
READY, BOUGHT = "ready-table", "bought-table"


def ask(app: App, query: str) -> list[tuple[object, ...]]:
    """Rows of the app's database, read beside it."""
    home = app.server.log.parent / "home"
    with sqlite3.connect(f"file:{home / 'autopurchase.db'}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def one(app: App, query: str) -> int:
    """The one number a query gives."""
    return int(str(ask(app, query)[0][0]))


def market(app: App) -> str:
    """Where the practice marketplace answers."""
    return str(ask(app, "select value from workspace where key = 'demo'")[0][0])


def confirm(page: Page) -> None:
    """Book what is picked: the button, the check by the worker, the confirmation."""
    page.locator(".st-key-book button").first.click()
    button = page.locator(".st-key-confirm button").first
    button.wait_for(timeout=60_000)
    settle(page)
    button.click()
    page.locator('[data-testid="stDialog"]').wait_for(state="detached", timeout=15_000)
    settle(page)


def test_the_first_address_after_a_start_may_be_any_page_and_meets_the_frame(demo: App, page: Page) -> None:
    """Streamlit's old multipage mode would run the page's file alone; a notice it leaves on top is closed here."""
    page.goto(f"{demo.url}/ready")
    expect(page.get_by_role("heading", name="Ready for purchase")).to_be_visible(timeout=60_000)
    settle(page)
    expect(page.get_by_role("link", name="Goods purchased")).to_be_visible()
    expect(page.get_by_text("A practice marketplace on this computer")).to_be_visible()


def test_three_clicks_book_a_hundred_lines_and_payment_and_shipping_come_back(demo: App, page: Page) -> None:
    open_page(page, f"{demo.url}/ready?ready_provider=taobao")
    click_all_rows(page, key=READY)
    expect(page.get_by_text("100 lines picked")).to_be_visible()
    confirm(page)
    expect(page.get_by_text(re.compile(r"Queued as run \d+"))).to_be_visible()
    run = one(demo, "select max(id) from run where kind = 'book'")
    wait_until(
        lambda: one(demo, f"select count(*) from booking where run_id={run} and state in ('queued','sending')") == 0,
        timeout=60,
        what="every booking of the run",
    )
    assert one(demo, f"select count(*) from booking where run_id={run} and state='confirmed'") > 20
    page.get_by_role("link", name=f"Run {run} in the journal").click()
    expect(page.get_by_text(re.compile(r"\d+ booked")).first).to_be_visible()
    pay_and_ship(demo, page, run)


def test_a_run_is_undone_and_booked_again_under_a_new_reference(demo: App, page: Page) -> None:
    open_page(page, f"{demo.url}/ready?ready_provider=alibaba1688")
    click_row(page, 0, key=READY)
    confirm(page)
    run = one(demo, "select max(id) from run where kind = 'book'")
    wait_until(
        lambda: ask(demo, f"select state from run where id={run}") == [("done",)], timeout=60, what="the booking"
    )
    open_page(page, f"{demo.url}/journal?run={run}")
    page.locator(f".st-key-undo-{run} button").first.click()
    button = page.locator(".st-key-cancel-confirm button").first
    button.wait_for(timeout=15_000)
    settle(page)
    page.locator(".st-key-cancel-reason input").fill("picked by mistake")
    button.click()
    expect(page.locator('[data-testid="stDialog"]').get_by_text("1 cancelled")).to_be_visible(timeout=60_000)
    undo = one(demo, "select max(id) from run where kind = 'cancel'")
    assert ask(demo, f"select state, why from cancel where run_id={undo}") == [("confirmed", "undo")]
    open_page(page, f"{demo.url}/journal?run={undo}")
    page.locator(f".st-key-rebook-{undo} button").first.click()
    again = page.locator(".st-key-confirm button").first
    again.wait_for(timeout=60_000)
    settle(page)
    again.click()
    line = f"select line_id from booking_line b join booking k on k.id=b.booking_id where k.run_id={run}"
    generations = f"select generation, live from booking_line where line_id in ({line}) order by generation"
    wait_until(lambda: ask(demo, generations) == [(1, 0), (2, 1)], timeout=60, what="the second booking")


def pay_and_ship(demo: App, page: Page, run: int) -> None:
    """Pay three of the run's orders at the marketplace, synchronize, let them be sent, synchronize again."""
    orders = [
        str(row[0])
        for row in ask(
            demo,
            "select provider_order_id from provider_order p join booking b on b.id = p.booking_id "
            f"where b.run_id = {run} order by p.id limit 3",
        )
    ]
    requests.post(f"{market(demo)}/pay", data={"ids": ",".join(orders)}, timeout=10).raise_for_status()
    numbers = ",".join(f"'{number}'" for number in orders)
    purchased = f"select count(*) from provider_order where provider_order_id in ({numbers}) and state = "
    synchronize(demo, page, lambda: one(demo, purchased + "'paid'") == 3)
    open_page(page, f"{demo.url}/purchased?bought_state=bought")
    shown = " ".join(cells(page, BOUGHT))
    assert all(number in shown for number in orders)
    for number in orders:
        requests.post(f"{market(demo)}/order/{number}", data={"do": "ship"}, timeout=10).raise_for_status()
    synchronize(demo, page, lambda: one(demo, purchased + "'shipped'") == 3)
    open_page(page, f"{demo.url}/purchased?bought_state=sent")
    known = {str(row[0]) for row in ask(demo, "select number from parcel")}
    assert known & set(cells(page, BOUGHT))


def synchronize(demo: App, page: Page, done: Callable[[], bool]) -> None:
    """Press the button on Goods purchased and wait until what must be seen is seen."""
    open_page(page, f"{demo.url}/purchased")
    page.locator(".st-key-sync button").first.click()
    wait_until(done, timeout=60, what="the synchronization")
    expect(page.locator('[class*="st-key-cell-1"]').get_by_text("Done").first).to_be_visible(timeout=15_000)


def test_two_clicks_half_a_second_apart_are_one_run(demo: App, page: Page) -> None:
    open_page(page, f"{demo.url}/ready?ready_provider=alibaba1688")
    click_row(page, 0, key=READY)
    before = one(demo, "select count(*) from run where kind = 'book'")
    page.keyboard.press("Control+b")
    button = page.locator(".st-key-confirm button").first
    button.wait_for(timeout=60_000)
    settle(page)
    box = button.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*middle)
    page.wait_for_timeout(500)  # the hazard is this very pause
    page.mouse.click(*middle)
    settle(page)
    assert one(demo, "select count(*) from run where kind = 'book'") == before + 1


def test_picks_survive_a_refresh_that_moves_rows(demo: App, page: Page) -> None:
    open_page(page, f"{demo.url}/ready?ready_provider=taobao")
    click_row(page, 0, key=READY)
    click_row(page, 3, key=READY)
    expect(page.get_by_text("2 lines picked")).to_be_visible()
    numbers = [text for text in cells(page, READY) if re.fullmatch(r"\d+-\d+", text)]
    cancel(demo, numbers[0])
    page.locator(".st-key-ready-clear button").first.click()
    settle(page)
    gone = page.get_by_text(re.compile(rf"1 picked line is no longer here: {numbers[0]}\b"))
    expect(gone).to_be_visible()
    expect(page.get_by_text("1 line picked")).to_be_visible()


def cancel(demo: App, number: str) -> None:
    """Somebody else cancels a line at the command line."""
    words = ["-m", "autopurchase", "line", "status", number, "--to", "cancelled", "--reason", "asked by the customer"]
    home = demo.server.log.parent / "home"
    subprocess.run([sys.executable, *words], check=True, env={**os.environ, "AUTOPURCHASE_HOME": str(home)}, timeout=60)


ORDER = """order_number,line_no,provider,item_id,quantity,unit_price,currency,created_at,paid_at,paid_amount,order_total
ORD-000900001,1,taobao,650000104729,2,12.90,USD,2026-11-20T09:00:00Z,2026-11-20T09:05:00Z,25.80,25.80
ORD-000900002,1,taobao,650000104729,none,12.90,USD,2026-11-20T09:00:00Z,2026-11-20T09:05:00Z,12.90,12.90
"""


def test_an_order_file_is_uploaded_and_imported_by_the_worker(demo: App, page: Page) -> None:
    open_page(page, f"{demo.url}/sources")
    file = {"name": "orders.csv", "mimeType": "text/csv", "buffer": ORDER.encode()}
    page.locator('[data-testid="stFileUploader"] input').set_input_files(file)  # type: ignore[arg-type]
    settle(page)
    page.locator(".st-key-import-file button").first.click()
    expect(page.get_by_text("1 row not taken").first).to_be_visible(timeout=30_000)
    open_page(page, f"{demo.url}/order?order=900001")
    expect(page.get_by_role("heading", name="ORD-000900001")).to_be_visible()


def test_a_pick_moves_few_bytes(demo: App, page: Page) -> None:
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    open_page(page, f"{demo.url}/ready")
    assert sum(received) < 66_000  # three times a page with 100 plain rows
    received.clear()
    click_row(page, 1, key=READY)
    assert sum(received) < 10_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_every_page_is_pictured_and_nothing_runs_over_its_edge(
    demo: App, new_page: Opener, width: int, scheme: str, tmp_path: Path
) -> None:
    page = new_page(width=width, scheme=scheme)
    for address in PAGES:
        open_page(page, f"{demo.url}/{address}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
        name = address.partition("?")[0] or "overview"
        screenshot(page, tmp_path / f"{name}-{width}-{scheme}.png")
