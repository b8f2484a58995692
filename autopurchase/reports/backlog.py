"""The backlog now: what is paid and not bought, how old, what is stuck, what will expire unpaid.

Figures, by name: ``backlog_pieces``, ``backlog_lines``, ``backlog_value``, ``age_p50``, ``age_p90``, ``age_oldest``,
``sla_breach`` (share), ``sla_breach_pieces``, ``next_breach``, ``hours_to_clear``, ``booked_per_hour``,
``unpaid_pieces``, ``unpaid_orders``, ``unpaid_exposure``, ``expiring_6``, ``expiring_24``, ``overdue`` (orders),
``held_pieces``, ``explained`` (share), ``unknown``, ``unknown_oldest``, ``orphans``, ``orphans_value``, ``ghosts``,
``over_booked``, ``sync_age_p95``, ``sessions_expiring``, ``risk_today``.

Sheets: ``split``, ``ages``, ``causes``, ``currencies``, ``unpaid``, ``sessions``, ``by_source`` … ``by_operator``;
their columns are below. `trend.trend` has the weeks behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from autopurchase.domain.causes import CAUSES as KNOWN_CAUSES
from autopurchase.domain.causes import cause as cause_of
from autopurchase.domain.desk import ORPHAN_AGE
from autopurchase.domain.standing import HELD, IN_PROGRESS, PICKABLE, UNKNOWN
from autopurchase.reports import ages, sessions, unpaid
from autopurchase.reports.exact import PROVIDER_CURRENCY, Rates, add_up, exact, rounded, share, yuan
from autopurchase.reports.model import NOT_ASSIGNED, Basis, Behind, Column, Figure, Filters, Report, Sheet
from autopurchase.reports.weeks import last_working_days
from autopurchase.storage import scopes, standing
from autopurchase.storage.scopes import Names, Scope

#: how the backlog is divided; the four sum to it
SPLIT = (
    Column("part", "Part"),  # pickable, in progress, unknown, held
    Column("pieces", "Pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("value", "Value", "money"),
    Column("share", "Share of the pieces", "share"),
)
CAUSES = (
    Column("cause", "Cause"),  # its code; empty: unknown
    Column("label", "Held because"),
    Column("action", "What to do"),
    Column("pieces", "Pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("value", "Value", "money"),
    Column("share", "Share of what is held", "share"),
)
#: the backlog's value in the currency of each marketplace; pieces without a reference price are not in it
CURRENCIES = (
    Column("currency", "Currency"),
    Column("pieces", "Pieces", "pieces"),
    Column("value", "Value in it", "money"),
    Column("unpriced", "No reference price", "pieces"),
    Column("unrated", "No rate", "pieces"),
)
#: of every cut, after the dimension's own column (what filters take) and ``label`` (what people read)
CUT = (
    Column("pieces", "Backlog, pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("value", "Value", "money"),
    Column("breach", "Over the SLA", "pieces"),
    Column("unpaid", "Booked, unpaid", "pieces"),
    Column("over", "Over-booked", "pieces"),
)


Row = Mapping[Any, Any]
#: cuts that kept sums answer; by seller, the lines that wait are read
CUTS = ("source", "provider", "session", "operator")


@exact
def backlog(tx: Any, basis: Basis, filters: Filters | None = None, cuts: Sequence[str] = CUTS) -> Report:
    """Every figure of the backlog page, as of ``basis.as_of``. ``tx``: an open connection. Raises BadInput.

    ``cuts``: dimensions to cut by; ``seller`` reads every line that waits.
    """
    filters = filters or Filters()
    found = _Reading(tx, basis, filters)
    sheets = [found.split(), *found.aged.sheets(), found.causes(), found.currencies(), *found.owed.sheets()]
    sheets += [found.health.sheet(), *(found.cut(name) for name in cuts)]
    figures = [*found.figures(), *found.aged.figures(), *found.owed.figures(), *found.health.figures()]
    by_name = {figure.name: figure for figure in figures}
    return Report(
        "backlog", "", basis, filters, by_name, {sheet.name: sheet.priced(basis.currency) for sheet in sheets}
    )


@dataclass(slots=True)
class _Part:
    """Sums of some rows."""

    pieces: int = 0
    lines: int = 0
    value: Decimal = Decimal(0)


class _Reading:
    """One reading of what stands now, and the figures made of it."""

    def __init__(self, tx: Any, basis: Basis, filters: Filters) -> None:
        self.tx, self.basis, self.filters = tx, basis, filters
        self.scope: Scope = scopes.scope(tx, **filters.given())
        self.names: Names = scopes.names(tx)
        self.rates = Rates(tx, basis.currency)
        rows = standing.sums_now(tx, self.scope)
        self.waiting = [row for row in rows if row["part"] in (PICKABLE, IN_PROGRESS, UNKNOWN, HELD)]
        self.owing = [row for row in rows if row["part"] == "unpaid"]
        self.excess = [row for row in rows if row["part"] == "excess"]
        self.total = self.sum(self.waiting)
        self.aged = ages.Ages(tx, basis, self.scope, self.waiting)
        self.owed = unpaid.Unpaid(tx, basis, self.scope, self.names, sum(row["pieces"] for row in self.owing))
        self.health = sessions.Health(tx, basis, self.scope, self.owed.by_session)

    def sum(self, rows: Iterable[Row]) -> _Part:
        """Pieces, lines and value of rows of the backlog."""
        found = _Part()
        for row in rows:
            found.pieces += row["pieces"]
            found.lines += row["lines"]
            found.value += self.rates.value(row["fen"], row["ref_day"]) or 0
        return found

    def money(self, value: Decimal) -> Decimal:
        """As printed."""
        return rounded(value, self.basis.currency)

    # --- figures ---

    def figures(self) -> list[Figure]:
        """Those of the backlog itself."""
        total, held = self.total, self.sum(row for row in self.waiting if row["part"] == HELD)
        known = self.sum(row for row in self.waiting if row["part"] == HELD and row["cause"] in KNOWN_CAUSES)
        over = sum(row["pieces"] for row in self.excess)
        orphans, lost = self._orphans(), standing.unknown(self.tx, self.scope)
        waiting = Behind("backlog", "pieces")
        currency = self.basis.currency
        return [
            Figure("backlog_pieces", "Backlog", total.pieces, "pieces", behind=waiting),
            Figure("backlog_lines", "Lines", total.lines, "lines", behind=Behind("backlog", "lines")),
            Figure(
                "backlog_value", "Backlog value", self.money(total.value), "money", currency,
                note=self._unvalued(), behind=Behind("backlog", "amount"),
            ),
            *self._clearing(total.pieces),
            Figure("held_pieces", "Held", held.pieces, "pieces", behind=Behind("backlog", "pieces", {"part": HELD})),
            Figure(
                "explained", "Explained", share(known.pieces, held.pieces), "share", of="what is held",
                behind=Behind("backlog", "share", {"part": HELD, "hit": "explained"}),
            ),
            Figure(
                "unknown", "Outcome unknown", int(lost["bookings"]), "count", alarm=bool(lost["bookings"]),
                behind=Behind("unknown", "orders"),
            ),
            Figure(
                "unknown_oldest", "Oldest unknown", _age(self.basis.as_of, lost["oldest"]), "seconds",
                behind=Behind("unknown", "longest"),
            ),
            *orphans,
            Figure(
                "ghosts", "Ghosts", standing.ghosts(self.tx, self.scope), "count", behind=Behind("ghosts", "orders")
            ),
            Figure(
                "over_booked", "Over-booked", over, "pieces", alarm=over > 0, behind=Behind("excess", "pieces")
            ),
        ]  # fmt: skip

    def _unvalued(self) -> str:
        unpriced = sum(row["unpriced"] for row in self.waiting)
        unrated = sum(row["pieces"] - row["unpriced"] for row in self.waiting if self.rates.on(row["ref_day"]) is None)
        told = [f"{unpriced} pieces without a reference price"] if unpriced else []
        return "; ".join(told + ([f"{unrated} without a rate"] if unrated else []))

    def _clearing(self, pieces: int) -> list[Figure]:
        """Hours to clear, at the pace of the last five working days."""
        days = last_working_days(self.basis.as_of, self.basis.zone)
        flows = standing.changes_since(self.tx, self.scope, self.basis.zone, days[-1][0])
        booked = sum(
            count
            for slot, part, count in flows
            if part == "+booked" and any(start <= slot < end for start, end in days)
        )
        hours = Decimal((self.basis.work_to - self.basis.work_from) * len(days))
        pace = booked / hours if hours else Decimal(0)
        where = {"kind": "booked", "days": [[start.isoformat(), end.isoformat()] for start, end in days]}
        return [
            Figure(
                "hours_to_clear", "Hours to clear", (pieces / pace).quantize(_TENTH) if pace else None, "hours",
                note="" if pace else "no rate: nothing was booked in the last five working days",
            ),
            Figure("booked_lately", "Booked in five working days", booked, "pieces",
                   behind=Behind("moves", "pieces", where)),
        ]  # fmt: skip

    def _orphans(self) -> list[Figure]:
        before = self.basis.as_of - ORPHAN_AGE
        found = standing.orphans(self.tx, self.scope, before)
        return [
            Figure("orphans", "Orphans", int(found["orders"]), "count", behind=Behind("orphans", "orders")),
            Figure(
                "orphans_value", "Value of orphans", yuan(int(found["total_fen"])), "money", PROVIDER_CURRENCY,
                behind=Behind("orphans", "amount", {"currency": PROVIDER_CURRENCY}),
            ),
        ]  # fmt: skip

    # --- sheets ---

    def split(self) -> Sheet:
        """The four parts."""
        rows: list[tuple[Any, ...]] = []
        opens: dict[tuple[int, str], Behind] = {}
        for place, part in enumerate((PICKABLE, IN_PROGRESS, UNKNOWN, HELD)):
            found = self.sum(row for row in self.waiting if row["part"] == part)
            rows.append(
                (part, found.pieces, found.lines, self.money(found.value), share(found.pieces, self.total.pieces))
            )
            opens |= _open(place, {"part": part}, ("pieces", "lines", ("value", "amount")))
        return Sheet("split", "What the backlog is made of", SPLIT, rows, opens, note=self._rounding(rows, 3))

    def _rounding(self, rows: Sequence[Sequence[Any]], place: int) -> str:
        same = add_up([row[place] for row in rows]) == self.money(self.total.value)
        return "" if same else "rounded"

    def causes(self) -> Sheet:
        """What is held, by cause, most pieces first; one without a known cause says so."""
        by_cause: dict[str, list[Row]] = {}
        for row in self.waiting:
            if row["part"] == HELD:
                by_cause.setdefault(row["cause"], []).append(row)
        found = {code: self.sum(rows) for code, rows in by_cause.items()}
        whole = sum(part.pieces for part in found.values())
        rows: list[tuple[Any, ...]] = []
        opens: dict[tuple[int, str], Behind] = {}
        for place, (code, part) in enumerate(sorted(found.items(), key=lambda item: (-item[1].pieces, item[0]))):
            told = cause_of(code) if code else None
            label, action = (told.label, told.action) if told else ("Unknown cause", "Read its history.")
            value = self.money(part.value)
            rows.append((code, label, action, part.pieces, part.lines, value, share(part.pieces, whole)))
            opens |= _open(place, {"part": HELD, "cause": code}, ("pieces", "lines", ("value", "amount")))
        return Sheet("causes", "Held, by cause", CAUSES, rows, opens)

    def currencies(self) -> Sheet:
        """The value in the marketplaces' own currency."""
        fen = sum(row["fen"] for row in self.waiting)
        unpriced = sum(row["unpriced"] for row in self.waiting)
        unrated = sum(row["pieces"] - row["unpriced"] for row in self.waiting if self.rates.on(row["ref_day"]) is None)
        rows = [(PROVIDER_CURRENCY, self.total.pieces, yuan(fen), unpriced, unrated)]
        opens = {
            (0, "pieces"): Behind("backlog", "pieces"),
            (0, "value"): Behind("backlog", "amount", {"currency": PROVIDER_CURRENCY}),
            (0, "unpriced"): Behind("backlog", "pieces", {"unpriced": True}),
            (0, "unrated"): Behind("backlog", "pieces", {"unrated": True}),
        }
        return Sheet("currencies", "Value by marketplace currency", CURRENCIES, rows, opens)

    def cut(self, name: str) -> Sheet:
        """The backlog by a dimension; every row of it, nobody's too."""
        groups: dict[str, dict[str, list[Row]]] = {}
        labels: dict[str, str] = {}
        for part, rows in self._cut_rows(name).items():
            for row in rows:
                key, label = self._key(name, row)
                labels[key] = label
                groups.setdefault(key, {}).setdefault(part, []).append(row)
        ordered = sorted(groups.items(), key=lambda item: (-_pieces(item[1].get("waiting", ())), item[0]))
        shown = [(key, labels[key], *self._cut_cells(parts)) for key, parts in ordered]
        opens: dict[tuple[int, str], Behind] = {}
        for place, (key, _) in enumerate(ordered):
            opens |= _open(place, {name: key}, ("pieces", "lines", ("value", "amount")))
            opens[place, "breach"] = Behind("backlog", "pieces", {name: key, "breach": True})
            opens[place, "unpaid"] = Behind("unpaid", "pieces", {name: key})
            opens[place, "over"] = Behind("excess", "pieces", {name: key})
        columns = (Column(name, name.capitalize()), Column("label", name.capitalize()), *CUT)
        return Sheet(f"by_{name}", f"By {name}", columns, shown, opens)

    def _cut_rows(self, name: str) -> dict[str, list[Row]]:
        if name == "seller":
            found = {part: standing.by_seller(self.tx, self.scope, part) for part in ("", "unpaid", "excess")}
            late = [row for row in found[""] if row["clock_at"] < self.basis.as_of - self.basis.sla]
            return {"waiting": found[""], "breach": late, "unpaid": found["unpaid"], "excess": found["excess"]}
        late = self.aged.breaching()
        return {"waiting": self.waiting, "breach": late, "unpaid": self.owing, "excess": self.excess}

    def _cut_cells(self, parts: Mapping[str, Sequence[Row]]) -> tuple[Any, ...]:
        waiting = self.sum(parts.get("waiting", ()))
        rest = (_pieces(parts.get(name, ())) for name in ("breach", "unpaid", "excess"))
        return (waiting.pieces, waiting.lines, self.money(waiting.value), *rest)

    def _key(self, name: str, row: Row) -> tuple[str, str]:
        if name == "seller":
            return row["seller_id"] or NOT_ASSIGNED, row["seller_name"] or row["seller_id"] or NOT_ASSIGNED
        told: Mapping[str, Callable[[], str]] = {
            "source": lambda: self.names.source(row["source_id"]),
            "provider": lambda: row["provider"] or NOT_ASSIGNED,
            "session": lambda: self.names.session(row["session_id"]),
            "operator": lambda: row["operator"] or NOT_ASSIGNED,
        }
        return (told[name](), told[name]())


_TENTH = Decimal("0.1")


def _pieces(rows: Iterable[Row]) -> int:
    return sum(row["pieces"] for row in rows)


def _age(now: datetime, moment: datetime | None) -> int | None:
    return int((now - moment).total_seconds()) if moment else None


def _open(
    place: int, where: Mapping[str, Any], columns: Sequence[str | tuple[str, str]]
) -> dict[tuple[int, str], Behind]:
    """What cells of a row of the backlog open; a column may be measured by another word than its own."""
    named = [(column, column) if isinstance(column, str) else column for column in columns]
    return {(place, column): Behind("backlog", measure, dict(where)) for column, measure in named}
