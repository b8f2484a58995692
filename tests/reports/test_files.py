"""Reports as files: each holds the same values, text stays text, and what is read is what was meant."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import nbformat
import openpyxl
import pytest

from autopurchase.domain.errors import BadInput
from autopurchase.reports import charts
from autopurchase.reports.files import content, name_of, write
from autopurchase.reports.model import Basis, Column, Figure, Filters, Report, Sheet
from autopurchase.reports.values import text

AS_OF = datetime(2026, 11, 23, 1, 5, tzinfo=UTC)
LATE = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
EVIL = '=HYPERLINK("http://127.0.0.1","x")'
SELLERS = Sheet(
    "by_seller",
    "By seller",
    (
        Column("seller", "Seller"),
        Column("pieces", "Pieces", "pieces"),
        Column("value", "Value", "money", "USD"),
        Column("share", "Share", "share"),
        Column("waited", "Waited", "seconds"),
        Column("since", "Since", "time"),
        Column("ranked", "Ranked", "flag"),
    ),
    [
        (EVIL, 3, Decimal("1204.505"), Decimal("0.7434"), 100_800, LATE, True),
        ("<b>义乌</b>", 1, None, None, None, None, False),
    ],
    note="Fewer than 20 pieces are not ranked.",
)
AGES = Sheet(
    "ages",
    "How long it has waited",
    (Column("age", "Waiting for"), Column("pieces", "Pieces", "pieces")),
    [("0–6 h", 6), ("6–24 h", 2), ("24–48 h", 1), ("48–72 h", 1), ("> 72 h", 0)],
)
REPORT = Report(
    "weekly",
    "2026-W47",
    Basis(AS_OF),
    Filters(session="main"),
    {
        "booked": Figure("booked", "Booked", 4, "pieces"),
        "variance": Figure("variance", "Price variance", Decimal("-3.335"), "money", "CNY"),
        "conversion": Figure("conversion", "Conversion", None, "share", of="booked pieces"),
        "over": Figure("over", "Over-booked", 1, "pieces", alarm=True),
    },
    {"by_seller": SELLERS, "ages": AGES},
)


def test_excel_has_typed_cells_and_no_formulas() -> None:
    book = openpyxl.load_workbook(io.BytesIO(content(REPORT, ".xlsx")))
    assert book.sheetnames == ["Report", "by_seller", "ages"]
    page = book["by_seller"]
    assert page.freeze_panes == "B2"
    assert page.auto_filter.ref == "A1:G3"
    seller, pieces, value, share, waited, since, ranked = (cell for cell in page[2])
    assert (seller.value, seller.data_type) == (EVIL, "s")
    assert (pieces.value, value.value, value.number_format) == (3, 1204.51, "#,##0.00")
    assert (share.value, share.number_format) == (0.743, "0.0%")
    assert waited.number_format == "[h]:mm"
    assert since.value == datetime(2026, 11, 21, 7, 30)  # on the clocks of Shanghai
    assert ranked.value == "yes"
    assert [cell.value for cell in page[3]] == ["<b>义乌</b>", 1, "–", "–", "–", "–", "no"]
    assert [cell.value for cell in page[1]][2] == "Value, USD"


def test_csv_has_one_row_a_value() -> None:
    rows = list(csv.DictReader(io.StringIO(content(REPORT, ".csv").decode("utf-8-sig"))))
    found = {(row["table"], row["row"], row["key"], row["column"]): row["value"] for row in rows}
    assert found["figures", "", "variance", "value"] == "-3.34"
    assert found["figures", "", "conversion", "value"] == ""
    assert found["by_seller", "1", "'" + EVIL, "value"] == "1204.51"
    assert found["by_seller", "1", "'" + EVIL, "since"] == "2026-11-20T23:30:00+00:00"
    assert found["ages", "3", "24–48 h", "pieces"] == "1"


def test_html_needs_nothing_else_and_runs_nothing_foreign() -> None:
    page = content(REPORT, ".html").decode()
    assert "<b>义乌" not in page
    assert "&lt;b&gt;义乌" in page
    assert "20.0 % of 10 pieces wait longer than 24 h" in page
    assert "<script src" not in page
    assert "1,204.51" in page
    assert "session main" in page


def test_the_notebook_says_how_it_is_made_and_is_the_same_file_twice() -> None:
    first = content(REPORT, ".ipynb")
    assert first == content(REPORT, ".ipynb")
    book = nbformat.reads(first.decode(), as_version=4)
    code = [cell.source for cell in book.cells if cell.cell_type == "code"]
    assert "report = shop.weekly(\"2026-W47\", session='main')\nreport" in code
    assert 'report["by_seller"].to_pandas()' in code
    said = next(cell for cell in book.cells if "by_seller" in cell.source and cell.cell_type == "code")
    assert "1,204.51" in said.outputs[0]["data"]["text/plain"]


def test_values_are_rounded_last_and_nothing_to_measure_is_a_dash() -> None:
    assert text(Decimal("1234.5"), "money", "JPY") == "1,235"
    assert text(Decimal("0.99951"), "share") == "100.0 %"
    assert text(None, "share") == "–"
    assert text(100_800, "seconds") == "1 d 4 h"
    assert text(40, "seconds") == "40 s"
    assert text(-5400, "seconds") == "-1 h 30 min"


def test_another_kind_of_file_is_refused_and_nothing_is_left_half_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"not as “\.doc”"):
        content(REPORT, ".doc")
    with pytest.raises(BadInput, match="cannot be written"):
        write(REPORT, tmp_path / "no" / "where.csv")
    assert write(REPORT, tmp_path / "a.csv") == (tmp_path / "a.csv").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert name_of(REPORT) == "weekly-2026-W47"


WEEKS = Sheet(
    "trend",
    "The last weeks",
    tuple(Column(name, name) for name in ("week", "complete", "ready", "booked", "bought", "backlog", "unpaid")),
    [
        ("2026-W45", True, 90, 80, 70, 20, 5),
        ("2026-W46", True, 100, 80, 75, 40, 9),
        ("2026-W47", False, 9, 8, 7, 41, 9),
    ],
)


def test_a_chart_is_titled_by_its_message() -> None:
    title = "2026-W46: 80 pieces booked, 100 came in, 20 more than were booked"
    drawn = charts.trend(WEEKS)
    assert drawn is not None
    assert drawn.layout.title.text == title
    left = charts.backlog(WEEKS, "dark")
    assert left is not None
    assert left.layout.title.text == "41 pieces wait to be booked, up from 20 at the end of 2026-W45"
    assert charts.ages(replace(AGES, rows=[("0–6 h", 0)])) is None
    assert set(charts.of(REPORT, WEEKS)) == {"ages", "trend"}
