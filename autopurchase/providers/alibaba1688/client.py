"""HTTP to the gateway: which API is where, signing, and what the gateway itself refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from autopurchase.domain.errors import BrokenAnswer
from autopurchase.domain.session import SessionConfig
from autopurchase.ports import Clock, Pace
from autopurchase.providers.alibaba1688.manifest import MANIFEST
from autopurchase.providers.alibaba1688.signing import sign
from autopurchase.providers.alibaba1688.translate.envelope import gateway_error
from autopurchase.providers.alibaba1688.translate.scalars import aop_date
from autopurchase.providers.common import Answer, Call, Transport, origin, parse_object, retry_after
from autopurchase.providers.redaction import redacted

T = TypeVar("T")

#: reads a document with its redacted text; raises by what it proves
Parse = Callable[[dict[str, Any], str], T]

ROOT = "/openapi/"  # not part of what is signed
DATE_PATTERN = "yyyyMMddHHmmssSSSZ"

#: our short name -> namespace and API name; all are version 1
APIS: dict[str, tuple[str, str]] = {
    "time": ("system", "currentTime"),
    "account": ("com.alibaba.account", "alibaba.account.basic"),
    "item": ("com.alibaba.fenxiao.crossborder", "product.search.queryProductDetail"),
    "preview": ("com.alibaba.trade", "alibaba.createOrder.preview"),
    "createCrossOrder": ("com.alibaba.trade", "alibaba.trade.createCrossOrder"),
    "fastCreateOrder": ("com.alibaba.trade", "alibaba.trade.fastCreateOrder"),
    "list": ("com.alibaba.trade", "alibaba.trade.getBuyerOrderList"),
    "detail": ("com.alibaba.trade", "alibaba.trade.get.buyerView"),
    "logistics": ("com.alibaba.logistics", "alibaba.trade.getLogisticsInfos.buyerView"),
    "cancel": ("com.alibaba.trade", "alibaba.trade.cancel"),
    "pay": ("com.alibaba.trade", "alibaba.alipay.url.get"),
}


@dataclass(frozen=True, slots=True)
class Secrets:
    """Texts to remove from everything that is kept."""

    texts: tuple[str, ...]

    def redacted(self, answer: object) -> str:
        """The answer as kept: bounded JSON text without secrets and personal data."""
        return redacted(answer, self.texts)


class Gateway:
    """Signed calls of one app. ``pace`` is passed before every request; None outside a session."""

    def __init__(self, config: SessionConfig, clock: Clock, send_timestamp: bool, pace: Pace | None = None) -> None:
        """Raises BadInput when the session's address is none."""
        self.base_url = origin(config.base_url or MANIFEST.default_base_url)
        self.app_key = config.app_key
        self._config = config
        self._clock = clock
        self._send_timestamp = send_timestamp
        self._transport = Transport(self.base_url, config.timeout_seconds, pace)

    @property
    def is_own(self) -> bool:
        """Whether this is the marketplace's own gateway, not a training one or a relay."""
        return self.base_url == origin(MANIFEST.default_base_url)

    def secrets(self, *more: str) -> Secrets:
        """The app's secret and ``more``."""
        return Secrets((self._config.app_secret, *more))

    def read(self, api: str, params: Mapping[str, str], token: str, parse: Parse[T]) -> T:
        """A call that changes nothing; repeated a few times on failure."""
        secrets = self.secrets(token)
        return self._transport.read(self._build(api, params, token), lambda answer: _judged(answer, secrets, parse))

    def write(self, api: str, params: Mapping[str, str], token: str, parse: Parse[T]) -> T:
        """A call that changes something; sent once."""
        secrets = self.secrets(token)
        return self._transport.write(self._build(api, params, token), lambda answer: _judged(answer, secrets, parse))

    def server_time(self) -> datetime:
        """The gateway's clock: proves key, secret and network without a token."""
        return self._transport.read(self._build("time", {}, ""), lambda answer: _moment(answer, self.secrets()))

    def exchange(self, code: str, redirect_uri: str, parse: Parse[T]) -> T:
        """Tokens for a code, which works once: sent once."""
        form = {
            "grant_type": "authorization_code",
            "need_refresh_token": "true",
            "redirect_uri": redirect_uri,
            "code": code,
        }
        secrets = self.secrets(code)
        return self._transport.write(lambda: self._token_call(form), lambda answer: _judged(answer, secrets, parse))

    def refresh(self, refresh_token: str, parse: Parse[T]) -> T:
        """Tokens for a refresh token, which stays good: may be repeated."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        secrets = self.secrets(refresh_token)
        return self._transport.read(lambda: self._token_call(form), lambda answer: _judged(answer, secrets, parse))

    def _token_call(self, form: Mapping[str, str]) -> Call:
        """A call of the token endpoint, which is not signed."""
        app = {"client_id": self._config.app_key, "client_secret": self._config.app_secret}
        return Call(f"{ROOT}http/1/system.oauth2/getToken/{self._config.app_key}", form={**form, **app})

    def _build(self, api: str, params: Mapping[str, str], token: str) -> Callable[[], Call]:
        namespace, name = APIS[api]
        path = f"param2/1/{namespace}/{name}/{self._config.app_key}"

        def build() -> Call:
            form = {**params, "_aop_datePattern": DATE_PATTERN}
            if token:
                form["access_token"] = token
            if self._send_timestamp:
                form["_aop_timestamp"] = str(int(self._clock.now().timestamp() * 1000))
            return Call(ROOT + path, form={**form, "_aop_signature": sign(self._config.app_secret, path, form)})

        return build


def _judged(answer: Answer, secrets: Secrets, parse: Parse[T]) -> T:
    """The parsed answer, unless the gateway refused; its own code counts before the HTTP status."""
    raw = secrets.redacted(answer.text)
    try:
        document = parse_object(answer.text)
    except ValueError:
        document = {}
    error = gateway_error(answer.status, document, raw, retry_after(answer.headers, answer.text))
    if error is not None:
        raise error
    return parse(answer.document(secrets.redacted), raw)


def _moment(answer: Answer, secrets: Secrets) -> datetime:
    """The bare JSON text of the clock call."""
    found = aop_date(answer.text.strip().strip('"')) if answer.status == 200 else None
    return found if found is not None else _judged(answer, secrets, _no_moment)


def _no_moment(document: dict[str, Any], raw: str) -> datetime:
    found = aop_date(document.get("result"))
    if found is None:
        raise BrokenAnswer("The marketplace's clock cannot be read.", raw=raw)
    return found
