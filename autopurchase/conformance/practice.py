"""A check's session on a practice marketplace: an account of its own, and a hand at the other side of the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from autopurchase.conformance.bench import Bench, MemoryTokens, with_preview
from autopurchase.domain.money import Money
from autopurchase.domain.provider_order import ProviderOrder
from autopurchase.domain.purchase import Placed, Purchase, PurchaseLine
from autopurchase.domain.session import Address, SessionConfig, Tokens
from autopurchase.ports import ProviderKind
from autopurchase.sandbox import Item, SandboxAt, Sku

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
REFERENCE = "AP-53-1"
#: a marketplace that does at once what it usually does in a while
AT_ONCE = {"build_seconds": 0, "cancel_seconds": 0.05, "settle_seconds": 0.05, "cancel_wait_seconds": 0}


class PracticeBench(Bench):
    """One session of ``kind`` on ``market``. `undo` takes back what the check changed there for everybody."""

    def __init__(self, market: SandboxAt, kind: ProviderKind, account: str = "main") -> None:
        self.market, self.account = market, account
        self.credentials: dict[str, Any] = market.credentials(kind.manifest.id, account=account)
        super().__init__(kind, self._config(kind), MemoryTokens(tokens_of(self.credentials)), patience=10.0)
        self._before: dict[str, dict[str, Any]] = {}
        self._touched: set[str] = set()  # goods whose price, stock or place on the shelf was changed

    def config(
        self,
        base_url: str = "",
        secret: str = "",
        timeout: float = 10.0,
        ship_to: Address = WAREHOUSE,
        **settings: str,
    ) -> SessionConfig:
        """The session's configuration; ``settings`` are the provider's own."""
        return self._config(self.kind, base_url, secret, timeout, ship_to, settings)

    def _config(
        self,
        kind: ProviderKind,
        base_url: str = "",
        secret: str = "",
        timeout: float = 10.0,
        ship_to: Address = WAREHOUSE,
        settings: Mapping[str, str] | None = None,
    ) -> SessionConfig:
        own = {"member_id": str(self.credentials["member_id"])} if "member_id" in self.credentials else {}
        return SessionConfig(
            id=1,
            name=self.account,
            provider=kind.manifest.id,
            app_key=self.credentials["app_key"],
            app_secret=secret or self.credentials["app_secret"],
            base_url=base_url or self.market.base_url,
            ship_to=ship_to,
            timeout_seconds=timeout,
            settings={**own, **(settings or {})},
        )

    def another(self, name: str) -> PracticeBench:
        """The same on another account."""
        return PracticeBench(self.market, self.kind, f"{self.account}-{name}")

    def secrets(self) -> tuple[str, ...]:
        """Those of the beginning, and those of now."""
        first = self.credentials
        return (first["access_token"], first["refresh_token"], *super().secrets())

    def money(self, minor: int) -> Money:
        """An amount as the marketplace counts it."""
        return Money(minor, self.manifest.currency)

    # --- the other side ---

    def fault(self, kind: str, on: str = "create", **more: object) -> None:
        """Make this account's calls of one kind go wrong from now on."""
        self._before.setdefault("faults", {"rules": self.market.control("faults")["rules"]})
        rule = {"kind": kind, "on": on, "market": self.id, "account": self.account, **more}
        self.market.control("faults", rules=[rule, *self._before["faults"]["rules"]])

    def no_fault(self) -> None:
        """From now on this account's calls go well."""
        if "faults" in self._before:
            self.market.control("faults", **self._before.pop("faults"))

    def settings(self, **values: object) -> None:
        """Change how the marketplace behaves."""
        self._before.setdefault("settings", self.market.control("settings"))
        self.market.control("settings", **values)

    def price(self, sku_id: str, price: int) -> None:
        """Set the price of an SKU."""
        self._touch("price", sku_id=sku_id, price=price)

    def stock(self, sku_id: str, stock: int) -> None:
        """Set the stock of an SKU."""
        self._touch("stock", sku_id=sku_id, stock=stock)

    def unlist(self, item_id: str) -> None:
        """Take an item off the shelf."""
        self._touch("item", item_id=item_id, status="deleted")

    def _touch(self, verb: str, **values: Any) -> None:
        self._touched.add(str(values.get("sku_id") or values["item_id"]))
        self.market.control(verb, **values)

    def undo(self) -> None:
        """Take faults and settings back, and give goods their places, prices and stocks of the catalogue."""
        self.no_fault()
        if "settings" in self._before:
            self.market.control("settings", **self._before.pop("settings"))
        for item in self.market.catalogue() if self._touched else ():
            if item.item_id in self._touched:
                self.market.control("item", item_id=item.item_id, status="published")
            for sku in (sku for sku in item.skus if sku.sku_id in self._touched):
                self.market.control("price", sku_id=sku.sku_id, price=sku.price)
                self.market.control("stock", sku_id=sku.sku_id, stock=sku.stock)
        self._touched.clear()

    def expire(self, *kinds: str) -> None:
        """End the account's tokens (access, refresh)."""
        self.market.control("expire", market=self.id, account=self.account, kinds=list(kinds or ("access",)))

    def does(self, verb: str, number: str, **values: object) -> None:
        """Let something happen to an order: pay, ship, sign, complete, close, mark."""
        self.market.control(verb, ids=[number], **values)

    def orders(self, **filters: str) -> list[dict[str, Any]]:
        """What the marketplace really holds for this account."""
        return self.market.orders(market=self.id, account=self.account, **filters)

    def counted(self) -> dict[str, int]:
        """What reached the marketplace of this account: ``calls``, and ``creates`` among them."""
        found = self.market.control("stats")["accounts"].get(f"{self.id}:{self.account}", {})
        return {"calls": int(found.get("calls", 0)), "creates": int(found.get("creates", 0))}

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

    # --- orders ---

    def place(self, reference: str = REFERENCE, lines: int = 1, seller: int = 0) -> Placed:
        """Place an order at one seller."""
        return self.open().create(self.previewed(lines, seller), reference)

    def place_one(self, reference: str = REFERENCE, lines: int = 1) -> str:
        """The number of a placed order."""
        (order,) = self.place(reference, lines).orders
        return order.provider_order_id

    def found(self, reference: str = REFERENCE) -> list[ProviderOrder]:
        """What the look-up by our reference finds."""
        since = datetime.now(UTC) - timedelta(minutes=1)
        return self.open().find_by_reference(reference, since, self.purchase())


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
