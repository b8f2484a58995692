"""The plan drawer: what would be sent, at what price, and the button that commits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.causes import cause
from autopurchase.domain.errors import BadInput
from autopurchase.services import apply as applying
from autopurchase.services import plan
from autopurchase.services.plan import PlanOptions, PlanView
from autopurchase.services.sessions import SessionView
from autopurchase.ui import budget, feedback, picking, split, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, padded, plural, sums
from autopurchase.ui.workspace import context

OPEN = "plan.open"  # session state: which plan the drawer shows
PICKS = "ready"


def request(person: Person, session: str, lines: Sequence[str], options: PlanOptions | None = None) -> None:
    """Ask the worker to check these lines and open the drawer; use it in a callback."""
    token = feedback.attempt(
        lambda: plan.request(context(), person.actor, session, lines=lines, options=options, in_worker=True)
    )
    if token:
        st.session_state[OPEN] = token


def is_open() -> bool:
    """Whether a plan is shown, or is to be."""
    return OPEN in st.session_state


def show(person: Person) -> None:
    """Draw the drawer when a plan is open."""
    token = st.session_state.get(OPEN)
    if token:
        st.dialog(
            _("Check before booking"), position="right", width="large", icon=":material/fact_check:", on_dismiss=_close
        )(_drawer)(person, token)


def _close() -> None:
    st.session_state.pop(OPEN, None)


def _drawer(person: Person, token: str) -> None:
    if st.session_state.get(OPEN) != token:  # a button's callback has committed, or planned again
        st.rerun()
    feedback.show()
    view = plan.read(context(), token)
    if view.state in ("queued", "checking"):
        _progress(token)
    elif view.state == "failed":
        st.error(view.error, icon=":material/error:")
        _options(person, view)
    else:
        _ready(person, view)


@st.fragment(run_every=0.7)
def _progress(token: str) -> None:
    """How far the check is; the whole page runs once more when it has ended."""
    view = plan.read(context(), token)
    if view.state not in ("queued", "checking"):
        st.rerun()
    if not view.total:
        st.progress(0.0, text=_("Waiting for the worker to check prices and stock …"))
    else:
        st.progress(
            min(1.0, view.done / view.total),
            text=_("Checking prices and stock: {done} of {total} purchases").format(done=view.done, total=view.total),
        )
    st.caption(_("Nothing is sent by checking."))


def _ready(person: Person, view: PlanView) -> None:
    purchases, left_out = view.body["purchases"], view.body["left_out"]
    blocked = view.body["blocked"]
    if blocked:
        st.error(blocked, icon=":material/block:")
    for warning in [*view.body["warnings"], *_warnings(purchases)]:
        st.warning(warning, icon=":material/warning:")
    other = budget.before_booking(person, view)
    if purchases:
        _confirm(person, view, blocked)
    if other is not None:
        _elsewhere(person, view, other)
    if purchases:
        st.markdown(_("**Will be sent to {session}**").format(session=view.session))
        _purchases(purchases)
    if left_out:
        st.markdown(f"**{plural('{n} line is left out', '{n} lines are left out', len(left_out))}**")
        _left_out(left_out)
        split.offer(person, view, request)
    _options(person, view)


def _confirm(person: Person, view: PlanView, blocked: str) -> None:
    """The sentence that says what happens, and the button that makes it happen."""
    count = len(view.body["purchases"])
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        words = plural("{n} line", "{n} lines", view.line_count)
        orders = plural("{n} purchase", "{n} purchases", count)
        st.markdown(
            f"**{words}** · {orders} · **{sums(view.body['totals'])}**  \n"
            + _(":gray[Booking places unpaid orders. It spends nothing: you pay at the marketplace.]"),
            width="stretch",
        )
        label = plural("Book {n} line", "Book {n} lines", view.line_count)
        st.button(
            label,
            type="primary",
            key="confirm",
            icon=":material/check:",
            disabled=bool(blocked),
            on_click=commit,
            args=(person, view.token),
        )


def _elsewhere(person: Person, view: PlanView, other: SessionView) -> None:
    """The same lines through a session that has room: another plan, if the person wants it."""
    st.button(
        _("Plan through {name} instead: {room}").format(name=other.name, room=budget.room_words(other)),
        type="tertiary",
        icon=":material/lightbulb:",
        key="plan-elsewhere",
        on_click=request,
        args=(person, other.name, view.params["lines"], PlanOptions.from_json(view.params["options"])),
    )


def commit(person: Person, token: str) -> None:
    """Callback of the confirm button: commit the plan's run. Twice is once: the plan names its run."""
    run = feedback.attempt(lambda: applying.apply(context(), person.actor, token))
    if run is None:
        return
    booked = [
        line["number"] for purchase in plan.read(context(), token).body["purchases"] for line in purchase["lines"]
    ]
    if st.session_state.get(OPEN) == token:
        picking.unpick(PICKS, booked)
        feedback.queued(run)
    _close()


def _warnings(purchases: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Warnings of single purchases, each said once."""
    found = dict.fromkeys(text for purchase in purchases for text in purchase["warnings"])
    return list(found)[:5]


def _purchases(purchases: Sequence[Mapping[Any, Any]]) -> None:
    """Every line to be sent, grouped by purchase: price seen and price now side by side."""
    rows = [_line(place, purchase, line) for place, purchase in enumerate(purchases, 1) for line in purchase["lines"]]
    shown = pd.DataFrame(rows)
    st.dataframe(
        shown,
        hide_index=True,
        height=tables.height(len(rows)),
        alt=_("Lines to be sent"),
        column_config={
            "purchase": st.column_config.NumberColumn(_("No."), width=40, pinned=True, help=_("Purchase")),
            "seller": tables.text(_("Seller"), 84),
            "line": tables.text(_("Line"), 76),
            "title": tables.text(_("Item"), 130),
            "configuration": tables.text(_("Configuration"), 116, help=_("What the customer chose")),
            "words": tables.text(_("At the marketplace"), 186, help=_("The same in the marketplace's own words")),
            "quantity": st.column_config.NumberColumn(_("Qty"), width=40, help=_("Pieces to buy")),
            "seen": tables.money(_("Seen, CNY"), 74),
            "now": tables.money(_("Now, CNY"), 74),
            "change": tables.text(_("Change"), 62, alignment="right"),
            "margin": tables.text(
                _("Margin, CNY"),
                102,
                alignment="right",
                help=_("What the customer paid, in CNY at the rate of that day, less the goods without freight"),
            ),
            "total": tables.money(_("Total, CNY"), 90, help=_("Of the purchase, with freight")),
        },
    )


def _line(place: int, purchase: Mapping[Any, Any], line: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "purchase": place,
        "seller": purchase["seller_name"] or purchase["seller_id"],
        "line": line["number"],
        "title": line["title"],
        "configuration": line.get("configuration_shown") or line["configuration"],
        "words": line.get("provider_words", ""),
        "quantity": line["quantity"],
        "seen": padded(line["seen_fen"], "CNY"),
        "now": padded(line["price_fen"], "CNY"),
        "change": _change(line["seen_fen"], line["price_fen"]),
        "margin": _margin(line),
        "total": padded(purchase["total_fen"], "CNY") if line is purchase["lines"][0] else "",
    }


def _margin(line: Mapping[Any, Any]) -> str:
    """What is left of the customer's money, or why that is not known: ``no rate for USD``."""
    return padded(line.get("margin_fen"), "CNY", 10) or str(line.get("margin_reason", ""))


def _change(seen: int | None, now: int) -> str:
    if not seen or seen == now:
        return "" if seen else _("new")
    return f"{Decimal(now - seen) * 100 / Decimal(seen):+.1f} %"


def _left_out(left_out: Sequence[Mapping[str, str]]) -> None:
    rows = [
        {"line": one["number"], "cause": _(cause(one["cause"]).label), "action": one["sentence"]} for one in left_out
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows)),
        alt=_("Lines left out"),
        column_config={
            "line": tables.text(_("Line"), 80),
            "cause": tables.text(_("Cause"), 170),
            "action": tables.text(_("What to do"), "large"),
        },
    )


def _options(person: Person, view: PlanView) -> None:
    """How the plan is made; another choice makes another plan."""
    used = PlanOptions.from_json(view.params["options"])
    with st.expander(_("Plan again with other options"), icon=":material/tune:", expanded=view.state == "failed"):
        merge = st.checkbox(
            _("One purchase per seller, for several customer orders"), value=used.merge_by_seller, key="plan-merge"
        )
        accept = st.checkbox(_("Accept the prices as they are now"), value=used.accept_prices, key="plan-accept")
        percent = st.text_input(
            _("Price may rise by at most, %"),
            value=_percent(used.tolerance),
            key="plan-tolerance",
            width=220,
            help=_("Lines that rose more are left out. Empty: no limit."),
            disabled=accept,
        )
        st.button(
            _("Plan again"),
            icon=":material/refresh:",
            key="plan-again",
            on_click=_again,
            args=(person, view, merge, accept, percent),
        )


def _percent(fraction: Decimal | None) -> str:
    return "" if fraction is None else f"{(fraction * 100).normalize():f}"


def _again(person: Person, view: PlanView, merge: bool, accept: bool, percent: str) -> None:
    tolerance = feedback.attempt(lambda: fraction(percent))
    if tolerance is None:
        return
    options = PlanOptions(merge_by_seller=merge, accept_prices=accept, tolerance=tolerance[0])
    request(person, view.session, view.params["lines"], options)


def fraction(percent: str) -> tuple[Decimal | None]:
    """``5`` -> 0.05, empty -> None, in a tuple so that None is an answer. Raises BadInput."""
    if not percent.strip():
        return (None,)
    try:
        found = Decimal(percent.strip().rstrip("%").replace(",", ".")) / 100
    except InvalidOperation as error:
        raise BadInput(_("“{text}” is not a percentage.").format(text=percent)) from error
    if not found.is_finite() or found < 0:
        raise BadInput(_("“{text}” is not a percentage.").format(text=percent))
    return (found,)
