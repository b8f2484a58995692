"""Pages for people: plain HTML, what a buyer, a seller and a trainer do by hand."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from autopurchase.sandbox import people_views as views
from autopurchase.sandbox.accounts import Accounts
from autopurchase.sandbox.catalogue import Item
from autopurchase.sandbox.control import Control
from autopurchase.sandbox.gateway import Gateway, pairs
from autopurchase.sandbox.market import Market
from autopurchase.sandbox.orders import Order
from autopurchase.sandbox.pages import page
from autopurchase.sandbox.pictures import picture

Endpoint = Callable[[Request], Awaitable[Response]]


class People:
    """The pages over one market."""

    def __init__(self, market: Market, accounts: Accounts, gateway: Gateway, control: Control) -> None:
        self.market, self.accounts, self.gateway, self.control = market, accounts, gateway, control
        self.items: dict[str, Item] = {item.item_id: item for item in market.items.values()}

    def routes(self) -> list[Route]:
        """All addresses for people."""
        both = ["GET", "POST"]
        return [
            Route("/", self.overview),
            Route("/orders", self.orders),
            Route("/goods", self.goods),
            Route("/order/{id:int}", self.order, methods=both),
            Route("/pay", self.cashier, methods=both),
            Route("/item/{id}", self.item),
            Route("/img/{name}.svg", self.image),
            Route("/control", self.behaviour, methods=both),
        ]

    async def overview(self, request: Request) -> Response:
        """The first page."""
        names = {market: self.accounts.names(market) for market in views.NAMES}
        keys = {market: self.accounts.app(market)["app_key"] for market in views.NAMES}
        return _html("Sandbox market", views.overview(self.market, self.gateway.origin, names, keys))

    async def orders(self, request: Request) -> Response:
        """The list of orders."""
        return _html("Orders", views.order_list(self.market, dict(request.query_params)))

    async def order(self, request: Request) -> Response:
        """One order; POST does what a button says."""
        order = self.market.store.orders.get(request.path_params["id"])
        if order is None:
            return _html("No such order", "<h1>No such order</h1>", 404)
        if request.method == "POST":
            self._do(order, dict(await pairs(request)))
            await self.market.store.durable()
            return RedirectResponse(f"/order/{order.id}", 303)
        return _html(f"Order {order.id}", views.order_page(self.market, order))

    def _do(self, order: Order, form: dict[str, str]) -> None:
        moves: dict[str, Callable[[], bool]] = {
            "pay": lambda: self.market.pay(order),
            "ship": lambda: self.market.ship(order),
            "sign": lambda: self.market.sign(order),
            "complete": lambda: self.market.complete(order),
            "cancel": lambda: self.market.close(order, "seller"),
            "refund": lambda: self.market.close(order, "refunded"),
            "amount": lambda: self.market.change_amount(order, _fen(form.get("total", ""), order.total)),
        }
        move = moves.get(form.get("do", ""))
        if move:
            move()

    async def cashier(self, request: Request) -> Response:
        """Where payment links lead; `ids` are separated by commas or semicolons."""
        form = dict(await pairs(request))
        ids = [part for part in form.get("ids", "").replace(";", ",").split(",") if part.isdecimal()]
        orders = [order for order in (self.market.store.orders.get(int(number)) for number in ids) if order]
        if request.method == "POST":
            for order in orders:
                self.market.pay(order)
            await self.market.store.durable()
            return RedirectResponse(f"/pay?ids={','.join(ids)}", 303)
        return _html("Cashier", views.cashier(self.market, orders))

    async def goods(self, request: Request) -> Response:
        """All goods."""
        return _html("Goods", views.goods_page(list(self.items.values())))

    async def item(self, request: Request) -> Response:
        """One item."""
        item = self.items.get(request.path_params["id"])
        if item is None:
            return _html("No such item", "<h1>No such item</h1>", 404)
        return _html(item.title, views.item_page(self.market, item))

    async def image(self, request: Request) -> Response:
        """A picture of an item, or of one of its SKUs."""
        item_id, _, place = request.path_params["name"].partition("-")
        item = self.items.get(item_id)
        if item is None or (place and not (place.isdecimal() and int(place) < len(item.skus))):
            return Response("no such picture", 404)
        return Response(
            picture(item, int(place) if place else None),
            media_type="image/svg+xml",
            headers={"Cache-Control": "max-age=86400"},
        )

    async def behaviour(self, request: Request) -> Response:
        """The control page."""
        note = ""
        if request.method == "POST":
            note = self._set(dict(await pairs(request)))
            await self.market.store.durable()
        figures = self.control.stats({})
        return _html("Control", views.control_page(self.market.settings, self.gateway.faults.rules, figures, note))

    def _set(self, form: dict[str, Any]) -> str:
        """Set faults or behaviour from the form; the sentence to show."""
        try:
            if "rules" in form:
                self.control.faults({"rules": json.loads(form["rules"] or "[]")})
            else:
                self.control.settings(form)
        except (ValueError, TypeError, AttributeError) as error:
            return f"Not set: {error}"
        return "Set."


def _fen(text: str, otherwise: int) -> int:
    try:
        return int(Decimal(text) * 100)
    except (InvalidOperation, ValueError, OverflowError):
        return otherwise


def _html(title: str, body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(page(title, body), status)
