"""The browser helpers see and click what a person sees and clicks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import (
    App,
    Opener,
    cells,
    click_all_rows,
    click_row,
    open_page,
    screenshot,
    start_app,
)

pytestmark = pytest.mark.browser
SCRIPT = """
import pandas as pd
import streamlit as st

if "broken" in st.query_params:
    raise ValueError("broken on request")
lines = pd.DataFrame({"line": [f"{n}-1" for n in range(5)], "text": ["颜色:黑色"] * 5})
picked = st.dataframe(lines, key="lines", on_select="rerun", selection_mode="multi-row", hide_index=True)
st.text("picked " + ",".join(lines["line"].iloc[picked.selection.rows]))
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "table.py").write_text(SCRIPT, encoding="utf-8")
    served = start_app(folder / "home", script=folder / "table.py")
    yield served
    served.stop()


def test_rows_are_picked_one_by_one_by_range_and_all_at_once(app: App, page: Page) -> None:
    open_page(page, app.url)
    click_row(page, 1)
    expect(page.get_by_text("picked 1-1", exact=True)).to_be_visible()
    click_row(page, 3, shift=True)
    expect(page.get_by_text("picked 1-1,2-1,3-1", exact=True)).to_be_visible()
    click_all_rows(page, key="lines")
    expect(page.get_by_text("picked 0-1,1-1,2-1,3-1,4-1", exact=True)).to_be_visible()


def test_cells_are_read_and_the_page_is_pictured(app: App, new_page: Opener, tmp_path: Path) -> None:
    page = open_page(new_page(scheme="dark", locale="zh-CN", width=1920), app.url)
    assert cells(page, "lines")[-2:] == ["4-1", "颜色:黑色"]
    picture = screenshot(page, tmp_path / "shots" / "dark.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == 1920


def test_traceback_of_the_app_is_found_in_its_log(app: App, page: Page) -> None:
    open_page(page, f"{app.url}/?broken=1")
    assert "broken on request" in app.traceback()


def test_app_that_does_not_start_is_reported_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="does not exist"):
        start_app(tmp_path / "home", script=tmp_path / "nothing.py")
