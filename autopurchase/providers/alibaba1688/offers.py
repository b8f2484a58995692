"""Offers as looked up: fresh where something was refused, else in words only, each once a day and process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from autopurchase.domain.errors import NotSent, Refused, SessionRefused
from autopurchase.ports import Clock
from autopurchase.providers.alibaba1688.translate.lookup import Offer

#: what an offer is called changes rarely
KEPT = timedelta(days=1)
#: an app without the right to ask is not tried again for this long
DECLINED = timedelta(minutes=10)
MOST_KEPT = 5_000


@dataclass(slots=True)
class _Book:
    """What this process knows, for every session of one origin and app."""

    offers: dict[str, tuple[datetime, Offer]] = field(default_factory=dict)
    declined: datetime | None = None


_BOOKS: dict[tuple[str, str], _Book] = {}


def forget() -> None:
    """Know nothing any more."""
    _BOOKS.clear()


class Offers:
    """The lookups of one session. ``ask`` is the call; it only explains, so what it refuses is done without."""

    def __init__(self, origin: str, app_key: str, ask: Callable[[str], Offer], clock: Clock, *, off: bool) -> None:
        self._book = _BOOKS.setdefault((origin, app_key), _Book())
        self._ask, self._clock, self._off = ask, clock, off

    def now(self, item_id: str) -> Offer | None:
        """The offer as it is now, stock included; None where it cannot be told."""
        declined, now = self._book.declined, self._clock.now()
        if self._off or (declined and now - declined < DECLINED):
            return None
        try:
            return self._ask(item_id)
        except SessionRefused as error:
            if error.cause != "permission_missing":
                raise
            self._book.declined = now
        except (Refused, NotSent):
            pass
        return None

    def words(self, item_id: str) -> Offer | None:
        """The offer without its stock, a day old at most."""
        known = self._book.offers.get(item_id)
        if known and self._clock.now() - known[0] < KEPT:
            return known[1]
        found = self.now(item_id)
        if found is None:
            return None
        if len(self._book.offers) >= MOST_KEPT:
            self._book.offers.clear()
        kept = replace(found, stock={})
        self._book.offers[item_id] = self._clock.now(), kept
        return kept
