"""The second opinion on figures: a fold over events in plain Python, written from the definitions and nothing else.

It shares no code with the product but the fold that gives a line its status and purchase state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import sqlalchemy as sa

from autopurchase.domain.history import LineState, step
from autopurchase.storage import schema

CLOSED_BECAUSE = {
    "unpaid_timeout": "expired", "cancelled_by_buyer": "operator", "cancelled_by_seller": "seller",
    "closed_by_platform": "risk", "refunded": "seller",
}  # fmt: skip


@dataclass
class Effect:
    """Something an event did: to the backlog (L), to over-booked pieces (D), to unpaid ones (U)."""

    kind: str
    at: datetime
    pieces: int
    line: int
    backlog: int = 0
    excess: int = 0
    unpaid: int = 0
    why: str = ""
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Booking:
    """A confirmed booking of a line, and what became of it."""

    line: int
    at: datetime
    pieces: int
    goods: int
    reference: int | None
    freight: int
    paid_day: str
    ready_at: datetime | None
    first: bool
    operator: str
    session: int | None
    bound: bool
    bought_at: datetime | None = None
    bought_goods: int | None = None
    ended_at: datetime | None = None
    ended: str = ""  # cancelled or refunded
    why: str = ""

    @property
    def fate(self) -> str:
        """Which of the four it counts as."""
        if self.bought_at:
            return "bought"
        if not self.ended:
            return "open"
        return "expired" if self.why == "expired" else "cancelled"


@dataclass
class Line:
    """A line while its events are read."""

    key: int
    state: LineState = field(default_factory=LineState)
    wants: int = 0
    known: dict[str, Any] = field(default_factory=dict)
    booking: Booking | None = None
    queued: dict[str, Any] = field(default_factory=dict)
    operator: str = ""
    ready_at: datetime | None = None
    tries: int = 0
    booked_once: bool = False
    unknown_since: datetime | None = None
    tracked: bool = False
    moved_at: datetime | None = None

    @property
    def held_pieces(self) -> int:
        """Pieces in a live booking."""
        return self.booking.pieces if self.booking else 0

    def wanted(self) -> int:
        """Pieces somebody should buy or has bought."""
        status, purchase = self.state.status.value, self.state.purchase.value
        if status == "cancelled":
            return 0
        if status in ("returned_to_vendor", "impossible_to_deliver"):
            return self.held_pieces
        if self.booking:
            return self.wants
        if status in ("awaiting_payment", "price_confirmation"):
            return 0
        if purchase in ("booking", "problem") or (purchase == "ready" and status == "paid"):
            return self.wants
        return 0

    @property
    def need(self) -> int:
        """n = wanted − booked."""
        return self.wanted() - self.held_pieces


def whole_seconds(time: timedelta) -> timedelta:
    """Durations are counted in whole seconds."""
    return timedelta(seconds=int(time.total_seconds()))


def positive(n: int) -> int:
    """max(0, n)."""
    return max(0, n)


class Fold:
    """Everything there is, folded."""

    def __init__(self, connection: sa.Connection) -> None:
        self.effects: list[Effect] = []
        self.bookings: list[Booking] = []
        self.attempts: list[tuple[datetime, str, str, int]] = []  # when, outcome, cause, which attempt
        self.lines: dict[int, Line] = {}
        query = sa.select(schema.event).order_by(schema.event.c.id)
        for row in connection.execute(query).mappings():
            self._event(self.lines.setdefault(row["line_id"], Line(row["line_id"])), row)

    # --- reading ---

    def _event(self, line: Line, row: Mapping[Any, Any]) -> None:
        data, at, kind = row["data"], row["at"], row["kind"]
        was_status, before = line.state.status.value, line.need
        line.state = step(line.state, kind, data)
        if kind in ("booking_queued", "bound"):
            line.queued, line.operator = data, row["actor"]
        if kind in ("booking_confirmed", "bound"):
            self._booked(line, data, at, before, bound=kind == "bound")
        elif kind == "booking_unknown" and line.unknown_since is None:
            line.unknown_since, line.tries = at, line.tries + 1
            self.attempts.append((at, "unknown", "", line.tries))
        elif kind in ("booking_refused", "booking_requeued"):
            self._refused(line, data, at, kind)
        elif kind == "provider_moved":
            self._moved(line, data, at, before)
        elif kind in ("cancelled", "unbound"):
            why = "unbound" if kind == "unbound" else "release" if data.get("why") == "release" else "operator"
            self._ended(line, at, before, why)
        told = kind in ("booking_confirmed", "bound", "provider_moved", "cancelled", "unbound")
        after_booking = line.need if told else before
        self._wanted_more_or_less(line, at, after_booking, was_status, data)
        now = data.get("now", {})
        was = line.need
        line.known.update(now)
        line.wants = now.get("wants", line.wants)
        self._wanted_more_or_less(line, at, was, was_status, data)

    def _wanted_more_or_less(
        self, line: Line, at: datetime, before: int, was_status: str, data: Mapping[str, Any]
    ) -> None:
        change = line.need - before
        if not change:
            return
        kind = "split" if "split_from" in data else "ready" if change > 0 else "withdrawn"
        when = at
        if change > 0 and before == 0 and not line.booking:
            paid = line.known.get("paid_at")
            first = line.ready_at is None and was_status != "price_confirmation"
            when = min(datetime.fromisoformat(paid), at) if first and paid else at
            when = max(when, line.moved_at) if line.moved_at else when
            line.ready_at, line.tries, line.booked_once = when, 0, False
        self._effect(line, kind, when, abs(change), before)

    def _effect(self, line: Line, kind: str, at: datetime, pieces: int, before: int, **more: Any) -> None:
        after = line.need
        line.moved_at = at
        self.effects.append(
            Effect(kind, at, pieces, line.key, positive(after) - positive(before),
                   positive(-after) - positive(-before), more.pop("unpaid", 0), more.pop("why", ""), more)
        )  # fmt: skip

    def _booked(self, line: Line, data: Mapping[str, Any], at: datetime, before: int, *, bound: bool) -> None:
        if line.booking:
            return
        pieces = line.queued["pieces"]
        reference = line.known.get("reference")
        line.booking = Booking(
            line.key, at, pieces, data.get("goods_fen", line.queued["goods_fen"]),
            None if reference is None else reference * pieces, data.get("freight_fen", 0),
            (line.known.get("paid_at") or line.ready_at.isoformat())[:10] if line.ready_at else "", line.ready_at,
            not line.booked_once, line.operator, line.queued.get("session"), bound,
        )  # fmt: skip
        self.bookings.append(line.booking)
        if not bound and line.unknown_since is None:
            self.attempts.append((at, "confirmed", "", line.tries + 1))
        settled = line.unknown_since
        line.unknown_since, line.tries, line.booked_once, line.tracked = None, 0, True, False
        self._effect(line, "booked", at, pieces, before, unpaid=pieces, settled=settled)

    def _refused(self, line: Line, data: Mapping[str, Any], at: datetime, kind: str) -> None:
        if line.unknown_since is not None:
            seconds = int((at - line.unknown_since).total_seconds())
            self.effects.append(Effect(kind, at, 0, line.key, more={"settled": line.unknown_since, "seconds": seconds}))
            line.unknown_since = None
        elif kind == "booking_refused":
            line.tries += 1
            self.attempts.append((at, "refused", data["cause"], line.tries))

    def _moved(self, line: Line, data: Mapping[str, Any], at: datetime, before: int) -> None:
        if data["state"] == "closed":
            self._ended(line, at, before, CLOSED_BECAUSE.get(data["reason"], "other"))
            return
        booking = line.booking
        if booking is None or data["state"] in ("unpaid", "unknown"):
            return
        if booking.bought_at is None:
            paid = datetime.fromisoformat(data["paid_at"]) if data.get("paid_at") else at
            booking.bought_at = min(max(paid, booking.at), at)
            booking.bought_goods = data.get("goods_fen", booking.goods)
            inferred = bool(data.get("inferred")) or not data.get("paid_at")
            self.effects.append(
                Effect("bought", booking.bought_at, booking.pieces, line.key, unpaid=-booking.pieces,
                       more={"inferred": inferred, "booking": booking})
            )  # fmt: skip
        if data["state"] in ("shipped", "delivered", "completed") and not line.tracked:
            sent = datetime.fromisoformat(data["shipped_at"]) if data.get("shipped_at") else at
            line.tracked = True
            moment = min(max(sent, booking.bought_at), at)
            self.effects.append(Effect("tracked", moment, booking.pieces, line.key, more={"booking": booking}))

    def _ended(self, line: Line, at: datetime, before: int, why: str) -> None:
        booking, line.booking = line.booking, None
        if booking is None:
            return
        if why == "operator" and line.wants == 0:
            why = "customer"
        booking.ended_at, booking.why = at, why
        booking.ended = "refunded" if booking.bought_at else "cancelled"
        unpaid = 0 if booking.bought_at else -booking.pieces
        self._effect(line, booking.ended, at, booking.pieces, before, unpaid=unpaid, why=why)
        if booking.ended == "refunded" and line.need > 0:
            line.ready_at, line.tries, line.booked_once = at, 0, False

    # --- figures of a stretch of time ---

    def flow(self, start: datetime, end: datetime) -> dict[str, int]:
        """The column of pieces of the flow table, and what is open at the end."""
        found: dict[str, int] = defaultdict(int)
        for effect in self.effects:
            if not start <= effect.at < end:
                continue
            if effect.kind in ("ready", "refunded"):
                found["new_ready"] += effect.backlog
            if effect.kind == "refunded":
                found["again"] += effect.backlog
            if effect.kind in ("booked", "bought", "cancelled", "refunded"):
                found[effect.kind] += effect.pieces
            if effect.kind == "bought" and effect.more["inferred"]:
                found["inferred"] += effect.pieces
            if effect.kind == "cancelled":
                found[f"cancelled:{effect.why}"] += effect.pieces
                found["back"] += effect.backlog
            if effect.kind == "withdrawn":
                found["withdrawn_queue"] -= effect.backlog
                found["withdrawn_booked"] += effect.excess
        found["bound"] = sum(each.pieces for each in self.bookings if each.bound and start <= each.at < end)
        return dict(found) | {f"open_{name}": value for name, value in self.levels(end).items()}

    def levels(self, moment: datetime) -> dict[str, int]:
        """L, U and D just before a moment."""
        before = [effect for effect in self.effects if effect.at < moment]
        return {name: sum(getattr(effect, name) for effect in before) for name in ("backlog", "unpaid", "excess")}

    def cohort(self, start: datetime, end: datetime) -> dict[str, int]:
        """Pieces by fate of what was booked."""
        found = dict.fromkeys(("bought", "expired", "cancelled", "open", "refunded"), 0)
        for booking in self.bookings:
            if start <= booking.at < end:
                found[booking.fate] += booking.pieces
                found["refunded"] += booking.pieces if booking.ended == "refunded" else 0
        return found

    def times(self, start: datetime, end: datetime) -> dict[str, tuple[int | None, int | None]]:
        """p50 and p90 of each time."""
        first = [each for each in self._booked_in(start, end) if each.first]
        booked = [(each.at - each.ready_at, each.pieces) for each in first if each.ready_at]
        bought = [effect for effect in self.effects if effect.kind == "bought" and start <= effect.at < end]
        to_buy = [(effect.at - effect.more["booking"].at, effect.pieces) for effect in bought]
        whole = [(e.at - e.more["booking"].ready_at, e.pieces) for e in bought if e.more["booking"].ready_at]
        sent = [effect for effect in self.effects if effect.kind == "tracked" and start <= effect.at < end]
        lag = [(effect.at - effect.more["booking"].bought_at, effect.pieces) for effect in sent]
        named = {"time_to_book": booked, "time_to_buy": to_buy, "ready_to_bought": whole, "tracking_lag": lag}
        return {name: (nearest_rank(values, 50), nearest_rank(values, 90)) for name, values in named.items()}

    def _booked_in(self, start: datetime, end: datetime) -> list[Booking]:
        return [each for each in self.bookings if start <= each.at < end]

    def outcomes(self, start: datetime, end: datetime) -> dict[tuple[str, str], int]:
        """Attempts by outcome and cause."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        for at, outcome, cause, _ in self.attempts:
            if start <= at < end:
                found[outcome, cause] += 1
        return dict(found)

    def first_pass(self, start: datetime, end: datetime) -> tuple[int, int]:
        """(confirmed, all) first attempts."""
        first = [outcome for at, outcome, _, which in self.attempts if which == 1 and start <= at < end]
        return first.count("confirmed"), len(first)

    def in_time(self, start: datetime, end: datetime, sla: timedelta) -> tuple[int, int]:
        """(booked within the SLA, all) pieces of what became ready so long before the span's moments."""
        hits = total = 0
        for effect in self.effects:
            if effect.kind not in ("ready", "refunded") or effect.backlog <= 0 or not start <= effect.at + sla < end:
                continue
            clock = self._clock_of(effect)
            done = any(
                each.line == effect.line
                and each.ready_at == clock
                and effect.at <= each.at
                and whole_seconds(each.at - clock) <= sla
                for each in self.bookings
            )
            gone = any(
                other.line == effect.line and other.kind == "withdrawn" and other.backlog < 0
                and effect.at <= other.at and whole_seconds(other.at - clock) <= sla and self._clock_of(other) == clock
                for other in self.effects
            )  # fmt: skip
            if done or not gone:
                total += effect.backlog
                hits += effect.backlog if done else 0
        return hits, total

    def _clock_of(self, effect: Effect) -> datetime:
        """Since when the line was ready at that effect: the last time it became so."""
        starts = [
            other.at
            for other in self.effects
            if other.line == effect.line and other.at <= effect.at
            and (other.kind == "refunded" or (other.kind == "ready" and other.backlog == other.pieces))
        ]  # fmt: skip
        return max(starts, default=effect.at)

    def variance(self, start: datetime, end: datetime, rate: Callable[[str], Decimal | None]) -> dict[str, Decimal]:
        """Reference, booked, V and its parts, freight; in the reporting currency, exact."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        with localcontext(prec=60):
            for each in self._booked_in(start, end):
                then, now = rate(each.paid_day), rate(each.at.date().isoformat())
                if each.reference is None:
                    found["no_reference"] += each.pieces
                elif then is None or now is None:
                    found["no_rate"] += each.pieces
                else:
                    goods, reference = Decimal(each.goods) / 100, Decimal(each.reference) / 100
                    found["reference"] += reference * then
                    found["booked"] += goods * now
                    found["variance"] += goods * now - reference * then
                    found["price"] += (goods - reference) * then
                    found["currency"] += goods * (now - then)
                    found["freight"] += Decimal(each.freight) / 100 * now
            for effect in self.effects:
                if effect.kind == "bought" and start <= effect.at < end:
                    booking = effect.more["booking"]
                    now = rate(booking.at.date().isoformat())
                    if now is not None:
                        found["after_booking"] += Decimal(booking.bought_goods - booking.goods) / 100 * now
        return dict(found)

    # --- now ---

    def parts(self) -> dict[tuple[str, str], int]:
        """Pieces of the backlog by part and cause."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        for line in self.lines.values():
            if line.need <= 0:
                continue
            purchase = line.state.purchase.value
            if line.booking:
                found["held", "part_booked"] += line.need
            elif purchase == "booking":
                found["unknown" if line.unknown_since else "in progress", ""] += line.need
            elif purchase == "ready":
                found["pickable", ""] += line.need
            else:
                found["held", line.state.cause] += line.need
        return dict(found)

    def ages(self, now: datetime) -> list[tuple[timedelta, int]]:
        """(age, pieces) of the backlog."""
        return [(now - line.ready_at, line.need) for line in self.lines.values() if line.need > 0 and line.ready_at]


def nearest_rank(values: Iterable[tuple[timedelta, int]], percent: int) -> int | None:
    """Piece by piece, laid out in a row: the first at which so many per cent are reached. In seconds."""
    row = sorted(value for value, pieces in values for _ in range(pieces))
    if not row:
        return None
    place = -(-percent * len(row) // 100)
    return int(row[place - 1].total_seconds())
