"""Sweeps page by page: nothing missed, nothing twice, however the list moves; and the memory of one page."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from autopurchase.domain.errors import BadInput
from autopurchase.sources import sweep
from autopurchase.sources.sweep import Node, Page

START = datetime(2026, 11, 1, tzinfo=UTC)
TAKE, MOST = 5, 20


class Listing:
    """A shop's open orders by number with the second of their placing; ``disturb`` happens before each page."""

    def __init__(self, seconds: list[int], disturb: Callable[[Listing], None] = lambda listing: None) -> None:
        self.open = dict(enumerate(seconds))
        self.pages = 0
        self._disturb = disturb

    def by_time(self) -> Iterator[Page]:
        return sweep.by_time(self._later, _placed, TAKE, MOST)

    def by_cursor(self) -> Iterator[Page]:
        return sweep.by_cursor(self._following)

    def _later(self, after: datetime | None, skip: int, take: int) -> Page:
        nodes = [node for node in self._nodes() if after is None or _placed(node) > after]
        return nodes[skip : skip + take]

    def _following(self, after: str) -> tuple[Page, str]:
        nodes = [node for node in self._nodes() if _place(node) > after]
        return nodes[:TAKE], _place(nodes[TAKE - 1]) if len(nodes) > TAKE else ""

    def _nodes(self) -> list[Node]:
        self.pages += 1
        self._disturb(self)
        return sorted(({"id": key, "second": second} for key, second in self.open.items()), key=_place)


def _placed(node: Node) -> datetime:
    return START + timedelta(seconds=node["second"])


def _place(node: Node) -> str:
    return f"{node['second']:06} {node['id']:06}"


SWEEPS = pytest.mark.parametrize("sweeping", [Listing.by_time, Listing.by_cursor])
Sweeping = Callable[[Listing], Iterator[Page]]


@SWEEPS
@pytest.mark.parametrize("at_once", [1, 3, 7, 60])
def test_none_is_missed_and_none_given_twice_while_orders_come_and_go(sweeping: Sweeping, at_once: int) -> None:
    for seed in range(20):
        chance = random.Random(seed)
        leaving = set(chance.sample(range(200), 60))

        def disturb(listing: Listing, chance: random.Random = chance, leaving: set[int] = leaving) -> None:
            """Some leave, anywhere; one comes at the end, and one whose payment was late comes back in the middle."""
            for key in chance.sample(sorted(leaving & listing.open.keys()), min(2, len(leaving & listing.open.keys()))):
                del listing.open[key]
            if listing.pages < 40:
                listing.open[1000 + listing.pages] = 200 // at_once + listing.pages
                listing.open[2000 + listing.pages] = chance.randrange(200 // at_once + 1)

        found = [
            node["id"] for page in sweeping(Listing([key // at_once for key in range(200)], disturb)) for node in page
        ]
        assert set(range(200)) - leaving <= set(found)
        assert len(found) == len(set(found))


@SWEEPS
def test_a_page_is_given_before_the_next_is_asked_for(sweeping: Sweeping) -> None:
    listing = Listing(list(range(50)))
    walk = sweeping(listing)
    assert next(walk)
    assert listing.pages == 1


@pytest.mark.parametrize("way", ["by_time", "by_cursor"])
def test_a_large_shop_takes_no_more_memory_than_a_small_one(way: str) -> None:
    few, many = (_peak(_made_up(way, count)) for count in (300, 3_000))
    assert many - few < 50_000, "more is kept than one page"


def _made_up(way: str, count: int) -> Iterator[Page]:
    """Pages of a hundred orders that are made when they are asked for, one a second, of four kilobytes each."""

    def rows(first: int) -> Page:
        return [{"id": key, "second": key, "body": f"{key:04000}"} for key in range(first, min(count, first + 100))]

    def after_id(after: str) -> tuple[Page, str]:
        first = int(after or 0)
        return rows(first), str(first + 100) if first + 100 < count else ""

    def after_time(after: datetime | None, skip: int, take: int) -> Page:
        return rows(int((after - START).total_seconds()) + 1 if after else 0)

    return sweep.by_cursor(after_id) if way == "by_cursor" else sweep.by_time(after_time, _placed, 100, 100)


def _peak(pages: Iterator[Page]) -> int:
    tracemalloc.start()
    try:
        assert sum(map(len, pages)) in (300, 3_000)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_list_that_does_not_move_on_is_refused() -> None:
    pages = sweep.by_cursor(lambda after: ([{"id": "1"}], "1"))
    assert [next(pages), next(pages)] == [[{"id": "1"}], []]
    with pytest.raises(BadInput, match="does not end"):
        next(pages)
