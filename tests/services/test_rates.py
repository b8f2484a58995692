"""A line keeps the rate of the day it was paid; nothing is invented, and what was missing is filled in later."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput, NotAllowed
from autopurchase.domain.money import Money
from autopurchase.domain.plan import Candidate, margin
from autopurchase.services import rates, upkeep
from autopurchase.services.verify import verify
from autopurchase.sources.web import read_text
from autopurchase.storage.schema import run, workspace
from tests.support.orders import ADMIN, OPERATOR, START, VIEWER, Workspace, open_workspace, shop_line, shop_order

DAY = START.date()  # the orders of these tests are paid the day before


@pytest.fixture
def work(database_url: str) -> Iterator[Workspace]:
    opened = open_workspace(database_url)
    opened.ctx = replace(opened.ctx, fetch=read_text)
    yield opened
    assert verify(opened.ctx) == []
    opened.ctx.db.close()


class Table:
    """An address that answers with ``text``."""

    def __init__(self) -> None:
        self.text, self.status, self.asked = "", 200, 0
        table = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                table.asked += 1
                self.send_response(table.status)
                self.end_headers()
                self.wfile.write(table.text.encode())

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/daily?key=s3cret"


@pytest.fixture
def table() -> Iterator[Table]:
    served = Table()
    yield served
    served.server.shutdown()
    served.server.server_close()


def rate_of(work: Workspace, number: str) -> tuple[str, str]:
    row = work.line(number)
    return row["rate"], row["rate_day"]


def test_a_line_keeps_the_newest_rate_of_the_day_it_was_paid(work: Workspace) -> None:
    rates.set(work.ctx, OPERATOR, "usd", "7.10", DAY - timedelta(days=9))
    rates.set(work.ctx, OPERATOR, "USD", "7.25", DAY - timedelta(days=2))
    rates.set(work.ctx, OPERATOR, "USD", "9", DAY)
    work.shop.put(shop_order("ORD-000000053"))
    work.sweep()
    assert rate_of(work, "53-1") == ("7.25", str(DAY - timedelta(days=2)))
    rates.set(work.ctx, OPERATOR, "USD", "8", DAY - timedelta(days=1))  # a rate that comes later changes nothing
    work.sweep()
    assert rate_of(work, "53-1")[0] == "7.25"


def test_without_a_rate_the_line_says_so_until_there_is_one(work: Workspace) -> None:
    work.shop.put(shop_order("ORD-000000053"))
    work.sweep()
    assert rate_of(work, "53-1") == ("", "")
    found = work.run(rates.set(work.ctx, OPERATOR, "USD", "7", DAY))
    assert (found["out"]["lines"], rate_of(work, "53-1")) == (0, ("", ""))  # it was paid the day before
    found = work.run(rates.set(work.ctx, OPERATOR, "USD", "7", DAY - timedelta(days=3)))
    assert (found["out"]["lines"], rate_of(work, "53-1")[0]) == (1, "7")


def test_the_rate_follows_the_day_of_payment(work: Workspace) -> None:
    rates.set(work.ctx, OPERATOR, "USD", "7", DAY - timedelta(days=9))
    rates.set(work.ctx, OPERATOR, "USD", "8", DAY)
    order = work.shop.put(shop_order("ORD-000000053", paid=0, paid_at=None))
    work.sweep()
    assert rate_of(work, "53-1")[0] == "7"
    work.shop.put(replace(order, paid=order.total, paid_at=START))
    work.sweep()
    assert rate_of(work, "53-1")[0] == "8"


def test_cny_needs_none(work: Workspace) -> None:
    cny = Money(1250, "CNY")
    line = shop_line(1, unit_price=cny)
    work.shop.put(replace(shop_order("ORD-000000053", line), currency="CNY", total=cny, paid=cny, refunded=cny * 0))
    work.sweep()
    assert rate_of(work, "53-1")[0] == "1"


def candidate(paid: Money, rate: str) -> Candidate:
    return Candidate("53-1", 1, 1, "53", "1", "", "", "", "", 2, "", "", None, paid=paid, rate=rate)


@pytest.mark.parametrize(
    ("paid", "rate", "expected"),
    [
        (Money(1250, "USD"), "7.1", (8875 - 5000, "")),
        (Money(2000, "JPY"), "0.0468", (9360 - 5000, "")),
        (Money(100, "USD"), "7", (700 - 5000, "")),
        (Money(1250, "USD"), "", (None, "no rate for USD")),
    ],
)
def test_margin(paid: Money, rate: str, expected: tuple[int | None, str]) -> None:
    assert margin(candidate(paid, rate), Money(5000, "CNY")) == expected


@pytest.mark.parametrize(
    ("code", "rate", "says"),
    [("US", "7", "three letters"), ("CNY", "1", "always 1"), ("USD", "0", "not an amount"), ("USD", "x", "not a rate"),
     ("USD", "NaN", "not a rate"), ("USD", "-1", "not an amount")],
)  # fmt: skip
def test_what_is_wrong_with_a_rate_is_said(work: Workspace, code: str, rate: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        rates.set(work.ctx, OPERATOR, code, rate)


def test_a_table_of_rates(work: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("currency,day,rate\nUSD,2026-11-01,7.1\nEUR,2026-11-01,8.20\nGBP,soon,9\n", encoding="utf-8")
    found = work.run(rates.import_file(work.ctx, OPERATOR, path))
    assert found["out"]["rates"] == {"set": 2, "unchanged": 0, "rejected": 1}
    shown = [(view.currency, view.rate, view.origin) for view in rates.listing(work.ctx, VIEWER)]
    assert shown == [("EUR", Decimal("8.2"), "file"), ("USD", Decimal("7.1"), "file")]
    assert work.run(rates.import_file(work.ctx, OPERATOR, path))["out"]["rates"]["unchanged"] == 2


BASED = '{"base": "EUR", "date": "2026-11-20", "rates": {"CNY": 7.8, "USD": 1.04, "JPY": 160}}'


@pytest.mark.parametrize(
    ("text", "usd"),
    [
        (BASED, "7.5"),
        ('{"base": "CNY", "rates": {"USD": 0.1333333333}}', "7.500000002"),
        ('[{"currency": "USD", "day": "2026-11-20", "rate": "7.5"}]', "7.5"),
        ('{"rates": [{"currency": "USD", "date": "2026-11-20", "rate": 7.5}]}', "7.5"),
        ("Currency,Day,Rate\nUSD,2026-11-20,7.5\n", "7.5"),
    ],
)
def test_shapes_of_a_fetched_table(text: str, usd: str) -> None:
    found = {rate.currency: rate.value for rate in rates.parse(text, date(2026, 11, 21))}
    assert found["USD"] == usd
    assert "CNY" not in found


@pytest.mark.parametrize("text", ["", "<html>", "{}", '{"base": "EUR", "rates": {"USD": 1}}', "[1]", '{"rates": "x"}'])
def test_what_is_no_table(text: str) -> None:
    with pytest.raises(BadInput):
        rates.parse(text, date(2026, 11, 21))


def test_fetched_once_a_day_and_again_an_hour_after_a_failure(work: Workspace, table: Table) -> None:
    assert rates.fetch_due(work.ctx) is None  # nothing is configured
    rates.configure(work.ctx, ADMIN, table.url)
    assert (rates.address(work.ctx), table.asked) == ("127.0.0.1", 0)
    table.status = 403
    failed = rates.fetch_due(work.ctx)
    assert failed
    assert "403" in work.run(failed)["error"]
    assert rates.fetch_due(work.ctx) is None
    work.clock.pass_time(hours=1)
    table.status, table.text = 200, BASED
    done = rates.fetch_due(work.ctx)
    assert done
    assert work.run(done)["out"]["rates"]["set"] == 3
    work.clock.pass_time(hours=23)
    assert rates.fetch_due(work.ctx) is None
    work.clock.pass_time(hours=2)
    assert rates.fetch_due(work.ctx)
    assert table.asked == 3
    with work.ctx.db.read() as tx:
        kept = str(tx.execute(workspace.select()).all()) + str(tx.execute(run.select()).all())
    assert "s3cret" not in kept
    upkeep.reseal_all(work.ctx)
    assert rates.address(work.ctx) == "127.0.0.1"


def test_an_address_that_is_silent_is_a_failed_run(work: Workspace, table: Table) -> None:
    rates.configure(work.ctx, ADMIN, "http://127.0.0.1:9/x")
    assert "127.0.0.1" in work.run(rates.fetch(work.ctx, OPERATOR))["error"]
    rates.configure(work.ctx, ADMIN, "")
    with pytest.raises(BadInput, match="No address"):
        rates.fetch(work.ctx, OPERATOR)
    with pytest.raises(BadInput, match="begins with https"):
        rates.configure(work.ctx, ADMIN, "ftp://x")
    with pytest.raises(NotAllowed):
        rates.configure(work.ctx, OPERATOR, table.url)
