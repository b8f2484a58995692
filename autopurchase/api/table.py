"""Rows that show themselves: as text, as HTML in a notebook, as a DataFrame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autopurchase.domain.money import Money
from autopurchase.reports.journal.tables import html_table as html_table
from autopurchase.reports.journal.tables import text_of as text_of

if TYPE_CHECKING:
    import pandas as pd


class Table(Sequence[Mapping[str, Any]]):
    """Rows by column name. Cells are text, whole numbers, `Money`, aware UTC datetimes or None.

    `to_pandas` gives money as two columns: ``name`` (Decimal, major units) and ``name_currency``.
    """

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, hidden: Sequence[str] = ()
    ) -> None:
        """``columns`` in order, also when there is no row; ``hidden`` ones are not shown in a notebook."""
        self.rows = [dict(row) for row in rows]
        self.columns = tuple(columns)
        self._hidden = frozenset(hidden)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __repr__(self) -> str:
        return f"{len(self)} rows: {', '.join(self.columns)}"

    def column(self, name: str) -> list[Any]:
        """One column as a list."""
        return [row[name] for row in self.rows]

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame; money as Decimal with its currency beside it, times aware UTC."""
        import pandas as pd

        return pd.DataFrame([flat(row) for row in self.rows], columns=flat_columns(self.rows, self.columns))

    def _repr_html_(self) -> str:
        return html_table(self.rows, [name for name in self.columns if name not in self._hidden])


def flat_columns(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Columns with each money column followed by its currency."""
    money = {name for row in rows for name, value in row.items() if isinstance(value, Money)}
    return [part for name in columns for part in ((name, f"{name}_currency") if name in money else (name,))]


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with money as a Decimal and its currency."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Money):
            found[name], found[f"{name}_currency"] = value.decimal(), value.currency
        else:
            found[name] = value
    return found
