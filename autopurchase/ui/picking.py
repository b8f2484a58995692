"""Row picking by line number; row positions never leave this module.

A keyed table keeps selected *positions* when its rows move, so every other set or order of rows is made another table
here, and what is kept between runs are numbers. Picks of rows that a filter or another page hides stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2s
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st


class Pick(NamedTuple):
    """What is remembered of a picked line: the version seen, and what the bar below the table needs."""

    version: int
    provider: str
    currency: str
    sum_minor: int
    status: str = "paid"
    purchase: str = "ready"


def picks(name: str) -> dict[str, Pick]:
    """Everything picked in table ``name``: line number -> pick. Do not change it in place."""
    found: dict[str, Pick] = st.session_state.setdefault(f"{name}.picks", {})
    return found


def pick_rows(view: pd.DataFrame, known: Mapping[str, Pick], *, name: str, **table: Any) -> dict[str, Pick]:
    """Draw ``view`` (index = unique line numbers, all in ``known``); return every pick, hidden ones included."""
    state = st.session_state
    old = picks(name)
    numbers = [str(number) for number in view.index]
    stamp = blake2s("\x1f".join(numbers).encode(), digest_size=8).hexdigest()
    drawn = f"{stamp}.{state.setdefault(f'{name}.version', 0)}"
    key = f"{name}.table.{drawn}"
    if state.get(f"{name}.drawn") != drawn or key not in state:  # a new table, or one that was away: a new preset
        state[f"{name}.drawn"] = drawn
        state[f"{name}.preset"] = [place for place, number in enumerate(numbers) if number in old]
    event = st.dataframe(
        view,
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": state[f"{name}.preset"]}},
        **table,
    )
    hidden = {number: pick for number, pick in old.items() if number not in known}
    new = hidden | {numbers[place]: known[numbers[place]] for place in event.selection.rows}
    if new.keys() != old.keys():
        state[f"{name}.before"] = old
    state[f"{name}.picks"] = new
    return new


def set_picks(name: str, chosen: Mapping[str, Pick]) -> None:
    """Replace the picks from code; the table is made anew, or it would answer with its own old selection."""
    state = st.session_state
    state[f"{name}.before"] = picks(name)
    state[f"{name}.picks"] = dict(chosen)
    state[f"{name}.version"] = state.get(f"{name}.version", 0) + 1


def unpick(name: str, numbers: Iterable[str]) -> None:
    """Take these lines out of the picks for good: they were dealt with, so Undo does not bring them back."""
    gone = set(numbers)
    set_picks(name, {number: pick for number, pick in picks(name).items() if number not in gone})
    st.session_state[f"{name}.before"] = {}


def undo(name: str) -> None:
    """Bring back the picks as they were before the last change."""
    set_picks(name, st.session_state.get(f"{name}.before", {}))


def can_undo(name: str) -> bool:
    """Whether `undo` would change anything."""
    before: dict[str, Pick] = st.session_state.get(f"{name}.before", {})
    return bool(before) and before.keys() != picks(name).keys()


def drop_missing(name: str, present: Iterable[str]) -> list[str]:
    """Forget picks that are not in ``present`` and return them, so that the page can name them."""
    kept = set(present)
    gone = [number for number in picks(name) if number not in kept]
    if gone:
        st.session_state[f"{name}.picks"] = {n: pick for n, pick in picks(name).items() if n in kept}
    return gone
