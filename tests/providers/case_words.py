"""How recorded cases write results down."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from autopurchase.domain.money import Money


def plain(value: object) -> Any:
    """A result as the cases write it: money as text, times in ISO form."""
    if isinstance(value, Money):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def named(result: Any, output: Any) -> Any:
    """The part of ``result`` that ``output`` names; lists keep their length."""
    if isinstance(output, dict) and isinstance(result, dict):
        return {key: named(result.get(key), item) for key, item in output.items()}
    if isinstance(output, list) and isinstance(result, list) and len(output) == len(result):
        return [named(*pair) for pair in zip(result, output, strict=True)]
    return result
