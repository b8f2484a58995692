"""What we note in a line's operator comment, beside what people wrote there; pure.

A line has no field of ours, so a mark stands as ``[purchase: ordered | AP-1]`` and a parcel as
``[parcel: SF | SF-1 | 2]``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MARK = re.compile(r"\s*\[purchase: ([^\]|]*) \| ([^\]|]*)\]")
_PARCEL = re.compile(r"\s*\[parcel: ([^\]|]*) \| ([^\]|]*) \| (\d{1,9})\]", re.ASCII)
_MARKS = str.maketrans("[]|", "()/")


class Parcel(NamedTuple):
    """Pieces of a line in one parcel."""

    carrier: str
    number: str
    pieces: int


def mark(comment: str) -> tuple[str, str]:
    """Status and reference in a comment."""
    found = _MARK.search(comment)
    return (found[1], found[2]) if found else ("", "")


def with_mark(comment: str, status: str, reference: str) -> str:
    """The comment with this mark in place of an earlier one."""
    return f"{_MARK.sub('', comment)}\n[purchase: {plain(status)} | {plain(reference)}]".strip()


def parcels(comment: str) -> list[Parcel]:
    """Parcels in a comment."""
    return [Parcel(carrier, number, int(pieces)) for carrier, number, pieces in _PARCEL.findall(comment)]


def with_parcel(comment: str, parcel: Parcel) -> str:
    """The comment with one more parcel."""
    return f"{comment}\n[parcel: {plain(parcel.carrier)} | {plain(parcel.number)} | {parcel.pieces}]".strip()


def plain(text: str) -> str:
    """Text without what a note is made of."""
    return text.translate(_MARKS)
