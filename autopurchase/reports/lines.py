"""The lines behind a number: one function gives them, so that figure and drill-down cannot drift apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from autopurchase.domain.errors import BadInput
from autopurchase.reports.behind_moves import MOVES
from autopurchase.reports.behind_now import NOW
from autopurchase.reports.exact import exact, percentile, rounded, share
from autopurchase.reports.look import Look
from autopurchase.reports.model import DIMENSIONS, Basis, Behind, Column, Filters

if TYPE_CHECKING:
    import pandas as pd

#: columns of the lines behind a number, whatever it is
BEHIND = (
    Column("number", "Line"),
    Column("order", "Provider order"),  # or our booking's reference
    Column("source", "Source"),
    Column("provider", "Provider"),
    Column("session", "Session"),
    Column("seller", "Seller"),
    Column("operator", "Operator"),
    Column("state", "State"),  # pickable, in progress, unknown, held, unpaid, … or what happened
    Column("cause", "Cause"),
    Column("pieces", "Pieces", "pieces"),
    Column("amount", "Amount", "money"),  # in the figure's currency, not rounded; None: has none
    Column("at", "Since or when", "time"),
    Column("seconds", "For", "seconds"),
    Column("hit", "Counts", "flag"),  # in a share: whether it is one of these
)
Row = Mapping[str, Any]
_MAKERS: Mapping[str, Callable[[Look], Iterator[Row]]] = {**NOW, **MOVES}


@exact
def rows_behind(tx: Any, behind: Behind, basis: Basis, filters: Filters | None = None) -> list[Row]:
    """The lines a number is made of, as rows of `BEHIND`; ``filters``: those of the report. Raises BadInput."""
    if behind.what not in _MAKERS:
        raise BadInput("This address does not say which lines to open.")
    given = asdict(filters or Filters()) | {name: v for name, v in behind.where.items() if name in DIMENSIONS}
    look = Look.at(tx, basis, Filters(**given), behind.where)
    rows = list(_MAKERS[behind.what](look))
    return [row for row in rows if row["hit"]] if behind.where.get("hits") else rows


def lines_behind(
    tx: Any, behind: Behind, basis: Basis, filters: Filters | None = None, *, limit: int = 0
) -> pd.DataFrame:
    """The same as a DataFrame; ``limit`` 0: all."""
    import pandas as pd

    rows = rows_behind(tx, behind, basis, filters)
    names = [column.name for column in BEHIND]
    return pd.DataFrame([[row[name] for name in names] for row in (rows[:limit] if limit else rows)], columns=names)


@exact
def recount(behind: Behind, rows: Sequence[Row], currency: str = "") -> Any:
    """The figure once more, from the lines behind it: what a drill-down shows in its head."""
    hits = [row for row in rows if row["hit"]]
    timed = [(row["seconds"], row["pieces"]) for row in rows if row["seconds"] is not None]
    measures: Mapping[str, Callable[[], Any]] = {
        "pieces": lambda: _pieces(rows),
        "lines": lambda: len(rows),
        "orders": lambda: _orders(rows),
        "amount": lambda: rounded(sum((row["amount"] or Decimal(0) for row in rows), Decimal(0)), currency),
        "share": lambda: share(_pieces(hits), _pieces(rows)),
        "share_lines": lambda: share(len(hits), len(rows)),
        "share_orders": lambda: share(_orders(hits), _orders(rows)),
        "p50": lambda: percentile(timed, 50),
        "p90": lambda: percentile(timed, 90),
        "longest": lambda: max((seconds for seconds, _ in timed), default=None),
        "mean": lambda: sum(seconds for seconds, _ in timed) // len(timed) if timed else None,
    }
    return measures[behind.measure]()


def _pieces(rows: Sequence[Row]) -> int:
    return sum(row["pieces"] for row in rows)


def _orders(rows: Sequence[Row]) -> int:
    return len({row["order"] for row in rows})
