"""The control API: what tests and the demo do to the market. JSON, this machine only."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from autopurchase.sandbox.accounts import APP_KEYS
from autopurchase.sandbox.gateway import Gateway
from autopurchase.sandbox.orders import CLOSE_REASONS, Order
from autopurchase.sandbox.pushes import Pushes
from autopurchase.sandbox.stats import Stats
from autopurchase.sandbox.taobao_views import STATUS

LOOPBACK = ("127.0.0.1", "::1", "testclient")
Values = dict[str, Any]


class Control:
    """One method per verb of `POST /_control/<verb>`; each takes and gives plain values. ValueError = wrong use."""

    def __init__(self, gateway: Gateway, pushes: Pushes) -> None:
        self.gateway, self.market, self.accounts = gateway, gateway.market, gateway.accounts
        self._pushes = pushes
        self.verbs: dict[str, Callable[[Values], Any]] = {
            "health": lambda _: {"ok": True},
            "pay": self.pay,
            "ship": self.ship,
            "sign": self.sign,
            "complete": self.complete,
            "close": self.close,
            "price": self.price,
            "amount": self.amount,
            "line": self.line,
            "stock": self.stock,
            "item": self.item,
            "orders": self.orders,
            "expire": self.expire,
            "credentials": self.credentials,
            "faults": self.faults,
            "settings": self.settings,
            "stats": self.stats,
            "pushes": self.pushes,
            "reset": self.reset,
            "mark": self.mark,
            "age": self.age,
        }

    async def answer(self, request: Request) -> Response:
        """Dispatch one control call."""
        if request.client is None or request.client.host not in LOOPBACK:
            return JSONResponse({"error": "only from this machine"}, 403)
        verb = self.verbs.get(request.path_params["verb"])
        if verb is None:
            return JSONResponse({"error": f"no such verb; there are {', '.join(self.verbs)}"}, 404)
        values = dict(request.query_params)
        if request.method == "POST" and await request.body():
            values |= await request.json()
        try:
            result = verb(values)
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)
        await self.market.store.durable()
        return JSONResponse(result)

    # orders

    def pay(self, values: Values) -> Values:
        """Pay `ids`."""
        return self._each(values, self.market.pay)

    def ship(self, values: Values) -> Values:
        """Ship `ids`; `lines` (ids of lines) for a part."""
        lines = [int(line) for line in values.get("lines", [])]
        return self._each(values, lambda order: self.market.ship(order, lines or None))

    def sign(self, values: Values) -> Values:
        """The warehouse signs for `ids`."""
        return self._each(values, self.market.sign)

    def complete(self, values: Values) -> Values:
        """Finish `ids`."""
        return self._each(values, self.market.complete)

    def close(self, values: Values) -> Values:
        """Close `ids` for a `reason` (default seller)."""
        reason = values.get("reason", "seller")
        if reason not in CLOSE_REASONS:
            raise ValueError(f"reason is one of {', '.join(CLOSE_REASONS)}")
        lines = [int(line) for line in values.get("lines", [])]
        return self._each(values, lambda order: self.market.close(order, reason, lines or None))

    def amount(self, values: Values) -> Values:
        """The seller asks `total` fen for `ids`."""
        return self._each(values, lambda order: self.market.change_amount(order, int(values["total"])))

    def line(self, values: Values) -> Values:
        """The seller changes one line of `ids` (`place`, default the first): its `quantity`, `sku_id` or `amount`."""

        def changed(order: Order) -> bool:
            line = order.lines[int(values.get("place", 0))]
            line.quantity = int(values.get("quantity", line.quantity))
            line.amount = int(values.get("amount", line.amount))
            line.sku_id = str(values.get("sku_id", line.sku_id))
            self.market.touched(order)
            return True

        return self._each(values, changed)

    def age(self, values: Values) -> Values:
        """Let `ids` have happened `seconds` earlier (to give a demo a past)."""

        def aged(order: Order) -> bool:
            self.market.store.shift_order(order, int(float(values["seconds"]) * 1000))
            return True

        return self._each(values, aged)

    def mark(self, values: Values) -> Values:
        """Show a raw `status` word for `ids`; empty = the right one again."""

        def marked(order: Order) -> bool:
            order.odd_status = str(values.get("status", ""))
            self.market.touched(order)
            return True

        return self._each(values, marked)

    def orders(self, values: Values) -> Values:
        """Every order with its reference; filters: market, account, reference, status."""
        rows = [self._row(order) for order in self.market.store.orders.values()]
        names = ("market", "account", "reference", "status")
        return {"orders": [row for row in rows if all(values.get(n) in (None, row[n]) for n in names)]}

    def _row(self, order: Order) -> Values:
        return {
            "id": str(order.id),
            "market": order.market,
            "account": order.account,
            "reference": order.reference,
            "seller_id": order.seller_id,
            "status": order.status,
            "total": order.total,
            "freight": order.freight,
            "created": order.created,
            "modified": order.modified,
            "paid_at": order.paid_at,
            "close_reason": order.close_reason,
            "call": order.facts.get("call", ""),
            "parcels": [parcel.number for parcel in order.parcels],
            "lines": [
                {
                    "id": str(line.id),
                    "item_id": line.item_id,
                    "sku_id": line.sku_id,
                    "state": line.state,
                    "quantity": line.quantity,
                    "amount": line.amount,
                    "line_no": line.line_no,
                }
                for line in order.lines
            ],
            "raw_status": STATUS[order.status] if order.market == "taobao" else order.status,
        }

    def _each(self, values: Values, act: Callable[[Order], bool]) -> Values:
        done: list[str] = []
        refused: list[str] = []
        for number in values["ids"] if isinstance(values["ids"], list) else [values["ids"]]:
            order = self.market.store.orders.get(int(number))
            (done if order and act(order) else refused).append(str(number))
        return {"done": done, "refused": refused}

    # goods

    def price(self, values: Values) -> Values:
        """Set `price` (fen) of `sku_id`."""
        return self._sku(values, "price")

    def stock(self, values: Values) -> Values:
        """Set `stock` of `sku_id`."""
        return self._sku(values, "stock")

    def _sku(self, values: Values, name: str) -> Values:
        self.market.set_sku(str(values["sku_id"]), {name: int(values[name])})
        return {"sku_id": str(values["sku_id"]), name: int(values[name])}

    def item(self, values: Values) -> Values:
        """Set the `status` of `item_id`; `published` puts it back on sale."""
        self.market.store.save("item", str(values["item_id"]), {"status": str(values["status"])})
        return values

    # accounts

    def credentials(self, values: Values) -> Values:
        """Fresh tokens of an `account` (default main) of a `market`, with the application's key and secret."""
        market, account = self._owner(values)
        grant, owner = self.accounts.issue(market, account), self.accounts.open(market, account)
        return {
            **self.accounts.app(market),
            "access_token": grant.access_token,
            "refresh_token": grant.refresh_token,
            "expires_at": grant.expires // 1000,
            "refresh_expires_at": grant.refresh_expires // 1000,
            **({"member_id": owner["member_id"]} if market == "alibaba1688" else {}),
        }

    def expire(self, values: Values) -> Values:
        """End the tokens of an account now; `kinds` of access, refresh (default access)."""
        market, account = self._owner(values)
        kinds = values.get("kinds", ["access"])
        return {"ended": self.accounts.expire(market, account, tuple(kinds if isinstance(kinds, list) else [kinds]))}

    @staticmethod
    def _owner(values: Values) -> tuple[str, str]:
        if values.get("market") not in APP_KEYS:
            raise ValueError(f"market is one of {', '.join(APP_KEYS)}")
        return str(values["market"]), str(values.get("account", "main"))

    # behaviour

    def faults(self, values: Values) -> Values:
        """Set `rules` (see faults.Faults); without them, show what is in force and how often each struck."""
        faults = self.gateway.faults
        if "rules" in values:
            faults.set(values["rules"])
            self.market.store.save("setup", "faults", values["rules"])
        return {"rules": faults.rules, "hits": [faults.hits[number] for number in range(len(faults.rules))]}

    def settings(self, values: Values) -> Values:
        """Change settings (see settings.Settings) and show all."""
        if values:
            settings = self.market.settings.changed(values)
            self.market.settings = self.accounts.settings = settings
            self.market.store.save("setup", "settings", vars(settings))
        return vars(self.market.settings)

    def stats(self, values: Values) -> Values:
        """What was counted; `reset` starts again afterwards."""
        figures = self.gateway.stats.to_doc(list(self.market.store.orders.values()))
        if values.get("reset"):
            self.gateway.stats = Stats()
        return figures

    def pushes(self, values: Values) -> Values:
        """How the last push messages were answered, oldest first (status 0: not at all); `reset` forgets them."""
        answers = list(self._pushes.answers)
        if values.get("reset"):
            self._pushes.answers.clear()
        return {"answers": answers}

    def reset(self, values: Values) -> Values:
        """Forget orders, changes of goods, faults and figures; accounts and tokens stay."""
        self.market.store.forget_orders()
        for kind in ("sku", "item"):
            for key in list(self.market.store.things.get(kind, {})):
                self.market.store.save(kind, key, None)
        self.faults({"rules": []})
        self.gateway.stats = Stats()
        return {"ok": True}
