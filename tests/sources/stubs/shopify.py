"""A Shopify shop as far as its GraphQL Admin API shows it, from the vendor's documentation.

Every query is validated against the schema beside this file. It checks the token, its rights, the version, page limits
and the budget of query cost; keeps back orders older than sixty days without the right to read them; answers 200 to
most errors; and repeats a row while paging when `repeats` is set.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync

from tests.sources.stubs.server import Reply, Request
from tests.sources.stubs.shopify_search import matches

TOKEN = "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"
VERSION = "2026-10"
SCHEMA = build_schema(Path(__file__).with_name("shopify_schema.graphql").read_text(encoding="utf-8"))
RIGHTS = ("read_orders", "write_orders", "read_products", "write_merchant_managed_fulfillment_orders")
WRONG_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"


@dataclass
class Line:
    """A line as the shop keeps it; amounts in the shop's currency."""

    id: str
    title: str
    quantity: int
    price: Decimal
    attributes: dict[str, str] = field(default_factory=dict)
    removed: int = 0
    sent: int = 0
    variant: dict[str, Any] | None = None


@dataclass
class Order:
    """An order as the shop keeps it. ``refunds``: amount and pieces by line; ``parcels``: number and pieces by line."""

    id: str
    number: int
    currency: str
    created: datetime
    lines: list[Line]
    received: Decimal = Decimal(0)
    refunds: list[tuple[Decimal, dict[str, int]]] = field(default_factory=list)
    parcels: list[tuple[str, str, dict[str, int]]] = field(default_factory=list)
    metafields: dict[tuple[str, str], str] = field(default_factory=dict)
    cancelled: datetime | None = None
    closed: bool = False
    held: bool = False

    @property
    def total(self) -> Decimal:
        return sum((line.price * line.quantity for line in self.lines), Decimal(0))

    @property
    def refunded(self) -> Decimal:
        return sum((amount for amount, _ in self.refunds), Decimal(0))

    @property
    def financial(self) -> str:
        if not self.received:
            return "PENDING"
        if self.refunded:
            return "REFUNDED" if self.refunded >= self.received else "PARTIALLY_REFUNDED"
        return "PAID" if self.received >= self.total else "PARTIALLY_PAID"

    @property
    def fulfilment(self) -> str:
        if all(line.sent >= line.quantity - line.removed for line in self.lines):
            return "FULFILLED"
        return "PARTIALLY_FULFILLED" if any(line.sent for line in self.lines) else "UNFULFILLED"

    @property
    def facts(self) -> dict[str, str]:
        """What a search may ask for."""
        sent = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial", "UNFULFILLED": "unfulfilled"}
        return {
            "status": "closed" if self.cancelled or self.closed else "open",
            "financial_status": self.financial.lower(),
            "fulfillment_status": sent[self.fulfilment],
        }


@dataclass
class ShopifyShop:
    """The shop's data, and how it judges requests. ``bucket`` and ``restore``: its budget of query cost a second."""

    token: str = TOKEN
    scopes: tuple[str, ...] = RIGHTS
    served: str = VERSION
    bucket: float = 2000
    restore: float = 100_000
    dearest: float = 1000
    repeats: bool = False
    orders: dict[str, Order] = field(default_factory=dict)
    ids: Any = field(default_factory=lambda: count(5_123_450_000_101))
    clock: Any = field(default_factory=lambda: count(1))
    throttled: int = 0
    _left: float = 2000
    _seen: float = field(default_factory=time.monotonic)

    # --- what happens in the shop ---

    def place(self, lines: Sequence[Mapping[str, Any]], currency: str = "USD", paid: bool = True, age: int = 1) -> str:
        """A customer orders; ``lines`` have title, quantity, price, attributes, variant. ``age`` in days."""
        number = next(self.ids)
        made = [Line(f"gid://shopify/LineItem/{next(self.ids)}", **line) for line in lines]
        created = datetime.now(UTC).replace(microsecond=0) - timedelta(days=age) + timedelta(seconds=next(self.clock))
        order = Order(f"gid://shopify/Order/{number}", number % 100_000, currency, created, made)
        order.received = order.total if paid else Decimal(0)
        self.orders[order.id] = order
        return order.id

    def give_back(self, order_id: str, amount: Decimal, pieces: Mapping[str, int] | None = None) -> None:
        """Refund an amount, with pieces by line id."""
        order = self.orders[order_id]
        order.refunds.append((amount, dict(pieces or {})))
        for line in order.lines:
            line.removed += (pieces or {}).get(line.id, 0)

    # --- answering ---

    def answer(self, request: Request) -> Reply:
        headers = {"X-Shopify-API-Version": self.served}
        if not re.fullmatch(r"/admin/api/\d{4}-\d{2}/graphql\.json", request.path) or request.method != "POST":
            return Reply({"errors": "Not Found"}, 404)
        if request.headers.get("x-shopify-access-token") != self.token:
            return Reply({"errors": WRONG_TOKEN}, 401)
        if "application/json" not in request.headers.get("content-type", ""):
            return Reply({"errors": "Bad Request"}, 400)
        return Reply(self._execute(request.json), headers=headers)

    def _execute(self, body: Mapping[str, Any]) -> dict[str, Any]:
        query, variables = body["query"], body.get("variables") or {}
        asked = _requested_cost(query, variables)
        now = time.monotonic()
        self._left = min(self.bucket, self._left + (now - self._seen) * self.restore)
        self._seen = now
        if asked > self.dearest:
            return {"errors": [_error(f"Query cost is {asked:.0f}, which exceeds the single query max cost limit", 1)]}
        if asked > self._left:
            self.throttled += 1
            return {"errors": [_error("Throttled", 2)], "extensions": self._cost(asked)}
        self._left -= asked
        done = graphql_sync(SCHEMA, query, root_value=self._root(), variable_values=variables)
        found: dict[str, Any] = {"data": done.data, "extensions": self._cost(asked)}
        if done.errors:
            found["errors"] = [error.formatted for error in done.errors]
        return found

    def _cost(self, asked: float) -> dict[str, Any]:
        status = {"maximumAvailable": self.bucket, "currentlyAvailable": int(self._left), "restoreRate": self.restore}
        return {"cost": {"requestedQueryCost": asked, "actualQueryCost": asked, "throttleStatus": status}}

    def _may(self, right: str) -> None:
        if right not in self.scopes and right.replace("read_", "write_", 1) not in self.scopes:
            raise GraphQLError(f"Access denied. Required access: `{right}`.", extensions={"code": "ACCESS_DENIED"})

    def _root(self) -> dict[str, Any]:
        scopes = [{"handle": scope, "description": scope} for scope in self.scopes]
        shop = {"id": "gid://shopify/Shop/1", "name": "Coats", "myshopifyDomain": "coats.myshopify.com"}
        return {
            "shop": {**shop, "currencyCode": "USD"},
            "currentAppInstallation": {"id": "gid://shopify/AppInstallation/1", "accessScopes": scopes},
            "ordersCount": self._count,
            "orders": self._list,
            "order": lambda info, id: self._one(id),
            "nodes": lambda info, ids: [self._one(each) for each in ids],
            "metafieldsSet": self._set_metafields,
            "fulfillmentCreate": self._fulfil,
        }

    def _visible(self, query: str | None) -> list[Order]:
        self._may("read_orders")
        oldest = datetime.now(UTC) - timedelta(days=60)
        shown = [each for each in self.orders.values() if each.created > oldest or "read_all_orders" in self.scopes]
        return sorted((each for each in shown if matches(query or "", each.facts)), key=lambda each: each.created)

    def _count(self, info: Any, query: str | None = None, limit: int = 0) -> dict[str, Any]:
        return {"count": len(self._visible(query)), "precision": "EXACT"}

    def _list(
        self, info: Any, first: int | None = None, after: str | None = None, query: str | None = None, **more: Any
    ) -> dict[str, Any]:
        if first is None or not 1 <= first <= 250:
            raise GraphQLError("you must provide one of first or last, up to 250", extensions={"code": "BAD_REQUEST"})
        if more.get("sortKey") != "CREATED_AT":
            raise GraphQLError("tests sort by what does not move")
        found = self._visible(query)
        rest = [each for each in found if not after or _cursor(each) > after]
        page = rest[:first]
        if self.repeats and after:
            page = [found[0], *page]
        info_ = {"hasNextPage": len(rest) > first, "endCursor": _cursor(rest[:first][-1]) if rest else None}
        return {"nodes": [self._view(each) for each in page], "pageInfo": {"hasPreviousPage": False, **info_}}

    def _one(self, order_id: str) -> dict[str, Any] | None:
        if not order_id.startswith("gid://shopify/"):
            raise GraphQLError(f"Invalid global id '{order_id}'", extensions={"code": "argumentLiteralsIncompatible"})
        visible = {each.id: each for each in self._visible(None)}
        return self._view(visible[order_id]) if order_id in visible else None

    # --- what an order looks like ---

    def _view(self, order: Order) -> dict[str, Any]:
        removed = sum((line.price * line.removed for line in order.lines), Decimal(0))
        # money given back without lines leaves the present total too: the source must not take it for a lower price
        present = order.total - max(removed, order.refunded)
        bag = _bag(order.currency)
        return {
            "__typename": "Order",
            "id": order.id,
            "name": f"#{order.number}",
            "createdAt": order.created.isoformat().replace("+00:00", "Z"),
            "processedAt": order.created.isoformat().replace("+00:00", "Z"),
            "updatedAt": datetime.now(UTC).isoformat(),
            "cancelledAt": order.cancelled.isoformat() if order.cancelled else None,
            "closed": order.closed,
            "note": None,
            "currencyCode": order.currency,
            "displayFinancialStatus": order.financial,
            "displayFulfillmentStatus": order.fulfilment,
            "totalPriceSet": bag(order.total),
            "currentTotalPriceSet": bag(present),
            "totalReceivedSet": bag(order.received),
            "totalRefundedSet": bag(order.refunded),
            "currentSubtotalPriceSet": bag(present),
            "totalShippingPriceSet": bag(Decimal(0)),
            "shippingLine": {"title": "Air"},
            "shippingAddress": {"name": "Anna Meyer", "city": "Berlin", "zip": "10115", "countryCodeV2": "DE"},
            "metafield": _metafield(order.metafields),
            "refunds": lambda info, first=None: [self._refund(order, each) for each in order.refunds],
            "fulfillments": lambda info, first=None: [self._parcel(order, *each) for each in order.parcels],
            "fulfillmentOrders": lambda info, first=None, after=None: _connection(self._fulfilment_orders(order)),
            "lineItems": lambda info, first=None, after=None: _connection(
                [self._line(order, each) for each in order.lines], first, after
            ),
        }

    def _line(self, order: Order, line: Line) -> dict[str, Any]:
        self._may("read_products")
        bag = _bag(order.currency)
        variant = line.variant and {
            "id": "gid://shopify/ProductVariant/1",
            "sku": line.variant.get("sku", ""),
            "title": "Black",
            "selectedOptions": [{"name": name, "value": value} for name, value in line.variant["options"].items()],
            "metafield": _metafield(line.variant.get("metafields", {})),
            "product": {
                "id": "gid://shopify/Product/1",
                "title": line.title,
                "metafield": _metafield(line.variant.get("product", {})),
            },
        }
        return {
            "id": line.id,
            "title": line.title,
            "name": line.title,
            "variantTitle": None,
            "sku": None,
            "quantity": line.quantity,
            "currentQuantity": line.quantity - line.removed,
            "unfulfilledQuantity": line.quantity - max(line.removed, line.sent),
            "image": None,
            "customAttributes": [{"key": key, "value": value} for key, value in line.attributes.items()],
            "variant": variant,
            "discountedUnitPriceAfterAllDiscountsSet": bag(line.price),
        }

    def _refund(self, order: Order, refund: tuple[Decimal, dict[str, int]]) -> dict[str, Any]:
        bag, lines = _bag(order.currency), {line.id: line for line in order.lines}
        parts = [
            {
                "quantity": pieces,
                "subtotalSet": bag(lines[line].price * pieces),
                "totalTaxSet": bag(Decimal(0)),
                "lineItem": self._line(order, lines[line]),
            }
            for line, pieces in refund[1].items()
        ]
        given = {"id": "gid://shopify/Refund/1", "totalRefundedSet": bag(refund[0])}
        return {**given, "refundLineItems": lambda info, first=None, after=None: _connection(parts)}

    def _parcel(self, order: Order, number: str, carrier: str, pieces: dict[str, int]) -> dict[str, Any]:
        lines = {line.id: line for line in order.lines}
        parts = [
            {"id": "gid://shopify/FulfillmentLineItem/1", "quantity": each, "lineItem": self._line(order, lines[line])}
            for line, each in pieces.items()
        ]
        tracking = [{"company": carrier, "number": number, "url": None}]
        return {
            "id": "gid://shopify/Fulfillment/1",
            "status": "SUCCESS",
            "trackingInfo": lambda info, first=None: tracking,
            "fulfillmentLineItems": lambda info, first=None, after=None: _connection(parts),
        }

    def _fulfilment_orders(self, order: Order) -> list[dict[str, Any]]:
        """Each line is sent from a place of its own."""
        self._may("read_merchant_managed_fulfillment_orders")
        found = []
        for line in order.lines:
            left = line.quantity - max(line.removed, line.sent)
            part = {"id": _part_id(line), "remainingQuantity": left, "totalQuantity": line.quantity}
            part["lineItem"] = self._line(order, line)
            status = "ON_HOLD" if order.held else "OPEN" if left else "CLOSED"
            found.append(
                {
                    "id": _place_id(line),
                    "status": status,
                    "lineItems": lambda info, first=None, after=None, part=part: _connection([part]),
                }
            )
        return found

    # --- writing ---

    def _set_metafields(self, info: Any, metafields: list[dict[str, str]]) -> dict[str, Any]:
        self._may("write_orders")
        blank = [each for each in metafields if not each["value"]]
        if blank:
            return {"metafields": None, "userErrors": [{"field": ["value"], "message": "Value can't be blank."}]}
        for each in metafields:
            self.orders[each["ownerId"]].metafields[each["namespace"], each["key"]] = each["value"]
        return {"metafields": [{**each, "id": "gid://shopify/Metafield/1"} for each in metafields], "userErrors": []}

    def _fulfil(self, info: Any, fulfillment: dict[str, Any], message: str = "") -> dict[str, Any]:
        self._may("write_merchant_managed_fulfillment_orders")
        groups = fulfillment["lineItemsByFulfillmentOrder"]
        if len(groups) != 1:
            return _refused("All fulfillment orders must be at the same location.")
        places = {_place_id(line): (order, line) for order in self.orders.values() for line in order.lines}
        order, line = places[groups[0]["fulfillmentOrderId"]]
        (part,) = groups[0]["fulfillmentOrderLineItems"]
        if order.held or part["id"] != _part_id(line):
            return _refused("Fulfillment order is not open.")
        if part["quantity"] > line.quantity - max(line.removed, line.sent):
            return _refused("Invalid fulfillment order line item quantity requested.")
        line.sent += part["quantity"]
        tracking = fulfillment["trackingInfo"]
        order.parcels.append((tracking["number"], tracking["company"], {line.id: part["quantity"]}))
        return {"fulfillment": {"id": "gid://shopify/Fulfillment/1", "status": "SUCCESS"}, "userErrors": []}


def _requested_cost(query: str, variables: Mapping[str, Any]) -> float:
    if "ids" in variables:
        return 2 + 60.0 * len(variables["ids"])
    return 10 if query.startswith("mutation") else 2 + float(variables.get("first", 1))


def _error(message: str, kind: int) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": {1: "MAX_COST_EXCEEDED", 2: "THROTTLED"}[kind]}}


def _refused(message: str) -> dict[str, Any]:
    return {"fulfillment": None, "userErrors": [{"field": ["fulfillment"], "message": message}]}


def _bag(currency: str) -> Callable[[Decimal], dict[str, Any]]:
    """Amounts always with a point: ``1200.0`` for yen, as the real one answers."""

    def made(amount: Decimal) -> dict[str, Any]:
        shown = {"amount": f"{amount:.1f}" if currency == "JPY" else f"{amount}", "currencyCode": currency}
        return {"shopMoney": shown, "presentmentMoney": shown}

    return made


def _metafield(values: Mapping[tuple[str, str], str]) -> Callable[..., dict[str, str] | None]:
    def found(info: Any, key: str, namespace: str = "") -> dict[str, str] | None:
        value = values.get((namespace, key))
        given = {
            "id": "gid://shopify/Metafield/1",
            "namespace": namespace,
            "key": key,
            "type": "single_line_text_field",
        }
        return None if value is None else {**given, "value": value}

    return found


def _connection(nodes: list[Any], first: int | None = None, after: str | None = None) -> dict[str, Any]:
    start = int(after or 0)
    end = start + (first or len(nodes))
    more = {"hasNextPage": end < len(nodes), "hasPreviousPage": start > 0, "endCursor": str(end)}
    return {"nodes": nodes[start:end], "pageInfo": more}


def _cursor(order: Order) -> str:
    return f"{order.created.isoformat()} {order.id}"


def _place_id(line: Line) -> str:
    return line.id.replace("LineItem", "FulfillmentOrder")


def _part_id(line: Line) -> str:
    return line.id.replace("LineItem", "FulfillmentOrderLineItem")
