"""Reading a whole order list page by page while it changes under us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autopurchase.providers.alibaba1688.translate.answers import Page
from autopurchase.providers.alibaba1688.translate.orders import order_id
from autopurchase.providers.lenient import as_dict

MOST_PAGES = 500  # of one window; a bound, not an expectation
PASSES = 3

Fetch = Callable[[int], Page]


@dataclass(frozen=True, slots=True)
class Listing:
    """Raw list entries, each order once in its latest reading; ``whole`` is False when some could not be seen."""

    entries: tuple[dict[str, Any], ...]
    whole: bool


def whole_list(fetch: Fetch, first: Page) -> Listing:
    """All pages; ``first`` is page 1, already read.

    A row that leaves the window shifts those behind it forward, so pages are read from the last to the first: that may
    show a row twice and skips none. Rows that enter shift backwards; the count then tells, and the list is read again.
    """
    found = _index(first)
    if first.total is None:
        return _to_the_end(fetch, found, first)
    total, size = first.total, len(first.entries)
    for _ in range(PASSES):
        if len(found) >= total or not size:
            break
        for number in range(min(MOST_PAGES, -(-total // size)), 0, -1):
            page = fetch(number)
            found.update(_index(page))
            total = total if page.total is None else page.total
    return Listing(tuple(found.values()), len(found) >= total)


def _to_the_end(fetch: Fetch, found: dict[str, dict[str, Any]], page: Page) -> Listing:
    """The list does not say how long it is: read on until a page is empty or shows nothing new."""
    for number in range(2, MOST_PAGES + 1):
        before = len(found)
        if page.entries:
            page = fetch(number)
            found.update(_index(page))
        if len(found) == before:
            return Listing(tuple(found.values()), True)
    return Listing(tuple(found.values()), False)


def _index(page: Page) -> dict[str, dict[str, Any]]:
    ids = [(order_id(as_dict(entry.get("baseInfo"))), entry) for entry in page.entries]
    return {number: entry for number, entry in ids if number}
