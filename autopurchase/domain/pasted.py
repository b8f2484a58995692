"""Order numbers and line numbers in what people paste: a list, links, two columns, a CSV. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from autopurchase.domain.errors import BadInput
from autopurchase.domain.order import parse_line_number


@dataclass(slots=True)
class Pasted:
    """Provider order numbers and line numbers as found in a text.

    ``pairs``: line -> the orders that stand in one row with it; ``unread``: words with digits that are neither.
    """

    orders: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    pairs: dict[str, list[str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


_BETWEEN = re.compile(r"[\s,;|、，；：]+")
_QUOTES = "\"'“”‘’«»()[]{}<>#:：."
_NUMBER = re.compile(r"\d{6,25}", re.ASCII)
_ORDER_NAMES = ("orderId", "order_id", "orderid", "bizOrderId", "biz_order_id", "tradeId", "trade_id", "mainOrderId",
                "purchase_id", "purchaseId", "tid", "id")  # fmt: skip
_LONGEST = 500_000  # characters


def read_pasted(text: str) -> Pasted:
    """Order numbers and lines from a text, a two-column paste or a CSV: links, separators and headings do not matter.

    What stands in one row belongs together: orders and lines of it are a pair.
    """
    found = Pasted()
    for row in text[:_LONGEST].splitlines():
        orders, lines = [], []
        for word in filter(None, (part.strip(_QUOTES) for part in _BETWEEN.split(row))):
            order = order_in(word)
            if order:
                orders.append(order)
            elif _is_line(word):
                lines.append(word)
            elif any(map(str.isdigit, word)):
                found.unread.append(word)
        found.orders += orders
        found.lines += lines
        for line in lines:
            if orders:
                found.pairs.setdefault(line, []).extend(orders)
    found.orders, found.lines = _once(found.orders), _once(found.lines)
    found.pairs = {line: _once(orders) for line, orders in found.pairs.items()}
    return found


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _is_line(word: str) -> bool:
    try:
        parse_line_number(word)
    except BadInput:
        return False
    return "/" not in word


def order_in(word: str) -> str:
    """The order number that a word is, or the link shows; empty when there is none."""
    if _NUMBER.fullmatch(word):
        return word
    if "/" not in word:
        return ""
    try:
        parts = urlsplit(word)
    except ValueError:
        return ""
    query: Mapping[str, list[str]] = parse_qs(f"{parts.query}&{parts.fragment.partition('?')[2]}")
    named = (value for name in _ORDER_NAMES for value in query.get(name, []))
    found = next((value for value in named if _NUMBER.fullmatch(value)), "")
    return found or next((part for part in reversed(_NUMBER.findall(parts.path))), "")
