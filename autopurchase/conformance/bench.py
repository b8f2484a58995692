"""What a check is given: a session of the provider, and goods to buy. `practice` adds a hand at the other side."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from autopurchase.conformance.trail import watched
from autopurchase.domain.errors import Misuse, SessionRefused
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.purchase import Placed, Preview, Purchase
from autopurchase.domain.session import SessionConfig, Tokens
from autopurchase.ports import Manifest, Provider, ProviderKind

T = TypeVar("T")


class MemoryTokens:
    """A TokenStore in memory: one renewal at a time, and none when another thread has renewed already."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.refreshed = 0
        self.needs_authorisation = False
        self._lock = threading.Lock()

    def current(self) -> Tokens:
        """The stored tokens."""
        return self.tokens

    def renew(self, stale: Tokens, refresh: Callable[[Tokens], Tokens]) -> Tokens:
        """Replace ``stale``, once."""
        with self._lock:
            if self.tokens.access_token != stale.access_token:
                return self.tokens
            try:
                self.tokens = refresh(stale)
            except SessionRefused:
                self.needs_authorisation = True
                raise
            self.refreshed += 1
            return self.tokens


@dataclass
class CountingPace:
    """A Pace that counts; ``per_second`` 0 lets everything through at once."""

    waits: int = 0
    per_second: float = 0.0
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def soon(self) -> None:
        """At any time."""

    def sent(self) -> None:
        """Whenever it was."""

    def wait(self) -> None:
        """Count one request, and keep the distance to the one before."""
        with self._lock:
            self.waits += 1
            if not self.per_second:
                return
            moment = max(self._next, time.monotonic())
            self._next = moment + 1 / self.per_second
        time.sleep(max(0.0, moment - time.monotonic()))


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order that a check placed: what was asked, under which reference, when, and the answer."""

    reference: str
    purchase: Purchase
    placed: Placed
    sent_at: datetime

    @property
    def number(self) -> str:
        """The provider's number of the (first) order."""
        return self.placed.orders[0].provider_order_id


@dataclass(repr=False)
class Bench:
    """One session of ``kind`` at any marketplace. `open` gives the provider as that session sees it."""

    kind: ProviderKind
    usual: SessionConfig
    tokens: MemoryTokens
    wanted: Purchase | None = None
    pace: CountingPace = field(default_factory=CountingPace)
    trail: list[str] = field(default_factory=list)
    ordered: Ordered | None = None
    patience: float = 90.0  # seconds a change may take to show

    def __repr__(self) -> str:
        """Short, for it stands in the evidence of what fails."""
        return f"<{self.id}>"

    @property
    def manifest(self) -> Manifest:
        """What the provider claims."""
        return self.kind.manifest

    @property
    def id(self) -> str:
        """The provider's id."""
        return self.manifest.id

    def open(self, config: SessionConfig | None = None, tokens: MemoryTokens | None = None) -> Provider:
        """The provider, by default with the usual configuration and tokens."""
        return watched(self.kind.open(config or self.usual, tokens or self.tokens, self.pace), self.trail)

    def secrets(self) -> tuple[str, ...]:
        """Everything that must never be seen."""
        now = self.tokens.current()
        return tuple(text for text in (self.usual.app_secret, now.access_token, now.refresh_token) if text)

    def personal(self) -> tuple[str, ...]:
        """What describes the receiver, and must not be kept either."""
        to = self.usual.ship_to
        return tuple(text for text in (to.name, to.phone, to.mobile_phone, to.address) if text)

    # --- goods and orders ---

    def purchase(self) -> Purchase:
        """A purchase of one seller's goods, as a plan would ask for it before its preview."""
        if self.wanted is None:
            raise Misuse("Nothing was named to buy.")
        return self.wanted

    def order(self) -> Ordered:
        """An unpaid order, placed at the first call and the same one afterwards: real marketplaces are not littered."""
        if self.ordered is None:
            self.ordered = self.place_new(f"CHECK-{int(time.time())}")
        return self.ordered

    def place_new(self, reference: str) -> Ordered:
        """Preview and place `purchase` under ``reference``."""
        asked = self.purchase()
        ready = with_preview(asked, self.open().preview(asked))
        sent_at = datetime.now(UTC)
        return Ordered(reference, ready, self.open().create(ready, reference), sent_at)

    def look_up(self, ordered: Ordered) -> list[ProviderOrder]:
        """What the search by our reference finds."""
        since = ordered.sent_at - timedelta(minutes=1)
        return self.open().find_by_reference(ordered.reference, since, ordered.purchase)

    def becomes(self, number: str, state: ProviderState) -> ProviderOrder:
        """The order once it reads as ``state``. Raises TimeoutError."""
        provider = self.open()

        def read() -> ProviderOrder | None:
            order = provider.get(number)
            return order if order.state is state else None

        return until(read, self.patience, f"order {number} to be {state}")

    def calls_of(self, act: Callable[[], object]) -> int:
        """HTTP requests that ``act`` makes."""
        before = self.pace.waits
        act()
        return self.pace.waits - before


def until(ask: Callable[[], T | None], seconds: float, what: str) -> T:
    """Ask until there is an answer. Raises TimeoutError naming ``what``."""
    deadline, pause = time.monotonic() + seconds, 0.05
    while (answer := ask()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(pause)
        pause = min(2 * pause, 2.0)
    return answer


def nobody() -> str:
    """An origin on this computer at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def with_preview(purchase: Purchase, preview: Preview) -> Purchase:
    """The purchase as a plan sends it to create: prices, total and prepared ids of the preview."""
    found = {line.number: line for line in preview.lines}
    lines = tuple(
        replace(line, price=found[line.number].price, prepared=found[line.number].prepared) for line in purchase.lines
    )
    return replace(purchase, lines=lines, total=preview.total, prepared=preview.prepared)
