"""A Vendure shop as a source: sweep, fresh read, mark, shipment, check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from autopurchase.domain.errors import BadInput, NotSupported, Refused, SessionRefused
from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.ports import SourceCheck
from autopurchase.sources import sweep
from autopurchase.sources.vendure import queries, shipment
from autopurchase.sources.vendure.client import Client, MissingFields, NotThere, missing_field
from autopurchase.sources.vendure.manifest import MANIFEST, Settings, settings
from autopurchase.sources.vendure.translate import Node, Reader

_LARGEST_PAGE = 1000  # the shop refuses more


class VendureSource:
    """One shop, by one API key."""

    manifest = MANIFEST

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(settings)
        self._reader = Reader(settings.digits, settings.names)

    def check(self) -> SourceCheck:
        """Whether the key works, has its rights, and the shop has the fields; ``open_paid`` counts paid open orders."""
        identity = f"API key {self._settings.key_id} at {self._settings.base_url}"
        try:
            channel = self._client.read(queries.CHANNEL)["activeChannel"]
        except Refused as error:
            return SourceCheck(False, identity, (error.sentence,))
        paid, problems = self._check_reading()
        problems += self._check_writing()
        details = {"channel": str(channel["code"]), "currency": str(channel["currencyCode"])}
        return SourceCheck(not problems, identity, tuple(problems), paid, details)

    def open_paid(self, page_size: int = 50) -> Iterator[ShopOrder | Reject]:
        """Every order that is paid, or authorised and awaiting its payment, and not finished; oldest first."""
        take = max(1, min(page_size, _LARGEST_PAGE))
        for page in sweep.by_time(self._page, _placed, take, _LARGEST_PAGE):
            for node in page:
                yield from self._read(node)

    def get(self, external_id: str) -> ShopOrder | None:
        """One fresh order; lines that cannot be taken are left out."""
        node = self._order(external_id)
        return self._reader.order(node)[0] if node else None

    def mark(self, external_id: str, status: str, reference: str) -> bool:
        """Write status and reference into the order's custom fields; True when they were different."""
        wanted = self._mark_fields(status, reference)
        node = self._existing(external_id)
        have = node.get("customFields") or {}
        if all((have.get(name) or "") == value for name, value in wanted.items()):
            return False
        self._client.write(queries.MARK, {"input": {"id": external_id, "customFields": wanted}})
        return True

    def report_shipment(self, external_id: str, lines: Sequence[tuple[str, int]], carrier: str, number: str) -> str:
        """Fulfil lines with tracking and move that to Shipped; answers ``done``, ``already`` or ``refused: …``.

        The same lines with the same tracking number are one shipment, however often they are reported; one that was
        added but not moved to Shipped is continued there.
        """
        asked = shipment.quantities(lines)
        node = self._existing(external_id)
        known = shipment.find(node, asked, number)
        if known and known["state"] not in shipment.BEFORE_SHIPPED:
            return "already"
        if not known:
            if reason := shipment.refusal(node, asked):
                return f"refused: {reason}"
            added = shipment.request(self._settings.handler, asked, carrier, number)
            known = self._client.write(queries.FULFIL, {"input": added})["addFulfillmentToOrder"]
        if "errorCode" not in known:
            known = self._client.write(queries.SHIP, {"id": known["id"]})["transitionFulfillmentToState"]
        return shipment.answer(known)

    # --- checking ---

    def _check_reading(self) -> tuple[int | None, list[str]]:
        options = queries.options(queries.SETTLED_STATES, take=1)
        try:
            paid = int(self._client.read(queries.COUNT, options)["orders"]["totalItems"])
        except SessionRefused:
            return None, ["The API key's role lacks the right ReadOrder: add it to the role in the shop."]
        except Refused as error:
            return None, [error.sentence]
        try:
            self._client.read(queries.order_list(self._settings.names), options)
        except MissingFields as error:
            return paid, [missing_field(*each) for each in error.fields]
        except Refused as error:
            return paid, [error.sentence]
        return paid, []

    def _check_writing(self) -> list[str]:
        try:
            self._client.read(queries.MAY_UPDATE)
        except SessionRefused:
            return ["The API key's role lacks the right UpdateOrder: add it to the role in the shop."]
        except NotThere:
            return []
        except Refused as error:
            return [error.sentence]
        return []

    # --- reading ---

    def _page(self, after: datetime | None, skip: int, take: int) -> list[Node]:
        variables = queries.options(queries.OPEN_STATES, take, skip, _text(after) if after else "")
        return list(self._client.read(queries.order_list(self._settings.names), variables)["orders"]["items"])

    def _read(self, node: Node) -> Iterator[ShopOrder | Reject]:
        try:
            order, rejects = self._reader.order(node)
        except BadInput as error:
            yield Reject(f"order {node['code']}", error.sentence, {"order": str(node["code"])})
            return
        yield from rejects
        if order.lines:
            yield order

    def _order(self, external_id: str) -> Node | None:
        query = queries.one_order(self._settings.names)
        node: Node | None = self._client.read(query, {"id": external_id})["order"]
        return node

    def _existing(self, external_id: str) -> Node:
        node = self._order(external_id)
        if node is None:
            raise NotThere(f"The shop has no order {external_id}.", cause="not_payable")
        return node

    def _mark_fields(self, status: str, reference: str) -> dict[str, str]:
        names = self._settings.names
        given = {"order_status_field": status, "order_reference_field": reference}
        wanted = {names[setting]: value for setting, value in given.items() if setting in names}
        if not wanted:
            raise NotSupported("The settings name no custom field of Order for our status and reference.")
        return wanted


def _placed(node: Node) -> datetime:
    return datetime.fromisoformat(str(node["orderPlacedAt"]))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class VendureKind:
    """Opens Vendure sources."""

    manifest = MANIFEST

    def open(self, config: Mapping[str, Any]) -> VendureSource:
        """The shop of ``config``; raises BadInput naming the missing or wrong field."""
        return VendureSource(settings(config))


KIND = VendureKind()
