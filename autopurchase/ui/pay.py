"""The pay list's totals, filter, table and actions."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.money import Money, amount_text
from autopurchase.domain.pay import OVERDUE, PayState
from autopurchase.domain.roles import Role
from autopurchase.services import pay, pay_links
from autopurchase.services.pay import MOST, PayOrder
from autopurchase.storage import views
from autopurchase.storage.pay import PayFilter
from autopurchase.ui import address, feedback, pay_pages, picking, tables
from autopurchase.ui.downloads import harmless
from autopurchase.ui.guard import Person
from autopurchase.ui.links import at_marketplace, to
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import FIGURE_SPACE, _, left, padded, plural, sums, when
from autopurchase.ui.workspace import context, reading

NAME = "pay"
PAGE = "pages/manage/pay.py"
SIZE = 200
#: in people's words
STATES = {
    PayState.WAITING.value: "Not approved",
    PayState.APPROVED.value: "Approved",
    PayState.GROWN.value: "Approve again",
}
_SOON = {OVERDUE: "Overdue", "6h": "Within 6 h", "24h": "Within 24 h"}


def totals(person: Person) -> None:
    """Orders and sums by session."""
    rows = pay.totals(context(), person.actor)
    if not rows:
        st.info(_("Nothing waits for payment."), icon=":material/task_alt:")
        return
    now = context().now()
    shown = [
        {
            "session": to("pay", row["session"], pay_session=row["session"]),
            "orders": row["orders"],
            "amount": padded(row["total_fen"], "CNY", 14),
            "approved": row["approved"],
            "approved_amount": padded(row["approved_fen"], "CNY", 14),
            "overdue": row["overdue"],
            "soon": row["within_6h"],
            "day": row["within_24h"],
            "next": left(row["next_deadline"], now),
        }
        for row in rows
    ]
    st.dataframe(
        pd.DataFrame(shown),
        hide_index=True,
        height="content",
        alt=_("To pay, by session"),
        column_config={
            "session": tables.link(_("Session"), 130),
            "orders": st.column_config.NumberColumn(_("Unpaid"), width=70),
            "amount": tables.money(_("To pay, CNY"), 120),
            "approved": st.column_config.NumberColumn(_("Approved"), width=80),
            "approved_amount": tables.money(_("Approved, CNY"), 120),
            "overdue": st.column_config.NumberColumn(_("Overdue"), width=76),
            "soon": st.column_config.NumberColumn(_("Within 6 h"), width=84),
            "day": st.column_config.NumberColumn(_("Within 24 h"), width=90),
            "next": tables.text(_("Next deadline"), 120, alignment="right"),
        },
    )
    _in_all(rows)


def _in_all(rows: Sequence[Mapping[Any, Any]]) -> None:
    count, due = sum(row["orders"] for row in rows), sum(int(row["total_fen"]) for row in rows)
    approved = sum(int(row["approved_fen"]) for row in rows)
    words = f"**{plural('{n} unpaid order', '{n} unpaid orders', count)}** · **{sums({'CNY': due})}**"
    st.markdown(f"{words} · {_('approved {amount}').format(amount=sums({'CNY': approved}))}")
    unpriced = sum(row["unpriced"] for row in rows)
    if unpriced:
        st.caption(plural("{n} order has no total yet", "{n} orders have no total yet", unpriced))


def orders(person: Person) -> None:
    """Filters, what can be done with picked orders, and the unpaid orders."""
    wanted = draw_filter()
    above = st.container()  # room for what the table shows over its right corner, which may cover nothing
    picked = table(person, wanted)
    with above:
        actions(person, wanted, picked)


def draw_filter() -> PayFilter:
    """Draw the filters (kept in the address) and return what they say."""
    with reading() as connection:
        sessions = views.names(connection)["sessions"]
    hidden: Any = {"label_visibility": "collapsed", "bind": "query-params"}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        session = st.selectbox(
            _("Session"), sessions, index=None, key="pay_session", placeholder=_("any session"), width=170, **hidden
        )
        soon = address.pills(_("Expiring"), "pay_soon", list(_SOON), lambda code: _(_SOON[code]))
        options = [PayState.WAITING.value, PayState.APPROVED.value]
        state = address.pills(_("Approval"), "pay_state", options, lambda code: _(STATES[code]))
    return PayFilter(session or "", soon or "", state or "")


def table(person: Person, wanted: PayFilter) -> dict[str, Pick]:
    """Draw one page of orders, nearest deadline first; return every pick that is still unpaid."""
    count = sum(row["orders"] for row in pay.totals(context(), person.actor, wanted))
    pages = max(1, -(-count // SIZE))
    place = min(int(st.session_state.get("pay_page") or 1), pages)
    orders = pay.listing(context(), person.actor, wanted, limit=SIZE, offset=(place - 1) * SIZE)
    if not orders:
        picking.set_picks(NAME, {})
        st.info(_("No unpaid order here."), icon=":material/inbox:")
        return {}
    now = context().now()
    picked = picking.pick_rows(
        tables.numbered([order.number for order in orders], [_cells(order, now) for order in orders], "order"),
        {order.number: pick(order) for order in orders},
        name=NAME,
        height=tables.height(len(orders), 13),
        alt=_("Unpaid orders"),
        column_config=_columns(),
    )
    _under(person, wanted, len(orders), count, pages, picked)
    return picked


def pick(order: PayOrder) -> Pick:
    """What is remembered of a picked order: its total is what an approval was seen with."""
    return Pick(order.total_fen or 0, order.provider, "CNY", order.total_fen or 0, order.state.value)


def _cells(order: PayOrder, now: datetime) -> dict[str, Any]:
    return {
        "open": at_marketplace(order.provider, order.base_url, order.number, _("open")),
        "session": order.session,
        "lines": ", ".join(order.lines),
        "amount": padded(order.total_fen, "CNY"),
        "deadline": _within(order, now),
        "state": [_(STATES[order.state])],
        "approved": _approved(order),
        "note": _(order.note),
    }


def _within(order: PayOrder, now: datetime) -> str:
    if order.deadline is None:
        return _("not stated")
    mark = "≈ " if order.assumed else ""
    return f"{mark}{left(order.deadline, now)}".rjust(16, FIGURE_SPACE)


def _approved(order: PayOrder) -> str:
    if order.approved_fen is None:
        return ""
    if order.state is PayState.GROWN:
        amount = amount_text(order.approved_fen, "CNY")
        return _("{person} up to {amount}").format(person=order.approved_by, amount=amount)
    return f"{order.approved_by}, {when(order.approved_at)}"


def _columns() -> dict[str, Any]:
    return {
        "_index": st.column_config.TextColumn(_("Marketplace order"), pinned=True, width=160),
        "open": tables.link("", 50, help=_("The order at its marketplace")),
        "session": tables.text(_("Session"), 84),
        "lines": tables.text(_("Lines"), 84),
        "amount": tables.money(_("Amount, CNY"), 98),
        "deadline": tables.text(
            _("Pay within"), 124, alignment="right", help=_("≈: assumed, as the marketplace has not stated it yet")
        ),
        "state": st.column_config.MultiselectColumn(
            _("Approval"), options=[_(word) for word in STATES.values()], color=["gray", "green", "orange"], width=112
        ),
        "approved": tables.text(_("Approved by"), 150),
        "note": tables.text(_("Note"), 190),
    }


def _under(person: Person, wanted: PayFilter, shown: int, count: int, pages: int, picked: Mapping[str, Pick]) -> None:
    """How many there are, paging, picking by filter."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(_("{shown} of {total} orders").format(shown=shown, total=f"{count:,}"), width="content")
        if pages > 1:
            st.pagination(pages, key="pay_page", max_visible_pages=5)
        st.space("stretch")
        st.button(
            _("Pick all {n} of this filter").format(n=f"{min(count, MOST):,}"),
            icon=":material/select_all:",
            key="pay-all",
            on_click=_pick_all,
            args=(person, wanted),
        )
        st.button(
            _("Clear picks"),
            icon=":material/deselect:",
            key="pay-clear",
            on_click=picking.set_picks,
            args=(NAME, {}),
            disabled=not picked,
        )


def _pick_all(person: Person, wanted: PayFilter) -> None:
    found = pay.listing(context(), person.actor, wanted)
    picking.set_picks(NAME, {order.number: pick(order) for order in found})


def open_with(person: Person, lines: Sequence[str]) -> None:
    """Go to the pay list with the unpaid orders of these lines picked."""
    orders = pay.of_lines(context(), person.actor, lines)
    if not orders:
        st.toast(_("None of the picked lines waits for payment."), icon=":material/info:")
        return
    picking.set_picks(NAME, {order.number: pick(order) for order in orders})
    st.switch_page(PAGE)


def actions(person: Person, wanted: PayFilter, picked: Mapping[str, Pick]) -> None:
    """What can be done with picked orders; approving needs a manager."""
    manager = person.role >= Role.MANAGER
    due = sum(one.sum_minor for one in picked.values())
    approved = [number for number, one in picked.items() if one.status == PayState.APPROVED]
    marked = [number for number, one in picked.items() if one.status != PayState.WAITING]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="pay-actions"):
        words = plural("Approve {n} order", "Approve {n} orders", len(picked)) + f" · {sums({'CNY': due})}"
        st.button(
            words if picked else _("Approve"),
            type="primary",
            icon=":material/approval:",
            key="pay-approve",
            disabled=not picked or not manager,
            on_click=_approve,
            args=(person, dict(picked)),
            help=_("Approves each order up to its amount of now. Nothing is paid by it.")
            if manager
            else _("A manager approves."),
        )
        st.button(
            _("Withdraw approval"),
            icon=":material/undo:",
            key="pay-withdraw",
            disabled=not marked or not manager,
            on_click=_withdraw,
            args=(person, marked),
        )
        st.button(
            plural("Get pages to pay {n} order", "Get pages to pay {n} orders", len(approved))
            if approved
            else _("Get payment pages"),
            icon=":material/payments:",
            key="pay-links",
            disabled=bool(picked) and not approved,
            on_click=_fetch,
            args=(person, approved, wanted.session),
            help=_("The worker asks the marketplace. Without picks: for everything approved."),
        )
        st.button(
            _("Start synchronization"),
            icon=":material/sync:",
            key="pay-sync",
            disabled=not picked,
            on_click=pay_pages.synchronise,
            args=(person, list(picked)),
            help=_("Reads the picked orders again: after paying, or when they are overdue"),
        )
        st.download_button(
            _("Approved list as CSV"),
            data=lambda: approved_csv(person, wanted),
            file_name="pay-list.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="pay-csv",
        )
        feedback.last_run()


def _approve(person: Person, picked: Mapping[str, Pick]) -> None:
    seen = {number: one.version or None for number, one in picked.items()}
    run = feedback.attempt(lambda: pay.approve(context(), person.actor, seen))
    _done(run)


def _withdraw(person: Person, numbers: Sequence[str]) -> None:
    _done(feedback.attempt(lambda: pay.withdraw(context(), person.actor, numbers)))


def _done(run: int | None) -> None:
    if run is not None:
        picking.set_picks(NAME, {})
        feedback.say("toast", _("Done, see run {n}.").format(n=run), run)


def _fetch(person: Person, numbers: Sequence[str], session: str) -> None:
    wanted = list(numbers) or None
    runs = feedback.attempt(lambda: pay_links.request(context(), person.actor, wanted, session=session))
    if runs:
        pay_pages.watch(runs)
        picking.set_picks(NAME, {})


#: columns of the approved list, and of nothing else: a payment page's address is in no file
CSV = (
    "session", "provider", "order", "lines", "seller", "amount", "currency", "pay_before", "assumed", "approved_by",
    "approved_at", "approved_amount",
)  # fmt: skip


def approved_csv(person: Person, wanted: PayFilter) -> bytes:
    """Approved orders of the filter, UTF-8 with a byte order mark so that spreadsheets read Chinese."""
    only = PayFilter(wanted.session, wanted.soon, PayState.APPROVED.value)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV)
    for order in pay.listing(context(), person.actor, only):
        writer.writerow(map(harmless, _csv_row(order)))
    return out.getvalue().encode("utf-8-sig")


def _csv_row(order: PayOrder) -> tuple[object, ...]:
    amounts = [fen if fen is None else Money(fen, "CNY").decimal() for fen in (order.total_fen, order.approved_fen)]
    return (
        order.session, order.provider, order.number, " ".join(order.lines), order.seller, amounts[0], "CNY",
        order.deadline.isoformat() if order.deadline else "", "yes" if order.assumed else "no", order.approved_by,
        order.approved_at.isoformat() if order.approved_at else "", amounts[1],
    )  # fmt: skip
