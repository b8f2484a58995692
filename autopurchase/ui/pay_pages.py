"""Pages where a person pays, the orders that are on none, and what the overview says of deadlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.pay import OVERDUE
from autopurchase.domain.roles import Role
from autopurchase.reports import Behind, Figure, Filters, Report
from autopurchase.services import pay, pay_links
from autopurchase.services.pay_links import LeftOut, PayPage
from autopurchase.storage import pay as stored
from autopurchase.ui import feedback, report_view, sync_panel, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, ago, padded, plural, sums
from autopurchase.ui.workspace import context, reading

#: numbers of the runs whose progress is shown
RUNS = "pay.runs"
#: kinds of runs whose journal cell is drawn here
KINDS = ("approve", "withdraw", "pay_links")
_PAGE = "pages/manage/pay.py"


def watch(runs: Sequence[int]) -> None:
    """Show how far these runs are."""
    st.session_state[RUNS] = list(runs)


def synchronise(person: Person, numbers: Sequence[str], session: str = "") -> None:
    """Callback: ask the worker to read these orders again."""
    runs = feedback.attempt(lambda: pay.synchronise(context(), person.actor, numbers, session=session))
    if runs:
        watch(runs)


def draw(person: Person) -> None:
    """Progress of what was asked for, the pages, and what is on none of them."""
    if runs := st.session_state.get(RUNS):
        sync_panel.progress(runs)
    pages, left_out = pay_links.pages(context(), person.actor)
    if not pages and not left_out:
        st.caption(_("No payment page yet: approve orders, then get their pages."))
    with st.grid(3, min_column_width=300, gap="small"):
        for place, page in enumerate(pages):
            _page(person, page, place)
    if left_out:
        _left_out(left_out)


def _page(person: Person, page: PayPage, place: int) -> None:
    with st.container(border=True, gap="xsmall", height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{page.session}**", width="content")
            st.caption(_("fetched {ago}").format(ago=ago(page.at, context().now())))
        count = plural("Pay {n} order", "Pay {n} orders", len(page.orders))
        st.link_button(
            f"{count} · {sums({'CNY': page.total_fen})}",
            page.url,
            type="primary",
            icon=":material/open_in_new:",
            width="stretch",
            help=_("Opens the marketplace: you pay there, with its own sign-in"),
        )
        st.button(
            _("Paid: start synchronization"),
            icon=":material/sync:",
            key=f"paid-{place}",
            on_click=synchronise,
            args=(person, list(page.orders), page.session),
            width="stretch",
        )
        with st.expander(plural("{n} order number", "{n} order numbers", len(page.orders))):
            st.code("\n".join(page.orders), language=None)


def _left_out(rows: Sequence[LeftOut]) -> None:
    st.markdown(f"**{plural('{n} order is on no page', '{n} orders are on no page', len(rows))}**")
    st.dataframe(
        pd.DataFrame([{"order": row.number, "session": row.session, "why": _(row.why)} for row in rows]),
        hide_index=True,
        height=tables.height(len(rows)),
        alt=_("Orders on no payment page"),
        column_config={
            "order": tables.text(_("Marketplace order"), 170),
            "session": tables.text(_("Session"), 110),
            "why": tables.text(_("Why"), "large"),
        },
    )


def outcome_table(run: Mapping[Any, Any]) -> None:
    """What a run of the pay list did to each order."""
    with reading() as connection:
        rows = _outcomes(connection, run)
    if not rows:
        return
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows)),
        alt=_("What became of each order"),
        column_config={
            "order": tables.text(_("Marketplace order"), 170),
            "amount": tables.money(_("Amount, CNY"), 110),
            "what": tables.text(_("What became of it"), "large"),
        },
    )


def _outcomes(connection: Any, run: Mapping[Any, Any]) -> list[dict[str, str]]:
    if run["kind"] == "pay_links":
        batches = stored.batches_of(connection, run["id"])
        on_pages = [number for row in batches for number in row["provider_order_ids"]]
        why = {number: text for row in batches for number, text in row["failed"].items()}
        done = [{"order": number, "amount": "", "what": _("On a payment page")} for number in on_pages]
        return done + [{"order": number, "amount": "", "what": _(text)} for number, text in why.items()]
    if run["kind"] == "withdraw":
        words = _("Approval withdrawn")
        return [{"order": number, "amount": "", "what": words} for number in run["params"]["orders"]]
    return [
        {
            "order": row["provider_order_id"],
            "amount": padded(row["amount_fen"], "CNY"),
            "what": _("Withdrawn by {person}").format(person=row["withdrawn_by"])
            if row["withdrawn_at"]
            else _("Approved"),
        }
        for row in stored.approvals_of(connection, run["id"])
    ]


#: figures of what nobody has paid, the most urgent first, and how the pay list is asked for the same orders
_SOON = {"overdue": OVERDUE, "expiring_6": "6h", "expiring_24": "24h"}


def warnings(person: Person, report: Report) -> None:
    """On the overview: what is overdue or expires soon; each opens the orders that its figure counts."""
    shown = {name: report.figures[name] for name in _SOON if report.figures[name].value}
    if not shown:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="pay-warnings"):
        for name, figure in shown.items():
            page, query = _opens(person, report, figure, _SOON[name])
            words = _words(_SOON[name], int(figure.value or 0))
            st.page_link(page, label=words, icon=":material/alarm:", query_params=query)


def _opens(person: Person, report: Report, figure: Figure, soon: str) -> tuple[str, dict[str, str]]:
    """The pay list, as far as it can be restricted as the figure is and the person may see it; else the lines."""
    session = report.filters.session
    if person.role >= Role.OPERATOR and report.filters == Filters(session=session):
        return _PAGE, {"pay_soon": soon} | ({"pay_session": session} if session else {})
    behind = figure.behind or Behind("unpaid_orders", "orders")
    return report_view.LINES, report_view.address(behind, report.basis, report.filters, _(figure.label))


def _words(soon: str, count: int) -> str:
    if soon == OVERDUE:
        text = plural("{n} unpaid order is overdue", "{n} unpaid orders are overdue", count)
        return f":red[**{text}**] {_(':gray[usually expired: synchronise first]')}"
    if soon == "6h":
        return f":orange[**{plural('{n} order expires within 6 h', '{n} orders expire within 6 h', count)}**]"
    return f":orange[{plural('{n} order expires within 24 h', '{n} orders expire within 24 h', count)}]"
