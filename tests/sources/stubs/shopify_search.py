"""The search language of a Shopify list, as far as a source uses it: terms with AND, OR and brackets."""

from __future__ import annotations

import re
from collections.abc import Mapping


def matches(query: str, facts: Mapping[str, str]) -> bool:
    """Whether something with these facts is found. A term that there is not fails the test."""
    words = re.findall(r"[()]|[^\s()]+", query)
    found = _either(words, facts) if words else True
    assert not words, f"the search does not end: {words}"
    return found


def _either(words: list[str], facts: Mapping[str, str]) -> bool:
    found = _both(words, facts)
    while words and words[0] == "OR":
        words.pop(0)
        found = _both(words, facts) or found
    return found


def _both(words: list[str], facts: Mapping[str, str]) -> bool:
    found = _term(words, facts)
    while words and words[0] == "AND":
        words.pop(0)
        found = _term(words, facts) and found
    return found


def _term(words: list[str], facts: Mapping[str, str]) -> bool:
    word = words.pop(0)
    if word == "(":
        found = _either(words, facts)
        assert words.pop(0) == ")"
        return found
    name, _, value = word.partition(":")
    return facts[name] == value
