"""Money: integer minor units with a currency. Never float; different currencies are never added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from autopurchase.domain.errors import BadInput, Misuse

#: digits after the point, ISO 4217; everything else has two
_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3}


def digits(currency: str) -> int:
    """Digits after the decimal point of ``currency`` (ISO 4217)."""
    return _DIGITS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """``minor`` units (cents, fen) of ``currency`` (three upper-case letters)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.minor, int) or isinstance(self.minor, bool):
            raise Misuse("Money takes integer minor units.")

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Money:
        """Major units (``"12.50"``). Raises BadInput for text that is no amount or has too many digits."""
        if isinstance(amount, float):
            raise Misuse("Money is never a float.")
        try:
            scaled = Decimal(amount).scaleb(digits(currency))
        except InvalidOperation as error:
            raise BadInput(f"“{amount}” is not an amount of money.") from error
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise BadInput(f"“{amount}” is not an amount of {currency}: it has too many digits after the point.")
        return cls(int(scaled), currency)

    def decimal(self) -> Decimal:
        """The amount in major units."""
        return Decimal(self.minor).scaleb(-digits(self.currency))

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise Misuse(f"{self.currency} and {other.currency} are never added or compared.")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __mul__(self, count: int) -> Money:
        return Money(self.minor * count, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def __str__(self) -> str:
        return f"{amount_text(self.minor, self.currency)} {self.currency}"


def amount_text(minor: int, currency: str) -> str:
    """``120450, "CNY"`` -> ``1,204.50``: for people, without the currency."""
    return f"{Decimal(minor).scaleb(-digits(currency)):,.{digits(currency)}f}"


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` in whole parts by weight that add up to it exactly; by number where nothing has any weight."""
    parts = list(weights) if any(weights) else [1] * len(weights)
    whole, passed, given = sum(parts), 0, 0
    found = []
    for weight in parts:
        passed += weight
        found.append(total * passed // whole - given)
        given += found[-1]
    return found


def from_fen(value: str | int) -> Money:
    """CNY from fen (integer, or integer text), the unit of most provider totals."""
    return Money(int(value), "CNY")


def from_yuan(value: str | int | Decimal) -> Money:
    """CNY from yuan (decimal text or Decimal); unit prices may have more than two digits: rounded half up."""
    if isinstance(value, float):
        raise Misuse("Parse provider JSON with parse_float=Decimal.")
    return Money(int(Decimal(value).scaleb(2).to_integral_value(ROUND_HALF_UP)), "CNY")


def totals(amounts: list[Money]) -> dict[str, Money]:
    """One subtotal per currency."""
    found: dict[str, Money] = {}
    for amount in amounts:
        found[amount.currency] = found[amount.currency] + amount if amount.currency in found else amount
    return found
