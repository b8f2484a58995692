"""A WooCommerce shop as far as its REST API shows it, from the vendor's documentation and published source.

It checks what the real one checks: Basic over HTTPS, OAuth 1.0a over plain HTTP (signature, time, nonce), rights of the
key, page limits, known parameters. It has the real one's oddities: no refunds in lists, a modified time that refunds do
not move, cash on delivery processed unpaid with a time of payment, meta data doubled when its id is not sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.parse import quote

from tests.sources.stubs.server import Reply, Request

KEY, SECRET = "ck_0f5c1b9a7e3d2468ace013579bdf2468ace01357", "cs_9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a291807"
STATUSES = {"any", "trash", "auto-draft", "pending", "processing", "on-hold", "completed", "cancelled", "refunded"} | {
    "failed",
    "checkout-draft",
}
LISTED = {"page", "per_page", "status", "orderby", "order", "after", "before", "modified_after", "modified_before"} | {
    "dates_are_gmt",
    "include",
    "exclude",
    "search",
    "_fields",
    "offset",
}
ORDER_KEYS = {"id", "include", "date", "modified", "title", "slug"}
FIRST_MOMENT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


class Denied(Exception):
    """Code, message and status of an answer that is an error."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.reply = Reply({"code": code, "message": message, "data": {"status": status}}, status)


@dataclass
class WooShop:
    """The shop's data, and how it judges requests. ``rights``: read, write or read_write."""

    key: str = KEY
    secret: str = SECRET
    rights: str = "read_write"
    user_may: bool = True
    tls: bool = False
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    products: dict[int, dict[str, Any]] = field(default_factory=dict)
    variations: dict[int, dict[int, dict[str, Any]]] = field(default_factory=dict)
    nonces: set[str] = field(default_factory=set)
    damage: list[str] = field(default_factory=list)  # what a write did that it never should
    ids: Any = field(default_factory=lambda: count(101))
    clock: Any = field(default_factory=lambda: count(0))

    # --- what happens in the shop ---

    def place(
        self, lines: list[dict[str, Any]], currency: str = "USD", method: str = "stripe", status: str = "processing"
    ) -> int:
        """A customer orders; ``lines`` have name, quantity, total and what else the case needs."""
        order_id, now = next(self.ids), FIRST_MOMENT + timedelta(seconds=next(self.clock) // 2)
        items = [self._line(line) for line in lines]
        total = sum((Decimal(line["total"]) + Decimal(line["total_tax"]) for line in items), Decimal(0))
        paid = _time(now) if status == "processing" else None  # also for cash on delivery
        address = {"first_name": "Anna", "last_name": "Meyer", "address_1": "Hauptstrasse 1", "city": "Berlin"} | {
            "postcode": "10115",
            "country": "DE",
            "state": "",
            "company": "",
        }
        self.orders[order_id] = {
            "id": order_id,
            "number": str(order_id),
            "status": status,
            "currency": currency,
            "version": "10.3.5",
            "prices_include_tax": False,
            "date_created": _time(now + timedelta(hours=1)),
            "date_created_gmt": _time(now),
            "date_modified_gmt": _time(now),
            "date_paid_gmt": paid,
            "total": _text(total, currency),
            "shipping_total": _text(Decimal(0), currency),
            "shipping_tax": _text(Decimal(0), currency),
            "payment_method": method,
            "payment_method_title": method.title(),
            "customer_note": "",
            "billing": {**address, "email": "anna@example.com", "phone": "+49 30 123456"},
            "shipping": {**address, "phone": ""},
            "line_items": items,
            "shipping_lines": [{"id": next(self.ids), "method_title": "Air", "total": _text(Decimal(0), currency)}],
            "meta_data": [],
            "refunds": [],
        }
        return int(order_id)

    def _line(self, line: Mapping[str, Any]) -> dict[str, Any]:
        given = {"sku": "", "product_id": 0, "variation_id": 0, "total_tax": "0", "meta": {}, "options": {}, **line}
        hidden = [self._meta(key, value) for key, value in given.pop("meta").items()]
        shown = [
            {**self._meta(f"pa_{key.lower()}", value.lower()), "display_key": key, "display_value": f"<p>{value}</p>\n"}
            for key, value in given.pop("options").items()
        ]
        price = float(given["total"]) / given["quantity"]
        return {"id": next(self.ids), **given, "price": price, "meta_data": shown + hidden, "image": {"src": ""}}

    def _meta(self, key: str, value: str) -> dict[str, Any]:
        return {"id": next(self.ids), "key": key, "value": value, "display_key": key, "display_value": value}

    def give_back(self, order_id: int, amount: str, lines: Mapping[int, int] | None = None) -> None:
        """Refund an amount, with pieces by line id; the order's modified time stays, as in the real one."""
        order = self.orders[order_id]
        items = []
        for line in order["line_items"]:
            pieces = (lines or {}).get(line["id"], 0)
            if pieces:
                share = Decimal(line["total"]) * pieces / line["quantity"]
                meta = [self._meta("_refunded_item_id", str(line["id"]))]
                items.append(
                    {"id": next(self.ids), "quantity": -pieces, "total": f"-{share}", "total_tax": "0.00"}
                    | {"meta_data": meta}
                )
        entry = {"id": next(self.ids), "amount": amount, "reason": "", "line_items": items}
        self.refunds.setdefault(order_id, []).append(entry)
        back = sum(Decimal(each["amount"]) for each in self.refunds[order_id])
        if back >= Decimal(order["total"]):
            order["status"] = "refunded"

    def pay(self, order_id: int) -> None:
        """The money of an order on hold has come."""
        self.orders[order_id] |= {"status": "processing", "date_paid_gmt": _time(FIRST_MOMENT + timedelta(days=1))}

    # --- answering ---

    def answer(self, request: Request) -> Reply:
        try:
            self._authenticate(request)
            for pattern, method, handle in self._routes():
                match = re.fullmatch(pattern, request.path.removeprefix("/wp-json/wc/v3"))
                if match and method == request.method:
                    return handle(request, *(int(part) for part in match.groups()))
            raise Denied("rest_no_route", "No route was found matching the URL and request method.", 404)
        except Denied as denied:
            return denied.reply

    def _routes(self) -> list[tuple[str, str, Callable[..., Reply]]]:
        return [
            (r"/orders", "GET", self._list_orders),
            (r"/orders/(\d+)", "GET", lambda _, order: Reply(self._order(order, 404))),
            (r"/orders/(\d+)", "PUT", self._change_order),
            (r"/orders/(\d+)/refunds", "GET", self._list_refunds),
            (r"/orders/(\d+)/notes", "GET", lambda _, order: Reply(self.notes.get(order, [])[::-1])),
            (r"/orders/(\d+)/notes", "POST", self._add_note),
            (r"/products", "GET", lambda request: _page(request, self._included(request, self.products))),
            (r"/products/(\d+)/variations", "GET", self._list_variations),
        ]

    def _authenticate(self, request: Request) -> None:
        if not request.path.startswith("/wp-json/wc/v3"):
            raise Denied("rest_no_route", "No route was found matching the URL and request method.", 404)
        if self.tls:
            good = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
            if request.headers.get("authorization") != f"Basic {good}":
                raise _unauthorised("Consumer secret is invalid.")
        else:
            self._check_signature(request)
        needed = "read" if request.method == "GET" else "write"
        if needed not in self.rights:
            raise _unauthorised(f"The API key provided does not have {needed} permissions.")
        if not self.user_may:
            raise Denied("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 403)

    def _check_signature(self, request: Request) -> None:
        given = dict(request.query)
        missing = [
            name
            for name in ("consumer_key", "timestamp", "nonce", "signature", "signature_method")
            if not given.get(f"oauth_{name}")
        ]
        if missing:
            raise Denied("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 401)
        if given["oauth_consumer_key"] != self.key:
            raise _unauthorised("Consumer key is invalid.")
        if abs(time.time() - int(given["oauth_timestamp"])) > 900:
            raise _unauthorised("Invalid timestamp.")
        if given["oauth_nonce"] in self.nonces:
            raise _unauthorised("Invalid nonce - nonce has already been used.")
        self.nonces.add(given["oauth_nonce"])
        url = f"http://{request.headers['host']}{request.path}"
        if not hmac.compare_digest(given.pop("oauth_signature"), signature(request.method, url, given, self.secret)):
            raise _unauthorised("Invalid signature - provided signature does not match.")

    def _order(self, order_id: int, status: int) -> dict[str, Any]:
        if order_id not in self.orders:
            raise Denied("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", status)
        return {**self.orders[order_id], "refunds": []}

    def _list_orders(self, request: Request) -> Reply:
        asked = {name: value for name, value in request.query.items() if not name.startswith("oauth_")}
        statuses = set(asked.get("status", "any").split(","))
        _check_params(asked, statuses)
        after = asked.get("after", "")
        rows = [
            self._order(key, 404)
            for key, order in self.orders.items()
            if ("any" in statuses or order["status"] in statuses) and (not after or order["date_created_gmt"] > after)
        ]
        if after and asked.get("dates_are_gmt") != "true":
            raise Denied("rest_invalid_param", "The times are the site's own: say dates_are_gmt.", 400)
        rows.sort(key=lambda row: (row["date_created_gmt"], row["id"]), reverse=asked.get("order", "desc") == "desc")
        wanted = asked.get("_fields", "")
        if wanted:
            rows = [{name: row[name] for name in wanted.split(",") if name in row} for row in rows]
        return _page(request, rows)

    def _list_refunds(self, request: Request, order_id: int) -> Reply:
        self._order(order_id, 404)
        return _page(request, self.refunds.get(order_id, []))

    def _list_variations(self, request: Request, product: int) -> Reply:
        if product not in self.products:
            raise Denied("woocommerce_rest_product_invalid_id", "Invalid ID.", 404)
        return _page(request, self._included(request, self.variations.get(product, {})))

    def _included(self, request: Request, things: Mapping[int, dict[str, Any]]) -> list[dict[str, Any]]:
        ids = [int(part) for part in request.query.get("include", "").split(",") if part]
        return [things[each] for each in ids if each in things] if ids else list(things.values())

    def _change_order(self, request: Request, order_id: int) -> Reply:
        self._order(order_id, 400)
        order, body = self.orders[order_id], request.json
        if extra := set(body) - {"meta_data", "status"}:
            self.damage.append(f"order {order_id}: {', '.join(sorted(extra))} sent")
        for entry in body.get("meta_data", []):
            known = [each for each in order["meta_data"] if each["id"] == entry.get("id")]
            if known:
                known[0]["value"] = entry["value"]
            else:
                order["meta_data"].append(self._meta(entry["key"], entry["value"]))
        order["status"] = body.get("status", order["status"])
        return Reply(self._order(order_id, 400))

    def _add_note(self, request: Request, order_id: int) -> Reply:
        self._order(order_id, 404)
        body = request.json
        if not isinstance(body.get("note"), str):
            raise Denied("rest_missing_callback_param", "Missing parameter(s): note", 400)
        note = {"id": next(self.ids), "note": body["note"], "customer_note": bool(body.get("customer_note"))}
        self.notes.setdefault(order_id, []).append(note)
        return Reply(note, 201)


def signature(method: str, url: str, params: Mapping[str, str], secret: str) -> str:
    """The signature as the shop computes it: each name and value encoded twice, joined by encoded marks."""
    twice = [(_twice(name), _twice(value)) for name, value in sorted(params.items())]
    text = f"{method}&{quote(url, '')}&{'%26'.join(f'{name}%3D{value}' for name, value in twice)}"
    algorithm = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}[params["oauth_signature_method"]]
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), algorithm).digest()).decode()


def _twice(text: str) -> str:
    return quote(text, "").replace("%", "%25")


def _unauthorised(message: str) -> Denied:
    return Denied("woocommerce_rest_authentication_error", message, 401)


def _check_params(asked: Mapping[str, str], statuses: set[str]) -> None:
    if unknown := set(asked) - LISTED:
        raise AssertionError(f"parameters that the shop would ignore in silence: {unknown}")
    if statuses - STATUSES or asked.get("orderby", "date") not in ORDER_KEYS:
        raise Denied("rest_invalid_param", "Invalid parameter(s): status", 400)


def _page(request: Request, rows: list[Any]) -> Reply:
    take, page = int(request.query.get("per_page", 10)), int(request.query.get("page", 1))
    if not 1 <= take <= 100 or page < 1:
        raise Denied("rest_invalid_param", "Invalid parameter(s): per_page", 400)
    offset = int(request.query.get("offset", (page - 1) * take))  # comes before the page, as in the real one
    pages = -(-len(rows) // take)
    headers = {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(pages)}
    if page < pages:
        headers["Link"] = f'<http://{request.headers["host"]}{request.path}?page={page + 1}>; rel="next"'
    return Reply(json.loads(json.dumps(rows[offset : offset + take])), headers=headers)


def _time(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


def _text(amount: Decimal, currency: str) -> str:
    return f"{amount:.0f}" if currency == "JPY" else f"{amount:.2f}"
