"""Tokens of a session: renewed shortly before they end, and once when the marketplace rejects them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from autopurchase.domain.errors import NotSent, SessionRefused
from autopurchase.domain.session import Tokens
from autopurchase.ports import Clock, TokenStore

T = TypeVar("T")

EARLIEST_REFRESH = timedelta(minutes=30)


class UtcClock:
    """The system's clock."""

    def now(self) -> datetime:
        """The moment, aware UTC."""
        return datetime.now(UTC)


class TokenRejected(SessionRefused):
    """The marketplace no longer accepts the token: authorise the session again.

    Raised by an adapter's gateway check only: only there the refusal proves that the call was not executed.
    """


class Authorised:
    """Runs calls with the session's token: renewed shortly before it ends, and once when it is rejected."""

    def __init__(
        self,
        tokens: TokenStore,
        refresh: Callable[[Tokens], Tokens],
        clock: Clock,
        margin: timedelta = EARLIEST_REFRESH,
        share: float = 0.2,
    ) -> None:
        """Renew when less than ``margin`` or ``share`` of the lifetime (where it is known) is left."""
        self._tokens = tokens
        self._refresh = refresh
        self._clock = clock
        self._margin = margin
        self._share = share
        self._born: dict[str, datetime] = {}  # tokens this object fetched -> when; their lifetime is known

    def run(self, call: Callable[[str], T]) -> T:
        """``call(access token)``; on TokenRejected renew once and call once more."""
        current = self._fresh()
        try:
            return call(current.access_token)
        except TokenRejected:
            pass
        return call(self._renew(current).access_token)

    def secrets(self) -> tuple[str, ...]:
        """The token texts to remove from anything kept."""
        current = self._tokens.current()
        return (current.access_token, current.refresh_token)

    def _fresh(self) -> Tokens:
        current = self._tokens.current()
        if not self._near_end(current):
            return current
        try:
            return self._renew(current)
        except NotSent:
            return current  # it may still be good; a rejection will say so

    def _renew(self, stale: Tokens) -> Tokens:
        fresh = self._tokens.renew(stale, self._refresh)
        self._born = {fresh.access_token: self._clock.now()}
        return fresh

    def _near_end(self, tokens: Tokens) -> bool:
        if tokens.expires_at is None or not tokens.refresh_token:
            return False
        now = self._clock.now()
        left = tokens.expires_at - now
        born = self._born.get(tokens.access_token)
        if born is None:
            return left < self._margin
        life = tokens.expires_at - born
        return left < min(max(self._margin, life * self._share), life / 2)  # never at once after a renewal
