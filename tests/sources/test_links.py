"""Links of marketplaces and what they show, by a recorded table of forms that people paste."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopurchase.domain.errors import BadInput
from autopurchase.sources.links import Item, item_of, resolve

TABLE = json.loads((Path(__file__).parents[1] / "data" / "links.json").read_text(encoding="utf-8"))
LONG = "https://item.taobao.com/item.htm?id=610000000001"


@pytest.mark.parametrize("case", TABLE["items"], ids=lambda case: case["text"].strip()[:60])
def test_a_text_shows_its_item(case: dict[str, str]) -> None:
    wanted = Item(case["provider"], case["item_id"], case["sku_id"])
    assert resolve(case["text"], case.get("given", "")) == wanted
    assert item_of(case["text"], case.get("given", "")) == wanted


@pytest.mark.parametrize("case", TABLE["rejects"], ids=lambda case: case["text"].strip()[:60] or "empty")
def test_other_text_is_explained(case: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=case["says"]) as caught:
        resolve(case["text"], case["given"])
    assert item_of(case["text"], case["given"]) is None
    assert len(caught.value.sentence) < 500


def test_a_short_link_says_to_open_it_and_a_search_page_to_open_the_item() -> None:
    with pytest.raises(BadInput, match="open it in a browser and paste the long address"):
        resolve("https://m.tb.cn/h.5abcdEf")
    with pytest.raises(BadInput, match="open the item there and paste its link"):
        resolve("https://s.taobao.com/search?q=coat")


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    assert item_of(text) is None or item_of(text).item_id.isdigit()  # type: ignore[union-attr]


@given(st.text(alphabet="，。、；：！？）」』】》 \n中文", max_size=20))
def test_chinese_text_around_a_link_changes_nothing(text: str) -> None:
    assert item_of(f"{text}{LONG}{text}") == Item("taobao", "610000000001")
