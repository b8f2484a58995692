"""Protocols through which services meet the outside: providers, sources, the queue, the vault and the clock.

Implementations live in `providers/`, `sources/`, `engine/` and `storage/`; only `wiring` knows which is which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.purchase import Account, Cancelled, OrderIds, PayLink, Placed, Preview, Purchase, PurchaseLine
from autopurchase.domain.session import Grade, SessionConfig, Tokens
from autopurchase.domain.shop import Reject, ShopOrder


class Clock(Protocol):
    """Time, so that tests can set it."""

    def now(self) -> datetime:
        """The moment, aware UTC."""
        ...


class Vault(Protocol):
    """Encryption at rest for secrets."""

    def seal(self, secret: Mapping[str, Any]) -> str:
        """Encrypt a JSON-able mapping to text for the database."""
        ...

    def open(self, sealed: str) -> dict[str, Any]:
        """Decrypt; raises BadInput when the key does not fit."""
        ...


class Queue(Protocol):
    """The durable queue. Every method enqueues inside the caller's transaction ``tx`` (a storage connection)."""

    def buy(self, tx: Any, session_id: int, label: str, lanes: int) -> None:
        """Start ``lanes`` lanes that work off the session's due bookings; ``label`` makes the work unique."""
        ...

    def cancel(self, tx: Any, session_id: int, label: str) -> None:
        """Carry out the session's due cancels; ``label`` makes the work unique."""
        ...

    def read_back(self, tx: Any, session_id: int, label: str) -> None:
        """Read back what was placed in the session and compare it; ``label`` makes the work unique."""
        ...

    def check_plan(self, tx: Any, plan_id: int) -> None:
        """Check a plan at its provider."""
        ...

    def carry_out(self, tx: Any, kind: str, run_id: int) -> None:
        """Carry out a run of the journal; ``kind`` names who does it (`engine.worker`: sync, import_orders, …)."""
        ...

    def write_back(self, tx: Any, source_id: int, label: str) -> None:
        """Tell a shop what waits to be written back."""
        ...


class Pace(Protocol):
    """The session's call limiter, passed before every HTTP call of a session: `soon`, connect, `wait`, send, `sent`."""

    def soon(self) -> None:
        """Reserve the next call slot of the session and sleep until shortly before it comes."""
        ...

    def wait(self) -> None:
        """Sleep until the slot comes. Called right before the bytes leave: what is late here is given a new slot."""
        ...

    def sent(self) -> None:
        """The bytes have left. Where that took too long after all, later calls are put off by as much."""
        ...


class TokenStore(Protocol):
    """The session's tokens, shared by every process."""

    def current(self) -> Tokens:
        """The stored tokens."""
        ...

    def renew(self, stale: Tokens, refresh: Callable[[Tokens], Tokens]) -> Tokens:
        """Replace ``stale`` under the session's lock.

        When another process has renewed already, its tokens are returned and ``refresh`` is not called. Raises
        SessionRefused (after marking the session as needing authorisation) when ``refresh`` raises it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """One credential or setting field of a provider or source, for forms and for checking files."""

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()


#: what a provider may be able to do beyond what every one must; a method of a missing ability raises NotSupported
ABILITIES: dict[str, str] = {
    "oauth": "a person authorises a session on the marketplace's page",
    "preview": "price, stock and freight of a purchase before it is placed",
    "create": "orders can be placed",
    "find_by_reference": "orders can be found by our reference",
    "list_orders": "changed orders come in pages of a list",
    "parcels": "parcels say which lines are in them and when they were signed for",
    "cancel": "unpaid orders can be cancelled",
    "pay_links": "there is a page where a person pays given orders",
    "close_reasons": "a closed order says who closed it",
    "paid_time": "a paid order says when it was paid",
    "identity": "a check says whose account it is",
    "line_ids": "the lines of an order have numbers of their own",
    "item_lookup": "an item can be read by itself",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a provider can do (`ABILITIES`) and needs. ``max_skus`` bounds the lines of one create call (0: none)."""

    id: str
    label: str
    currency: str
    grade: Grade
    grade_reason: str
    default_base_url: str
    abilities: frozenset[str]
    credentials: tuple[Field, ...]
    settings: tuple[Field, ...] = ()
    max_skus: int = 0
    pay_batch: int = 1
    default_rate: float = 2.0
    default_settle_seconds: float = 60.0
    item_url: str = ""  # with {item_id}
    item_links: tuple[str, ...] = ()  # patterns of host, path and query of item pages, with groups item and perhaps sku
    order_url: str = ""  # with {order_id}


class Provider(Protocol):
    """One marketplace through one session. Every method may raise Refused, NotSent or Unknown; reads never Unknown."""

    manifest: Manifest

    def check(self) -> Account:
        """Who we are there, without side effects."""
        ...

    def preview(self, purchase: Purchase) -> Preview:
        """What the purchase would be now: availability, prices, freight. Creates nothing."""
        ...

    def order_ids(self, lines: Sequence[PurchaseLine]) -> dict[str, OrderIds]:
        """How orders show these lines, by our number; a line that cannot be told of now is left out. Reads only."""
        ...

    def create(self, purchase: Purchase, reference: str) -> Placed:
        """Place the purchase once under our reference (out_order_id). Never repeated by the transport."""
        ...

    def find_by_reference(self, reference: str, sent_at: datetime, purchase: Purchase) -> list[ProviderOrder]:
        """Orders that carry our reference, created since ``sent_at``; verified, so an ignored filter finds nothing."""
        ...

    def get(self, provider_order_id: str) -> ProviderOrder:
        """One order in full, parcels included."""
        ...

    def changed_since(self, since: datetime, until: datetime) -> Iterator[Sequence[ProviderOrder]]:
        """Pages of orders modified in the window, oldest change first, by list calls."""
        ...

    def cancel(self, provider_order_id: str, reason: str) -> Cancelled:
        """Ask to cancel an unpaid order."""
        ...

    def pay_links(self, provider_order_ids: Sequence[str]) -> list[PayLink]:
        """Pages where a person pays these orders, in batches of the provider's size."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """A POST of a marketplace to us, as it came; header names in lower case. Not to be trusted, and never printed."""

    headers: Mapping[str, str] = field(repr=False)
    query: str = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PushMessage:
    """That something happened to one order; a hint to read it again, never a fact.

    ``key`` is the same however often the message comes; ``account``: whose order it is, in the marketplace's words;
    ``body``: the message without secrets and persons.
    """

    key: str
    topic: str
    provider_order_id: str = ""
    reference: str = ""
    account: str = ""
    says: ProviderState = ProviderState.UNKNOWN
    body: str = ""


class PushReader(Protocol):
    """How a marketplace pushes messages to us. ``thanks``: the HTTP status that tells it we have the message."""

    thanks: int

    def is_signed(self, app_key: str, app_secret: str, delivery: Delivery) -> bool:
        """Whether the app's secret signed exactly these bytes."""
        ...

    def read(self, delivery: Delivery) -> list[PushMessage]:
        """One message for every order it is about (one without a number when about none). Raises BadInput."""
        ...


class ProviderKind(Protocol):
    """A provider's folder: its manifest, how to authorise and to open a session, and its pushes (None: it has none)."""

    manifest: Manifest
    push: PushReader | None

    def authorize_url(self, config: SessionConfig, redirect_uri: str, state: str) -> str:
        """The page where the account's owner allows the app."""
        ...

    def exchange_code(self, config: SessionConfig, code: str, redirect_uri: str) -> Tokens:
        """Tokens for the code that came back; works once."""
        ...

    def open(self, config: SessionConfig, tokens: TokenStore, pace: Pace) -> Provider:
        """The provider as seen by one session."""
        ...


@dataclass(frozen=True, slots=True)
class SourceManifest:
    """What a source can do and needs (abilities: paid_filter, own_mark, notes, partial_fulfilment, tracking, …)."""

    kind: str
    label: str
    abilities: frozenset[str]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What a check of a source found; ``problems`` are sentences that say what to change."""

    ok: bool
    identity: str
    problems: tuple[str, ...] = ()
    open_paid: int | None = None
    details: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """A shop that paid orders come from. Reads raise Refused or NotSent; a write that timed out raises Unknown."""

    manifest: SourceManifest

    def check(self) -> SourceCheck:
        """Who we are, rights, server; read-only."""
        ...

    def open_paid(self, page_size: int = 50) -> Iterator[ShopOrder | Reject]:
        """The full sweep of orders that are paid or being paid and not finished; each once, while the shop is read.

        No more than a page is held, so memory does not grow with the shop. When a read fails, what was given stands.
        """
        ...

    def get(self, external_id: str) -> ShopOrder | None:
        """One fresh order; None when it is gone. Raises NotSupported where a source cannot read singly (files)."""
        ...

    def mark(self, external_id: str, status: str, reference: str) -> bool:
        """Write our own field; True when it changed something."""
        ...

    def report_shipment(self, external_id: str, lines: Sequence[tuple[str, int]], carrier: str, number: str) -> str:
        """Fulfil ``(line external id, quantity)`` with tracking; answers ``done``, ``already`` or ``refused: …``."""
        ...


class SourceKind(Protocol):
    """A source's folder: its manifest and how to open one with its configuration."""

    manifest: SourceManifest

    def open(self, config: Mapping[str, Any]) -> Source:
        """The source of this configuration; raises BadInput naming the missing field."""
        ...
