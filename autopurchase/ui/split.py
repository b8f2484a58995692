"""Splitting a line into parts, joining them again, and splitting what a plan found partly in stock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.domain.plan import PlanOptions
from autopurchase.services import split
from autopurchase.services.plan import PlanView
from autopurchase.storage import lines, splits
from autopurchase.ui import feedback, picking
from autopurchase.ui.guard import Person
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _, plural
from autopurchase.ui.workspace import context, reading


def button(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    """The button that opens the dialog for the one picked line."""
    if st.button(
        _("Split"),
        icon=":material/call_split:",
        key="split-picked",
        disabled=len(picked) != 1,
        help=_("Into parts that are bought apart. Pick one line."),
    ):
        st.dialog(_("Split a line"), icon=":material/call_split:")(_dialog)(person, dict(picked), table)


def _dialog(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    ((number, pick),) = picked.items()
    with reading() as connection:
        row = next(iter(lines.find(connection, [number]).values()))
        family = splits.family(connection, row)
    count = row["open_quantity"]
    st.markdown(f"**{number}** · {plural('{n} piece', '{n} pieces', count)} · {row['title']}")
    parts = [other for other in family if other["open_quantity"] > 0 and other["number"] != number]
    if count < 2 and not parts:
        st.info(_("One piece cannot be split."))
        return
    if count > 1:
        st.text_input(
            _("Pieces of each part"),
            value=f"{count - 1} + 1",
            key="split-parts",
            help=_("They add up to what is still to be bought. The first part keeps the line's number."),
        )
        if st.button(_("Split"), type="primary", key="split-confirm", on_click=_do, args=(person, number, pick, table)):
            st.rerun()
    if parts:
        names = ", ".join(other["number"] for other in parts)
        st.caption(_("Other parts of this line: {names}. Untouched parts can be joined again.").format(names=names))
        if st.button(
            _("Join the parts"), icon=":material/call_merge:", key="split-join", on_click=_join,
            args=(person, number, pick, table),
        ):  # fmt: skip
            st.rerun()


def _do(person: Person, number: str, pick: Pick, table: str) -> None:
    text = str(st.session_state["split-parts"])

    def act() -> tuple[int, dict[str, list[str]]]:
        return split.split(context(), person.actor, {number: sizes(text)}, {number: pick.version})

    done = feedback.attempt(act)
    if done is not None:
        run, made = done
        picking.unpick(table, [number])
        words = _("{line} is now {parts}.").format(line=number, parts=", ".join(made[number]))
        feedback.say("toast", words, run)


def sizes(text: str) -> list[int]:
    """``3 + 2`` -> [3, 2]. Raises BadInput."""
    words = [word for word in re.split(r"[\s+,;/]+", text) if word]
    if not words or not all(word.isascii() and word.isdigit() for word in words):
        raise BadInput(_("“{text}” is not a list of pieces: write it like 3 + 2.").format(text=text))
    return [int(word) for word in words]


def _join(person: Person, number: str, pick: Pick, table: str) -> None:
    run = feedback.attempt(lambda: split.join(context(), person.actor, number, {number: pick.version}))
    if run is not None:
        picking.unpick(table, [number])
        feedback.say("toast", _("The parts are one line again."), run)


def offer(person: Person, view: PlanView, plan_again: Callable[..., None]) -> None:
    """In the plan's drawer: split the lines that are partly in stock, and plan again with what there is.

    ``plan_again``: takes person, session, lines and options.
    """
    partly = {one["number"]: one["split"] for one in view.body["left_out"] if one.get("split")}
    if partly and view.run_id is None:
        st.button(
            plural("Split {n} line: book what there is", "Split {n} lines: book what there is", len(partly)),
            icon=":material/call_split:",
            key="split-stock",
            on_click=_split_stock,
            args=(person, view, partly, plan_again),
            help=_("The rest stays a line of its own and waits."),
        )


def _split_stock(person: Person, view: PlanView, partly: Mapping[str, int], plan_again: Callable[..., None]) -> None:
    def act() -> int:
        with reading() as connection:
            rows = lines.find(connection, partly)
        parts = {number: [partly[number], row["open_quantity"] - partly[number]] for number, row in rows.items()}
        return split.split(context(), person.actor, parts)[0]

    if feedback.attempt(act) is not None:
        options = PlanOptions.from_json(view.params["options"])
        plan_again(person, view.session, view.params["lines"], options)
