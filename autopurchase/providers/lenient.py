"""Lenient reading: the marketplaces disagree with themselves about numbers, texts and booleans."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.domain.session import SessionConfig


def as_text(value: object) -> str:
    """Text of a value; ids come as numbers or as text. None and containers are empty."""
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def as_int(value: object) -> int | None:
    """An integer given as number or text (``"12"``, ``12.0``); None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(as_text(value))
    except ArithmeticError:
        return None
    small = number.is_finite() and number.adjusted() < 40  # 1E+999999999 would fill the memory as an integer
    return int(number) if small and number == number.to_integral_value() else None


def as_flag(value: object) -> bool | None:
    """A boolean given as such or as ``"true"``/``"false"``; None where it says neither."""
    return {"true": True, "false": False}.get(as_text(value).lower())


def as_dict(value: object) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[dict[str, Any]]:
    """The objects of a list; anything else is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def setting(config: SessionConfig, name: str, default: str, choices: tuple[str, ...] = ()) -> str:
    """A provider setting of the session; raises BadInput naming it when it is not one of ``choices``."""
    value = config.settings.get(name, "").strip() or default
    if choices and value not in choices:
        raise BadInput(f"Setting “{name}” is “{value}”: choose one of {', '.join(choices)}.")
    return value


def whole_setting(config: SessionConfig, name: str, default: int, lowest: int, highest: int) -> int:
    """A whole-number setting; raises BadInput naming the setting and its bounds."""
    number = as_int(setting(config, name, str(default)))
    if number is None or not lowest <= number <= highest:
        raise BadInput(f"Setting “{name}” must be a whole number from {lowest} to {highest}.")
    return number
