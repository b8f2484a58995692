"""A real Vendure shop, driven as its customers and its administrator drive it."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import shop_queries as queries
from tests.support.processes import Child, free_port, start, wait_until

FOLDER = Path(__file__).parents[1] / "shop"
SUPERADMIN = {"username": "superadmin", "password": "superadmin"}
READ_AND_WRITE = ("ReadOrder", "UpdateOrder", "ReadCatalog")


class ShopError(Exception):
    """The shop refused; the text is its own code and message."""


@dataclass(frozen=True)
class Item:
    """What a customer puts into the cart; `custom` are the order line's custom fields."""

    sku: str
    quantity: int = 1
    custom: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Customer:
    """Who buys, and where it is sent."""

    first_name: str = "Anna"
    last_name: str = "Meyer"
    email: str = "anna@example.com"
    address: Mapping[str, str] = field(
        default_factory=lambda: {
            "fullName": "Anna Meyer",
            "streetLine1": "Hauptstrasse 1",
            "city": "Berlin",
            "postalCode": "10115",
            "countryCode": "DE",
            "phoneNumber": "+49 30 123456",
        }
    )


@dataclass(frozen=True)
class PlacedOrder:
    """An order in the shop: `id` for the admin API, `code` for people."""

    id: str
    code: str


@dataclass
class Shop:
    """A running shop on 127.0.0.1. Money is in integer minor units, as in its API."""

    server: Child
    url: str
    _token: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def admin(self, query: str, **variables: Any) -> dict[str, Any]:
        """`data` of an admin call as superadmin. Raises ShopError, also for error answers inside `data`."""
        if not self._token:
            self._token = _call(f"{self.url}/admin-api", queries.LOGIN, SUPERADMIN)[1]
        return _call(f"{self.url}/admin-api", query, variables, {"Authorization": f"Bearer {self._token}"})[0]

    def with_key(self, api_key: str, query: str, **variables: Any) -> dict[str, Any]:
        """The same, with an API key in place of the superadmin."""
        return _call(f"{self.url}/admin-api", query, variables, {"vendure-api-key": api_key})[0]

    def api_key(self, *permissions: str) -> str:
        """A new key `id:secret` with exactly these rights; without any, it may do nothing."""
        code = f"key-{next(self._numbers)}"
        role = {"code": code, "description": code, "permissions": list(permissions)}
        role_id = self.admin(queries.CREATE_ROLE, input=role)["createRole"]["id"]
        names = [{"languageCode": "en", "name": code}]
        made = self.admin(queries.CREATE_KEY, input={"roleIds": [role_id], "translations": names})
        return str(made["createApiKey"]["apiKey"])

    def variants(self) -> dict[str, dict[str, Any]]:
        """The goods by sku: `id`, `priceWithTax`, `currencyCode`, `customFields`."""
        items = self.admin(queries.VARIANTS)["productVariants"]["items"]
        return {item["sku"]: item for item in items}

    def place_order(
        self, items: Iterable[Item], customer: Customer | None = None, *, settle: bool = True
    ) -> PlacedOrder:
        """A customer orders and pays by card. The payment is only authorised unless `settle`."""
        cart = _Cart(f"{self.url}/shop-api")
        variants = self.variants()
        for item in items:
            cart.add(variants[item.sku]["id"], item)
        order = cart.check_out(customer or Customer())
        if settle:
            self.settle(order)
        return order

    def settle(self, order: PlacedOrder) -> None:
        """The bank pays what was authorised: the order becomes PaymentSettled."""
        for payment in self.read_order(order)["payments"]:
            if payment["state"] == "Authorized":
                self.admin(queries.SETTLE_PAYMENT, id=payment["id"])

    def refund_full(self, order: PlacedOrder) -> None:
        """Give back everything that was paid and not yet given back."""
        self.refund_part(order, _kept(self.read_order(order)["payments"][0]))

    def refund_part(self, order: PlacedOrder, amount: int) -> None:
        """Give back `amount` minor units of the order's payment."""
        payment = self.read_order(order)["payments"][0]["id"]
        asked = {"paymentId": payment, "amount": amount, "reason": "asked by the customer"}
        asked |= {
            "lines": [],
            "shipping": 0,
            "adjustment": 0,
        }  # deprecated, but the insert fails without them
        refund = self.admin(queries.REFUND, input=asked)["refundOrder"]
        if refund["state"] == "Pending":
            settled = {"id": refund["id"], "transactionId": f"refund-{refund['id']}"}
            self.admin(queries.SETTLE_REFUND, input=settled)

    def cancel_line(self, order: PlacedOrder, line_id: str) -> None:
        """Cancel one line in full: its quantity becomes 0, the payment stays."""
        lines = {line["id"]: line["quantity"] for line in self.read_order(order)["lines"]}
        asked = {"orderLineId": line_id, "quantity": lines[line_id]}
        self.admin(queries.CANCEL, input={"orderId": order.id, "lines": [asked]})

    def cancel_order(self, order: PlacedOrder) -> None:
        """Cancel the whole order."""
        self.admin(queries.CANCEL, input={"orderId": order.id, "cancelShipping": True})

    def read_order(self, order: PlacedOrder) -> dict[str, Any]:
        """The order as the shop has it: state, totals, payments with refunds, fulfillments with tracking,
        notes (`history`), custom fields and lines."""
        return dict(self.admin(queries.ORDER, id=order.id)["order"])

    def stop(self) -> None:
        """End the server; nothing of the shop remains."""
        self.server.kill()  # it has nothing to save


def start_shop(log: Path, products: Path | None = None) -> Shop:
    """Start a shop selling what the file `products` lists, and wait until it serves (about 5 s).

    Raises RuntimeError with the shop's log when it does not come up.
    """
    port = free_port()
    env = {"VENDURE_DISABLE_TELEMETRY": "true", "PORT": str(port), "NODE_ENV": "test"}
    env["PRODUCTS"] = str(products or FOLDER / "products.csv")
    server = start(["node", "shop.js"], log=log, env=env, cwd=FOLDER)
    wait_until(lambda: "READY" in server.read_log() or not server.alive, timeout=90, what="the shop")
    if not server.alive:
        raise RuntimeError(server.read_log())
    return Shop(server, f"http://127.0.0.1:{port}")


class _Cart:
    """One customer's visit: the shop knows it by the token of its first answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._token = ""

    def add(self, variant_id: str, item: Item) -> None:
        self._ask(queries.ADD_ITEM, variant=variant_id, quantity=item.quantity, custom=dict(item.custom))

    def check_out(self, customer: Customer) -> PlacedOrder:
        who = {"firstName": customer.first_name, "lastName": customer.last_name}
        self._ask(queries.SET_CUSTOMER, input=who | {"emailAddress": customer.email})
        self._ask(queries.SET_ADDRESS, input=dict(customer.address))
        method = self._ask(queries.SHIPPING_METHODS)["eligibleShippingMethods"][0]["id"]
        self._ask(queries.SET_SHIPPING, id=[method])
        self._ask(queries.ARRANGE_PAYMENT)
        order = self._ask(queries.PAY)["addPaymentToOrder"]
        return PlacedOrder(order["id"], order["code"])

    def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        data, token = _call(self._url, query, variables, headers)
        self._token = token or self._token
        return data


def _kept(payment: Mapping[str, Any]) -> int:
    given_back: int = sum(int(refund["total"]) for refund in payment["refunds"] if refund["state"] != "Failed")
    return int(payment["amount"]) - given_back


def _call(
    url: str, query: str, variables: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], str]:
    """`data` and the token header. The shop answers 200 to errors too: they are in the answer."""
    body = {"query": query, "variables": variables}
    answer = requests.post(url, json=body, headers=dict(headers or {}), timeout=30)
    found = answer.json()
    problems = found.get("errors") or [part for part in found["data"].values() if _refused(part)]
    if problems:
        raise ShopError("; ".join(f"{_code(problem)}: {problem['message']}" for problem in problems))
    return found["data"], answer.headers.get("vendure-auth-token", "")


def _refused(part: object) -> bool:
    return isinstance(part, dict) and "errorCode" in part


def _code(problem: Mapping[str, Any]) -> str:
    return str(problem.get("errorCode") or problem.get("extensions", {}).get("code", "ERROR"))


def missing() -> str | None:
    """Why the shop cannot run here, or None."""
    if shutil.which("node") is None:
        return "no Node.js on this machine: install version 20 or newer"
    if not (FOLDER / "node_modules" / "@vendure" / "core").is_dir():
        return "the shop is not installed: npm ci --ignore-scripts --no-audit --no-fund in tests/shop"
    return None


@pytest.fixture(scope="session")
def shop_products() -> Path:
    """The products file of `shop`; a test folder may give another one by a fixture of this name."""
    return FOLDER / "products.csv"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_products: Path) -> Iterator[Shop]:
    """A running shop, shared by the tests of this process: make your own orders, trust no total."""
    if reason := missing():
        pytest.skip(reason)
    running = start_shop(tmp_path_factory.mktemp("shop") / "log", shop_products)
    yield running
    running.stop()
