"""Exact sums: money in Decimal rounded last, shares, and percentiles weighted by pieces."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from autopurchase.domain.money import digits
from autopurchase.storage import rates

P = ParamSpec("P")
R = TypeVar("R")
#: digits of a rate that count, and of sums of products with it
_RATE_DIGITS, _PRECISION = 12, 60
_SHARE = Decimal("0.000001")
PROVIDER_CURRENCY = "CNY"


def exact(do: Callable[P, R]) -> Callable[P, R]:
    """Run with so many digits that no sum of products is rounded."""

    @wraps(do)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(prec=_PRECISION):
            return do(*args, **kwargs)

    return wrapped


def rounded(value: Decimal, currency: str) -> Decimal:
    """Money as it is printed: in its currency's digits."""
    return value.quantize(Decimal(1).scaleb(-digits(currency)), ROUND_HALF_UP)


def yuan(fen: int) -> Decimal:
    """CNY from fen."""
    return Decimal(fen).scaleb(-2)


def share(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    """A part of a whole; None of nothing: never 0 % or 100 %."""
    return (Decimal(part) / Decimal(whole)).quantize(_SHARE, ROUND_HALF_UP) if whole else None


def percentile(values: Iterable[tuple[int, int]], percent: int) -> int | None:
    """Nearest rank, weighted by pieces: ``values`` are (value, pieces). None of nothing."""
    ordered = sorted(values)
    total = sum(pieces for _, pieces in ordered)
    passed = 0
    for value, pieces in ordered:
        passed += pieces
        if passed * 100 >= percent * total:
            return value
    return None


class Rates:
    """What a fen is worth in the reporting currency on a day: the rate stored for it, never today's."""

    def __init__(self, tx: Any, currency: str) -> None:
        """Reads every rate of the currency."""
        self.currency = currency
        found = rates.history(tx, currency) if currency != PROVIDER_CURRENCY else []
        self._days = [day for day, _ in found]
        self._values = [_inverse(Decimal(value)) for _, value in found]

    def on(self, day: str) -> Decimal | None:
        """Units of the reporting currency for one CNY on a day (ISO); None where no rate was known by then."""
        if self.currency == PROVIDER_CURRENCY:
            return Decimal(1)
        place = bisect_right(self._days, day)
        return self._values[place - 1] if place else None

    def value(self, fen: int, day: str) -> Decimal | None:
        """An amount in the reporting currency, exact."""
        rate = self.on(day)
        return None if rate is None else yuan(fen) * rate


def _inverse(rate: Decimal) -> Decimal:
    """To twelve digits that count, so that every product with it is exact."""
    with localcontext(prec=_RATE_DIGITS):
        return Decimal(1) / rate


def add_up(values: Sequence[Decimal | None]) -> Decimal:
    """The sum of those that are there."""
    return sum((value for value in values if value is not None), Decimal(0))
