"""Reports: what they are based on, making them, freezing a week, and the lines behind a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from autopurchase.domain.roles import Actor, Role
from autopurchase.reports import Basis, Behind, Filters, Report, Sheet
from autopurchase.reports import backlog as backlog_figures
from autopurchase.reports import lines as line_figures
from autopurchase.reports import trend as trend_figures
from autopurchase.reports import weekly as weekly_figures
from autopurchase.services.context import Context

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Frozen:
    """A report as it was frozen: its place among the versions of its week, and whose it is."""

    period: str
    version: int
    as_of: datetime
    actor: str
    digest: str


def basis(ctx: Context) -> Basis:
    """What figures are based on now: the workspace's zone, currency and limits, and the moment."""
    return Basis(as_of=ctx.now())


def overview(ctx: Context, actor: Actor, filters: Filters | None = None) -> Report:
    """The backlog now."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        return backlog_figures.backlog(tx, basis(ctx), filters)


def trend(ctx: Context, actor: Actor, filters: Filters | None = None, weeks: int = 12) -> Sheet:
    """The last weeks."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        return trend_figures.trend(tx, basis(ctx), filters, weeks)


def weekly(ctx: Context, actor: Actor, week: str, filters: Filters | None = None) -> Report:
    """The report of a week (``2026-W47``) as it would be now. Raises BadInput."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        return weekly_figures.weekly(tx, week, basis(ctx), filters)


def lines(ctx: Context, actor: Actor, report: Report, behind: Behind, *, limit: int = 0) -> pd.DataFrame:
    """The lines behind a number of a report."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        return line_figures.lines_behind(tx, behind, report.basis, report.filters, limit=limit)


def versions(ctx: Context, actor: Actor, week: str = "") -> Sequence[Frozen]:
    """Frozen reports, newest week first; of one week where it is given."""
    actor.require(Role.VIEWER)
    return ()
