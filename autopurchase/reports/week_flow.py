"""Flow: what happened in the week. Cohort: what became of what was booked in it. Never one for the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from autopurchase.reports.exact import PROVIDER_CURRENCY, share, yuan
from autopurchase.reports.model import Behind, Column, Sheet
from autopurchase.reports.week_data import Opens, Row, Sum, WeekData, span_of
from autopurchase.reports.weeks import Week
from autopurchase.storage import movements

FLOW = (
    # new_ready, again (of these) · booked, bound (of these) · bought, inferred (of these) · cancelled, one row
    # "cancelled:REASON" each, back (of these) · refunded · withdrawn_queue, withdrawn_booked · split ·
    # open_backlog, open_unpaid, open_excess (at the week's end)
    Column("what", "What happened"),
    Column("label", "What happened"),
    Column("pieces", "Pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("cny", "Value, CNY", "money", PROVIDER_CURRENCY),
    Column("value", "Value", "money"),
)
#: why bookings ended unpaid
REASONS = {
    "operator": "by an operator",
    "expired": "expired",
    "seller": "by the seller",
    "customer": "the customer withdrew",
    "release": "released: not as planned",
    "risk": "by the marketplace",
    "unbound": "unbound",
    "other": "other reasons",
}
#: shares are of the booked pieces; the last eight cohorts, this week's last
COHORT = (
    Column("week", "Booked in"),
    Column("mature", "Mature", "flag"),
    Column("booked", "Booked", "pieces"),
    Column("bought", "Bought", "pieces"),
    Column("expired", "Expired", "pieces"),
    Column("cancelled", "Cancelled", "pieces"),
    Column("open", "Still open", "pieces"),
    Column("refunded", "Refunded later", "pieces"),
    Column("conversion", "Conversion", "share"),
    Column("expired_share", "Expired", "share"),
    Column("cancelled_share", "Cancelled", "share"),
    Column("open_share", "Still open", "share"),
    Column("booked_value", "Booked, CNY", "money", PROVIDER_CURRENCY),
    Column("bought_value", "Bought, CNY", "money", PROVIDER_CURRENCY),
    Column("expired_value", "Expired, CNY", "money", PROVIDER_CURRENCY),
    Column("cancelled_value", "Cancelled, CNY", "money", PROVIDER_CURRENCY),
    Column("open_value", "Still open, CNY", "money", PROVIDER_CURRENCY),
)
FATES = ("bought", "expired", "cancelled", "open")
COHORTS = 8


def flow(data: WeekData, ends: Mapping[str, int]) -> Sheet:
    """What happened; ``ends``: backlog, unpaid and excess at the week's end."""
    rows: list[tuple[Any, ...]] = []
    opens: Opens = {}

    def add(what: str, label: str, pieces: int, found: Sum | None, **where: Any) -> None:
        place, valued = len(rows), found is not None and "effect" not in where
        cells = (found.lines, yuan(found.fen), data.money(found.value)) if found and valued else (None, None, None)
        rows.append((what, label, pieces, *cells))
        opens[place, "pieces"] = data.opens("pieces", **where)
        if valued:
            opens[place, "lines"] = data.opens("lines", **where)
            opens[place, "cny"] = data.opens("amount", currency=PROVIDER_CURRENCY, **where)
            opens[place, "value"] = data.opens("amount", **where)

    ready, refunded = data.of("ready"), data.of("refunded")
    add("new_ready", "New ready", ready.backlog + refunded.backlog, None, kind=["ready", "refunded"], effect="backlog")
    add("again", "of these to be bought again", refunded.backlog, None, kind="refunded", effect="backlog")
    add("booked", "Booked", data.of("booked").pieces, data.of("booked"), kind="booked")
    bound = data.of("booked", bound=True)
    add("bound", "of these bound by hand", bound.pieces, bound, kind="booked", bound=True)
    add("bought", "Bought", data.of("bought").pieces, data.of("bought"), kind="bought")
    inferred = data.of("bought", inferred=True)
    add("inferred", "of these inferred", inferred.pieces, inferred, kind="bought", inferred=True)
    cancelled = data.of("cancelled")
    add("cancelled", "Cancelled unpaid", cancelled.pieces, cancelled, kind="cancelled")
    for reason, label in REASONS.items():
        found = data.of("cancelled", reason=reason)
        if found.lines:
            add(f"cancelled:{reason}", label, found.pieces, found, kind="cancelled", reason=reason)
    add("back", "of these back to the queue", cancelled.backlog, None, kind="cancelled", effect="backlog")
    add("refunded", "Refunded", refunded.pieces, refunded, kind="refunded")
    withdrawn = data.of("withdrawn")
    add("withdrawn_queue", "Withdrawn from the queue", -withdrawn.backlog, None, kind="withdrawn", effect="-backlog")
    add("withdrawn_booked", "Withdrawn while booked", withdrawn.excess_up, None, kind="withdrawn", effect="excess_up")
    _ends(data, ends, rows, opens)
    return Sheet("flow", "What happened in the week", FLOW, rows, opens, note="How busy we were.")


_ENDS = {
    "backlog": "Backlog at the end",
    "unpaid": "Booked, unpaid at the end",
    "excess": "Over-booked at the end",
}


def _ends(data: WeekData, ends: Mapping[str, int], rows: list[tuple[Any, ...]], opens: Opens) -> None:
    for part, label in _ENDS.items():
        if part == "backlog" and data.scope.by_account:
            continue  # what waits is nobody's yet
        opens[len(rows), "pieces"] = Behind("stood", "pieces", {"part": part, "at": data.span.end.isoformat()})
        rows.append((f"open_{part}", label, ends[part], None, None, None))


# --- cohorts ---


def cohort(data: WeekData) -> Sheet:
    """This week's cohort and those before it; young ones are marked, and left out of averages and trends."""
    rows: list[tuple[Any, ...]] = []
    opens: Opens = {}
    for back in reversed(range(COHORTS)):
        week = data.week.before(back)
        found = data.cohort if back == 0 else movements.cohort(data.tx, span_of(week), data.scope)
        if not found and back:
            continue
        opens |= _cohort_opens(len(rows), week)
        rows.append(_cohort_row(week, found, data))
    note = "How well it went: what became of the bookings of each week, whenever it did."
    return Sheet("cohort", "What became of what was booked", COHORT, rows, opens, note=note)


def fates(rows: Iterable[Row]) -> tuple[dict[str, int], dict[str, int], int]:
    """(pieces by fate, fen by fate, pieces refunded later)."""
    pieces, fen, refunded = dict.fromkeys(FATES, 0), dict.fromkeys(FATES, 0), 0
    for row in rows:
        pieces[row["fate"]] += int(row["pieces"])
        fen[row["fate"]] += int(row["goods_fen"])
        refunded += int(row["pieces"]) * int(row["refunded"])
    return pieces, fen, refunded


def _cohort_row(week: Week, found: Sequence[Row], data: WeekData) -> tuple[Any, ...]:
    pieces, fen, refunded = fates(found)
    total = sum(pieces.values())
    return (
        week.name, is_mature(found, week, data), total, *pieces.values(), refunded,
        *(share(pieces[fate], total) for fate in FATES), yuan(sum(fen.values())), *map(yuan, fen.values()),
    )  # fmt: skip


def is_mature(found: Sequence[Row], week: Week, data: WeekData) -> bool:
    """Whether the youngest booking is old enough to be judged, and none can follow."""
    age = timedelta(days=data.basis.maturity_days)
    youngest = max((row["youngest"] for row in found), default=week.end)
    return data.basis.as_of >= max(youngest + age, week.end)


def _cohort_opens(place: int, week: Week) -> Opens:
    where = {"week": week.name}
    cny = {**where, "currency": PROVIDER_CURRENCY}
    opens: Opens = {(place, "booked"): Behind("cohort", "pieces", where)}
    opens[place, "booked_value"] = Behind("cohort", "amount", cny)
    opens[place, "refunded"] = Behind("cohort", "pieces", {**where, "refunded": True})
    for fate in FATES:
        opens[place, fate] = Behind("cohort", "pieces", {**where, "fate": fate})
        opens[place, f"{fate}_value"] = Behind("cohort", "amount", {**cny, "fate": fate})
        name = "conversion" if fate == "bought" else f"{fate}_share"
        opens[place, name] = Behind("cohort", "share", {**where, "hit": fate})
    return opens
