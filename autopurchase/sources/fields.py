"""Settings of sources as text, checked: each check raises BadInput naming the setting and what it must be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.ports import Field

ORIGIN = re.compile(r"https?://[^/@?#\s]+/?")
TOKEN = re.compile(r"[!-~]+")
PATH = re.compile(r"(/[A-Za-z0-9_.~-]+)*/?", re.ASCII)
KEY = re.compile(r"[A-Za-z0-9_.-]{1,255}", re.ASCII)


def values(config: Mapping[str, Any], fields: Iterable[Field]) -> dict[str, str]:
    """Every field as text without blanks around it, with its default. Raises BadInput for a required one missing."""
    return {each.name: _value(config, each) for each in fields}


def _value(config: Mapping[str, Any], field: Field) -> str:
    given = config.get(field.name)
    text = str(field.default if given is None else given).strip()
    if field.required and not text:
        raise BadInput(f"The setting “{field.name}” is missing: {field.help}")
    if field.choices and text not in field.choices:
        raise BadInput(f"The setting “{field.name}” is “{text[:80]}”: it is one of {', '.join(field.choices)}.")
    return text


def matching(pattern: re.Pattern[str], text: str, name: str, what: str, secret: bool = False) -> str:
    """``text`` when it is ``what``; a secret is not shown when it is not."""
    if not pattern.fullmatch(text):
        shown = "" if secret else f" “{text[:80]}”"
        raise BadInput(f"The setting “{name}”{shown} is not {what}.")
    return text


def origin(text: str, name: str = "base_url") -> str:
    """Scheme, host and port without a slash at the end."""
    return matching(ORIGIN, text, name, "scheme, host and port like https://shop.example.com").rstrip("/")


def number(text: str, name: str, lowest: int, highest: int) -> int:
    """A whole number between two, both included."""
    if not text.isascii() or not text.isdigit() or not lowest <= int(text[:9]) <= highest:
        raise BadInput(f"The setting “{name}” is “{text[:80]}”: it is a whole number from {lowest} to {highest}.")
    return int(text)


def words(text: str) -> tuple[str, ...]:
    """The words of a list with commas or semicolons."""
    return tuple(dict.fromkeys(word.strip() for word in re.split(r"[,;]", text) if word.strip()))
