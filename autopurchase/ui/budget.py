"""What a session may still book, wherever a session is shown; and the form that bounds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import streamlit as st

from autopurchase.domain.money import amount_text
from autopurchase.services import budget, sessions
from autopurchase.services.plan import PlanView
from autopurchase.services.sessions import SessionView
from autopurchase.ui import feedback
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, left, when
from autopurchase.ui.workspace import context


def _of(used: str, bound: str) -> str:
    return f"{used} / {bound}" if bound else used


def _used(view: SessionView) -> dict[str, str]:
    """Used and allowed, of what is bounded; bookings of today always."""
    bounds, use = view.budget, view.use
    found = {_("Bookings today"): _of(f"{use.day:,}", f"{bounds.daily_cap:,}" if bounds.daily_cap else "")}
    if bounds.hourly_cap:
        found[_("This hour")] = _of(f"{use.hour:,}", f"{bounds.hourly_cap:,}")
    if bounds.daily_amount_fen:
        amounts = amount_text(use.amount_fen, "CNY"), amount_text(bounds.daily_amount_fen, "CNY")
        found[_("Booked today, CNY")] = _of(*amounts)
    return found


def facts(view: SessionView, now: datetime) -> dict[str, str]:
    """What a session's card shows of its budget."""
    found = _used(view)
    if view.queued:
        found[_("Waiting to be sent")] = f"{view.queued:,}"
    if view.room is not None:
        found[_("Room today")] = f"{view.room:,}"
    if view.budget.pause_seconds:
        found[_("Between bookings")] = f"{view.budget.pause_seconds:g} s"
    if view.resting_until:
        found[_("Rests")] = (
            f"{_('until {when}').format(when=when(view.resting_until))}, {left(view.resting_until, now)}"
        )
    return found


def short(view: SessionView, now: datetime) -> list[str]:
    """The same in a line of small parts."""
    bounds, use = view.budget, view.use
    today = f"{use.day:,}/{bounds.daily_cap:,}" if bounds.daily_cap else f"{use.day:,}"
    parts = [_("{n} booked today").format(n=today)]
    if bounds.hourly_cap:
        parts.append(_("{n} this hour").format(n=f"{use.hour:,}/{bounds.hourly_cap:,}"))
    if bounds.daily_amount_fen:
        amounts = f"{amount_text(use.amount_fen, 'CNY')}/{amount_text(bounds.daily_amount_fen, 'CNY')}"
        parts.append(_("CNY {n} today").format(n=amounts))
    if view.resting_until:
        parts.append(_(":orange[rests until {when}]").format(when=when(view.resting_until)))
    return parts


def suggestion(views: Sequence[SessionView], chosen: SessionView, wanted: int) -> SessionView | None:
    """Another session that has room where the chosen one has not, or is not well; None: no need to change."""
    now = context().now()
    name = sessions.suggested(views, chosen.provider, now)
    enough = chosen.room is None or chosen.room >= wanted
    alone = [chosen.name] if sessions.suggested([chosen], chosen.provider, now) else []
    if not name or name == chosen.name or (enough and alone):
        return None
    return next(view for view in views if view.name == name)


def room_words(view: SessionView) -> str:
    """``spare: no cap`` or ``spare: room for 120 today``."""
    if view.room is None:
        return _("{name} has no cap").format(name=view.name)
    return _("{name} has room for {n} today").format(name=view.name, n=f"{view.room:,}")


def before_booking(person: Person, view: PlanView) -> SessionView | None:
    """Say in the drawer what will be sent when; returns a session to suggest instead, if there is one."""
    amounts = [purchase["total_fen"] for purchase in view.body["purchases"]]
    views = sessions.listing(context(), person.actor)
    chosen = next(each for each in views if each.name == view.session)
    st.caption(" · ".join(short(chosen, context().now())))
    if not amounts:
        return None
    told = budget.forecast(context(), view.session, amounts)
    if told.sentence:
        st.warning(_(told.sentence), icon=":material/hourglass_top:")
    return suggestion(views, chosen, len(amounts))


def limits_form(person: Person, view: SessionView) -> None:
    """Caps, pace and rests of one session."""
    bounds, key = view.budget, view.id
    with st.form(f"limits-{key}", border=False):
        left_side, right_side = st.columns(2)
        with left_side:
            st.number_input(_("Bookings a day (0: no cap)"), 0, 100_000, bounds.daily_cap, key=f"cap-{key}", step=10)
            st.number_input(
                _("Bookings an hour (0: no cap)"), 0, 100_000, bounds.hourly_cap, key=f"hour-{key}", step=10
            )
            st.text_input(
                _("CNY a day (0: no bound)"),
                str(Decimal(bounds.daily_amount_fen).scaleb(-2)),
                key=f"amount-{key}",
            )
            st.number_input(
                _("Seconds between two bookings"), 0.0, 86_400.0, bounds.pause_seconds, key=f"pause-{key}", step=1.0
            )
        with right_side:
            rate = float(view.rate_per_second)
            st.number_input(_("Calls a second"), 0.1, max(100.0, rate), rate, key=f"rate-{key}", step=0.5)
            st.number_input(_("Calls at once"), 1, 16, view.concurrency, key=f"many-{key}")
            st.number_input(
                _("First rest, seconds"),
                0.1,
                86_400.0,
                bounds.rest_seconds,
                key=f"rest-{key}",
                step=60.0,
                help=_("After the marketplace refused for a limit or a risk; twice as long each time in a row"),
            )
            st.number_input(_("Throttled answers before a rest"), 1, 100, bounds.rest_after, key=f"strikes-{key}")
        st.number_input(
            _("Releases a day of what was not placed as planned (0: ask a person)"),
            0,
            10_000,
            view.release_budget,
            key=f"release-{key}",
        )
        st.form_submit_button(_("Save"), type="primary", on_click=_save, args=(person, key, view.name))


#: limit -> the beginning of its field's key
_FIELDS: Mapping[str, str] = {
    "daily_cap": "cap",
    "hourly_cap": "hour",
    "daily_amount": "amount",
    "pause_seconds": "pause",
    "rate_per_second": "rate",
    "concurrency": "many",
    "rest_seconds": "rest",
    "strikes": "strikes",
    "release_budget": "release",
}


def _save(person: Person, key: int, name: str) -> None:
    given: dict[str, Any] = {limit: st.session_state[f"{field}-{key}"] for limit, field in _FIELDS.items()}
    feedback.attempt(lambda: sessions.set_limits(context(), person.actor, name, **given))


def wake_button(person: Person, view: SessionView) -> None:
    """End a rest; drawn only while there is one."""
    if view.resting_until:
        st.button(
            _("Try one now"),
            icon=":material/play_arrow:",
            key=f"wake-{view.id}",
            on_click=_wake,
            args=(person, view.name),
            help=_("Ends the rest: one booking is tried, the others follow when it is placed"),
        )


def _wake(person: Person, name: str) -> None:
    feedback.attempt(lambda: sessions.wake(context(), person.actor, name))
