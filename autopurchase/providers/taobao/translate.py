"""Requests to and answers from Taobao Global, purely: nothing here reads a clock or the network.

Units: amounts on the wire are integer fen; times are milliseconds (seconds below 10^12). Ids are text with
us and numbers there. The reading of whole orders is in `orders`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.errors import BrokenAnswer, Refused
from autopurchase.domain.money import Money, from_fen
from autopurchase.domain.purchase import (
    Placed,
    PlacedLine,
    PlacedOrder,
    Purchase,
    PurchaseLine,
    RefusedLine,
)
from autopurchase.domain.session import Address, SessionConfig, Tokens
from autopurchase.providers.common import retry_after
from autopurchase.providers.lenient import as_dict, as_flag, as_int, as_list, as_text, setting, whole_setting
from autopurchase.providers.redaction import redacted, scrub
from autopurchase.providers.refusals import business_cause, gateway_cause, more_codes, refusal, rules_off
from autopurchase.providers.taobao import manifest as m
from autopurchase.providers.taobao.tables import CODES, COMPLETED_STATUSES

#: where the business envelope is: under ``result`` for these, at the top for the others
RESULT_APIS = frozenset({"/purchase/order/render", "/logistics/detail/get"})
#: API path -> the name of the API in the refusal tables
API_NAMES = {
    "/product/get": "item",
    "/purchase/order/render": "preview",
    "/purchase/order/create": "create",
    "/purchase/orders/query": "query",
    "/purchase/order/asyn/cancel": "cancel",
    "/logistics/detail/get": "logistics",
}


@dataclass(frozen=True, slots=True)
class Options:
    """The session's settings, checked. Raises BadInput naming the setting that is wrong."""

    body_style: str = "form"
    render_key_style: str = "camel"
    create_key_style: str = "camel"
    line_number_style: str = "number"
    tax_key: str = "taxId"
    tax_id: str = ""
    channel_order_type: str = "PANAMA"
    order_source: str = ""
    item_source_market: str = ""
    need_sys_retry: str = "false"
    support_partial_success: str = "false"
    completed: frozenset[str] = frozenset(COMPLETED_STATUSES.split(", "))
    list_price_field: str = "promotion_price"
    page_size: int = 20
    refresh_margin: timedelta = timedelta(minutes=30)
    pay_page: str = ""
    more: Mapping[tuple[str, str], str] = field(default_factory=dict)
    off: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: SessionConfig) -> Options:
        """From the provider settings of a session."""
        words = setting(config, "completed_statuses", COMPLETED_STATUSES).split(",")
        return cls(
            body_style=setting(config, "body_style", "form", m.BODY_STYLES),
            render_key_style=setting(config, "render_key_style", "camel", m.KEY_STYLES),
            create_key_style=setting(config, "create_key_style", "camel", m.KEY_STYLES),
            line_number_style=setting(config, "line_number_style", "number", m.NUMBER_STYLES),
            tax_key=setting(config, "tax_key", "taxId", ("taxId", "tax_id")),
            tax_id=setting(config, "tax_id", ""),
            channel_order_type=setting(config, "channel_order_type", "PANAMA", m.ORDER_TYPES),
            order_source=setting(config, "order_source", ""),
            item_source_market=setting(config, "item_source_market", ""),
            need_sys_retry=setting(config, "need_sys_retry", "false", m.YES_NO),
            support_partial_success=setting(config, "support_partial_success", "false", m.YES_NO),
            completed=frozenset(word.strip() for word in words if word.strip()),
            list_price_field=setting(config, "list_price_field", "promotion_price", m.PRICE_FIELDS),
            page_size=whole_setting(config, "page_size", 20, 1, 50),
            refresh_margin=timedelta(minutes=whole_setting(config, "refresh_margin_minutes", 30, 0, 100_000)),
            pay_page=setting(config, "pay_page", ""),
            more=more_codes(config.settings),
            off=rules_off(config.settings),
        )


# --- signing and tokens ---


def sign(secret: str, path: str, params: Mapping[str, str]) -> str:
    """Upper-case hex HMAC-SHA256 over path and sorted pairs, without ``sign`` and pairs with an empty side."""
    pairs = sorted((key, value) for key, value in params.items() if key and value and key != "sign")
    base = path + "".join(key + value for key, value in pairs)
    return hmac.new(secret.encode(), base.encode(), hashlib.sha256).hexdigest().upper()


def signed(
    config: SessionConfig, path: str, params: Mapping[str, str], stamp_ms: int, token: str = ""
) -> dict[str, str]:
    """All parameters of a call with system parameters and signature; empty values are not sent."""
    system = {"app_key": config.app_key, "timestamp": str(stamp_ms), "sign_method": "sha256", "access_token": token}
    full = {key: value for key, value in {**params, **system}.items() if value}
    return {**full, "sign": sign(config.app_secret, path, full)}


def compact(value: object) -> str:
    """JSON text for a parameter; made once, so that what is signed is what is sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def tokens(document: Mapping[str, Any], now: datetime, old_refresh: str = "") -> Tokens:
    """Tokens of a token answer (fields at the top, in any case); an omitted refresh token keeps the old
    one.

    Raises BrokenAnswer when there is no access token.
    """
    lower = {str(key).lower(): value for key, value in document.items()}
    access = as_text(lower.get("access_token"))
    if not access:
        raise BrokenAnswer("The answer holds no token: authorise the session again.", raw=redacted(document))
    return Tokens(
        access_token=access,
        refresh_token=as_text(lower.get("refresh_token")) or old_refresh,
        expires_at=_after(now, lower.get("expires_in")),
        refresh_expires_at=_after(now, lower.get("refresh_expires_in")),
    )


def _after(now: datetime, seconds: object) -> datetime | None:
    life = as_int(seconds)
    return now + timedelta(seconds=life) if life else None


# --- envelopes ---


@dataclass(frozen=True, slots=True)
class Reader:
    """Checks answers of one session: its own refusal codes, and its secrets for redaction."""

    options: Options
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def raw(self, answer: object) -> str:
        """``answer`` as it may be kept."""
        return redacted(answer, self.secrets)

    def gateway(self, document: Mapping[str, Any]) -> None:
        """Raise what the gateway refused; BrokenAnswer when the answer has no gateway code at all."""
        code, sub = as_text(document.get("code")), as_text(document.get("sub_code"))
        if code == "0":
            return
        raw = self.raw(document)
        if not code:
            raise BrokenAnswer(raw=raw)
        text = self._words(document.get("message"), document.get("sub_msg"))
        kind = as_text(document.get("type"))
        cause = gateway_cause(CODES, code, text, kind)
        if cause == "unknown_refusal" and sub:
            cause = gateway_cause(CODES, sub, text, kind)
        wait = retry_after({}, text)
        pause = CODES.pauses.get(code) if wait is None else wait
        raise refusal(cause, text, sub or code, raw, pause, gateway=True)

    def business(self, api: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """The ``data`` of an accepted answer. Raises the refusal of either level."""
        self.gateway(document)
        body = as_dict(document.get("result")) if api in RESULT_APIS else dict(document)
        code, text = as_text(body.get("error_code")), self._said(body)
        if as_flag(body.get("success")) is False or code not in {"", "0"}:
            raise refusal(self.cause(api, code, text), text, code, self.raw(document))
        if as_flag(body.get("success")) is None and "data" not in body:
            raise BrokenAnswer(raw=self.raw(document))
        return as_dict(body.get("data"))

    def cause(self, api: str, code: str, text: str) -> str:
        """Cause of a business refusal of ``api``."""
        return business_cause(CODES, API_NAMES[api], code, text, self.options.more, self.options.off)

    def _said(self, body: Mapping[str, Any]) -> str:
        return self._words(body.get("error_msg"), body.get("error_message"), body.get("inner_error_msg"))

    def _words(self, *parts: object) -> str:
        distinct = dict.fromkeys(as_text(part) for part in parts)
        return scrub(" ".join(part for part in distinct if part), self.secrets)

    # --- create ---

    def placed(self, purchase: Purchase, document: Mapping[str, Any]) -> Placed:
        """What a create call made. An order number proves an order, whatever the flags beside it say.

        Raises the gateway's or the business refusal when there is none, BrokenAnswer for success without a
        number.
        """
        data = as_dict(document.get("data"))
        made = [entry for entry in as_list(data.get("order_list")) if as_text(entry.get("purchase_id"))]
        code = as_text(document.get("error_code")) or as_text(data.get("error_code"))
        text = self._words(document.get("error_msg"), data.get("error_message"))
        if not made:
            raise self._not_placed(document, data, code, text)
        orders = tuple(_placed_order(entry, purchase) for entry in made)
        cause = self.cause("/purchase/order/create", code, text)
        refused = tuple(RefusedLine(number, cause, text) for number in _left_out(purchase, orders))
        return Placed(orders, refused, as_text(data.get("payment_url")), self.raw(document))

    def _not_placed(self, document: Mapping[str, Any], data: Mapping[str, Any], code: str, text: str) -> Exception:
        self.gateway(document)
        flags = [as_flag(document.get("success")), as_flag(data.get("success"))]
        said_no = False in flags or code not in {"", "0"}
        if not said_no or self.options.need_sys_retry == "true":
            return BrokenAnswer(raw=self.raw(document))
        return refusal(self.cause("/purchase/order/create", code, text), text, code, self.raw(document))


def _placed_order(entry: Mapping[str, Any], purchase: Purchase) -> PlacedOrder:
    lines = as_list(entry.get("order_line_list"))
    total = as_int(entry.get("estimate_amount"))
    amounts = line_totals(
        [as_int(line.get("estimate_amount")) for line in lines],
        [as_int(line.get("quantity")) or 0 for line in lines],
        total,
    )
    return PlacedOrder(
        provider_order_id=as_text(entry.get("purchase_id")),
        total=fen(total),
        lines=tuple(_placed_line(line, amount, purchase) for line, amount in zip(lines, amounts, strict=True)),
    )


def _placed_line(line: Mapping[str, Any], amount: int | None, purchase: Purchase) -> PlacedLine:
    number = as_text(line.get("order_line_no"))
    return PlacedLine(
        number=number if number in {ours.number for ours in purchase.lines} else "",
        provider_line_id=as_text(line.get("sub_purchase_order_id")),
        item_id=as_text(line.get("item_id")),
        sku_id=as_text(line.get("sku_id")),
        quantity=as_int(line.get("quantity")) or 0,
        amount=fen(amount),
    )


def _left_out(purchase: Purchase, orders: Sequence[PlacedOrder]) -> list[str]:
    """Our lines that no order holds; none when the answer does not name its lines."""
    if any(not order.lines or any(not line.number for line in order.lines) for order in orders):
        return []
    placed = {line.number for order in orders for line in order.lines}
    return [line.number for line in purchase.lines if line.number not in placed]


def line_totals(amounts: Sequence[int | None], quantities: Sequence[int], total: int | None) -> list[int | None]:
    """Line totals in fen of amounts that are line totals, unless only unit prices add up to ``total`` (mapping 4.3)."""
    known = [amount or 0 for amount in amounts]
    units = [amount * quantity for amount, quantity in zip(known, quantities, strict=True)]
    if total is not None and sum(known) != total and sum(units) == total:
        return [unit if amount is not None else None for unit, amount in zip(units, amounts, strict=True)]
    return list(amounts)


def fen(value: int | None) -> Money | None:
    """CNY of fen; None stays None."""
    return None if value is None else from_fen(value)


# --- requests ---


def order_lines(lines: Sequence[PurchaseLine], options: Options) -> str:
    """``order_line_list`` of create. Every line must be prepared and priced."""
    return compact([_order_line(line, options) for line in lines])


def _order_line(line: PurchaseLine, options: Options) -> dict[str, object]:
    price = line.price.minor if line.price else 0
    values = {
        **_goods(line, options),
        "price": _number(str(price), options),
        "currency": "CNY",
        "title": line.title,
        "orderLineNo": line.number,
        "orderRemark": line.remark,
    }
    return _keys({key: value for key, value in values.items() if value != ""}, options.create_key_style)


def render_lines(lines: Sequence[PurchaseLine], options: Options) -> str:
    """``render_item_List`` of the preview. Every line must be prepared."""
    return compact([_keys(_goods(line, options), options.render_key_style) for line in lines])


def _goods(line: PurchaseLine, options: Options) -> dict[str, object]:
    return {
        "itemId": _number(line.prepared["mp_id"], options),
        "skuId": _number(line.prepared["mp_sku_id"], options),
        "quantity": _number(str(line.quantity), options),
    }


_SNAKE = {"itemId": "item_id", "skuId": "sku_id", "orderLineNo": "order_line_no", "orderRemark": "order_remark"}


def _keys(values: Mapping[str, object], style: str) -> dict[str, object]:
    return {_SNAKE.get(key, key): value for key, value in values.items()} if style == "snake" else dict(values)


def _number(text: str, options: Options) -> object:
    return int(text) if options.line_number_style == "number" and text.isdigit() else text


def address(ship_to: Address, options: Options, taxed: bool = False) -> str:
    """An address parameter. Raises Refused(bad_address) when the session's ship-to address is half filled in.

    A session without any address sends none: the marketplace then decides.
    """
    stated = ship_to.name or ship_to.address or ship_to.phone or ship_to.mobile_phone
    if stated and not (ship_to.name and ship_to.address and (ship_to.phone or ship_to.mobile_phone)):
        raise Refused(
            "The session's ship-to address needs a name, a street and a phone: open Sessions and fill it in.",
            cause="bad_address",
        )
    keys = ("country", "state", "city", "district", "address", "zip", "name", "phone", "mobile_phone")
    parts = {key: getattr(ship_to, key) for key in keys if getattr(ship_to, key)}
    if taxed and options.tax_id:
        parts[options.tax_key] = options.tax_id
    return compact(parts)


def render_params(purchase: Purchase, lines: Sequence[PurchaseLine], options: Options) -> dict[str, str]:
    """Parameters of the preview of ``lines`` to the purchase's address, a warehouse in China."""
    where = address(purchase.ship_to, options)
    return {
        "render_item_List": render_lines(lines, options),
        "need_supplychain_service": "false",
        "receiver_address": where,
        "warehouse_address": where,
        "tax_id": options.tax_id,
    }


def create_params(purchase: Purchase, reference: str, options: Options) -> dict[str, str]:
    """Parameters of create under our reference. Every line must be prepared and priced."""
    goods = sum(line.price.minor * line.quantity for line in purchase.lines if line.price)
    return {
        "outer_purchase_id": reference,
        "purchase_amount": str(purchase.total.minor if purchase.total else goods),
        "order_line_list": order_lines(purchase.lines, options),
        "receiver": address(purchase.ship_to, options, taxed=True),
        "warehouse_address_info": address(purchase.ship_to, options),
        "order_source": options.order_source,
        "channel_order_type": options.channel_order_type,
        "support_partial_success": options.support_partial_success,
        "need_sys_retry": options.need_sys_retry,
        "need_supply_chain_service": "false",
        "order_remark": purchase.remark,
    }
