"""Lines behind the numbers of the backlog page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from autopurchase.domain.causes import CAUSES
from autopurchase.domain.desk import ORPHAN_AGE
from autopurchase.domain.money import shares
from autopurchase.reports import sessions
from autopurchase.reports.ages import BOUNDS, SOON
from autopurchase.reports.look import Look
from autopurchase.storage import standing, unpaid_lines

Row = Mapping[str, Any]


def _backlog(look: Look) -> Iterator[Row]:
    for line in look.tx.execute(standing.lines(standing.WAITS, look.scope)).mappings():
        if not _fits(look, line):
            continue
        price, pieces = line["reference_fen"], line["backlog"]
        day = (line["paid_at"] or line["clock_at"]).date().isoformat()
        under_way = line["part"] in ("in progress", "unknown")
        yield look.row(
            **{name: line[name] for name in ("number", "source_id", "provider", "seller_id", "seller_name")},
            session_id=line["session_id"] if under_way else None,
            operator=line["operator"] if under_way else "",
            state=line["part"],
            cause=line["part_cause"],
            pieces=pieces,
            amount=look.amount(None if price is None else price * pieces, day),
            at=line["clock_at"],
            seconds=look.age(line["clock_at"]),
            hit=_hit(look, line),
        )


def _fits(look: Look, line: Mapping[Any, Any]) -> bool:
    where, age = look.where, look.basis.as_of - line["clock_at"]
    day = (line["paid_at"] or line["clock_at"]).date().isoformat()
    priced = line["reference_fen"] is not None
    bounds = [timedelta(hours=hours) for hours in BOUNDS]
    wanted: Mapping[str, Callable[[Any], bool]] = {
        "part": lambda value: line["part"] == value,
        "cause": lambda value: line["part_cause"] == value,
        "breach": lambda value: age > look.basis.sla,
        "next_breach": lambda value: look.basis.sla - SOON < age <= look.basis.sla,
        "bucket": lambda value: sum(age >= bound for bound in bounds) == value,
        "unpriced": lambda value: not priced,
        "unrated": lambda value: priced and look.rates.on(day) is None,
    }
    return all(wanted[name](value) for name, value in where.items() if name in wanted)


def _hit(look: Look, line: Mapping[Any, Any]) -> bool:
    kind = look.where.get("hit")
    if kind == "breach":
        return bool(look.basis.as_of - line["clock_at"] > look.basis.sla)
    return kind == "explained" and line["part_cause"] in CAUSES


def _levels(column: str, which: Any) -> Any:
    def found(look: Look) -> Iterator[Row]:
        for line in look.tx.execute(standing.lines(which, look.scope)).mappings():
            goods = line["standing"].get("goods") if column == "unpaid" else None
            yield look.row(
                **{name: line[name] for name in ("number", "source_id", "provider", "seller_id", "seller_name")},
                session_id=line["session_id"],
                operator=line["operator"],
                state="over-booked" if column == "excess" else column,
                pieces=line[column],
                amount=look.amount(goods, line["clock_at"].date().isoformat()),
                at=line["clock_at"],
                seconds=look.age(line["clock_at"]),
            )

    return found


def _unpaid_orders(look: Look) -> Iterator[Row]:
    """Lines of unpaid provider orders; an order's total is shared among its lines, so that they add up to it."""
    orders: dict[int, list[Mapping[Any, Any]]] = {}
    for found in unpaid_lines.unpaid(look.tx, look.scope, look.basis.as_of, look.where):
        orders.setdefault(found["order_key"], []).append(found)
    for mine in orders.values():
        parts = shares(mine[0]["total_fen"] or 0, [each["fen"] or 0 for each in mine])
        for line, fen in zip(mine, parts, strict=True):
            yield look.row(
                **{
                    name: line[name]
                    for name in ("source_id", "provider", "seller_id", "seller_name", "session_id", "operator")
                },
                number=line["number"] or "",
                order=line["provider_order_id"],
                state="unpaid",
                pieces=line["quantity"] or 0,
                amount=look.amount(fen, look.basis.as_of.date().isoformat()),
                at=line["pay_deadline"],
            )


def _orphans(look: Look) -> Iterator[Row]:
    for order in unpaid_lines.orphans(look.tx, look.scope, look.basis.as_of - ORPHAN_AGE):
        yield look.row(
            session_id=order["session_id"],
            provider=order["provider"],
            seller_id=order["seller_id"],
            seller_name=order["seller_name"],
            order=order["provider_order_id"],
            state=order["state"],
            amount=look.amount(order["total_fen"] or 0, look.basis.as_of.date().isoformat()),
            at=order["first_seen_at"],
            seconds=look.age(order["first_seen_at"]),
        )


def _bookings(of: Any) -> Any:
    return lambda look: _booked(look, of(look.tx, look.scope))


def _booked(look: Look, lines: Iterable[Mapping[Any, Any]]) -> Iterator[Row]:
    names = ("source_id", "provider", "seller_id", "seller_name", "session_id", "operator")
    for line in lines:
        yield look.row(
            **{name: line[name] for name in names},
            number=line["number"],
            order=line["out_order_id"],
            state=line["state"],
            pieces=line["quantity"],
            at=line["sent_at"],
            seconds=look.age(line["sent_at"]),
        )


def _sent(look: Look) -> Iterator[Row]:
    """What a session sent today."""
    since = sessions.today(look.basis.as_of)
    return _booked(look, unpaid_lines.of_sent(look.tx, look.scope, since))


NOW: Mapping[str, Any] = {
    "backlog": _backlog,
    "unpaid": _levels("unpaid", standing.OWES),
    "excess": _levels("excess", standing.TOO_MANY),
    "unpaid_orders": _unpaid_orders,
    "orphans": _orphans,
    "unknown": _bookings(unpaid_lines.of_unknown),
    "sent": _sent,
    "ghosts": _bookings(unpaid_lines.of_ghosts),
}
