"""Causes, not errors: one row a cause, with its one act and what of it may be booked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from autopurchase.domain.remedies import ACTS, OF_SESSION, remedy
from autopurchase.domain.roles import Role
from autopurchase.services import causes
from autopurchase.services.causes import CauseRow, Causes
from autopurchase.storage import causes as stored
from autopurchase.ui import drawer, feedback, guard, ready
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, plural, when
from autopurchase.ui.workspace import context, reading

READY, SESSIONS = "pages/operate/ready.py", "pages/admin/sessions.py"
DESK = "pages/operate/desk.py"
#: act -> page where it is done, the words of its address, icon
_PLACES: Mapping[str, tuple[str, str]] = {
    "choose": (READY, "edit"),
    "split": (READY, "call_split"),
    "ready": (READY, "replay"),
    "person": (READY, "front_hand"),
    "compare": (DESK, "balance"),
    "settle": (DESK, "gavel"),
    "reauthorise": (SESSIONS, "key"),
    "session": (SESSIONS, "key"),
    "elsewhere": (READY, "swap_horiz"),
}
#: cause -> the kind of rows it makes on the desk
_KINDS = {"unknown_outcome": "unknown", "differs": "differs", "price_raised": "price_raised"}
#: acts whose button plans with an option of its own, in these words
_PLANS = {
    "accept_price": ("Accept the new price of {n} line", "Accept the new price of {n} lines"),
    "merge": ("Plan {n} line, merged per seller", "Plan {n} lines, merged per seller"),
}
_MOST_SAID = 5
_MOST_NAMED = 40


def words(counts: Mapping[str, int]) -> list[str]:
    """``31 one expired session``, ``4 price over limit``: by cause, most lines first."""
    return [f"{lines:,} {_(remedy(code).phrase)}" for code, lines in sorted(counts.items(), key=lambda one: -one[1])]


def of_run(person: Person, run_id: int) -> None:
    """Why lines of a booking run are not booked; nothing where all are."""
    found = causes.of_run(context(), person.actor, run_id)
    if not found.rows:
        return
    with st.container(border=True, gap="xsmall", key=f"causes-{run_id}"):
        _heading(person, found, run_id)
        for row in found.rows:
            _row(person, row, run_id)


def waiting(person: Person) -> None:
    """Why lines wait now, over all runs."""
    found = causes.waiting(context(), person.actor)
    for row in found.rows:
        _row(person, row, 0)
    if not found.rows:
        st.caption(_("No line waits."))


def _heading(person: Person, found: Causes, run_id: int) -> None:
    lines = sum(row.lines for row in found.rows)
    told = plural("{n} line is not booked", "{n} lines are not booked", lines)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"**{told}**{explained(found)}",
            width="stretch",
            help=_("Explained: the cause says something. Lines of unknown outcome are looked up and do not count."),
        )
        several = len([row for row in found.rows if set(row.retry) & set(found.retry)]) > 1
        if several and person.role >= Role.OPERATOR:
            words = "Plan again the {n} lines that may be booked"
            st.button(
                plural(words, words, len(found.retry)),
                icon=":material/replay:",
                key=f"again-{run_id}",
                on_click=_again,
                args=(person, run_id, ()),
                help=_("Makes a new plan against today's prices; nothing is sent before you confirm."),
            )


def explained(found: Causes) -> str:
    """`` · 90.0 % explained``, with what that means; nothing where nothing is to be explained."""
    return "" if found.percent is None else _(" · {n} % explained").format(n=found.percent)


def _row(person: Person, row: CauseRow, run_id: int) -> None:
    key = f"cause-{run_id}-{row.code}-{row.session}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key):
        st.markdown(f"**{row.lines:,}**", width=36)
        session = f" `{row.session}`" if row.session else ""
        st.markdown(f"{_(row.phrase)}{session}", width=260, help=_named(row.numbers))
        st.caption(_sentence(row), width="stretch")
        if row.words:
            _said(row)
        _act(person, row, run_id)


def _named(numbers: Sequence[str]) -> str | None:
    """Which lines they are."""
    more = _(" and {n} more").format(n=len(numbers) - _MOST_NAMED) if len(numbers) > _MOST_NAMED else ""
    return ", ".join(numbers[:_MOST_NAMED]) + more if numbers else None


def _sentence(row: CauseRow) -> str:
    """What to do; until when; what became of it meanwhile."""
    if row.later == row.lines:
        return plural("{n} was booked since.", "All {n} were booked since.", row.later)
    works = row.code in OF_SESSION and row.retryable == row.lines - row.later > 0
    parts = [_("The session works again.") if works else _(row.action)]
    if row.until:
        parts.append(_("Rests until {when}: {why}").format(when=when(row.until), why=row.why))
    if row.later:
        parts.append(plural("{n} was booked since.", "{n} were booked since.", row.later))
    return " ".join(parts)


def _said(row: CauseRow) -> None:
    """The marketplace's own words: all there is to know of what is not explained."""
    with st.popover(_("In its own words"), icon=":material/format_quote:", type="tertiary"):
        for each in row.words[:_MOST_SAID]:
            st.markdown(f"**{each.lines:,} ×** {each.sentence or _('nothing was said')}")
            if each.raw:
                st.code(each.raw[:4000], language="json", wrap_lines=True)
        if len(row.words) > _MOST_SAID:
            st.caption(_("… and {n} other sentences").format(n=len(row.words) - _MOST_SAID))


def _act(person: Person, row: CauseRow, run_id: int) -> None:
    """The one act: a button where it is a new plan, else the way to where it is done."""
    operator = person.role >= Role.OPERATOR
    if run_id and row.retry and operator:
        option = row.act in _PLANS
        one, many = _PLANS.get(row.act, ("Plan {n} line again", "Plan {n} lines again"))
        st.button(
            plural(one, many, len(row.retry)),
            icon=":material/price_check:" if option else ":material/replay:",
            key=f"retry-{run_id}-{row.code}-{row.session}",
            on_click=_again,
            args=(person, run_id, (row.code,)),
            help=_("Makes a new plan of these lines only; nothing is sent before you confirm."),
        )
    elif not run_id and row.retryable and operator:
        words = plural("{n} may be planned again", "{n} may be planned again", row.retryable)
        st.page_link(READY, label=words, icon=":material/replay:", query_params={"ready_cause": row.code})
    elif row.act in _PLACES and operator and row.lines > row.later:
        if run_id and _PLACES[row.act][0] == READY:
            _pick(row, run_id)
        else:
            _link(person, row)


def _pick(row: CauseRow, run_id: int) -> None:
    """A button that opens these lines where the act is done, picked: the held ones, or else those that are ready."""
    icon = f":material/{_PLACES[row.act][1]}:"
    if not st.button(_(ACTS[row.act]), icon=icon, key=f"go-{run_id}-{row.code}", type="tertiary"):
        return
    with reading() as connection:
        lines = stored.standing(connection, row.numbers)
    held = {number: ready.pick(each) for number, each in lines.items() if each["purchase"] == "problem"}
    free = {number: ready.pick(each) for number, each in lines.items() if each["ready"]}
    ready.open_picked(held or free, held=bool(held))
    st.switch_page(READY, query_params={"ready_lines": "held"} if held else {})


def _link(person: Person, row: CauseRow) -> None:
    page, icon = _PLACES[row.act]
    if not any(entry.file == page and person.role >= entry.role for entry in guard.entries()):
        if page == SESSIONS:
            st.caption(_("An administrator does it."), width="content")
        return
    query = {"ready_lines": "held", "ready_cause": row.code}
    if page == SESSIONS:
        query = {"session": row.session}
    elif page == DESK:
        query = {"desk_kind": _KINDS[row.code]}
    st.page_link(page, label=_(ACTS[row.act]), icon=f":material/{icon}:", query_params=query)


def _again(person: Person, run_id: int, codes: Sequence[str]) -> None:
    token = feedback.attempt(lambda: causes.retry(context(), person.actor, run_id, codes, in_worker=True))
    if token:
        st.session_state[drawer.OPEN] = token
