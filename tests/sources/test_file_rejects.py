"""What is wrong with an order file, said row by row, and nothing lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from autopurchase.domain.errors import BadInput, NotSupported
from autopurchase.domain.money import Money
from autopurchase.domain.shop import hold_reason
from autopurchase.sources import SOURCES
from tests.sources.orders_files import GOOD, read, row, write_csv, write_excel, write_json

EXAMPLE = Path(__file__).parents[1] / "data" / "orders.csv"


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"order_number": ""}, "order_number must be filled in"),
        ({"quantity": "", "currency": ""}, "quantity, currency must be filled in"),
        ({"order_number": "1.2E+10"}, "lost digits"),
        ({"item_id": "6.1E+11"}, "lost digits"),
        ({"item_id": "6,1E+11"}, "lost digits"),
        ({"item_id": "610000000001.0"}, "lost digits"),
        ({"item_id": "'610000000001"}, "is no id"),
        ({"item_id": "https://item.taobao.com/item.htm?id=1"}, "is no id"),
        ({"sku_id": "4.61E+12"}, "sku_id"),
        ({"spec_id": "a b"}, "spec_id"),
        ({"seller_id": "2.2E+12"}, "seller_id"),
        ({"line_no": "0"}, "line_no"),
        ({"line_no": "one"}, "line_no"),
        ({"quantity": "0"}, "quantity “0”"),
        ({"quantity": "-1"}, "whole number"),
        ({"quantity": "1.5"}, "whole number"),
        ({"quantity": "99999999999"}, "whole number"),
        ({"quantity": "=A1*2"}, "whole number"),
        ({"unit_price": "abc"}, "unit_price “abc” is not an amount"),
        ({"unit_price": "-1"}, "is not an amount"),
        ({"unit_price": "1,204.50"}, "thousands"),
        ({"unit_price": "12,50"}, "decimal comma"),
        ({"unit_price": "$12.50"}, "without currency"),
        ({"unit_price": "1e3"}, "is not an amount"),
        ({"unit_price": "NaN"}, "is not an amount"),
        ({"unit_price": "12.505"}, "too many digits"),
        ({"unit_price": "12.5", "currency": "JPY"}, "too many digits"),
        ({"reference_price": "-3"}, "reference_price"),
        ({"paid_amount": "all"}, "paid_amount"),
        ({"order_total": "x"}, "order_total"),
        ({"delivery_cost": "free"}, "delivery_cost"),
        ({"currency": "dollars"}, "three letters"),
        ({"provider": "ebay"}, "it is one of: alibaba1688, aliexpress, taobao"),
        ({"status": "Bought"}, "Awaiting payment"),
        ({"created_at": "16.11.2026"}, "write it like"),
        ({"created_at": "0001-01-01T00:00:00+08:00"}, "not a time"),
        ({"paid_at": "yesterday"}, "paid_at"),
        ({"weight": "heavy"}, "weight"),
        ({"item_url": "javascript:alert(1)"}, "web address"),
        ({"photo_url": "photo.jpg"}, "web address"),
    ],
)
def test_a_bad_cell_rejects_its_row_alone(tmp_path: Path, cells: dict[str, str], says: str) -> None:
    rows = [row(order_number="A-1"), row(**cells), row(order_number="A-2")]
    orders, rejects = read(write_csv(tmp_path / "a.csv", rows))
    assert [order.number for order in orders] == ["A-1", "A-2"]
    assert [reject.position for reject in rejects] == ["row 3"]
    assert says in rejects[0].reason
    assert rejects[0].row == {name: cell for name, cell in row(**cells).items() if cell}


@pytest.mark.parametrize("value", [4610000000011234567, 6.1e17, 610000000001.5])
def test_numbers_that_excel_has_rounded_are_no_ids(tmp_path: Path, value: Any) -> None:
    _, rejects = read(write_excel(tmp_path / "a.xlsx", [row() | {"item_id": value}]))
    assert rejects[0].position == "row 2"
    assert "item_id" in rejects[0].reason


def test_long_numbers_of_json_are_exact(tmp_path: Path) -> None:
    file = write_json(tmp_path / "a.json", [row() | {"item_id": 4610000000011234567}])
    assert read(file)[0][0].lines[0].item_id == "4610000000011234567"


def test_formulas_are_not_computed(tmp_path: Path) -> None:
    _, rejects = read(write_excel(tmp_path / "a.xlsx", [row(unit_price="=6*2")]))
    assert "“=6*2” is not an amount" in rejects[0].reason


def test_a_repeated_line_is_rejected_and_the_first_one_stays(tmp_path: Path) -> None:
    rows = [row(), row(quantity="9"), row(order_number="B-1"), row(quantity="8"), row(line_no="2")]
    orders, rejects = read(write_csv(tmp_path / "a.csv", rows))
    assert [reject.position for reject in rejects] == ["row 3", "row 5"]
    assert all("more than once" in reject.reason for reject in rejects)
    lines = [line for order in orders if order.number == GOOD["order_number"] for line in order.lines]
    assert [(line.line_no, line.quantity) for line in lines] == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("currency", "USD", "EUR"),
        ("order_total", "10", "20"),
        ("paid_amount", "10", "20"),
        ("paid_at", "2026-11-16", "2026-11-17"),
        ("created_at", "2026-11-16", "2026-11-17"),
    ],
)
def test_rows_of_one_order_must_agree(tmp_path: Path, name: str, one: str, other: str) -> None:
    rows = [row(order_total="50") | {name: one}, row(line_no="2") | {name: other}]
    _, rejects = read(write_csv(tmp_path / "a.csv", rows))
    assert f"{name} is" in rejects[0].reason
    assert "rows of one order must agree" in rejects[0].reason


def test_rows_of_one_order_must_have_one_currency_wherever_they_stand(tmp_path: Path) -> None:
    rows = [row(), row(order_number="B-1"), row(line_no="2", currency="EUR")]
    orders, rejects = read(write_csv(tmp_path / "a.csv", rows))
    assert len(orders) == 2
    assert "another currency" in rejects[0].reason


def test_a_rejected_row_does_not_make_the_rest_look_paid(tmp_path: Path) -> None:
    rows = [row(paid_amount="25"), row(line_no="2", quantity="x", paid_amount="25")]
    orders, rejects = read(write_csv(tmp_path / "a.csv", rows))
    assert orders == []
    assert sorted(reject.position for reject in rejects) == ["row 2", "row 3"]
    stated = [each | {"order_total": "50"} for each in rows]
    orders, rejects = read(write_csv(tmp_path / "b.csv", stated))
    assert (orders[0].total, hold_reason(orders[0])) == (Money(5000, "USD"), "not_payable")
    assert len(rejects) == 1


def test_cells_too_many_reject_their_row(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [row()])
    with file.open("a", encoding="utf-8") as more:
        more.write(",".join(row(line_no="2").values()) + ",Jacket, black\n")
    orders, rejects = read(file)
    assert len(orders[0].lines) == 1
    assert "11 cells for 9 columns" in rejects[0].reason


def test_a_stray_quotation_mark_rejects_its_row(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [row(), row(line_no="2")])
    text = file.read_text(encoding="utf-8").replace("ORD-000000053,1,", '"ORD"-000000053,1,')
    file.write_text(text, encoding="utf-8")
    orders, rejects = read(file)
    assert [line.line_no for line in orders[0].lines] == [2]
    assert rejects[0].position == "row 2"
    assert '"ORD"-000000053' in rejects[0].row["text"]


def test_an_open_quotation_mark_ends_the_reading_and_says_where(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [row(), row(line_no="2"), row(line_no="3")])
    file.write_text(file.read_text(encoding="utf-8").replace("053,2,", '053,"2,'), encoding="utf-8")
    with pytest.raises(BadInput, match="From row 3"):
        read(file)


def test_json_values_that_are_no_rows_or_cells(tmp_path: Path) -> None:
    rows = [row(), "text", 7, None, row() | {"line_no": 2, "quantity": [1]}, row() | {"line_no": 3, "note": {"a": "b"}}]
    orders, rejects = read(write_json(tmp_path / "a.json", rows))
    assert [reject.position for reject in rejects] == ["row 2", "row 3", "row 4", "row 5"]
    assert "quantity must be a text or a number" in rejects[3].reason
    assert [line.line_no for order in orders for line in order.lines] == [1, 3]
    assert orders[0].lines[1].extras == {"note": '{"a": "b"}'}


@pytest.mark.parametrize("cut", [1, 150, 400, -1])
def test_json_that_is_cut_off(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps([row(), row(line_no="2")])[:cut], encoding="utf-8")
    with pytest.raises(BadInput, match=r"row|array|cut off"):
        read(file)


def write_bytes(content: bytes, name: str, folder: Path) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\xef\xbb\xbf\r\n", "is empty"),
        ("a.xlsx", b"", "is empty"),
        ("a.json", b" \n", "is empty"),
        ("a.csv", b"PK\x03\x04rest", "name it .xlsx"),
        ("a.json", b"PK\x03\x04rest", "name it .xlsx"),
        ("a.xlsx", b"a,b\n1,2\n", "is not an Excel file"),
        ("a.xlsx", b"PK\x03\x04rest", "damaged"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1", "password"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "not a text file"),
        ("a.csv", "order_number,Größe\n".encode("latin-1"), "is not written in utf-8"),
        ("a.csv", "order_number".encode("utf-16"), "is not written in utf-8"),
        ("a.json", b'[{"order_number": "\xe9"}]', "is not UTF-8"),
        ("a.json", b"{}", "array of rows"),
        ("a.json", b'{"orders": []}', "array of rows"),
        ("a.json", b'"text"', "array of rows"),
        ("a.json", b"[{]", "not valid JSON"),
        ("a.pdf", b"%PDF", "give a .csv, .xlsx or .json"),
    ],
)
def test_a_file_that_is_no_order_file_says_what_to_do(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read(write_bytes(content, name, tmp_path))


def test_json_nested_without_end(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not valid JSON"):
        read(write_bytes(b"[" + b'{"a":' * 100_000, "a.json", tmp_path))


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(BadInput, match="cannot be read"):
            read(path)


def missing(name: str) -> list[dict[str, str]]:
    return [{key: cell for key, cell in GOOD.items() if key != name}]


def test_missing_columns_are_named_with_those_expected(tmp_path: Path) -> None:
    for file in (
        write_csv(tmp_path / "a.csv", missing("item_id")),
        write_excel(tmp_path / "a.xlsx", missing("item_id")),
        write_json(tmp_path / "a.json", missing("item_id")),
    ):
        with pytest.raises(BadInput, match="no column item_id") as caught:
            read(file)
        for word in ("order_number", "reference_price", "Found: order_number"):
            assert word in caught.value.sentence


def test_a_table_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Found: name, price"):
        read(write_bytes(b"name,price\nx,1\n", "a.csv", tmp_path))


def test_a_doubled_column(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="item_id is there twice"):
        read(write_bytes((",".join([*GOOD, "Item ID"]) + "\n").encode(), "a.csv", tmp_path))


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [row()])
    with pytest.raises(BadInput, match="no encoding"):
        read(file, encoding="klingon")
    with pytest.raises(BadInput, match="the file has: Orders"):
        read(write_excel(tmp_path / "a.xlsx", [row()]), sheet="November")


def test_a_heading_alone_is_a_file_without_orders(tmp_path: Path) -> None:
    assert read(write_bytes((",".join(GOOD) + "\n").encode(), "a.csv", tmp_path)) == ([], [])
    assert read(write_bytes(b"[]", "a.json", tmp_path)) == ([], [])


def test_an_excel_file_without_any_row(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="sheet is empty"):
        read(write_excel(tmp_path / "a.xlsx", []))


def test_the_source_checks_a_file(tmp_path: Path) -> None:
    good = SOURCES["file"].open({"path": str(EXAMPLE)}).check()
    assert (good.ok, good.open_paid, good.problems) == (True, 9, ())
    bad = SOURCES["file"].open({"path": str(write_csv(tmp_path / "a.csv", [row(quantity="x"), row()]))}).check()
    assert not bad.ok
    assert bad.problems[0].startswith("row 2: quantity")
    none = SOURCES["file"].open({"path": str(tmp_path / "none.csv")}).check()
    assert not none.ok
    assert "cannot be read" in none.problems[0]


def test_the_source_reads_what_its_settings_say(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [row(unit_price="12,50", provider="other")], ";", "gb18030")
    config = {"path": str(file), "decimal_comma": "yes", "encoding": "gb18030", "providers": "taobao, other"}
    assert SOURCES["file"].open(config).check().ok
    for wrong in ({"path": ""}, config | {"decimal_comma": "maybe"}):
        with pytest.raises(BadInput):
            SOURCES["file"].open(wrong)


def test_a_file_can_only_be_read(tmp_path: Path) -> None:
    source = SOURCES["file"].open({"path": str(EXAMPLE)})
    for call in (
        lambda: source.get("53"),
        lambda: source.mark("53", "ordered", "x"),
        lambda: source.report_shipment("53", [("53-1", 1)], "SF", "1"),
    ):
        with pytest.raises(NotSupported):
            call()
