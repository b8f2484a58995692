"""Single values of the wire: dates, money, quantities, id lists. One named converter a unit."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

from autopurchase.domain.money import Money
from autopurchase.domain.money import from_fen as money_from_fen
from autopurchase.domain.money import from_yuan as money_from_yuan
from autopurchase.providers.lenient import as_int, as_text

SHANGHAI = timezone(timedelta(hours=8))  # no daylight saving since 1991

_AOP = re.compile(r"(\d{14})(\d{3})?([+-]\d{4})?")


def aop_date(value: object) -> datetime | None:
    """``20180802211113000+0800`` (any offset; milliseconds and offset may be missing) as UTC, else None."""
    match = _AOP.fullmatch(as_text(value))
    if match is None:
        return None
    digits, milliseconds, offset = match.groups()
    try:
        moment = datetime.strptime(digits + (offset or "+0800"), "%Y%m%d%H%M%S%z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment + timedelta(milliseconds=int(milliseconds or 0))


def later(moment: datetime, seconds: object) -> datetime | None:
    """``moment`` plus seconds given as number or text; None when they are absent or beyond the calendar."""
    number = as_int(seconds)
    try:
        return None if number is None else moment + timedelta(seconds=number)
    except OverflowError:
        return None


def to_aop_date(moment: datetime) -> str:
    """A moment as the gateway wants it, in Shanghai's offset."""
    local = moment.astimezone(SHANGHAI)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}+0800"


def local_date(value: object) -> datetime | None:
    """``2018-08-02 21:11:13``, which means Shanghai time, as UTC; None for anything else."""
    try:
        naive = datetime.strptime(as_text(value), "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    return naive.replace(tzinfo=SHANGHAI).astimezone(UTC)


def from_fen(value: object) -> Money | None:
    """CNY from fen, given as number or text; None when absent or no whole number."""
    number = as_int(value)
    return None if number is None else money_from_fen(number)


def from_yuan(value: object) -> Money | None:
    """CNY from yuan, given as number or text; None when absent or no number."""
    number = as_number(value)
    return None if number is None else money_from_yuan(number)


def as_number(value: object) -> Decimal | None:
    """A number below 1E+40 given as number or text; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(as_text(value))
    except ArithmeticError:
        return None
    return number if number.is_finite() and number.adjusted() < 40 else None


def as_quantity(value: object) -> int:
    """A quantity, which may be written ``5.0``; a fractional one (goods sold by length) is rounded half up."""
    return int((as_number(value) or Decimal(0)).to_integral_value(ROUND_HALF_UP))


def as_ids(value: object) -> tuple[str, ...]:
    """Ids of a list, or of text ``"a,b"``, or a single one."""
    parts = value if isinstance(value, list) else as_text(value).replace(";", ",").split(",")
    return tuple(text for text in map(as_text, parts) if text)


def wire_id(value: str) -> int | str:
    """An id as the JSON of a request wants it: a Long when it is all digits (exact, above 2^53 too)."""
    return int(value) if value.isascii() and value.isdigit() else value


def as_json(value: object) -> str:
    """The JSON text of a complex parameter; signed and sent as exactly this text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def id_list(ids: Sequence[str]) -> str:
    """``[1,2]``, a parameter that is a list of Longs."""
    return as_json([wire_id(value) for value in ids])
