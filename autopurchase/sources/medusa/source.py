"""A Medusa shop as a source: sweep, fresh read, mark, shipment, check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from autopurchase.domain.errors import BadInput, NotSupported, Refused, SessionRefused
from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.ports import SourceCheck
from autopurchase.sources import shipments, sweep
from autopurchase.sources.medusa import shipment
from autopurchase.sources.medusa.client import Client
from autopurchase.sources.medusa.manifest import MANIFEST, Settings, settings
from autopurchase.sources.medusa.translate import FIELDS, OPEN, Node, Reader, has_money, is_wanted, open_quantity
from autopurchase.sources.shop_http import NotThere

_LARGEST_PAGE = 500  # the shop takes more, but such an answer takes seconds
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


class MedusaSource:
    """One shop, by one secret key."""

    manifest = MANIFEST

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(settings)
        self._reader = Reader(settings.names, settings.prefix)

    def check(self) -> SourceCheck:
        """Whether the key works and may change orders; ``open_paid`` counts open orders with money on them."""
        identity = f"Secret key at {self._settings.base_url}"
        try:
            store = self._client.read("/stores", "stores", {"fields": "name,*supported_currencies"})[0]
        except Refused as error:
            return SourceCheck(False, identity, (error.sentence,))
        counts, problems = self._check_reading()
        problems += self._check_writing() + self._check_location()
        currencies = [each["currency_code"].upper() for each in store["supported_currencies"]]
        details = {
            "store": str(store["name"]),
            "currency": ", ".join(sorted(currencies)),
            "lines_without_link": str(counts["without link"] if counts else 0),
        }
        paid = None if counts is None else counts["paid"]
        return SourceCheck(not problems, identity, tuple(problems), paid, details)

    def open_paid(self, page_size: int = 50) -> Iterator[ShopOrder | Reject]:
        """Every order that is paid, or has a payment under way, and not all packed; oldest first."""
        for node in self._wanted(max(1, min(page_size, _LARGEST_PAGE))):
            yield from self._read(node)

    def get(self, external_id: str) -> ShopOrder | None:
        """One fresh order; lines that cannot be taken are left out."""
        node = self._order(external_id)
        return self._reader.order(node)[0] if node else None

    def mark(self, external_id: str, status: str, reference: str) -> bool:
        """Write status and reference into the order's metadata; True when they were different."""
        wanted = self._mark_fields(status, reference)
        have = self._existing(external_id).get("metadata") or {}
        if all(str(have.get(name) or "") == value for name, value in wanted.items()):
            return False
        self._client.write(f"/orders/{external_id}", {"metadata": wanted})  # the shop keeps the rest
        return True

    def report_shipment(self, external_id: str, lines: Sequence[tuple[str, int]], carrier: str, number: str) -> str:
        """Fulfil lines and say that they were sent; answers ``done``, ``already`` or ``refused: …``.

        The same lines with the same tracking number are one shipment, however often they are reported; one that was
        packed but not sent is continued there.
        """
        asked = shipments.quantities(lines)
        node = self._existing(external_id)
        known = shipment.find(node, asked, number)
        if known and shipment.sent(known):
            return "already"
        if not known:
            still_open = {str(item["id"]): open_quantity(item) for item in node["items"]}
            if reason := shipments.refusal(asked, still_open) or shipment.hidden(node, asked):
                return f"refused: {reason}"
        try:
            self._ship(external_id, known or self._fulfil(external_id, asked, carrier, number), asked, number)
        except (SessionRefused, BadInput):
            raise
        except Refused as error:
            return f"refused: {error.sentence}"
        return "done"

    def _fulfil(self, external_id: str, asked: Mapping[str, int], carrier: str, number: str) -> Node:
        body = shipment.fulfilment(self._settings, asked, carrier, number)
        self._client.write(f"/orders/{external_id}/fulfillments", body)
        made = shipment.find(self._existing(external_id), asked, number)
        if made is None:
            raise Refused("The shop took the fulfilment and does not show it: look at the order in the shop.")
        return made

    def _ship(self, external_id: str, fulfilment: Node, asked: Mapping[str, int], number: str) -> None:
        body = shipment.shipment(self._settings, asked, number)
        self._client.write(f"/orders/{external_id}/fulfillments/{fulfilment['id']}/shipments", body)

    # --- checking ---

    def _check_reading(self) -> tuple[Counter[str] | None, list[str]]:
        counts: Counter[str] = Counter()
        try:
            for node in self._wanted(_LARGEST_PAGE):
                counts["paid"] += has_money(node)
                counts["without link"] += self._without_link(node)
        except Refused as error:
            return None, [error.sentence]
        return counts, []

    def _without_link(self, node: Node) -> int:
        order, rejects = self._reader.order(node)
        return len(rejects) + sum(bool(line.unclear) for line in order.lines)

    def _check_writing(self) -> list[str]:
        """Changes nothing: there is no such order, and the right is asked first."""
        try:
            self._client.probe("/orders/order_0", "order", {"metadata": {}})
        except NotThere:
            return []
        except Refused as error:
            return [error.sentence]
        return []

    def _check_location(self) -> list[str]:
        if not self._settings.location_id:
            return []
        try:
            self._client.read(f"/stock-locations/{self._settings.location_id}", "stock_location", {"fields": "id"})
        except NotThere:
            return [f"The shop has no stock location {self._settings.location_id}: correct location_id."]
        except Refused as error:
            return [error.sentence]
        return []

    # --- reading ---

    def _wanted(self, take: int) -> Iterator[Node]:
        """Wanted orders, oldest first. The shop ignores filters for payments, so it gives all that is not finished."""
        for page in sweep.by_cursor(lambda after: self._page(take, after)):
            yield from filter(is_wanted, page)

    def _page(self, take: int, after: str) -> tuple[list[Node], str]:
        """The orders after an id, and the last one's where there may be more: ids rise with time."""
        query = {"status[]": OPEN, "order": "id", "limit": str(take), "fields": FIELDS}
        if after:
            query["id[$gt]"] = after
        if self._settings.days:
            since = datetime.now(UTC) - timedelta(days=self._settings.days)
            query["created_at[$gte]"] = since.isoformat(timespec="seconds").replace("+00:00", "Z")
        rows = list(self._client.read("/orders", "orders", query))
        return rows, str(rows[-1]["id"]) if len(rows) == take else ""

    def _read(self, node: Node) -> Iterator[ShopOrder | Reject]:
        order, rejects = self._reader.order(node)
        yield from rejects
        if order.lines:
            yield order

    def _order(self, external_id: str) -> Node | None:
        if not _ID.fullmatch(external_id):
            return None
        try:
            node: Node = self._client.read(f"/orders/{external_id}", "order", {"fields": FIELDS})
        except NotThere:
            return None
        return node

    def _existing(self, external_id: str) -> Node:
        node = self._order(external_id)
        if node is None:
            raise NotThere(f"The shop has no order {external_id}.")
        return node

    def _mark_fields(self, status: str, reference: str) -> dict[str, str]:
        names = self._settings.names
        given = {"order_status_field": status, "order_reference_field": reference}
        wanted = {names[setting]: value for setting, value in given.items() if setting in names}
        if not wanted:
            raise NotSupported("The settings name no entry of an order's metadata for our status and reference.")
        return wanted


class MedusaKind:
    """Opens Medusa sources."""

    manifest = MANIFEST

    def open(self, config: Mapping[str, Any]) -> MedusaSource:
        """The shop of ``config``; raises BadInput naming the missing or wrong field."""
        return MedusaSource(settings(config))


KIND = MedusaKind()
