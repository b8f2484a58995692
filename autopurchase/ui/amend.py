"""Changing what is bought of a line: another item, configuration or price, and the customer's answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from autopurchase.domain.mapping import Target
from autopurchase.domain.money import Money, amount_text
from autopurchase.domain.order import LineStatus
from autopurchase.services import amend
from autopurchase.services.amend import Change
from autopurchase.sources import links
from autopurchase.storage import lines
from autopurchase.ui import feedback, picking
from autopurchase.ui.guard import Person
from autopurchase.ui.line_words import NAMES
from autopurchase.ui.links import BY_SPEC
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _, plural
from autopurchase.ui.workspace import context, reading

_FIELDS = ("item", "choice", "seller", "configuration", "original", "price")


def button(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    """The button that opens the dialog for the one picked line, and the customer's answer where one is awaited."""
    if st.button(
        _("Change item or price"),
        icon=":material/edit:",
        key="amend-picked",
        disabled=len(picked) != 1,
        help=_("Buy another item or configuration, or ask another price of the customer. Pick one line."),
    ):
        for name in (*_FIELDS, "reason", "ask"):
            st.session_state.pop(f"amend-{name}", None)
        st.dialog(_("Change item or price"), width="medium", icon=":material/edit:")(_dialog)(
            person, dict(picked), table
        )
    asked = {number: pick for number, pick in picked.items() if pick.status == LineStatus.PRICE_CONFIRMATION}
    if asked and st.button(_("Customer answered"), icon=":material/rate_review:", key="answer-picked"):
        st.dialog(_("Customer answered"), icon=":material/rate_review:")(_answer)(person, asked, table)


def _dialog(person: Person, picked: Mapping[str, Pick], table: str) -> None:
    ((number, pick),) = picked.items()
    with reading() as connection:
        row = dict(next(iter(lines.find(connection, [number]).values())))
    st.markdown(f"**{number}** · {row['title']}")
    if row["customer_comment"]:
        st.caption(_("The customer wrote: {text}").format(text=row["customer_comment"]))
    _changed_by_us(person, row, pick, table)
    _inputs(row)
    reason = st.text_input(_("Reason (needed)"), key="amend-reason", max_chars=300)
    st.checkbox(
        _("Ask the customer first: the line waits in status Price confirmation"),
        key="amend-ask",
        help=_("When the customer has agreed it is Paid again; when not, it is cancelled."),
    )
    args = (person, row, pick, table)
    if st.button(_("Change"), type="primary", key="amend-confirm", on_click=_do, args=args):
        st.rerun()
    if not reason:
        st.caption(_("What you change here counts from now on, whatever the shop says of it later."))


def _changed_by_us(person: Person, row: Mapping[str, Any], pick: Pick, table: str) -> None:
    """What was changed before, beside the shop's word, and the button that takes it back."""
    amended = row["amended"]
    if not amended:
        return
    with st.container(border=True):
        shown = [
            f"{_name(name)}: {_word(row, name, amended['shop'][name])} → {_word(row, name, value)}"
            for name, value in amended["ours"].items()
            if name in NAMES and amended["shop"][name] != value
        ]
        st.markdown(f"**{_('Changed by us')}** · {amended['by']} · {amended['reason']}")
        st.caption(" · ".join(shown))
        if st.button(
            _("Take back: the shop's word counts again"), icon=":material/undo:", key="amend-back",
            on_click=_take_back, args=(person, row, pick, table),
        ):  # fmt: skip
            st.rerun()


def _name(column: str) -> str:
    return _("price") if column == "unit_price_minor" else _(NAMES[column])


def _word(row: Mapping[str, Any], name: str, value: Any) -> str:
    return amount_text(value, row["currency"]) if name == "unit_price_minor" else str(value or "–")


def _inputs(row: Mapping[str, Any]) -> None:
    values = {
        "item": row["item_id"],
        "choice": row["spec_id"] or row["sku_id"],
        "seller": row["seller_name"],
        "configuration": row["configuration"],
        "original": row["configuration_original"],
        "price": amount_text(row["unit_price_minor"], row["currency"]).replace(",", ""),
    }
    for name, value in values.items():
        st.session_state.setdefault(f"amend-{name}", value)
    st.text_input(_("Item: its link, or its id"), key="amend-item", icon=":material/link:")
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        st.text_input(_("Configuration: sku id (1688: spec id)"), key="amend-choice", width=250)
        st.text_input(_("Seller's name"), key="amend-seller", width=200)
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        st.text_input(_("Configuration, as the customer reads it"), key="amend-configuration", width=250)
        st.text_input(_("Configuration in Chinese"), key="amend-original", width=200)
    st.text_input(_("Unit price to the customer, {c}").format(c=row["currency"]), key="amend-price", width=250)


def _do(person: Person, row: Mapping[str, Any], pick: Pick, table: str) -> None:
    typed = {name: str(st.session_state.get(f"amend-{name}") or "").strip() for name in (*_FIELDS, "reason")}
    ask = bool(st.session_state.get("amend-ask"))

    def act() -> int:
        change = _change(row, typed)
        return amend.amend(
            context(), person.actor, row["number"], change, typed["reason"], version=pick.version, ask_customer=ask
        )

    _done(feedback.attempt(act), row["number"], table)


def _change(row: Mapping[str, Any], typed: Mapping[str, str]) -> Change:
    """What differs from the line. Raises BadInput for what cannot be read."""
    same = (row["item_id"], row["spec_id"] or row["sku_id"], row["seller_name"])
    target = None if (typed["item"], typed["choice"], typed["seller"]) == same else _target(row, typed)
    price = Money.of(typed["price"].replace(",", "."), row["currency"]) if typed["price"] else None
    return Change(target, typed["configuration"], typed["original"], price)


def _target(row: Mapping[str, Any], typed: Mapping[str, str]) -> Target:
    item = links.resolve(typed["item"], "" if "/" in typed["item"] else row["provider"])
    same = item.item_id == row["item_id"]
    choice = (
        item.sku_id if item.sku_id and typed["choice"] in ("", row["spec_id"] or row["sku_id"]) else typed["choice"]
    )
    by_spec = item.provider in BY_SPEC
    manifest = context().providers[item.provider].manifest
    return Target(
        provider=item.provider,
        item_id=item.item_id,
        sku_id="" if by_spec else choice,
        spec_id=choice if by_spec else "",
        seller_id=row["seller_id"] if same else "",
        seller_name=typed["seller"],
        item_url=row["item_url"] if same else manifest.item_url.format(item_id=item.item_id),
    )


def _take_back(person: Person, row: Mapping[str, Any], pick: Pick, table: str) -> None:
    run = feedback.attempt(lambda: amend.take_back(context(), person.actor, row["number"], version=pick.version))
    _done(run, row["number"], table)


def _done(run: int | None, number: str, table: str) -> None:
    if run is not None:
        picking.unpick(table, [number])
        feedback.say("toast", _("{line} is changed, see run {n}.").format(line=number, n=run), run)


def _answer(person: Person, asked: Mapping[str, Pick], table: str) -> None:
    names = ", ".join(list(asked)[:6]) + (" …" if len(asked) > 6 else "")
    st.markdown(f"**{plural('{n} line', '{n} lines', len(asked))}**: {names}")
    words = {True: _("The customer agreed: Paid again"), False: _("The customer declined: cancelled")}
    st.radio(_("Answer"), list(words), key="answer-agreed", format_func=lambda agreed: words[agreed])
    st.text_input(_("In the customer's words"), key="answer-reason", max_chars=300)
    if st.button(_("Save"), type="primary", key="answer-confirm", on_click=_do_answer, args=(person, asked, table)):
        st.rerun()


def _do_answer(person: Person, asked: Mapping[str, Pick], table: str) -> None:
    agreed, reason = bool(st.session_state["answer-agreed"]), str(st.session_state["answer-reason"])
    picks = {number: pick.version for number, pick in asked.items()}
    run = feedback.attempt(lambda: amend.answered(context(), person.actor, picks, agreed=agreed, reason=reason))
    if run is not None:
        picking.unpick(table, asked)
        feedback.say("toast", _("Done, see run {n}.").format(n=run), run)
