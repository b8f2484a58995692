"""Times, yield, attempts of the week, and how far its figures can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from autopurchase.domain.causes import cause as cause_of
from autopurchase.reports.exact import percentile, share
from autopurchase.reports.model import Behind, Column, Sheet
from autopurchase.reports.week_data import Moment, Opens, Row, WeekData, judged_in
from autopurchase.reports.week_flow import fates
from autopurchase.storage import movements

TIMES = (
    Column("what", "Time"),  # time_to_book, time_to_buy, ready_to_bought, tracking_lag
    Column("label", "Time"),
    Column("p50", "p50", "seconds"),
    Column("p90", "p90", "seconds"),
    Column("pieces", "Pieces", "pieces"),
)
YIELD = (
    # booked_in_time, first_pass, releases, expiry_loss, tracked_late: shares; settle_mean, settle_worst: times
    Column("what", "Figure"),
    Column("label", "Figure"),
    Column("share", "Share", "share"),
    Column("hits", "Of these", "count"),
    Column("of", "Of", "count"),
    Column("seconds", "Time", "seconds"),
    Column("counted", "Counted in"),  # pieces, lines, bookings
)
ATTEMPTS = (
    Column("outcome", "Outcome"),  # confirmed, refused, unknown
    Column("cause", "Cause"),
    Column("label", "Because"),
    Column("attempts", "Attempts", "lines"),
    Column("share", "Share of the attempts", "share"),
)
RELEASES = (
    Column("what", "What differed"),
    Column("bookings", "Bookings", "count"),
)
HYGIENE = (
    Column("what", "Figure"),  # inferred, assumed, no_reference, not_synced
    Column("label", "Figure"),
    Column("share", "Share", "share"),
    Column("hits", "Of these", "count"),
    Column("of", "Of", "count"),
    Column("names", "Which"),
)
#: tracking later than this is late
LATE = timedelta(days=7)
#: time: what it is called, of which movements, in which column, and whether only of first bookings
_TIMES = {
    "time_to_book": ("Ready to booked", "booked", "waited"),
    "time_to_buy": ("Booked to bought", "bought", "seconds"),
    "ready_to_bought": ("Ready to bought", "bought", "waited"),
    "tracking_lag": ("Bought to sent", "tracked", "seconds"),
}


_COLUMNS = {"seconds": 2, "waited": 3}
_PIECES = 4


def durations(rows: Iterable[Moment], what: str) -> list[tuple[int, int]]:
    """(seconds, pieces) of a time, of rows of `movements.moments`; of bookings, the first since the line was ready."""
    _, kind, column = _TIMES[what]
    place, first = _COLUMNS[column], kind == "booked"
    return [
        (row[place], row[_PIECES])
        for row in rows
        if row[0] == kind and row[place] is not None and not (first and row[1])
    ]


def times(data: WeekData) -> Sheet:
    """Percentiles by pieces, over what ended in the week."""
    rows, opens = [], {}
    for place, (what, (label, kind, column)) in enumerate(_TIMES.items()):
        found = durations(data.moments, what)
        rows.append((what, label, percentile(found, 50), percentile(found, 90), sum(pieces for _, pieces in found)))
        where: dict[str, Any] = {"kind": kind, "seconds": column} | ({"again": False} if kind == "booked" else {})
        for name, measure in (("p50", "p50"), ("p90", "p90"), ("pieces", "pieces")):
            opens[place, name] = data.opens(measure, **where)
    return Sheet("times", "How long it took", TIMES, rows, opens)


def yields(data: WeekData) -> Sheet:
    """Shares over everything old enough to be judged, the unfinished included."""
    sla, name = data.basis.sla, data.week.name
    spans = [judged_in(data.week, data.basis.as_of, after) for after in (sla, LATE)]
    ready = movements.judged_ready(spans[0], data.scope, int(sla.total_seconds()))
    tracked = movements.judged_tracked(spans[1], data.scope, int(LATE.total_seconds()))
    pieces, _, _ = fates(data.cohort)
    shares = {
        "booked_in_time": (f"Booked within {data.basis.sla_hours} h", movements.judge(data.tx, ready), "pieces"),
        "first_pass": ("Booked at the first attempt", first_pass(data.cube), "lines"),
        "releases": ("Released: not as planned", movements.releases(data.tx, data.span, data.scope), "bookings"),
        "expiry_loss": ("Expired unpaid", (pieces["expired"], sum(pieces.values())), "pieces"),
        "tracked_late": ("Not sent within 7 days", movements.judge(data.tx, tracked), "pieces"),
    }
    behind = {
        "booked_in_time": Behind("ready_judged", "share", {"week": name}),
        "first_pass": data.opens("share_lines", kind=["booked", "refused", "unknown"], attempt=1, hit="booked"),
        "releases": Behind("cohort", "share_orders", {"week": name, "hit": "release"}),
        "expiry_loss": Behind("cohort", "share", {"week": name, "hit": "expired"}),
        "tracked_late": Behind("tracked_judged", "share", {"week": name}),
    }
    rows: list[tuple[Any, ...]] = []
    opens: Opens = {}
    for what, (label, (hits, total), unit) in shares.items():
        opens[len(rows), "share"] = behind[what]
        opens[len(rows), "hits"] = behind[what].of_hits(_OF[unit])
        opens[len(rows), "of"] = behind[what].of_all(_OF[unit])
        rows.append((what, label, share(hits, total), hits, total, None, unit))
    settled = [row for row in data.cube if row["settled"]]
    count, seconds = sum(row["lines"] for row in settled), sum(row["seconds"] for row in settled)
    longest = max((row["longest"] for row in settled), default=None)
    for what, label, measure, value in (
        ("settle_mean", "Unknown outcomes settled after, mean", "mean", seconds // count if count else None),
        ("settle_worst", "Unknown outcomes settled after, longest", "longest", longest),
    ):
        opens[len(rows), "seconds"] = data.opens(measure, settled=True, seconds="seconds")
        opens[len(rows), "of"] = data.opens("lines", settled=True, seconds="seconds")
        rows.append((what, label, None, None, count, value, "lines"))
    return Sheet("yield", "How well it went", YIELD, rows, opens)


#: what is counted -> how it is counted from lines
_OF = {"pieces": "pieces", "lines": "lines", "bookings": "orders"}


def first_pass(cube: Iterable[Row]) -> tuple[int, int]:
    """(booked at the first attempt, all whose first attempt ended in the week), in lines."""
    first = [row for row in cube if row["attempt"] == 1]
    return sum(row["lines"] for row in first if row["kind"] == "booked"), sum(row["lines"] for row in first)


_OUTCOMES = {"booked": "confirmed", "refused": "refused", "unknown": "unknown"}


def attempts(data: WeekData) -> Sheet:
    """What create calls came to, line by line; what was unknown first stays so here."""
    counts: dict[tuple[str, str], int] = {}
    for row in data.cube:
        if row["attempt"]:
            key = row["kind"], row["reason"]
            counts[key] = counts.get(key, 0) + row["lines"]
    total = sum(counts.values())
    order = list(_OUTCOMES)
    rows, opens = [], {}
    for place, ((kind, reason), lines) in enumerate(
        sorted(counts.items(), key=lambda item: (order.index(item[0][0]), -item[1], item[0]))
    ):
        label = cause_of(reason).label if reason else ""
        rows.append((_OUTCOMES[kind], reason, label, lines, share(lines, total)))
        opens[place, "attempts"] = data.opens("lines", kind=kind, reason=reason, attempted=True)
    return Sheet("attempts", "What the attempts came to", ATTEMPTS, rows, opens)


def releases(data: WeekData) -> Sheet:
    """What differed of the bookings that were released in the week; one may differ in several ways."""
    counts: dict[str, int] = {}
    for evidence in movements.released(data.tx, data.span, data.scope):
        for what in {str(each.get("what", "")) for each in evidence}:
            counts[what] = counts.get(what, 0) + 1
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Sheet("releases", "Released, by what differed", RELEASES, rows)


def hygiene(data: WeekData) -> Sheet:
    """What the figures rest on that is not the marketplace's or the shop's own word."""
    bought, inferred = data.of("bought").pieces, data.of("bought", inferred=True).pieces
    booked = sum(row["lines"] for row in data.prices)
    blind = sum(row["lines"] for row in data.prices if row["blind"])
    assumed, deadlines = movements.deadlines(data.tx, data.span, data.scope)
    asleep = movements.not_synced(data.tx, data.span.end)
    rows = [
        ("inferred", "Bought, inferred by a sync", share(inferred, bought), inferred, bought, ""),
        ("assumed", "Payment deadlines assumed", share(assumed, deadlines), assumed, deadlines, ""),
        ("no_reference", "Lines booked without a reference price", share(blind, booked), blind, booked, ""),
        ("not_synced", "Sessions not synchronised since the week ended", None, len(asleep), None, ", ".join(asleep)),
    ]  # fmt: skip
    opens: Opens = {
        (0, "hits"): data.opens("pieces", kind="bought", inferred=True),
        (0, "of"): data.opens("pieces", kind="bought"),
        (1, "hits"): Behind("deadlines", "orders", {"week": data.week.name, "assumed": True}),
        (1, "of"): Behind("deadlines", "orders", {"week": data.week.name}),
        (2, "hits"): data.opens("lines", kind="booked", no_reference=True),
        (2, "of"): data.opens("lines", kind="booked"),
    }
    return Sheet("hygiene", "How far it can be trusted", HYGIENE, rows, opens)
