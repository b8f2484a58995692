"""Parcels of an order: WooCommerce has none of its own, so they are kept in the order's meta data; pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any


def shipments(text: str) -> list[dict[str, Any]]:
    """The parcels that the meta data holds; those of nobody else."""
    try:
        found = json.loads(text) if text else []
    except ValueError:
        return []
    parcels = found if isinstance(found, list) else []
    return [each for each in parcels if isinstance(each, dict) and isinstance(each.get("lines"), dict)]


def shipped_quantities(text: str) -> Counter[str]:
    """Pieces reported as sent, by line id."""
    counts: Counter[str] = Counter()
    for parcel in shipments(text):
        counts.update({str(line): int(count) for line, count in parcel["lines"].items() if str(count).isdigit()})
    return counts


def parcel(asked: Mapping[str, int], carrier: str, number: str) -> dict[str, Any]:
    """A parcel as the meta data keeps it."""
    return {"carrier": carrier, "number": number, "lines": dict(sorted(asked.items()))}


def known(text: str, new: Mapping[str, Any]) -> bool:
    """Whether the same lines with the same number are there, whatever the carrier is called."""
    return any(each["lines"] == new["lines"] and each.get("number") == new["number"] for each in shipments(text))


def note(new: Mapping[str, Any], titles: Mapping[str, str]) -> tuple[str, str]:
    """The note about a parcel, and the key in it by which it is found again."""
    content = json.dumps([new["number"], new["lines"]], sort_keys=True)
    key = f"[parcel {hashlib.sha256(content.encode()).hexdigest()[:10]}]"
    goods = "; ".join(f"{titles.get(line, line)} × {count}" for line, count in new["lines"].items())
    return f"Sent by {new['carrier'] or 'an unnamed carrier'}, number {new['number'] or 'unknown'}: {goods} {key}", key
