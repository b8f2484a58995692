"""Lines behind the numbers of a week: movements, cohorts, what is judged, and what stood at a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from autopurchase.reports import week_price
from autopurchase.reports.look import Look
from autopurchase.reports.week_data import judged_in, span_of
from autopurchase.reports.week_quality import LATE
from autopurchase.reports.weeks import week
from autopurchase.storage import move_lines
from autopurchase.storage.movements import Span

Row = Mapping[str, Any]


def _spans(look: Look) -> list[Span]:
    where = look.where
    if "days" in where:
        return [Span(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in where["days"]]
    return [span_of(week(where.get("of_week", where["week"]), look.basis.zone))]


def _moves(look: Look) -> Iterator[Row]:
    """Movements; ``effect``: their pieces are what they add to (or, with a minus, take from) a level."""
    for span in _spans(look):
        for move in move_lines.moves(look.tx, span, look.scope, look.where):
            pieces = _pieces(look, move)
            if pieces or "effect" not in look.where or not look.where["effect"]:
                amount = _amount(look, move)
                if look.where.get("part") and amount is None:
                    continue
                if look.where.get("no_rate") and week_price.parts_of(move, look.rates) != "no_rate":
                    continue
                yield _row(look, move, pieces, amount, hit=move["kind"] == look.where.get("hit"))


def _pieces(look: Look, move: Mapping[Any, Any]) -> int:
    effect = look.where.get("effect") or "pieces"
    if effect == "excess_up":
        return max(0, int(move["excess"]))
    return -int(move[effect[1:]]) if effect.startswith("-") else int(move[effect])


def _amount(look: Look, move: Mapping[Any, Any]) -> Decimal | None:
    part = look.where.get("part")
    if not part:
        return look.amount(move["goods_fen"], move["day"])
    if part == "after_booking":
        return week_price.after_booking(move, look.rates)
    parts = week_price.parts_of(move, look.rates)
    if isinstance(parts, str):
        return None
    named = {field.name: getattr(parts, field.name) for field in fields(parts)}
    found: Decimal = (named | {"variance": parts.booked - parts.reference})[part]
    return found


def _row(look: Look, move: Mapping[Any, Any], pieces: int, amount: Decimal | None = None, *, hit: bool = False) -> Row:
    column = look.where.get("seconds", "")
    names = ("number", "source_id", "provider", "session_id", "seller_id", "seller_name", "operator")
    return look.row(
        **{name: move[name] for name in names},
        order=move["out_order_id"],
        state=move["kind"],
        cause=move["reason"],
        pieces=pieces,
        amount=amount,
        at=move["at"],
        seconds=move[column] if column else None,
        hit=hit,
    )


def _cohort(look: Look) -> Iterator[Row]:
    """What was booked in the week, with what became of it."""
    (span,) = _spans(look)
    for move in move_lines.cohort(look.tx, span, look.scope):
        where, fate = look.where, move["fate"]
        if where.get("fate", fate) != fate or (where.get("refunded") and not move["refunded"]):
            continue
        if where.get("undone") and not move["undone"]:
            continue
        marks = {fate} | ({"undone"} if move["undone"] else set()) | ({"release"} if move["released"] else set())
        row = _row(
            look, move, move["pieces"], look.amount(move["goods_fen"], move["day"]), hit=where.get("hit") in marks
        )
        yield {**row, "state": fate, "order": str(move["booking_id"] or "")}


def _judged(tracked: bool) -> Any:
    def found(look: Look) -> Iterator[Row]:
        limit = LATE if tracked else look.basis.sla
        span = judged_in(week(look.where["week"], look.basis.zone), look.basis.as_of, limit)
        for move in move_lines.judged(look.tx, span, look.scope, int(limit.total_seconds()), tracked=tracked):
            yield _row(look, move, move["judged"], hit=bool(move["hit"]))

    return found


def _stood(look: Look) -> Iterator[Row]:
    """What stood at a moment, line by line."""
    part, at = look.where["part"], datetime.fromisoformat(look.where["at"])
    for line in move_lines.stood(look.tx, look.scope, part, at):
        yield look.row(
            **{name: line[name] for name in ("number", "source_id", "provider", "seller_id", "seller_name")},
            session_id=line["session_id"],
            operator=line["operator"],
            state=part,
            pieces=line["pieces"],
            at=line["clock_at"],
        )


def _deadlines(look: Look) -> Iterator[Row]:
    """Lines of the provider orders booked in the week that have a time to be paid by."""
    (span,) = _spans(look)
    names = ("number", "source_id", "provider", "session_id", "seller_id", "seller_name", "operator")
    for line in move_lines.deadlines(look.tx, span, look.scope, assumed=bool(look.where.get("assumed"))):
        yield look.row(
            **{name: line[name] for name in names},
            order=line["provider_order_id"],
            state="assumed" if line["deadline_assumed"] else "",
            pieces=line["quantity"],
            at=line["pay_deadline"],
        )


MOVES: Mapping[str, Any] = {
    "moves": _moves,
    "cohort": _cohort,
    "ready_judged": _judged(tracked=False),
    "tracked_judged": _judged(tracked=True),
    "stood": _stood,
    "deadlines": _deadlines,
}
