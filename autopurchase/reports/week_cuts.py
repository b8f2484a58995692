"""The week by source, marketplace, session, seller and operator: every cut of a figure sums to the figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from autopurchase.reports import week_price, week_quality
from autopurchase.reports.exact import PROVIDER_CURRENCY, percentile, share, yuan
from autopurchase.reports.model import Behind, Column, Sheet
from autopurchase.reports.week_data import Moment, Opens, Row, WeekData
from autopurchase.reports.week_flow import fates
from autopurchase.storage import movements, standing

#: of every cut, after the dimension's own column (what filters take) and ``label`` (what people read)
CUT = (
    Column("new_ready", "New ready", "pieces"),
    Column("booked", "Booked", "pieces"),
    Column("booked_value", "Booked", "money"),
    Column("bought", "Bought", "pieces"),
    Column("bought_value", "Bought", "money"),
    Column("cancelled", "Cancelled unpaid", "pieces"),
    Column("refunded", "Refunded", "pieces"),
    Column("conversion", "Conversion of the cohort", "share"),
    Column("expired_share", "Expired", "share"),
    Column("time_to_book", "Time to book, p50", "seconds"),
    Column("time_to_buy", "Time to buy, p50", "seconds"),
    Column("tracking_lag", "Tracking lag, p50", "seconds"),
    Column("variance", "Price variance", "money"),
    Column("seller_cancels", "Cancelled by the seller", "pieces"),
    Column("ranked", "Enough to rank", "flag"),  # booked pieces: 20 or more
)
OPERATORS = (
    Column("operator", "Operator"),
    Column("booked", "Booked", "pieces"),
    Column("value", "Value", "money"),
    Column("first_pass", "First-pass yield", "share"),
    Column("undone", "Cancelled within 1 h", "pieces"),
    Column("undo_share", "Undo rate", "share"),
    Column("overrides", "Runs beyond the tolerance", "count"),
    Column("variance", "Variance", "money"),
    Column("mix", "Providers and price bands"),
)
SESSIONS = (
    Column("session", "Session"),
    Column("attempts", "Attempts", "lines"),
    Column("success", "Success", "share"),
    Column("unknown", "Unknown", "share"),
    Column("risk", "Risk signals", "count"),
    Column("exposure", "Unpaid now", "money", PROVIDER_CURRENCY),
)
SOURCES = (
    Column("source", "Source"),
    Column("new_ready", "New ready", "pieces"),
    Column("rejects", "Import rejects", "count"),
    Column("import_age", "Age at import, p50", "seconds"),
)
#: fewer pieces than these are shown, not ranked
RANKED = 20
#: price bands of a piece in fen, for the mix of an operator
_BOUNDS = (5_000, 20_000)
_BANDS = ("< 50", "50–200", "> 200")
Groups = dict[str, list[Row]]


def grouped(rows: Iterable[Row], dimension: str, data: WeekData) -> Groups:
    """Rows by what they are cut by."""
    column, called = data.key_of(dimension)
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return _called(found, called)


def _moments_by(dimension: str, data: WeekData) -> dict[str, list[Moment]]:
    """The same of durations."""
    column, called = data.key_of(dimension)
    place = len(_BEFORE_DIMS) + movements.DIMS.index(column)
    found: dict[Any, list[Moment]] = {}
    for row in data.moments:
        found.setdefault(row[place], []).append(row)
    return _called(found, called)


_BEFORE_DIMS = ("kind", "again", "seconds", "waited", "pieces")


def _called(found: Mapping[Any, list[Any]], called: Callable[[Any], str]) -> dict[str, list[Any]]:
    """By what they are called; two that are called the same are one."""
    named: dict[str, list[Any]] = {}
    for value, rows in found.items():
        named.setdefault(called(value), []).extend(rows)
    return named


def cut(data: WeekData, dimension: str) -> Sheet:
    """One row each, the most booked first; nobody's too."""
    cube = movements.by_seller(data.tx, data.span, data.scope) if dimension == "seller" else data.cube
    sums, moments = grouped(cube, dimension, data), _moments_by(dimension, data)
    cohorts, prices = grouped(data.cohort, dimension, data), grouped(data.prices, dimension, data)
    labels = movements.seller_names(data.tx, data.span, data.scope) if dimension == "seller" else {}
    found = []
    for key in sums.keys() | cohorts.keys():
        found_of = sums.get(key, []), moments.get(key, []), prices.get(key, []), cohorts.get(key, [])
        cells = _cells(data, *found_of)
        found.append((key, labels.get(key, key), *cells))
    found.sort(key=lambda row: (-row[3], row[0]))
    opens: Opens = {}
    for place, row in enumerate(found):
        opens |= _opens(data, place, {dimension: row[0]})
    columns = (Column(dimension, dimension.capitalize()), Column("label", dimension.capitalize()), *CUT)
    return Sheet(f"by_{dimension}", f"By {dimension}", columns, found, opens)


def _cells(
    data: WeekData, sums: list[Row], moments: list[Moment], prices: list[Row], cohort: list[Row]
) -> tuple[Any, ...]:
    by_kind = {kind: data.sum(row for row in sums if row["kind"] == kind) for kind in _KINDS}
    pieces, _, _ = fates(cohort)
    booked = sum(pieces.values())
    variance = week_price.sum_up(prices, data.rates).variance
    seller = sum(row["pieces"] for row in sums if row["kind"] == "cancelled" and row["reason"] == "seller")
    return (
        by_kind["ready"].backlog + by_kind["refunded"].backlog,
        by_kind["booked"].pieces,
        data.money(by_kind["booked"].value),
        by_kind["bought"].pieces,
        data.money(by_kind["bought"].value),
        by_kind["cancelled"].pieces,
        by_kind["refunded"].pieces,
        share(pieces["bought"], booked),
        share(pieces["expired"], booked),
        *(percentile(week_quality.durations(moments, what), 50) for what in _MEDIANS),
        data.money(variance),
        seller,
        by_kind["booked"].pieces >= RANKED,
    )


_KINDS = ("ready", "booked", "bought", "cancelled", "refunded")
_MEDIANS = ("time_to_book", "time_to_buy", "tracking_lag")


def _opens(data: WeekData, place: int, key: Mapping[str, str]) -> Opens:
    cohort = {"week": data.week.name, **key}
    found: Opens = {
        (place, "new_ready"): data.opens("pieces", kind=["ready", "refunded"], effect="backlog", **key),
        (place, "conversion"): Behind("cohort", "share", {**cohort, "hit": "bought"}),
        (place, "expired_share"): Behind("cohort", "share", {**cohort, "hit": "expired"}),
        (place, "variance"): data.opens("amount", kind="booked", part="variance", **key),
        (place, "seller_cancels"): data.opens("pieces", kind="cancelled", reason="seller", **key),
        (place, "time_to_book"): data.opens("p50", kind="booked", again=False, seconds="waited", **key),
        (place, "time_to_buy"): data.opens("p50", kind="bought", seconds="seconds", **key),
        (place, "tracking_lag"): data.opens("p50", kind="tracked", seconds="seconds", **key),
    }
    for kind in ("booked", "bought", "cancelled", "refunded"):
        found[place, kind] = data.opens("pieces", kind=kind, **key)
    for kind in ("booked", "bought"):
        found[place, f"{kind}_value"] = data.opens("amount", kind=kind, **key)
    return found


def operators(data: WeekData) -> Sheet:
    """What operators booked, with the mix beside it: people are not ranked on raw counts."""
    sums, prices = grouped(data.cube, "operator", data), grouped(data.prices, "operator", data)
    bands = grouped(movements.bands(data.tx, data.span, data.scope, _BOUNDS), "operator", data)
    cohorts = grouped(data.cohort, "operator", data)
    overrides = movements.overrides(data.tx, data.span)
    rows: list[tuple[Any, ...]] = []
    opens: Opens = {}
    for name in sorted(key for key, found in cohorts.items() if found):
        booked = data.sum(row for row in sums.get(name, []) if row["kind"] == "booked")
        hits, first = week_quality.first_pass(sums.get(name, []))
        undone = sum(row["pieces"] for row in cohorts[name] if row["undone"])
        place, where = len(rows), {"week": data.week.name, "operator": name}
        opens[place, "booked"] = data.opens("pieces", kind="booked", operator=name)
        opens[place, "value"] = data.opens("amount", kind="booked", operator=name)
        opens[place, "variance"] = data.opens("amount", kind="booked", part="variance", operator=name)
        opens[place, "undone"] = Behind("cohort", "pieces", {**where, "undone": True})
        opens[place, "undo_share"] = Behind("cohort", "share", {**where, "hit": "undone"})
        opens[place, "first_pass"] = data.opens(
            "share_lines", kind=["booked", "refused", "unknown"], attempt=1, hit="booked", operator=name
        )
        rows.append(
            (name, booked.pieces, data.money(booked.value), share(hits, first), undone, share(undone, booked.pieces),
             overrides.get(name, 0), data.money(week_price.sum_up(prices.get(name, []), data.rates).variance),
             _mix(bands.get(name, [])))
        )  # fmt: skip
    return Sheet("operators", "Operators", OPERATORS, rows, opens)


def _mix(rows: list[Row]) -> str:
    """``taobao 60 %, alibaba1688 40 %; < 50: 30 %, 50–200: 70 %`` of the pieces; prices in CNY."""
    total = sum(int(row["pieces"]) for row in rows)
    providers: dict[str, int] = {}
    found: dict[str, int] = {}
    for row in rows:
        providers[row["provider"]] = providers.get(row["provider"], 0) + int(row["pieces"])
        found[_BANDS[row["band"]]] = found.get(_BANDS[row["band"]], 0) + int(row["pieces"])
    told = [f"{name} {100 * count // total} %" for name, count in sorted(providers.items(), key=lambda i: -i[1])]
    priced = [f"{label}: {100 * found[label] // total} %" for label in _BANDS if label in found]
    return "; ".join(part for part in (", ".join(told), ", ".join(priced)) if part)


def sessions(data: WeekData) -> Sheet:
    """How attempts of each session went, and what it owes now."""
    sums = grouped([row for row in data.cube if row["attempt"]], "session", data)
    ids = {name: key for key, name in data.names.sessions.items()}
    risky = standing.signals(data.tx, list(ids.values()), data.span.start, data.span.end)
    owed = {row["session_id"]: row for row in standing.unpaid_orders(data.tx, data.scope, data.basis.as_of)}
    rows: list[tuple[Any, ...]] = []
    opens: Opens = {}
    for name, key in sorted(ids.items()):
        if not sums.get(name) and key not in owed and not risky.get(key):
            continue
        counts = {kind: sum(row["lines"] for row in sums.get(name, []) if row["kind"] == kind) for kind in _ATTEMPTS}
        total, place = sum(counts.values()), len(rows)
        opens[place, "attempts"] = data.opens("lines", attempted=True, session=name)
        for column, kind in (("success", "booked"), ("unknown", "unknown")):
            opens[place, column] = data.opens("share_lines", attempted=True, hit=kind, session=name)
        opens[place, "exposure"] = Behind("unpaid_orders", "amount", {"session": name, "currency": PROVIDER_CURRENCY})
        exposure = yuan(int(owed[key]["total_fen"])) if key in owed else Decimal(0)
        rows.append(
            (name, total, share(counts["booked"], total), share(counts["unknown"], total), risky.get(key, 0), exposure)
        )
    return Sheet("sessions", "Sessions", SESSIONS, rows, opens)


_ATTEMPTS = ("booked", "refused", "unknown")


def sources(data: WeekData) -> Sheet:
    """What came in from the shops, and how late: late imports look like slow booking."""
    sums = grouped(data.cube, "source", data)
    refused = movements.rejects(data.tx, data.span)
    ages = grouped(movements.import_ages(data.tx, data.span, data.scope), "source", data)
    rows: list[tuple[Any, ...]] = []
    opens: Opens = {}
    for key, name in sorted(data.names.sources.items(), key=lambda item: item[1]):
        mine = sums.get(name, [])
        ready = sum(row["backlog"] for row in mine if row["kind"] in ("ready", "refunded"))
        aged = [(row["seconds"], int(row["pieces"])) for row in ages.get(name, [])]
        if not (mine or refused.get(key)):
            continue
        opens[len(rows), "new_ready"] = data.opens("pieces", kind=["ready", "refunded"], effect="backlog", source=name)
        opens[len(rows), "import_age"] = data.opens("p50", kind="ready", seconds="seconds", source=name)
        rows.append((name, ready, refused.get(key, 0), percentile(aged, 50)))
    return Sheet("sources", "Sources", SOURCES, rows, opens)
