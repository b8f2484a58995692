"""What became of a booking's call, and what follows from it. `store_outcomes` writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.errors import AutopurchaseError, NotSent, RateLimited, Refused, Unknown
from autopurchase.domain.provider_order import ProviderLine, ProviderOrder, ProviderState
from autopurchase.domain.purchase import Placed, PlacedLine, PlacedOrder
from autopurchase.domain.session import Grade, SessionConfig

#: tries of a call that was certainly not sent, before its lines go back to ready
MAX_NOT_SENT = 12
#: how often a booking proven not placed is sent again before a person decides
MAX_RESENT = 3
#: look-ups that must find nothing, a settle time apart, before "not placed" is believed
LOOKUPS = 2
_FAR = timedelta(days=3650)
#: lanes look at their sessions more often than this
_PUT_BACK = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class Said:
    """Why: the cause's code, a sentence for the person, and the provider's redacted answer."""

    cause: str = ""
    sentence: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call said. ``kind``: confirmed, refused, retry, unknown, not_placed, lookup_again, person.

    Or put_back: there was no call.
    """

    kind: str
    booking: Mapping[str, Any]
    at: datetime
    call: str = "create"
    placed: Placed | None = None
    readings: tuple[ProviderOrder, ...] = ()
    said: Said = Said()
    pause: float = 0.0  # seconds the provider asked all calls to wait
    due_at: datetime | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    run_id: int | None = None  # the cell its events belong to; None: the booking's own

    @property
    def answer(self) -> Placed:
        """What was placed, by a create call's answer or as a look-up found it."""
        return self.placed or _as_placed(self.readings)

    @property
    def orders(self) -> tuple[ProviderOrder, ...]:
        """The same as readings of the provider orders."""
        reference = self.booking["out_order_id"]
        return self.readings or tuple(_reading(order, reference, self.at) for order in self.answer.orders)


def unforeseen(error: Exception) -> Unknown:
    """An error nobody typed, in the middle of a call: it may have gone through. Only its class is kept."""
    return Unknown(f"The program met an unforeseen {type(error).__name__}; the outcome will be looked up.")


def placed(booking: Mapping[str, Any], answer: Placed, at: datetime) -> Outcome:
    """The create call made orders."""
    return Outcome("confirmed", booking, at, placed=answer, said=Said(raw=answer.raw))


def put_back(booking: Mapping[str, Any], before: Mapping[str, Any], at: datetime) -> Outcome:
    """Claimed, but nothing was called: it comes again once every lane has looked at its session anew.

    ``before``: what claiming it has changed.
    """
    return Outcome("put_back", booking, at, values={**before, "due_at": at + _PUT_BACK})


def failed(
    booking: Mapping[str, Any], error: AutopurchaseError, at: datetime, look_up_at: datetime | None = None
) -> Outcome:
    """The create call raised: refused, certainly not sent, or unknown (then looked up at ``look_up_at``)."""
    said = Said(error.cause, error.sentence, error.raw)
    if isinstance(error, NotSent) and booking["attempts"] < MAX_NOT_SENT:
        wait = error.retry_after or min(60.0, 0.5 * 2 ** booking["attempts"])
        pause = wait if isinstance(error, RateLimited) else 0.0
        return Outcome("retry", booking, at, due_at=at + timedelta(seconds=wait), pause=pause, said=said)
    if isinstance(error, Refused | NotSent):
        return Outcome("refused", booking, at, said=said)
    return Outcome("unknown", booking, at, due_at=look_up_at or booking["due_at"], said=said)


def not_looked_up(booking: Mapping[str, Any], error: AutopurchaseError, at: datetime) -> Outcome:
    """The look-up itself failed: it says nothing, so it is made again later."""
    said = Said("unknown_outcome", f"Could not be looked up yet: {error.sentence}", error.raw)
    wait = error.retry_after or min(300.0, 2.0 * 2 ** min(booking["lookups"], 8))
    pause = wait if isinstance(error, RateLimited) else 0.0
    values = {"lookups": booking["lookups"] + 1}
    due = at + timedelta(seconds=wait)
    return Outcome("lookup_again", booking, at, "lookup", due_at=due, pause=pause, values=values, said=said)


def found(booking: Mapping[str, Any], readings: Sequence[ProviderOrder], at: datetime) -> Outcome:
    """The look-up found orders that carry our reference."""
    return Outcome(
        "confirmed", booking, at, "lookup", readings=tuple(readings), said=Said(sentence="Found by its reference.")
    )


def not_found(booking: Mapping[str, Any], grade: Grade, config: SessionConfig, at: datetime) -> Outcome:
    """The look-up found nothing: ask once more, send again under the same reference, or hand it to a person."""
    needed = int(config.settings.get("unknown_lookups", LOOKUPS))
    count = booking["lookups"] + 1
    if grade is Grade.C:
        sentence = "This provider cannot be asked for our reference: look it up on its site, then say what is there."
        return Outcome("person", booking, at, "lookup", said=Said("person", sentence), due_at=at + _FAR)
    if count < needed:
        due = at + timedelta(seconds=max(0.2, config.settle_seconds / needed))
        return Outcome(
            "lookup_again",
            booking,
            at,
            "lookup",
            due_at=due,
            values={"lookups": count},
            said=Said("unknown_outcome", "Not found yet; asked again after a while."),
        )
    return Outcome(
        "not_placed", booking, at, "lookup", said=Said(sentence="Not found after the settle time: not placed.")
    )


def alike(booking: Mapping[str, Any], numbers: Sequence[str], at: datetime) -> Outcome:
    """Orders of that moment hold just these goods and show nobody's reference: a person must say whose they are."""
    sentence = f"Not found by its reference, but made then and of the same goods: {', '.join(numbers)}. Is it that?"
    return Outcome("person", booking, at, "lookup", said=Said("person", sentence), due_at=at + _FAR)


def sent_too_often(outcome: Outcome) -> Outcome:
    """Proven not placed, again: a person must decide."""
    sentence = f"Sent {MAX_RESENT} times and never found: a person must look at the provider's site and decide."
    return Outcome(
        "person", outcome.booking, outcome.at, "lookup", said=Said("person", sentence), due_at=outcome.at + _FAR
    )


def _as_placed(readings: Sequence[ProviderOrder]) -> Placed:
    """Orders found by a look-up in the shape of a create answer."""
    orders = tuple(
        PlacedOrder(
            provider_order_id=reading.provider_order_id,
            total=reading.total,
            freight=reading.freight,
            lines=tuple(
                PlacedLine(
                    number="",
                    provider_line_id=line.provider_line_id,
                    item_id=line.item_id,
                    sku_id=line.sku_id,
                    spec_id=line.spec_id,
                    quantity=line.quantity,
                    amount=line.amount,
                )
                for line in reading.lines
            ),
        )
        for reading in sorted(readings, key=lambda r: (r.created_at is None, r.created_at, r.provider_order_id))
    )
    return Placed(orders)


def _reading(order: PlacedOrder, reference: str, at: datetime) -> ProviderOrder:
    return ProviderOrder(
        provider_order_id=order.provider_order_id,
        state=ProviderState.UNPAID,
        raw_status="",
        reference=reference,
        total=order.total,
        freight=order.freight,
        created_at=at,
        complete=False,
        lines=tuple(
            ProviderLine(
                provider_line_id=line.provider_line_id,
                item_id=line.item_id,
                sku_id=line.sku_id,
                spec_id=line.spec_id,
                quantity=line.quantity,
                state=ProviderState.UNPAID,
                amount=line.amount,
            )
            for line in order.lines
            if line.provider_line_id
        ),
    )
