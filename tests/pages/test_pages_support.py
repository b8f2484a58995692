"""The helpers for page tests pick rows and let no exception pass."""

from pathlib import Path

import pytest

from tests.support.pages import click_rows, open_app

SCRIPT = """
import pandas as pd
import streamlit as st

lines = pd.DataFrame({"line": ["53-1", "53-2"]})
picked = st.dataframe(lines, key="lines", on_select="rerun", selection_mode="multi-row")
st.text(f"{st.user.email} picked {list(lines['line'].iloc[picked.selection.rows])}")
if len(picked.selection.rows) == 2:
    raise ValueError("too many")
"""


def test_rows_are_picked_and_errors_are_shown_in_full(tmp_path: Path) -> None:
    script = tmp_path / "frame.py"
    script.write_text(SCRIPT, encoding="utf-8")
    app = click_rows(open_app(role="manager", script=script), "lines", [1])
    assert app.text[0].value == "manager@example.com picked ['53-2']"
    with pytest.raises(AssertionError, match="too many"):
        click_rows(app, "lines", [0, 1])
