"""Applications, purchasing accounts, codes and tokens of all markets."""

import secrets
from dataclasses import dataclass
from typing import Any

from autopurchase.sandbox.catalogue import dice
from autopurchase.sandbox.settings import Settings
from autopurchase.sandbox.store import Store
from autopurchase.sandbox.when import now_ms

APP_KEYS = {"taobao": "500100", "alibaba1688": "7700100", "aliexpress": "510200"}
ACCESS_SECONDS = {"taobao": 2_592_000, "alibaba1688": 36_000, "aliexpress": 2_592_000}
REFRESH_SECONDS = {"taobao": 5_184_000, "alibaba1688": 15_552_000, "aliexpress": 5_184_000}
CODE_SECONDS = {"taobao": 1800, "alibaba1688": 120, "aliexpress": 1800}


@dataclass(frozen=True)
class Grant:
    """A pair of tokens with their ends (ms)."""

    account: str
    access_token: str
    refresh_token: str
    expires: int
    refresh_expires: int


class Accounts:
    """Who may call, and as whom."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        for market in APP_KEYS:
            if not store.get("app", market):
                store.save("app", market, {"app_key": APP_KEYS[market], "app_secret": secrets.token_hex(16)})

    def secret(self, market: str, app_key: str) -> str | None:
        """The secret of an application, None for a wrong key."""
        app = self.store.get("app", market)
        return str(app["app_secret"]) if app["app_key"] == app_key else None

    def market_of(self, app_key: str) -> str:
        """The market of an application; empty for an unknown key."""
        return next((market for market, known in APP_KEYS.items() if known == app_key), "")

    def app(self, market: str) -> dict[str, str]:
        """Key and secret of the market's one application."""
        return dict(self.store.get("app", market))

    def names(self, market: str) -> list[str]:
        """Known accounts of a market."""
        prefix = market + ":"
        return sorted(key[len(prefix) :] for key in self.store.things.get("account", {}) if key.startswith(prefix))

    def open(self, market: str, name: str) -> dict[str, str]:
        """The account's identity, made on first use."""
        known = self.store.get("account", f"{market}:{name}")
        if not known:
            number = dice(f"{market}:{name}", 2_210_000_000_000, 2_219_999_999_999)
            known = {"name": name, "user_id": str(number), "member_id": f"b2b-{number}", "login_id": f"{name}-buyer"}
            self.store.save("account", f"{market}:{name}", known)
        return dict(known)

    def code(self, market: str, name: str, redirect: str) -> str:
        """A code that works once and not for long."""
        self.open(market, name)
        code = f"{'0_' if market == 'taobao' else ''}{secrets.token_hex(16)}"
        life = self.settings.code_seconds or CODE_SECONDS[market]
        self.store.save(
            "code", code, {"market": market, "account": name, "redirect": redirect, "expires": now_ms() + life * 1000}
        )
        return code

    def redeem(self, market: str, code: str) -> Grant | None:
        """Tokens for a code; None when it is unknown, used or too old."""
        known = self.store.get("code", code)
        if not known or known["market"] != market:
            return None
        self.store.save("code", code, None)
        return self.issue(market, known["account"]) if known["expires"] > now_ms() else None

    def issue(self, market: str, name: str) -> Grant:
        """Fresh tokens of an account."""
        self.open(market, name)
        refresh = self._token("refresh", market, name, now_ms() + self._life(market, "refresh") * 1000)
        return self._grant(market, name, refresh)

    def refresh(self, market: str, refresh_token: str) -> Grant | None:
        """A new access token; None when the refresh token is unknown or dead. The refresh token stays."""
        known = self._alive("refresh", market, refresh_token)
        return self._grant(market, known["account"], refresh_token) if known else None

    def who(self, market: str, access_token: str) -> str | None:
        """The account of a living access token."""
        known = self._alive("access", market, access_token)
        return str(known["account"]) if known else None

    def owner(self, market: str, access_token: str) -> str | None:
        """The account of an access token, dead or alive."""
        known = self.store.get("access", access_token)
        return str(known["account"]) if known and known["market"] == market else None

    def expire(self, market: str, name: str, kinds: tuple[str, ...]) -> int:
        """End the account's tokens now; how many."""
        ended = 0
        for kind in kinds:
            for token, known in list(self.store.things.get(kind, {}).items()):
                if known["market"] == market and known["account"] == name:
                    self.store.save(kind, token, {**known, "expires": now_ms() - 1})
                    ended += 1
        return ended

    def _grant(self, market: str, name: str, refresh: str) -> Grant:
        expires = now_ms() + self._life(market, "access") * 1000
        access = self._token("access", market, name, expires)
        return Grant(name, access, refresh, expires, int(self.store.get("refresh", refresh)["expires"]))

    def _token(self, kind: str, market: str, name: str, expires: int) -> str:
        token = secrets.token_hex(20)
        self.store.save(kind, token, {"market": market, "account": name, "expires": expires})
        return token

    def _alive(self, kind: str, market: str, token: str) -> dict[str, Any] | None:
        known = self.store.get(kind, token)
        return known if known and known["market"] == market and known["expires"] > now_ms() else None

    def _life(self, market: str, kind: str) -> int:
        if kind == "access":
            return self.settings.access_seconds or ACCESS_SECONDS[market]
        return self.settings.refresh_seconds or REFRESH_SECONDS[market]
