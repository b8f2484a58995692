"""Every figure on Overview and Weekly opens its lines: what they add up to is the figure, filtered or not.

The figures are those that the pages show and the ways those that the pages offer: a figure added to a page is tested
without a word here, and one that opens nothing must be given a reason in `UNLINKED`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import parse_qsl

import pandas as pd
import pytest
import sqlalchemy as sa
import streamlit as st
from streamlit.testing.v1 import AppTest

from autopurchase import wiring
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import reports
from autopurchase.storage import histories, schema
from autopurchase.ui import guard, keeper
from autopurchase.ui.guard import Person
from tests.reports.conftest import END, Archive, open_archive
from tests.reports.test_by_hand import Book
from tests.reports.test_changes import Clock
from tests.reports.test_histories import TROUBLED
from tests.support.pages import APP, open_app, sound
from tests.support.shown import FIGURE_SPACE, Shown, chart_keys, click_point, numbers

OVERVIEW, WEEKLY, LINES, PAY = (f"pages/manage/{name}.py" for name in ("overview", "weekly", "lines", "pay"))
WEEK, LATER = "2026-W47", "2026-W48"
BOSS = Actor("boss", Role.ADMINISTRATOR)
#: numbers that lead to no lines, by where they stand (a pattern), and why
UNLINKED = {
    r"words: \[\d\]": "the number of a cell of the page",
    r"words: .*schedule.*": "the moment of which the figures are",
    r"words: :small\[\d+ pieces? without a reference price\]": "the table below opens them",
    r"words: .*(frozen|version).*": "when the week was frozen",
    r"title of chart .*": "says in words what its points show, each of which opens",
    r"link to pay: .*": "opens the pay list with the same orders: tested below",
    r"card: Hours to clear": "a rate: the backlog by what was booked an hour",
    r"card: Residual": "what the identities leave: the lines it comes from are named below them",
    r".*: (label|session|provider|seller|operator|source|week|version|mix|number|names|cause|error)": "a name",
    r"How long it has waited: age": "the bounds of a bucket",
    r"(What the backlog is made of|How long it has waited|Held, by cause): share": "the pieces beside it open",
    r"Price against the customer's payment: share": "the value beside it opens",
    r"What the attempts came to: share": "the attempts beside it open",
    r"How far it can be trusted: share": "both numbers that it is made of open",
    r"How far it can be trusted: hits": "of sessions there is no line",
    r"Sessions: (synced|sync_age|expires)": "a time of the account",
    r"Sessions: (cap|used_share)": "the account's limit: what was used of it opens",
    r"Sessions: risk": "calls that the marketplace refused, whatever lines they were about",
    r"Operators: overrides": "runs, not lines",
    r"Margin at risk: (pieces|paid|cost|margin)": "rows are lines, of which each leads to its order",
    r"Sources: rejects": "rows that are no lines: the page Sources lists them",
    r"Released, by what differed: .*": "the released ones of the table above open",
    r"Does it add up: change": "the sum of the flow, which opens above, as its terms say",
    r"Does it add up: (start|end|residual)": "of the cohort, or made of the numbers beside it",
    r"words: .* = .* · .*": "the terms of an identity, each of which opens above",
    r"words: :red\[\*\*.*\*\*\] .*": "an account and its trouble",
    r"Restated since it was frozen: (frozen|now|cny)": "as it was frozen, and that with the change, which opens",
    r"Operations, newest first: (run|at|out)": "a cell of the journal, which it leads to",
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """One workspace for all, which the pages open too: a past, and what pasts do not leave behind."""
    home = tmp_path_factory.mktemp("drill")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOPURCHASE_HOME", str(home))
        patch.setattr(keeper, "keep_worker", lambda opened: None)
        patch.setattr(wiring, "SystemClock", lambda: Clock(END))
        st.cache_data.clear()
        st.cache_resource.clear()
        found = open_archive(home, f"sqlite:///{home / 'autopurchase.db'}")
        fill(found)
        yield found
        st.cache_resource.clear()
        st.cache_data.clear()
        found.workspace.close()


def fill(archive: Archive) -> None:
    """Weeks in which all goes wrong that can, one of them frozen, and what lies about now."""
    archive.keep(seed=1, weeks=3, orders_per_week=14, chances=TROUBLED, share_booked=0.6)
    reports.configure(archive.ctx, BOSS, currency="EUR")
    reports.freeze(replace(archive.ctx, clock=Clock(END - timedelta(days=8))), BOSS, "2026-W46")
    book = Book(archive)
    for number, price in enumerate((1_000, 2_000, None, 4_000), 9_001):
        book.order(number, END - timedelta(hours=23), [(3, price)])
    sent = END - timedelta(hours=2)
    for line, state in enumerate(("unknown", "queued")):
        place = book.booking(line, sent, "li", 1_000, 1)
        book.past.bookings[place] |= {"state": state, "sent_at": sent if state == "unknown" else None}
    book.say(0, sent, "booking_unknown", {}, booking=0)
    with archive.ctx.db.write() as tx:
        histories.write(tx, book.past)
        _deadlines(tx)
        _strays(tx, archive)


def _deadlines(tx: sa.Connection) -> None:
    """Unpaid orders that are overdue, some just now, that soon will be, and one that nobody knows of."""
    hours = (-30, 0, 2, 6, 7, 24, 25, None)
    table = schema.provider_order
    unpaid = tx.execute(sa.select(table.c.id).where(table.c.state == "unpaid").order_by(table.c.id)).scalars().all()
    for key, left in zip(unpaid[: len(hours)], hours, strict=True):
        deadline = None if left is None else END + timedelta(hours=left)
        values = {"pay_deadline": deadline, "deadline_assumed": left == 7}
        tx.execute(sa.update(table).where(table.c.id == key).values(values))


def _strays(tx: sa.Connection, archive: Archive) -> None:
    """An orphan, a ghost, and a session of which the marketplace says that it does too much."""
    session = archive.accounts.sessions["taobao"][1]
    order = {
        "session_id": session, "provider_order_id": "777", "state": "unpaid", "total_fen": 1_234,
        "first_seen_at": END - timedelta(hours=1), "seen_at": END,
    }  # fmt: skip
    tx.execute(sa.insert(schema.provider_order), [order])
    booking = tx.execute(sa.select(sa.func.min(schema.booking.c.id))).scalar_one()
    ghost = {
        "kind": "ghost", "key": "x", "session_id": session, "booking_id": booking, "believed": {}, "said": {},
        "state": "open", "since": END, "seen_at": END,
    }  # fmt: skip
    tx.execute(sa.insert(schema.finding), [ghost])
    for ago in (timedelta(hours=3), timedelta(days=4)):
        refused = {"session_id": session, "hour": END - ago, "outcome": "throttled", "calls": 3, "total_ms": 9,
                   "slowest_ms": 4}  # fmt: skip
        tx.execute(sa.insert(schema.call_stat), [refused])
    seen = {"synced_at": END - timedelta(hours=1), "token_expires_at": END + timedelta(days=9), "daily_cap": 40}
    tx.execute(sa.update(schema.session).values(**seen))


# --- what pages show, and what is behind it ---


def read(page: str, **query: str) -> AppTest:
    """A page with these words in its address."""
    app = open_app(LINES).switch_page(page)  # a page's filters are read from its address when it is opened
    app.query_params |= query
    sound(app.run())
    assert not [error.value for error in app.error]
    return app


@dataclass
class Lines:
    """The page of the lines behind numbers; each address is opened once."""

    app: AppTest = field(default_factory=lambda: AppTest.from_file(str(APP.parent / LINES), default_timeout=30))
    known: dict[str, Opened] = field(default_factory=dict)

    def behind(self, query: str) -> Opened:
        """What the page says at this address."""
        words = dict(parse_qsl(query))
        title = words.pop("title")
        key = json.dumps(words)
        if key not in self.known:
            self.app.query_params = {**words, "title": title}
            sound(self.app.run())
            self.known[key] = Opened.of(self.app, words["behind"])
        return self.known[key]


@dataclass(frozen=True, slots=True)
class Opened:
    """What is told of lines: the number, their count, pieces and amount; and the lines."""

    measure: str
    told: str
    count: int
    pieces: int
    amount: Decimal | None
    currency: str
    rows: pd.DataFrame

    @classmethod
    def of(cls, app: AppTest, behind: str) -> Opened:
        """Read it off the page."""
        assert not [error.value for error in app.error]
        (head,) = [words.value for words in app.markdown if words.value.startswith("#### ")]
        (sums,) = [words.value for words in app.caption if re.match(r"[\d,]+ rows?\b", words.value)]
        parts = sums.split(" · ")
        money = [part.split() for part in parts if re.fullmatch(r"[A-Z]{3} -?[\d,.]+", part)]
        currency, amount = (money[0][0], number(money[0][1])) if money else ("", None)
        frames = [table.value for table in app.dataframe]
        rows = frames[0] if frames else pd.DataFrame()
        _what, measure, _where = json.loads(behind)
        told = head.removeprefix("#### ")
        return cls(measure, told, int(number(parts[0])), int(number(parts[1])), amount, currency, rows)

    def check(self, shown: Shown) -> None:
        """The number is what was shown, and what the lines add up to."""
        said = (shown, self.told, self.measure, self.count)
        told = self.told.removeprefix(f"{self.currency} ") if self.measure == "amount" else self.told
        assert told == shown.told, said
        assert self.count == len(self.rows) > 0, said
        pieces = self.column("pieces")
        assert self.pieces == sum(pieces), said
        if self.amount is not None:
            assert abs(self.amount - sum(self.column("amount"))) <= Decimal("0.005") * self.count, said
        found = self.counted(pieces)
        assert found in (None, told), (*said, found)

    def column(self, name: str) -> list[Decimal]:
        """A column of the lines, as numbers."""
        return [number(cell) for cell in self.rows.get(name, ["0"] * len(self.rows))]

    def counted(self, pieces: list[Decimal]) -> str | None:
        """The number once more from the lines alone; None: it is the amount, which is compared above, or a mean."""
        orders, hits = list(self.rows.get("order", [])), [cell == "yes" for cell in self.rows.get("hit", [])]
        if self.measure in ("pieces", "lines", "orders"):
            made = {"pieces": sum(pieces), "lines": self.count, "orders": len(set(orders))}
            return f"{made[self.measure]:,}"
        if self.measure == "amount":
            assert self.amount is not None
            return f"{self.amount:,}"
        if self.measure.startswith("share"):
            weights = {"share": pieces, "share_lines": [Decimal(1)] * self.count}.get(self.measure)
            if weights is None:  # of orders
                return share({order for order, hit in zip(orders, hits, strict=True) if hit}, set(orders))
            return share([w for w, hit in zip(weights, hits, strict=True) if hit], weights)
        return None if self.measure == "mean" else ranked(list(self.rows["seconds"]), pieces, self.measure)


def number(words: str) -> Decimal:
    """``12 rows``, ``1,204.50``, an empty cell."""
    found = re.search(r"-?[\d,]+(\.\d+)?", words)
    return Decimal(found[0].replace(",", "")) if found else Decimal(0)


def share(part: Any, whole: Any) -> str:
    """A part of a whole: of different things, or of numbers."""
    sums = [Decimal(len(each)) if isinstance(each, set) else sum(each, Decimal(0)) for each in (part, whole)]
    return f"{(sums[0] / sums[1] * 100).quantize(Decimal('0.1'), ROUND_HALF_UP)} %"


def ranked(spans: list[str], pieces: list[Decimal], measure: str) -> str:
    """Nearest rank, weighted by pieces, of lengths of time as they are written."""
    units = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}

    def length(words: str) -> int:
        return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+) (\w+)", words))

    ordered = sorted(zip(map(length, spans), pieces, spans, strict=True))
    wanted = sum(pieces) * {"p50": 50, "p90": 90, "longest": 100}[measure]
    passed = Decimal(0)
    for _length, weight, words in ordered:
        passed += weight
        if passed * 100 >= wanted:
            return words.replace(FIGURE_SPACE, " ").strip()
    raise AssertionError(spans)


@pytest.fixture(scope="module")
def lines(archive: Archive) -> Lines:
    """The page of lines, opened for every number in turn."""
    return Lines()


def check(app: AppTest, lines: Lines, *, least: int, every: int = 1, first: int = 0) -> list[Shown]:
    """Numbers that lead to lines (from the ``first`` on ``every`` so manieth) are what those add up to; all shown."""
    shown = numbers(app)
    leading = [each for each in shown if each.query]
    assert len(leading) >= least
    for each in leading[first % every :: every]:
        lines.behind(each.query).check(each)
    return shown


@pytest.fixture(scope="module")
def linked(archive: Archive) -> set[str]:
    """Places whose numbers lead to lines, on both pages as a whole."""
    apps = read(OVERVIEW), read(WEEKLY, week=WEEK), read(WEEKLY, week=LATER)
    return {each.where for app in apps for each in numbers(app) if each.linked}


def unexplained(shown: list[Shown], linked: set[str]) -> list[Shown]:
    """Numbers that lead nowhere without a reason; where numbers lead to lines, one of nothing may not."""
    bare = [each for each in shown if not each.query and not (each.where in linked and each.nothing)]
    return [each for each in bare if not any(re.fullmatch(known, each.where) for known in UNLINKED)]


def test_every_figure_of_the_overview_opens_its_lines(archive: Archive, lines: Lines, linked: set[str]) -> None:
    shown = check(read(OVERVIEW), lines, least=99)
    assert unexplained(shown, linked) == []
    assert {each.where for each in shown if each.where.startswith("card: ") and each.nothing} == set()


def test_every_figure_of_a_week_opens_its_lines(archive: Archive, lines: Lines, linked: set[str]) -> None:
    shown = check(read(WEEKLY, week=WEEK), lines, least=400)
    shown += check(read(WEEKLY, week=LATER), lines, least=300, every=9)
    assert unexplained(shown, linked) == []
    places = {each.where for each in shown}
    assert {"chart cohort: Bought", "chart trend: Booked", "chart variance: waterfall"} <= places
    assert {"Sources: new_ready", "Sources: import_age"} <= places


#: what the pages are restricted to; SELLER: the one who sold most
RESTRICTED: list[dict[str, str]] = [
    {"source": "second"}, {"provider": "taobao"}, {"session": "1688-1"}, {"operator": "wang"}, {"seller": "SELLER"},
    {"session": "not assigned"}, {"provider": "alibaba1688", "operator": "li", "source": "shop"},
    {"seller": "SELLER", "source": "shop"},
]  # fmt: skip


@pytest.mark.parametrize("part", RESTRICTED, ids=lambda part: "+".join(part.values()))
def test_restricted_figures_open_their_lines_with_the_same_filter(
    archive: Archive, lines: Lines, linked: set[str], part: dict[str, str]
) -> None:
    place = RESTRICTED.index(part)
    with archive.ctx.db.read() as tx:
        seller = schema.line.c.seller_id
        most = sa.select(seller).group_by(seller).order_by(sa.func.count().desc(), seller).limit(1)
        part = {name: value.replace("SELLER", tx.execute(most).scalar_one()) for name, value in part.items()}
    week = (WEEK, LATER, "2026-W46")[place % 3]
    shown = check(read(OVERVIEW, **part), lines, least=10, every=3, first=place)
    shown += check(read(WEEKLY, week=week, **part), lines, least=10, every=8, first=place)
    assert unexplained(shown, linked) == []
    assert [each for each in shown if each.query and not dict(parse_qsl(each.query)).items() >= part.items()] == []


def test_a_click_on_a_point_opens_its_lines(archive: Archive, lines: Lines) -> None:
    clicked = 0
    for page, query in ((OVERVIEW, {}), (WEEKLY, {"week": WEEK})):
        for key, point in chart_keys(read(page, **query)).items():
            app = read(page, **query)
            click_point(app, key, point)
            opened, wanted = Opened.of(app, app.query_params["behind"]), lines.behind(point)
            assert (opened.told, opened.count, opened.pieces) == (wanted.told, wanted.count, wanted.pieces), (page, key)
            clicked += 1
    assert clicked == 7


def test_what_expires_opens_the_same_orders_of_the_pay_list(archive: Archive) -> None:
    """The bounds of metrics: overdue is apart, 24 h has 6 h in it; an order expiring at this moment is overdue."""
    for part, wanted in (({}, (2, 2, 4)), ({"session": "taobao-1"}, None)):
        app = read(OVERVIEW, **part)
        cards = {each.where.removeprefix("card: "): each.told for each in numbers(app)}
        counted = [cards[name] for name in ("Overdue", "Expire within 6 h", "Expire within 24 h")]
        links = [link.proto for link in app.get("page_link") if "pay_soon" in link.proto.query_string]
        told = [str(number(re.sub(r":\w+\[", "", link.label))) for link in links]
        assert told == [count for count in counted if count != "0"]
        assert wanted is None or tuple(map(int, counted)) == wanted
        for link, count in zip(links, told, strict=True):
            listed = read(PAY, **dict(parse_qsl(link.query_string))).dataframe[1].value
            assert len(listed) == int(count)


def test_who_may_not_see_the_pay_list_is_led_to_the_lines(
    archive: Archive, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "local_person", lambda: Person("eve", Role.VIEWER, "en"))
    led = [each for each in numbers(read(OVERVIEW)) if each.where.startswith("link to ")]
    assert [each.told for each in led] == ["2", "2", "4"]
    for each in led:
        lines.behind(each.query).check(each)
