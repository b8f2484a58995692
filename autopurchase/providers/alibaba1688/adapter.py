"""1688 as one session sees it: the order of calls behind each ability."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from autopurchase.domain.causes import cause as cause_of
from autopurchase.domain.errors import AutopurchaseError, NotSent, Refused, SessionRefused
from autopurchase.domain.provider_order import ProviderOrder
from autopurchase.domain.purchase import (
    Account,
    Cancelled,
    OrderIds,
    PayLink,
    Placed,
    PlacedOrder,
    Preview,
    Purchase,
    PurchaseLine,
)
from autopurchase.domain.session import Tokens
from autopurchase.ports import Clock, Manifest, TokenStore
from autopurchase.providers.alibaba1688.client import Gateway, Parse
from autopurchase.providers.alibaba1688.listing import Listing, whole_list
from autopurchase.providers.alibaba1688.manifest import MANIFEST
from autopurchase.providers.alibaba1688.offers import Offers
from autopurchase.providers.alibaba1688.options import Options
from autopurchase.providers.alibaba1688.translate import answers, asking, lookup, orders, placing, previewing
from autopurchase.providers.lenient import as_dict, as_list, as_text
from autopurchase.providers.tokens import Authorised

T = TypeVar("T")

log = logging.getLogger(__name__)

LONGEST_WINDOW = 1000  # orders of one listing; more are read in halves of the window
SHORTEST_WINDOW = timedelta(minutes=10)
CLOCKS_DIFFER = timedelta(hours=1)
MOST_LOOKUPS = 20  # items of one preview
_UNDATED = datetime.min.replace(tzinfo=UTC)


class Alibaba1688:
    """One purchasing account at 1688. See `ports.Provider` for what each method means and raises."""

    manifest: Manifest = MANIFEST

    def __init__(self, gateway: Gateway, options: Options, tokens: TokenStore, clock: Clock) -> None:
        self._gateway = gateway
        self._options = options
        self._rules = options.rules
        self._clock = clock
        self._authorised = Authorised(tokens, self._refresh, clock)
        off = options.item_lookup == "off"
        self._known = Offers(gateway.base_url, gateway.app_key, self._offer, clock, off=off)

    # --- reading ---

    def check(self) -> Account:
        """The gateway's clock (key, secret, network), then who the token belongs to."""
        server, now = self._gateway.server_time(), self._clock.now()
        return self._read(
            "account",
            {},
            lambda document, raw: answers.account(document, raw, self._rules, self._options.member_id, now, server),
        )

    def preview(self, purchase: Purchase) -> Preview:
        """One preview call; again without the set flow where that one needs a consignment relation."""
        found = self._preview(purchase, self._options.flow)
        if found is None:
            found = self._preview(purchase, "")
        if found is None:
            raise Refused("The marketplace wants another flow and names none.", cause="permission_missing")
        return lookup.explained(found, purchase, self._offers(purchase, found))

    def _preview(self, purchase: Purchase, flow: str) -> Preview | None:
        """None when another flow may be tried."""

        def parse(document: dict[str, Any], raw: str) -> Preview | None:
            if flow and previewing.wants_other_flow(document):
                return None
            return previewing.read(document, raw, purchase, self._options)

        return self._read("preview", asking.preview(purchase, self._options, flow), parse)

    def order_ids(self, lines: Sequence[PurchaseLine]) -> dict[str, OrderIds]:
        """Orders show the ids of the offers' own pages."""
        return {line.number: OrderIds(line.item_id, line.sku_id, line.spec_id) for line in lines}

    def get(self, provider_order_id: str) -> ProviderOrder:
        """The detail, and the parcels of an order that was sent."""
        info, raw = self._detail(provider_order_id)
        found = self._order(info, raw, complete=True)
        if not orders.shipped_somehow(found):
            return found
        sent = self._read("logistics", asking.detail(provider_order_id), partial(answers.shipments, rules=self._rules))
        return orders.provider_order(info, self._options.take_in, complete=True, shipments=sent, raw=raw)

    def find_by_reference(self, reference: str, sent_at: datetime, purchase: Purchase) -> list[ProviderOrder]:
        """Orders whose detail shows our reference.

        The list is asked with the reference, then by creation time alone, as that filter may be ignored or fail. Raises
        NotSent when the list cannot be read as a whole: nothing found would then prove nothing.
        """
        since = sent_at - CLOCKS_DIFFER
        seen = self._details(_candidates(self._filtered(since, reference), purchase), {})
        if not _carrying(reference, seen):
            listing = self._listing(asking.created_in(since))
            if not listing.whole:
                raise NotSent("The marketplace's order list cannot be read as a whole: it will be tried again.")
            seen = self._details(_candidates(listing, purchase), seen)
        return _carrying(reference, seen)

    def _filtered(self, since: datetime, reference: str) -> Listing:
        """The list by our reference; empty when the marketplace refuses that filter."""
        try:
            return self._listing(asking.created_in(since, reference))
        except SessionRefused:
            raise
        except Refused:
            return Listing((), whole=False)

    def _details(self, numbers: Sequence[str], known: Mapping[str, ProviderOrder]) -> dict[str, ProviderOrder]:
        """``known`` and the orders of ``numbers`` read in full, each once."""
        new = {number: self._order(*self._detail(number), complete=True) for number in numbers if number not in known}
        return {**known, **new}

    def changed_since(self, since: datetime, until: datetime) -> Iterator[Sequence[ProviderOrder]]:
        """Pages of list readings (no reference, no closer: ``complete`` is False), oldest change first."""
        windows = [(since, until)]
        while windows:
            start, end = windows.pop()
            filters = asking.modified_in(start, end)
            first = self._page(filters, 1)
            if (first.total or 0) > LONGEST_WINDOW and end - start > SHORTEST_WINDOW:
                middle = start + (end - start) / 2
                windows += [(middle, end), (start, middle)]
                continue
            listing = whole_list(partial(self._page, filters), first)
            if not listing.whole:
                log.warning("alibaba1688 list: fewer orders than counted, %s to %s", start, end)
            yield from self._chunks(listing)

    def _chunks(self, listing: Listing) -> Iterator[Sequence[ProviderOrder]]:
        secrets = self._gateway.secrets(*self._authorised.secrets())
        found = [self._order(entry, secrets.redacted(entry), complete=False) for entry in listing.entries]
        found.sort(key=lambda order: order.modified_at or _UNDATED)
        size = self._options.page_size
        for at in range(0, len(found), size):
            yield found[at : at + size]

    # --- writing ---

    def create(self, purchase: Purchase, reference: str) -> Placed:
        """One POST under our reference. Of several orders the lines are read from their details afterwards."""
        params = asking.create(purchase, reference, self._options)
        placed = self._authorised.run(
            lambda token: self._gateway.write(
                self._options.create_api,
                params,
                token,
                lambda document, raw: placing.read(document, raw, purchase, self._options),
            )
        )
        return replace(placed, orders=tuple(self._with_lines(order, purchase) for order in placed.orders))

    def _with_lines(self, order: PlacedOrder, purchase: Purchase) -> PlacedOrder:
        """The order with its lines; as it is when its detail cannot be read now, since it exists anyway."""
        if order.lines:
            return order
        try:
            seen = self._order(*self._detail(order.provider_order_id), complete=True)
        except AutopurchaseError:
            return order
        return placing.with_lines(order, seen, purchase)

    def cancel(self, provider_order_id: str, reason: str) -> Cancelled:
        """Cancels an unpaid order at once."""
        params = asking.cancel(provider_order_id, reason)
        return self._authorised.run(
            lambda token: self._gateway.write(
                "cancel",
                params,
                token,
                lambda document, raw: answers.cancelled(document, raw, self._rules, provider_order_id),
            )
        )

    def pay_links(self, provider_order_ids: Sequence[str]) -> list[PayLink]:
        """Cashier pages for batches; invited orders, which cannot be combined, singly."""
        size = self._options.pay_batch
        batches = [provider_order_ids[at : at + size] for at in range(0, len(provider_order_ids), size)]
        return [link for batch in batches for link in self._pay(batch)]

    def _pay(self, batch: Sequence[str]) -> list[PayLink]:
        link = self._pay_link(batch)
        return [link] if link is not None else [self._pay_singly(number) for number in batch]

    def _pay_singly(self, number: str) -> PayLink:
        try:
            return self._pay_link([number]) or PayLink("", (), (number,))
        except SessionRefused:
            raise
        except Refused:
            return PayLink("", (), (number,))

    def _pay_link(self, batch: Sequence[str]) -> PayLink | None:
        """None when these orders must be paid singly."""
        own = "" if self._gateway.is_own else self._gateway.base_url

        def parse(document: dict[str, Any], raw: str) -> PayLink | None:
            if len(batch) > 1 and answers.must_be_paid_singly(document):
                return None
            return answers.pay_link(document, raw, self._rules, batch, own)

        return self._read("pay", asking.payment(batch), parse)

    # --- items ---

    def _offers(self, purchase: Purchase, preview: Preview) -> dict[str, lookup.Offer]:
        """Offers of the lines: read now where one was refused or the setting says so, else as of the last day."""
        refused = {line.number for line in preview.lines if line.cause and cause_of(line.cause).holds}
        at_fault = {line.item_id for line in purchase.lines if line.number in refused}
        wanted = dict.fromkeys(line.item_id for line in purchase.lines)
        found = {}
        for item in sorted(wanted, key=lambda item: item not in at_fault)[:MOST_LOOKUPS]:
            fresh = self._options.item_lookup == "always" or item in at_fault
            found[item] = self._known.now(item) if fresh else self._known.words(item)
        return {item: offer for item, offer in found.items() if offer is not None}

    def _offer(self, item_id: str) -> lookup.Offer:
        return self._read("item", asking.item(item_id), partial(lookup.read, rules=self._rules))

    # --- calls ---

    def _detail(self, provider_order_id: str) -> tuple[dict[str, Any], str]:
        def parse(document: dict[str, Any], raw: str) -> tuple[dict[str, Any], str]:
            return answers.order_detail(document, raw, self._rules), raw

        return self._read("detail", asking.detail(provider_order_id), parse)

    def _order(self, info: Mapping[str, Any], raw: str, complete: bool) -> ProviderOrder:
        return orders.provider_order(info, self._options.take_in, complete=complete, raw=raw)

    def _listing(self, filters: Mapping[str, str]) -> Listing:
        return whole_list(partial(self._page, filters), self._page(filters, 1))

    def _page(self, filters: Mapping[str, str], number: int) -> answers.Page:
        params = asking.page(filters, number, self._options.page_size)
        return self._read("list", params, partial(answers.order_page, rules=self._rules))

    def _read(self, api: str, params: Mapping[str, str], parse: Parse[T]) -> T:
        return self._authorised.run(lambda token: self._gateway.read(api, params, token, parse))

    def _refresh(self, stale: Tokens) -> Tokens:
        if not stale.refresh_token:
            raise SessionRefused()
        return self._gateway.refresh(
            stale.refresh_token,
            lambda document, raw: answers.tokens(document, raw, self._clock.now(), stale),
        )


def _candidates(listing: Listing, purchase: Purchase) -> list[str]:
    """Numbers of listed orders that may hold the purchase: all but those that show only other items."""
    wanted = {line.item_id for line in purchase.lines}
    echoed = all(item.isdigit() for item in wanted)  # encrypted ids are not
    return [
        orders.order_id(as_dict(entry.get("baseInfo")))
        for entry in listing.entries
        if not echoed or _items(entry) & wanted or not _items(entry)
    ]


def _carrying(reference: str, seen: Mapping[str, ProviderOrder]) -> list[ProviderOrder]:
    return [order for order in seen.values() if order.reference == reference]


def _items(entry: Mapping[str, Any]) -> set[str]:
    return {as_text(item.get("productID")) for item in as_list(entry.get("productItems"))} - {""}
