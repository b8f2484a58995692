"""What an event of a line does to the figures: pieces in the backlog, booked and unpaid, over-booked. Pure.

An event changes one line's net need; its moves say by how much, when it was effective, and what the figures need to
know of it. `count` is used when an event is written and when everything is rebuilt from history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autopurchase.domain.history import LineState
from autopurchase.domain.order import LineStatus, PurchaseState
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.standing import NOW, PAID_THERE, Standing, moment_of, read, wanted


@dataclass(frozen=True, slots=True)
class Move:
    """One effect. ``backlog``, ``excess``, ``unpaid``: what it adds to each, in pieces. ``at``: when it was effective.

    ``since``: when what ended by it began (ready, booked, bought, unknown). ``goods`` and ``reference`` are totals of
    its pieces in fen. ``attempt``: which attempt it is the outcome of, 0 for none.
    """

    kind: str  # ready, withdrawn, split, booked, bought, cancelled, refunded, refused, unknown, requeued, tracked
    at: datetime
    pieces: int
    backlog: int = 0
    excess: int = 0
    unpaid: int = 0
    reason: str = ""
    session: int | None = None
    operator: str = ""
    provider: str = ""
    seller: str = ""
    generation: int = 0
    booking: int | None = None
    goods: int | None = None
    freight: int = 0
    reference: int | None = None
    booked: int | None = None  # of what was bought: its goods when it was booked
    paid_at: datetime | None = None
    clock: datetime | None = None
    booked_at: datetime | None = None
    since: datetime | None = None
    attempt: int = 0
    again: bool = False
    bound: bool = False
    inferred: bool = False
    settled: bool = False


def count(
    standing: Standing,
    before: LineState,
    after: LineState,
    kind: str,
    data: Mapping[str, Any],
    *,
    at: datetime,
    actor: str,
) -> tuple[Standing, list[Move]]:
    """The standing after an event that took the line from ``before`` to ``after``, and its moves."""
    moved = _Counting(standing, before, after, kind, data, at, actor)
    if kind in _BOOKINGS:
        _BOOKINGS[kind](moved)
    moved.wanted()
    if NOW in data:
        moved.learn(data[NOW])
    return moved.standing, moved.moves


class _Counting:
    """One event being counted: booking first, then what is wanted, then what became known."""

    def __init__(
        self,
        standing: Standing,
        before: LineState,
        after: LineState,
        kind: str,
        data: Mapping[str, Any],
        at: datetime,
        actor: str,
    ) -> None:
        self.standing, self.before, self.after = standing, before, after
        self.kind, self.data, self.at, self.actor = kind, data, at, actor
        self.moves: list[Move] = []
        self._need = wanted(standing, before)

    # what is wanted

    def wanted(self) -> None:
        """The line became ready, or is wanted no longer: by a status."""
        self._change_need(wanted(self.standing, self.after))

    def learn(self, now: Mapping[str, Any]) -> None:
        """What the tables say has changed."""
        self.standing = self.standing.but(**read(now))
        self._change_need(wanted(self.standing, self.after))

    def _change_need(self, need: int) -> None:
        was, self._need = self._need, need
        if need == was:
            return
        if need > was and self._starts(was):
            self._start_clock()
        parted = self.kind == "split" or "split_from" in self.data
        kind = "split" if parted else "ready" if need > was else "withdrawn"
        at = self._not_before(self.standing.clock) if kind == "ready" and was == 0 else self.at
        self._add(kind, at, abs(need - was), was, self.standing.booked, need)

    def _starts(self, was: int) -> bool:
        """Nothing of it was wanted before; or it was bound unpaid, and only now is more wanted than bound."""
        never = self.standing.clock is None and self._need > self.standing.booked
        return (was == 0 and not self.standing.booked) or never

    def _start_clock(self) -> None:
        """At the payment; when the customer consented to a price, or wants it once more, then."""
        first = self.standing.clock is None and self.before.status is not LineStatus.PRICE_CONFIRMATION
        known = moment_of(self.data.get("clock")) or self.standing.paid_at  # a part of a line waits as long as it did
        start = min(known or self.at, self.at) if first else self.at
        self.standing = self.standing.but(clock=self._not_before(start), attempts=0, again=False)

    # bookings

    def queued(self) -> None:
        """An intent was committed."""
        data = self.data
        self.standing = self.standing.but(
            session=data.get("session"),
            operator=self.actor,
            queued=int(data.get("pieces", self.standing.wants)),
            goods=int(data.get("goods_fen", 0)),
            bound=False,
        )

    def unknown(self) -> None:
        """The call had no readable outcome."""
        if self.standing.unknown_at is None:
            self._attempt("unknown")
            self.standing = self.standing.but(unknown_at=self.at)

    def requeued(self) -> None:
        """Proven not placed."""
        self._settle("requeued", "not_placed")

    def refused(self) -> None:
        """The provider refused."""
        why = str(self.data.get("cause", ""))
        if self.standing.unknown_at is not None:
            self._settle("refused", why)
        else:
            self._attempt("refused", why)

    def confirmed(self) -> None:
        """Provider orders exist."""
        if self.standing.booked:
            return
        direct = self.standing.unknown_at is None
        attempt = self.standing.attempts + 1 if direct else 0
        self._book(self.standing.queued or self.standing.wants, attempt)

    def bind(self) -> None:
        """Tied to an order made by hand."""
        if self.standing.booked:
            return
        self.queued()
        self.standing = self.standing.but(bound=True)
        self._book(self.standing.queued, 0)

    def moved(self) -> None:
        """The provider's word."""
        if self.data.get("state") == ProviderState.CLOSED:
            why = _CLOSED.get(str(self.data.get("reason", "")), "other")
            self._end(self._by_whom("operator") if why == "operator" else why)
            return
        if self.after.purchase in PAID_THERE:
            self._buy()
        if self.after.purchase in PAID_THERE - {PurchaseState.BOUGHT}:
            self._track()

    def cancelled(self) -> None:
        """Cancelled at the provider, as we asked."""
        release = self.data.get("why") == "release" or self.data.get("cause") == "released"
        self._end("release" if release else self._by_whom("operator"))

    def unbound(self) -> None:
        """The link was removed; the provider order lives on."""
        self._end("unbound")

    def _by_whom(self, otherwise: str) -> str:
        return otherwise if self.standing.wants else "customer"

    def _attempt(self, kind: str, reason: str = "") -> None:
        self.standing = self.standing.but(attempts=self.standing.attempts + 1)
        self._tell(kind, self.at, self.standing.queued, reason=reason, attempt=self.standing.attempts)

    def _settle(self, kind: str, reason: str) -> None:
        since = self.standing.unknown_at
        if since is not None:
            self._tell(kind, self.at, self.standing.queued, reason=reason, since=since, settled=True)
            self.standing = self.standing.but(unknown_at=None)

    def _book(self, pieces: int, attempt: int) -> None:
        """What is booked is wanted, whatever its order's status was: that comes first."""
        data, was = self.data, self.standing
        need = wanted(was.but(booked=pieces), self.after)
        self._change_need(need)
        settled = was.unknown_at
        self.standing = self.standing.but(
            booked=pieces,
            booked_at=self.at,
            bought_at=None,
            tracked=False,
            goods=int(data.get("goods_fen", was.goods)),
            freight=int(data.get("freight_fen", 0)),
            attempts=0,
            again=True,
            unknown_at=None,
        )
        self._add(
            "booked", self.at, pieces, need, 0, need,
            unpaid=pieces, attempt=attempt, again=was.again, since=settled, settled=settled is not None,
        )  # fmt: skip

    def _buy(self) -> None:
        if not self.standing.booked or self.standing.bought:
            return
        paid = moment_of(self.data.get("paid_at"))
        inferred = paid is None or bool(self.data.get("inferred"))
        at = self._not_before(max(paid or self.at, self.standing.booked_at or self.at), effect=False)
        cost = self.standing.goods
        self.standing = self.standing.but(
            bought=self.standing.booked,
            bought_at=at,
            goods=int(self.data.get("goods_fen", self.standing.goods)),
        )
        pieces = self.standing.booked
        since = self.standing.booked_at
        self._tell("bought", at, pieces, unpaid=-pieces, since=since, inferred=inferred, booked=cost)

    def _track(self) -> None:
        if not self.standing.bought or self.standing.tracked:
            return
        start = self.standing.bought_at or self.at
        at = min(max(moment_of(self.data.get("shipped_at")) or self.at, start), self.at)
        self._tell("tracked", at, self.standing.bought, since=start)
        self.standing = self.standing.but(tracked=True)

    def _end(self, reason: str) -> None:
        """The booking ends: its pieces are wanted again, as far as anybody still wants them."""
        was = self.standing
        if not was.booked:
            return
        kind = "refunded" if was.bought else "cancelled"
        need = self._need
        self.standing = was.but(booked=0, bought=0)
        self._need = wanted(self.standing, self.after)
        if self._need > 0 and (kind == "refunded" or was.clock is None):
            self.standing = self.standing.but(clock=self.at, attempts=0, again=False)
        since = was.bought_at if was.bought else was.booked_at
        self._add(kind, self.at, was.booked, need, was.booked, self._need, unpaid=was.bought - was.booked,
                  reason=reason, since=since, of=was)  # fmt: skip
        self.standing = self.standing.but(
            session=None, operator="", queued=0, goods=0, freight=0, bound=False, booked_at=None,
            bought_at=None, tracked=False,
        )  # fmt: skip

    # moves

    def _not_before(self, moment: datetime | None, *, effect: bool = True) -> datetime:
        """Not before the line's last effect, nor after it was told."""
        wanted = min(moment or self.at, self.at)
        return max(wanted, self.standing.last) if effect and self.standing.last is not None else wanted

    def _add(
        self, kind: str, at: datetime, pieces: int, need_before: int, booked_before: int, need_after: int, **more: Any
    ) -> None:
        """A move that changes the line's net need."""
        before, after = need_before - booked_before, need_after - self.standing.booked
        at = self._not_before(at)
        self._tell(
            kind,
            at,
            pieces,
            backlog=max(0, after) - max(0, before),
            excess=max(0, -after) - max(0, -before),
            **more,
        )
        self.standing = self.standing.but(last=at)

    def _tell(self, kind: str, at: datetime, pieces: int, *, of: Standing | None = None, **more: Any) -> None:
        held = of or self.standing
        of_booking = kind not in ("ready", "withdrawn", "split")
        mine = of_booking or bool(held.booked)
        reference = None if held.reference is None else held.reference * pieces
        self.moves.append(
            Move(
                kind=kind,
                at=at,
                pieces=pieces,
                session=held.session if mine else None,
                operator=held.operator if mine else "",
                provider=held.provider,
                seller=held.seller,
                generation=self.after.generation if mine else 0,
                booking=(self.after.booking or self.before.booking) if mine else None,
                goods=held.goods if of_booking else reference,
                freight=held.freight,
                reference=reference,
                paid_at=held.paid_at,
                clock=held.clock,
                booked_at=held.booked_at,
                bound=held.bound,
                **more,
            )
        )


#: close reason of a provider order -> why a booking ended unpaid
_CLOSED = {
    "unpaid_timeout": "expired",
    "cancelled_by_buyer": "operator",
    "cancelled_by_seller": "seller",
    "closed_by_platform": "risk",
    "refunded": "seller",
}
_BOOKINGS = {
    "booking_queued": _Counting.queued,
    "booking_unknown": _Counting.unknown,
    "booking_requeued": _Counting.requeued,
    "booking_refused": _Counting.refused,
    "booking_confirmed": _Counting.confirmed,
    "bound": _Counting.bind,
    "provider_moved": _Counting.moved,
    "cancelled": _Counting.cancelled,
    "unbound": _Counting.unbound,
}
