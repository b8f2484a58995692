"""Why lines are not booked, as rows."""

from __future__ import annotations

from typing import Any

from autopurchase.api.table import Table
from autopurchase.domain.remedies import ACTS
from autopurchase.services.causes import CauseRow, Causes

COLUMNS = ("cause", "session", "lines", "share", "act", "action", "retryable", "said")


class CauseTable(Table):
    """Rows by cause, most lines first: cause, session, lines, share (%), act, action, retryable, said.

    ``explained``: percent of the lines whose cause says something, None where nothing is to be explained; lines of
    unknown outcome are being looked up and do not count. ``said``: the marketplace's own words, where that is all.
    """

    def __init__(self, found: Causes) -> None:
        """The rows of ``found``."""
        super().__init__([cause_row(row) for row in found.rows], COLUMNS)
        self.explained = found.percent
        self.lines = sum(row.lines for row in found.rows)

    def __repr__(self) -> str:
        told = " · ".join(f"{row['lines']} {row['cause']}" for row in self.rows)
        return f"{told or 'No line waits.'}{self._explained(' · ')}"

    def _explained(self, before: str) -> str:
        return "" if self.explained is None else f"{before}{self.explained} % explained"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + f"<p>{self._explained('')}</p>"


def cause_row(row: CauseRow) -> dict[str, Any]:
    """One row as it is shown."""
    until = f" Until {row.until:%Y-%m-%d %H:%M} UTC: {row.why}" if row.until else ""
    said = "; ".join(f"{each.lines} × {each.sentence}" for each in row.words)
    return {
        "cause": row.phrase,
        "code": row.code,
        "session": row.session,
        "lines": row.lines,
        "share": row.share,
        "act": ACTS[row.act],
        "action": row.action + until,
        "retryable": row.retryable,
        "booked_since": row.later,
        "numbers": list(row.numbers),
        "said": said,
    }
