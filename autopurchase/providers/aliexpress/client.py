"""AliExpress over HTTP: signed calls, and which of them make up each ability."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from autopurchase.domain.errors import NotSupported, Refused, SessionRefused, Unknown
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.purchase import (
    Account,
    Cancelled,
    OrderIds,
    PayLink,
    Placed,
    Preview,
    PreviewLine,
    Purchase,
    PurchaseLine,
)
from autopurchase.domain.session import Address, SessionConfig, Tokens
from autopurchase.ports import Clock, Manifest, Pace, PushReader, TokenStore
from autopurchase.providers.aliexpress import orders, previews
from autopurchase.providers.aliexpress import translate as tr
from autopurchase.providers.aliexpress.manifest import MANIFEST
from autopurchase.providers.common import Call, Transport, origin
from autopurchase.providers.lenient import as_dict
from autopurchase.providers.tokens import Authorised, UtcClock

T = TypeVar("T")

_SENT = frozenset(
    {ProviderState.PARTLY_SHIPPED, ProviderState.SHIPPED, ProviderState.DELIVERED, ProviderState.COMPLETED}
)


class Gateway:
    """Signed calls of one app."""

    def __init__(self, config: SessionConfig, clock: Clock, pace: Pace | None = None) -> None:
        """``pace`` is passed before every request; None outside a session."""
        self.config = config
        self.options = tr.Options.of(config)
        self.clock = clock
        self.base_url = origin(config.base_url or MANIFEST.default_base_url)
        self._transport = Transport(self.base_url, config.timeout_seconds, pace)

    def reader(self, *secrets: str) -> tr.Reader:
        """A reader of answers that removes the app secret and ``secrets``."""
        return tr.Reader(self.options, (self.config.app_secret, *secrets))

    def system(self, path: str, params: Mapping[str, str], reader: tr.Reader, *, once: bool = False) -> dict[str, Any]:
        """A token call, judged; ``once``: sent a single time."""

        def parse(document: dict[str, Any]) -> dict[str, Any]:
            reader.system(document)
            return document

        send = self._transport.write if once else self._transport.read
        return send(self._build(f"/rest{path}", path, params), lambda answer: parse(answer.document(reader.raw)))

    def read(self, params: Mapping[str, str], reader: tr.Reader, parse: Callable[[dict[str, Any]], T]) -> T:
        """A business method that changes nothing."""
        return self._transport.read(self._build("/sync", "", params), lambda found: parse(found.document(reader.raw)))

    def write(self, params: Mapping[str, str], reader: tr.Reader, parse: Callable[[dict[str, Any]], T]) -> T:
        """A business method that changes something, sent once."""
        return self._transport.write(self._build("/sync", "", params), lambda found: parse(found.document(reader.raw)))

    def _build(self, path: str, signed_path: str, params: Mapping[str, str]) -> Callable[[], Call]:
        def build() -> Call:
            stamp = int(self.clock.now().timestamp() * 1000)
            return Call(path, form=tr.signed(self.config, signed_path, params, stamp))

        return build


class AliExpressProvider:
    """One purchasing account at AliExpress. See `ports.Provider` for what each method means and raises."""

    manifest: Manifest = MANIFEST

    def __init__(self, gateway: Gateway, tokens: TokenStore) -> None:
        self._gateway = gateway
        self._options = gateway.options
        self._authorised = Authorised(tokens, self._refresh, gateway.clock)

    # --- reading ---

    def check(self) -> Account:
        """Whether the token is accepted: an order that cannot be ours is asked for. Nothing tells whose it is."""
        try:
            self._read(tr.ORDER, tr.order_params("1"))
        except tr.Unseen:
            pass
        return Account(login="", account_id="", checked_at=self._gateway.clock.now())

    def preview(self, purchase: Purchase) -> Preview:
        """Each item looked up once, then the deliveries of every line that can be bought."""
        tr.address(purchase.ship_to, self._options)
        items, answers = self._items(purchase.lines, purchase.ship_to)
        lines = [
            previews.prepare(line, items[line.item_id], previews.wanted(purchase, line)) for line in purchase.lines
        ]
        ways = {}
        for line, checked in zip(purchase.lines, lines, strict=True):
            if not checked.cause:
                body = self._read(tr.FREIGHT, self._freight(line, checked, purchase.ship_to))
                ways[line.number] = previews.delivery(body, self._options, self._reader())
                answers.append(body)
        return previews.preview(lines, ways, answers, self._reader())

    def _freight(self, line: PurchaseLine, checked: PreviewLine, to: Address) -> dict[str, str]:
        return tr.freight_params(line, checked.prepared["sku_id"], to, self._options)

    def _items(
        self, lines: Sequence[PurchaseLine], to: Address
    ) -> tuple[dict[str, previews.Item], list[dict[str, Any]]]:
        found: dict[str, previews.Item] = {}
        answers = []
        for item_id in dict.fromkeys(line.item_id for line in lines):
            body = self._read(tr.PRODUCT, tr.product_params(item_id, to, self._options))
            found[item_id] = previews.item(body, self._reader())
            answers.append(body)
        return found, answers

    def order_ids(self, lines: Sequence[PurchaseLine]) -> dict[str, OrderIds]:
        """Orders show the ids of the items' own pages."""
        return {line.number: OrderIds(line.item_id, line.sku_id) for line in lines}

    def get(self, provider_order_id: str) -> ProviderOrder:
        """One order, and the parcels of one that was sent."""
        body = self._read(tr.ORDER, tr.order_params(provider_order_id))
        found = orders.order(provider_order_id, as_dict(body.get("result")), self._reader())
        if found.state not in _SENT:
            return found
        tracking = self._read(tr.TRACKING, {"ae_order_id": provider_order_id, "language": "en_US"})
        return orders.with_tracking(found, as_dict(tracking.get("result")), self._options.zone)

    def find_by_reference(self, reference: str, sent_at: datetime, purchase: Purchase) -> list[ProviderOrder]:
        """It cannot: neither a search nor a list exists."""
        raise NotSupported(
            f"AliExpress cannot be asked for our reference {reference}: look among the account's orders on its site."
        )

    def changed_since(self, since: datetime, until: datetime) -> Iterator[Sequence[ProviderOrder]]:
        """It cannot: its orders are read one by one."""
        raise NotSupported("AliExpress lists no orders: they are read one by one, by their numbers.")

    # --- writing ---

    def create(self, purchase: Purchase, reference: str) -> Placed:
        """One call. Lines without a preview's key and delivery are looked up before it."""
        ready = purchase if all("sku_attr" in line.prepared for line in purchase.lines) else self._ready(purchase)
        params = tr.create_params(ready, reference, self._options)

        def call(token: str) -> Placed:
            reader = self._gateway.reader(token)
            asked = tr.business(tr.CREATE, params, token)
            return self._gateway.write(asked, reader, lambda document: reader.placed(ready, document))

        return self._authorised.run(call)

    def _ready(self, purchase: Purchase) -> Purchase:
        """The purchase as its preview has it. Raises Refused with the cause of a line that cannot be bought."""
        found = {line.number: line for line in self.preview(purchase).lines}
        for line in found.values():
            if line.cause:
                raise Refused(f"Line {line.number}: {line.text}", cause=line.cause)
        return previews.prepared(purchase, found)

    def cancel(self, provider_order_id: str, reason: str) -> Cancelled:
        """It cannot: a person does it on the site."""
        raise NotSupported(
            f"AliExpress cancels nothing by its interface: cancel {provider_order_id} on its site, then synchronise."
        )

    def pay_links(self, provider_order_ids: Sequence[str]) -> list[PayLink]:
        """The page of each order, where a person pays. There is no call for it: the address is a setting."""
        own = self._gateway.base_url == MANIFEST.default_base_url
        # another gateway (training, relay) has a page of its own
        usual = (
            MANIFEST.order_url.replace("{order_id}", "{ids}") if own else f"{self._gateway.base_url}/pay?ids={{ids}}"
        )
        page = self._options.pay_page or usual
        return [
            PayLink(page.replace("{ids}", quote(",".join(batch), safe=",")), batch)
            for batch in tr.batches(provider_order_ids, self.manifest.pay_batch)
        ]

    # --- calls ---

    def _read(self, method: str, params: Mapping[str, str]) -> dict[str, Any]:
        def call(token: str) -> dict[str, Any]:
            reader = self._gateway.reader(token)
            asked = tr.business(method, params, token)
            return self._gateway.read(asked, reader, lambda document: reader.body(method, document))

        return self._authorised.run(call)

    def _reader(self) -> tr.Reader:
        return self._gateway.reader(*self._authorised.secrets())

    def _refresh(self, stale: Tokens) -> Tokens:
        if not stale.refresh_token:
            raise SessionRefused()
        reader = self._gateway.reader(stale.access_token, stale.refresh_token)
        document = self._gateway.system("/auth/token/refresh", {"refresh_token": stale.refresh_token}, reader)
        return tr.tokens(document, self._gateway.clock.now(), stale.refresh_token)


class AliExpressKind:
    """How to authorise and open sessions at AliExpress."""

    manifest: Manifest = MANIFEST
    push: PushReader | None = None  # how its pushes are signed is not confirmed: orders are polled

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or UtcClock()

    def authorize_url(self, config: SessionConfig, redirect_uri: str, state: str) -> str:
        """The page where the account's owner allows the app."""
        query = {
            "response_type": "code",
            "force_auth": "true",
            "redirect_uri": redirect_uri,
            "client_id": config.app_key,
            "state": state,
        }
        return f"{origin(config.base_url or MANIFEST.default_base_url)}/oauth/authorize?{urlencode(query)}"

    def exchange_code(self, config: SessionConfig, code: str, redirect_uri: str) -> Tokens:
        """Tokens for the code; sent once, as a code works once: a lost answer means authorising again."""
        gateway = Gateway(config, self._clock)
        try:
            document = gateway.system("/auth/token/create", {"code": code}, gateway.reader(code), once=True)
            return tr.tokens(document, self._clock.now())
        except SessionRefused:
            raise
        except Refused as error:
            words, raw = error.sentence, error.raw
        except Unknown as error:
            words, raw = "The answer was lost.", error.raw
        raise SessionRefused(f"A code works once and not for long: authorise the session again. {words}", raw=raw)

    def open(self, config: SessionConfig, tokens: TokenStore, pace: Pace) -> AliExpressProvider:
        """The marketplace as this session sees it. Raises BadInput naming a setting that is wrong."""
        return AliExpressProvider(Gateway(config, self._clock, pace), tokens)
