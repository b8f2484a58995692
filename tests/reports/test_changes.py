"""What must not change figures, what must, and what is said when history is broken or comes late."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.demo import history
from autopurchase.demo.history import Shape
from autopurchase.demo.stories import Chances
from autopurchase.domain.errors import BadInput
from autopurchase.domain.roles import Actor, Role
from autopurchase.reports import Basis, Report, backlog, frozen, weekly
from autopurchase.reports.weeks import week_of
from autopurchase.services import reports
from autopurchase.services.verify import verify
from autopurchase.storage import histories, lines, rates, recount, schema, tallies
from autopurchase.storage.histories import Past
from tests.reports.conftest import END, Archive
from tests.reports.test_histories import TROUBLED, column

BOSS = Actor("mei", Role.MANAGER)
SHAPE = Shape(seed=77, end=END, weeks=4, orders_per_week=12, chances=TROUBLED)
WEEK = week_of(END, "Asia/Shanghai").before(1)


def both(tx: sa.Connection, basis: Basis) -> tuple[Report, Report]:
    """A week and the backlog."""
    return weekly.weekly(tx, WEEK.name, basis), backlog.backlog(tx, basis)


@contextmanager
def told(archive: Archive, past: Past, book: list[dict[str, Any]]) -> Iterator[sa.Connection]:
    """A past as it is given, gone afterwards."""
    with archive.ctx.db.engine.connect() as connection:
        transaction = connection.begin()
        rates.put(connection, book)
        histories.write(connection, past)
        yield connection
        transaction.rollback()


def figures(report: Report) -> dict[str, Any]:
    """Every value of a report, by where it stands; without what names lines or moments of knowing."""
    kept = {name: sheet for name, sheet in report.sheets.items() if name not in ("margin", "sources", "operators")}
    found = {
        (name, row[0], at): value for name, sheet in kept.items() for row in sheet.rows for at, value in enumerate(row)
    }
    return {str(key): value for key, value in found.items()} | {n: f.value for n, f in report.figures.items()}


# --- what changes nothing, or just what it should ---


def test_the_order_in_which_events_come_to_be_known_changes_nothing(shelf: Archive) -> None:
    dice = random.Random(3)
    past, book = history.tell(SHAPE, shelf.accounts)
    basis = shelf.basis(currency="EUR")
    with told(shelf, past, book) as tx:
        before = both(tx, basis)
    later = [
        replace(said, at=said.at + timedelta(seconds=dice.randint(1, 50)))
        if said.kind == "provider_moved" and said.data.get("paid_at") and not said.data.get("inferred") else said
        for said in past.events
    ]  # fmt: skip
    shuffled = dice.sample(range(len(later)), len(later))
    keyed = sorted(zip(shuffled, later, strict=True), key=lambda pair: (pair[1].at, pair[0]))
    order = {line: [said for said in later if said.line == line] for line in {said.line for said in later}}
    events = [order[said.line].pop(0) for _, said in keyed]
    with told(shelf, replace(past, events=events), book) as tx:
        after = both(tx, basis)
    for one, other in zip(before, after, strict=True):
        assert figures(one) == figures(other)


def test_twice_the_quantities_are_twice_the_pieces_and_the_same_rates(shelf: Archive) -> None:
    basis = shelf.basis(currency="EUR")
    found = []
    for scale in (1, 2):
        past, book = history.tell(replace(SHAPE, scale=scale), shelf.accounts)
        with told(shelf, past, book) as tx:
            found.append(both(tx, basis))
    for one, other in zip(*found, strict=True):
        for name, sheet in one.sheets.items():
            if name in ("operators", "margin"):  # price bands and texts
                continue
            for row, twice in zip(sheet.rows, other.sheets[name].rows, strict=True):
                for each, value, double in zip(sheet.columns, row, twice, strict=True):
                    if each.unit == "pieces":
                        assert double == 2 * value, (name, row)
                    if each.unit in ("share", "seconds", "lines") and (name, each.name) not in _BY_MONEY:
                        assert double == value, (name, row)


#: shares of money: freight does not double
_BY_MONEY = {("variance", "share")}


def test_a_rate_moves_only_what_currency_did(shelf: Archive) -> None:
    basis = shelf.basis(currency="EUR")
    past, book = history.tell(SHAPE, shelf.accounts)
    found = []
    for factor in (Decimal(1), Decimal("1.2")):
        with told(shelf, past, book) as tx:
            moved = [
                row | {"value": str(Decimal(row["value"]) * factor)}
                for row in book
                if row["currency"] == "EUR" and row["day"] > WEEK.start.date().isoformat()
            ]
            rates.put(tx, moved)
            only = sa.text(
                "select count(*) from movement where kind='booked' and ref_day > :day and at >= :a and at < :b"
            )
            inside = tx.execute(
                only, {"day": WEEK.start.date().isoformat(), "a": _sql(WEEK.start), "b": _sql(WEEK.end)}
            )
            assert inside.scalar_one() > 0
            found.append(weekly.weekly(tx, WEEK.name, basis))
    one, other = (column(report.sheets["variance"], "value") for report in found)
    assert one["currency"] != other["currency"]
    pieces = [column(report.sheets["flow"], "pieces") for report in found]
    assert pieces[0] == pieces[1]
    cny = [column(report.sheets["flow"], "cny") for report in found]
    assert cny[0] == cny[1]


def _sql(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ")


def test_another_currency_has_no_part_in_it(shelf: Archive) -> None:
    """Rates of a currency that nobody reports in move nothing."""
    basis = shelf.basis(currency="EUR")
    past, book = history.tell(SHAPE, shelf.accounts)
    with told(shelf, past, book) as tx:
        before = both(tx, basis)
        rates.put(tx, [row | {"value": "3"} for row in book if row["currency"] == "USD"])
        after = both(tx, basis)
    assert [figures(report) for report in before] == [figures(report) for report in after]


def test_sums_say_the_same_merged_or_fresh_and_in_any_zone(archive: Archive) -> None:
    past, book = history.tell(replace(SHAPE, weeks=3), archive.accounts)
    zones = ("Asia/Shanghai", "Europe/Berlin", "Asia/Kathmandu")
    with told(archive, past, book) as tx:
        fresh = [[figures(report) for report in both(tx, archive.basis(zone=zone))] for zone in zones]
        assert tallies.merge(tx, "Asia/Shanghai", limit=200) == 200
        half = [[figures(report) for report in both(tx, archive.basis(zone=zone))] for zone in zones]
        while tallies.merge(tx, "Asia/Shanghai"):
            pass
        whole = [[figures(report) for report in both(tx, archive.basis(zone=zone))] for zone in zones]
    assert fresh == half == whole


# --- broken history ---


@pytest.mark.parametrize("kind", ["booking_confirmed", "provider_moved", "cancelled"])
def test_a_lost_event_is_named_and_never_smoothed_over(archive: Archive, kind: str) -> None:
    archive.keep(seed=77, weeks=4, orders_per_week=12, chances=TROUBLED)
    basis = archive.basis()
    move = {"booking_confirmed": "booked", "provider_moved": "bought", "cancelled": "cancelled"}[kind]
    with archive.ctx.db.write() as tx:
        query = sa.select(schema.movement).where(schema.movement.c.kind == move).order_by(schema.movement.c.id.desc())
        lost = tx.execute(query.limit(1)).mappings().one()
        number = tx.execute(sa.select(schema.line.c.number).where(schema.line.c.id == lost["line_id"])).scalar_one()
        tx.execute(sa.delete(schema.event).where(schema.event.c.id == lost["event_id"]))
        report = weekly.weekly(tx, week_of(lost["at"], basis.zone).name, basis)
        whole = weekly.weekly(tx, week_of(lost["at"], basis.zone).before().name, basis)
    assert report.figures["residual"].value > 0
    assert report.figures["residual"].alarm
    states = column(report.sheets["identities"], "state")
    assert "unreconciled" in states.values()
    assert {row[0] for row in report.sheets["unreconciled"].rows} == {number}
    assert whole.figures["residual"].value == 0
    assert any(number in difference.what for difference in verify(archive.ctx))


def test_figures_are_rebuilt_from_history(archive: Archive) -> None:
    """Also from the events of a program that did not count: they say less, and get what they lack from the ledger."""
    archive.keep(seed=78, weeks=3, orders_per_week=10)
    basis = archive.basis()
    with archive.ctx.db.write() as tx:
        before = [figures(report) for report in both(tx, basis)]
        for row in tx.execute(sa.select(schema.event.c.id, schema.event.c.data)).all():
            data = {name: value for name, value in row.data.items() if name not in _NEW}
            tx.execute(sa.update(schema.event).where(schema.event.c.id == row.id).values(data=data))
        values = {"standing": None, "part": "", "backlog": 7, "unpaid": 7, "excess": 7, "clock_at": None}
        tx.execute(sa.update(schema.line).values(**values))
        recount.keep_out(tx)
        recount.rebuild(tx)
        after = [figures(report) for report in both(tx, basis)]
    assert verify(archive.ctx) == []
    same = ("flow:booked", "flow:bought", "flow:cancelled", "flow:refunded", "flow:open_unpaid")
    assert {name: after[0][name] for name in after[0] if name in same} == {
        n: before[0][n] for n in before[0] if n in same
    }
    assert after[0]["booked"] == before[0]["booked"] > 0
    assert after[0]["bought"] == before[0]["bought"] > 0
    assert after[0]["residual"] == 0


_NEW = {"now", "pieces", "session", "goods_fen", "freight_fen", "paid_at", "inferred", "shipped_at"}


# --- freezing ---


class Clock:
    """Time that stands until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """The moment."""
        return self.moment


def test_late_events_are_restated_and_the_frozen_report_stays_as_it_is(archive: Archive) -> None:
    archive.keep(seed=79, weeks=4, orders_per_week=14, end=WEEK.end, chances=Chances(late_paid=1.0))
    clock = Clock(WEEK.end + timedelta(hours=6))
    ctx = replace(archive.ctx, clock=clock)
    with pytest.raises(BadInput, match="not over yet"):
        reports.freeze(ctx, BOSS, week_of(clock.moment, "Asia/Shanghai").name)
    made = reports.freeze(ctx, BOSS, WEEK.name)
    assert (made.period, made.version) == (WEEK.name, 1)
    body = _body(archive)
    as_frozen = reports.read(ctx, BOSS, WEEK.name)
    assert frozen.to_text(as_frozen) == body
    clock.moment += timedelta(days=2)
    pieces, cost = _pay_late(archive, clock.moment)
    nextweek = week_of(clock.moment, "Asia/Shanghai").name
    report = reports.weekly(ctx, BOSS, nextweek)
    (row,) = [row for row in report.sheets["restated"].rows if row[2] == "bought"]
    was = column(as_frozen.sheets["flow"], "pieces")["bought"]
    assert row == (WEEK.name, 1, "bought", was, was + pieces, pieces, Decimal(cost).scaleb(-2))
    now = reports.weekly(ctx, BOSS, WEEK.name)
    assert column(now.sheets["flow"], "pieces")["bought"] == was + pieces
    assert now.figures["residual"].value == 0
    assert _body(archive) == body
    assert frozen.to_text(reports.read(ctx, BOSS, WEEK.name, 1)) == body
    assert reports.freeze(ctx, BOSS, WEEK.name).version == 2
    assert frozen.to_text(reports.read(ctx, BOSS, WEEK.name, 1)) == body
    assert [each.version for each in reports.versions(ctx, BOSS, WEEK.name)] == [2, 1]
    again = reports.weekly(ctx, BOSS, nextweek)
    assert not [row for row in again.sheets["restated"].rows if row[2] == "bought"]  # known to the newer version
    assert verify(ctx) == []


def _body(archive: Archive) -> str:
    with archive.ctx.db.read() as tx:
        query = sa.select(schema.report.c.body).where(schema.report.c.version == 1)
        return str(tx.execute(query).scalar_one())


def _pay_late(archive: Archive, now: datetime) -> tuple[int, int]:
    """An order that was paid in the frozen week, as a sync learns days later; (pieces, fen)."""
    with archive.ctx.db.write() as tx:
        query = sa.select(schema.line.c.id, schema.line.c.standing, schema.line.c.unpaid).where(
            schema.line.c.unpaid > 0
        )
        found = tx.execute(query.order_by(schema.line.c.id)).mappings().all()
        chosen = next(
            row for row in found if row["standing"]["booked_at"] < (WEEK.end - timedelta(hours=1)).isoformat()
        )
        paid = (WEEK.end - timedelta(hours=1)).isoformat()
        data = {"provider_order": "1", "state": "paid", "reason": "", "paid_at": paid, "inferred": False}
        lines.record(tx, [lines.Event(chosen["id"], "provider_moved", data)], at=now, actor="clock", run_id=None)
        return chosen["unpaid"], chosen["standing"]["goods"]


def test_a_tampered_report_is_not_shown(archive: Archive) -> None:
    archive.keep(seed=80, weeks=2, orders_per_week=5)
    ctx = replace(archive.ctx, clock=Clock(END))
    reports.freeze(ctx, BOSS)
    with archive.ctx.db.write() as tx:
        tx.execute(sa.update(schema.report).values(body=schema.report.c.body + " "))
    with pytest.raises(BadInput, match="digest"):
        reports.read(ctx, BOSS, WEEK.name)
    with pytest.raises(BadInput, match="was not frozen"):
        reports.read(ctx, BOSS, "2020-W01")
