"""The workspace in Python: the same rules and the same journal as the pages and the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, TypedDict, Unpack

from autopurchase import demo as practice
from autopurchase import wiring
from autopurchase.api.cancels import CancelPlan
from autopurchase.api.causes import CauseTable
from autopurchase.api.choosing import JournalFilters, Moment, moment, run_filter
from autopurchase.api.desk import DeskWork
from autopurchase.api.goods import Mappings, Rates
from autopurchase.api.line_work import LineWork
from autopurchase.api.pay import PayList
from autopurchase.api.plans import Plan, fraction
from autopurchase.api.reports import Reports, ReportTable, ReportView
from autopurchase.api.rows import (
    BOUGHT,
    BOUGHT_HIDDEN,
    LINE,
    LINE_HIDDEN,
    SESSION,
    SESSION_HIDDEN,
    bought_row,
    line_row,
    session_row,
)
from autopurchase.api.runs import Journal, Run
from autopurchase.api.shops import Sources
from autopurchase.api.table import Table
from autopurchase.api.who import local_actor as local_actor
from autopurchase.domain.errors import BadInput
from autopurchase.domain.order import LineStatus, PurchaseState
from autopurchase.domain.roles import Actor
from autopurchase.engine.alive import workers
from autopurchase.following import PATIENCE, Tell, WorkerChild, follow
from autopurchase.reports import DIMENSIONS, Filters
from autopurchase.services import cancel_plan, causes, import_orders, journal, plan, reports, sessions, status, sync
from autopurchase.services import lines as line_service
from autopurchase.services.unbind import unbind
from autopurchase.storage import lines as line_store
from autopurchase.storage import sessions as session_store
from autopurchase.storage import views
from autopurchase.storage.pay import PayFilter

#: rows read at a time
_CHUNK = 5_000


class ReadyFilters(TypedDict, total=False):
    """Which ready lines; what is not given does not restrict.

    ``held``: problem lines instead. ``older_than``: ready for longer than this (a timedelta), or since before this
    moment. ``max_price``: unit price in major units of the line's currency. Texts match parts, whatever their case.
    """

    held: bool
    provider: str
    source: str
    seller: str
    customer: str
    order: str
    cause: str
    currency: str
    text: str
    older_than: timedelta | datetime | None
    max_price: Decimal | str | None
    newest_first: bool


class Workspace(LineWork, DeskWork):
    """An open workspace. Use it in a ``with`` block or call `close`."""

    def __init__(self, opened: wiring.Workspace, actor: Actor) -> None:
        """``actor``: on whose account things happen here."""
        self._opened, self.actor = opened, actor

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back to the system."""
        self._opened.close()

    @property
    def home(self) -> Path:
        """The workspace's folder."""
        return self._opened.home

    @property
    def tag(self) -> str:
        """The workspace's mark: in its references, and in what the journal exports."""
        return self._opened.context.tag

    def __repr__(self) -> str:
        return f"Workspace {self.home}"

    # what there is

    def ready(self, **filters: Unpack[ReadyFilters]) -> Table:
        """Lines ready for purchase (paid and not yet ordered), oldest first; with ``held=True`` the problem lines."""
        wanted = self._wanted(filters)
        rows: list[Any] = []
        with self._opened.context.db.read() as tx:
            while part := views.ready_page(tx, wanted, limit=_CHUNK, offset=len(rows)):
                rows += part
                if len(part) < _CHUNK:
                    break
        return Table([line_row(row) for row in rows], LINE, hidden=LINE_HIDDEN)

    def ready_numbers(self, session: str, **filters: Unpack[ReadyFilters]) -> list[str]:
        """Numbers of the ready lines for ``session``, oldest first, at most one more than a plan takes."""
        with self._opened.context.db.read() as tx:
            provider = session_store.by_name(tx, session)["provider"]
            rows = views.ready_picks(tx, self._wanted({**filters, "provider": provider}), plan.MAX_LINES + 1)
        return [row["number"] for row in rows]

    def lines(self, numbers: Iterable[str]) -> Table:
        """These lines as they are now, whatever their state. Raises BadInput for unknown numbers."""
        with self._opened.context.db.read() as tx:
            rows = line_store.find(tx, numbers)
        return Table([line_row(row) for row in rows.values()], LINE, hidden=("order", "item_url", "version"))

    def purchased(self, *, states: Sequence[str] = ("booking", "booked", "bought", "sent"), session: str = "") -> Table:
        """Lines under way with their provider orders, last changed first, at most 10,000."""
        known = [state.value for state in PurchaseState]
        if wrong := [state for state in states if state not in known]:
            raise BadInput(f"There is no purchase state {wrong[0]}. There are: {', '.join(known)}.")
        wanted = views.PurchasedFilter(states=tuple(states), session=session)
        with self._opened.context.db.read() as tx:
            rows = views.purchased_page(tx, wanted, limit=views.CAP)
        return Table([bought_row(row) for row in rows], BOUGHT, hidden=BOUGHT_HIDDEN)

    def sessions(self) -> Table:
        """Sessions with their health and what is used of their budgets."""
        found = sessions.listing(self._opened.context, self.actor)
        return Table([session_row(view) for view in found], SESSION, hidden=SESSION_HIDDEN)

    def pay_list(self, *, session: str = "", expiring: str = "", approval: str = "") -> PayList:
        """Unpaid orders, nearest deadline first. ``expiring``: 6h, 24h, overdue; ``approval``: approved, waiting."""
        return PayList(self._opened, self.actor, PayFilter(session, expiring, approval))

    @property
    def mapping(self) -> Mappings:
        """What is bought for the shops' products."""
        return Mappings(self._opened, self.actor)

    @property
    def sources(self) -> Sources:
        """Shops that paid orders come from."""
        return Sources(self._opened, self.actor)

    @property
    def rates(self) -> Rates:
        """Exchange rates."""
        return Rates(self._opened, self.actor)

    @property
    def reports(self) -> Reports:
        """Frozen reports, and what figures are based on."""
        return Reports(self._opened, self.actor)

    def weekly(self, week: str = "", **filters: str) -> ReportView:
        """What a week (``2026-W47``; empty: the last one that is over) booked and bought. Raises BadInput.

        ``filters``: source, provider, session, seller, operator.
        """
        report = reports.weekly(self._opened.context, self.actor, week, _report_filters(filters))
        return ReportView(self._opened, self.actor, report)

    def backlog(self, **filters: str) -> ReportView:
        """What is paid and not bought, now. ``filters``: source, provider, session, seller, operator."""
        report = reports.overview(self._opened.context, self.actor, _report_filters(filters))
        return ReportView(self._opened, self.actor, report)

    def trend(self, weeks: int = 12, **filters: str) -> ReportTable:
        """The last weeks, one row each, oldest first."""
        ctx = self._opened.context
        sheet = reports.trend(ctx, self.actor, _report_filters(filters), weeks)
        return ReportTable(sheet, reports.basis(ctx).zone)

    def status(self) -> dict[str, Any]:
        """The state of the workspace in figures: lines and bookings by state, unknown, orphans, sync ages."""
        return status.status(self._opened.context)

    def journal(self, limit: int = 20, **filters: Unpack[JournalFilters]) -> Journal:
        """The newest runs that fit, newest first."""
        ctx = self._opened.context
        wanted, before = run_filter(filters, ctx.now()), filters.get("before", 0)
        rows = journal.listing(ctx, self.actor, wanted, limit=limit, before=before)
        return Journal([self.run(row["id"]) for row in rows])

    def causes(self, since: Moment | None = None) -> CauseTable:
        """Why lines wait now, or (``since``: a day, a moment, an age like ``7d``) were not booked since then."""
        ctx = self._opened.context
        start = moment(since, ctx.now())
        return CauseTable(causes.since(ctx, self.actor, start) if start else causes.waiting(ctx, self.actor))

    def run(self, number: int) -> Run:
        """The run of this number."""
        return Run(self._opened, number, self.actor)

    # what can be done

    def plan(
        self,
        lines: Sequence[str] | None = None,
        session: str = "",
        *,
        all_ready: bool = False,
        merge_by_seller: bool = False,
        tolerance: str | Decimal | None = "5%",
        total_tolerance: str | Decimal | None = None,
        accept_prices: bool = False,
        **filters: Unpack[ReadyFilters],
    ) -> Plan:
        """Check what booking these lines through ``session`` would be, here and now; nothing is sent by it.

        ``all_ready``: every ready line of the session's provider (and of ``filters``) instead of ``lines``. Tolerances
        are the allowed rise over the price the customer paid for, per line and in total. Raises BadInput.
        """
        options = plan.PlanOptions(merge_by_seller, fraction(tolerance), fraction(total_tolerance), accept_prices)
        numbers = self.ready_numbers(session, **filters) if all_ready else list(lines or ())
        token = plan.request(self._opened.context, self.actor, session, lines=numbers, options=options)
        plan.check(self._opened.context, token)
        return Plan(self._opened, self.actor, token)

    def plan_of(self, token: str) -> Plan:
        """A plan made before."""
        return Plan(self._opened, self.actor, token)

    def cancel(
        self,
        lines: Sequence[str] | None = None,
        *,
        orders: Sequence[str] = (),
        others: bool = False,
        reason: str = "",
    ) -> CancelPlan:
        """A plan to cancel the provider orders of these lines, or these ``orders`` (the marketplace's numbers).

        An order is cancelled whole: ``others`` takes lines along that were not named. Nothing is asked before the plan
        is applied. Raises BadInput.
        """
        ctx = self._opened.context
        picks = line_service.versions(ctx, list(lines or ()))
        choice = cancel_plan.Choice(picks, orders, others=others, reason=reason)
        return CancelPlan(self._opened, self.actor, cancel_plan.request(ctx, self.actor, choice))

    def cancel_of(self, token: str) -> CancelPlan:
        """A plan of cancels made before."""
        return CancelPlan(self._opened, self.actor, token)

    def unbind(self, lines: Sequence[str], reason: str) -> Run:
        """Take lines off their provider orders; nothing is sent, and the orders live on. Raises BadInput, Refused."""
        ctx = self._opened.context
        return self.run(unbind(ctx, self.actor, line_service.versions(ctx, list(lines)), reason))

    def sync(
        self,
        session: str | None = None,
        *,
        full: bool = False,
        lines: Sequence[str] | None = None,
        wait: bool = False,
        timeout: float = PATIENCE,
    ) -> Journal:
        """Synchronise one session, the orders of some lines, or (neither given) every active session."""
        ctx = self._opened.context
        return self._waited(sync.request(ctx, self.actor, session=session, full=full, lines=lines), wait, timeout)

    def import_file(self, path: str | Path, *, source: str = "file", **options: str) -> Run:
        """Import an order file (CSV, Excel, JSON) now. ``options``: encoding, decimal_comma (yes/no), sheet."""
        ctx = self._opened.context
        return self.run(import_orders.import_file(ctx, self.actor, Path(path), options, source=source))

    def import_orders(self, source: str, *, wait: bool = False, timeout: float = PATIENCE) -> Run:
        """Import the paid orders of a shop."""
        run: Run = self._waited([import_orders.request(self._opened.context, self.actor, source)], wait, timeout)[0]
        return run

    def change_status(self, lines: Sequence[str], to: str, reason: str = "") -> Run:
        """Give lines another status, all or none. Raises Refused for a move that is not allowed, BadInput."""
        ctx, wanted = self._opened.context, line_status(to)
        picks = line_service.versions(ctx, list(lines))
        return self.run(line_service.change_status(ctx, self.actor, picks, wanted, reason))

    def make_ready(self, lines: Sequence[str], reason: str) -> Run:
        """Free held lines so that they can be booked again. Raises BadInput."""
        picks = line_service.versions(self._opened.context, list(lines))
        return self.run(line_service.make_ready(self._opened.context, self.actor, picks, reason))

    def wait(self, runs: Sequence[Run], timeout: float = PATIENCE, tell: Tell = lambda rows: None) -> bool:
        """Wait until these runs are finished, with a worker at work meanwhile; whether they are."""
        return follow(self._opened, [run.number for run in runs], timeout=timeout, tell=tell)

    # who does the work

    def workers(self) -> int:
        """How many workers are at work on this workspace now."""
        return workers(self._opened.context.db, self._opened.home)

    def working(self) -> WorkerChild:
        """For a ``with`` block: a worker at work meanwhile, unless there is one already; spares waiting its start."""
        return WorkerChild(self._opened)

    # the demo

    def make_demo(self) -> bool:
        """Make or open the demo here; False when the workspace has sessions or sources of its own."""
        return practice.ensure_demo(self._opened)

    def demo_pay(self, provider_orders: Sequence[str], timeout: float = 20.0) -> list[str]:
        """Pay provider orders at the demo's practice marketplace, as their owner would; those that are paid."""
        return practice.pay(self._opened.context, provider_orders, timeout)

    def _waited(self, numbers: Sequence[int], wait: bool, timeout: float) -> Journal:
        if wait and numbers:
            follow(self._opened, numbers, timeout=timeout)
        return Journal([self.run(number) for number in numbers])

    def _wanted(self, filters: ReadyFilters) -> views.ReadyFilter:
        given: dict[str, Any] = dict(filters)
        if isinstance(age := given.get("older_than"), timedelta):
            given["older_than"] = self._opened.context.now() - age
        if (price := given.get("max_price")) is not None:
            given["max_price"] = Decimal(price)
        return views.ReadyFilter(**given)


def _report_filters(given: Mapping[str, str]) -> Filters:
    if unknown := sorted(set(given) - set(DIMENSIONS)):
        raise BadInput(f"A report is not restricted by {unknown[0]}; there are: {', '.join(DIMENSIONS)}.")
    return Filters(**given)


def line_status(word: str) -> LineStatus:
    """A status by its code or its label, whatever the case. Raises BadInput naming those there are."""
    code = "_".join(word.strip().lower().replace("_", " ").split())
    if code not in {status.value for status in LineStatus}:
        raise BadInput(f"There is no status “{word}”. There are: {', '.join(each.value for each in LineStatus)}.")
    return LineStatus(code)


def connect(home: str | Path | None = None, *, database_url: str = "", demo: bool = False, tag: str = "") -> Workspace:
    """Open the workspace of ``home`` (default: AUTOPURCHASE_HOME, else ``./data``), making it on first use.

    ``demo``: when nothing is configured in it, make the demo workspace: a practice marketplace on this computer
    with sessions and orders. ``tag``: the mark the workspace must have (`Workspace.tag`). Raises BadInput, saying what
    to do, when folder, database or key cannot be used, or it is another workspace.
    """
    opened = wiring.open_workspace(environment(home, database_url))
    if tag and opened.context.tag != tag:
        opened.close()
        raise BadInput(f"These cells are of the workspace {tag}, and {opened.home} is {opened.context.tag}.")
    if demo:
        practice.ensure_demo(opened)
    practice.attend(opened)
    return Workspace(opened, local_actor())


def environment(home: str | Path | None, database_url: str) -> Mapping[str, str]:
    """The process's environment with what was given instead."""
    given = {"AUTOPURCHASE_HOME": str(home or ""), "AUTOPURCHASE_DATABASE_URL": database_url}
    return {**os.environ, **{name: value for name, value in given.items() if value}}
