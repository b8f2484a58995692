"""Figures: the backlog now, and what a week booked and bought. Definitions: docs/figures.md.

`backlog.backlog`, `weekly.weekly` and `trend.trend` make reports; `lines.lines_behind` opens any number of them.
"""

from autopurchase.reports.model import (
    DIMENSIONS,
    NOT_ASSIGNED,
    Basis,
    Behind,
    Column,
    Figure,
    Filters,
    Report,
    Sheet,
)

__all__ = ["DIMENSIONS", "NOT_ASSIGNED", "Basis", "Behind", "Column", "Figure", "Filters", "Report", "Sheet"]
