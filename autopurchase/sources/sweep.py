"""Sweeps: every open order of a shop once, page by page, so that memory does not grow with their number.

A page begins after the last order of the page before, by something that does not move, and not at a count of rows: an
order that leaves meanwhile would shift the others past such a count. So each page may be given as soon as it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.sources.memory import Memory

#: an order as a list shows it
Node = Mapping[str, Any]
Page = list[Node]

_MOST_PAGES = 20_000
_SECOND = timedelta(seconds=1)


def by_time(
    ask: Callable[[datetime | None, int, int], Page], placed: Callable[[Node], datetime], take: int, most: int
) -> Iterator[Page]:
    """Pages of a list in ascending order of the time ``placed``, each order once.

    ``ask(after, skip, take)``: rows placed later than ``after``. Shops keep whole seconds, so a page begins a second
    before the last order of the page before. A page that holds nothing but one second is made larger, up to ``most``
    rows; only a second with more orders is counted through, by half a page, so that some may leave meanwhile.
    """
    seen = Memory()
    after: datetime | None = None
    skip = 0
    for _ in range(_MOST_PAGES):
        page = ask(after, skip, take)
        yield _new(page, seen)
        if len(page) < take:
            return
        following = placed(page[-1]) - _SECOND
        if after is None or following > after:
            after, skip = following, 0
        elif take < most:
            take = min(2 * take, most)
        else:
            skip += take // 2
    raise _endless()


def by_cursor(ask: Callable[[str], tuple[Page, str]]) -> Iterator[Page]:
    """Pages of a list in an order that does not move, each order once.

    ``ask(after)``: the rows after a place, and the place where they end; empty: there are no more.
    """
    seen = Memory()
    after = ""
    for _ in range(_MOST_PAGES):
        page, following = ask(after)
        yield _new(page, seen)
        if not following:
            return
        if following == after:
            break
        after = following
    raise _endless()


def _new(page: Page, seen: Memory) -> Page:
    return [node for node in page if seen.first(node["id"])]


def _endless() -> BadInput:
    return BadInput(
        "The shop's list of open orders does not end: close old orders in the shop, or limit their age where this "
        "source has a setting for it."
    )
