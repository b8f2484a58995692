"""What becomes of a line once it is booked: confirmed or not, paid or expired, sent, arrived, refunded, withdrawn."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.money import shares
from autopurchase.storage.histories import Past, Said


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely things are. ``over_booking``: the customer withdraws what is booked."""

    late_import: float = 0.03
    price_confirmation: float = 0.03
    no_reference: float = 0.02
    withdrawn: float = 0.02
    refused: float = 0.03
    unknown: float = 0.02
    bound: float = 0.03
    expired: float = 0.05
    undone: float = 0.02
    by_seller: float = 0.015
    released: float = 0.01
    price_changed: float = 0.04
    late_paid: float = 0.03
    inferred: float = 0.05
    refunded: float = 0.02
    over_booking: float = 0.004


@dataclass(slots=True)
class Story:
    """A line on its way. ``generation``: how often it was booked."""

    line: int
    row: dict[str, Any]
    seller: str
    generation: int = 0

    @property
    def pieces(self) -> int:
        """Pieces to buy."""
        return int(self.row["open_quantity"])


Back = tuple[datetime, Story]


class Booker:
    """Books stories and tells how they go on; gives back those that are ready again, and when."""

    def __init__(self, past: Past, chances: Chances, dice: random.Random, end: datetime, *, settled: bool) -> None:
        self.past, self.chances, self.dice, self.end, self.settled = past, chances, dice, end, settled
        self._until_paid = timedelta(hours=24 if settled else 48)
        self._number = 0
        self._items: dict[int, list[int]] = {}  # lines of each provider order

    def _say(self, story: Story, at: datetime, kind: str, actor: str = "clock", **more: Any) -> bool:
        """Tell an event, unless it lies after the end; whether it was told."""
        if at > self.end:
            return False
        self.past.events.append(Said(story.line, at, kind, actor, **more))
        return True

    def _minutes(self, least: int, most: int) -> timedelta:
        return timedelta(minutes=self.dice.randint(least, most), seconds=self.dice.randint(0, 59))

    def _within(self, settled: int, else_: int) -> int:
        """The longest a step takes, in minutes: what must be over by the end goes quicker."""
        return settled if self.settled else else_

    def withdraw(self, story: Story, since: datetime) -> bool:
        """The customer takes the line out of the order before anything is booked."""
        facts = {"open_quantity": 0, "gone": True}
        return self._say(story, since + self._minutes(5, 60), "imported", data={"status": "cancelled"}, facts=facts)

    # --- booking ---

    def book(self, at: datetime, session: int, operator: str, purchases: Sequence[Sequence[Story]]) -> Iterator[Back]:
        """One run of an operator; yields what is ready again later."""
        run = len(self.past.runs)
        done = min(at + timedelta(minutes=6), self.end)
        self.past.runs.append(self._run(at, done, operator, session, len(purchases)))
        for position, stories in enumerate(purchases, 1):
            bound = self.dice.random() < self.chances.bound
            goods = [self._price(story) * story.pieces for story in stories]
            place = self._booking(run, session, at, position, stories, goods, "bound" if bound else "")
            for story in stories:
                story.generation += 1
            if bound:
                yield from self._confirm(at, place, session, operator, stories, goods, "bound", run)
                continue
            for story, fen in zip(stories, goods, strict=True):
                data = {"generation": story.generation, "session": session, "pieces": story.pieces, "goods_fen": fen}
                self._say(story, at, "booking_queued", operator, data=data, run=run, booking=place)
            yield from self._call(at + self._minutes(0, 3), place, session, operator, stories, goods, run)

    def _run(self, at: datetime, done: datetime, operator: str, session: int, total: int) -> dict[str, Any]:
        return {
            "kind": "book", "actor": operator, "state": "done", "session_id": session,
            "call": "shop.plan(all_ready=True).book()", "params": {"lines": [], "accept_prices": False}, "out": {},
            "done": total, "total": total, "created_at": at, "started_at": at, "finished_at": done,
        }  # fmt: skip

    def _price(self, story: Story) -> int:
        """Fen a piece, as the marketplace asks now."""
        reference = story.row["reference_fen"] or 5_000
        return max(1, round(int(reference) * (1 + self.dice.randint(-30, 60) / 1000)))

    def _booking(
        self, run: int, session: int, at: datetime, position: int, stories: Sequence[Story], goods: Sequence[int],
        origin: str,
    ) -> int:  # fmt: skip
        self._number += 1
        place = len(self.past.bookings)
        purchase = {
            "seller_id": stories[0].seller, "goods_fen": sum(goods), "freight_fen": 0, "total_fen": sum(goods),
            "lines": [{"number": story.row["number"], "quantity": story.pieces} for story in stories],
        }  # fmt: skip
        self.past.bookings.append({
            "run": run, "session_id": session, "out_order_id": f"AP-past-{run}-{position}-{self._number}",
            "state": "queued", "purchase": purchase, "currency": "CNY", "total_minor": sum(goods), "attempts": 1,
            "cause": "", "sentence": "", "due_at": at, "sent_at": at, "finished_at": None, "created_at": at,
            "origin": origin,
        })  # fmt: skip
        return place

    def _call(
        self, at: datetime, place: int, session: int, operator: str, stories: Sequence[Story], goods: Sequence[int],
        run: int,
    ) -> Iterator[Back]:  # fmt: skip
        """The create call and its outcome."""
        mood = self.dice.random()
        if mood < self.chances.refused:
            yield from self._refuse(at, place, stories, goods, run, "out_of_stock")
            return
        if mood < self.chances.refused + self.chances.unknown and at <= self.end:
            for story in stories:
                self._say(story, at, "booking_unknown", booking=place, run=run)
            self._set(place, "unknown")
            at += self._minutes(2, 90)
            if self.dice.random() < 0.4:
                yield from self._refuse(at, place, stories, goods, run, "not_placed")
                return
        yield from self._confirm(at, place, session, operator, stories, goods, "booking_confirmed", run)

    def _refuse(
        self, at: datetime, place: int, stories: Sequence[Story], goods: Sequence[int], run: int, cause: str
    ) -> Iterator[Back]:
        live = at > self.end
        self._tie(place, stories, goods, None, [None] * len(stories), live=live)
        if live:
            return
        self._set(place, "refused", at)
        for story in stories:
            self._say(story, at, "booking_refused", data={"cause": cause}, booking=place, run=run)
            back = at if cause == "not_placed" else self._freed(story, at)
            if back is not None:
                yield back, story

    def _freed(self, story: Story, since: datetime) -> datetime | None:
        """A person looks at a held line: most are bought again, some customers have enough."""
        at = since + self._minutes(60, self._within(360, 1500))
        if not self.settled and self.dice.random() < 0.15:
            at += timedelta(days=self.dice.randint(2, 9))
        if self.dice.random() < 0.12:
            self._say(story, at, "status_changed", "li", data={"status": "cancelled", "reason": "customer"})
            return None
        return at if self._say(story, at, "made_ready", "li", data={"reason": "again"}) else None

    def _set(self, place: int, state: str, finished: datetime | None = None) -> None:
        self.past.bookings[place] |= {"state": state, "finished_at": finished}

    # --- provider orders ---

    def _confirm(
        self, at: datetime, place: int, session: int, operator: str, stories: Sequence[Story], goods: Sequence[int],
        kind: str, run: int,
    ) -> Iterator[Back]:  # fmt: skip
        if at > self.end:
            self._tie(place, stories, goods, None, [None] * len(stories), live=True)
            return
        freight = self.dice.choice((0, 0, 600, 800, 1200))
        split = shares(freight, goods)
        order = self._order(place, session, at, stories, sum(goods) + freight, freight)
        items = [self._item(order, story, fen) for story, fen in zip(stories, goods, strict=True)]
        self._set(place, "confirmed", at)
        number = self.past.provider_orders[order]["provider_order_id"]
        for story, fen, part in zip(stories, goods, split, strict=True):
            data = {"provider_order": number, "goods_fen": fen, "freight_fen": part}
            if kind == "bound":
                data |= {"generation": story.generation, "session": session, "pieces": story.pieces}
            actor = operator if kind == "bound" else "clock"
            self._say(story, at, kind, actor, data=data, booking=place, run=run)
        fate = self._fate(stories)
        back = yield from self._live(fate, at, order, place, stories, goods, items)
        self._tie(place, stories, goods, order, items, live=not back)

    def _order(self, place: int, session: int, at: datetime, stories: Sequence[Story], total: int, freight: int) -> int:
        self.past.provider_orders.append({
            "session_id": session, "provider_order_id": str(3_100_000_000_000_000_000 + self._number * 7919),
            "booking": place, "state": "unpaid", "raw_status": "unpaid", "close_reason": "", "payable": True,
            "total_fen": total, "freight_fen": freight, "seller_id": stories[0].seller,
            "seller_name": str(stories[0].row["seller_name"]), "created_at": at, "modified_at": at, "paid_at": None,
            "paid_inferred": False, "pay_deadline": at + self._until_paid,
            "deadline_assumed": self.dice.random() < 0.3, "first_seen_at": at, "seen_at": at, "complete": True,
        })  # fmt: skip
        return len(self.past.provider_orders) - 1

    def _item(self, order: int, story: Story, fen: int) -> int:
        row = {name: story.row[name] for name in ("item_id", "sku_id", "spec_id", "title", "quantity")}
        number = f"{self.past.provider_orders[order]['provider_order_id']}{len(self.past.provider_lines) % 1000:03d}"
        self.past.provider_lines.append(
            {**row, "of_order": order, "provider_line_id": number, "state": "unpaid", "amount_fen": fen}
        )
        self._items.setdefault(order, []).append(len(self.past.provider_lines) - 1)
        return len(self.past.provider_lines) - 1

    def _tie(
        self, place: int, stories: Sequence[Story], goods: Sequence[int], order: int | None,
        items: Sequence[int | None], *, live: bool,
    ) -> None:  # fmt: skip
        for story, fen, item in zip(stories, goods, items, strict=True):
            self.past.booking_lines.append({
                "booking": place, "line": story.line, "generation": story.generation, "live": live,
                "quantity": story.pieces, "price_fen": fen // story.pieces, "provider_order": order,
                "provider_line": item,
            })  # fmt: skip

    def _mark(self, order: int, state: str, at: datetime, **more: Any) -> None:
        self.past.provider_orders[order] |= {
            "state": state, "raw_status": state, "modified_at": at, "seen_at": at, "payable": False, **more
        }  # fmt: skip
        for item in self._items[order]:
            self.past.provider_lines[item]["state"] = state

    # --- fates ---

    def _fate(self, stories: Sequence[Story]) -> str:
        """paid, or how it ends unpaid; what must be over by the end is paid at the second booking."""
        if self._last_time(stories):
            return "paid"
        mood = self.dice.random()
        ends = ("expired", "undone", "by_seller", "released", "over_booking")
        for name in ends:
            mood -= getattr(self.chances, name)
            if mood < 0:
                return name
        return "paid"

    def _last_time(self, stories: Sequence[Story]) -> bool:
        return self.settled and any(story.generation > 1 for story in stories)

    def _live(
        self, fate: str, at: datetime, order: int, place: int, stories: Sequence[Story], goods: Sequence[int],
        items: Sequence[int],
    ) -> Any:  # fmt: skip
        """What becomes of an unpaid order; yields what is ready again, returns whether the booking ended."""
        if fate == "paid":
            return (yield from self._paid(at, order, place, stories, goods, items))
        after = {
            "expired": self._until_paid + self._minutes(1, 30),
            "undone": self._minutes(3, 55),
            "by_seller": self._minutes(60, 1400),
            "released": self._minutes(1, 10),
            "over_booking": self._minutes(60, 900),
        }[fate]
        ends = at + after
        if ends > self.end:
            return False
        if fate == "over_booking":
            for story in stories:
                facts = {"open_quantity": 0, "gone": True}
                self._say(story, ends, "held", data={"cause": "not_payable"}, facts=facts)
            ends += self._minutes(120, 2000)
            if ends > self.end:
                return False
        self._mark(order, "closed", ends, close_reason=_REASONS[fate])
        self._set(place, "ended", ends)
        number = self.past.provider_orders[order]["provider_order_id"]
        for story in stories:
            data = {"provider_order": number, "state": "closed", "reason": _REASONS[fate]}
            if fate in ("undone", "released", "over_booking"):
                why, hold = ("release", "released") if fate == "released" else ("undo", "")
                data = {"provider_order": number, "why": why, "reason": "", "cause": hold}
                self._say(story, ends, "cancelled", data=data, booking=place)
            else:
                self._say(story, ends, "provider_moved", data=data)
            back = None if fate == "over_booking" else ends if fate == "undone" else self._freed(story, ends)
            if back is not None:
                yield back, story
        return True

    def _paid(
        self, at: datetime, order: int, place: int, stories: Sequence[Story], goods: Sequence[int],
        items: Sequence[int],
    ) -> Any:  # fmt: skip
        paid = at + self._minutes(20, self._within(700, 1300))
        late = self.dice.random() < self.chances.late_paid
        seen = paid + (self._minutes(1500, 9000) if late and not self.settled else self._minutes(1, 25))
        if seen > self.end:
            return False
        inferred = self.dice.random() < self.chances.inferred
        moment = seen if inferred else paid
        changed = self.dice.random() < self.chances.price_changed
        cost = [round(fen * self.dice.choice((0.95, 0.98, 1.03))) if changed else fen for fen in goods]
        for item, fen in zip(items, cost, strict=True):
            self.past.provider_lines[item]["amount_fen"] = fen
        total = sum(cost) + self.past.provider_orders[order]["freight_fen"]
        self._mark(order, "paid", seen, paid_at=moment, paid_inferred=inferred, total_fen=total)
        common = {"paid_at": moment.isoformat(), "inferred": inferred, "reason": ""}
        number = self.past.provider_orders[order]["provider_order_id"]
        for story, fen in zip(stories, cost, strict=True):
            data = {"provider_order": number, "state": "paid", "goods_fen": fen, **common}
            self._say(story, seen, "provider_moved", data=data)
        if self.dice.random() < self.chances.refunded and not self._last_time(stories):
            return (yield from self._refund(seen, order, place, stories))
        self._send(seen, order, number, stories)
        return False

    def _refund(self, since: datetime, order: int, place: int, stories: Sequence[Story]) -> Any:
        at = since + self._minutes(600, self._within(1200, 4000))
        if at > self.end:
            return False
        self._mark(order, "closed", at, close_reason="refunded")
        self._set(place, "ended", at)
        number = self.past.provider_orders[order]["provider_order_id"]
        for story in stories:
            self._say(
                story, at, "provider_moved", data={"provider_order": number, "state": "closed", "reason": "refunded"}
            )
            back = self._freed(story, at)
            if back is not None:
                yield back, story
        return True

    def _send(self, since: datetime, order: int, number: str, stories: Sequence[Story]) -> None:
        """Sent within days, mostly; arrived; then to the customer."""
        sent = since + self._minutes(300, self._within(1800, 3500 if self.dice.random() < 0.9 else 14_000))
        steps = (("shipped", sent), ("completed", sent + self._minutes(600, self._within(2400, 4000))))
        for state, at in steps:
            if at > self.end:
                return
            self._mark(order, state, at)
            shipped = (at - timedelta(minutes=20)).isoformat()
            for story in stories:
                data = {"provider_order": number, "state": state, "reason": "", "paid_at": None, "shipped_at": shipped}
                self._say(story, at, "provider_moved", data=data)
        at = steps[-1][1]
        for status in ("received_at_warehouse", "packing", "shipped", "received"):
            at += self._minutes(60, 2000)
            for story in stories:
                self._say(story, at, "status_changed", "li", data={"status": status, "reason": ""})


_REASONS = {
    "expired": "unpaid_timeout",
    "undone": "cancelled_by_buyer",
    "by_seller": "cancelled_by_seller",
    "released": "cancelled_by_buyer",
    "over_booking": "cancelled_by_buyer",
}
