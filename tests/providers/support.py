"""A session of any provider on the sandbox marketplace, with tokens in memory and no waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from autopurchase.domain.errors import SessionRefused
from autopurchase.domain.money import Money
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.purchase import Placed, Preview, Purchase, PurchaseLine
from autopurchase.domain.session import Address, SessionConfig, Tokens
from autopurchase.ports import Provider, ProviderKind
from autopurchase.sandbox import Item, Sandbox, Sku
from tests.support.processes import wait_until

WAREHOUSE = Address(
    name="仓库收货组",
    phone="020-36000000",
    mobile_phone="13800000000",
    country="中国",
    state="广东省",
    city="广州市",
    district="白云区",
    address="石井大道18号",
    zip="510430",
)
PERSONAL = (WAREHOUSE.name, WAREHOUSE.phone, WAREHOUSE.mobile_phone, WAREHOUSE.address)


class MemoryTokens:
    """A TokenStore in memory: one refresh at a time, and none when another thread has renewed already."""

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
    """A Pace that lets everything through at once and counts."""

    waits: int = 0

    def soon(self) -> None:
        """At any time."""

    def wait(self) -> None:
        """Count one request."""
        self.waits += 1


@dataclass
class Bench:
    """One session of ``kind`` on ``market``. `open` gives the provider as that session sees it."""

    market: Sandbox
    kind: ProviderKind
    account: str = "main"
    credentials: dict[str, Any] = field(default_factory=dict)
    pace: CountingPace = field(default_factory=CountingPace)

    def __post_init__(self) -> None:
        self.credentials = self.market.credentials(self.id, account=self.account)
        self.tokens = MemoryTokens(tokens_of(self.credentials))

    @property
    def id(self) -> str:
        """The provider's id."""
        return self.kind.manifest.id

    def config(
        self,
        base_url: str = "",
        secret: str = "",
        timeout: float = 10.0,
        ship_to: Address = WAREHOUSE,
        **settings: str,
    ) -> SessionConfig:
        """The session's configuration; ``settings`` are the provider's own."""
        own = {"member_id": str(self.credentials["member_id"])} if "member_id" in self.credentials else {}
        return SessionConfig(
            id=1,
            name=self.account,
            provider=self.id,
            app_key=self.credentials["app_key"],
            app_secret=secret or self.credentials["app_secret"],
            base_url=base_url or self.market.base_url,
            ship_to=ship_to,
            timeout_seconds=timeout,
            settings={**own, **settings},
        )

    def open(self, config: SessionConfig | None = None) -> Provider:
        """The provider, by default with the usual configuration."""
        return self.kind.open(config or self.config(), self.tokens, self.pace)

    def secrets(self) -> tuple[str, ...]:
        """Everything that must never be seen."""
        now = self.tokens.current()
        first = self.credentials
        return (
            first["app_secret"],
            first["access_token"],
            first["refresh_token"],
            now.access_token,
            now.refresh_token,
        )

    # --- the other side ---

    def fault(self, kind: str, on: str = "create", **more: object) -> None:
        """Make calls of one kind go wrong from now on."""
        self.market.control("faults", rules=[{"kind": kind, "on": on, "market": self.id, **more}])

    def orders(self, **filters: str) -> list[dict[str, Any]]:
        """What the marketplace really holds for this account."""
        return self.market.orders(market=self.id, account=self.account, **filters)

    def calls(self) -> int:
        """Requests of this account that reached the marketplace's APIs."""
        accounts = self.market.control("stats")["accounts"]
        return sum(meter["calls"] for name, meter in accounts.items() if name.startswith(f"{self.id}:"))

    # --- goods ---

    def goods(self, sellers: int = 1, lines: int = 1) -> list[list[tuple[Item, Sku]]]:
        """For each of ``sellers`` so many SKUs of different items that are on sale in quantity."""
        groups: dict[str, list[tuple[Item, Sku]]] = {}
        for item in self.market.catalogue():
            if item.market == self.id and item.skus[0].stock > 500:
                groups.setdefault(item.seller.id, []).append((item, item.skus[0]))
        return [group[:lines] for group in groups.values() if len(group) >= lines][:sellers]

    def purchase(self, lines: int = 1, seller: int = 0) -> Purchase:
        """A purchase of ``lines`` lines from one seller, as a plan would ask for it before its preview."""
        return purchase_of(self.goods(seller + 1, lines)[seller])

    def previewed(self, lines: int = 1, seller: int = 0) -> Purchase:
        """The same, with what the preview hands back."""
        asked = self.purchase(lines, seller)
        return with_preview(asked, self.open().preview(asked))


def tokens_of(credentials: Mapping[str, Any]) -> Tokens:
    """Tokens of the sandbox's credentials."""
    return Tokens(
        credentials["access_token"],
        credentials["refresh_token"],
        datetime.fromtimestamp(credentials["expires_at"], UTC),
        datetime.fromtimestamp(credentials["refresh_expires_at"], UTC),
    )


def purchase_of(goods: list[tuple[Item, Sku]], quantity: int = 0) -> Purchase:
    """A purchase of these SKUs, each in the least quantity sold (but at least two)."""
    lines = tuple(
        PurchaseLine(
            number=f"53-{place}",
            item_id=item.item_id,
            sku_id=sku.sku_id,
            spec_id=sku.spec_id,
            quantity=quantity or max(item.minimum, item.lot, 2),
            title=item.title,
        )
        for place, (item, sku) in enumerate(goods, start=1)
    )
    return Purchase(goods[0][0].seller.id, WAREHOUSE, lines)


def with_preview(purchase: Purchase, preview: Preview) -> Purchase:
    """The purchase as a plan sends it to create: prices, total and prepared ids of the preview."""
    found = {line.number: line for line in preview.lines}
    lines = tuple(
        PurchaseLine(
            number=line.number,
            item_id=line.item_id,
            quantity=line.quantity,
            sku_id=line.sku_id,
            spec_id=line.spec_id,
            title=line.title,
            price=found[line.number].price,
            prepared=found[line.number].prepared,
        )
        for line in purchase.lines
    )
    return Purchase(purchase.seller_id, purchase.ship_to, lines, total=preview.total, prepared=preview.prepared)


def yuan(fen: int) -> Money:
    """CNY of fen, as the sandbox counts."""
    return Money(fen, "CNY")


# --- what most tests of the contract do first ---

REFERENCE = "AP-53-1"


def place(bench: Bench, reference: str = REFERENCE, lines: int = 1, seller: int = 0) -> Placed:
    """A placed order of one seller."""
    return bench.open().create(bench.previewed(lines, seller), reference)


def place_one(bench: Bench, reference: str = REFERENCE, lines: int = 1) -> str:
    """The number of a placed order."""
    (order,) = place(bench, reference, lines).orders
    return order.provider_order_id


def found(bench: Bench, reference: str = REFERENCE) -> list[ProviderOrder]:
    """What the look-up by our reference finds."""
    asked = bench.purchase()
    return bench.open().find_by_reference(reference, datetime.now(UTC) - timedelta(minutes=1), asked)


def becomes(bench: Bench, number: str, state: ProviderState) -> ProviderOrder:
    """The order once it reads as ``state``."""
    provider = bench.open()

    def read() -> ProviderOrder | None:
        order = provider.get(number)
        return order if order.state is state else None

    order = wait_until(read, timeout=10, what=f"{number} {state}")
    assert order is not None
    return order
