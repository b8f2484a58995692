"""What the check of orders made by hand found: the table to pick from, what differs, and the button that binds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.services import bind, bind_apply, split
from autopurchase.services.plan import PlanView
from autopurchase.ui import feedback, picking, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.line_words import differences
from autopurchase.ui.picking import Pick
from autopurchase.ui.words import _, padded, plural, sums
from autopurchase.ui.workspace import context

NAME = "bind"
OPEN = "bind.open"
#: how well a line fits, in people's words
FITS = {"fits": "Fits", "differs": "Differs", "mismatch": "Not the same", "short": "Split first"}
_COLOURS = {"fits": "green", "differs": "orange", "mismatch": "red", "short": "violet"}
Row = Mapping[str, Any]


def draw(person: Person, view: PlanView, table: str) -> None:
    """Draw what a checked plan to bind says."""
    body = view.body
    _refused(body["refused"])
    if not body["rows"]:
        st.info(
            _("Nothing fits. Pick the lines, or paste a line number beside each order."), icon=":material/link_off:"
        )
    else:
        picked = _table(view.token, body["rows"])
        chosen = [row for row in body["rows"] if row["number"] in picked]
        if any(row["fit"] != "short" for row in body["rows"]):
            _reasons(chosen)
            _confirm(person, view, chosen, table)
        _short(person, view)
    _left_out(body["left_out"])
    _candidates(body["candidates"], body["rows"])


def _refused(refused: Sequence[Mapping[str, str]]) -> None:
    if refused:
        said = "\n".join(f"- {one['provider_order']}: {one['sentence']}" for one in refused)
        head = plural("{n} order cannot be bound", "{n} orders cannot be bound", len(refused))
        st.warning(f"**{head}**\n\n{said}", icon=":material/block:")


def _table(token: str, rows: Sequence[Row]) -> dict[str, Pick]:
    """Every match; what fits, or differs in little, is picked at first."""
    known = {row["number"]: Pick(row["version"], "", "CNY", _fen(row) * row["pieces"]) for row in rows}
    if st.session_state.get("bind.shown") != token:
        st.session_state["bind.shown"] = token
        good = {row["number"] for row in rows if row["fit"] in ("fits", "differs")}
        picking.set_picks(NAME, {number: pick for number, pick in known.items() if number in good})
    frame = tables.numbered([row["number"] for row in rows], [_cells(row) for row in rows])
    return picking.pick_rows(
        frame,
        known,
        name=NAME,
        height=tables.height(len(rows), 10),
        alt=_("Lines and the orders they fit"),
        column_config={
            "_index": st.column_config.TextColumn(_("Line"), pinned=True, width=58),
            "fit": _fit_column(),
            "what": tables.text(_("What differs"), 158),
            "title": tables.text(_("Item wanted"), 130),
            "order": tables.text(_("Marketplace order"), 146),
            "theirs": tables.text(_("Item in the order"), 130),
            "needs": st.column_config.NumberColumn(_("Needs"), width=50, help=_("Pieces to be bought for the line")),
            "free": st.column_config.NumberColumn(_("Free"), width=44, help=_("Its pieces that no line is bound to")),
            "seen": tables.money(_("Seen, CNY"), 72),
            "price": tables.money(_("There, CNY"), 76),
            "seller": tables.text(_("Seller"), 90),
        },
    )


def _fit_column() -> Any:
    words = [_(word) for word in FITS.values()]
    return st.column_config.MultiselectColumn(_("Fit"), options=words, color=list(_COLOURS.values()), width=104)


def _cells(row: Row) -> dict[str, Any]:
    return {
        "fit": [_(FITS[row["fit"]])],
        "what": differences(row["differences"]),
        "title": " · ".join(filter(None, (row["title"], row["configuration"]))),
        "order": row["provider_order"],
        "theirs": row["their_title"] or row["their_item_id"],
        "needs": row["pieces"],
        "free": row["free"],
        "seen": padded(row["seen_fen"], "CNY"),
        "price": padded(row["price_fen"], "CNY"),
        "seller": row["seller"],
    }


def _fen(row: Row) -> int:
    return int(row["price_fen"] or row["seen_fen"] or 0)


def _reasons(chosen: Sequence[Row]) -> None:
    """What is not the same is bound only for a reason."""
    wrong = [row for row in chosen if row["fit"] == "mismatch"]
    if not wrong:
        return
    said = "\n".join(f"- {row['number']}: {differences(row['differences'])}" for row in wrong)
    st.warning(f"**{_('Not the same as in the order')}**\n\n{said}", icon=":material/difference:")
    st.text_input(_("Reason to bind all the same (needed)"), key="bind-reason", max_chars=300)


def _confirm(person: Person, view: PlanView, chosen: Sequence[Row], table: str) -> None:
    """The sentence that says what happens, and the button that makes it happen."""
    orders = {row["provider_order"] for row in chosen}
    total = sum(_fen(row) * row["pieces"] for row in chosen)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        words = plural("{n} line", "{n} lines", len(chosen))
        of = plural("{n} order", "{n} orders", len(orders))
        st.markdown(
            f"**{words}** · {of} · **{sums({'CNY': total})}**  \n"
            + _(":gray[Binding sends nothing. From now on the lines follow these orders at the marketplace.]"),
            width="stretch",
        )
        short = any(row["fit"] == "short" for row in chosen)
        st.button(
            plural("Bind {n} line", "Bind {n} lines", len(chosen)),
            type="primary",
            key="bind-confirm",
            icon=":material/link:",
            disabled=not chosen or short,
            on_click=commit,
            args=(person, view.token, [row["number"] for row in chosen], table),
            help=_("Split what needs more pieces than an order has first.") if short else None,
        )


def commit(person: Person, token: str, numbers: Sequence[str], table: str) -> None:
    """Callback of the confirming button: bind. Twice is once: the plan names its run."""
    reason = str(st.session_state.get("bind-reason", ""))
    run = feedback.attempt(lambda: bind_apply.apply(context(), person.actor, token, lines=list(numbers), reason=reason))
    if run is None:
        return
    if table:
        picking.unpick(table, numbers)
    st.session_state.pop(OPEN, None)
    st.session_state.pop("bind-reason", None)
    said = plural("{n} line bound", "{n} lines bound", len(numbers))
    feedback.say("toast", said + ", " + _("see run {n}.").format(n=run), run)


def _short(person: Person, view: PlanView) -> None:
    """Lines that need more pieces than an order has: split them, then compare again."""
    short = {row["number"]: row for row in view.body["rows"] if row["fit"] == "short"}
    if not short:
        return
    said = [
        _("{line} needs {n} pieces, order {order} has {free} free: split it into {parts}.").format(
            line=row["number"], n=row["pieces"], order=row["provider_order"], free=row["free"],
            parts=" + ".join(map(str, row["split"])),
        )
        for row in short.values()
    ]  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("  \n".join(said), width="stretch")
        st.button(
            plural("Split {n} line and compare again", "Split {n} lines and compare again", len(short)),
            icon=":material/call_split:",
            key="bind-split",
            on_click=_split,
            args=(person, view, {number: row["split"] for number, row in short.items()}),
        )


def _split(person: Person, view: PlanView, parts: Mapping[str, Sequence[int]]) -> None:
    """Split the lines, and ask for the same orders again with all their parts."""
    versions = {row["number"]: row["version"] for row in view.body["rows"]}

    def ask() -> str:
        _run, made = split.split(context(), person.actor, parts, versions)
        lines = [part for number in view.params["lines"] for part in made.get(number, [number])]
        lines += [part for number in parts if number not in view.params["lines"] for part in made[number]]
        pairs = {part: orders for number, orders in view.params["pairs"].items() for part in made.get(number, [number])}
        orders = [one["provider_order"] for one in view.body["orders"]]
        return bind.request(
            context(), person.actor, view.session, orders=orders, lines=lines, pairs=pairs, in_worker=True
        )

    token = feedback.attempt(ask)
    wanted = st.session_state.get(OPEN)
    if token and wanted:
        st.session_state[OPEN] = {**wanted, "token": token}


def _left_out(left_out: Sequence[Mapping[str, str]]) -> None:
    if left_out:
        st.markdown(f"**{plural('{n} line is left out', '{n} lines are left out', len(left_out))}**")
        _plain_table(
            [{"line": one["number"], "why": one["sentence"]} for one in left_out],
            _("Lines left out"),
            {"line": tables.text(_("Line"), 80), "why": tables.text(_("Why"), "large")},
        )


def _candidates(found: Sequence[Row], rows: Sequence[Row]) -> None:
    """Other orders that might be it, where orders were looked for."""
    taken = {(row["number"], row["provider_order"]) for row in rows}
    rest = [one for one in found if (one["number"], one["provider_order"]) not in taken]
    if rest:
        st.markdown(f"**{_('Also possible')}**")
        _plain_table(
            [{"line": one["number"], "order": one["provider_order"], "why": why(one)} for one in rest],
            _("Other orders that might be it"),
            {
                "line": tables.text(_("Line"), 80),
                "order": tables.text(_("Marketplace order"), 170),
                "why": tables.text(_("Why"), "large"),
            },
        )


def why(one: Row) -> str:
    """Why an order might be the one: what agrees, and how far apart they are."""
    alike = _("same configuration") if one["same_choice"] else _("another configuration")
    alike = alike if one["same_choice"] or one["other_choice"] else _("same item")
    parts = [alike]
    parts += [_("as many pieces")] if one["as_many"] else [_("{n} pieces free").format(n=one["free"])]
    parts += [_("same seller")] if one["same_seller"] else []
    if one["hours"] is not None:
        parts.append(_("{n} h from the payment").format(n=one["hours"]))
    return ", ".join(parts)


def _plain_table(rows: Sequence[Mapping[str, Any]], alt: str, columns: Mapping[str, Any]) -> None:
    height = tables.height(len(rows), 8)
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=height, alt=alt, column_config=dict(columns))
