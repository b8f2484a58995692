"""A file of 200 MB is read in little memory and in seconds."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from autopurchase.sources.memory import Memory
from tests.sources.orders_files import read, row

MEGABYTE = 1_000_000
READ = """
import json, resource, sys, time
from collections import Counter
from pathlib import Path
from autopurchase.domain.shop import ShopOrder
from autopurchase.sources.file import read_orders

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = Counter()
for each in read_orders(Path(sys.argv[1])):
    found[type(each).__name__] += 1
    found["lines"] += len(each.lines) if isinstance(each, ShopOrder) else 0
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({**found, "kilobytes": used.ru_maxrss - before, "seconds": used.ru_utime + used.ru_stime}))
"""


def cells(number: int, line: int) -> dict[str, str]:
    return row(
        order_number=f"ORD-{number:09d}",
        line_no=str(line),
        item_id=str(610000000000 + number),
        sku_id=str(4610000000000 + number * 4 + line),
        title="Winter jacket with a hood and a name as long as sellers like it " + "羽绒服男冬季加厚" * 4,
        configuration="Color: Black; Size: M",
        configuration_original="颜色:黑色;尺码:M",
        reference_price="128.00",
        seller_name=f"卖家{number % 500}",
        weight="0.85",
        item_url=f"https://item.taobao.com/item.htm?id={610000000000 + number}",
        photo_url=f"https://img.example.com/photos/{number}.jpg",
        customer=f"Customer {number % 1000}",
        delivery_cost="15.00",
        delivery_service="Air",
    )


def write_large(path: Path, size: int) -> int:
    """Write a file of ``size`` bytes, four lines an order, a bad row every thousand orders; the number of orders."""
    as_json = path.suffix == ".json"
    names = list(cells(1, 1))
    with path.open("w", encoding="utf-8") as file:
        file.write("[" if as_json else ",".join(names) + "\n")
        number = 0
        while number % 500 or file.tell() < size:
            number += 1
            rows = [cells(number, line) for line in range(1, 5)]
            if number % 1000 == 0:
                rows[3]["quantity"] = "many"
            if as_json:
                file.write(
                    ("," if number > 1 else "") + ",\n".join(json.dumps(each, ensure_ascii=False) for each in rows)
                )
            else:
                file.writelines(",".join(each.values()) + "\n" for each in rows)
        file.write("]" if as_json else "")
    return number


@pytest.mark.parametrize(("name", "size"), [("orders.csv", 200 * MEGABYTE), ("orders.json", 40 * MEGABYTE)])
def test_a_large_file(tmp_path: Path, name: str, size: int) -> None:
    path = tmp_path / name
    orders = write_large(path, size)
    assert path.stat().st_size >= size
    answer = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True, timeout=110)
    path.unlink()
    found = json.loads(answer.stdout)
    assert found["ShopOrder"] == orders
    assert found["Reject"] == orders // 1000
    assert found["lines"] == orders * 4 - orders // 1000
    assert found["kilobytes"] < 64_000
    assert found["seconds"] < 60


def test_json_is_read_the_same_wherever_its_pieces_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    rows = [row(order_number=f"A-{number}") | {"quantity": number} for number in range(1, 40)]
    path.write_text(json.dumps({"before": [1, {"rows": 2}], "rows": rows}), encoding="utf-8")
    whole = read(path)
    for piece in (1, 2, 7, 64, 333):
        monkeypatch.setattr("autopurchase.sources.file.json_rows._PIECE", piece)
        assert read(path) == whole
    assert [order.lines[0].quantity for order in whole[0]] == list(range(1, 40))


def test_the_memory_keeps_what_a_dictionary_keeps() -> None:
    memory, expected = Memory(), Counter[tuple[object, ...]]()
    for number in range(20_000):
        key = ("a", f"ORD-{number % 7000}", number % 3)
        expected[key] += number
        memory.put(*key, value=memory.get(*key) + number)
    assert all(memory.get(*key) == value for key, value in expected.items())
    assert memory.get("never put") == 0
