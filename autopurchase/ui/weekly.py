"""The weekly page: booked and bought of one week, flow and cohort apart, and the report as files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.reports import DIMENSIONS, Filters, Report, Sheet, charts
from autopurchase.reports.files import content, name_of
from autopurchase.services import reports
from autopurchase.ui import address, cells, feedback, report_view
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _
from autopurchase.ui.workspace import context

#: weeks that can be chosen without typing
_WEEKS = 60
HEADLINES = (
    "new_ready", "booked", "bought", "conversion", "first_pass", "booked_in_time", "variance", "expiry_loss",
    "over_booked", "residual",
)  # fmt: skip
_KINDS = {".xlsx": "Excel", ".html": "HTML", ".csv": "CSV", ".ipynb": "Notebook"}


def choose() -> str:
    """The week, kept in the address; the last whole one unless it says otherwise."""
    options = _weeks(context().now(), reports.basis(context()).zone)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        week = address.select(
            _("Week"), "week", options, _days, default=options[1], label_visibility="collapsed", width=270
        )
        _step(options, str(week), 1, "chevron_left", _("The week before"))
        _step(options, str(week), -1, "chevron_right", _("The week after"))
    return str(week)


def _weeks(now: datetime, zone: str) -> list[str]:
    """ISO weeks, this one first."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return [_name(today - timedelta(weeks=back)) for back in range(_WEEKS)]


def _name(day: date) -> str:
    year, week, _weekday = day.isocalendar()
    return f"{year}-W{week:02}"


def _days(week: str) -> str:
    """``2026-W47 · 16–22 Nov``."""
    monday = date.fromisocalendar(int(week[:4]), int(week[6:]), 1)
    sunday = monday + timedelta(days=6)
    start = f"{monday:%d}" if monday.month == sunday.month else f"{monday:%d %b}"
    return f"{week} · {start}–{sunday:%d %b}"


def _step(options: Sequence[str], week: str, by: int, icon: str, label: str) -> None:
    place = options.index(week) + by
    there = 0 <= place < len(options)
    st.button(
        "", icon=f":material/{icon}:", help=label, key=f"week-{icon}", disabled=not there,
        on_click=_go, args=(options[place] if there else week,),
    )  # fmt: skip


def _go(week: str) -> None:
    st.session_state["week"] = week


@st.cache_data(ttl=30, max_entries=16, show_spinner=False)
def _read(week: str, wanted: Filters, _person: Person) -> tuple[Report, Sheet]:
    """Read once for everybody who looks at the same week within half a minute."""
    report = reports.weekly(context(), _person.actor, week, wanted)
    return report, reports.trend(context(), _person.actor, wanted)


def read(person: Person, week: str, wanted: Filters) -> tuple[Report, Sheet] | None:
    """The report and the trend; None after saying why there is none."""
    try:
        with st.spinner(_("Counting the week …"), show_time=True):
            return _read(week, wanted, person)
    except BadInput as error:
        st.error(error.sentence, icon=":material/error:")
        return None


def draw(person: Person, report: Report, trend: Sheet) -> None:
    """Every cell of the page."""
    drawn = charts.of(report, trend, report_view.theme())
    stamp = report_view.basis_words(report.basis)
    with cells.cell(1, _("The week in figures"), stamp=stamp):
        report_view.cards(report, HEADLINES, columns=5)
        _files(person, report)
    _flow(report, trend, drawn)
    _cohort(report, drawn)
    _quality(report)
    _prices(report, drawn)
    with cells.cell(6, _("Cut by"), note=_("Every cut adds up to the figure.")):
        for tab, name in zip(st.tabs([_(name.capitalize()) for name in DIMENSIONS]), DIMENSIONS, strict=True):
            with tab:
                _cut(report, name)
    with cells.cell(7, _("People, accounts and shops"), note=_("Rates depend on what was dealt with: see the mix.")):
        report_view.table(report, "operators", without=("mix",))
        report_view.table(report, "operators", without=_BEFORE_MIX)
        report_view.table(report, "sessions")
        report_view.table(report, "sources")
    _foot(report)


#: of a cut: what happened, and how well it went
_HOW_MUCH = ("new_ready", "booked", "booked_value", "bought", "bought_value", "cancelled", "refunded", "variance")
_HOW_WELL = ("conversion", "expired_share", "time_to_book", "time_to_buy", "tracking_lag", "seller_cancels", "ranked")


#: of operators: all but who it is and the mix
_BEFORE_MIX = ("booked", "value", "first_pass", "undone", "undo_share", "overrides", "variance")


def _cut(report: Report, name: str) -> None:
    keys = () if len(report.sheets[f"by_{name}"].columns) < 2 else _keys(report.sheets[f"by_{name}"])
    report_view.table(report, f"by_{name}", without=(*keys, *_HOW_WELL))
    report_view.table(report, f"by_{name}", without=(*keys, *_HOW_MUCH))


def _keys(sheet: Sheet) -> tuple[str, ...]:
    """The first column, where the second says the same in words."""
    first, second = sheet.columns[0], sheet.columns[1]
    return (first.name,) if second.name == "label" else ()


def _flow(report: Report, trend: Sheet, drawn: dict[str, charts.Chart]) -> None:
    with cells.cell(2, _("What happened"), note=_("Flow: how busy we were. Never divide bought by booked here.")):
        left, right = st.columns(2, gap="small")
        with left:
            own = ("value",) if report.basis.currency == "CNY" else ()
            report_view.table(report, "flow", without=("what", *own))
        with right:
            words = _("Pieces that came in, were booked and bought, by week")
            report_view.open_chart(report, trend, drawn.get("trend"), "trend", words)


def _cohort(report: Report, drawn: dict[str, charts.Chart]) -> None:
    note = _("Cohort: how well it went. Weeks marked * are too young to be judged.")
    with cells.cell(3, _("What became of it"), note=note):
        sheet, words = report.sheets["cohort"], _("Share bought, open, cancelled and expired, by week")
        report_view.open_chart(report, sheet, drawn.get("cohort"), "cohort", words)
        money = [column.name for column in report.sheets["cohort"].columns if column.unit == "money"]
        report_view.table(report, "cohort", without=money)


def _quality(report: Report) -> None:
    with cells.cell(4, _("Times and yield")):
        left, right = st.columns(2, gap="small")
        with left:
            report_view.table(report, "times", without=("what",))
        with right:
            report_view.table(report, "attempts", without=("cause",))
        report_view.table(report, "yield", without=("what",))
        if report.sheets["releases"].rows:
            st.caption(f"**{_('Released, by what differed')}**")
            report_view.table(report, "releases")


def _prices(report: Report, drawn: dict[str, charts.Chart]) -> None:
    with cells.cell(5, _("Prices"), note=_("Against the price when the customer paid.")):
        left, right = st.columns(2, gap="small")
        with left:
            report_view.table(report, "variance", without=("what",))
        with right:
            sheet, words = report.sheets["variance"], _("From the price at payment to the price booked")
            report_view.open_chart(report, sheet, drawn.get("variance"), "variance", words)
        st.caption(f"**{_('Margin at risk')}**")
        report_view.table(report, "margin")


def _foot(report: Report) -> None:
    with cells.cell(8, _("Does it add up"), note=_("Starts and ends are read from states, changes from events.")):
        sheet = report.sheets["identities"]
        report_view.table(report, "identities", without=("formula", "terms"))
        for place in range(len(sheet.rows)):
            st.caption(" · ".join(filter(None, (sheet.cell(place, "formula"), sheet.cell(place, "terms")))))
        if report.sheets["unreconciled"].rows:
            st.error(_("Unreconciled: the state and the history of these lines disagree."), icon=":material/error:")
            report_view.table(report, "unreconciled")
        st.caption(f"**{_('How far it can be trusted')}**")
        report_view.table(report, "hygiene", without=("what",))
        st.caption(f"**{_('Restated since it was frozen')}**")
        report_view.table(report, "restated")


def _files(person: Person, report: Report) -> None:
    """Downloads, and freezing: what is frozen never changes again."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for ending, label in _KINDS.items():
            st.download_button(
                label,
                data=lambda ending=ending: content(report, ending),  # type: ignore[misc]
                file_name=name_of(report) + ending,
                icon=":material/download:",
                key=f"file{ending}",
                on_click="ignore",
            )
        st.button(
            _("Freeze"), icon=":material/ac_unit:", key="freeze", on_click=_freeze, args=(person, report.period),
            disabled=bool(report.filters.given()),
            help=_("Keeps the whole week as it stands. What comes to be known later is told apart, never mixed in."),
        )  # fmt: skip
        for frozen in reports.versions(context(), person.actor, report.period):
            st.caption(
                _("frozen {when} by {who}, version {n}").format(
                    when=f"{frozen.as_of:%Y-%m-%d %H:%M} UTC", who=frozen.actor, n=frozen.version
                )
            )


def _freeze(person: Person, week: str) -> None:
    frozen = feedback.attempt(lambda: reports.freeze(context(), person.actor, week))
    if frozen is not None:
        _read.clear()
        feedback.say("success", _("{week} is frozen as version {n}.").format(week=week, n=frozen.version))
