"""A small case worked out by hand: every figure once. Times are UTC, the zone is UTC, the reporting currency EUR.

| line | pieces | ¥ reference | paid by the customer | what happened |
|---|---|---|---|---|
| 1-1 | 2 | 10.00 | Mon 08:00 | booked 10:00 by li at 11.00, freight 3.00; paid 12:00 at 10.50; sent Wed 12:00 |
| 1-2 | 3 | 20.00 | Mon 08:00 | refused; ready 11:00; booked 14:00 by wang at 20.00; expired Wed 14:00; ready Thu 08 |
| 2-1 | 4 | none | Tue 00:00 | booked Tue 09:00 by li at 5.00; paid, as told Tue 20:00; refunded Thu 10:00, held |
| 3-1 | 1 | 50.00 | Wed 00:00 | unknown Wed 09:00; settled 09:30: booked; unpaid, withdrawn by the customer Fri 06:00 |
| 4-1 | 5 | 8.00 | Fri 10:00 | ready; waits |
| 5-1 | 6 | 9.00 | Thu 12:00 | ready Thu 12:00, held Thu 13:00: out of stock |
| 6-1 | 7 | 2.00 | Thu 20:00 | withdrawn from the queue Thu 22:00 |

It is Friday 12:00. One CNY is 0.125 EUR on Monday, 0.128 from Tuesday.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.reports import Basis, Report, backlog, weekly
from autopurchase.services.verify import verify
from autopurchase.storage import histories, rates, schema
from autopurchase.storage.histories import Past, Said
from tests.reports.conftest import Archive, open_archive
from tests.reports.test_histories import column, opens

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
NOW = MONDAY + timedelta(days=4, hours=12)
WEEK = "2026-W47"
MON, TUE, WED, THU, FRI = range(5)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of the week."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


class Book:
    """The past as it is written down."""

    def __init__(self, archive: Archive) -> None:
        self.past, self.archive = Past(), archive
        self.session = archive.accounts.sessions["taobao"][0]

    def order(self, number: int, paid: datetime, lines: list[tuple[int, int | None]], price: int = 1_000) -> None:
        """A paid order of (pieces, reference in fen); imported 10 minutes later."""
        self.past.orders.append({
            "source_id": self.archive.accounts.sources[0], "external_id": str(number), "number": f"ORD-{number:09d}",
            "customer": "Anna", "state": "open", "status": "paid", "currency": "EUR", "goods_minor": 100,
            "total_minor": 100, "paid_minor": 100, "refunded_minor": 0, "delivery_minor": 0, "payable": True,
            "ship_to": {}, "created_at": paid, "paid_at": paid, "imported_at": paid, "read_at": paid,
        })  # fmt: skip
        for line_no, (pieces, reference) in enumerate(lines, 1):
            self.past.lines.append({
                "order": len(self.past.orders) - 1, "line_no": line_no, "number": f"{number}-{line_no}",
                "external_id": f"{number}/{line_no}", "provider": "taobao", "item_id": "7", "title": "Lamp",
                "quantity": pieces, "open_quantity": pieces, "ratio": 1, "currency": "EUR",
                "unit_price_minor": price, "sum_minor": pieces * price, "reference_fen": reference,
                "seller_id": "s1", "seller_name": "Lamps", "extras": {}, "imported_at": paid, "rate": "8",
                "rate_day": "2026-11-16",
            })  # fmt: skip
            self.say(len(self.past.lines) - 1, paid + timedelta(minutes=10), "imported", {"status": "paid"})

    def say(
        self, line: int, when: datetime, kind: str, data: dict[str, Any], actor: str = "clock", **more: Any
    ) -> None:
        """An event."""
        self.past.events.append(Said(line, when, kind, actor, data, **more))

    def booking(
        self, line: int, when: datetime, operator: str, price: int, generation: int, *, live: bool = True,
        deadline: datetime | None = None,
    ) -> int:  # fmt: skip
        """An intent, with a provider order of its own when it is ``live`` at the end."""
        place, pieces = len(self.past.bookings), self.past.lines[line]["quantity"]
        self.past.runs.append({
            "kind": "book", "actor": operator, "state": "done", "session_id": self.session, "call": "book",
            "params": {"accept_prices": place == 0}, "out": {}, "created_at": when,
        })  # fmt: skip
        self.past.bookings.append({
            "run": place, "session_id": self.session, "out_order_id": f"AP-{place}", "state": "confirmed",
            "purchase": {}, "currency": "CNY", "total_minor": price * pieces, "due_at": when, "sent_at": when,
            "created_at": when,
        })  # fmt: skip
        order = None
        if deadline is not None:
            order = len(self.past.provider_orders)
            self.past.provider_orders.append({
                "session_id": self.session, "provider_order_id": f"900{place}", "booking": place, "state": "unpaid",
                "total_fen": price * pieces + 400, "freight_fen": 400, "pay_deadline": deadline,
                "deadline_assumed": True, "first_seen_at": when, "seen_at": when,
            })  # fmt: skip
        self.past.booking_lines.append({
            "booking": place, "line": line, "generation": generation, "live": live, "quantity": pieces,
            "price_fen": price, "provider_order": order, "provider_line": None,
        })  # fmt: skip
        data = {"generation": generation, "session": self.session, "pieces": pieces, "goods_fen": price * pieces}
        self.say(line, when, "booking_queued", data, operator, booking=place, run=place)
        return place


def write(archive: Archive) -> None:
    """The case of the table above."""
    book = Book(archive)
    book.order(1, at(MON, 8), [(2, 1_000), (3, 2_000)])
    book.order(2, at(TUE, 0), [(4, None)])
    book.order(3, at(WED, 0), [(1, 5_000)], price=500)
    book.order(4, at(FRI, 10), [(5, 800)])
    book.order(5, at(THU, 12), [(6, 900)])
    book.order(6, at(THU, 20), [(7, 200)])
    say = book.say
    first = book.booking(0, at(MON, 10), "li", 1_100, 1)
    say(0, at(MON, 10), "booking_confirmed", {"freight_fen": 300}, booking=first)
    paid = {"state": "paid", "reason": "", "inferred": False, "paid_at": at(MON, 12).isoformat(), "goods_fen": 2_100}
    say(0, at(MON, 13), "provider_moved", paid)
    sent = {"state": "shipped", "reason": "", "paid_at": None, "shipped_at": at(WED, 12).isoformat()}
    say(0, at(WED, 13), "provider_moved", sent)
    second = book.booking(1, at(MON, 10), "li", 2_000, 1, live=False)
    say(1, at(MON, 10, 1), "booking_refused", {"cause": "out_of_stock"}, booking=second)
    say(1, at(MON, 11), "made_ready", {"reason": "again"}, "li")
    third = book.booking(1, at(MON, 14), "wang", 2_000, 2, live=False)
    say(1, at(MON, 14), "booking_confirmed", {}, booking=third)
    say(1, at(WED, 14), "provider_moved", {"state": "closed", "reason": "unpaid_timeout"})
    say(1, at(THU, 8), "made_ready", {"reason": "again"}, "wang")
    fourth = book.booking(2, at(TUE, 9), "li", 500, 1, live=False)
    say(2, at(TUE, 9), "booking_confirmed", {}, booking=fourth)
    say(2, at(TUE, 20), "provider_moved", {"state": "paid", "reason": "", "paid_at": None})
    say(2, at(THU, 10), "provider_moved", {"state": "closed", "reason": "refunded"})
    fifth = book.booking(3, at(WED, 9), "li", 5_200, 1, deadline=at(FRI, 17))
    say(3, at(WED, 9), "booking_unknown", {}, booking=fifth)
    say(3, at(WED, 9, 30), "booking_confirmed", {}, booking=fifth)
    say(3, at(FRI, 6), "held", {"cause": "not_payable"}, facts={"open_quantity": 0, "gone": True})
    say(5, at(THU, 13), "held", {"cause": "out_of_stock"})
    say(6, at(THU, 22), "imported", {"status": "cancelled"}, facts={"open_quantity": 0, "gone": True})
    with archive.ctx.db.write() as tx:
        days = [("2026-11-16", "8"), ("2026-11-17", "7.8125")]
        rows = [
            {"currency": "EUR", "day": day, "value": value, "origin": "manual", "actor": "li", "at": MONDAY}
            for day, value in days
        ]
        rates.put(tx, rows)
        histories.write(tx, book.past)
        _around(tx, archive)


def _around(tx: sa.Connection, archive: Archive) -> None:
    """An orphan, a booking of unknown outcome, a ghost, sessions' health, risk signals."""
    session = archive.accounts.sessions["taobao"][1]
    order = {
        "session_id": session, "provider_order_id": "777", "state": "unpaid", "total_fen": 1_234,
        "first_seen_at": at(FRI, 11), "seen_at": at(FRI, 11),
    }  # fmt: skip
    tx.execute(sa.insert(schema.provider_order), [order])
    fresh = order | {"provider_order_id": "778", "first_seen_at": at(FRI, 11, 50)}
    tx.execute(sa.insert(schema.provider_order), [fresh])
    every = archive.accounts.sessions["taobao"] + archive.accounts.sessions["alibaba1688"]
    for hours, key in enumerate(every, 1):
        values: dict[str, Any] = {"synced_at": NOW - timedelta(hours=hours), "state": "active", "daily_cap": 0}
        values |= {"token_expires_at": NOW + timedelta(days=hours * 2 - 2, hours=20)}
        tx.execute(sa.update(schema.session).where(schema.session.c.id == key).values(**values))
    tx.execute(sa.update(schema.session).where(schema.session.c.id == session).values(daily_cap=4))
    tx.execute(sa.update(schema.booking).where(schema.booking.c.out_order_id == "AP-0").values(
        session_id=session, sent_at=at(FRI, 9)))  # fmt: skip
    stat = {
        "session_id": session,
        "hour": at(FRI, 9),
        "outcome": "throttled",
        "calls": 3,
        "total_ms": 9,
        "slowest_ms": 4,
    }
    tx.execute(sa.insert(schema.call_stat), [stat, stat | {"hour": at(THU, 9)}, stat | {"outcome": "ok"}])
    key = tx.execute(sa.select(schema.booking.c.id).where(schema.booking.c.out_order_id == "AP-4")).scalar_one()
    ghost = {
        "kind": "ghost", "key": "x", "session_id": session, "booking_id": key, "believed": {}, "said": {},
        "state": "open", "since": NOW, "seen_at": NOW,
    }  # fmt: skip
    tx.execute(sa.insert(schema.finding), [ghost])


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Report, Report]]:
    """The week and the backlog of the case."""
    home = tmp_path_factory.mktemp("hand")
    archive = open_archive(home, f"sqlite:///{home / 'hand.db'}")
    write(archive)
    basis = Basis(as_of=NOW, zone="UTC", currency="EUR", margin=Decimal("0.30"))
    with archive.ctx.db.read() as tx:
        yield archive, weekly.weekly(tx, WEEK, basis), backlog.backlog(tx, basis)
    archive.workspace.close()


Case = tuple[Archive, Report, Report]


def test_it_is_a_history_like_any_other(case: Case) -> None:
    archive, week, now = case
    assert [each for each in verify(archive.ctx) if "live booking" not in each.what] == []
    with archive.ctx.db.read() as tx:
        assert opens(tx, week) > 200
        assert opens(tx, now) > 90


def test_flow(case: Case) -> None:
    found = column(case[1].sheets["flow"], "pieces")
    assert found == {
        "new_ready": 2 + 3 + 4 + 1 + 5 + 6 + 7 + 4, "again": 4, "booked": 2 + 3 + 4 + 1, "bound": 0,
        "bought": 2 + 4, "inferred": 4, "cancelled": 3, "cancelled:expired": 3, "back": 3, "refunded": 4,
        "withdrawn_queue": 7, "withdrawn_booked": 1, "open_backlog": 3 + 4 + 5 + 6, "open_unpaid": 1, "open_excess": 1,
    }  # fmt: skip
    cny = column(case[1].sheets["flow"], "cny")
    assert (cny["booked"], cny["bought"]) == (Decimal("154.00"), Decimal("41.00"))
    # ¥22 and ¥60 at 0.125 on Monday, ¥20 and ¥52 at 0.128; ¥21 at 0.125, ¥20 at 0.128
    value = column(case[1].sheets["flow"], "value")
    assert (value["booked"], value["bought"]) == (Decimal("19.47"), Decimal("5.19"))


def test_cohort(case: Case) -> None:
    sheet = case[1].sheets["cohort"]
    row = dict(zip([each.name for each in sheet.columns], sheet.rows[-1], strict=True))
    assert (row["mature"], row["booked"], row["bought"], row["expired"], row["cancelled"], row["open"]) == (
        False, 10, 6, 3, 0, 1)  # fmt: skip
    assert (row["refunded"], row["conversion"], row["expired_share"]) == (4, Decimal("0.600000"), Decimal("0.300000"))
    assert (row["booked_value"], row["bought_value"], row["expired_value"]) == (154, 42, 60)


def test_times(case: Case) -> None:
    p50, p90 = column(case[1].sheets["times"], "p50"), column(case[1].sheets["times"], "p90")
    hour = 3_600
    # ready to booked: 2 pieces 2 h, 3 pieces 6 h, 4 pieces 9 h, 1 piece 9.5 h
    assert (p50["time_to_book"], p90["time_to_book"]) == (6 * hour, 9 * hour)
    # booked to bought: 2 pieces 2 h, 4 pieces 11 h
    assert (p50["time_to_buy"], p90["time_to_buy"]) == (11 * hour, 11 * hour)
    assert (p50["ready_to_bought"], p90["ready_to_bought"]) == (20 * hour, 20 * hour)
    assert (p50["tracking_lag"], p90["tracking_lag"]) == (48 * hour, 48 * hour)


def test_yield_and_attempts(case: Case) -> None:
    sheet = case[1].sheets["yield"]
    found = {name: (column(sheet, "hits")[name], column(sheet, "of")[name]) for name in column(sheet, "of")}
    # judged until Friday 12:00: what was ready by Thursday 12:00, 5-1 of that very hour not yet; 4 pieces again
    assert found["booked_in_time"] == (2 + 3 + 4 + 1, 2 + 3 + 4 + 1 + 4)
    assert found["first_pass"] == (2, 4)  # 1-1 and 2-1; 1-2 was refused, 3-1 unknown
    assert found["releases"] == (0, 4)
    assert found["expiry_loss"] == (3, 10)
    assert found["tracked_late"] == (0, 0)
    seconds = column(sheet, "seconds")
    assert (seconds["settle_mean"], seconds["settle_worst"]) == (1_800, 1_800)
    attempts = {(row[0], row[1]): row[3] for row in case[1].sheets["attempts"].rows}
    assert attempts == {("confirmed", ""): 3, ("refused", "out_of_stock"): 1, ("unknown", ""): 1}


def test_variance(case: Case) -> None:
    value, pieces = column(case[1].sheets["variance"], "value"), column(case[1].sheets["variance"], "pieces")
    # reference: ¥20 and ¥60 at 0.125, ¥50 at 0.128; booked: ¥22 and ¥60 at 0.125, ¥52 at 0.128
    assert (value["reference"], value["booked"]) == (Decimal("16.40"), Decimal("16.91"))
    assert (value["variance"], value["price"], value["currency"]) == (Decimal("0.51"), Decimal("0.51"), Decimal("0.00"))
    assert value["freight"] == Decimal("0.38")  # ¥3 at 0.125
    assert value["after_booking"] == Decimal("-0.13")  # ¥21 in place of ¥22, at the rate of the booking
    assert (pieces["no_reference"], pieces["no_rate"]) == (4, 0)
    assert column(case[1].sheets["variance"], "share")["variance"] == Decimal("0.030854")


def test_margin(case: Case) -> None:
    # 3-1: the customer pays 5.00 EUR = ¥40 for what costs ¥52; the others pay 10 EUR a piece
    assert [row[0] for row in case[1].sheets["margin"].rows] == ["3-1"]
    assert case[1].sheets["margin"].rows[0][6] == Decimal("-0.300000")


def test_identities(case: Case) -> None:
    found = {row[0]: row[2:7] for row in case[1].sheets["identities"].rows}
    assert found["unpaid"] == (0, 1, 1, 0, "holds")
    assert found["backlog"] == (0, 18, 18, 0, "holds")
    assert found["excess"] == (0, 1, 1, 0, "holds")
    assert found["cohort"] == (0, 10, 10, 0, "holds")
    assert found["cohort_money"] == (0, 15_400, 15_400, 0, "holds")


def test_cuts(case: Case) -> None:
    sheet = case[1].sheets["by_operator"]
    assert column(sheet, "booked") == {"li": 7, "wang": 3, "not assigned": 0}
    assert column(sheet, "new_ready") == {"li": 4, "wang": 0, "not assigned": 28}
    assert column(sheet, "conversion")["wang"] == 0
    operators = case[1].sheets["operators"]
    assert column(operators, "first_pass") == {"li": Decimal("0.500000"), "wang": None}
    assert column(operators, "overrides") == {"li": 1, "wang": 0}
    sessions = case[1].sheets["sessions"]
    assert column(sessions, "attempts")["taobao-1"] == 5
    assert column(sessions, "unknown")["taobao-1"] == Decimal("0.200000")
    assert column(sessions, "risk")["taobao-2"] == 6
    assert column(case[1].sheets["sources"], "import_age")["shop"] == 600


def test_hygiene(case: Case) -> None:
    sheet = case[1].sheets["hygiene"]
    hits, of = column(sheet, "hits"), column(sheet, "of")
    assert (hits["inferred"], of["inferred"]) == (4, 6)
    assert (hits["assumed"], of["assumed"]) == (1, 1)
    assert (hits["no_reference"], of["no_reference"]) == (1, 4)
    assert hits["not_synced"] == 4  # the week is not over yet


def test_backlog(case: Case) -> None:
    found = {name: figure.value for name, figure in case[2].figures.items()}
    # 1-2: 3 since Monday 08:00; 2-1: 4 since Thursday 10:00; 5-1: 6 since Thursday 12:00; 4-1: 5 since Friday 10:00
    hour = 3_600
    assert (found["backlog_pieces"], found["backlog_lines"]) == (18, 4)
    # ¥60 at Monday's rate, ¥54 and ¥40 at 0.128; 2-1 has no reference price
    assert found["backlog_value"] == Decimal("19.53")
    assert (found["age_p50"], found["age_p90"], found["age_oldest"]) == (24 * hour, 100 * hour, 100 * hour)
    assert found["sla_breach_pieces"] == 3 + 4
    assert found["sla_breach"] == Decimal("0.388889")
    assert found["next_breach"] == 6  # exactly 24 h is not over it yet
    assert (found["held_pieces"], found["explained"]) == (4 + 6, Decimal("1.000000"))
    assert found["over_booked"] == 1
    assert case[2].figures["over_booked"].alarm
    # Friday to Thursday before: booked on Monday, Tuesday, Wednesday: 10 pieces in 45 hours
    assert found["booked_lately"] == 10
    assert found["hours_to_clear"] == Decimal("81.0")
    assert column(case[2].sheets["split"], "pieces") == {"pickable": 8, "in progress": 0, "unknown": 0, "held": 10}
    assert list(column(case[2].sheets["ages"], "pieces").values()) == [5, 0, 6 + 4, 0, 3]
    assert column(case[2].sheets["causes"], "pieces") == {"out_of_stock": 6, "refunded": 4}


def test_what_waits_for_payment(case: Case) -> None:
    found = {name: figure.value for name, figure in case[2].figures.items()}
    assert (found["unpaid_pieces"], found["unpaid_orders"]) == (1, 1)
    assert found["unpaid_exposure"] == Decimal("56.00")
    assert (found["expiring_6"], found["expiring_24"], found["overdue"]) == (1, 1, 0)
    assert column(case[2].sheets["unpaid"], "assumed")["all"] == 1


def test_what_nobody_knows(case: Case) -> None:
    found = {name: figure.value for name, figure in case[2].figures.items()}
    assert (found["unknown"], found["unknown_oldest"]) == (0, None)
    assert (found["orphans"], found["orphans_value"]) == (1, Decimal("12.34"))  # one is younger than 15 minutes
    assert found["ghosts"] == 1


def test_sessions(case: Case) -> None:
    found = {name: figure.value for name, figure in case[2].figures.items()}
    assert found["sync_age_p95"] == 4 * 3_600
    assert found["sessions_expiring"] == 1
    assert found["risk_today"] == 3
    sheet = case[2].sheets["sessions"]
    assert column(sheet, "used")["taobao-2"] == 1
    assert column(sheet, "used_share") == {
        "1688-1": None, "1688-2": None, "taobao-1": None, "taobao-2": Decimal("0.250000"),
    }  # fmt: skip
