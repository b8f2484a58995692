"""What the rows of an order file mean."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from autopurchase.domain.money import Money
from autopurchase.domain.order import LineStatus
from autopurchase.domain.shop import hold_reason, paid_in_full
from tests.sources.orders_files import GOOD, read, row, write_csv, write_excel, write_json

EXAMPLE = Path(__file__).parents[1] / "data" / "orders.csv"
FULL = row(
    sku_id="4610000000011",
    spec_id="655c09b5743cd3febe3f03438458c68c",
    title="Jacket",
    configuration="Color: Black; Size: M",
    configuration_original="颜色:黑色;尺码:M",
    reference_price="88.5",
    seller_id="b2b-22006",
    seller_name="棉朵女装旗舰店",
    weight="0.85",
    item_url="https://item.taobao.com/item.htm?id=610000000001",
    photo_url="https://img.example.com/1.jpg",
    customer="Anna Meyer",
    customer_comment="no box, please",
    paid_at="2026-11-16 10:20",
    paid_amount="40.00",
    order_total="40.00",
    delivery_cost="15.00",
    delivery_service="Air",
    shelf="A-7",
)


def test_the_example_is_read_without_rejects() -> None:
    orders, rejects = read(EXAMPLE)
    assert rejects == []
    assert sum(len(order.lines) for order in orders) == 20
    assert sum(paid_in_full(order) for order in orders) == 9


def check_full(path: Path) -> None:
    orders, rejects = read(path)
    assert rejects == []
    order, line = orders[0], orders[0].lines[0]
    assert (order.external_id, order.number, order.state) == ("ORD-000000053", "ORD-000000053", "open")
    assert order.created_at == datetime(2026, 11, 16, 8, 12, tzinfo=UTC)
    assert order.paid_at == datetime(2026, 11, 16, 10, 20, tzinfo=UTC)
    assert (order.total, order.paid, order.refunded) == (Money(4000, "USD"), Money(4000, "USD"), Money(0, "USD"))
    assert (order.goods_total, order.delivery_cost) == (Money(2500, "USD"), Money(1500, "USD"))
    assert (order.customer, order.delivery_service) == ("Anna Meyer", "Air")
    assert (line.external_id, line.line_no, line.provider) == ("ORD-000000053-1", 1, "taobao")
    assert (line.item_id, line.sku_id, line.spec_id) == (FULL["item_id"], FULL["sku_id"], FULL["spec_id"])
    assert (line.quantity, line.open_quantity, line.unit_price) == (2, 2, Money(1250, "USD"))
    assert line.reference_price == Money(8850, "CNY")
    assert line.weight_grams == 850
    assert line.status == LineStatus.PAID
    assert line.extras == {"shelf": "A-7"}
    for name in ("title", "configuration", "configuration_original", "seller_id", "seller_name", "item_url"):
        assert getattr(line, name) == FULL[name]
    assert (line.photo_url, line.customer_comment) == (FULL["photo_url"], FULL["customer_comment"])


def test_every_column_of_csv(tmp_path: Path) -> None:
    check_full(write_csv(tmp_path / "a.csv", [FULL]))


def test_every_column_of_excel_as_text(tmp_path: Path) -> None:
    check_full(write_excel(tmp_path / "a.xlsx", [FULL]))


def test_every_column_of_excel_as_a_spreadsheet_keeps_it(tmp_path: Path) -> None:
    typed: dict[str, Any] = FULL | {
        "line_no": 1,
        "item_id": 610000000001,
        "sku_id": 4610000000011,
        "quantity": 2.0,
        "unit_price": 12.5,
        "reference_price": 88.5,
        "weight": 0.85,
        "paid_amount": 40,
        "order_total": 40.0,
        "delivery_cost": 15,
        "created_at": datetime(2026, 11, 16, 8, 12),
        "paid_at": datetime(2026, 11, 16, 10, 20),
    }
    check_full(write_excel(tmp_path / "a.xlsx", [typed]))


@pytest.mark.parametrize("wrapped", [False, True])
def test_every_column_of_json(tmp_path: Path, wrapped: bool) -> None:
    typed: dict[str, Any] = FULL | {"line_no": 1, "item_id": 610000000001, "quantity": 2, "unit_price": 12.50}
    document = {"shop": {"name": "x", "rows": 3}, "rows": [typed], "more": None} if wrapped else [typed]
    check_full(write_json(tmp_path / "a.json", document))


def test_an_order_of_several_rows(tmp_path: Path) -> None:
    orders, _ = read(write_csv(tmp_path / "a.csv", [row(), row(line_no="2", unit_price="0.99", delivery_cost="5")]))
    assert [line.external_id for line in orders[0].lines] == ["ORD-000000053-1", "ORD-000000053-2"]
    assert orders[0].total == Money(2500 + 198 + 500, "USD")
    assert paid_in_full(orders[0])


def test_rows_of_an_order_far_apart_are_given_apart_with_totals_over_all(tmp_path: Path) -> None:
    rows = [row(paid_amount="40"), row(order_number="B-7"), row(line_no="2", paid_amount="40")]
    orders, rejects = read(write_csv(tmp_path / "a.csv", rows))
    assert rejects == []
    assert [(order.number, [line.line_no for line in order.lines]) for order in orders] == [
        ("ORD-000000053", [1]),
        ("B-7", [1]),
        ("ORD-000000053", [2]),
    ]
    assert orders[2].total == Money(5000, "USD")
    assert not paid_in_full(orders[2])


def test_a_cancelled_row_far_below_does_not_cancel_the_order(tmp_path: Path) -> None:
    rows = [row(), row(order_number="B-7"), row(line_no="2", status="Cancelled")]
    orders, _ = read(write_csv(tmp_path / "a.csv", rows))
    assert [order.state for order in orders] == ["open", "open", "open"]
    assert orders[2].lines[0].open_quantity == 0


@pytest.mark.parametrize(
    ("cells", "paid"),
    [
        ({"status": ""}, 0),
        ({"status": "Awaiting payment"}, 0),
        ({"status": "Cancelled"}, 0),
        ({"status": "Paid"}, 2500),
        ({"status": "quality_inspection"}, 2500),
        ({"status": "", "paid_at": "2026-11-16"}, 2500),
        ({"status": "Paid", "paid_amount": "7"}, 700),
        ({"status": "Paid", "paid_amount": "0"}, 0),
        ({"status": "Paid", "order_total": "99.00"}, 9900),
    ],
)
def test_what_counts_as_paid(tmp_path: Path, cells: dict[str, str], paid: int) -> None:
    orders, _ = read(write_csv(tmp_path / "a.csv", [row(**cells)]))
    assert orders[0].paid == Money(paid, "USD")


def test_an_order_that_mixes_paid_and_awaiting_rows_is_not_taken_for_paid(tmp_path: Path) -> None:
    orders, _ = read(write_csv(tmp_path / "a.csv", [row(), row(line_no="2", status="awaiting_payment")]))
    assert hold_reason(orders[0]) == "not_payable"


@pytest.mark.parametrize("status", list(LineStatus))
def test_every_status_by_label_and_by_code(tmp_path: Path, status: LineStatus) -> None:
    rows = [row(status=status.label.upper()), row(line_no="2", status=status.value)]
    orders, rejects = read(write_csv(tmp_path / "a.csv", rows))
    assert rejects == []
    assert [line.status for line in orders[0].lines] == [status.value] * 2


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (("Cancelled", "Cancelled"), "cancelled"),
        (("Cancelled", "Received"), "closed"),
        (("Cancelled", "Paid"), "open"),
        (("Cancelled", ""), "open"),
    ],
)
def test_the_state_of_an_order(tmp_path: Path, statuses: tuple[str, str], state: str) -> None:
    rows = [row(line_no=str(number), status=status) for number, status in enumerate(statuses, 1)]
    assert read(write_csv(tmp_path / "a.csv", rows))[0][0].state == state


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-11-16T08:00:00Z", 8),
        ("2026-11-16T08:00:00+08:00", 0),
        ("2026-11-16T08:00", 8),
        ("2026-11-16 08:00", 8),
        ("2026-11-16 08:00:30", 8),
        ("2026-11-16", 0),
    ],
)
def test_times(tmp_path: Path, text: str, hour: int) -> None:
    found = read(write_csv(tmp_path / "a.csv", [row(created_at=text)]))[0][0].created_at
    assert (found.tzinfo, found.day, found.hour) == (UTC, 16, hour)


@pytest.mark.parametrize(
    ("currency", "price", "minor"),
    [("USD", "12.5", 1250), ("jpy", "1200", 1200), ("KWD", "1.250", 1250), ("EUR", "0", 0)],
)
def test_amounts_by_currency(tmp_path: Path, currency: str, price: str, minor: int) -> None:
    rows = [row(currency=currency, unit_price=price)]
    assert read(write_csv(tmp_path / "a.csv", rows))[0][0].lines[0].unit_price == Money(minor, currency.upper())


@pytest.mark.parametrize(
    ("text", "grams"), [("0.35", 350), ("1", 1000), ("0,5 kg", 500), ("350 g", 350), ("350g", 350)]
)
def test_weights(tmp_path: Path, text: str, grams: int) -> None:
    assert read(write_csv(tmp_path / "a.csv", [row(weight=text)]))[0][0].lines[0].weight_grams == grams


def test_a_formula_in_a_name_stays_text(tmp_path: Path) -> None:
    formula = '=HYPERLINK("https://example.com","Jacket")'
    files = [
        write_csv(tmp_path / "a.csv", [row(title=formula, customer="@SUM(A1)")]),
        write_excel(tmp_path / "a.xlsx", [row(title=formula, customer="@SUM(A1)")]),
        write_json(tmp_path / "a.json", [row(title=formula, customer="@SUM(A1)")]),
    ]
    for file in files:
        orders, rejects = read(file)
        assert rejects == []
        assert (orders[0].lines[0].title, orders[0].customer) == (formula, "@SUM(A1)")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_encodings_and_delimiters(tmp_path: Path, encoding: str, delimiter: str) -> None:
    file = write_csv(tmp_path / "a.csv", [row(title="羽绒服, 黑; M")], delimiter, encoding)
    orders, rejects = read(file, encoding="" if encoding.startswith("utf-8") else encoding)
    assert rejects == []
    assert orders[0].lines[0].title == "羽绒服, 黑; M"


def test_a_spreadsheet_s_own_word_on_the_delimiter_is_obeyed(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [row(), row(line_no="x")], ";")
    file.write_text("sep=;\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    orders, rejects = read(file)
    assert len(orders[0].lines) == 1
    assert rejects[0].position == "row 3"


def test_a_decimal_comma_only_when_it_was_stated(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [row(unit_price="12,50", reference_price="88,5")], ";")
    assert read(file, decimal_comma=True)[0][0].lines[0].unit_price == Money(1250, "USD")
    assert "decimal comma" in read(file)[1][0].reason


def test_headings_may_be_written_with_spaces_and_capitals(tmp_path: Path) -> None:
    rows = [{name.replace("_", " ").capitalize(): cell for name, cell in GOOD.items()}]
    assert read(write_csv(tmp_path / "a.csv", rows))[1] == []


def test_empty_rows_are_passed_over_and_cells_at_the_end_may_lack(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [row()])
    with file.open("a", encoding="utf-8") as more:
        more.write("\n,,,,,,,,\n" + ",".join(row(line_no="2").values()).removesuffix(",Paid") + "\n")
    orders, rejects = read(file)
    assert rejects == []
    assert [line.status for line in orders[0].lines] == ["paid", ""]


def test_a_sheet_by_its_name(tmp_path: Path) -> None:
    file = write_excel(tmp_path / "a.xlsx", [row()], sheet="November")
    assert len(read(file, sheet="November")[0]) == 1
