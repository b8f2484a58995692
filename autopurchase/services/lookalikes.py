"""Orders at the provider that may be what became of a booking of unknown outcome: by goods, pieces and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.readback import Goods, Sums, Tolerance, compare
from autopurchase.domain.session import SessionConfig
from autopurchase.ports import Provider
from autopurchase.services import sync
from autopurchase.services.context import Context
from autopurchase.services.readback import asked_of, there
from autopurchase.storage import checks
from autopurchase.storage.database import Connection, Row

#: an order made so long before or after the call may be the one
BEFORE, AFTER = timedelta(hours=1), timedelta(hours=24)
#: clocks differ by this much at most where an order is looked for that was made at the moment of a call
MOMENT = timedelta(minutes=1)
_ANY_PRICE = Tolerance(None, 0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One order that may be it. ``same``: goods and pieces are exactly those asked for; ``ours``: our reference."""

    number: str
    state: str
    created_at: datetime | None
    total_fen: int | None
    pieces: int
    seller: str
    same: bool
    ours: bool


def candidates(
    tx: Connection, booking: Mapping[Any, Any], *, before: timedelta = BEFORE, after: timedelta = AFTER
) -> list[Candidate]:
    """Living orders of the session that are bound to nothing and hold some of the goods, the likeliest first."""
    sent = booking["sent_at"] or booking["created_at"]
    rows = checks.unbound_between(tx, booking["session_id"], sent - before, sent + after)
    lines: dict[int, list[Row]] = {}
    for line in checks.said(tx, [row["id"] for row in rows]):
        lines.setdefault(line["order_id"], []).append(line)
    numbers = {line["number"] for line in booking["purchase"]["lines"]}
    asked, _ = asked_of(booking["purchase"], numbers)
    found = [_judged(row, lines.get(row["id"], []), asked, booking["out_order_id"]) for row in rows]
    return sorted(
        (each for each in found if each is not None), key=lambda each: (not each.ours, not each.same, each.number)
    )


def of_that_moment(ctx: Context, provider: Provider, config: SessionConfig, booking: Mapping[Any, Any]) -> list[str]:
    """Numbers of orders made when the booking was sent that hold just its goods and show nobody's reference.

    The orders of that time are listed and kept; those alike are read in full, as lists do not show references.
    """
    for page in sync.changed(ctx, provider, config.id, booking["sent_at"] - MOMENT, ctx.now()):
        sync.take(ctx, provider, config, page)
    for number in _same(ctx, booking):
        sync.take(ctx, provider, config, [provider.get(number)])
    return _same(ctx, booking)


def _same(ctx: Context, booking: Mapping[Any, Any]) -> list[str]:
    with ctx.db.read() as tx:
        found = candidates(tx, booking, before=MOMENT, after=ctx.now() - booking["sent_at"])
    return [each.number for each in found if each.same]


def _judged(row: Row, lines: Sequence[Row], asked: Sequence[Goods], reference: str) -> Candidate | None:
    """None for an order that holds nothing of what was asked for."""
    ours = row["reference"] == reference
    if row["reference"] and not ours:
        return None  # it says itself whose it is
    differences = compare(asked, [there(line) for line in lines], (Sums(), Sums()), _ANY_PRICE)
    missing = {name for each in differences if each.what == "missing" for name in each.lines}
    if not ours and len(missing) == len(asked):
        return None
    return Candidate(
        number=row["provider_order_id"],
        state=row["state"],
        created_at=row["created_at"],
        total_fen=row["total_fen"],
        pieces=sum(line["quantity"] for line in lines),
        seller=row["seller_name"],
        same=not differences,
        ours=ours,
    )
