"""What a shop is told: statuses, references and parcels, sent or only noted in a dry run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.storage import shop_views
from autopurchase.ui import cells, tables
from autopurchase.ui.links import to
from autopurchase.ui.words import _, when
from autopurchase.ui.workspace import reading

Row = Mapping[Any, Any]
#: states of what a shop is told, in people's words
STATES = {
    "waiting": "Waiting",
    "noted": "Dry run",
    "done": "Told",
    "superseded": "Replaced",
    "refused": "Refused",
}
_COLOURS: dict[str, tables.Colour] = {
    "waiting": "orange",
    "noted": "blue",
    "done": "green",
    "superseded": "gray",
    "refused": "red",
}
KINDS = {"mark": "Status", "shipment": "Parcel"}
SHOWN = 50


def of_source(name: str) -> None:
    """The newest of what a source was told, will be told, or would have been told."""
    with reading() as connection:
        rows = shop_views.news(connection, name, SHOWN)
    if not rows:
        cells.empty(_("Nothing to tell yet: it begins with the first booking of one of its orders."), icon="campaign")
        return
    table(rows, with_order=True)


def table(rows: Sequence[Row], *, with_order: bool = False) -> None:
    """Pieces of news as rows: what, whether the shop has it, and what it answered."""
    shown = [_row(row, with_order) for row in rows]
    st.dataframe(
        pd.DataFrame(shown),
        hide_index=True,
        height=tables.height(len(shown), 8),
        alt=_("What the shop is told, newest first"),
        column_config={
            "order": tables.link(_("Order"), 130) if with_order else None,
            "kind": tables.text(_("What"), 70),
            "state": st.column_config.MultiselectColumn(
                _("State"),
                options=[_(words) for words in STATES.values()],
                color=[_COLOURS[code] for code in STATES],
                width=90,
            ),
            "status": tables.text(_("Status there"), 200),
            "reference": tables.text(_("Our reference"), 150),
            "tracking": tables.text(_("Tracking number"), 150),
            "at": tables.text(_("When"), 92),
            "answer": tables.text(_("The shop's answer"), 170),
        },
    )


def _row(row: Row, with_order: bool) -> dict[str, Any]:
    payload = row["payload"]
    cells_of = {
        "order": to("order", row["number"], order=row["number"]) if with_order else "",
        "kind": _(KINDS.get(row["kind"], row["kind"])),
        "state": [_(STATES.get(_state(row), row["state"]))],
        "status": payload.get("status", ""),
        "reference": payload.get("reference", ""),
        "tracking": " ".join(filter(None, (payload.get("carrier", ""), payload.get("number", "")))),
        "at": when(row["done_at"] or row["created_at"]),
        "answer": _answer(row),
    }
    return cells_of if with_order else {name: value for name, value in cells_of.items() if name != "order"}


def _state(row: Row) -> str:
    """A mark that a later one replaced was never sent."""
    return "superseded" if str(row["answer"]).startswith("superseded") else str(row["state"])


#: answers of our own, in people's words
_ANSWERS = {"done": "taken", "already": "known there already"}


def _answer(row: Row) -> str:
    tries = _(" · tried {n} times").format(n=row["attempts"]) if row["attempts"] > 1 else ""
    return _(_ANSWERS.get(row["answer"], row["answer"])) + tries
