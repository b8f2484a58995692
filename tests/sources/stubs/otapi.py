"""An OT Box shop as far as the operator's part of OTAPI shows it, from the vendor's published description.

It checks what that describes: the instance key, signatures with their time where the key has a secret, the operator's
session and its end, parameters of each method and the XML in them. It answers 200 to every error.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from xml.etree import ElementTree

from tests.sources.stubs.server import Reply, Request

KEY, LOGIN, PASSWORD = "9b1f0c7e-instance-key-4411", "operator", "correct-horse-battery"
SESSION = "b7e2c1d0-session-of-the-operator"
ORDER_STATUSES = {"10": "Awaiting payment", "20": "Confirmed", "30": "Paid", "40": "Completed", "50": "Cancelled"}
LINE_STATUSES = {"1": "New", "2": "Ready to buy", "6": "Bought", "8": "Sent", "12": "Cancelled"}
ALWAYS = {"instanceKey", "language", "signature", "timestamp"}
PARAMS = {
    "AuthenticateInstanceOperator": {"userLogin", "userPassword"},
    "GetOrderStatusList": {"sessionId"},
    "GetOrderLineStatusList": {"sessionId"},
    "SearchOrders": {"sessionId", "xmlSearchParameters", "framePosition", "frameSize"},
    "GetSalesOrderDetailsForOperator": {"sessionId", "orderId", "filter", "queryType"},
    "PurchaseItems": {"sessionId", "xmlPurchaseInfo"},
    "UpdateOrderLinesForOperator": {"sessionId", "orderId", "orderLineIds", "xmlUpdateData"},
}
FIRST_MOMENT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


class Denied(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, sub: str = "", said: str = "") -> None:
        super().__init__(code)
        self.document = {"ErrorCode": code, "SubErrorCode": sub or None, "ErrorDescription": said or code}


@dataclass
class OtShop:
    """The shop's data, and how it judges requests. ``secret``: the key was given one, so requests must be signed."""

    secret: str = ""
    rights: bool = True
    sessions: set[str] = field(default_factory=set)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sign_ins: int = 0
    damage: list[str] = field(default_factory=list)  # what a write did that it never should
    ids: Any = field(default_factory=lambda: count(400_101))

    # --- what happens in the shop ---

    def place(self, lines: Sequence[Mapping[str, Any]], currency: str = "USD", paid: bool = True) -> str:
        """A customer orders; ``lines`` have ItemId, Quantity, Price and what else the case needs."""
        order_id = str(next(self.ids))
        made = [{"Id": str(next(self.ids)), "StatusId": 2, "OperatorComment": "", **line} for line in lines]
        total = sum((Decimal(str(line["Price"])) * int(line["Quantity"]) for line in made), Decimal(0))
        created = FIRST_MOMENT + timedelta(minutes=len(self.orders))
        self.lines[order_id] = made
        self.orders[order_id] = {
            "Id": order_id,
            "DisplayId": f"ORD-{int(order_id):09}",
            "StatusCode": "30" if paid else "20",
            "CreatedDateTime": created.replace(tzinfo=None).isoformat(),
            "CustomerName": "Anna Meyer",
            "CurrencyCode": currency,
            "CurrencySign": "$",
            "GoodsAmount": total,
            "DeliveryAmount": Decimal(0),
            "TotalAmount": total,
            "RemainAmount": Decimal(0) if paid else total,
            "DeliveryAddress": {"Country": "DE", "City": "Berlin", "Address": "Hauptstrasse 1"},
        }
        return order_id

    # --- answering ---

    def answer(self, request: Request) -> Reply:
        method = request.path.removeprefix("/service-json/")
        if method not in PARAMS or not request.path.startswith("/service-json/"):
            return Reply(status=404, text="<html><body>404 - File or directory not found.</body></html>")
        if request.query:
            self.damage.append(f"{method}: parameters in the address, where logs keep them")
        try:
            given = request.form
            self._let_in(method, given)
            result = self._methods()[method](given)
            document = {"ErrorCode": "Ok", "ErrorDescription": "", "RequestId": "1"}
            return _exact({**document, **result})
        except Denied as denied:
            return Reply(denied.document)

    def _methods(self) -> dict[str, Callable[[dict[str, str]], dict[str, Any]]]:
        return {
            "AuthenticateInstanceOperator": self._sign_in,
            "GetOrderStatusList": lambda given: _listed(ORDER_STATUSES),
            "GetOrderLineStatusList": lambda given: _listed(LINE_STATUSES),
            "SearchOrders": self._search,
            "GetSalesOrderDetailsForOperator": self._details,
            "PurchaseItems": self._purchase,
            "UpdateOrderLinesForOperator": self._update,
        }

    def _let_in(self, method: str, given: dict[str, str]) -> None:
        if given.get("instanceKey") != KEY:
            raise Denied("AccessDenied", "InvalidInstanceKey", "Access denied")
        if self.secret:
            self._check_signature(method, given)
        needed = PARAMS[method]
        if set(given) - ALWAYS != needed:
            raise Denied("ValidationError", said=f"{method} takes {sorted(needed)}, not {sorted(set(given) - ALWAYS)}")
        if "sessionId" in needed and given["sessionId"] not in self.sessions:
            raise Denied("SessionExpired", said="Session expired")
        if "sessionId" in needed and not self.rights:
            raise Denied("AccessDenied", said="The operator has no rights on orders")

    def _check_signature(self, method: str, given: dict[str, str]) -> None:
        for name in ("timestamp", "signature"):
            if not given.get(name):
                raise Denied("AccessDenied", f"Missing{name.title()}")
        stated = datetime.strptime(given["timestamp"], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        if abs(datetime.now(UTC) - stated) > timedelta(hours=1):
            raise Denied("AccessDenied", "InvalidTimestamp")
        values = "".join(given[name] for name in sorted(given) if name != "signature")
        if hashlib.sha256(f"{method}{values}{self.secret}".encode()).hexdigest() != given["signature"]:
            raise Denied("AccessDenied", "InvalidSignature")

    def _sign_in(self, given: dict[str, str]) -> dict[str, Any]:
        if (given["userLogin"], given["userPassword"]) != (LOGIN, PASSWORD):
            raise Denied("WrongCredentials", said="Wrong login or password")
        self.sign_ins += 1
        session = f"{SESSION}-{self.sign_ins}"
        self.sessions = {session}
        return {"SessionId": {"Value": session}}

    def _search(self, given: dict[str, str]) -> dict[str, Any]:
        """Newest first, by position: so rows shift while orders come and go."""
        root = _xml(given["xmlSearchParameters"], "OrderSearchParameters")
        wanted = {each.text for each in root.findall("StatusIdList/Id")}
        start, size = int(given["framePosition"]), int(given["frameSize"])
        if not 1 <= size <= 200:
            raise Denied("ValidationError", said="frameSize is from 1 to 200")
        found = [each for each in reversed(self.orders.values()) if each["StatusCode"] in wanted]
        return {"Result": {"Content": found[start : start + size], "TotalCount": len(found)}}

    def _details(self, given: dict[str, str]) -> dict[str, Any]:
        if given["orderId"] not in self.orders:
            raise Denied("NotFound", said=f"Order {given['orderId']} was not found")
        kept = {"0": None, "1": {"2", "3"}, "2": {"6", "7", "8", "9", "10"}}[given["queryType"]]
        lines = [each for each in self.lines[given["orderId"]] if kept is None or str(each["StatusId"]) in kept]
        return {"Result": {"Order": self.orders[given["orderId"]], "Lines": lines}}

    def _purchase(self, given: dict[str, str]) -> dict[str, Any]:
        for info in _xml(given["xmlPurchaseInfo"], "SalesLinePurchInfoList").findall("SalesLinePurchInfo"):
            values = {each.tag: each.text or "" for each in info}
            line = self._line(values["SalesId"], values["SalesLineId"])
            if prices := {name for name in values if name in ("PurchPrice", "PurchDelivery")}:
                self.damage.append(f"prices written back: {prices}")
            line |= {name: values[name] for name in ("OperatorComment", "VendPurchId") if name in values}
        return {}

    def _update(self, given: dict[str, str]) -> dict[str, Any]:
        status = _xml(given["xmlUpdateData"], "OrderLineUpdateData").findtext("StatusId")
        if status not in LINE_STATUSES:
            raise Denied("ValidationError", said="No such status")
        for line_id in given["orderLineIds"].split(";"):
            self._line(given["orderId"], line_id)["StatusId"] = int(status)
        return {}

    def _line(self, order_id: str, line_id: str) -> dict[str, Any]:
        found = [each for each in self.lines.get(order_id, []) if each["Id"] == line_id]
        if not found:
            raise Denied("NotFound", said=f"Line {line_id} was not found")
        return found[0]


def _xml(text: str, root: str) -> ElementTree.Element:
    try:
        found = ElementTree.fromstring(text)  # noqa: S314 — written by the source under test
    except ElementTree.ParseError as error:
        raise Denied("ValidationError", said="The XML cannot be read") from error
    if found.tag != root:
        raise Denied("ValidationError", said=f"{root} is expected")
    return found


def _listed(names: Mapping[str, str]) -> dict[str, Any]:
    return {"Result": {"Content": [{"Id": int(status), "Name": name} for status, name in names.items()]}}


def _exact(document: Mapping[str, Any]) -> Reply:
    """Amounts as numbers with the digits they have, never through binary fractions."""
    return Reply(text=re.sub(r'"decimal:([-0-9.]+)"', r"\1", _json(document)), headers={"Content-Type": "text/json"})


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, default=lambda value: f"decimal:{value}", ensure_ascii=False)
