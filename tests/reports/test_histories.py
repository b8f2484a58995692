"""Generated pasts: identities leave nothing, SQL says what a plain fold over the events says, and every number opens.

A failing past is made again by its seed, which is in the test's name.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from autopurchase.demo.stories import Chances
from autopurchase.reports import Basis, Filters, Report, Sheet, backlog, lines, trend, week_balance, weekly
from autopurchase.reports.ages import BOUNDS
from autopurchase.reports.exact import Rates, rounded, share
from autopurchase.reports.week_data import WeekData
from autopurchase.reports.weeks import week as week_named
from autopurchase.reports.weeks import week_of
from tests.reports.conftest import END, Archive
from tests.support.figures_fold import Fold, nearest_rank

SEEDS = range(200)
TOGETHER = 20
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
#: troubles come often in small pasts
TROUBLED = Chances(
    late_import=0.1, price_confirmation=0.1, no_reference=0.1, withdrawn=0.08, refused=0.1, unknown=0.1, bound=0.1,
    expired=0.1, undone=0.06, by_seller=0.05, released=0.05, price_changed=0.15, late_paid=0.15, inferred=0.15,
    refunded=0.1, over_booking=0.08,
)  # fmt: skip


def column(sheet: Sheet, name: str) -> dict[str, Any]:
    """First cell of each row -> a column of it."""
    place = [each.name for each in sheet.columns].index(name)
    return {row[0]: row[place] for row in sheet.rows}


@pytest.mark.parametrize("first", SEEDS[::TOGETHER])
def test_generated_pasts(shelf: Archive, first: int) -> None:
    for seed in range(first, first + TOGETHER):
        check(shelf, seed)


@pytest.mark.parametrize("seed", range(900, 903))
def test_generated_pasts_on_each_database(archive: Archive, seed: int) -> None:
    check(archive, seed)


def check(archive: Archive, seed: int) -> None:
    """One past: every week adds up; one week and the backlog say what the fold says."""
    dice = random.Random(seed)
    basis = archive.basis(zone=dice.choice(ZONES), currency=dice.choice(("CNY", "EUR", "USD")))
    shape = {"seed": seed, "weeks": 4, "orders_per_week": dice.randint(2, 5), "chances": TROUBLED}
    with archive.past(**shape) as tx:
        fold = Fold(tx)
        weeks = [week_of(END, basis.zone).before(back) for back in range(5)]
        for week in weeks:
            data = WeekData(tx, week.name, basis, Filters())
            start, end = week_balance.stood(tx, data.scope, basis.zone, (week.start, week.end))
            balance = week_balance.identities(data, start, end)
            assert [row[5] for row in balance.rows] == [0] * 5, (seed, week.name, balance.rows)
        chosen = dice.choice(weeks[:3])
        same_week(weekly.weekly(tx, chosen.name, basis), fold, basis, Rates(tx, basis.currency), seed)
        same_backlog(backlog.backlog(tx, basis), fold, seed)
        same_trend(trend.trend(tx, basis, weeks=5), fold, weeks[::-1])


def same_week(report: Report, fold: Fold, basis: Basis, rates: Rates, seed: int) -> None:
    """The week's report says what the fold says."""
    found = week_named(report.period, basis.zone)
    start, end = found.start, found.end
    flow = column(report.sheets["flow"], "pieces")
    ours = fold.flow(start, end)
    assert {name: count for name, count in flow.items() if count} == {n: c for n, c in ours.items() if c}, seed
    fates = fold.cohort(start, end)
    cohort = report.sheets["cohort"]
    this = dict(zip([each.name for each in cohort.columns], cohort.rows[-1], strict=True))
    assert {name: this[name] for name in fates} == fates, seed
    shares = [this[name] for name in ("conversion", "expired_share", "cancelled_share", "open_share")]
    assert this["booked"] == 0 or abs(sum(shares) - 1) < Decimal("0.00001")
    p50, p90 = column(report.sheets["times"], "p50"), column(report.sheets["times"], "p90")
    assert {name: (p50[name], p90[name]) for name in p50} == fold.times(start, end), seed
    attempts = {(row[0], row[1]): row[3] for row in report.sheets["attempts"].rows}
    assert attempts == fold.outcomes(start, end), seed
    hits, of = column(report.sheets["yield"], "hits"), column(report.sheets["yield"], "of")
    assert (hits["first_pass"], of["first_pass"]) == fold.first_pass(start, end), seed
    judged = fold.in_time(start, max(start, min(end, END)), basis.sla)
    assert (hits["booked_in_time"], of["booked_in_time"]) == judged, seed
    same_prices(report, fold.variance(start, end, rates.on), basis, seed)
    cuts_add_up(report)


def same_prices(report: Report, ours: Mapping[str, Decimal], basis: Basis, seed: int) -> None:
    """The variance and its parts are exact, and say what the fold says."""
    value, pieces = column(report.sheets["variance"], "value"), column(report.sheets["variance"], "pieces")
    for name in ("reference", "booked", "variance", "price", "currency", "freight", "after_booking"):
        assert value[name] == rounded(ours.get(name, Decimal(0)), basis.currency), (seed, name)
    assert (pieces["no_reference"], pieces["no_rate"]) == (ours.get("no_reference", 0), ours.get("no_rate", 0)), seed
    if ours:
        assert ours.get("variance", 0) == ours.get("price", 0) + ours.get("currency", 0)


def cuts_add_up(report: Report) -> None:
    """Every cut of a figure sums to the figure; what belongs to nobody is a row."""
    flow = column(report.sheets["flow"], "pieces")
    for dimension in ("source", "provider", "session", "seller", "operator"):
        sheet = report.sheets[f"by_{dimension}"]
        for name in ("new_ready", "booked", "bought", "cancelled", "refunded"):
            assert sum(column(sheet, name).values()) == flow[name], (dimension, name)


def same_backlog(report: Report, fold: Fold, seed: int) -> None:
    """The backlog's figures say what the fold says."""
    parts = fold.parts()
    total = sum(parts.values())
    split = column(report.sheets["split"], "pieces")
    assert split == {part: sum(n for (p, _), n in parts.items() if p == part) for part in split}, seed
    assert report.figures["backlog_pieces"].value == total == sum(split.values())
    causes = {cause: pieces for (part, cause), pieces in parts.items() if part == "held"}
    assert column(report.sheets["causes"], "pieces") == causes, seed
    ages = fold.ages(END)
    edges = [timedelta(0), *(timedelta(hours=hours) for hours in BOUNDS), timedelta(days=10_000)]
    buckets = [sum(n for age, n in ages if low <= age < high) for low, high in pairwise(edges)]
    assert list(column(report.sheets["ages"], "pieces").values()) == buckets, seed
    for percent in (50, 90):
        assert report.figures[f"age_p{percent}"].value == nearest_rank(ages, percent), seed
    late = sum(pieces for age, pieces in ages if age > report.basis.sla)
    assert report.figures["sla_breach"].value == share(late, total)
    now = fold.levels(END + timedelta(days=1))
    assert report.figures["unpaid_pieces"].value == now["unpaid"]
    assert report.figures["over_booked"].value == now["excess"]
    for dimension in backlog.CUTS:
        assert sum(column(report.sheets[f"by_{dimension}"], "pieces").values()) == total


def same_trend(sheet: Sheet, fold: Fold, weeks: list[Any]) -> None:
    """Rows of the trend are those of the weeks."""
    names = [each.name for each in sheet.columns]
    assert [row[0] for row in sheet.rows] == [week.name for week in weeks]
    for row, week in zip(sheet.rows, weeks, strict=True):
        found, flow = dict(zip(names, row, strict=True)), fold.flow(week.start, week.end)
        for name in ("booked", "bought", "cancelled", "refunded"):
            assert found[name] == flow.get(name, 0)
        assert found["ready"] == flow.get("new_ready", 0)
        ends = {name: found[name] for name in ("backlog", "unpaid", "excess")}
        assert ends == {name: flow[f"open_{name}"] for name in ends}


# --- every number opens the lines it is made of ---


def opens(tx: sa.Connection, report: Report) -> int:
    """Whether count and sum of the lines behind each number are the number; how many there are."""
    count = 0
    for figure in report.all_figures():
        assert figure.behind is not None
        rows = lines.rows_behind(tx, figure.behind, report.basis, report.filters)
        again = lines.recount(figure.behind, rows, figure.currency)
        none = figure.value is None and again in (None, 0)
        assert none or again == figure.value, (figure.name, figure.label, figure.value, again, figure.behind)
        count += 1
    return count


def test_every_number_opens_the_lines_it_is_made_of(archive: Archive) -> None:
    basis = archive.basis(currency="EUR")
    with archive.past(seed=5, weeks=3, orders_per_week=14, chances=TROUBLED) as tx:
        found = opens(tx, backlog.backlog(tx, basis))
        found += opens(tx, weekly.weekly(tx, week_of(END, basis.zone).before().name, basis))
    assert found > 300


def test_filtered_numbers_open_the_lines_they_are_made_of(shelf: Archive) -> None:
    basis = shelf.basis(currency="EUR")
    with shelf.past(seed=5, weeks=3, orders_per_week=14, chances=TROUBLED) as tx:
        this = week_of(END, basis.zone)
        seller = tx.execute(sa.text("select seller_id from line order by id limit 1")).scalar_one()
        restricted = [
            Filters(provider="taobao"), Filters(source="second"), Filters(session="1688-1"),
            Filters(operator="wang"), Filters(seller=seller), Filters(session="not assigned"),
        ]  # fmt: skip
        for back, filters in enumerate(restricted):
            found = opens(tx, backlog.backlog(tx, basis, filters, cuts=(*backlog.CUTS, "seller")))
            report = weekly.weekly(tx, this.before(back % 3).name, basis, filters)
            assert found + opens(tx, report) > 100
            assert report.figures["residual"].value == 0, filters
