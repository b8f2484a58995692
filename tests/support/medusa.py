"""A real Medusa shop on a throwaway PostgreSQL database, driven as its customers and its administrator drive it."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.medusa_seed import REGIONS, Seeded, seed, sell
from tests.support.postgres import Cluster
from tests.support.processes import Child, free_port, start
from tests.support.shop_goods import Product

FOLDER = Path(__file__).parents[1] / "medusa"
PROGRAM = FOLDER / "node_modules" / ".bin" / "medusa"
ADMIN = {"email": "admin@example.com", "password": "supersecret"}
LATEST = "+currency_code,*fulfillments,*fulfillments.items,*fulfillments.labels,+items.detail.*"
ADDRESS = {
    "first_name": "Anna",
    "last_name": "Meyer",
    "address_1": "Hauptstrasse 1",
    "city": "Berlin",
    "postal_code": "10115",
    "phone": "+49 30 123456",
}


class ShopError(Exception):
    """The shop refused; the text is its status, type and message."""


@dataclass(frozen=True)
class Item:
    """What a customer puts into the cart; `metadata` is the line's own."""

    sku: str
    quantity: int = 1
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlacedOrder:
    """An order in the shop: `id` for the admin API, `number` for people."""

    id: str
    number: str


@dataclass
class MedusaShop:
    """A running shop on 127.0.0.1. Money is in major units, as in its API."""

    server: Child
    url: str
    environment: dict[str, str]
    seeded: Seeded | None = None
    _token: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _http: requests.Session = field(default_factory=requests.Session)

    # --- calls ---

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str) -> dict[str, Any]:
        """An answer of the admin API as administrator. Raises ShopError."""
        if not self._token:
            self._token = str(self.call("POST", "/auth/user/emailpass", ADMIN)["token"])
        return self.call(method, f"/admin{path}", body, {"Authorization": f"Bearer {self._token}"}, query)

    def with_key(self, key: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The same, with a secret key in place of the administrator."""
        return self.call(method, f"/admin{path}", body, auth=(key, ""))

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> dict[str, Any]:
        """The JSON object that the shop answers with. Raises ShopError for 4xx and 5xx."""
        answer = self._http.request(
            method, self.url + path, json=body, headers=dict(headers or {}), params=query, auth=auth, timeout=30
        )
        if not answer.ok:
            raise ShopError(f"{answer.status_code} {answer.text[:500]}")
        return dict(answer.json(parse_float=Decimal))

    # --- keys ---

    def secret_key(self) -> str:
        """A new secret key; each may do what the administrator may."""
        return str(self._new_key("secret")["token"])

    def revoked_key(self) -> str:
        """A secret key that was taken back."""
        key = self._new_key("secret")
        self.admin("POST", f"/api-keys/{key['id']}/revoke", {})
        return str(key["token"])

    def publishable_key(self) -> str:
        """A key for customers' pages: no key of an administrator."""
        return str(self._new_key("publishable")["token"])

    def _new_key(self, kind: str) -> dict[str, Any]:
        body = {"title": f"Key {next(self._numbers)}", "type": kind}
        return dict(self.admin("POST", "/api-keys", body)["api_key"])

    # --- customers ---

    def place_order(
        self,
        items: Iterable[Item],
        *,
        capture: bool = True,
        currency: str = "usd",
        email: str = "anna@example.com",
        address: Mapping[str, str] | None = None,
    ) -> PlacedOrder:
        """A customer orders and pays by card. The payment is only authorised unless `capture`."""
        ids = self._seeded
        cart = self._store(
            "/carts",
            {
                "region_id": ids.regions[currency],
                "email": email,
                "shipping_address": {**ADDRESS, "country_code": REGIONS[currency][0], **(address or {})},
                "items": self._cart(items),
            },
        )["cart"]["id"]
        self._store(f"/carts/{cart}/shipping-methods", {"option_id": ids.shipping_option})
        collection = self._store("/payment-collections", {"cart_id": cart})["payment_collection"]["id"]
        self._store(f"/payment-collections/{collection}/payment-sessions", {"provider_id": "pp_system_default"})
        order = self._store(f"/carts/{cart}/complete", {}, "id,display_id")["order"]
        placed = PlacedOrder(str(order["id"]), str(order["display_id"]))
        if capture:
            self.capture(placed)
        return placed

    def _store(self, path: str, body: Mapping[str, Any], fields: str = "id") -> dict[str, Any]:
        headers = {"x-publishable-api-key": self._seeded.publishable_key}
        return self.call("POST", f"/store{path}", body, headers, {"fields": fields})  # all of a cart takes long

    @property
    def _seeded(self) -> Seeded:
        if self.seeded is None:
            raise ShopError("the shop has no goods yet")
        return self.seeded

    # --- the administrator ---

    def capture(self, order: PlacedOrder, amount: Decimal | None = None) -> None:
        """The bank pays what was authorised, or `amount` of it."""
        self.admin("POST", f"/payments/{self._payment(order)}/capture", _amount(amount))

    def refund(self, order: PlacedOrder, amount: Decimal | None = None) -> None:
        """Give back `amount`, or everything that was paid."""
        self.admin("POST", f"/payments/{self._payment(order)}/refund", _amount(amount))

    def _payment(self, order: PlacedOrder) -> str:
        found = self.admin("GET", f"/orders/{order.id}", fields="payment_collections.payments.id")["order"]
        return str(found["payment_collections"][0]["payments"][0]["id"])

    def cancel_order(self, order: PlacedOrder) -> None:
        """Cancel the whole order: what was paid goes back."""
        self.admin("POST", f"/orders/{order.id}/cancel", {})

    def cancel_line(self, order: PlacedOrder, item_id: str) -> None:
        """Take one line out of the order: its quantity becomes 0, the payment stays."""
        self.edit(order, changed={item_id: 0})

    def edit(self, order: PlacedOrder, *, changed: Mapping[str, int] | None = None, added: Iterable[Item] = ()) -> None:
        """Change quantities of lines, by their id, and add lines."""
        self.admin("POST", "/order-edits", {"order_id": order.id})
        for item_id, quantity in (changed or {}).items():
            self.admin("POST", f"/order-edits/{order.id}/items/item/{item_id}", {"quantity": quantity})
        new = [{"variant_id": self._seeded.variants[item.sku], "quantity": item.quantity} for item in added]
        if new:
            self.admin("POST", f"/order-edits/{order.id}/items", {"items": new})
        self.admin("POST", f"/order-edits/{order.id}/request", {})
        self.admin("POST", f"/order-edits/{order.id}/confirm", {})

    def fulfil(self, order: PlacedOrder, lines: Mapping[str, int]) -> str:
        """Pack lines, by their id, without sending them; returns the fulfilment's id."""
        items = [{"id": item_id, "quantity": quantity} for item_id, quantity in lines.items()]
        before = {each["id"] for each in self.read_order(order)["fulfillments"]}
        self.admin("POST", f"/orders/{order.id}/fulfillments", {"items": items, "no_notification": True})
        return next(str(each["id"]) for each in self.read_order(order)["fulfillments"] if each["id"] not in before)

    def ship(self, order: PlacedOrder, fulfilment: str, lines: Mapping[str, int], number: str) -> None:
        """Send what was packed, with the number of its parcel."""
        items = [{"id": item_id, "quantity": quantity} for item_id, quantity in lines.items()]
        label = {"tracking_number": number, "tracking_url": "#", "label_url": "#"}
        body = {"items": items, "labels": [label], "no_notification": True}
        self.admin("POST", f"/orders/{order.id}/fulfillments/{fulfilment}/shipments", body)

    def take_order(self, items: Iterable[Item], *, currency: str = "usd") -> PlacedOrder:
        """An order by phone, paid in cash at once: a third of the work that a checkout is for the shop."""
        ids = self._seeded
        country, _, delivery = REGIONS[currency]
        method = {"name": "Air", "shipping_option_id": ids.shipping_option, "amount": float(delivery)}
        body = {
            "region_id": ids.regions[currency],
            "sales_channel_id": ids.channel,
            "email": "anna@example.com",
            "shipping_address": {**ADDRESS, "country_code": country},
            "items": self._cart(items),
            "shipping_methods": [method],
        }
        draft = self.admin("POST", "/draft-orders", body, fields="id,display_id,total")["draft_order"]
        self.admin("POST", f"/draft-orders/{draft['id']}/convert-to-order", {}, fields="id")
        owed = {"order_id": draft["id"], "amount": float(draft["total"])}
        collection = self.admin("POST", "/payment-collections", owed)["payment_collection"]["id"]
        self.admin("POST", f"/payment-collections/{collection}/mark-as-paid", {"order_id": draft["id"]})
        return PlacedOrder(str(draft["id"]), str(draft["display_id"]))

    def _cart(self, items: Iterable[Item]) -> list[dict[str, Any]]:
        ids = self._seeded.variants
        return [
            {"variant_id": ids[item.sku], "quantity": item.quantity, "metadata": dict(item.metadata)} for item in items
        ]

    def ask_back(self, order: PlacedOrder, lines: Mapping[str, int]) -> None:
        """The customer wants to return lines, by their id, that were packed."""
        items = [{"id": item_id, "quantity": quantity} for item_id, quantity in lines.items()]
        made = self.admin("POST", "/returns", {"order_id": order.id})["return"]["id"]
        self.admin("POST", f"/returns/{made}/request-items", {"items": items})
        self.admin("POST", f"/returns/{made}/request", {})

    def pay_rest(self, order: PlacedOrder) -> None:
        """The customer pays what an edited order costs more, by a payment of its own."""
        unpaid = [each for each in self.read_order(order)["payment_collections"] if each["status"] == "not_paid"]
        path = f"/payment-collections/{unpaid[0]['id']}/mark-as-paid"
        self.admin("POST", path, {"order_id": order.id})

    def complete(self, order: PlacedOrder) -> None:
        """Close the order by hand."""
        self.admin("POST", f"/orders/{order.id}/complete", {})

    def read_order(self, order: PlacedOrder) -> dict[str, Any]:
        """The order as the shop has it: status, totals, payments with captures and refunds, fulfilments, lines."""
        return dict(self.admin("GET", f"/orders/{order.id}", fields=LATEST)["order"])

    def sell(self, choices: list[Product], prices: Mapping[str, str] | None = None) -> None:
        """Add a product with its choices; `prices` by currency count instead of the price in dollars."""
        sell(self.admin, self._seeded, choices, prices)

    # --- the server ---

    def restart(self) -> None:
        """Cut the power and start it again at the same address, with the same database."""
        self.server.kill()
        self.start()

    def start(self) -> None:
        """Start the server and wait until it serves (4 to 10 s). Raises RuntimeError with its log."""
        port = self.url.rpartition(":")[2]
        words = ["start", "-p", port, "-H", "127.0.0.1"]
        self.server = start([PROGRAM, *words], log=self.server.log, env=self.environment, cwd=FOLDER)
        self.server.wait_for_health(f"{self.url}/health", timeout=90)

    def stop(self) -> None:
        """End the server; its database stays for its owner to drop."""
        self.server.kill()
        self._http.close()


def start_medusa(database_url: str, folder: Path, products: Iterable[Product] | None = None) -> MedusaShop:
    """Fill an empty database and start a shop on it (20 to 40 s); `folder` takes its logs and its settings."""
    environment = {
        "MEDUSA_DISABLE_TELEMETRY": "true",
        "NODE_ENV": "production",
        "DATABASE_URL": database_url,
        "HOME": str(folder),
    }
    log = folder / "log"
    _run(["db:migrate", "--skip-scripts"], log, environment)  # the scripts are for shops older than the version
    user = _run(["user", "-e", ADMIN["email"], "-p", ADMIN["password"]], log, environment)
    shop = MedusaShop(user, f"http://127.0.0.1:{free_port()}", environment)
    shop.start()
    shop.seeded = seed(shop.admin, products)
    return shop


def _run(words: list[str], log: Path, environment: Mapping[str, str]) -> Child:
    child = start([PROGRAM, *words], log=log, env=environment, cwd=FOLDER)
    if child.wait(timeout=120) != 0:
        raise RuntimeError(child.read_log())
    return child


def _amount(amount: Decimal | None) -> dict[str, float]:
    """The shop reads JSON numbers only."""
    return {} if amount is None else {"amount": float(amount)}


def missing() -> str | None:
    """Why the shop cannot run here, or None; PostgreSQL is asked for elsewhere."""
    if shutil.which("node") is None:
        return "no Node.js on this machine: install version 20 or newer"
    if not PROGRAM.exists():
        return "Medusa is not installed: npm install --ignore-scripts --no-audit --no-fund in tests/medusa"
    return None


@pytest.fixture(scope="session")
def medusa(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MedusaShop]:
    """A running Medusa shop, shared by the tests of this process: make your own orders, trust no total."""
    if reason := missing():
        pytest.skip(reason)
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    address = cluster.url(name).replace("postgresql+psycopg", "postgres")
    shop = start_medusa(address, tmp_path_factory.mktemp("medusa"))
    yield shop
    shop.stop()
    cluster.drop_database(name)
