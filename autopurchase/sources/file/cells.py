"""From the text of a cell to its value. Every function raises BadInput with a sentence for the person."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.order import LineStatus

_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d{1,3}|\d+[.,]0*", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_COUNT = re.compile(r"0*[1-9]\d{0,6}", re.ASCII)
_AMOUNT = re.compile(r"\d{1,12}(?:\.\d+)?", re.ASCII)
_COMMA_AMOUNT = re.compile(r"\d{1,12},\d+", re.ASCII)
_WEIGHT = re.compile(r"(\d{1,7}(?:\.\d+)?)\s*(g|kg|)", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
#: cells repeat: this many results of each kind are kept
_KEPT = 8192
_STATUSES = {word: status for status in LineStatus for word in (status.value, status.label.lower())}


def exact(name: str, text: str) -> str:
    """Text that must not have passed through a number, as ids must not: spreadsheets keep 15 digits of one."""
    if _ROUNDED.fullmatch(text):
        raise BadInput(
            f"{name} “{text}” was turned into a number and has lost digits: "
            "format the column as text in the spreadsheet and enter the ids again."
        )
    return text


def identifier(name: str, text: str) -> str:
    """An id of a provider: letters, digits, ``-`` and ``_``."""
    if not _ID.fullmatch(exact(name, text)):
        raise BadInput(f"{name} “{text[:80]}” is no id: only letters, digits, “-” and “_” can be in it.")
    return text


@lru_cache(_KEPT)
def count(name: str, text: str) -> int:
    """A whole number from 1 to 9,999,999."""
    if not _COUNT.fullmatch(text):
        raise BadInput(f"{name} “{text[:80]}” is not a whole number from 1 up.")
    return int(text)


@lru_cache(_KEPT)
def currency(text: str) -> str:
    """A currency code of three letters."""
    code = text.upper()
    if not _CURRENCY.fullmatch(code):
        raise BadInput(f"currency “{text[:80]}” is not a code of three letters like USD or EUR.")
    return code


@lru_cache(_KEPT)
def amount(name: str, text: str, code: str, decimal_comma: bool) -> Money:
    """Money in ``code``: ``12.50``, or ``12,50`` when a decimal comma was stated; no thousands, no sign."""
    if decimal_comma and _COMMA_AMOUNT.fullmatch(text):
        text = text.replace(",", ".")
    if not _AMOUNT.fullmatch(text):
        hint = " State “decimal comma” if that is meant." if _COMMA_AMOUNT.fullmatch(text) else ""
        raise BadInput(
            f"{name} “{text[:80]}” is not an amount: write it like 1204.50, without currency or thousands.{hint}"
        )
    try:
        return Money.of(text, code)
    except BadInput as error:
        raise BadInput(f"{name}: {error.sentence}") from error


@lru_cache(_KEPT)
def moment(name: str, text: str) -> datetime:
    """A time: ISO 8601 or ``2026-11-23 14:05[:30]``; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
        zoned = found if found.tzinfo else found.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"{name} “{text[:80]}” is not a time: write it like 2026-11-23 14:05 (UTC) or 2026-11-23T14:05:00+08:00."
        ) from error


@lru_cache(_KEPT)
def status(text: str) -> LineStatus:
    """One of the thirteen statuses by its label or code."""
    found = _STATUSES.get(" ".join(text.lower().split()))
    if found is None:
        labels = ", ".join(each.label for each in LineStatus)
        raise BadInput(f"status “{text[:80]}” is not known; it is one of: {labels}.")
    return found


def link(name: str, text: str) -> str:
    """A web address."""
    if not text.lower().startswith(("https://", "http://")):
        raise BadInput(f"{name} “{text[:80]}” is not a web address: it begins with https://.")
    return text


@lru_cache(_KEPT)
def grams(text: str) -> int:
    """Grams from a weight in kilograms (``0.35``, ``0.35 kg``) or, when said so, grams (``350 g``)."""
    match = _WEIGHT.fullmatch(text.lower().replace(",", "."))
    if not match:
        raise BadInput(f"weight “{text[:80]}” is not a weight: write kilograms like 0.35, or 350 g.")
    whole, _, part = match[1].partition(".")
    if match[2] == "g":
        return int(whole)
    return int(whole) * 1000 + int(f"{part}000"[:3])
