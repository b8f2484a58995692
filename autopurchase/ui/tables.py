"""Tables and marks that several pages share: states as words with colour, amounts aligned, addresses as links."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from autopurchase.ui.links import AFTER_HASH, to
from autopurchase.ui.words import _, when

Colour = Literal["red", "orange", "blue", "green", "violet", "gray"]
#: purchase states, booking states and run states -> colour; the word always stands with it
COLOURS: dict[str, Colour] = {
    "ready": "blue",
    "booking": "orange",
    "booked": "violet",
    "bought": "green",
    "sent": "green",
    "arrived": "gray",
    "problem": "red",
    "queued": "gray",
    "sending": "orange",
    "unknown": "red",
    "confirmed": "green",
    "refused": "red",
    "ended": "gray",
    "running": "orange",
    "done": "green",
    "failed": "red",
    "active": "green",
    "needs_authorisation": "red",
    "disabled": "gray",
}


def word(code: str) -> str:
    """A code as people read it: ``needs_authorisation`` -> ``Needs authorisation``."""
    return _(code.replace("_", " ").capitalize())


#: kinds of runs, in people's words
KINDS = {
    "book": "Booking",
    "sync": "Synchronization",
    "import": "Import",
    "status": "Change of status",
    "make_ready": "Return to ready",
    "mapping": "Mapping",
    "rates": "Exchange rates",
    "write_back": "Telling the shop",
    "source": "Source",
    "approve": "Approval to pay",
    "withdraw": "Approval withdrawn",
    "pay_links": "Payment pages",
    "restored": "Copy put back",
    "report": "Report",
    "settle": "Settling an unknown outcome",
    "cancel": "Cancel at provider",
    "unbind": "Unbind only",
    "bind": "Binding by hand",
    "split": "Splitting a line",
    "join": "Joining parts",
    "amend": "Change of what is bought",
    "release": "Release: not as planned",
    "accept": "Accepting what differs",
    "desk": "Comparison with the marketplace",
    "leave": "Difference left as it is",
    "settings": "Settings of figures",
}


def kind(code: str) -> str:
    """The operation a run carried out."""
    return _(KINDS[code]) if code in KINDS else word(code)


def badge(code: str) -> None:
    """A state as a coloured word."""
    st.badge(word(code), color=COLOURS.get(code, "gray"), width="content")


def state_column(label: str, codes: Sequence[str], **more: Any) -> Any:
    """A column of lists with one state word each, coloured; cells are ``[word(code)]``."""
    return st.column_config.MultiselectColumn(
        label, options=[word(code) for code in codes], color=[COLOURS.get(code, "gray") for code in codes], **more
    )


def money(label: str, width: int = 96, **more: Any) -> Any:
    """A column of padded amounts (`words.padded`)."""
    return st.column_config.TextColumn(label, alignment="right", width=width, **more)


def text(label: str, width: int | Literal["small", "medium", "large"] | None = None, **more: Any) -> Any:
    """A column of text."""
    return st.column_config.TextColumn(label, width=width, **more)


def link(label: str, width: int | None = None, **more: Any) -> Any:
    """A column of addresses that shows what stands behind their hash."""
    return st.column_config.LinkColumn(label, display_text=AFTER_HASH, width=width, alignment="left", **more)


def numbered(numbers: Sequence[str], rows: Sequence[Mapping[str, Any]], name: str = "line") -> pd.DataFrame:
    """Rows of the same cells, indexed by their numbers; by columns and as they are, which is many times quicker."""
    columns = {cell: [row[cell] for row in rows] for cell in (rows[0] if rows else ())}
    return pd.DataFrame(columns, index=pd.Index(numbers, name=name), dtype="object")


def height(rows: int, most: int = 12) -> int:
    """Pixels of a table of so many rows that shows at most ``most`` of them."""
    return 35 + 31 * min(rows, most)


def bars(rows: Sequence[Mapping[Any, Any]], key: str, label: str, *, most: int, alt: str) -> None:
    """Counts as bars with a link to what was counted: columns ``key``, ``lines``, ``open``."""
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        alt=alt,
        column_config={
            key: text(label),
            "lines": st.column_config.ProgressColumn(_("Lines"), format="%d", min_value=0, max_value=max(most, 1)),
            "open": link("", width=60),
        },
    )


def cell_link(run_id: int, label: str, icon: str | None = None) -> None:
    """A link to a journal cell."""
    st.page_link("pages/operate/journal.py", label=label, icon=icon, query_params={"run": str(run_id)})


def run_row(row: Mapping[Any, Any], out: str) -> dict[str, Any]:
    """A run as one row of `run_table`; ``out``: what came of it."""
    return {
        "run": to("journal", f"[{row['id']}]", run=row["id"]),
        "kind": kind(row["kind"]),
        "state": [word(row["state"])],
        "out": out,
        "actor": row["actor"],
        "at": when(row["created_at"]),
    }


def run_table(rows: Sequence[Mapping[Any, Any]]) -> None:
    """Runs, each with a link to its cell."""
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        alt=_("Operations, newest first"),
        column_config={
            "run": link(_("Cell"), width=60),
            "kind": text(_("Operation"), 130),
            "state": state_column(_("State"), ("queued", "running", "done", "failed"), width=100),
            "out": text(_("What came of it"), "large"),
            "actor": text(_("By"), 110),
            "at": text(_("When"), 110),
        },
    )


def summary(row: Mapping[Any, Any]) -> str:
    """A run's outcome in one line: its error, its figures, or how far it is."""
    if row["error"]:
        return str(row["error"])
    figures = [f"{value:,} {readable(key)}" for key, value in figures_of(row["out"]).items() if value]
    if figures:
        return " · ".join(figures)
    if row["state"] in ("queued", "running") and row["total"]:
        return _("{done} of {total}").format(done=row["done"], total=row["total"])
    return _("nothing changed") if row["state"] == "done" else ""


def figures_of(out: Mapping[Any, Any]) -> dict[str, int]:
    """The numbers of a run's Out; those of orders and lines stand one level deeper: ``lines new``."""
    found: dict[str, int] = {}
    for key, value in out.items():
        if isinstance(value, Mapping):
            found |= {f"{key} {inner}": count for inner, count in value.items() if isinstance(count, int)}
        elif isinstance(value, int):
            found[key] = value
    return found


def readable(code: str) -> str:
    """A code inside a sentence: ``new_orders`` -> ``new orders``."""
    return re.sub(r"[_\s]+", " ", _(code))
