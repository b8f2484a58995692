"""Reports: what they are based on, making them, freezing a week, and the lines behind a number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from autopurchase.domain import code
from autopurchase.domain.errors import BadInput
from autopurchase.domain.roles import Actor, Role
from autopurchase.reports import Basis, Behind, Filters, Report, Sheet, frozen
from autopurchase.reports import backlog as backlog_figures
from autopurchase.reports import lines as line_figures
from autopurchase.reports import trend as trend_figures
from autopurchase.reports import weekly as weekly_figures
from autopurchase.reports.weeks import week as week_named
from autopurchase.reports.weeks import week_of, zone_of
from autopurchase.services.context import Context
from autopurchase.storage import journal, runs, standing, tallies, views, workspace
from autopurchase.storage import reports as store
from autopurchase.storage.database import Connection

if TYPE_CHECKING:
    import pandas as pd

#: where the workspace keeps what its figures are based on
_SETTINGS = "report_settings"
#: what can be set, as `Basis` names it
SETTABLE = ("zone", "currency", "sla_hours", "maturity_days", "margin", "work_from", "work_to")
WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A report as it was frozen: its place among the versions of its week, and whose it is."""

    period: str
    version: int
    as_of: datetime
    actor: str
    digest: str


# --- what figures are based on ---


def basis(ctx: Context) -> Basis:
    """What figures are based on now: the workspace's zone, currency and limits, and the moment."""
    with ctx.db.read() as tx:
        return _basis(ctx, tx)


def _basis(ctx: Context, tx: Connection) -> Basis:
    given = json.loads(workspace.read(tx, _SETTINGS) or "{}")
    if "margin" in given:
        given["margin"] = Decimal(given["margin"])
    zone = standing.tally_zone(tx)
    return Basis(as_of=ctx.now(), version=_version(), **{"zone": zone, **given})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("autopurchase")
    except PackageNotFoundError:  # a checkout that is not installed
        return ""


def configure(ctx: Context, actor: Actor, **values: Any) -> int:
    """Set what figures are based on (`SETTABLE`); returns the run. Frozen reports stay as they are. Raises BadInput."""
    actor.require(Role.MANAGER)
    if unknown := sorted(set(values) - set(SETTABLE)):
        raise BadInput(f"Reports are not based on {unknown[0]}; there are: {', '.join(SETTABLE)}.")
    with ctx.db.write() as tx:
        now = _checked(replace(_basis(ctx, tx), **{name: _read(name, value) for name, value in values.items()}))
        kept = {
            name: str(value) if name == "margin" else value for name, value in asdict(now).items() if name in SETTABLE
        }
        before = standing.tally_zone(tx)
        workspace.write(tx, _SETTINGS, json.dumps(kept))
        workspace.write(tx, standing.ZONE_KEY, now.zone)
        if now.zone != before:
            tallies.rezone(tx, now.zone)
        call = code.call("shop.reports.configure", **values)
        run_id = runs.create(tx, kind="settings", actor=actor.name, at=ctx.now(), call=call, params=kept)
        runs.finish(tx, run_id, at=ctx.now(), out={})
    return run_id


def _read(name: str, value: Any) -> Any:
    try:
        if name == "margin":
            return Decimal(str(value))
        return str(value).strip() if name in ("zone", "currency") else int(value)
    except (InvalidOperation, ValueError, TypeError) as error:
        raise BadInput(f"“{value}” is not a value for {name}.") from error


def _checked(found: Basis) -> Basis:
    zone_of(found.zone)
    found = replace(found, currency=found.currency.upper())
    wrong = {
        "The reporting currency is a code of three letters, like EUR.": not (
            len(found.currency) == 3 and found.currency.isalpha()
        ),
        "The SLA is 1 to 720 hours.": not 1 <= found.sla_hours <= 720,
        "Cohorts are mature after 1 to 90 days.": not 1 <= found.maturity_days <= 90,
        "The margin is a share from 0 to 1.": not 0 <= found.margin < 1,
        "Working hours are from and to hours of one day.": not 0 <= found.work_from < found.work_to <= 24,
    }
    if said := next((sentence for sentence, is_wrong in wrong.items() if is_wrong), ""):
        raise BadInput(said)
    return found


# --- making reports ---


@contextmanager
def _view(ctx: Context) -> Iterator[tuple[Connection, Basis]]:
    """One steady view of everything, and the moment it is of: nothing that is seen was recorded later."""
    with ctx.db.read(steady=True) as tx:
        yield tx, _basis(ctx, tx)


def overview(
    ctx: Context, actor: Actor, filters: Filters | None = None, cuts: Sequence[str] = backlog_figures.CUTS
) -> Report:
    """The backlog now. ``cuts``: dimensions to cut it by; by ``seller`` reads every line that waits."""
    actor.require(Role.VIEWER)
    with _view(ctx) as (tx, found):
        return backlog_figures.backlog(tx, found, filters, cuts)


def trend(ctx: Context, actor: Actor, filters: Filters | None = None, weeks: int = 12) -> Sheet:
    """The last weeks."""
    actor.require(Role.VIEWER)
    with _view(ctx) as (tx, found):
        return trend_figures.trend(tx, found, filters, weeks)


def weekly(ctx: Context, actor: Actor, week: str = "", filters: Filters | None = None) -> Report:
    """The report of a week (``2026-W47``; empty: the last one that is over) as it would be now. Raises BadInput."""
    actor.require(Role.VIEWER)
    with _view(ctx) as (tx, found):
        return _weekly(tx, found, week or last_week(found), filters)


def last_week(found: Basis) -> str:
    """The last week that is over."""
    return week_of(found.as_of, found.zone).before().name


def _weekly(tx: Connection, found: Basis, week: str, filters: Filters | None) -> Report:
    return weekly_figures.weekly(tx, week, found, filters, frozen=_frozen_flows(tx))


def lines(ctx: Context, actor: Actor, report: Report, behind: Behind, *, limit: int = 0) -> pd.DataFrame:
    """The lines behind a number of a report, as they are now."""
    actor.require(Role.VIEWER)
    with ctx.db.read(steady=True) as tx:
        return line_figures.lines_behind(tx, behind, report.basis, report.filters, limit=limit)


def rows(
    ctx: Context, actor: Actor, behind: Behind, found: Basis, filters: Filters
) -> tuple[list[line_figures.Row], Any]:
    """The lines behind a number that an address names, and the number counted once more. Raises BadInput."""
    actor.require(Role.VIEWER)
    with ctx.db.read(steady=True) as tx:
        opened = line_figures.rows_behind(tx, behind, found, filters)
    return opened, line_figures.recount(behind, opened, behind.money(found))


def names(ctx: Context, actor: Actor) -> dict[str, list[str]]:
    """What menus of filters offer, by dimension; sellers are too many and are typed."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        known = views.names(tx)
        operators = journal.actors(tx)
    return {
        "source": known["sources"],
        "provider": sorted(ctx.providers),
        "session": known["sessions"],
        "operator": operators,
    }


# --- freezing ---


def freeze(ctx: Context, actor: Actor, week: str = "") -> Frozen:
    """Freeze the report of a week that is over (empty: the last one); again, it is a new version. Raises BadInput."""
    actor.require(Role.MANAGER)
    with _view(ctx) as (tx, found):
        wanted = week_named(week or last_week(found), found.zone)
        if wanted.end > found.as_of:
            raise BadInput(
                f"Week {wanted.name} is not over yet: it can be frozen from {wanted.end:%Y-%m-%d %H:%M} UTC."
            )
        report = _weekly(tx, found, wanted.name, None)
    body = frozen.to_text(report)
    params = {"zone": found.zone, "currency": found.currency, "version": found.version}
    with ctx.db.write() as tx:
        version = store.freeze(
            tx, kind=WEEKLY, period=wanted.name, actor=actor.name, as_of=found.as_of, params=params, body=body
        )
    return Frozen(wanted.name, version, found.as_of, actor.name, store.digest(body))


def versions(ctx: Context, actor: Actor, week: str = "") -> list[Frozen]:
    """Frozen reports, newest week and version first; of one week where it is given."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        rows = store.listing(tx, WEEKLY, week)
    return [Frozen(row["period"], row["version"], row["as_of"], row["actor"], row["digest"]) for row in rows]


def read(ctx: Context, actor: Actor, week: str, version: int = 0) -> Report:
    """A report as it was frozen (version 0: the newest). Raises BadInput when there is none or it was altered."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        row = store.get(tx, WEEKLY, week, version)
    if row is None:
        raise BadInput(f"The report of {week} was not frozen{f' as version {version}' if version else ''}.")
    if store.digest(row["body"]) != row["digest"]:
        raise BadInput(f"The frozen report of {week} is not what was frozen: its digest differs.")
    return frozen.from_text(row["body"])


def _frozen_flows(tx: Connection) -> Mapping[str, Mapping[str, int]]:
    """Flow figures of every frozen week, of its newest version; read only where something is restated."""
    return _Flows(tx)


class _Flows(Mapping[str, Mapping[str, int]]):
    """Week -> figure -> pieces; a week's report is read when it is asked for."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx

    def __getitem__(self, week: str) -> Mapping[str, int]:
        row = store.get(self._tx, WEEKLY, week)
        if row is None:
            raise KeyError(week)
        return frozen.flow_of(frozen.from_text(row["body"]))

    def __iter__(self) -> Iterator[str]:
        return iter({str(row["period"]) for row in store.listing(self._tx, WEEKLY)})

    def __len__(self) -> int:
        return len({row["period"] for row in store.listing(self._tx, WEEKLY)})


# --- upkeep ---


def merge(ctx: Context) -> int:
    """Merge the sums that writers left since the last time; returns how many rows there were."""
    with ctx.db.read() as tx:
        if not tallies.waiting(tx):
            return 0
    total = 0
    while True:
        with ctx.db.write() as tx:
            found = tallies.merge(tx, standing.tally_zone(tx))
        total += found
        if found < tallies.BATCH:
            return total
