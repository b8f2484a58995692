"""The lines behind a number: one function gives them, so that figure and drill-down cannot drift apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autopurchase.reports.model import Basis, Behind, Column, Filters

if TYPE_CHECKING:
    import pandas as pd

#: columns of the lines behind a number, whatever it is
BEHIND = (
    Column("number", "Line"),
    Column("order", "Provider order"),
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
    Column("hit", "Counts as", "flag"),  # in a share: whether it is one of these
)


def lines_behind(
    tx: Any, behind: Behind, basis: Basis, filters: Filters | None = None, *, limit: int = 0
) -> pd.DataFrame:
    """The lines a number is made of, columns `BEHIND`; ``limit`` 0: all. ``filters``: those of the report it is in."""
    import pandas as pd

    return pd.DataFrame(columns=[column.name for column in BEHIND])


def recount(behind: Behind, lines: pd.DataFrame) -> Any:
    """The figure once more, from the lines behind it: what a drill-down shows in its head."""
    return None
