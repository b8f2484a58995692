"""Links of marketplaces and what they show."""

import pytest

from autopurchase.sources.links import Item, item_of


@pytest.mark.parametrize(
    ("link", "item"),
    [
        ("https://item.taobao.com/item.htm?id=610000000001", Item("taobao", "610000000001")),
        ("http://item.taobao.com/item.htm?spm=a1z&id=610000000001#top", Item("taobao", "610000000001")),
        (
            "https://detail.tmall.com/item.htm?id=610000000001&skuId=4610000000011",
            Item("taobao", "610000000001", "4610000000011"),
        ),
        ("https://h5.m.taobao.com/awp/core/detail.htm?id=610000000001&skuId=", Item("taobao", "610000000001")),
        (" https://detail.1688.com/offer/620000000002.html?spm=x ", Item("alibaba1688", "620000000002")),
        ("https://m.1688.com/offer/620000000002.html", Item("alibaba1688", "620000000002")),
    ],
)
def test_a_link_shows_its_item(link: str, item: Item) -> None:
    assert item_of(link) == item


@pytest.mark.parametrize(
    "link",
    [
        "",
        "610000000001",
        "item.taobao.com/item.htm?id=610000000001",
        "javascript://item.taobao.com/?id=610000000001",
        "https://item.taobao.com/item.htm?id=6.1E+11",
        "https://item.taobao.com/item.htm",
        "https://item.taobao.com.example.com/item.htm?id=610000000001",
        "https://notaobao.com/item.htm?id=610000000001",
        "https://shop.example.com/?u=https://item.taobao.com/item.htm?id=610000000001",
        "https://detail.1688.com/offer/abc.html",
        "https://detail.1688.com/page/620000000002.html",
        "https://[broken/item.htm?id=610000000001",
    ],
)
def test_other_text_shows_none(link: str) -> None:
    assert item_of(link) is None
