"""In: a call as it is written down, valid Python against the public API, without anything secret.

call("shop.sync", "main", full=True)  ->  shop.sync("main", full=True)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

#: lines named in a call that is shown; of more, the run is named
SHOWN = 20
REMOVED = "[removed]"
_ADDRESS = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
#: parts of an address that prove who asks, or may ask
_PROOF = re.compile(
    r"([?&;#](?:[a-z_]*token|[a-z_]*secret|[a-z_]*sign(?:ature)?|session|sid|code|[a-z_]*key|password|pwd|auth)=)"
    r"(?!\[removed\])[^&;#,]+",
    re.IGNORECASE,
)
_USER = re.compile(r"(?<=://)[^/@]+@")


def call(name: str, *values: Any, **named: Any) -> str:
    """``name(values, named)`` as code; values are text, numbers, lists and mappings of them, True, False, None, …"""
    parts = [literal(value) for value in values]
    parts += [f"{key}={literal(value)}" for key, value in named.items()]
    return f"{name}({', '.join(parts)})"


def literal(value: Any) -> str:
    """A value as code. Decimals, days and everything else are written as text, which the API takes too."""
    if value is None or value is ... or isinstance(value, bool | int):
        return "..." if value is ... else repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    return json.dumps(unsigned(str(value)), ensure_ascii=False)


def shortened(said: str, numbers: Sequence[str], run: int) -> str:
    """A call as it is shown: without a long list of lines, as valid as before: its own run knows which they were."""
    every, said = literal(list(numbers)), unsigned(said)
    if len(numbers) <= SHOWN or every not in said:
        return said
    return f"{said.replace(every, f'shop.run({run}).numbers')}  # {len(numbers):,} lines"


def unsigned(text: str) -> str:
    """``text`` without what is secret in the addresses in it: signatures, tokens, keys, passwords."""
    return _ADDRESS.sub(lambda found: _USER.sub("", _PROOF.sub(rf"\1{REMOVED}", found[0])), text)
