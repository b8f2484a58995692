"""How to authorise and open sessions at 1688."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from autopurchase.domain.errors import SessionRefused, Unknown
from autopurchase.domain.session import SessionConfig, Tokens
from autopurchase.ports import Clock, Manifest, Pace, PushReader, TokenStore
from autopurchase.providers.alibaba1688.adapter import Alibaba1688
from autopurchase.providers.alibaba1688.client import Gateway
from autopurchase.providers.alibaba1688.manifest import AUTHORIZE_URL, MANIFEST
from autopurchase.providers.alibaba1688.options import options
from autopurchase.providers.alibaba1688.pushes import Alibaba1688Push
from autopurchase.providers.alibaba1688.translate import answers
from autopurchase.providers.tokens import UtcClock


class Alibaba1688Kind:
    """See `ports.ProviderKind` for what each method means and raises."""

    manifest: Manifest = MANIFEST
    push: PushReader | None = Alibaba1688Push()

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or UtcClock()

    def authorize_url(self, config: SessionConfig, redirect_uri: str, state: str) -> str:
        """The page where the account's owner allows the app; its domain must be the one registered with the app."""
        gateway = self._gateway(config)
        page = AUTHORIZE_URL if gateway.is_own else f"{gateway.base_url}/oauth/authorize"
        query = {"client_id": config.app_key, "site": "1688", "redirect_uri": redirect_uri, "state": state}
        return f"{page}?{urlencode(query)}"

    def exchange_code(self, config: SessionConfig, code: str, redirect_uri: str) -> Tokens:
        """Tokens for the code, which lives two minutes and works once: a lost answer means authorising again."""

        def parse(document: dict[str, Any], raw: str) -> Tokens:
            return answers.tokens(document, raw, self._clock.now())

        try:
            return self._gateway(config).exchange(code, redirect_uri, parse)
        except Unknown as error:
            raw = error.raw
        raise SessionRefused("The answer was lost and a code works once: authorise the session again.", raw=raw)

    def open(self, config: SessionConfig, tokens: TokenStore, pace: Pace) -> Alibaba1688:
        """The marketplace as this session sees it. Raises BadInput naming a setting that is wrong."""
        return Alibaba1688(self._gateway(config, pace), options(config), tokens, self._clock)

    def _gateway(self, config: SessionConfig, pace: Pace | None = None) -> Gateway:
        return Gateway(config, self._clock, options(config).send_timestamp, pace)
