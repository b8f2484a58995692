"""Taobao Global over HTTP: signed calls, paging, and the order of calls behind each ability."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from autopurchase.domain.causes import cause as cause_of
from autopurchase.domain.errors import NoSuchOrder, ProviderDown, Refused, SessionRefused, Unknown
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
from autopurchase.domain.session import SessionConfig, Tokens
from autopurchase.ports import Clock, Manifest, Pace, PushReader, TokenStore
from autopurchase.providers.common import Call, Transport, origin
from autopurchase.providers.lenient import as_int, as_list, as_text
from autopurchase.providers.taobao import orders, previews
from autopurchase.providers.taobao import translate as tr
from autopurchase.providers.taobao.manifest import MANIFEST
from autopurchase.providers.taobao.pushes import TaobaoPush
from autopurchase.providers.tokens import Authorised, UtcClock

T = TypeVar("T")

ROOT = "/rest"  # not part of what is signed
MOST_PAGES = 2000  # of one listing; a bound, not an expectation


class Gateway:
    """Signed calls of one app to the gateway."""

    def __init__(self, config: SessionConfig, options: tr.Options, clock: Clock, pace: Pace | None = None) -> None:
        """``pace`` is passed before every request; None outside a session."""
        self.config = config
        self.options = options
        self.clock = clock
        self.base_url = origin(config.base_url or MANIFEST.default_base_url)
        self._transport = Transport(self.base_url, config.timeout_seconds, pace)

    def reader(self, *secrets: str) -> tr.Reader:
        """A reader of answers that removes the app secret and ``secrets``."""
        return tr.Reader(self.options, (self.config.app_secret, *secrets))

    def read(
        self,
        api: str,
        params: Mapping[str, str],
        reader: tr.Reader,
        parse: Callable[[dict[str, Any]], T],
        token: str = "",
    ) -> T:
        """A read, repeated while it fails; ``parse`` judges the answer, the gateway's refusals included."""
        return self._transport.read(self._build(api, params, token), lambda answer: parse(answer.document(reader.raw)))

    def write(
        self,
        api: str,
        params: Mapping[str, str],
        reader: tr.Reader,
        parse: Callable[[dict[str, Any]], T],
        token: str = "",
    ) -> T:
        """A write, sent once; ``parse`` judges the answer, the gateway's refusals included."""
        return self._transport.write(self._build(api, params, token), lambda answer: parse(answer.document(reader.raw)))

    def _build(self, api: str, params: Mapping[str, str], token: str) -> Callable[[], Call]:
        def build() -> Call:
            stamp = int(self.clock.now().timestamp() * 1000)
            full = tr.signed(self.config, api, params, stamp, token)
            style = self.options.body_style
            return Call(
                ROOT + api,
                form=full if style == "form" else None,
                json=full if style == "json" else None,
                query=full if style == "query" else None,
            )

        return build


class TaobaoProvider:
    """One purchasing account at Taobao Global. See `ports.Provider` for what each method means and raises."""

    manifest: Manifest = MANIFEST

    def __init__(self, gateway: Gateway, tokens: TokenStore) -> None:
        self._gateway = gateway
        self._options = gateway.options
        self._clock = gateway.clock
        self._authorised = Authorised(tokens, self._refresh, gateway.clock, gateway.options.refresh_margin)

    # --- reading ---

    def check(self) -> Account:
        """The account, from the first page of its orders: there is no call that only tells who we are."""
        document, data = self._query({"page_no": "1", "page_size": "1"})
        first = next(iter(as_list(data.get("purchase_orders"))), {})
        details = {"orders": as_text(data.get("results_total")), "request": as_text(document.get("request_id"))}
        return Account(
            login=as_text(first.get("distributor_nick")),
            account_id=as_text(first.get("sub_user_id")),
            checked_at=self._clock.now(),
            details={name: value for name, value in details.items() if value},
        )

    def preview(self, purchase: Purchase) -> Preview:
        """Each item looked up once, then one render call for the lines that can be ordered."""
        checked = self._prepare(purchase)
        good = [
            previews.ready(line, state) for line, state in zip(purchase.lines, checked, strict=True) if not state.cause
        ]
        if not good:
            return Preview(tuple(checked))
        params = tr.render_params(purchase, good, self._options)
        document, data = self._read("/purchase/order/render", params)
        reader = self._reader()
        return previews.preview(purchase, checked, data, reader, reader.raw(document))

    def order_ids(self, lines: Sequence[PurchaseLine]) -> dict[str, OrderIds]:
        """Distribution ids, each item looked up once: orders show no others."""
        known = self._items(lines)
        found = {line.number: previews.order_ids(line, known[line.item_id]) for line in lines}
        return {number: ids for number, ids in found.items() if ids is not None}

    def get(self, provider_order_id: str) -> ProviderOrder:
        """One order, and the logistics of its shipped lines."""
        number = as_int(provider_order_id)
        _, data = self._query({"purchase_ids": tr.compact([number if number is not None else provider_order_id])})
        for found in self._orders(data):
            if found.provider_order_id == provider_order_id:
                return self._with_logistics(found)
        raise NoSuchOrder(f"The account has no order {provider_order_id}: check the number and the session.")

    def find_by_reference(self, reference: str, sent_at: datetime, purchase: Purchase) -> list[ProviderOrder]:
        """Orders with our reference. Should the filter be ignored, the orders since ``sent_at`` are read instead."""
        _, data = self._query({"outer_purchase_id": reference, "page_no": "1", "page_size": "50"})
        found = self._orders(data)
        if all(order.reference == reference for order in found):
            return found
        since = sent_at - timedelta(hours=1)  # clocks differ
        pages = self.changed_since(since, self._clock.now() + timedelta(hours=1))
        return [order for page in pages for order in page if order.reference == reference]

    def changed_since(self, since: datetime, until: datetime) -> Iterator[Sequence[ProviderOrder]]:
        """Pages by modification time, oldest first.

        After each page the window starts anew at its last time: an order that is modified meanwhile leaves
        the window, and page numbers alone would then skip the one that moved up.
        """
        start, page_no, held = _ms(since), 1, 0
        seen: set[tuple[str, object]] = set()
        for _ in range(MOST_PAGES):
            data = self._window(start, _ms(until), page_no)
            page = as_list(data.get("purchase_orders"))
            fresh = [entry for entry in page if _version(entry) not in seen]
            if fresh:
                seen.update(map(_version, fresh))
                yield [orders.order(entry, self._reader()) for entry in fresh]
            held, total = held + len(page), as_int(data.get("results_total"))
            if not page or (total is not None and held >= total):
                return
            last = _last_change(page)
            start, page_no, held = (last, 1, 0) if last > start else (start, page_no + 1, held)
        raise ProviderDown("The list of changed orders does not end: synchronise a shorter time.")

    def _window(self, start: int, end: int, page_no: int) -> dict[str, Any]:
        params = {
            "modify_time_start": str(start),
            "modify_time_end": str(end),
            "page_no": str(page_no),
            "page_size": str(self._options.page_size),
            "sort_field": "modify_time",
            "sort_type": "ASC",
        }
        return self._query(params)[1]

    # --- writing ---

    def create(self, purchase: Purchase, reference: str) -> Placed:
        """One POST. Lines without the preview's ids are looked up before it."""
        ready = self._ready(purchase)
        params = tr.create_params(ready, reference, self._options)
        return self._write("/purchase/order/create", params, lambda document: self._reader().placed(ready, document))

    def cancel(self, provider_order_id: str, reason: str) -> Cancelled:
        """The marketplace accepts the task; whether it closed the order must be read back."""
        params = {"purchase_id": provider_order_id, "cancel_reason": reason or "no longer needed"}
        return self._write(
            "/purchase/order/asyn/cancel", params, lambda document: self._cancelled(provider_order_id, document)
        )

    def _cancelled(self, provider_order_id: str, document: dict[str, Any]) -> Cancelled:
        reader = self._reader()
        reader.gateway(document)
        try:
            reader.business("/purchase/order/asyn/cancel", document)
        except SessionRefused:
            raise
        except Refused as error:
            words = f"The order was not cancelled; a paid one needs a refund instead. {error.sentence}"
            raise Refused(words, cause=error.cause, raw=error.raw) from None
        return Cancelled(provider_order_id, done=False, raw=reader.raw(document))

    def pay_links(self, provider_order_ids: Sequence[str]) -> list[PayLink]:
        """Pages for up to ten orders each. There is no call for it: the address is a setting."""
        size = self.manifest.pay_batch
        batches = [tuple(provider_order_ids[at : at + size]) for at in range(0, len(provider_order_ids), size)]
        return [PayLink(self._pay_page(batch), batch) for batch in batches]

    def _pay_page(self, batch: Sequence[str]) -> str:
        own = self._gateway.base_url == MANIFEST.default_base_url
        # another gateway (training, relay) serves its own page where the create answer says it does
        usual = MANIFEST.order_url if own else f"{self._gateway.base_url}/pay?ids={{ids}}"
        return (self._options.pay_page or usual).replace("{ids}", quote(",".join(batch), safe=","))

    # --- items ---

    def _prepare(self, purchase: Purchase) -> list[PreviewLine]:
        known = self._items(purchase.lines)
        return [previews.prepare(line, known[line.item_id], previews.wanted(purchase, line)) for line in purchase.lines]

    def _items(self, lines: Sequence[PurchaseLine]) -> dict[str, previews.Item]:
        return {item_id: self._item(item_id) for item_id in dict.fromkeys(line.item_id for line in lines)}

    def _item(self, item_id: str) -> previews.Item:
        """The item; one that the marketplace refuses is unavailable, but a refused session is raised."""
        market = self._options.item_source_market
        try:
            _, data = self._read("/product/get", {"item_id": item_id, "item_source_market": market})
        except Refused as error:
            if not cause_of(error.cause).holds:
                raise
            return previews.Item("", text=error.sentence)
        return previews.item(data, self._options.list_price_field)

    def _ready(self, purchase: Purchase) -> Purchase:
        """The purchase with ids and prices on every line. Raises Refused with the cause of a line that has none."""
        if all(_is_ready(line) for line in purchase.lines):
            return purchase
        checked = self._prepare(purchase)
        for state in checked:
            if state.cause:
                raise Refused(f"Line {state.number}: {state.text}", cause=state.cause)
        lines = tuple(previews.ready(line, state) for line, state in zip(purchase.lines, checked, strict=True))
        return replace(purchase, lines=lines)

    # --- calls ---

    def _with_logistics(self, found: ProviderOrder) -> ProviderOrder:
        shipped = [line.provider_line_id for line in found.lines if line.state is ProviderState.SHIPPED]
        if not shipped:
            return found
        return orders.with_logistics(found, {line_id: self._logistics(line_id) for line_id in shipped})

    def _logistics(self, line_id: str) -> dict[str, Any]:
        return self._read("/logistics/detail/get", {"purchase_order_line_id": line_id})[1]

    def _orders(self, data: Mapping[str, Any]) -> list[ProviderOrder]:
        reader = self._reader()
        return [orders.order(entry, reader) for entry in as_list(data.get("purchase_orders"))]

    def _query(self, params: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._read("/purchase/orders/query", params)

    def _read(self, api: str, params: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The whole answer of a read and its business ``data``."""

        def call(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
            reader = self._gateway.reader(token)
            return self._gateway.read(api, params, reader, lambda doc: (doc, reader.business(api, doc)), token)

        return self._authorised.run(call)

    def _write(self, api: str, params: Mapping[str, str], parse: Callable[[dict[str, Any]], T]) -> T:
        return self._authorised.run(
            lambda token: self._gateway.write(api, params, self._gateway.reader(token), parse, token)
        )

    def _reader(self) -> tr.Reader:
        return self._gateway.reader(*self._authorised.secrets())

    def _refresh(self, stale: Tokens) -> Tokens:
        return refresh(self._gateway, stale)


def _is_ready(line: PurchaseLine) -> bool:
    return bool(line.prepared.get("mp_id") and line.prepared.get("mp_sku_id") and line.price)


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def _version(entry: Mapping[str, Any]) -> tuple[str, object]:
    return as_text(entry.get("purchase_id")), as_int(entry.get("modify_time"))


def _last_change(page: Sequence[Mapping[str, Any]]) -> int:
    """The last modification time of a page; 0 where the page is not in ascending order."""
    times = [as_int(entry.get("modify_time")) or 0 for entry in page]
    return times[-1] if times == sorted(times) else 0


def refresh(gateway: Gateway, stale: Tokens) -> Tokens:
    """New tokens for old ones. Raises SessionRefused when the refresh token is dead or missing."""
    if not stale.refresh_token:
        raise SessionRefused()
    reader = gateway.reader(stale.access_token, stale.refresh_token)

    def parse(document: dict[str, Any]) -> Tokens:
        reader.gateway(document)
        return tr.tokens(document, gateway.clock.now(), stale.refresh_token)

    return gateway.read("/auth/token/refresh", {"refresh_token": stale.refresh_token}, reader, parse)


class TaobaoKind:
    """How to authorise and open sessions at Taobao Global."""

    manifest: Manifest = MANIFEST
    push: PushReader | None = TaobaoPush()

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or UtcClock()

    def authorize_url(self, config: SessionConfig, redirect_uri: str, state: str) -> str:
        """The page where the owner of the purchasing account allows the app."""
        query = {
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "force_auth": "true",
            "client_id": config.app_key,
            "state": state,
        }
        return f"{origin(config.base_url or MANIFEST.default_base_url)}/oauth/authorize?{urlencode(query)}"

    def exchange_code(self, config: SessionConfig, code: str, redirect_uri: str) -> Tokens:
        """Tokens for the code; sent once, as a code works once: a lost answer means authorising again."""
        gateway = self._gateway(config)
        reader = gateway.reader(code)

        def parse(document: dict[str, Any]) -> Tokens:
            reader.gateway(document)
            return tr.tokens(document, self._clock.now())

        try:
            return gateway.write("/auth/token/create", {"code": code}, reader, parse)
        except SessionRefused:
            raise
        except Refused as error:
            words, raw = error.sentence, error.raw
        except Unknown as error:
            words, raw = "The answer was lost.", error.raw
        raise SessionRefused(f"A code works once and not for long: authorise the session again. {words}", raw=raw)

    def open(self, config: SessionConfig, tokens: TokenStore, pace: Pace) -> TaobaoProvider:
        """The marketplace as this session sees it. Raises BadInput naming a setting that is wrong."""
        return TaobaoProvider(self._gateway(config, pace), tokens)

    def _gateway(self, config: SessionConfig, pace: Pace | None = None) -> Gateway:
        return Gateway(config, tr.Options.of(config), self._clock, pace)
