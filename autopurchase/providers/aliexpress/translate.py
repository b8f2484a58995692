"""Requests to and answers from AliExpress, purely. Amounts on the wire are decimal text in major units.

Two kinds of calls go to one origin: business methods to `/sync`, where the method is one of the signed parameters and
there is no path, and token calls to `/rest/…`, where the path is signed. Lists come wrapped in a one-key object.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from autopurchase.domain.errors import BadInput, BrokenAnswer, Refused
from autopurchase.domain.money import Money, digits
from autopurchase.domain.purchase import Placed, PlacedLine, PlacedOrder, Purchase, PurchaseLine
from autopurchase.domain.session import Address, SessionConfig, Tokens
from autopurchase.providers.aliexpress.tables import CODES, COUNTRIES, REPEATED, UNSEEN
from autopurchase.providers.common import retry_after
from autopurchase.providers.lenient import as_dict, as_flag, as_int, as_list, as_text, setting
from autopurchase.providers.redaction import redacted, scrub
from autopurchase.providers.refusals import business_cause, gateway_cause, more_codes, refusal, rules_off

PRODUCT = "aliexpress.ds.product.get"
FREIGHT = "aliexpress.ds.freight.query"
CREATE = "aliexpress.ds.order.create"
ORDER = "aliexpress.trade.ds.order.get"
TRACKING = "aliexpress.ds.order.tracking.get"

USUAL_ZONE = ZoneInfo("America/Los_Angeles")
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """The session's settings, checked. Raises BadInput naming the setting that is wrong."""

    currency: str = "CNY"
    language: str = "en"
    delivery: str = ""
    phone_country: str = ""
    zone: ZoneInfo = USUAL_ZONE
    pay_page: str = ""
    more: Mapping[tuple[str, str], str] = field(default_factory=dict)
    off: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: SessionConfig) -> Options:
        """From the provider settings of a session."""
        currency = setting(config, "currency", "CNY").upper()
        if len(currency) != 3 or not currency.isalpha():
            raise BadInput("Setting “currency” must be three letters, like CNY.")
        return cls(
            currency=currency,
            language=setting(config, "language", "en"),
            delivery=setting(config, "delivery", ""),
            phone_country=setting(config, "phone_country", "").lstrip("+"),
            zone=_zone(setting(config, "time_zone", "America/Los_Angeles")),
            pay_page=setting(config, "pay_page", ""),
            more=more_codes(config.settings),
            off=rules_off(config.settings),
        )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadInput(f"Setting “time_zone” is “{name}”: write it like America/Los_Angeles.") from error


# --- signing and tokens ---


def sign(secret: str, path: str, params: Mapping[str, str]) -> str:
    """Upper-case hex HMAC-SHA256 over path (empty on `/sync`) and sorted pairs, without empty ones and ``sign``."""
    pairs = sorted((key, value) for key, value in params.items() if key and value and key != "sign")
    base = path + "".join(key + value for key, value in pairs)
    return hmac.new(secret.encode(), base.encode(), hashlib.sha256).hexdigest().upper()


def signed(config: SessionConfig, path: str, params: Mapping[str, str], stamp_ms: int) -> dict[str, str]:
    """All parameters of a call with key, time and signature; empty values are not sent."""
    system = {"app_key": config.app_key, "timestamp": str(stamp_ms), "sign_method": "sha256"}
    full = {key: value for key, value in {**params, **system}.items() if value}
    return {**full, "sign": sign(config.app_secret, path, full)}


def business(method: str, params: Mapping[str, str], token: str) -> dict[str, str]:
    """The parameters of a business method, not yet signed."""
    return {**params, "method": method, "session": token, "format": "json", "v": "2.0"}


def compact(value: object) -> str:
    """JSON text for a parameter; made once, so that what is signed is what is sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def tokens(document: Facts, now: datetime, old_refresh: str = "") -> Tokens:
    """Tokens of a token answer; an omitted refresh token keeps the old one. Raises BrokenAnswer when there is none."""
    access = as_text(document.get("access_token"))
    if not access:
        raise BrokenAnswer("The answer holds no token: authorise the session again.", raw=redacted(document))
    return Tokens(
        access_token=access,
        refresh_token=as_text(document.get("refresh_token")) or old_refresh,
        expires_at=_after(now, document.get("expires_in")),
        refresh_expires_at=_after(now, document.get("refresh_expires_in")),
    )


def _after(now: datetime, seconds: object) -> datetime | None:
    life = as_int(seconds)
    return now + timedelta(seconds=life) if life else None


# --- reading ---


def several(value: object) -> list[dict[str, Any]]:
    """The objects of a list, as such or wrapped in a one-key object; one object there is a list of one."""
    if isinstance(value, dict) and len(value) == 1:
        inner = next(iter(value.values()))
        return [inner] if isinstance(inner, dict) else as_list(inner)
    return as_list(value)


def money(facts: object, currency: str = "") -> Money | None:
    """An amount with its currency, or a bare one in ``currency``; None for what is no amount."""
    amount = as_dict(facts).get("amount") if isinstance(facts, dict) else facts
    code = (as_text(as_dict(facts).get("currency_code")) or currency).upper()
    try:
        scaled = Decimal(as_text(amount)).scaleb(digits(code))
        whole = scaled.to_integral_value(ROUND_HALF_UP)
    except ArithmeticError:
        return None
    return Money(int(whole), code) if code and scaled.is_finite() and scaled.adjusted() < 18 else None


@dataclass(frozen=True, slots=True)
class Reader:
    """Checks answers of one session: its own refusal codes, and its secrets for redaction."""

    options: Options
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def raw(self, answer: object) -> str:
        """``answer`` as it may be kept."""
        return redacted(answer, self.secrets)

    def body(self, method: str, document: Facts) -> dict[str, Any]:
        """What a business method answered. Raises the gateway's refusal, BrokenAnswer for no answer of the method."""
        self.gateway(as_dict(document.get("error_response")), "msg", document)
        body = as_dict(document.get(f"{method.replace('.', '_')}_response"))
        if not body:
            raise BrokenAnswer(raw=self.raw(document))
        return body

    def system(self, document: Facts) -> None:
        """Raise what the gateway refused of a token call, whichever of the two shapes it used."""
        self.gateway(as_dict(document.get("error_response")), "msg", document)
        if as_text(document.get("code")) != "0":
            self.gateway(document, "message", document)
            raise BrokenAnswer(raw=self.raw(document))

    def gateway(self, error: Facts, words: str, document: Facts) -> None:
        """Raise the refusal in ``error``, unless it holds none; its text is under ``words``."""
        code, sub = as_text(error.get("code")), as_text(error.get("sub_code"))
        if not code and not sub:
            return
        raw, text = self.raw(document), self._words(error.get(words), error.get("sub_msg"))
        if sub == UNSEEN:
            raise Unseen(raw=raw)
        known = [gateway_cause(CODES, each, text, as_text(error.get("type"))) for each in (sub, code) if each]
        cause = next((each for each in known if each != "unknown_refusal"), "unknown_refusal")
        wait = retry_after({}, text)
        raise refusal(cause, text, sub or code, raw, CODES.pauses.get(code) if wait is None else wait, gateway=True)

    def cause(self, api: str, code: str, text: str) -> str:
        """Cause of a business refusal of ``api`` (a short name)."""
        return business_cause(CODES, api, code, text, self.options.more, self.options.off)

    def _words(self, *parts: object) -> str:
        return scrub(" ".join(dict.fromkeys(filter(None, map(as_text, parts)))), self.secrets)

    # --- create ---

    def placed(self, purchase: Purchase, document: Facts) -> Placed:
        """What a create call made. An order number proves an order, whatever the words beside it say.

        Raises the refusal when there is none; BrokenAnswer when the marketplace failed, knows our reference already, or
        says success without a number.
        """
        result = as_dict(self.body(CREATE, document).get("result"))
        numbers = _numbers(result.get("order_list"))
        raw = self.raw(document)
        if not numbers:
            raise self._not_placed(result, raw)
        lines = tuple(map(_placed_line, purchase.lines)) if len(numbers) == 1 else ()
        return Placed(tuple(PlacedOrder(number, lines=lines) for number in numbers), raw=raw)

    def _not_placed(self, result: Facts, raw: str) -> Exception:
        code, text = as_text(result.get("error_code")), self._words(result.get("error_msg"))
        if code == REPEATED:
            return BrokenAnswer("The marketplace knows our reference already: an earlier call made the order.", raw=raw)
        if as_flag(result.get("is_success")) is not False and not code:
            return BrokenAnswer(raw=raw)
        return refusal(self.cause("create", code, text), text, code, raw)


class Unseen(Refused):
    """The account may not see this order: check number and session; a new order is shown a few seconds later."""

    default_cause = "no_such_order"


def _numbers(value: object) -> list[str]:
    inner = next(iter(value.values()), None) if isinstance(value, dict) else value
    found = inner if isinstance(inner, list) else [inner]
    return list(filter(None, map(as_text, found)))


def _placed_line(line: PurchaseLine) -> PlacedLine:
    return PlacedLine(line.number, item_id=line.item_id, sku_id=line.sku_id, quantity=line.quantity)


# --- requests ---


def address(to: Address, options: Options) -> dict[str, str]:
    """Where an order goes. Raises Refused(bad_address) naming what the session's ship-to address lacks."""
    parts = {
        "contact_person": to.name,
        "full_name": to.name,
        "address": to.address,
        "address2": to.district,
        "city": to.city,
        "province": to.state,
        "country": country(to),
        "zip": to.zip,
        "mobile_no": "".join(filter(str.isdigit, to.mobile_phone or to.phone)),
        "phone_country": options.phone_country,
    }
    needed = ("contact_person", "address", "city", "province", "mobile_no")
    missing = [name.replace("_", " ") for name in needed if not parts[name]]
    if missing:
        raise Refused(f"The session's ship-to address lacks {', '.join(missing)}: fill it in.", cause="bad_address")
    return {key: value for key, value in parts.items() if value}


def country(to: Address) -> str:
    """The two letters of an address's country. Raises Refused(bad_address)."""
    given = to.country.strip()
    known = COUNTRIES.get(given.lower(), given)
    if len(known) != 2 or not known.isascii() or not known.isalpha():
        raise Refused(f"AliExpress wants the country as two letters like DE, not “{given}”.", cause="bad_address")
    return known.upper()


def product_params(item_id: str, to: Address, options: Options) -> dict[str, str]:
    """An item as it is sold to an address."""
    return {
        "product_id": item_id,
        "ship_to_country": country(to),
        "target_currency": options.currency,
        "target_language": options.language,
    }


def freight_params(line: PurchaseLine, sku_id: str, to: Address, options: Options) -> dict[str, str]:
    """The deliveries of a line to an address."""
    asked = {
        "quantity": line.quantity,
        "shipToCountry": country(to),
        "productId": line.item_id,
        "provinceCode": to.state,
        "cityCode": to.city,
        "selectedSkuId": sku_id,
        "language": "en_US",
        "locale": "en_US",
        "currency": options.currency,
    }
    return {"queryDeliveryReq": compact(asked)}


def create_params(purchase: Purchase, reference: str, options: Options) -> dict[str, str]:
    """One order of a purchase under our reference, unpaid. Its lines come from a preview."""
    asked = {
        "out_order_id": reference,
        "logistics_address": address(purchase.ship_to, options),
        "product_items": [_product_item(line) for line in purchase.lines],
    }
    extend = {"payment": {"pay_currency": options.currency, "try_to_pay": "false"}}
    return {"param_place_order_request4_open_api_d_t_o": compact(asked), "ds_extend_request": compact(extend)}


def _product_item(line: PurchaseLine) -> dict[str, object]:
    number: object = int(line.item_id) if line.item_id.isdigit() else line.item_id
    values = {
        "product_id": number,
        "product_count": line.quantity,
        "sku_attr": line.prepared.get("sku_attr", ""),
        "logistics_service_name": line.prepared.get("delivery", ""),
        "order_memo": line.remark,
    }
    return {key: value for key, value in values.items() if value != "" or key == "sku_attr"}


def order_params(number: str) -> dict[str, str]:
    """One order; ids are numbers there."""
    return {"single_order_query": compact({"order_id": int(number) if number.isdigit() else number})}


def batches(numbers: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """``numbers`` in parts of ``size``."""
    return [tuple(numbers[at : at + size]) for at in range(0, len(numbers), size)]
