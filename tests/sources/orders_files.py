"""Order files for tests, in each form."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.sources.file import FileOptions, read_orders

GOOD: dict[str, str] = {
    "order_number": "ORD-000000053",
    "line_no": "1",
    "provider": "taobao",
    "item_id": "610000000001",
    "quantity": "2",
    "unit_price": "12.50",
    "currency": "USD",
    "created_at": "2026-11-16T08:12:00Z",
    "status": "Paid",
}


def row(**cells: str) -> dict[str, str]:
    """A good row with some cells changed."""
    return GOOD | cells


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """All columns that any of the rows has."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, columns(rows), restval="", delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_json(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return path


def write_excel(path: Path, rows: Sequence[Mapping[str, Any]], sheet: str = "Orders") -> Path:
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    page.append(columns(rows))
    for each in rows:
        page.append([each.get(name) for name in columns(rows)])
    book.save(path)
    return path


def columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for each in rows for name in each))


def read(path: Path, **options: Any) -> tuple[list[ShopOrder], list[Reject]]:
    """Orders and rejects of a file."""
    found = list(read_orders(path, options=FileOptions(**options)))
    orders = [each for each in found if isinstance(each, ShopOrder)]
    return orders, [each for each in found if isinstance(each, Reject)]
