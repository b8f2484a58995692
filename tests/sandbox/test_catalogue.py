"""The goods: many, plausible, the same on every start."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from autopurchase.sandbox import catalogue


@pytest.mark.parametrize("market", ["taobao", "alibaba1688"])
def test_enough_goods_sellers_and_choices(market: str) -> None:
    items = [item for item in catalogue() if item.market == market]
    assert len(items) >= 60
    assert len({item.seller.id for item in items}) == 12
    assert all(3 <= len(item.skus) <= 8 for item in items)
    assert all(sku.price <= sku.list_price and sku.stock > 0 and sku.weight > 0 for item in items for sku in item.skus)


def test_ids_are_unique_and_distribution_ids_are_above_2_53() -> None:
    items = catalogue()
    counts = Counter(text for item in items for sku in item.skus for text in (sku.sku_id, sku.spec_id, sku.mp_id))
    assert max(counts.values()) == 1
    assert len({item.item_id for item in items}) == len(items)
    assert all(int(item.mp_id) > 2**53 for item in items)


def test_every_word_is_there_in_both_languages() -> None:
    for item in catalogue():
        assert item.title != item.title_en
        for sku in item.skus:
            assert len(sku.options) == len(sku.options_en) >= 1


def test_the_same_in_every_process() -> None:
    code = (
        "import zlib; from autopurchase.sandbox import catalogue\n"
        "print(zlib.crc32(repr([(i, i.skus) for i in catalogue()]).encode()))"
    )
    root = str(Path(__file__).parents[2])
    sums = {
        subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True).stdout for _ in range(2)
    }
    assert len(sums) == 1
