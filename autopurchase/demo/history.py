"""A believable past: weeks of orders, bookings, payments, expiries, cancels, refunds, price changes, late events.

The same seed makes the same past. A line's story is told by `stories`; here orders come in, operators book what is
ready three times a working day, and rates move.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from autopurchase.demo.stories import Booker, Chances, Story
from autopurchase.domain.order import short_number
from autopurchase.sandbox import Item, Sku, catalogue
from autopurchase.storage import histories, rates, tallies
from autopurchase.storage.database import Connection
from autopurchase.storage.histories import Past, Said

_ZONE = ZoneInfo("Asia/Shanghai")
#: hours at which operators book
_HOURS = (9, 13, 17)
#: CNY for one unit in the first week, and how often the currency comes
_CURRENCIES = {"USD": (Decimal("7.12"), 5), "EUR": (Decimal("7.79"), 4), "GBP": (Decimal("9.08"), 1)}
_CUSTOMERS = ("Anna Meyer", "Lukas Schneider", "Sofia Rossi", "María García", "Zofia Kowalska", "Olu Adeyemi")
_OPERATORS = ("li", "wang", "zhao")


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of a past, and of what kind. ``scale`` multiplies every quantity; ``first_number``: of its orders.

    ``until``: when the last order came in; ``end``: nothing is told after it. ``settled``: nothing is left half-way.
    """

    seed: int
    end: datetime
    weeks: int = 8
    orders_per_week: int = 60
    until: datetime | None = None
    first_number: int = 1
    scale: int = 1
    settled: bool = False
    chances: Chances = field(default_factory=Chances)
    origin: str = "http://127.0.0.1:9"
    share_booked: float = 0.93  # of what is ready when operators book


@dataclass(frozen=True, slots=True)
class Accounts:
    """Through what is bought: provider -> ids of its sessions; sources by id."""

    sessions: dict[str, list[int]]
    sources: list[int]


def make(connection: Connection, shape: Shape, accounts: Accounts) -> list[int]:
    """Write a past; returns the ids of its lines. The sums of its figures are merged."""
    past, book = tell(shape, accounts)
    rates.put(connection, book)
    keys = histories.write(connection, past)
    while tallies.merge(connection, _ZONE.key) == tallies.BATCH:
        pass
    return keys


def make_calls(connection: Connection, now: datetime, session_ids: Sequence[int], days: int = 56) -> None:
    """What calls of these sessions came to, hour by hour: mostly well, now and then not."""
    dice = random.Random(len(session_ids))  # noqa: S311 - believable figures, not secrets
    rows: list[dict[str, object]] = []
    first = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    for hour in range(days * 24):
        moment = first + timedelta(hours=hour)
        if not 8 <= moment.astimezone(_ZONE).hour < 20:
            continue
        for key in session_ids:
            rows += _calls(dice, key, moment)
    histories.insert_calls(connection, rows)


def _calls(dice: random.Random, key: int, moment: datetime) -> list[dict[str, object]]:
    slow = dice.random() < 0.02
    found = []
    for outcome, calls, often in (
        ("ok", dice.randint(10, 90), 1.0),
        ("throttled", 2, 0.03),
        ("provider_down", 3, 0.01),
    ):
        if dice.random() < often:
            typical = dice.randint(900, 2500) if slow else dice.randint(110, 320)
            found.append({
                "session_id": key, "hour": moment, "outcome": outcome, "calls": calls, "total_ms": calls * typical,
                "slowest_ms": typical * dice.randint(2, 6),
            })  # fmt: skip
    return found


def tell(shape: Shape, accounts: Accounts) -> tuple[Past, list[dict[str, object]]]:
    """The past as rows, and the exchange rates of its days."""
    teller = _Teller(shape, accounts)
    return teller.tell(), teller.rates


class _Teller:
    """Tells a past from its first order to its end."""

    def __init__(self, shape: Shape, accounts: Accounts) -> None:
        self.shape, self.accounts = shape, accounts
        self.dice = random.Random(shape.seed)  # noqa: S311 - believable goods, not secrets
        self.past = Past()
        self.start = shape.end - timedelta(weeks=shape.weeks)
        self.until = min(shape.until or shape.end, shape.end)
        self.goods = [item for item in catalogue(shape.origin) if item.market in accounts.sessions]
        self._day_rates = self._draw_rates()
        self.rates: list[dict[str, object]] = [
            {"currency": code, "day": day, "value": str(value), "origin": "file", "actor": "clock", "at": self.start}
            for (code, day), value in self._day_rates.items()
        ]
        self.booker = Booker(self.past, shape.chances, self.dice, shape.end, settled=shape.settled)
        self._ready: list[tuple[datetime, int, Story]] = []

    def _draw_rates(self) -> dict[tuple[str, str], Decimal]:
        """Every day's rates: a walk of half a per cent a day at most."""
        found = {}
        for code, (value, _) in _CURRENCIES.items():
            for day in range((self.shape.end - self.start).days + 2):
                value *= 1 + Decimal(self.dice.randint(-50, 50)) / 10_000
                moment = self.start + timedelta(days=day)
                found[code, moment.date().isoformat()] = value.quantize(Decimal("0.0001"))
        return found

    def tell(self) -> Past:
        """Orders first, then booking after booking; what comes back to the queue is booked again."""
        for number in range(self._count()):
            self._order(number)
        for moment in self._bookings():
            self._book(moment)
        return self.past

    def _count(self) -> int:
        days = max(1, (self.until - self.start).days)
        return round(self.shape.orders_per_week * days / 7)

    # --- orders ---

    def _order(self, number: int) -> None:
        """An order, paid and imported; evenly spread over the time, busier by day."""
        share = (number + self.dice.random()) / self._count()
        created = self.start + (self.until - self.start) * share
        paid = created + timedelta(minutes=self.dice.randint(1, 40))
        late = self.dice.random() < self.shape.chances.late_import
        seen = paid + timedelta(minutes=self.dice.randint(300, 3000) if late else self.dice.randint(1, 12))
        if seen > self.shape.end:
            return
        currency = self.dice.choices(list(_CURRENCIES), [weight for _, weight in _CURRENCIES.values()])[0]
        market = self.dice.choice(sorted(self.accounts.sessions))
        goods = self._goods(market)
        name = f"ORD-{self.shape.first_number + number:09d}"
        place = len(self.past.orders)
        rows = [self._line(name, place, at, goods_of, currency, paid) for at, goods_of in enumerate(goods, 1)]
        self.past.orders.append(self._order_row(name, currency, created, paid, seen, rows))
        for row in rows:
            self._begin(row, seen)

    def _goods(self, market: str) -> list[tuple[Item, Sku]]:
        """One to five lines, mostly of one seller."""
        first = self.dice.choice([item for item in self.goods if item.market == market])
        same = [item for item in self.goods if item.seller.id == first.seller.id]
        count = self.dice.choices((1, 2, 3, 5), (50, 30, 14, 6))[0]
        every = [first, *(self.dice.choice(same if self.dice.random() < 0.8 else self.goods) for _ in range(count - 1))]
        return [(item, self.dice.choice(item.skus)) for item in every]

    def _line(
        self, order: str, place: int, line_no: int, goods: tuple[Item, Sku], currency: str, paid: datetime
    ) -> dict[str, object]:
        item, sku = goods
        reference = round(sku.price * (1 + self.dice.randint(-60, 25) / 1000))
        day = paid.date().isoformat()
        rate = self._day_rates[currency, min(day, self.shape.end.date().isoformat())]
        price = int(Decimal(reference) * Decimal("1.25") / rate)
        quantity = (item.minimum + self.dice.choices((0, 1, 2, 4), (60, 25, 10, 5))[0]) * self.shape.scale
        return {
            "order": place, "line_no": line_no, "number": short_number(order, line_no),
            "external_id": f"{order}/{line_no}", "provider": item.market, "item_id": item.item_id,
            "sku_id": sku.sku_id, "spec_id": sku.spec_id if item.market == "alibaba1688" else "",
            "title": item.title_en, "configuration": "; ".join(f"{name}: {word}" for name, word in sku.options_en),
            "configuration_original": "; ".join(f"{name}: {word}" for name, word in sku.options),
            "quantity": quantity, "open_quantity": quantity, "ratio": 1, "currency": currency,
            "unit_price_minor": price, "sum_minor": price * quantity,
            "reference_fen": None if self.dice.random() < self.shape.chances.no_reference else reference,
            "seller_id": item.seller.id, "seller_name": item.seller.name, "weight_grams": sku.weight,
            "item_url": item.item_url, "photo_url": sku.photo_url, "extras": {}, "rate": str(rate), "rate_day": day,
            "imported_at": paid,
        }  # fmt: skip

    def _order_row(
        self,
        number: str,
        currency: str,
        created: datetime,
        paid: datetime,
        seen: datetime,
        rows: Sequence[dict[str, object]],
    ) -> dict[str, object]:
        goods = sum(int(str(row["sum_minor"])) for row in rows)
        delivery = self.dice.randint(800, 6000)
        return {
            "source_id": self.dice.choice(self.accounts.sources), "external_id": number, "number": number,
            "customer": self.dice.choice(_CUSTOMERS), "state": "open", "status": "paid", "currency": currency,
            "goods_minor": goods, "total_minor": goods + delivery, "paid_minor": goods + delivery, "refunded_minor": 0,
            "delivery_minor": delivery, "delivery_service": "Economy air", "payable": True, "ship_to": {},
            "created_at": created, "paid_at": paid, "imported_at": seen, "read_at": seen,
        }  # fmt: skip

    def _begin(self, row: dict[str, object], seen: datetime) -> None:
        """The line is known: paid, or waiting for the customer's consent to its price."""
        place = len(self.past.lines)
        self.past.lines.append({**row, "imported_at": seen})
        story = Story(place, row, seller=str(row["seller_id"]))
        if self.dice.random() < self.shape.chances.price_confirmation:
            consent = seen + timedelta(hours=self.dice.randint(2, 12 if self.shape.settled else 60))
            self.past.events.append(Said(place, seen, "imported", data={"status": "price_confirmation"}))
            if consent > self.shape.end:
                return
            self.past.events.append(
                Said(place, consent, "status_changed", "li", {"status": "paid", "reason": "agreed"})
            )
            seen = consent
        else:
            self.past.events.append(Said(place, seen, "imported", data={"status": "paid"}))
        if self.dice.random() < self.shape.chances.withdrawn and self.booker.withdraw(story, seen):
            return
        self._push(seen, story)

    def _push(self, moment: datetime, story: Story) -> None:
        heapq.heappush(self._ready, (moment, story.line, story))

    # --- booking ---

    def _bookings(self) -> list[datetime]:
        """Moments at which operators book: thrice a day, not on Sundays; once more at the end when all is settled."""
        found = []
        day = self.start.astimezone(_ZONE).replace(minute=0, second=0, microsecond=0)
        while day < self.shape.end:
            if day.weekday() < 6:
                found += [day.replace(hour=hour).astimezone(UTC) for hour in _HOURS]
            day += timedelta(days=1)
        return sorted(moment for moment in found if self.start <= moment < self.shape.end)

    def _book(self, moment: datetime) -> None:
        """Book what is ready, by session, order and seller."""
        groups: dict[tuple[int, int, str], list[Story]] = {}
        kept: list[Story] = []
        while self._ready and self._ready[0][0] <= moment:
            _, _, story = heapq.heappop(self._ready)
            if not self.shape.settled and self.dice.random() > self.shape.share_booked:
                kept.append(story)
                continue
            session = self._session_of(story)
            groups.setdefault((session, int(str(story.row["order"])), story.seller), []).append(story)
        for story in kept:
            self._push(moment + timedelta(minutes=1), story)
        by_session: dict[int, list[list[Story]]] = {}
        for (session, _, _), stories in groups.items():
            by_session.setdefault(session, []).append(stories)
        for session, found in by_session.items():
            operator = self.dice.choice(_OPERATORS)
            for back, story in self.booker.book(moment, session, operator, found):
                if back <= self.shape.end:
                    self._push(back, story)

    def _session_of(self, story: Story) -> int:
        """Orders of one customer go through one session."""
        found = self.accounts.sessions[str(story.row["provider"])]
        return found[int(str(story.row["order"])) % len(found)]
