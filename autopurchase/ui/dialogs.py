"""Dialogs on picked lines: change of status, return to ready, comment."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from autopurchase.domain.order import LineStatus, PurchaseState, allowed_moves, needs_reason
from autopurchase.services import lines
from autopurchase.storage import lines as stored
from autopurchase.ui import feedback, picking
from autopurchase.ui.guard import Person
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _, plural
from autopurchase.ui.workspace import context, reading

#: a comment is written to at most this many lines at once
MOST_COMMENTS = 100


def _versions(picked: Mapping[str, Pick]) -> dict[str, int]:
    return {number: pick.version for number, pick in picked.items()}


def _names(picked: Mapping[str, Pick]) -> str:
    shown = ", ".join(list(picked)[:6]) + (" …" if len(picked) > 6 else "")
    return f"{plural('{n} line', '{n} lines', len(picked))}: {shown}"


def moves(picked: Mapping[str, Pick]) -> list[LineStatus]:
    """Statuses that every picked line may be given."""
    allowed = [
        set(allowed_moves(LineStatus(status), PurchaseState(purchase)))
        for status, purchase in {(pick.status, pick.purchase) for pick in picked.values()}
    ]
    common = set.intersection(*allowed) if allowed else set()
    return [status for status in LineStatus if status in common]


def change_status(person: Person, picked: Mapping[str, Pick], table: str = "ready") -> None:
    """Open the dialog that gives picked lines another status."""
    st.dialog(_("Change status"), icon=":material/swap_horiz:")(_change_status)(person, dict(picked), table)


def _change_status(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    st.caption(_names(picked))
    options = moves(picked)
    if not options:
        st.info(_("These lines have no status in common that they may move to. Pick fewer."))
        return
    to = st.selectbox(_("New status"), options, format_func=lambda status: _(status.label), key="move-to")
    must = any(needs_reason(LineStatus(pick.status), to) for pick in picked.values())
    reason = st.text_input(_("Reason (needed)") if must else _("Reason"), key="move-reason", max_chars=300)
    _finish(_("Change status"), "move", _do_change, (person, picked, table))
    if must and not reason:
        st.caption(_("A move back, or one that ends the line, needs a reason."))


def _do_change(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    to, reason = st.session_state["move-to"], st.session_state["move-reason"]
    run = feedback.attempt(
        lambda: lines.change_status(context(), person.actor, _versions(picked), LineStatus(to), reason)
    )
    _done(run, picked, table)


def return_to_ready(person: Person, picked: Mapping[str, Pick]) -> None:
    """Open the dialog that frees held lines."""
    st.dialog(_("Return to ready"), icon=":material/replay:")(_return)(person, dict(picked))


def _return(person: Person, picked: Mapping[str, Pick]) -> None:
    st.caption(_names(picked))
    st.text_input(_("Reason (needed)"), key="ready-reason", max_chars=300)
    _finish(_("Return to ready"), "return", _do_return, (person, picked))


def _do_return(person: Person, picked: Mapping[str, Pick]) -> None:
    reason = st.session_state["ready-reason"]
    run = feedback.attempt(lambda: lines.make_ready(context(), person.actor, _versions(picked), reason))
    _done(run, picked, "ready")


def comment(person: Person, picked: Mapping[str, Pick], table: str = "ready") -> None:
    """Open the dialog that writes a comment to the picked lines."""
    st.session_state.pop("comment-text", None)
    st.dialog(_("Comment"), icon=":material/comment:")(_comment)(person, dict(picked), table)


def _comment(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    st.caption(_names(picked))
    if len(picked) > MOST_COMMENTS:
        st.info(_("A comment goes to at most {n} lines at once.").format(n=MOST_COMMENTS))
        return
    with reading() as connection:
        rows = list(stored.find(connection, picked).values())
    for said in dict.fromkeys(row["customer_comment"] for row in rows if row["customer_comment"]):
        st.caption(_("The customer wrote: {text}").format(text=said))
    now = {row["operator_comment"] for row in rows}
    st.session_state.setdefault("comment-text", now.pop() if len(now) == 1 else "")
    st.text_area(_("Comment, seen by operators only"), key="comment-text", max_chars=500)
    _finish(_("Save"), "comment", _do_comment, (person, picked, table))


def _do_comment(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    text = st.session_state["comment-text"]
    for number in picked:
        feedback.attempt(lambda number=number: lines.comment(context(), person.actor, number, text))  # type: ignore[misc]
    picking.set_picks(table, {})


def _finish(label: str, key: str, action: object, args: tuple[object, ...]) -> None:
    """The dialog's one button: it commits in its callback and closes the dialog."""
    if st.button(label, type="primary", key=f"{key}-confirm", on_click=action, args=args):  # type: ignore[arg-type]
        st.rerun()


def _done(run: int | None, picked: Mapping[str, Pick], table: str) -> None:
    if run is not None:
        picking.unpick(table, picked)
        feedback.say("toast", _("Done, see run {n}.").format(n=run), run)
